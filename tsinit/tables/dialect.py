"""How a text is written: its separator, the lines before its names, its names, a row of units."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from tsinit.tables.lines import Lines, cut
from tsinit.tables.numbers import MISSING, is_number

#: In this order where two fit: a comma may be a decimal one.
_SEPARATORS = ("\t", ";", "|", ",")
_SAMPLE = 65_536
_COMMENT = re.compile(r'\s*"?(#|%|//)')
#: What begins with a date or a time of day is no name.
_TIME = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:\d{2}.*)?([ ]?[AaPp][Mm])?|"
    r"\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}.*"
)


class Dialect(NamedTuple):
    """Where the parts of a text are."""

    separator: str
    names: list[str]  # of all fields
    first: int  # line of the first row
    rows: np.ndarray  # (n,) lines that are rows
    lines: Lines
    notes: list[str]


def find_dialect(text: str, path: object) -> Dialect:
    """Find separator, names and rows of a text.

    Raises
    ------
    ValueError
        It is empty, has no row, or a line has more values than names.
    """
    if not text.strip():
        raise ValueError(f"'{path}' must hold a table; got an empty file.")
    if text.count('"') % 2:
        raise ValueError(
            f"'{path}' must have quotes that are closed; got lines that cannot be separated."
        )
    separator = _separator(text)
    lines = cut(text.encode(), separator)
    notes: list[str] = []
    head, usual = _head(lines, notes)
    names, first = _names(lines, head, usual, separator, notes)
    first = _after_units(lines, first, separator, names, notes)
    rows = np.arange(first, len(lines.starts))
    if (
        len(names) > 1
    ):  # an empty line is a gap where there is but one column; elsewhere it is nothing
        single = rows[lines.counts[rows] == 1]
        rows = np.setdiff1d(rows, [i for i in single if lines.is_blank(i)], assume_unique=True)
    if not len(rows):
        raise ValueError(
            f"'{path}' must hold names in the first line and at least one row below; got no rows."
        )
    _check_widths(lines, rows, names, separator, path, notes)
    return Dialect(separator, names, first, rows, lines, notes)


def _separator(text: str) -> str:
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, found = 0.0, ","
    for separator in _SEPARATORS:
        lines = cut(sample.encode(), separator)
        counts = [
            int(lines.counts[i])
            for i in range(min(200, len(lines.starts)))
            if not lines.is_blank(i) and not _COMMENT.match(lines.text(i))
        ]
        several = Counter(count for count in counts if count > 1).most_common(1)
        share = several[0][1] / len(counts) if several else 0.0
        if share > best:
            best, found = share, separator
    if best == 0.0:
        _refuse_blanks(sample)
    return found


def _refuse_blanks(text: str) -> None:
    """Columns with blanks between cannot be told from words with blanks within."""
    lines = [
        line.split() for line in text.splitlines()[:20] if line.strip() and not _COMMENT.match(line)
    ]
    # A date with its time is two words below one name, and a number of the row has none.
    even = len(lines) > 1 and len(lines[0]) > 1 and len({len(line) for line in lines[1:]}) == 1
    if even and sum(is_number(part) for part in lines[1]) >= 2:
        raise ValueError(
            "The file must have commas, semicolons, tabs or | between its columns; got blanks. "
            "Write one of them instead."
        )


def _head(lines: Lines, notes: list[str]) -> tuple[int, int]:
    """Line of the names, and how many fields rows usually have."""
    counts = Counter(lines.counts[:10_000].tolist())
    usual = max(counts, key=lambda count: (counts[count], count))
    n, head = len(lines.starts), 0
    while head < n and (lines.is_blank(head) or _COMMENT.match(lines.text(head))):
        head += 1
    # Words above a table have no separators, or others.
    at = head
    while usual > 2 and at < n and lines.counts[at] < usual - 1:
        at += 1
    if at < n and at - head <= 50:
        head = at
    said = [i for i in range(head) if not lines.is_blank(i)]
    if said:
        last = f" to {lines.numbers[said[-1]]}" if len(said) > 1 else ""
        text = lines.text(said[0]).strip()
        notes.append(
            f"Line{'s' if last else ''} {lines.numbers[said[0]]}{last} stand{'' if last else 's'} above the table and "
            f"{'are' if last else 'is'} left out: {text[:40]}{'...' if len(text) > 40 or last else ''}"
        )
    return head, usual


def _names(
    lines: Lines, head: int, usual: int, separator: str, notes: list[str]
) -> tuple[list[str], int]:
    """Names of all fields, and the line of the first row."""
    if head >= len(lines.starts):
        return [], head
    given = lines.fields(head, separator)
    if _are_values(given):
        above = head - 1
        while above >= 0 and lines.is_blank(above):
            above -= 1
        names = (
            [part.lstrip('#%/" ').strip() for part in lines.fields(above, separator)]
            if above >= 0
            else []
        )
        if len(names) == len(given) > 1 and not _are_values(names):
            notes.append(f"Names are those of line {lines.numbers[above]}: {', '.join(names)}.")
            return _distinct(names, notes), head
        if sum(_TIME.fullmatch(field) is not None for field in given) > 2:
            raise ValueError(
                "The file must have one row for each time; got times in its first line. Transpose it: in Python, "
                "pandas.read_csv(path, index_col=0).T."
            )
        called = (
            f"columns are called column_1 to column_{len(given)}"
            if len(given) > 1
            else "the column is column_1"
        )
        notes.append(f"Line {lines.numbers[head]} holds values and no names: {called}.")
        return [f"column_{i + 1}" for i in range(len(given))], head
    if len(given) > 1 and all(re.fullmatch(r"\d+", name) for name in given):
        notes.append(
            f"Line {lines.numbers[head]} counts up and is taken for names: {', '.join(given[:3])} ..."
        )
    lacking = usual - len(given)
    if lacking > 0:
        below = range(head + 1, min(head + 101, len(lines.starts)))
        ends = [lines.fields(i, separator)[-lacking:] for i in below if lines.counts[i] == usual]
        # A separator more at the end of every line means nothing; else lines begin with the names of rows.
        given = given + [""] * lacking if not any(map(any, ends)) else [""] * lacking + given
    return _distinct(given, notes), head + 1


def _are_values(fields: list[str]) -> bool:
    """Whether a line holds numbers and times, which no names are."""
    filled = [field for field in fields if field not in MISSING]
    if not filled or not all(is_number(field) or _TIME.fullmatch(field) for field in filled):
        return False
    if len(filled) > 1 and all(re.fullmatch(r"\d+", field) for field in filled):
        numbers = [int(field) for field in filled]
        return numbers != list(range(numbers[0], numbers[0] + len(numbers)))
    return True


def _distinct(given: list[str], notes: list[str]) -> list[str]:
    names: list[str] = []
    for j, name in enumerate(given):
        name, again, k = name or f"Unnamed: {j}", name, 1
        while name in names:
            name, k = f"{again}.{k}", k + 1
        if again and name != again:
            notes.append(f"The name {again!r} comes twice: column {j + 1} is called {name!r}.")
        names.append(name)
    return names


def _after_units(
    lines: Lines, first: int, separator: str, names: list[str], notes: list[str]
) -> int:
    """Pass over a row of words above numbers, as units are."""
    if first + 1 >= len(lines.starts) or len(names) < 2:
        return first
    units = lines.fields(first, separator)
    words = [j for j, unit in enumerate(units) if unit not in MISSING]
    if not words or any(is_number(units[j]) or _TIME.fullmatch(units[j]) for j in words):
        return first
    below = [
        lines.fields(i, separator) for i in range(first + 1, min(first + 51, len(lines.starts)))
    ]
    numeric = []
    for j in words:
        cells = [row[j] for row in below if j < len(row) and row[j] not in MISSING]
        times = sum(bool(is_number(cell) or _TIME.fullmatch(cell)) for cell in cells)
        if cells and times < 0.5 * len(cells):
            return first  # a column of words, to which this one belongs
        numeric.append(bool(cells))
    # One word alone may stand for a missing value.
    if not any(numeric) or (len(words) < 2 and len(names) > 2):
        return first
    notes.append(
        f"Line {lines.numbers[first]} holds units and is left out: {', '.join(units[j] for j in words)}."
    )
    return first + 1


def _check_widths(
    lines: Lines, rows: np.ndarray, names: list[str], separator: str, path: object, notes: list[str]
) -> None:
    counts = lines.counts[rows]
    for row in rows[counts > len(names)]:
        fields = lines.fields(int(row), separator)
        if any(fields[len(names) :]):
            raise ValueError(
                f"'{path}' must have the same number of values in every line; got {len(fields)} in line "
                f"{lines.numbers[row]} and {len(names)} names. Is a text with {separator!r} without quotes there?"
            )
        names += [f"Unnamed: {j}" for j in range(len(names), len(fields))]
    shorter = rows[counts < min(len(names), int(np.median(counts)))]
    if len(shorter):
        one = f"Line {lines.numbers[shorter[0]]} has"
        several = f"{len(shorter)} lines, the first of them {lines.numbers[shorter[0]]}, have"
        notes.append(
            f"{one if len(shorter) == 1 else several} fewer values than the others: what lacks is taken as missing."
        )
