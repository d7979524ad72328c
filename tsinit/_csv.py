"""Tables from CSV files as people have them: separators, decimal commas, a time column somewhere."""

import re
import warnings
from pathlib import Path

import pandas as pd

_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "None", "?", "-", "."]
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def read_table(path, time=None, columns=None):
    """Read a table of numbers with its times.

    The separator is found in the first line; decimal commas are understood where the separator is another character.
    The first column of text that can be read as dates becomes the index, unless `time` names it.

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
        The file is not there, is empty, or a column is not what it should be.
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
        _require_numbers(table[name])
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
    return next(([column.name] for column in _texts(table) if len(column) and _dates(column).notna().all()), None)


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
    """Read dates, month first and else day first; what is no date becomes NaT."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns where it guesses; a wrong guess shows as NaT or disorder
        dates = pd.to_datetime(column, errors="coerce")
        if dates.isna().any() or not dates.is_monotonic_increasing:
            day_first = pd.to_datetime(column, errors="coerce", dayfirst=True)
            if day_first.notna().sum() > dates.notna().sum() or day_first.is_monotonic_increasing:
                return day_first
    return dates


def _known(table, names, option):
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise ValueError(f"{option} must name columns of the file, {list(table.columns)}; got {unknown[0]!r}.")
    return list(names)


def _require_numbers(column):
    if pd.api.types.is_numeric_dtype(column):
        return
    values = pd.to_numeric(column, errors="coerce")
    row = int((values.isna() & column.notna()).argmax())
    raise ValueError(
        f"column {column.name!r} must hold numbers; got {column.iloc[row]!r} in row {row + 1}. "
        "Choose the columns to use with --columns, or the one with the times with --time."
    )
