"""Numbers that are times: dates without hyphens, seconds since 1970, days of a spreadsheet, years, counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate.number_times import count_numbers

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Names of columns that count time, and those of one that holds a whole time.
_COUNTER = re.compile(
    r"(t|n|i|k|nr|no|idx|index|obs|row|step|steps|tick|ticks|frame|sample|sec|secs|seconds?|s|ms|msec|millis(econds)?|"
    r"min|mins|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?|yr|yyyy|jahr|ann[eé]e|a[nñ]o|time.*|zeit|.*_time|"
    r"unnamed: 0|elapsed.*)([ _\[(].*)?",
    re.IGNORECASE,
)
_DATED = re.compile(
    r".*(time|date|datum|stamp|epoch|unix|serial|excel|zeit|day|yyyymm).*|ts|dt|t", re.IGNORECASE
)
#: Digits of a calendar date, its format, what it is called.
_CALENDARS = (
    (14, "%Y%m%d%H%M%S", "YYYYMMDDHHMMSS"),
    (12, "%Y%m%d%H%M", "YYYYMMDDHHMM"),
    (10, "%Y%m%d%H", "YYYYMMDDHH"),
    (8, "%Y%m%d", "YYYYMMDD"),
    (6, "%Y%m", "YYYYMM"),
)
#: Units of counts since 1970, and the count of 2001-09-09; four times that lies in 2096.
_EPOCHS = (("s", 1e9), ("ms", 1e12), ("us", 1e15), ("ns", 1e18))
#: Days that a spreadsheet counts from 1899-12-30: those of 1982 to 2064.
_SERIALS = (30_000.0, 60_000.0)
_YEARS = (1000, 2300)
_SECOND = 1.0 / 86_400


class Reading(NamedTuple):
    """Numbers read as times."""

    times: pd.Index  # dates, or the numbers themselves
    words: str  # what they were taken for; empty where they are taken as they stand


def read_numbers_as_times(
    column: pd.Series, codes: IntArray, *, named: bool = False, first: bool = False
) -> Reading | None:
    """Read a column of numbers as times, each sequence for itself.

    Parameters
    ----------
    column : (n,) Series of numbers
    codes : (n,) int64
        Sequence of each row.
    named : bool
        The user says that it holds times: then numbers that are nothing else are times as they stand.
    first : bool
        Whether it is the first column of its table, where clocks stand.

    Returns
    -------
    Reading or None
        None where the numbers may be data.
    """
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if len(values) < 2 or not np.isfinite(values).all():
        return Reading(pd.Index(column), "") if named and np.isfinite(values).all() else None
    name = str(column.name)
    runs = _runs(values, codes)
    if runs is None and not named:
        return None
    whole = bool((values == np.rint(values)).all())
    dated = named or bool(_DATED.fullmatch(name))
    for read in (_calendar, _epoch, _serial):
        found = read(values, whole, dated, runs)
        if found is not None:
            return found
    if named:
        return Reading(pd.Index(column), "")
    if runs is None or not _counts(name, values, whole, first, runs):
        return None
    years = whole and _YEARS[0] <= values.min() and values.max() <= _YEARS[1]
    return Reading(pd.Index(column), "years" if years else "a count of time")


def _runs(values: FloatArray, codes: IntArray) -> list[FloatArray] | None:
    """The numbers of each sequence in the order of time; None where they go back and forth, or repeat."""
    order = np.argsort(codes, kind="stable")
    runs = np.split(values[order], np.flatnonzero(np.diff(codes[order])) + 1)
    up = all((np.diff(run) > 0).all() for run in runs)
    if up or all((np.diff(run) < 0).all() for run in runs):
        return runs if up else [run[::-1] for run in runs]
    return None


def _calendar(values: FloatArray, whole: bool, dated: bool, runs: object) -> Reading | None:
    if not whole:
        return None
    for digits, form, words in _CALENDARS:
        if not (10 ** (digits - 1) <= values.min() and values.max() < 10**digits):
            continue
        years = values // 10 ** (digits - 4)
        if years.min() < 1800 or years.max() > 2200:
            return None
        texts = pd.Series(values.astype(np.int64)).astype(str)
        times = pd.to_datetime(texts, format=form, errors="coerce")
        if times.notna().all() and (digits != 6 or dated or len(values) > 2):
            return Reading(pd.DatetimeIndex(times), words)
    return None


def _epoch(
    values: FloatArray, whole: bool, dated: bool, runs: list[FloatArray] | None
) -> Reading | None:
    for unit, least in _EPOCHS:
        low = 1e8 * least / 1e9 if dated else least
        if low <= values.min() and values.max() < 4 * least and (dated or _is_regular(runs)):
            numbers = values.astype(np.int64) if whole else values
            words = {
                "s": "seconds",
                "ms": "milliseconds",
                "us": "microseconds",
                "ns": "nanoseconds",
            }[unit]
            return Reading(pd.to_datetime(pd.Index(numbers), unit=unit), f"{words} since 1970")  # type: ignore[call-overload]
    return None


def _serial(
    values: FloatArray, whole: bool, dated: bool, runs: list[FloatArray] | None
) -> Reading | None:
    if not (_SERIALS[0] <= values.min() and values.max() < _SERIALS[1]):
        return None
    if not dated and (whole or not _is_regular(runs)):
        return None
    # Times of a spreadsheet are rounded to a fraction of a day; what is written to a thousandth of a minute is whole.
    places = np.rint(values * 86_400)
    if np.abs(values * 86_400 - places).max() > 1.0:
        return None
    minutes = np.rint(values * 1440)
    if np.abs(values * 1440 - minutes).max() < 0.05:
        places = minutes * 60
    times = pd.Timestamp("1899-12-30") + pd.to_timedelta(places, unit="s")
    return Reading(pd.DatetimeIndex(times), "days of a spreadsheet (1 is 1899-12-31)")


def _counts(
    name: str, values: FloatArray, whole: bool, first: bool, runs: list[FloatArray]
) -> bool:
    """Whether numbers go up by one step, some left out, as nothing that is measured does."""
    steps = np.concatenate([np.diff(run) for run in runs])
    if len(steps) < 2:
        return False
    even = bool(np.allclose(steps, steps[0], rtol=1e-6, atol=0))
    if whole and even:
        return True
    if not even and not _is_regular(runs):
        return first and hinted(name)  # times all the same, if irregular ones
    # What counts something else, such as litres, has steps of many sizes.
    return hinted(name) or (
        first and whole and bool(2 * (steps == steps.min()).sum() >= len(steps))
    )


def hinted(name: str) -> bool:
    """Whether a column is named like one that has times."""
    return bool(_COUNTER.fullmatch(name) or _DATED.fullmatch(name))


def _is_regular(runs: list[FloatArray] | None) -> bool:
    if runs is None or max(map(len, runs)) < 3:
        return False
    return count_numbers([pd.Index(run) for run in runs if len(run)]) is not None


#: Parts of a calendar that stand in columns of their own, by their names in some languages.
_PARTS = {
    "year": r"years?|yr|yyyy|jahr|ann[eé]e|an|a[nñ]o|anno|jaar",
    "month": r"months?|mon|mo|mm|monat|mois|mes|mese|maand",
    "day": r"days?|dd|dy|tag|jour|d[ií]a|giorno|dag|day_?of_?month|dom|mday",
    "hour": r"hours?|hh|hr|hrs|h|stunde|std|heure|hora|ora|uur|hour_?of_?day",
    "minute": r"minutes?|min|mi|minuto?",
    "second": r"seconds?|sec|ss|sekunden?|secondes?",
    "doy": r"doy|day_?of_?year|yday|julian.*|jday",
}


def part_of(name: object) -> str | None:
    """The part of a calendar that a column is named after; None for others."""
    text = (
        re.sub(r"[ _\[(].*", "", str(name).strip().lower())
        if "of" not in str(name).lower()
        else str(name).lower()
    )
    return next((part for part, pattern in _PARTS.items() if re.fullmatch(pattern, text)), None)


def from_parts(columns: dict[str, pd.Series]) -> pd.DatetimeIndex | None:
    """Put dates together from year, month, day, hour and so on; None where numbers are beyond a calendar.

    Hours may run from 0 to 23 or from 1 to 24, or be those of a clock, 0 to 2300.
    """
    numbers = {
        part: column.to_numpy(dtype=float, na_value=np.nan) for part, column in columns.items()
    }
    if any(
        not np.isfinite(n).all() or (n != np.rint(n)).any()
        for part, n in numbers.items()
        if part != "second"
    ):
        return None
    year = numbers["year"]
    if year.min() < 1600 or year.max() > 2260:
        return None
    one = np.ones(len(year))
    if "doy" in numbers and "month" not in numbers:
        date = pd.to_datetime({"year": year, "month": one, "day": one}, errors="coerce")
        date = date + pd.to_timedelta(numbers["doy"] - 1, unit="D")
    else:
        parts = {"year": year, "month": numbers["month"], "day": numbers.get("day", one)}
        date = pd.to_datetime(pd.DataFrame(parts).astype(int), errors="coerce")
    if date.isna().any():
        return None
    spent = np.zeros(len(year))
    for part, unit in (("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        if part in numbers:
            spent = spent + (hours_of(numbers[part]) if part == "hour" else numbers[part]) * unit
    return pd.DatetimeIndex(date + pd.to_timedelta(spent, unit="s"))


def hours_of(values: FloatArray) -> FloatArray:
    """Hours of 0 to 24, or of 0 to 2359 as a clock without a colon shows them."""
    if values.max() > 24:
        return np.floor(values / 100) + (values % 100) / 60
    return values


def may_be_hours(values: FloatArray) -> bool:
    """Whether numbers may be hours of a day."""
    if not np.isfinite(values).all() or values.min() < 0:
        return False
    if values.max() <= 24:
        return bool(values.max() - values.min() <= 23.999)
    return bool(
        (values == np.rint(values)).all() and values.max() <= 2400 and (values % 100).max() < 60
    )


def _written(times: pd.DatetimeIndex, form: str) -> list[str]:
    return list(times.strftime(form))


#: How a reading is undone, to write times into rows that a file lacks.
WRITERS: dict[str, Callable[[Any], list[str]]] = {
    **{words: partial(_written, form=form) for _, form, words in _CALENDARS},
}
