"""Numbers as times: counts, years, seconds; their step, and the steps that they skip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray, IntArray

_TOLERANCE = 0.02  # of a step: by how much labels may scatter about even ones, whatever they are
_ROUNDED = 0.2  # and where they were rounded to one of these decimals, as 1949.08 and 1949.17
_DECIMALS = (1, 2, 3)
_FARTHEST = 2.0**53  # steps that floats can count; far more than any table may skip


def as_numbers(index: Any) -> Any:
    """Bring numbers held as objects, categories or nullable ones to int64 or float64; leave others as they are."""
    import pandas as pd

    if isinstance(index.dtype, pd.CategoricalDtype):
        index = pd.Index(index.to_numpy(), name=index.name)
    if index.dtype == object:
        kind = index.inferred_type
        if kind not in ("integer", "floating", "mixed-integer-float", "decimal"):
            return index
        try:
            return index.astype("int64" if kind == "integer" else "float64")
        except (OverflowError, TypeError, ValueError):
            return index
    if is_number(index) and not isinstance(index.dtype, np.dtype):
        whole = pd.api.types.is_integer_dtype(index) and not index.hasnans
        values = index.to_numpy(
            dtype="int64" if whole else "float64", na_value=0 if whole else np.nan
        )
        return pd.Index(values, name=index.name)
    return index


def is_number(index: Any) -> bool:
    """Whether an index holds real numbers; truth values are labels."""
    import pandas as pd

    return index.nlevels == 1 and pd.api.types.is_any_real_numeric_dtype(index)


def is_row_count(index: Any) -> bool:
    """Whether an index is the one that pandas gives to a table without: 0, 1, 2, ..."""
    import pandas as pd

    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def number_times(indexes: list[Any]) -> FloatArray | None:
    """Return the numbers of all rows as floats; None where an index holds others, or only counts rows."""
    indexes = [None if index is None else as_numbers(index) for index in indexes]
    if any(index is None or not is_number(index) or is_row_count(index) for index in indexes):
        return None
    return np.concatenate([index.to_numpy(dtype=np.float64) for index in indexes])


def count_numbers(indexes: list[Any]) -> tuple[list[IntArray], int | float | None] | None:
    """Count the steps of sorted, distinct numbers from the first of each sequence.

    Parameters
    ----------
    indexes : list of pandas.Index
        One for each sequence; all share one step.

    Returns
    -------
    (steps, distance) or None
        None where they are not multiples of one step. The distance is None where no sequence has two rows of which it
        could be learned; whole numbers are then 1 apart.
    """
    import pandas as pd

    values = [index.to_numpy() for index in indexes]
    if all(pd.api.types.is_integer_dtype(index) for index in indexes):
        # From the first on, because numbers beyond int64 may still lie close together.
        return regular([(value - value[:1]).astype(np.int64) for value in values])
    with np.errstate(all="ignore"):  # numbers whose distance is none are irregular
        return _regular_floats([value.astype(np.float64) for value in values])


def count_by_number(indexes: list[Any], step: float) -> list[IntArray] | None:
    """Count sorted, distinct numbers from the first of each sequence by a step given; None if they are no multiples."""
    values = [index.to_numpy().astype(np.float64) for index in indexes]
    with np.errstate(all="ignore"):
        since = [value - value[0] for value in values]
        counts = [np.rint(np.minimum(time / step, _FARTHEST)) for time in since]
        tolerance = _tolerance(values, step)
        near = all(
            np.abs(time - count * step).max() <= tolerance
            for time, count in zip(since, counts, strict=True)
        )
    if not near or any((np.diff(count) < 1).any() for count in counts):
        return None
    return [count.astype(np.int64) for count in counts]


def mean_distance(index: Any) -> int | float | None:
    """Distance of irregular numbers, by which a forecast goes on: that of whole numbers is whole."""
    if len(index) < 2:
        return None
    # Halves first, because the distance of two large numbers may be none.
    mean = (float(index[-1]) / 2 - float(index[0]) / 2) / (len(index) - 1) * 2
    return mean if index.dtype.kind == "f" else max(round(mean), 1)


def regular(counts: list[IntArray]) -> tuple[list[IntArray], int] | None:
    """Divide counts by their usual distance; (steps, distance), or None where that leaves a remainder."""
    distances = np.concatenate([np.diff(count) for count in counts])
    if not len(distances):
        return [np.zeros(len(count), dtype=np.int64) for count in counts], 1
    step = distances.min()
    if step <= 0 or (distances % step).any() or not _is_usual(step, distances):
        return None
    return [(count - count[0]) // step for count in counts], int(step)


def _is_usual(step: int, distances: IntArray) -> bool:
    """Tell whether the shortest distance is about the most frequent one, not an accident of irregular times."""
    often = int(np.count_nonzero(distances == step))
    if 2 * often >= len(distances):
        return True
    return 10 * often >= len(distances) and 2 * often >= int(
        np.unique(distances, return_counts=True)[1].max()
    )


def _regular_floats(values: list[FloatArray]) -> tuple[list[IntArray], float | None] | None:
    since = [value - value[0] for value in values]
    distances = np.concatenate([np.diff(value) for value in values])
    if not len(distances):
        return [np.zeros(len(value), dtype=np.int64) for value in values], None
    step = _float_step(distances)
    if not 0.0 < step < np.inf or not all(np.isfinite(time).all() for time in since):
        return None
    counts = [np.rint(np.minimum(time / step, _FARTHEST)) for time in since]
    apart = np.concatenate([np.diff(count) for count in counts])
    tolerance = _tolerance(values, step)
    even = all(
        np.ptp((time - count * step)[count < _FARTHEST]) <= tolerance
        for time, count in zip(since, counts, strict=True)
    )
    if not even or apart.min() < 1 or not _is_usual(1, apart.astype(np.int64)):
        return None
    return [count.astype(np.int64) for count in counts], step


def _tolerance(values: list[FloatArray], step: float) -> float:
    """By how much labels may scatter about even ones: a little, or what their rounding explains."""
    for decimals in _DECIMALS:
        if all((np.round(value, decimals) == value).all() for value in values):
            return max(_TOLERANCE * step, min(1.001 * 10.0**-decimals, _ROUNDED * step))
    return _TOLERANCE * step


def _float_step(distances: FloatArray) -> float:
    """Step of which distances are multiples up to rounding, learned from short ones first.

    One distance of rounded labels is off by a percent, and would miscount a hundred steps; the mean of many is not.
    """
    step, reach = distances.min(), 1.5
    while True:
        near = distances[distances / reach < step]
        step = near.sum() / np.rint(near / step).sum()
        if len(near) == len(distances) or not reach < _FARTHEST:
            return float(step)
        reach *= 2.0


def first_date_written_as_a_number(index: Any, steps: IntArray) -> int | None:
    """Find where numbers are dates without hyphens, 20200131 before 20200201, which would skip 69 steps there.

    Parameters
    ----------
    index : pandas.Index
        Sorted numbers.
    steps : (rows,) int64
        As `count_numbers` counts them.

    Returns
    -------
    int or None
        The first row at which the calendar and the numbers go different ways; None where every number may be one.
    """
    if len(index) < 3 or (np.diff(steps) == 1).all():
        return None
    values = index.to_numpy()
    if values.dtype.kind == "f":  # 2020.12 before 2021.01
        if values[-1] > 2201 or np.abs(values * 100 - np.rint(values * 100)).max() > 1e-6:
            return None
        values = np.rint(values * 100)
    calendar = _calendar(values)
    if calendar is None:
        return None
    differ = np.diff(calendar) != np.diff(values)
    return int(differ.argmax()) + 1 if differ.any() else None


def read_dates(values: Any) -> pd.DatetimeIndex | None:
    """Read numbers as dates without hyphens, where that makes a difference; None where every number may be one."""
    import pandas as pd

    calendar = _calendar(values)
    if calendar is None or (np.diff(calendar) == np.diff(values)).all():
        return None
    return pd.to_datetime(
        pd.Index(values).astype(str), format="%Y%m%d" if values[0] > 1e7 else "%Y%m"
    )


def _calendar(values: Any) -> IntArray | None:
    """Months or days of numbers that are dates of the last or the next two hundred years."""
    smallest, largest = values.min(), values.max()
    if smallest >= 180001 and largest <= 220012:
        year, month = np.divmod(values.astype(np.int64), 100)
        day = np.ones_like(month)
    elif smallest >= 18000101 and largest <= 22001231 and values.dtype.kind != "f":
        year, rest = np.divmod(values.astype(np.int64), 10_000)
        month, day = np.divmod(rest, 100)
    else:
        return None
    if month.min() < 1 or month.max() > 12 or day.min() < 1 or day.max() > 31:
        return None
    months = year * 12 + month - 1
    if largest <= 220012:
        return months
    first = (months - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + day
