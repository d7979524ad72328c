"""What strategies for complete tables share: seen cells kept to the last bit, columns never seen, runs of sequences."""

from itertools import pairwise

import numpy as np

from tsinit.init._labels import bounds


def keep_seen(y, filled):
    """Table with the seen cells of y, and `filled` where y is NaN."""
    return np.where(np.isnan(y), filled, y)


def by_sequence(y, offsets, fill_column):
    """Fill each column of each sequence by itself.

    A column that a sequence never saw takes its mean over all sequences, and 0 where none saw it.

    Parameters
    ----------
    y : (T, D) float
        NaN where missing.
    offsets : (N + 1,) int or None
    fill_column : callable
        ``fill_column(values, seen, slice)``: the stretch of the column that the slice takes, and where it is
        seen; gives a complete stretch.

    Returns
    -------
    (T, D) float
        A new table; seen cells as they are.
    """
    out, average = np.array(y), column_means(y)
    limits = bounds(len(y), offsets)
    for j, column in enumerate(y.T):
        seen = ~np.isnan(column)
        if seen.all():
            continue
        for a, b in pairwise(limits):
            part = slice(a, b)
            if seen[part].all():
                continue
            stretch = (
                fill_column(column[part], seen[part], part) if seen[part].any() else average[j]
            )
            out[part, j] = np.where(seen[part], column[part], stretch)
    return out


def interpolate(y, offsets, times):
    """Straight lines over `times` (T,), sequence by sequence."""

    def lines(values, seen, part):
        t = times[part]
        return np.interp(t, t[seen], values[seen])

    return by_sequence(y, offsets, lines)


def column_means(y):
    """Mean (D,) of what was seen of each column; 0 where nothing was."""
    seen = ~np.isnan(y)
    count = np.maximum(seen.sum(axis=0), 1)
    # Measured from a seen value, so that a large mean costs no digits.
    first = np.where(seen.any(axis=0), y[seen.argmax(axis=0), np.arange(y.shape[1])], 0.0)
    return first + np.where(seen, y - first, 0.0).sum(axis=0) / count


def clock(T, offsets, times):
    """Times (T,) of the rows: as given, or places in their sequences."""
    if times is None:
        limits = bounds(T, offsets)
        return np.arange(T, dtype=float) - np.repeat(limits[:-1], np.diff(limits))
    return np.asarray(times, dtype=float)


def one_period(period):
    """Shortest of the periods that a model offers, or the one given; None where there is none."""
    if period is None or np.size(period) == 0:
        return None
    return float(np.min(period))
