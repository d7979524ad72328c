"""Which columns are the clock of a table, and the times that they hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tsinit.tables import clocks
from tsinit.tables.dates import (
    common_offset,
    few,
    is_clock,
    looks_dated,
    read_dates,
    read_durations,
    with_colons,
)
from tsinit.tables.numbers import read_numbers
from tsinit.tables.raw import Raw, names_of

if TYPE_CHECKING:
    from tsinit._typing import IntArray

#: Share of the cells of a column of dates that must be dates; the others are named.
_MOSTLY = 0.8


class FileClock(NamedTuple):
    """The times of all rows."""

    columns: list[str]
    times: pd.Index  # (n,) in the order of the file
    words: str  # what numbers were taken for; empty where nothing needs to be said


def find_clock(
    raw: Raw, codes: IntArray, others: Iterable[str], wanted: Iterable[str] = ()
) -> FileClock | None:
    """Find the clock: dates in words, parts of a calendar, numbers that are dates, counts, times of day.

    Parameters
    ----------
    raw : Raw
    codes : (n,) int64
        Sequence of each row.
    others : iterable of str
        Columns that are something else, such as sequences.
    wanted : iterable of str
        Columns whose numbers the user wants as data.

    Returns
    -------
    FileClock or None
    """
    table = raw.frame.drop(columns=list(dict.fromkeys(others)))
    if table.empty:
        return None
    for name in names_of(table):
        if pd.api.types.is_datetime64_any_dtype(table[name]) or isinstance(
            table[name].dtype, pd.PeriodDtype
        ):
            return read_clock(raw, [name])
    texts = [
        name
        for name in names_of(table)
        if not _is_number(table[name]) and table[name].notna().any()
    ]
    for name in texts:
        if holds_dates(table[name]):
            return read_clock(raw, _with_day(table, [name], codes))
    if parts := _parts(table):
        return FileClock(list(parts), _from_parts(table, parts), "")
    numbers = [name for name in names_of(table) if _is_number(table[name]) and name not in wanted]
    for name in numbers:
        if _holds_days(table[name]):
            columns = _with_day(table, [name], codes)
            if len(columns) > 1:
                return read_clock(raw, columns)
    _refuse_holes(raw, table, numbers, codes)
    found = [
        (name, reading)
        for j, name in enumerate(numbers)
        if (
            reading := clocks.read_numbers_as_times(
                table[name], codes, first=name == table.columns[0] and j == 0
            )
        )
    ]
    # A date among the numbers comes before what only counts; one column alone is data.
    found.sort(key=lambda item: not isinstance(item[1].times, pd.DatetimeIndex))
    if found and any(
        name != found[0][0] and _may_be_data(raw, table[name]) for name in names_of(table)
    ):
        name, reading = found[0]
        return FileClock([name], reading.times.rename(name), reading.words)
    return next((read_clock(raw, [name]) for name in texts if is_clock(table[name])), None)


def read_clock(raw: Raw, columns: list[str], codes: IntArray | None = None) -> FileClock:
    """Read the times that some columns hold.

    Raises
    ------
    ValueError
        A row has no time, or the dates can be read in two ways.
    """
    table = raw.frame[columns]
    name = " ".join(columns)
    words = ""
    parts = _parts(table)
    if parts and len(parts) == len(columns):
        times: pd.Index = _from_parts(table, parts)
    elif len(columns) > 1 and all(_is_number(table[other]) for other in columns[1:]):
        spent = _since_midnight(raw, columns[1:])
        try:
            times = pd.Index(_dates(raw, columns[0]) + spent)
        except ValueError:  # hours beside days that can be read in two ways may tell
            if (found := _by_hours(table[columns[0]], spent)) is None:
                raise
            times = found
    elif len(columns) > 1:
        text = table.astype(str).apply(with_colons).agg(" ".join, axis=1).rename(name)
        times = pd.Index(_read(raw, text))
    elif _is_number(table[name]):
        codes = np.zeros(len(table), dtype=np.int64) if codes is None else codes
        reading = clocks.read_numbers_as_times(table[name], codes, named=True)
        if reading is None:
            row = int(table[name].isna().argmax())
            raise _no_time(raw, name, None, row)
        times, words = reading.times, reading.words
    else:
        times = pd.Index(_dates(raw, name))
    return FileClock(columns, times.rename(name), words)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _refuse_holes(raw: Raw, table: pd.DataFrame, numbers: list[str], codes: IntArray) -> None:
    """Name the empty cell of a first column of numbers that would be the clock without it."""
    if not numbers or numbers[0] != table.columns[0] or not clocks.hinted(numbers[0]):
        return
    column = table[numbers[0]]
    there = column.notna().to_numpy()
    if there.all() or there.mean() < _MOSTLY or there.sum() < 3:
        return
    if clocks.read_numbers_as_times(column[there], codes[there], first=True) is not None:
        raise _no_time(raw, numbers[0], None, int(np.argmin(there)))


def _may_be_data(raw: Raw, column: pd.Series) -> bool:
    """Whether a column has numbers, perhaps beside words."""
    if _is_number(column):
        return bool(column.notna().any())
    text = few(column.dropna())
    return bool(len(text)) and read_numbers(text, raw.decimal).odd.mean() < 0.5


def holds_dates(column: pd.Series) -> bool:
    """Whether a column of text is one of dates; one odd cell does not make it another."""
    text = few(column.dropna()).astype(str)
    if not looks_dated(text) or is_clock(column):
        return False
    try:
        dates = read_dates(text.rename(str(column.name)))
    except ValueError:  # dates that can be read in two ways are dates
        return True
    return bool(dates.notna().sum() >= max(1, _MOSTLY * len(text)))


def _holds_days(column: pd.Series) -> bool:
    """Whether whole numbers are dates without hyphens, each perhaps several times."""
    if not pd.api.types.is_integer_dtype(column):
        return False
    days = column.drop_duplicates()
    low, high = int(days.min()), int(days.max())
    if not (low >= 18000101 and high <= 22001231):
        return False
    return bool(pd.to_datetime(days.astype(str), format="%Y%m%d", errors="coerce").notna().all())


def _with_day(table: pd.DataFrame, found: list[str], codes: IntArray) -> list[str]:
    """Add the time of day beside dates that repeat within a sequence."""
    if not pd.DataFrame({"sequence": codes, "day": table[found[0]]}).duplicated().any():
        return found
    rest = [name for name in names_of(table) if name not in found]
    for name in rest:
        if not _is_number(table[name]) and is_clock(table[name]):
            return [*found, name]
    whole = [name for name in rest if _is_number(table[name]) and table[name].notna().all()]
    hours = [name for name in whole if clocks.part_of(name) == "hour"] or whole
    more = [name for part in ("minute", "second") for name in whole if clocks.part_of(name) == part]
    for name in hours:
        values = table[name].to_numpy(dtype=float)
        if not clocks.may_be_hours(values):
            continue
        for extra in ([], more):
            columns = [name, *extra]
            keys = pd.DataFrame(
                {"sequence": codes, "day": table[found[0]], **{n: table[n] for n in columns}}
            )
            named = clocks.part_of(name) == "hour"
            if not keys.duplicated().any() and (named or _cycles(table[found[0]], values, codes)):
                return [*found, *columns]
    return found


def _cycles(day: pd.Series, values: np.ndarray, codes: IntArray) -> bool:
    """Whether whole numbers go on by one step within days and over midnight: hours do, numbers of stations do not."""
    steps = np.diff(clocks.hours_of(values))
    same = day.to_numpy()[1:] == day.to_numpy()[:-1]
    one = np.diff(codes) == 0
    within, over = steps[same & one], steps[~same & one] + 24.0
    return bool(
        (values == np.rint(values)).all()
        and len(within)
        and (within > 0).all()
        and (not len(over) or np.isclose(over.min(), np.median(within)))
        and (len(over) or values.max() >= 12)
    )


def _parts(table: pd.DataFrame) -> dict[str, str]:
    """Columns that are parts of a calendar: the name of each, and the part."""
    found: dict[str, str] = {}
    for name in names_of(table):
        part = clocks.part_of(name)
        if part and part not in found.values() and pd.api.types.is_numeric_dtype(table[name]):
            found[str(name)] = part
    order = ["year", "month", "doy", "day", "hour", "minute", "second"]
    found = dict(sorted(found.items(), key=lambda item: order.index(item[1])))
    has = set(found.values())
    if "year" not in has or not has & {"month", "doy"}:
        return {}
    try:
        return found if _from_parts(table, found) is not None else {}
    except (ValueError, OverflowError):
        return {}


def _from_parts(table: pd.DataFrame, parts: dict[str, str]) -> pd.DatetimeIndex:
    times = clocks.from_parts({part: table[name] for name, part in parts.items()})
    return times.rename(" ".join(parts)) if times is not None else None  # type: ignore[return-value]


def _since_midnight(raw: Raw, columns: list[str]) -> pd.Series:
    seconds = np.zeros(len(raw.frame))
    for name, unit in zip(columns, (3600.0, 60.0, 1.0), strict=False):
        values = raw.frame[name].to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(values).all():
            raise _no_time(raw, name, None, int(np.argmin(np.isfinite(values))))
        seconds += (clocks.hours_of(values) if unit == 3600.0 else values) * unit
    return pd.Series(pd.to_timedelta(seconds, unit="s"), index=raw.frame.index)


def _by_hours(days: pd.Series, spent: pd.Series) -> pd.Index | None:
    """Read days with the time of day behind them; None where that does not help."""
    if _is_number(days) or days.isna().any():
        return None
    minutes = (spent.dt.total_seconds() // 60).astype(int)
    clock = minutes.map(lambda passed: f" {passed // 60:02d}:{passed % 60:02d}")
    try:
        dates = read_dates(days.astype(str) + clock)
    except ValueError:
        return None
    if dates.isna().any():
        return None
    return pd.Index(dates - pd.to_timedelta(minutes, unit="min") + spent)


def _dates(raw: Raw, name: str) -> pd.Series:
    column = raw.frame[name]
    if pd.api.types.is_datetime64_any_dtype(column):
        if column.isna().any():
            raise _no_time(raw, name, None, int(column.isna().argmax()))
        return column
    if isinstance(column.dtype, pd.PeriodDtype):
        return column
    return _read(raw, column.astype(str) if _is_number(column) else column)


def _read(raw: Raw, text: pd.Series) -> pd.Series:
    """Read texts, and name the first that is no time."""
    blank = text.isna()
    times = None if blank.any() else read_durations(text)
    if times is not None:
        return pd.Series(times, index=text.index)
    dates = read_dates(text.mask(blank))
    if dates.isna().any():
        row = int(dates.isna().argmax())
        raise _no_time(raw, str(text.name), None if blank.iloc[row] else text.iloc[row], row)
    if dates.dt.tz is not None and (offset := common_offset(text.astype(str))):
        return dates.dt.tz_convert(_zone(offset))
    return dates


def _zone(offset: str) -> timezone:
    digits = offset[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if offset[0] == "-" else ahead)


def _no_time(raw: Raw, name: str, cell: str | None, row: int) -> ValueError:
    got = "nothing" if cell is None else repr(cell)
    return ValueError(
        f"column {name!r} must hold a time in every row; got {got} in {raw.place(row)}. Correct or "
        f"delete that line, or "
        "name another column with --time (--time none: the rows are equally spaced)."
    )


def in_zone(times: pd.Index, zone: str | None, raw: Raw, notes: list[str]) -> pd.Index:
    """Bring times to the clock of a place.

    Raises
    ------
    ValueError
        There is no such place, or its clock never showed one of the times.
    """
    if zone is None:
        if (
            isinstance(times, pd.DatetimeIndex)
            and str(times.tz) == "UTC"
            and raw.dialect is not None
        ):
            notes.append(
                f"Times of {times.name!r} have offsets and are read as UTC; --tz names another zone."
            )
        return times
    if not isinstance(times, pd.DatetimeIndex):
        raise ValueError(f"--tz must go with dates; got {times.name!r}, which holds none.")
    try:
        if times.tz is not None:
            return times.tz_convert(zone)
        try:
            return times.tz_localize(zone, ambiguous="infer")
        except ValueError:  # an hour that comes once only is the first of two
            return times.tz_localize(zone, ambiguous=np.ones(len(times), dtype=bool))
    except (KeyError, TypeError):
        raise ValueError(
            f"--tz must name a time zone, such as Europe/Berlin or UTC; got {zone!r}."
        ) from None
    except Exception as error:
        if type(error).__name__ == "ZoneInfoNotFoundError":
            raise ValueError(
                f"--tz must name a time zone, such as Europe/Berlin or UTC; got {zone!r}."
            ) from None
        raise ValueError(
            f"--tz must fit the times of {times.name!r}; got {zone}: {error}."
        ) from None


def clock_went_back(times: pd.Index, again: int) -> bool:
    """Whether a time that comes again is an hour that a clock without offsets shows twice in autumn.

    Parameters
    ----------
    times : (n,) Index
        In the order of the file.
    again : int
        A row whose time came before.
    """
    if not isinstance(times, pd.DatetimeIndex) or times.tz is not None:
        return False
    twice = times[times.duplicated()]
    back = times[again - 1] - times[again]
    # Clocks are changed in the night to a Sunday.
    autumn = all(t.month in (3, 4, 9, 10, 11) and t.day_of_week == 6 and t.hour <= 3 for t in twice)
    return bool(autumn and pd.Timedelta(0) <= back <= pd.Timedelta(hours=1))
