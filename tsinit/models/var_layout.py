"""How a vector autoregression sees a table: segments without holes, rows that the clock skipped, cells to draw."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import var_gaps

_BRIDGED = 10  # holes of up to this many times the lags are rows without values; longer ones end a segment


class Layout(NamedTuple):
    """Rows of the engine: those given, and those that the clock skipped in a short hole."""

    rows: np.ndarray   # (T,) int64, place of each row given
    before: np.ndarray  # (n,) int64, rows of its segment before a row, at most L
    stop: np.ndarray   # (n,) int64, where its segment ends
    steps: np.ndarray  # (n,) int64, clock
    sequence: np.ndarray  # (n,) int64, number of its sequence
    covariates: np.ndarray  # (n, F)


def lay_out(problem):
    """Cut the table into segments.

    Where the clock skips up to 10 L steps, rows without a value stand in for them: a state that passes through them
    still links both sides. Without that, nothing would. A longer hole, or one for which the covariates of the season
    are not known, starts a new segment.
    """
    T, L = len(problem.z), problem.lags
    sequence = np.repeat(np.arange(len(problem.offsets) - 1), np.diff(problem.offsets))
    jump = np.diff(problem.steps, prepend=problem.steps[:1])
    begins = np.zeros(T, dtype=bool)
    begins[problem.offsets[:-1][np.diff(problem.offsets) > 0]] = True
    longest = _BRIDGED * L if problem.covariates.shape[1] == 0 else 1
    begins |= jump > longest
    skipped = np.where(begins, 0, jump - 1).clip(0)
    rows = np.arange(T) + np.cumsum(skipped)
    n = int(rows[-1]) + 1
    # A row that stands in belongs to the next one given.
    owner = np.searchsorted(rows, np.arange(n))
    first = np.where(begins, rows - skipped, 0)
    first = np.maximum.accumulate(first)[owner]
    stops = np.append(rows[np.flatnonzero(begins)][1:], n)
    stop = stops[np.cumsum(begins)[owner] - 1]
    steps = problem.steps[owner] - (rows[owner] - np.arange(n))
    place = np.arange(n) - first
    return Layout(
        rows.astype(np.int64), np.minimum(place, L).astype(np.int64), stop.astype(np.int64), steps,
        sequence[owner].astype(np.int64), problem.covariates[owner],
    )


def missing_cells(missing, layout, L):
    """List the cells that are missing (n, D), with the room for their precision matrix."""
    row, column = (part.astype(np.int64) for part in np.nonzero(missing))
    stop = layout.stop[row]
    first, place = np.empty(row.size, dtype=np.int64), np.empty(row.size, dtype=np.int64)
    entries = var_gaps.profile(row, stop, np.int64(L), first, place)
    return var_gaps.Cells(row, column, stop, first, place, np.empty(entries))
