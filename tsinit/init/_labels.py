"""What strategies for labels share: how many states, rows ready to be clustered, and the way back to all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_count
from tsinit.init._scaling import standardise
from tsinit.init._windows import fill_linear, place_in_sequence

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray

_MAX_STATES, _ROWS_PER_STATE = 10, 50


class StandardisedRows(NamedTuple):
    """A series in standard units, as strategies for labels use it."""

    z: np.ndarray  # (T, D) standardised, NaN where missing
    full: np.ndarray  # (T, D) the same, gaps interpolated within each sequence
    observed: np.ndarray  # (T,) whether anything was observed


def wanted_states(n_states: int | None, T: int) -> int:
    """Decide how many states to look for.

    Parameters
    ----------
    n_states : int or None
        As the model or the user gave it.
    T : int
        Rows.

    Returns
    -------
    int
        n_states, or where it is None one for every 50 rows, at least 2 and at most 10: more than most series
        have, because a model that infers their number merges states more easily than it splits them.

    Raises
    ------
    ValueError
        If n_states is no whole number from 1.
    """
    if n_states is None:
        return min(_MAX_STATES, max(2, T // _ROWS_PER_STATE))
    return check_count("n_states", n_states)


def prepare(y: FloatArray, offsets: IntArray | None) -> StandardisedRows:
    """Standardise the columns and interpolate the gaps."""
    z, _, _ = standardise(y)
    return StandardisedRows(z, fill_linear(z, offsets), np.asarray(~np.isnan(z).all(axis=1)))


def bounds(T: int, offsets: IntArray | None) -> IntArray:
    """Starts of the sequences and the end of the last: (N + 1,) int64."""
    return np.array([0, T] if offsets is None else offsets, dtype=np.int64)


def count_distinct(rows: FloatArray, maximum: int) -> int:
    """Count different rows, but no further than `maximum`: there can be no more clusters than that."""
    few = np.unique(rows[: 20 * maximum], axis=0) if len(rows) else rows
    if len(few) < maximum and len(rows) > 20 * maximum:
        few = np.unique(rows, axis=0)
    return min(len(few), maximum)


def finish(labels: IntArray, observed: BoolArray, offsets: IntArray | None) -> IntArray:
    """Give labels of the rows that were observed to all rows, and number them without holes.

    A row that was never observed takes the label of the last one observed before it in its sequence, else of the next
    in its sequence, else (a sequence without data) of the sequence before, else of the one after; 0 where
    nothing was observed.

    Parameters
    ----------
    labels : (T,) int
        Anything where `observed` is False.
    observed : (T,) bool
        Rows of which at least one value was observed.
    offsets : (N + 1,) int or None
        Where each sequence starts.

    Returns
    -------
    (T,) int64
        Values 0 .. K - 1, all of which occur.
    """
    if not observed.any():
        return np.zeros(len(observed), dtype=np.int64)
    T, rows = len(observed), np.arange(len(observed))
    before = np.maximum.accumulate(np.where(observed, rows, -1))
    after = np.minimum.accumulate(np.where(observed, rows, T)[::-1])[::-1]
    first = rows - place_in_sequence(T, offsets)
    stop = bounds(T, offsets)[1:]
    end = stop[np.searchsorted(stop, rows, side="right")]
    source = np.where(before >= 0, before, after)
    source = np.where(after < end, after, source)
    source = np.where(before >= first, before, source)
    return compact(labels[source])


def compact(labels: IntArray) -> IntArray:
    """Number labels 0 .. K - 1 without holes, in their order."""
    return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


def seed(rng: np.random.Generator) -> int:
    """Draw a ``random_state`` for scikit-learn."""
    return int(rng.integers(2**31 - 1))
