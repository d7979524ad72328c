"""Time indexes: their order, the steps they skip, and how they go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.clocks import FittedStep, as_times, find_clock, is_period, is_time
from tsinit._validate.fitted_step import by_fitted_step
from tsinit._validate.number_times import (
    first_date_written_as_a_number,
    is_number,
    is_row_count,
    mean_distance,
)
from tsinit._validate.values import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import IntArray

_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
MAX_SKIPPED = 50  # times the rows given; a longer skip is more likely two sequences than one


def count_steps(
    sequences: Sequence[Any], fitted: FittedStep | None = None
) -> tuple[list[IntArray] | None, Any]:
    """Count the time steps of each sequence from its first row; skipped steps leave holes.

    Times are dates, periods, durations and numbers. All sequences share one step, so that one that was observed only
    every second hour is not taken for one that moves half as fast. Other indexes are labels of consecutive rows.

    Parameters
    ----------
    sequences : list
        With fields name, size, index (pandas, or None), and whether the index is `named` as the time.
    fitted : FittedStep or None
        Count by this step where the times are multiples of it, and warn where they have another.

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
    indexes = [as_times(sequence.index) for sequence in sequences]
    for sequence, index in zip(sequences, indexes, strict=True):
        if is_time(index) or sequence.named:
            _check_sorted(index, sequence)
    _warn_of_times_in_words(indexes)
    # Among sequences with times, one without, or with row numbers only, counts its rows.
    timed = [i for i, index in enumerate(indexes) if is_time(index)]
    dated = [i for i in timed if not is_row_count(indexes[i])]
    if not dated:
        return None, 1 if is_time(indexes[-1]) else None
    mine = timed if all(is_number(indexes[i]) for i in dated) else dated
    clock = find_clock([indexes[i] for i in mine])
    if fitted is not None:
        clock = by_fitted_step([indexes[i] for i in mine], clock, fitted)
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

    index = as_times(index)
    if distance is None:
        return pd.RangeIndex(len(index), len(index) + n_steps, name=index.name)
    if isinstance(index, pd.DatetimeIndex):
        return _dates_after(index, distance, n_steps)
    last = index.to_numpy()[-1].item() if is_number(index) else index[-1]
    times = [last + (k + 1) * distance for k in range(n_steps)]
    return (
        pd.PeriodIndex(times, name=index.name)
        if is_period(index)
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
    # By the clock on a wall that is changed, a time may not exist, and no frequency fits; nor where rows are counted by
    # the step of a fit.
    own = index.freq is not None and last + index.freq == last + distance
    frequency = index.freq if own and (index.tz is None or absolute) else None
    return pd.DatetimeIndex(ahead, name=index.name, freq=frequency)  # type: ignore[arg-type]


def _warn_of_times_in_words(indexes: list[Any]) -> None:
    for index in indexes:
        first = None if index is None or is_time(index) else index[0]
        if isinstance(first, str) and _DATE.match(first):
            warn(
                f"The index of X holds dates as text, {first!r}: rows are taken as equally spaced. "
                "pandas.to_datetime makes dates of them."
            )
            return
        if isinstance(first, str) and not _counts_on(index):
            warn(
                f"The index of X holds numbers as text, {first!r}: rows are taken as consecutive. If they are times, "
                "pandas.to_numeric makes numbers of them."
            )
            return


def _counts_on(labels: Any) -> bool:
    """Whether labels in words are no numbers that increase, or count rows without leaving any out."""
    if not all(isinstance(label, str) and _NUMBER.fullmatch(label) for label in labels):
        return True
    steps = np.diff(np.array(labels, dtype=np.float64))
    return bool((steps <= 0).any() or (steps == 1).all())


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
    if steps[-1] <= MAX_SKIPPED * len(index) + 10_000:
        return
    at = int(np.diff(steps).argmax())
    cure = ", or use reset_index(drop=True) if its numbers are no times" if is_number(index) else ""
    raise ValueError(
        f"{where} must not skip more than {MAX_SKIPPED} times its rows; got {int(np.diff(steps)[at]) - 1} "
        f"steps skipped after {index[at]}. Split X into sequences there{cure}."
    )


def _mean_distance(index: Any) -> Any:
    """Distance of irregular times, by which a forecast goes on; None where there is none."""
    if not is_time(index) or is_period(index) or len(index) < 2:
        return None
    return mean_distance(index) if is_number(index) else (index[-1] - index[0]) / (len(index) - 1)
