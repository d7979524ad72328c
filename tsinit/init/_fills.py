"""What strategies for complete tables share: observed cells kept to the last bit, and sequences apart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tsinit.init._labels import bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray, IntArray


def keep_observed(y: FloatArray, filled: ArrayLike) -> FloatArray:
    """Table with the observed cells of y, and `filled` where y is NaN."""
    return np.where(np.isnan(y), filled, y)


def by_sequence(
    y: FloatArray,
    offsets: IntArray | None,
    fill_column: Callable[[FloatArray, BoolArray, slice], FloatArray],
) -> FloatArray:
    """Fill each column of each sequence by itself.

    A column that a sequence never saw takes its mean over all sequences, and 0 where none saw it.

    Parameters
    ----------
    y : (T, D) float
        NaN where missing.
    offsets : (N + 1,) int or None
    fill_column : callable
        ``fill_column(values, observed, slice)``: the stretch of the column that the slice takes, and where it is
        observed; gives a complete stretch.

    Returns
    -------
    (T, D) float
        A new table; observed cells as they are.
    """
    out, average = np.array(y), column_means(y)
    limits = bounds(len(y), offsets)
    for j, column in enumerate(y.T):
        observed = ~np.isnan(column)
        if observed.all():
            continue
        for a, b in pairwise(limits):
            part = slice(a, b)
            if observed[part].all():
                continue
            stretch = (
                fill_column(column[part], observed[part], part)
                if observed[part].any()
                else average[j]
            )
            out[part, j] = np.where(observed[part], column[part], stretch)
    return out


def interpolate(y: FloatArray, offsets: IntArray | None, times: FloatArray) -> FloatArray:
    """Straight lines over `times` (T,), sequence by sequence."""

    def lines(values: FloatArray, observed: BoolArray, part: slice) -> FloatArray:
        t = times[part]
        return np.interp(t, t[observed], values[observed])

    return by_sequence(y, offsets, lines)


def column_means(y: FloatArray) -> FloatArray:
    """Mean (D,) of what was observed of each column; 0 where nothing was."""
    observed = ~np.isnan(y)
    count = np.maximum(observed.sum(axis=0), 1)
    # Measured from a observed value, so that a large mean costs no digits.
    first = np.where(observed.any(axis=0), y[observed.argmax(axis=0), np.arange(y.shape[1])], 0.0)
    return first + np.where(observed, y - first, 0.0).sum(axis=0) / count


def clock(T: int, offsets: IntArray | None, times: ArrayLike | None) -> FloatArray:
    """Times (T,) of the rows: as given, or places in their sequences."""
    if times is None:
        limits = bounds(T, offsets)
        return np.arange(T, dtype=float) - np.repeat(limits[:-1], np.diff(limits))
    return np.asarray(times, dtype=float)


def one_period(period: ArrayLike | None) -> float | None:
    """Shortest of the periods that a model offers, or the one given; None where there is none."""
    if period is None or np.size(period) == 0:
        return None
    return float(np.min(period))
