"""What the columns beside the clock are: numbers, words, nothing, one value only."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate.kinds import are_classes
from tsinit.tables.clocks import part_of
from tsinit.tables.missing import in_list
from tsinit.tables.numbers import Numbers, read_numbers

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray
    from tsinit.tables.missing import Missing
    from tsinit.tables.raw import Raw
    from tsinit.tables.times import FileClock

_SHOWN = 3  # words that a message lists


class Column(NamedTuple):
    """A column of a file, as it was understood."""

    name: str
    #: "numbers", "words", "classes" (words that repeat, where they are wanted), "empty", "one value", or "clock" for
    #: what only repeats it
    kind: str
    values: FloatArray  # (n,) NaN where there is no number
    limits: (
        FloatArray | None
    )  # (n,) of cells beyond a limit of detection; None where there are none
    above: BoolArray  # (n,) whether such a cell is above its limit
    odd: BoolArray | None  # (n,) cells that are neither numbers nor missing
    suffix: str
    decimal: str
    levels: tuple[str, ...] = ()  # of words that repeat, sorted
    codes: FloatArray | None = None  # (n,) their places among them, NaN where missing

    @property
    def n_limits(self) -> int:
        """Cells beyond a limit of detection."""
        return 0 if self.limits is None else int(np.isfinite(self.limits).sum())


def read_columns(raw: Raw, names: Sequence[str], missing: Missing) -> list[Column]:
    """Read columns as numbers, where they are.

    Parameters
    ----------
    raw : Raw
    names : sequence of str
    missing : Missing

    Returns
    -------
    list of Column
    """
    return [_column(raw, raw.frame[name], missing) for name in names]


def _column(raw: Raw, column: pd.Series, missing: Missing) -> Column:
    name = str(column.name)
    blank = missing.mask(column)
    none = np.zeros(len(column), bool)
    words = Column(name, "words", np.full(len(column), np.nan), None, none, None, "", raw.decimal)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float, na_value=np.nan).copy()
        values[blank] = np.nan
        return Column(name, _kind(values, None), values, None, none, None, "", raw.decimal)
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return words
    text = column.astype(object).where(~blank)
    if not text.notna().any():
        return words._replace(kind="empty")
    numbers = _numbers(text, raw.decimal)
    n, odd = (
        int(np.isfinite(numbers.values).sum() + np.isfinite(numbers.limits).sum()),
        int(numbers.odd.sum()),
    )
    few = (
        odd
        and pd.unique(text[numbers.odd]).size <= 2
        and n >= 5
        and np.unique(numbers.values).size > 3
    )
    if n < max(1, odd) and not few:
        return _repeated(words, text)
    values = numbers.values.copy()
    values[missing.mask(pd.Series(values, name=name))] = np.nan
    return Column(
        name, _kind(values, numbers), values, numbers.limits if np.isfinite(numbers.limits).any() else None,
        numbers.above, numbers.odd if odd else None, numbers.suffix, numbers.decimal,
    )  # fmt: skip


def _repeated(words: Column, text: pd.Series) -> Column:
    """Add the classes that few words are."""
    there = text.dropna().map(lambda cell: str(cell).strip())
    levels = tuple(sorted(set(there)))
    if not are_classes(set(levels), len(there)):
        return words
    place = {level: float(k) for k, level in enumerate(levels)}
    codes = there.map(place).reindex(text.index).to_numpy(dtype=float)
    return words._replace(levels=levels, codes=codes)


def as_classes(column: Column, asked: bool, notes: list[str]) -> Column:
    """Take words that repeat for classes where some are missing, or where the user asks for the column."""
    codes = column.codes
    if codes is None or not (asked or np.isnan(codes).any()):
        return column
    notes.append(
        f"Column {column.name!r} holds classes, {len(column.levels)} words that repeat; --exclude leaves it alone."
    )
    return column._replace(kind="classes", values=codes)


def _numbers(text: pd.Series, decimal: str) -> Numbers:
    """Read with the decimal sign of the file, or with the other where that is better."""
    numbers = read_numbers(text, decimal)
    if not numbers.odd.any():
        return numbers
    other = read_numbers(text, "." if decimal == "," else ",")
    return other if other.odd.sum() < 0.5 * numbers.odd.sum() else numbers


def _kind(values: FloatArray, numbers: Numbers | None) -> str:
    seen = values[~np.isnan(values)]
    if numbers is not None and (numbers.odd.any() or np.isfinite(numbers.limits).any()):
        return "numbers"
    if not len(seen):
        return "empty"
    return "one value" if (seen == seen[0]).all() and len(seen) > 1 else "numbers"


def refuse_odd(raw: Raw, columns: Sequence[Column]) -> None:
    """Name the cells that keep columns from being numbers.

    Raises
    ------
    ValueError
    """
    odd = [(column, column.odd) for column in columns if column.odd is not None]
    if not odd:
        return
    words: dict[str, int] = {}
    for column, cells in odd:
        for word in raw.frame[column.name].to_numpy(dtype=object)[cells]:
            words[str(word).strip()] = words.get(str(word).strip(), 0) + 1
    column, cells = odd[0]
    row = int(cells.argmax())
    first = str(raw.frame[column.name].iloc[row]).strip()
    others = [other.name for other, _ in odd[1:]]
    often = f", {words[first]} times in all" if words[first] > 1 else ""
    more_columns = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    also = f" (as in {', '.join(map(repr, others[:_SHOWN]))}{more_columns})" if others else ""
    listed = list(words)[:_SHOWN] if len(words) <= _SHOWN else [first]
    option = ",".join(map(in_list, listed))
    more = f"; {len(words) - 1} other words are no numbers either" if len(words) > _SHOWN else ""
    raise ValueError(
        f"column {column.name!r} must hold numbers{also}; got {first!r} in "
        f"{raw.place(row)}{often}{more}. If that stands "
        f"for a missing value, use --missing={shlex.quote(option)}; else correct it, or leave the column out "
        "(--exclude)."
    )


def require_numbers(raw: Raw, column: Column) -> None:
    """Require a column that was asked for to be one of numbers.

    Raises
    ------
    ValueError
    """
    if column.kind != "words":
        return
    cells = raw.frame[column.name]
    row = int(cells.notna().argmax())
    raise ValueError(
        f"column {column.name!r} must hold numbers; got {cells.iloc[row]!r} in {raw.place(row)}. "
        f"Choose the columns to use "
        "with --columns, or the one with the times with --time."
    )


def repeats_clock(column: Column, clock: FileClock | None) -> str | None:
    """Say how a column of numbers only repeats the clock: a count of rows, or a part of the date."""
    values = column.values
    if clock is None or column.kind != "numbers" or np.isnan(values).any():
        return None
    steps = np.diff(values)
    if len(values) > 2 and abs(steps[0]) == 1 and (steps == steps[0]).all():
        return f"{column.name!r} counts rows"
    part, times = part_of(column.name), clock.times
    if (
        part
        and isinstance(times, pd.DatetimeIndex)
        and part in ("year", "month", "day", "hour", "minute", "second", "doy")
    ):
        own = np.asarray(times.day_of_year if part == "doy" else getattr(times, part), dtype=float)
        if (own == values).all():
            return (
                f"{column.name!r} repeats the {'day of the year' if part == 'doy' else part} of "
                f"{' '.join(clock.columns)!r}"
            )
    return None


def choose(
    raw: Raw,
    columns: Sequence[Column],
    clock: FileClock | None,
    wanted: Sequence[str] | None,
    keep_gaps: bool,
    notes: list[str],
) -> list[Column]:
    """Choose the columns of numbers, and say what is left out.

    Parameters
    ----------
    raw : Raw
    columns : sequence of Column
    clock : FileClock or None
    wanted : sequence of str, optional
        What the user asks for, whatever it holds.
    keep_gaps : bool
        Keep columns of one value where they have gaps, which then get that value.
    notes : list of str
        What is left out is added.

    Returns
    -------
    list of Column

    Raises
    ------
    ValueError
        A column holds odd cells, or none is left.
    """
    if wanted is not None:
        for column in columns:
            require_numbers(raw, column)
        refuse_odd(raw, columns)
        return list(columns)
    refuse_odd(raw, columns)
    chosen: list[Column] = []
    words, empty, constant = [], [], []
    repeated: dict[str, str] = {}
    for column in columns:
        again = repeats_clock(column, clock)
        if column.kind == "words":
            words.append(column.name)
        elif column.kind == "empty":
            empty.append(column.name)
        elif column.kind == "one value" and not (keep_gaps and np.isnan(column.values).any()):
            value = column.values[~np.isnan(column.values)][0]
            constant.append(f"{column.name} ({value:g})")
        elif again:
            repeated[column.name] = again
        else:
            chosen.append(column)
    if not chosen:  # what counts rows is data where nothing else is
        chosen = [column for column in columns if column.name in repeated]
        repeated = {}
    notes += [f"{why} and is left out; --columns with it keeps it." for why in repeated.values()]
    for left, why in (
        (words, "they hold words"),
        (empty, "they hold nothing"),
        (constant, "they hold one value"),
    ):
        if left:
            notes.append(f"Left out, for {why}: {', '.join(left)}.")
    if not chosen:
        names = ", ".join(column.name for column in columns) or "none"
        raise ValueError(f"The file must have a column of numbers that vary; got {names}.")
    return chosen
