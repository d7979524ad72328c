"""Time indexes: their order, the steps they skip, and how they go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from tsinit._validate.number_times import (
    as_numbers,
    count_numbers,
    first_date_written_as_a_number,
    is_number,
    is_row_count,
    mean_distance,
    regular,
)
from tsinit._validate.values import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import IntArray

_Unit: TypeAlias = Literal["s", "ms", "us", "ns"]
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
_MAX_SKIPPED = 50  # times the rows given; a longer skip is more likely two sequences than one


class _Clock(NamedTuple):
    """How an index counts time."""

    steps: (
        list | None
    )  # (rows,) int64 of each sequence, from its first; None where rows are consecutive steps
    distance: (
        Any  # of two steps: a pandas offset, a Timedelta or a number; None where there is none
    )


def count_steps(sequences: Sequence[Any]) -> tuple[list[IntArray] | None, Any]:
    """Count the time steps of each sequence from its first row; skipped steps leave holes.

    Times are dates, periods, durations and numbers. All sequences share one step, so that one that was observed only
    every second hour is not taken for one that moves half as fast. Other indexes are labels of consecutive rows.

    Parameters
    ----------
    sequences : list
        With fields name, size, index (pandas, or None), and whether the index is `named` as the time.

    Returns
    -------
    steps : list of (rows,) int64, or None where rows are consecutive steps
    distance : object
        Of two steps in the index of the last sequence, for `times_after`.

    Raises
    ------
    ValueError
        Times are missing, repeated, unsorted, or skip too much.
    """
    if all(sequence.index is None for sequence in sequences):
        return None, None
    indexes = [_as_times(sequence.index) for sequence in sequences]
    for sequence, index in zip(sequences, indexes, strict=True):
        if _is_time(index) or sequence.named:
            _check_sorted(index, sequence)
    _warn_of_dates_in_words(indexes)
    # Among sequences with times, one without, or with row numbers only, counts its rows.
    timed = [i for i, index in enumerate(indexes) if _is_time(index)]
    dated = [i for i in timed if not is_row_count(indexes[i])]
    if not dated:
        return None, 1 if _is_time(indexes[-1]) else None
    mine = timed if all(is_number(indexes[i]) for i in dated) else dated
    clock = _clock([indexes[i] for i in mine])
    if clock is None:
        kind = "numbers" if all(is_number(indexes[i]) for i in mine) else "times"
        warn(
            f"The {kind} in the index of X are not multiples of one step: rows are taken as equally spaced. "
            "Resample them if that is not meant."
        )
        return None, _mean_distance(indexes[-1])
    distance = clock.distance if len(indexes) - 1 in mine else None
    if clock.steps is None:
        return None, distance
    steps = [np.arange(sequence.size) for sequence in sequences]
    for i, counted in zip(mine, clock.steps, strict=True):
        _check_skips(counted, indexes[i], sequences[i].name)
        steps[i] = counted
    return steps, distance


def times_after(index: Any, distance: Any, n_steps: int) -> pd.Index:
    """Times of the rows after the last one; row numbers where the index has no times.

    Parameters
    ----------
    index : pandas.Index
    distance : object
        From `count_steps`.
    n_steps : int
    """
    import pandas as pd

    index = _as_times(index)
    if distance is None:
        return pd.RangeIndex(len(index), len(index) + n_steps, name=index.name)
    if isinstance(index, pd.DatetimeIndex):
        return _dates_after(index, distance, n_steps)
    last = index.to_numpy()[-1].item() if is_number(index) else index[-1]
    times = [last + (k + 1) * distance for k in range(n_steps)]
    return (
        pd.PeriodIndex(times, name=index.name)
        if _is_period(index)
        else pd.Index(times, name=index.name)
    )


def _dates_after(index: Any, distance: Any, n_steps: int) -> pd.DatetimeIndex:
    import pandas as pd

    absolute = isinstance(distance, (pd.Timedelta, pd.tseries.offsets.Tick))
    last = index[-1] if absolute else index[-1].tz_localize(None)
    # By way of NumPy, which keeps the unit: as objects, dates of long ago would not fit into nanoseconds.
    ahead = pd.DatetimeIndex(np.array([(last + (k + 1) * distance).asm8 for k in range(n_steps)]))
    if index.tz is not None and absolute:
        ahead = ahead.tz_localize("UTC").tz_convert(index.tz)
    elif index.tz is not None:
        ahead = ahead.tz_localize(
            index.tz, ambiguous=np.ones(n_steps, dtype=bool), nonexistent="shift_forward"
        )
    # By the clock on a wall that is changed, a time may not exist, and no frequency fits.
    frequency = index.freq if index.tz is None or absolute else None
    return pd.DatetimeIndex(ahead, name=index.name, freq=frequency)  # type: ignore[arg-type]


def _as_times(index: Any) -> Any:
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


def _is_time(index: Any) -> bool:
    import pandas as pd

    return index is not None and (
        isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)) or is_number(index)
    )


def _is_period(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.PeriodIndex)


def _warn_of_dates_in_words(indexes: list[Any]) -> None:
    for index in indexes:
        first = None if index is None or _is_time(index) else index[0]
        if isinstance(first, str) and _DATE.match(first):
            warn(
                f"The index of X holds dates as text, {first!r}: rows are taken as equally spaced. "
                "pandas.to_datetime makes dates of them."
            )
            return


def _where(name: str) -> str:
    return "The index of X" if name == "X" else f"The index of {name}"


def _check_sorted(index: Any, sequence: Any) -> None:
    where = _where(sequence.name)
    # Numbers may have been the numbers of rows once, before rows were drawn or tables put below each other.
    rows = is_number(index) and not sequence.named
    if index.hasnans:
        missing = index.isna()
        raise ValueError(
            f"{where} must hold a time in every row; got {index[missing][0]} in row {missing.argmax()}."
        )
    if not index.is_unique:
        cure = " Give several sequences as a list, or one after reset_index(drop=True)."
        raise ValueError(
            f"{where} must not repeat a time; got {index[index.duplicated()][0]} twice.{cure if rows else ''}"
        )
    if index.is_monotonic_increasing:
        if is_number(index) and not np.isfinite(index[[0, -1]].to_numpy()).all():
            end = 0 if np.isinf(index[0]) else len(index) - 1
            raise ValueError(f"{where} must hold finite times; got {index[end]} in row {end}.")
        return
    try:
        late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
    except TypeError:
        raise ValueError(
            f"{where} must hold times of one kind; got {index.inferred_type} ones."
        ) from None
    cure = ", or use reset_index(drop=True) if the rows are in the order of time"
    raise ValueError(
        f"{where} must be sorted by time; got {index[late]} after {index[late - 1]}. Sort it{cure if rows else ''}."
    )


def _check_skips(steps: IntArray, index: Any, name: str) -> None:
    where = _where(name)
    late = first_date_written_as_a_number(index, steps) if is_number(index) else None
    if late is not None:
        raise ValueError(
            f"{where} must hold dates as dates; got the number {index[late]} after {index[late - 1]}. "
            "pandas.to_datetime makes dates of text, with format='%Y%m%d' or '%Y%m'."
        )
    if steps[-1] <= _MAX_SKIPPED * len(index) + 10_000:
        return
    at = int(np.diff(steps).argmax())
    cure = ", or use reset_index(drop=True) if its numbers are no times" if is_number(index) else ""
    raise ValueError(
        f"{where} must not skip more than {_MAX_SKIPPED} times its rows; got {int(np.diff(steps)[at]) - 1} "
        f"steps skipped after {index[at]}. Split X into sequences there{cure}."
    )


def _mean_distance(index: Any) -> Any:
    """Distance of irregular times, by which a forecast goes on; None where there is none."""
    if not _is_time(index) or _is_period(index) or len(index) < 2:
        return None
    return mean_distance(index) if is_number(index) else (index[-1] - index[0]) / (len(index) - 1)


def _clock(indexes: list[Any]) -> _Clock | None:
    """Find the step that all times are multiples of; None where there is none."""
    import pandas as pd

    first = indexes[0]
    if all(map(is_number, indexes)):
        found = count_numbers(indexes)
        return found and _Clock(*found)
    if len({(type(index), str(getattr(index, "tz", None))) for index in indexes}) > 1:
        return None
    if _is_period(first):
        return _periods(indexes)
    frequency = first.freq
    if frequency is not None and all(index.freq == frequency for index in indexes):
        # pandas itself vouches that no step is skipped. Older ones take a day for 24 hours, also where clocks change.
        days = isinstance(frequency, pd.offsets.Day) and not isinstance(first, pd.TimedeltaIndex)
        return _Clock(None, pd.DateOffset(days=frequency.n) if days else frequency)
    unit: _Unit = max((index.unit for index in indexes), key=("s", "ms", "us", "ns").index)
    indexes = [index.as_unit(unit) for index in indexes]
    if isinstance(first, pd.TimedeltaIndex):
        return _ticks(indexes, unit)
    return _months(indexes, unit) or _days(indexes, unit) or _ticks(indexes, unit)


def _periods(indexes: list[Any]) -> _Clock | None:
    multiple = indexes[0].freq.n
    if any(index.freq != indexes[0].freq for index in indexes):
        return None
    ticks = [index.asi8 - index.asi8[0] for index in indexes]
    if any((tick % multiple).any() for tick in ticks):
        return None
    return _Clock([tick // multiple for tick in ticks], 1)


def _ticks(indexes: list[Any], unit: _Unit) -> _Clock | None:
    """Equal distances in absolute time."""
    import pandas as pd

    found = regular([index.asi8 for index in indexes])
    return found and _Clock(
        found[0], pd.Timedelta(found[1], unit=unit) if len(_joined(indexes)) else None
    )


def _joined(indexes: list[Any]) -> IntArray:
    return np.concatenate([index.asi8[1:] for index in indexes])


def _days(indexes: list[Any], unit: _Unit) -> _Clock | None:
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
            return _Clock(working, pd.offsets.BDay())
    return _Clock(found[0], pd.DateOffset(days=int(found[1] // day)))


def _months(indexes: list[Any], unit: _Unit) -> _Clock | None:
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
        return _Clock(found[0], pd.DateOffset(months=k))
    for offset in (pd.offsets.MonthEnd(k), pd.offsets.BMonthEnd(k), pd.offsets.BMonthBegin(k)):
        if all(offset.is_on_offset(time) for time in local.normalize()):
            return _Clock(found[0], offset)
    return None
