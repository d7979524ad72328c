"""Which cells of a CSV file are gaps to fill: its times, its sequences, its columns of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit import _csv
from tsinit._cli.csv_text import CSVText

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import FloatArray, IntArray, StrPath

#: Numbers that people write where they have none.
_SENTINELS = (-9999.0, -999.0, -200.0, -99.0, -9.0, 999.0, 9999.0, 99999.0)
_MIN_SENTINELS = 3
#: Share of missing cells of a column beyond which its values are little but a guess.
_NEARLY_EMPTY = 0.8
#: Digits of a filled cell beyond the first one of the column's standard deviation.
_DIGITS, _MAX_DECIMALS = 3, 15


class CSVGaps(NamedTuple):
    """A file, and the table of numbers that an imputer is to complete."""

    text: CSVText
    decimal: str
    frame: pd.DataFrame  # sorted by sequence and time, which its index holds
    order: IntArray  # (T,), row of the file of each row of the frame
    fields: dict[str, int]  # of each column, its field in a line of the file
    keys: list[str]  # columns that identify a row: sequence, then times
    notes: list[str]  # sentences about what was found

    @property
    def counts(self) -> pd.Series:
        """Missing cells of every column that has some."""
        counts = self.frame.isna().sum()
        return counts[counts > 0]

    def cells(self, table: pd.DataFrame, bounds: Any = None) -> dict[tuple[int, int], str]:
        """Text for the cells that are missing, out of a complete table in the form of the frame.

        Parameters
        ----------
        table : (T, D) DataFrame
        bounds : None, pair, or dict of column name to pair
            What no rounding may cross.

        Returns
        -------
        dict of (row, field) of the file to str
        """
        texts = {}
        for name in self.counts.index:
            j, field = self.frame.columns.get_loc(name), self.fields[name]
            rows = np.flatnonzero(self.frame[name].isna().to_numpy())
            limits = (bounds.get(name) if isinstance(bounds, dict) else bounds) or (None, None)
            written = self._written(name, np.asarray(table)[rows, j], *limits)
            texts.update(
                {(int(i), field): text for i, text in zip(self.order[rows], written, strict=True)}
            )
        return texts

    def _written(
        self, name: str, values: FloatArray, lower: float | None, upper: float | None
    ) -> Iterator[str]:
        """Write numbers with as many decimals as the column has, or as its spread asks for."""
        given = max(
            (len(text.partition(self.decimal)[2].strip(' "')) for text in self._observed(name)),
            default=0,
        )
        spread = self.frame[name].dropna().to_numpy().std()
        decimals = max(given, _DIGITS - int(np.floor(np.log10(spread)))) if spread > 0 else given
        for value in values.tolist():
            text = f"{value:.{decimals}f}" if decimals <= _MAX_DECIMALS else repr(value)
            if (lower is not None and float(text) < lower) or (
                upper is not None and float(text) > upper
            ):
                text = repr(value)
            yield text.replace(".", self.decimal)

    def _observed(self, name: str) -> list[str]:
        """Text of some observed cells; numbers with an exponent have no decimals to count."""
        rows = self.order[np.flatnonzero(self.frame[name].notna().to_numpy())[:1000]]
        texts = (self.text.field(i, self.fields[name]) for i in rows)
        return [text for text in texts if "e" not in text.lower()]


def read_gaps(
    path: StrPath,
    *,
    time: list[str] | None = None,
    groups: str | None = None,
    columns: list[str] | None = None,
    exclude: list[str] | None = None,
    missing: Sequence[str] = (),
) -> CSVGaps:
    """Read a file whose gaps are to be filled.

    Parameters
    ----------
    path : str or Path
    time : list of str, optional
        Columns with the times; without it, the first column of dates, the time of day beside it where dates
        repeat, or else a column of numbers that counts the rows.
    groups : str, optional
        Column with the name of the sequence of each row.
    columns, exclude : list of str, optional
        Columns to use, or not to.
    missing : sequence of str
        What stands for a missing value beside the usual.

    Returns
    -------
    CSVGaps

    Raises
    ------
    FileNotFoundError, ValueError
        The file is not there or no table, a column is unknown or not what it should be, or a time repeats.
    """
    parsed = _csv.parse(path, missing)
    text = CSVText(path, parsed.separator)
    if text.n_lines != len(parsed.table):
        raise ValueError(
            f"'{path}' must have quotes that are closed; got lines that cannot be separated."
        )
    table = parsed.table.iloc[: len(text.rows)]
    if table.empty:
        raise _csv.no_rows(path)
    fields = {name: parsed.n_names + j for j, name in enumerate(table.columns)}
    spare = _csv.spares(table)
    table = _csv.without_row_numbers(table.drop(columns=spare))
    group = _csv.known(table, [groups], "--groups") if groups else []
    others = table.drop(columns=group)
    time = (
        _found_time(others, table[group], columns or [])
        if time is None
        else _csv.known(table, time, "--time")
    )
    notes: list[str] = []
    chosen = _chosen(table, [*group, *time], columns, exclude, notes)
    index, order = _index(table, time, group, notes)
    frame = table.loc[order, chosen].astype(float).set_axis(index)
    _look_for_sentinels(frame, notes)
    for name in frame.columns[frame.isna().mean() > _NEARLY_EMPTY]:
        notes.append(f"Column {name!r} is nearly empty; --exclude leaves it alone.")
    return CSVGaps(text, parsed.decimal, frame, order, fields, [*group, *time], notes)


def _found_time(table: pd.DataFrame, group: pd.DataFrame, wanted: list[str]) -> list[Any]:
    """Name the columns with the times; what is `wanted` for its numbers does not count rows."""
    found = _csv.find_time(table)
    if (
        found
        and not _csv.is_clock(table[found[0]])
        and pd.concat([table[found], group], axis=1).duplicated().any()
    ):
        clocks = [
            name for name in table if not _is_number(table[name]) and _csv.is_clock(table[name])
        ]
        found += clocks[:1]
    if found:
        return found
    numbers = [name for name in table if _is_number(table[name])]
    counts = (
        name
        for name in numbers
        if name not in wanted and len(numbers) > 1 and _counts_rows(table[name], group)
    )
    return next(([name] for name in counts), [])


def _counts_rows(column: pd.Series, group: pd.DataFrame) -> bool:
    """Whether whole numbers go up by the same step from each row to the next, as nothing that is measured does."""
    if not pd.api.types.is_integer_dtype(column):
        return False
    pieces = (
        [piece for _, piece in column.groupby(group.iloc[:, 0])] if group.shape[1] else [column]
    )
    steps = np.concatenate([np.diff(piece) for piece in pieces])
    return steps.size > 1 and steps[0] > 0 and bool((steps == steps[0]).all())


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _chosen(
    table: pd.DataFrame,
    keys: list[str],
    columns: list[str] | None,
    exclude: list[str] | None,
    notes: list[str],
) -> list[str]:
    """Names of the columns of numbers to use."""
    names = [str(name) for name in table if name not in keys]
    if columns is not None:
        for name in _csv.known(table, columns, "--columns"):
            if name in keys:
                raise ValueError(
                    f"--columns must name columns to fill; got {name!r}, which has times or sequences."
                )
            _csv.require_numbers(table[name])
        names = [name for name in names if name in columns]
    if exclude is not None:
        unwanted = _csv.known(table, exclude, "--exclude")
        names = [name for name in names if name not in unwanted]
    words = [name for name in names if not _is_number(table[name])]
    empty = [] if columns is not None else [name for name in names if table[name].isna().all()]
    if words:
        notes.append(f"Left as they are, for they hold words: {', '.join(words)}.")
    if empty:
        notes.append(f"Left as they are, for they hold nothing: {', '.join(empty)}.")
    for name in words:
        _look_for_words(table[name], notes)
    numbers = [name for name in names if name not in words and name not in empty]
    if not numbers:
        raise ValueError(
            f"The file must have a column of numbers to fill; got {', '.join(map(str, names)) or 'none'}."
        )
    return numbers


def _look_for_words(column: pd.Series, notes: list[str]) -> None:
    """Note a word that keeps a column of numbers from being one."""
    observed = column.dropna()
    wrong = observed[pd.to_numeric(observed, errors="coerce").isna()]
    if 0 < 2 * len(wrong) <= len(observed):
        word = str(wrong.iloc[0])
        notes.append(
            f"Column {column.name!r} holds {word!r} in row {wrong.index[0] + 1}. If that stands for a missing value, "
            f"use --missing={word}"
        )


def _look_for_sentinels(frame: pd.DataFrame, notes: list[str]) -> None:
    """Note numbers far from all others that may stand for missing values."""
    for value in _SENTINELS:
        found = [name for name in frame if _is_sentinel(frame[name].dropna().to_numpy(), value)]
        if found:
            times = int((frame[found] == value).sum().sum())
            notes.append(
                f"The value {value:g} stands far from all others in {', '.join(map(repr, found))}: {times} times. "
                f"If it stands for a missing one, use --missing={value:g}"
            )


def _is_sentinel(values: FloatArray, sentinel: float) -> bool:
    others = values[values != sentinel]
    often = len(values) - len(others) >= _MIN_SENTINELS
    return bool(often and others.size and np.abs(others - sentinel).min() > np.ptp(others))


def _index(
    table: pd.DataFrame, time: list[str], group: list[str], notes: list[str]
) -> tuple[pd.Index, npt.NDArray[Any]]:
    """Index of the frame, and the order of the rows in it."""
    labels = table[group[0]] if group else pd.Series(0, index=table.index)
    if labels.isna().any():
        row = int(labels.isna().argmax())
        raise ValueError(
            f"column {group[0]!r} must name a sequence in every row; got none in row {row + 1}."
        )
    codes = labels.factorize()[0]
    times = _csv.read_times(table[time]) if time else pd.Index(labels.groupby(codes).cumcount())
    keys = pd.DataFrame({"sequence": codes, "time": times})
    again = keys.duplicated()
    if again.any():
        row = int(again.argmax())
        of = f" in sequence {labels[row]!s}" if group else ""
        hint = (
            ""
            if group
            else " If the file holds several series, name the column that separates them: --groups."
        )
        raise ValueError(
            f"column {' '.join(time)!r} must not repeat a time; got {times[row]} twice{of}.{hint}"
        )
    order = keys.sort_values(["sequence", "time"]).index.to_numpy()
    if time and not keys["time"].groupby(codes).is_monotonic_increasing.all():
        notes.append(
            "Rows are not in the order of time: they are sorted for the fit, and keep their places."
        )
    index: Any = times[order]
    if group:
        index = pd.MultiIndex.from_arrays(
            [labels.to_numpy()[order], index], names=[group[0], times.name]
        )
    return index, order
