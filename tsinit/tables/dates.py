"""Dates and times of day in words: day or month first, with offsets or without, hours that end at 24."""

from __future__ import annotations

import re
import warnings

import pandas as pd

#: A date has a year: four digits somewhere, or three parts without a colon. "May" and "12 May" have none.
_DATED = r"\d{4}|\d{1,2}[^\d:]+(?:\d{1,2}|[A-Za-z]{3,})[^\d:]+\d{2}"
_YEAR_FIRST = r"\s*\d{4}"
_CLOCK = r"\s*\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?\s*"
_HOURS = r"^\s*(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*$"
#: Hours, minutes and seconds with points between, as spreadsheets of some countries write them.
_POINTED = r"\s*(\d{1,2})\.(\d{2})\.(\d{2})\s*"
_ZONE = r"(?<=[\d:.]\d)\s*(Z|[+-]\d{2}(?::?\d{2})?|[A-Z]{3,4})\s*$"
_ZONED = r":\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|[+-]\d{2}(?::?\d{2})?|[A-Z]{3,4})\s*$|T\d{4,6}Z\s*$"
#: Hours ahead of Greenwich.
_NAMES = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
#: Plain dates, of which there may be many: read at once, without a look at each.
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_NUMERIC = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{4}(?: \d{1,2}:\d{2}(:\d{2})?)?")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
_MONTH = re.compile(r"([A-Za-z]{3,9})([-/ '])\d{2}")
_MIDNIGHT = r"(?<=[T ])24:00(?::00)?(?=\D*$)"
#: Texts that pandas would read one by one, slowly; more than so many must look like dates first.
_MAX_ONE_BY_ONE = 2000
#: Steps for each row of a series with holes.
_DENSE = 4


def is_clock(column: pd.Series) -> bool:
    """Whether all values of a column, where there are any, are times of day."""
    text = column.dropna().astype(str)
    if not len(text) or not re.match(r"\s*\d{1,2}[:.]\d{2}", text.iloc[0]):
        return False
    text = with_colons(text)
    return bool(text.str.fullmatch(_CLOCK).all())


