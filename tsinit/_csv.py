"""Tables from CSV files as people have them: separators, decimal commas, a time column somewhere."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from tsinit._validate.number_times import read_dates

if TYPE_CHECKING:
    from tsinit._typing import StrPath

_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-", "."]
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
#: A date has a year: four digits somewhere, or three parts without a colon. "May" and "12 May" have none.
_DATED = r"\d{4}|\d{1,2}[^\d:]+(?:\d{1,2}|[A-Za-z]{3,})[^\d:]+\d{2}"
_YEAR_FIRST = r"\s*\d{4}"
_CLOCK = r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp][Mm])?\s*"
_HOURS = r"^\s*(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*$"
#: Hours, minutes and seconds with points between, as spreadsheets of some countries write them.
_POINTED = r"\s*(\d{1,2})\.(\d{2})\.(\d{2})\s*"


class ParsedCSV(NamedTuple):
    """A file as it was read, before anything is made of its columns."""

    table: pd.DataFrame  # as pandas reads it, with all rows and columns
    separator: str
    decimal: str
    n_names: int  # fields of a line before its columns: names of rows, which the first line does not count


def read_table(
    path: StrPath, time: list[str] | None = None, columns: list[str] | None = None
) -> pd.DataFrame:
    """Read a table of numbers with its times.

    The separator is found in the first line; decimal commas are understood where the separator is another character.
    The first column of text that can be read as dates becomes the index, or else the first of times of day, unless
    `time` names it. Dates such as 01/02/2020 are read in the order, month or day first, that makes them increase in
    even steps.

    Parameters
    ----------
    path : str or Path
        A CSV file with names in the first line.
    time : list of str, optional
        Column that holds the times, or several that hold them together (a date and a time of day).
    columns : list of str, optional
        Columns to keep; all others without it.

    Returns
    -------
    DataFrame
        Numbers only, indexed by time where there is one.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is not there, is empty, or a column is not what it should be; or the dates make as good a series
        with the month first as with the day first.
    """
    table = without_row_numbers(_without_spares(parse(path).table))
    if table.empty:
        raise no_rows(path)
    time = find_time(table) if time is None else known(table, time, "--time")
    if time:
        table = table.set_index(read_times(table[time])).drop(columns=time)
    if columns is not None:
        table = table[known(table, columns, "--columns")]
    for name in table.columns:
        require_numbers(table[name], time)
    return table.astype(float)


def parse(path: StrPath, missing: Sequence[str] = ()) -> ParsedCSV:
    """Read with the separator of the first line, and once more if the decimals turn out to be commas.

    Parameters
    ----------
    path : str or Path
    missing : sequence of str
        What stands for a missing value, beside the usual words and signs.

    Returns
    -------
    ParsedCSV

    Raises
    ------
    FileNotFoundError, ValueError
        The file is not there, or is no table.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"The data must be a file; got '{path}', which is none.")
    try:
        with path.open(encoding="utf-8-sig", errors="strict") as file:
            first = file.readline()
        separator = max([",", ";", "\t", "|"], key=first.count)
        # An empty line is a gap where there is but one column; elsewhere it is nothing.
        reading = {
            "sep": separator,
            "na_values": [*_MISSING, *missing],
            "skip_blank_lines": separator in first,
        }
        decimal, (table, n_names) = ".", _read(path, decimal=".", **reading)
        if separator != "," and any(map(_has_decimal_commas, _texts(table))):
            decimal, (table, n_names) = ",", _read(path, decimal=",", **reading)
    except pd.errors.EmptyDataError:
        raise ValueError(f"'{path}' must hold a table; got an empty file.") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"'{path}' must be text in UTF-8; got other bytes. Is it a spreadsheet? Save it as CSV."
        ) from None
    except pd.errors.ParserError as error:
        raise ValueError(
            f"'{path}' must have the same number of values in every line; {str(error).strip()}."
        ) from None
    return ParsedCSV(table, separator, decimal, n_names)


