"""How an index counts time: the step that its dates, periods, durations or numbers are multiples of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from tsinit._validate.number_times import (
    as_numbers,
    count_numbers,
    is_number,
    is_row_count,
    regular,
)

if TYPE_CHECKING:
    from tsinit._typing import IntArray

#: Where dates are counted from, a Monday.
ANCHOR = "2001-01-01"

_Unit: TypeAlias = Literal["s", "ms", "us", "ns"]


class Clock(NamedTuple):
    """How an index counts time."""

    steps: (
        list | None
    )  # (rows,) int64 of each sequence, from its first; None where rows are consecutive steps
    distance: (
        Any  # of two steps: a pandas offset, a Timedelta or a number; None where there is none
    )


class FittedStep(NamedTuple):
    """The step between the rows of a fit: rows that the model is asked about later are counted by it."""

    distance: Any  # in the index, as `count_steps` returns it; the frequency of periods; None where there is none
    n_rows: int | None  # of an index that only counts rows: how many; None for others

    @classmethod
    def of(cls, index: Any, distance: Any) -> FittedStep:
        """Take it from the index of the last sequence of a fit, and the distance that `count_steps` found in it."""
        times = as_times(index)
        if times is None:
            return cls(None, None)
        return cls(
            times.freq if is_period(times) else distance,
            len(times) if is_row_count(times) else None,
        )


def seconds_of(distance: Any) -> float:
    """Length of a step in seconds, the first from `ANCHOR` on where they are not all alike; a number is itself."""
    import pandas as pd

    if isinstance(distance, (int, float)):
        return float(distance)
    anchor = pd.Timestamp(ANCHOR)
    return (anchor + distance - anchor).total_seconds()


def find_clock(indexes: list[Any]) -> Clock | None:
    """Find the step that all times are multiples of; None where there is none."""
    import pandas as pd

    first = indexes[0]
    if all(map(is_number, indexes)):
        found = count_numbers(indexes)
        return found and Clock(*found)
    if len({(type(index), str(getattr(index, "tz", None))) for index in indexes}) > 1:
        return None
    if is_period(first):
        return _periods(indexes)
    frequency = first.freq
    if frequency is not None and all(index.freq == frequency for index in indexes):
        # pandas itself vouches that no step is skipped. Older ones take a day for 24 hours, also where clocks change.
        days = isinstance(frequency, pd.offsets.Day) and not isinstance(first, pd.TimedeltaIndex)
        return Clock(None, pd.DateOffset(days=frequency.n) if days else frequency)
    unit: _Unit = max((index.unit for index in indexes), key=("s", "ms", "us", "ns").index)
    indexes = [index.as_unit(unit) for index in indexes]
    if isinstance(first, pd.TimedeltaIndex):
        return _ticks(indexes, unit)
    return _months(indexes, unit) or _days(indexes, unit) or _ticks(indexes, unit)


def _periods(indexes: list[Any]) -> Clock | None:
    multiple = indexes[0].freq.n
    if any(index.freq != indexes[0].freq for index in indexes):
        return None
    ticks = [index.asi8 - index.asi8[0] for index in indexes]
    if any((tick % multiple).any() for tick in ticks):
        return None
    return Clock([tick // multiple for tick in ticks], 1)


def _ticks(indexes: list[Any], unit: _Unit) -> Clock | None:
    """Equal distances in absolute time."""
    import pandas as pd

    found = regular([index.asi8 for index in indexes])
    return found and Clock(
        found[0], pd.Timedelta(found[1], unit=unit) if len(_joined(indexes)) else None
    )


def _joined(indexes: list[Any]) -> IntArray:
    return np.concatenate([index.asi8[1:] for index in indexes])


def _days(indexes: list[Any], unit: _Unit) -> Clock | None:
    """Whole days by the clock on the wall, which a change to summer time does not disturb; or working days."""
    import pandas as pd

    local = [index.tz_localize(None) for index in indexes]
    day = np.timedelta64(1, "D") // np.timedelta64(1, unit)
    found = regular([index.asi8 for index in local])
    if found is None or found[1] % day or not len(_joined(indexes)):
        return None
    if found[1] == day and all((index.day_of_week < 5).all() for index in local):
        dates = [index.to_numpy().astype("datetime64[D]") for index in local]
        working = [np.busday_count(date[0], date) for date in dates]
        rows, passed = sum(map(len, working)), sum(int(steps[-1]) + 1 for steps in working)
        weekends = any(a[-1] != b[-1] for a, b in zip(working, found[0], strict=True))
        if weekends and 2 * rows > passed:
            return Clock(working, pd.offsets.BDay())
    return Clock(found[0], pd.DateOffset(days=int(found[1] // day)))


def _months(indexes: list[Any], unit: _Unit) -> Clock | None:
    """Months, quarters or years: the same day of each, the last, or the first or last working one."""
    import pandas as pd

    day = np.timedelta64(1, "D") // np.timedelta64(1, unit)
    shortest = min(np.diff(index.asi8).min(initial=np.iinfo(np.int64).max) for index in indexes)
    if not len(_joined(indexes)) or shortest < 27 * day:
        return None
    local = indexes[0].append(list(indexes[1:])).tz_localize(None)
    if len((local - local.normalize()).unique()) > 1:
        return None
    found = regular([np.asarray(index.year * 12 + index.month) for index in indexes])
    if found is None:
        return None
    k = found[1]
    if len(local.day.unique()) == 1 and local.day[0] <= 28:
        return Clock(found[0], pd.DateOffset(months=k))
    for offset in (pd.offsets.MonthEnd(k), pd.offsets.BMonthEnd(k), pd.offsets.BMonthBegin(k)):
        if all(offset.is_on_offset(time) for time in local.normalize()):
            return Clock(found[0], offset)
    return None


def as_times(index: Any) -> Any:
    """Dates, durations and numbers that pandas holds as objects become what they are."""
    import pandas as pd

    if index is None or is_row_count(index):
        return index
    index = as_numbers(index)
    if index.dtype != object:
        return index
    kind = index.inferred_type
    if kind in ("datetime", "datetime64", "date"):
        return pd.to_datetime(index)
    if kind in ("timedelta", "timedelta64"):
        return pd.to_timedelta(index)
    return pd.PeriodIndex(index) if kind == "period" else index


def is_time(index: Any) -> bool:
    import pandas as pd

    return index is not None and (
        isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)) or is_number(index)
    )


def is_period(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.PeriodIndex)
