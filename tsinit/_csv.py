"""Tables from CSV files as people have them: separators, decimal commas, a time column somewhere."""

import re
import warnings
from pathlib import Path

import pandas as pd

_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-", "."]
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
#: A date has a year: four digits somewhere, or three parts without a colon. "May" and "12 May" have none.
_DATED = r"\d{4}|\d{1,2}[^\d:]+(?:\d{1,2}|[A-Za-z]{3,})[^\d:]+\d{2}"
_YEAR_FIRST = r"\s*\d{4}"
_CLOCK = r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp][Mm])?\s*"


def read_table(path, time=None, columns=None):
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
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"The data must be a file; got '{path}', which is none.")
    table = _without_row_numbers(_parse(path))
    if table.empty:
        raise ValueError(f"'{path}' must hold names in the first line and at least one row below; got no rows.")
    time = _find_time(table) if time is None else _known(table, time, "--time")
    if time:
        table = table.set_index(_times(table[time])).drop(columns=time)
    if columns is not None:
        table = table[_known(table, columns, "--columns")]
    for name in table.columns:
        _require_numbers(table[name], time)
    return table.astype(float)


def _parse(path):
    """Read with the separator of the first line, and once more if the decimals turn out to be commas."""
    try:
        with path.open(encoding="utf-8-sig", errors="strict") as file:
            first = file.readline()
        separator = max([",", ";", "\t", "|"], key=first.count)
        table = _read(path, separator, ".")
        if separator != "," and any(map(_has_decimal_commas, _texts(table))):
            table = _read(path, separator, ",")
    except pd.errors.EmptyDataError:
        raise ValueError(f"'{path}' must hold a table; got an empty file.") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"'{path}' must be text in UTF-8; got other bytes. Is it a spreadsheet? Save it as CSV."
        ) from None
    except pd.errors.ParserError as error:
        raise ValueError(f"'{path}' must have the same number of values in every line; {error}.") from None
    # Spreadsheets leave lines and columns of separators at the end; in the middle, an empty line is a time without
    # values.
    filled = table.notna().any(axis=1).to_numpy().nonzero()[0]
    spare = [name for name in table if str(name).startswith("Unnamed") and table[name].isna().all()]
    return table.iloc[: filled[-1] + 1 if filled.size else 0].drop(columns=spare)


def _read(path, separator, decimal):
    return pd.read_csv(
        path, sep=separator, decimal=decimal, encoding="utf-8-sig", na_values=_MISSING, skipinitialspace=True
    )


def _texts(table):
    return [table[name].dropna() for name in table if not pd.api.types.is_numeric_dtype(table[name])]


def _has_decimal_commas(column):
    return len(column) > 0 and column.astype(str).str.fullmatch(_DECIMAL_COMMA.pattern).any()


def _without_row_numbers(table):
    """Drop the nameless first column of row numbers that R and pandas write."""
    first = table.columns[0] if len(table.columns) else ""
    nameless = str(first).startswith("Unnamed") or str(first) in ("", "rownames")
    if nameless and pd.api.types.is_numeric_dtype(table[first]) and (table[first].diff().dropna() == 1).all():
        return table.drop(columns=first)
    return table


def _find_time(table):
    """Name the first column of dates, or else the first of times of day; None where there is neither."""
    texts = [column.astype(str) for column in _texts(table) if len(column)]
    dated = (column for column in texts if column.str.contains(_DATED).all() and _dates(column).notna().all())
    clocks = (column for column in texts if column.str.fullmatch(_CLOCK).all())
    return next(([column.name] for found in (dated, clocks) for column in found), None)


def _times(columns):
    """Make an index: dates where the columns are text, numbers as they are."""
    name = " ".join(columns.columns)
    text = columns.iloc[:, 0] if columns.shape[1] == 1 else columns.astype(str).agg(" ".join, axis=1)
    times = text if pd.api.types.is_numeric_dtype(text) else _dates(text)
    if times.isna().any():
        row = int(times.isna().argmax())
        raise ValueError(f"column {name!r} must hold a time in every row; got {text.iloc[row]!r} in row {row + 1}.")
    return pd.Index(times, name=name)


def _dates(column):
    """Read dates with their month first or their day first, whichever makes a series; what is no date becomes NaT.

    Raises
    ------
    ValueError
        Both orders make one, and neither or both of them run in even steps.
    """
    text = column.astype("str")
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
    for good in (lambda dates: dates.notna().all(), lambda dates: dates.is_monotonic_increasing, _is_even):
        if good(month_first) != good(day_first):
            return month_first if good(month_first) else day_first
        if not good(month_first) and good is not _is_even:
            return day_first if day_first.notna().sum() > month_first.notna().sum() else month_first
    raise ValueError(
        f"column {column.name!r} must hold dates that can be read one way only; got {text.iloc[0]!r}, "
        f"{text.iloc[-1]!r} and others, which increase with the month first and with the day first. Write them as "
        f"year-month-day: {month_first.iloc[-1]:%Y-%m-%d} or {day_first.iloc[-1]:%Y-%m-%d}?"
    )


def _read_dates(text, dayfirst=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns where it guesses; the caller compares both guesses
        return pd.to_datetime(text, errors="coerce", dayfirst=dayfirst)


def _is_even(dates):
    """Whether distinct times lie equally far apart, by the clock or by the month."""
    times = pd.DatetimeIndex(dates.drop_duplicates())  # a time of day beside it repeats each date
    months = pd.Series(times.year * 12 + times.month)
    by_month = months.diff().nunique() <= 1 and (times - times.to_period("M").start_time).nunique() == 1
    return pd.Series(times).diff().nunique() <= 1 or by_month


def _known(table, names, option):
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise ValueError(f"{option} must name columns of the file, {list(table.columns)}; got {unknown[0]!r}.")
    return list(names)


def _require_numbers(column, time):
    if pd.api.types.is_numeric_dtype(column):
        return
    values = pd.to_numeric(column, errors="coerce")
    row = int((values.isna() & column.notna()).argmax())
    of_day = time and column.dropna().astype(str).str.fullmatch(_CLOCK).all()
    raise ValueError(
        f"column {column.name!r} must hold numbers; got {column.iloc[row]!r} in row {row + 1}. "
        + (f"If it is the time of day, use --time {','.join([*time, column.name])}." if of_day else
        "Choose the columns to use with --columns, or the one with the times with --time.")
    )  # fmt: skip