def no_rows(path: StrPath) -> ValueError:
    """Return the error that a file without rows deserves."""
    return ValueError(
        f"'{path}' must hold names in the first line and at least one row below; got no rows."
    )


def _without_spares(table: pd.DataFrame) -> pd.DataFrame:
    """Drop the lines and columns of separators that spreadsheets leave at the end.

    In the middle, an empty line is a time without values.
    """
    filled = table.notna().any(axis=1).to_numpy().nonzero()[0]
    return table.iloc[: filled[-1] + 1 if filled.size else 0].drop(columns=spares(table))


def spares(table: pd.DataFrame) -> list[Any]:
    """Name the columns without a name and without a value."""
    return [name for name in table if str(name).startswith("Unnamed") and table[name].isna().all()]


def _read(path: Path, **reading: Any) -> tuple[pd.DataFrame, int]:
    """Read a table, and how many fields of a line before its columns are names of rows."""
    reading |= {"encoding": "utf-8-sig", "skipinitialspace": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            # One separator more at the end of every line means nothing.
            return pd.read_csv(path, index_col=False, **reading), 0
        except pd.errors.ParserWarning:
            # Lines with a value more than the first line have names.
            table = pd.read_csv(path, **reading)
            return table.reset_index(drop=True), table.index.nlevels


def _texts(table: pd.DataFrame) -> list[pd.Series]:
    return [
        table[name].dropna() for name in table if not pd.api.types.is_numeric_dtype(table[name])
    ]


def _has_decimal_commas(column: pd.Series) -> bool:
    return bool(len(column) and column.astype(str).str.fullmatch(_DECIMAL_COMMA.pattern).any())


def without_row_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Drop the nameless first column of row numbers that R and pandas write."""
    first = table.columns[0] if len(table.columns) else ""
    nameless = str(first).startswith("Unnamed") or str(first) in ("", "rownames")
    if (
        nameless
        and pd.api.types.is_numeric_dtype(table[first])
        and (table[first].diff().dropna() == 1).all()
    ):
        return table.drop(columns=first)
    return table


def find_time(table: pd.DataFrame) -> list[Any] | None:
    """Name the first column of dates, or else the first of times of day; None where there is neither."""
    texts = [column.astype(str) for column in _texts(table) if len(column)]
    dated = (
        column
        for column in texts
        if column.str.contains(_DATED).all() and _dates(column).notna().all()
    )
    clocks = (column for column in texts if is_clock(column))
    return next(([column.name] for found in (dated, clocks) for column in found), None)


def is_clock(column: pd.Series) -> bool:
    """Whether all values of a column, where there are any, are times of day."""
    text = _with_colons(column.dropna().astype(str))
    return len(text) > 0 and bool(text.str.fullmatch(_CLOCK).all())


def _with_colons(text: pd.Series) -> pd.Series:
    """Write 18.00.00 as 18:00:00 in a column where that is a time of day and no date."""
    if (
        not len(text)
        or not text.str.fullmatch(_POINTED).all()
        or _read_dates(text, dayfirst=True).notna().all()
    ):
        return text
    return text.str.replace(_POINTED, r"\1:\2:\3", regex=True)


def read_times(columns: pd.DataFrame) -> pd.Index:
    """Make an index: dates of text and of 20200131, durations where hours go beyond a day, numbers as they are.

    Raises
    ------
    ValueError
        A row has no time, or the dates can be read in two ways.
    """
    name = " ".join(columns.columns)
    if columns.shape[1] == 1:
        text = columns.iloc[:, 0]
    else:
        text = columns.astype(str).apply(_with_colons).agg(" ".join, axis=1)
    times = _numbers(text) if pd.api.types.is_numeric_dtype(text) else _durations(text)
    times = _dates(text) if times is None else times
    if times.isna().any():
        row = int(times.isna().argmax())
        raise ValueError(
            f"column {name!r} must hold a time in every row; got {text.iloc[row]!r} in row {row + 1}."
        )
    return pd.Index(times, name=name)


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers as they are, but dates without hyphens, 20200131, as dates."""
    whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
    dates = read_dates(column.to_numpy()) if whole and len(column) else None
    return column if dates is None else pd.Series(dates, column.index, name=column.name)


def _durations(text: pd.Series) -> pd.Series | None:
    """Read hours and minutes that go on after midnight, as 31:40; None where a column is something else."""
    parts = text.astype("str").str.extract(_HOURS)
    if parts[0].isna().any() or not (parts[0].astype(float) > 24).any():
        return None
    hours, minutes, seconds = (parts[k].fillna("0").astype(float) for k in range(3))
    return pd.to_timedelta(3600 * hours + 60 * minutes + seconds, unit="s")


def _dates(column: pd.Series) -> pd.Series:
    """Read dates with their month first or their day first, whichever makes a series; what is no date becomes NaT.

    Raises
    ------
    ValueError
        Both orders make one, and neither or both of them run in even steps.
    """
    text = _with_colons(column.astype("str"))
    clock = text.str.fullmatch(_CLOCK).fillna(False).astype(bool)
    if len(text) and clock.all():
        return _read_dates("1970-01-01 " + text)  # without a date, pandas would take that of today
    text = text.where(text.str.contains(_DATED).fillna(False).astype(bool))
    month_first = _read_dates(text)
    if text.dropna().str.match(_YEAR_FIRST).all():
        return month_first
    day_first = _read_dates(text, dayfirst=True)
    if month_first.equals(day_first):
        return month_first
    # Disorder alone settles little: the first days of the months of one year increase either way.
    for good in (
        lambda dates: dates.notna().all(),
        lambda dates: dates.is_monotonic_increasing,
        _is_even,
    ):
        if good(month_first) != good(day_first):
            return month_first if good(month_first) else day_first
        if not good(month_first) and good is not _is_even:
            return day_first if day_first.notna().sum() > month_first.notna().sum() else month_first
    raise ValueError(
        f"column {column.name!r} must hold dates that can be read one way only; got {text.iloc[0]!r}, "
        f"{text.iloc[-1]!r} and others, which increase with the month first and with the day first. Write them as "
        f"year-month-day: {month_first.iloc[-1]:%Y-%m-%d} or {day_first.iloc[-1]:%Y-%m-%d}?"
    )


def _read_dates(text: pd.Series, dayfirst: bool = False) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # pandas warns where it guesses; the caller compares both guesses
        return pd.to_datetime(text, errors="coerce", dayfirst=dayfirst)


def _is_even(dates: pd.Series) -> bool:
    """Whether distinct times lie equally far apart, by the clock or by the month."""
    times = pd.DatetimeIndex(dates.drop_duplicates())  # a time of day beside it repeats each date
    months = pd.Series(times.year * 12 + times.month)
    by_month = (
        months.diff().nunique() <= 1 and (times - times.to_period("M").start_time).nunique() == 1
    )
    return pd.Series(times).diff().nunique() <= 1 or by_month


def known(table: pd.DataFrame, names: Iterable[str], option: str) -> list[str]:
    """Require names of columns.

    Raises
    ------
    ValueError
    """
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise ValueError(
            f"{option} must name columns of the file, {list(table.columns)}; got {unknown[0]!r}."
        )
    return list(names)


def require_numbers(column: pd.Series, time: list[str] | None = None) -> None:
    """Require a column of numbers.

    Raises
    ------
    ValueError
    """
    if pd.api.types.is_numeric_dtype(column):
        return
    values = pd.to_numeric(column, errors="coerce")
    row = int((values.isna() & column.notna()).argmax())
    of_day = time and is_clock(column)
    raise ValueError(
        f"column {column.name!r} must hold numbers; got {column.iloc[row]!r} in row {row + 1}. "
        + (f"If it is the time of day, use --time {','.join([*(time or []), str(column.name)])}." if of_day else
        "Choose the columns to use with --columns, or the one with the times with --time.")
    )  # fmt: skip