def few(text: pd.Series) -> pd.Series:
    """About a hundred texts out of many."""
    return text.iloc[:: max(1, len(text) // 100)]


def looks_dated(text: pd.Series) -> bool:
    """Whether most texts have the parts of a date; few of many are looked at."""
    sample = few(text)
    short = sample.str.strip()
    return bool(
        (
            short.str.contains(_DATED) | short.str.fullmatch(_WEEK) | short.str.fullmatch(_MONTH)
        ).mean()
        > 0.5
    )


def with_colons(text: pd.Series) -> pd.Series:
    """Write 18.00.00 as 18:00:00 in a column where that is a time of day and no date."""
    if (
        not len(text)
        or not text.str.fullmatch(_POINTED).all()
        or _parse(text, dayfirst=True).notna().all()
    ):
        return text
    return text.str.replace(_POINTED, r"\1:\2:\3", regex=True)


def read_durations(text: pd.Series) -> pd.Series | None:
    """Read hours and minutes that go on after midnight, as 31:40; None where a column is something else."""
    if not len(text) or not re.match(_HOURS, str(text.iloc[0])):
        return None
    parts = text.astype("str").str.extract(_HOURS)
    if parts[0].isna().any() or not (parts[0].astype(float) > 24).any():
        return None
    hours, minutes, seconds = (parts[k].fillna("0").astype(float) for k in range(3))
    return pd.to_timedelta(3600 * hours + 60 * minutes + seconds, unit="s")


def read_dates(column: pd.Series) -> pd.Series:
    """Read dates with their month first or their day first, whichever makes a series; what is no date becomes NaT.

    Dates with offsets become those of Greenwich.

    Raises
    ------
    ValueError
        Both orders make one, and neither or both of them run in even steps.
    """
    if (plain := _plain_dates(column)) is not None:
        return plain
    if (other := _weeks_or_months(column)) is not None:
        return other
    text = with_colons(column.astype("str"))
    clock = text.str.fullmatch(_CLOCK).fillna(False).astype(bool)
    if len(text) and clock.all():
        return _parse("1970-01-01 " + text)  # without a date, pandas would take that of today
    text = text.where(text.str.contains(_DATED).fillna(False).astype(bool))
    late = text.str.contains(_MIDNIGHT).fillna(False).astype(bool)
    if late.any():
        text = text.str.replace(_MIDNIGHT, "00:00", regex=True)
    day = pd.to_timedelta(late.astype(int), unit="D")
    month_first = _parse(text) + day
    if text.dropna().str.match(_YEAR_FIRST).all():
        return month_first
    day_first = _parse(text, dayfirst=True) + day
    return month_first if month_first.equals(day_first) else _better(column, month_first, day_first)


def _plain_dates(column: pd.Series) -> pd.Series | None:
    """Read dates that all have one plain form; None where some may have another."""
    if column.isna().any() or not len(column):
        return None
    sample = [str(text) for text in few(column)]
    if all(map(_ISO.fullmatch, sample)):
        try:
            return pd.to_datetime(column, format="ISO8601")
        except ValueError:
            return None
    found = _NUMERIC.fullmatch(sample[0])
    if found is None:
        return None
    sign, seconds = found[1], found[2]
    clock = "" if ":" not in sample[0] else " %H:%M:%S" if seconds else " %H:%M"
    month_first, day_first = (
        pd.to_datetime(column, format=f"{order.replace('-', sign)}{sign}%Y{clock}", errors="coerce")
        for order in ("%m-%d", "%d-%m")
    )
    if (month_first.isna() & day_first.isna()).any():
        return None
    return month_first if month_first.equals(day_first) else _better(column, month_first, day_first)


def _weeks_or_months(column: pd.Series) -> pd.Series | None:
    """Read weeks such as 2010-W01 and months such as Jan-10; None where a column holds others."""
    sample = [str(cell).strip() for cell in few(column.dropna())]
    if not sample:
        return None
    if all(map(_WEEK.fullmatch, sample)):
        weeks = column.astype("str").str.strip().str.replace(_WEEK, _monday, regex=True)
        return pd.to_datetime(weeks, format="%G-W%V-%u", errors="coerce")
    found = _MONTH.fullmatch(sample[0])
    if found is None or not all(map(_MONTH.fullmatch, sample)):
        return None
    form = f"{'%b' if len(found[1]) == 3 else '%B'}{found[2]}%y"
    return pd.to_datetime(column.astype("str").str.strip(), format=form, errors="coerce")


def _monday(found: re.Match[str]) -> str:
    return f"{found[1]}-W{found[2]}-{found[3] or 1}"


def _better(column: pd.Series, month_first: pd.Series, day_first: pd.Series) -> pd.Series:
    # Disorder alone settles little: the first days of the months of one year increase either way.
    for good in (
        lambda dates: dates.notna().all(),
        lambda dates: dates.is_monotonic_increasing,
        _is_even,
        _is_dense,
    ):
        one, other = good(month_first), good(day_first)
        if one != other:
            return month_first if one else day_first
        if not one and good not in (_is_even, _is_dense):
            return day_first if day_first.notna().sum() > month_first.notna().sum() else month_first
        if one and good is _is_even:
            break
    raise ValueError(
        f"column {column.name!r} must hold dates that can be read one way only; got {column.iloc[0]!r}, "
        f"{column.iloc[-1]!r} and others, which increase with the month first and with the day first. Write them as "
        f"year-month-day: {month_first.iloc[-1]:%Y-%m-%d} or {day_first.iloc[-1]:%Y-%m-%d}?"
    )


def _parse(text: pd.Series, dayfirst: bool = False) -> pd.Series:
    """Read texts; where some have an offset all must."""
    zoned = text.str.contains(_ZONED).fillna(False).astype(bool)
    utc = bool(zoned.any())
    if utc:
        text = text.where(zoned).str.replace(_ZONE, _offset, regex=True)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # pandas warns where it guesses; the caller compares both guesses
        times = pd.to_datetime(text, errors="coerce", dayfirst=dayfirst, utc=utc)
        for kind in ("ISO8601", "mixed"):
            # Spreadsheets leave out midnight: then texts differ in form.
            rest = times.isna() & text.notna()
            if not rest.any() or (kind == "mixed" and rest.sum() > _MAX_ONE_BY_ONE):
                break
            more = pd.to_datetime(
                text[rest], errors="coerce", dayfirst=dayfirst, utc=utc, format=kind
            )
            times = times.where(~rest, more.reindex(times.index))
    return times


def _offset(found: re.Match[str]) -> str:
    zone = found[1]
    if zone in _NAMES:
        return f"{_NAMES[zone]:+03d}:00"
    return zone if zone == "Z" or len(zone) > 3 else f"{zone}:00"


def common_offset(text: pd.Series) -> str | None:
    """The offset that all texts end with; None where they have several, or none."""
    found = text.str.extract(_ZONE)[0]
    zones = found.dropna().unique()
    if found.isna().any() or len(zones) != 1:
        return None
    zone = str(zones[0])
    return f"{_NAMES[zone]:+03d}:00" if zone in _NAMES else "+00:00" if zone == "Z" else zone


def _is_even(dates: pd.Series) -> bool:
    """Whether distinct times lie equally far apart, by the clock or by the month."""
    times = pd.DatetimeIndex(dates.drop_duplicates())  # a time of day beside it repeats each date
    months = pd.Series(times.year * 12 + times.month)
    by_month = (
        months.diff().nunique() <= 1
        and (
            times - times.tz_localize(None).to_period("M").start_time.tz_localize(times.tz)
        ).nunique()
        == 1
    )
    return pd.Series(times).diff().nunique() <= 1 or by_month


def _is_dense(dates: pd.Series) -> bool:
    """Whether few steps are left out: the wrong order makes days lie months apart."""
    times = pd.Series(dates.drop_duplicates().to_numpy())
    apart = times.diff().dropna()
    return len(apart) > 0 and bool(
        (times.iloc[-1] - times.iloc[0]) <= _DENSE * len(times) * apart.min()
    )
