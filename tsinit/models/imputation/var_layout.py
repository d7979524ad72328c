"""How a vector autoregression sees a table: segments without holes, rows that the clock skipped, cells to draw."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.imputation import var_gaps

_BRIDGED = (
    10  # holes of up to this many times the lags are rows without values; longer ones end a segment
)

_HARMONICS = 4  # of a period, by which its covariates are known


class Layout(NamedTuple):
    """Rows of the engine: those given, and those that the clock skipped in a short hole."""

    rows: np.ndarray  # (T,) int64, place of each row given
    before: np.ndarray  # (n,) int64, rows of its segment before a row, at most L
    stop: np.ndarray  # (n,) int64, where its segment ends
    steps: np.ndarray  # (n,) int64, clock
    sequence: np.ndarray  # (n,) int64, number of its sequence
    covariates: np.ndarray  # (n, F)


def season(steps, period, harmonics):
    """Fourier terms (n, k) of the clock, of variance 1: two for each harmonic, one where it takes two steps."""
    columns = []
    for k in range(1, min(harmonics, int(period) // 2) + 1):
        angle = 2.0 * np.pi * k / period * steps
        columns += (
            [np.cos(angle)]
            if 2 * k == period
            else [np.sqrt(2.0) * np.sin(angle), np.sqrt(2.0) * np.cos(angle)]
        )
    return np.column_stack(columns) if columns else np.zeros((len(steps), 0))


def seasonal(problem, periods):
    """Tell which covariates are functions of the phase, and how.

    Returns
    -------
    known : (F,) bool
    weights : (k, F) float
        Of the Fourier terms and of 1, that give the covariates which are known.
    """
    F = problem.covariates.shape[1]
    if not len(periods) or F == 0:
        return np.zeros(F, dtype=bool), np.zeros((1, F))
    terms = _terms(problem.steps, periods)
    weights = np.linalg.lstsq(terms, problem.covariates, rcond=None)[0]
    return np.abs(terms @ weights - problem.covariates).max(axis=0) < 1e-6, weights


def lay_out(problem, periods=()):
    """Cut the table into segments.

    Where the clock skips up to 10 L steps, rows without a value stand in for them: a state that passes through them
    still links both sides. A longer hole starts a new segment, and any hole does where a covariate is more than a
    function of the phase, because nobody knows its values there.
    """
    T, L = len(problem.z), problem.lags
    known, weights = seasonal(problem, periods)
    sequence = np.repeat(np.arange(len(problem.offsets) - 1), np.diff(problem.offsets))
    jump = np.diff(problem.steps, prepend=problem.steps[:1])
    begins = np.zeros(T, dtype=bool)
    begins[problem.offsets[:-1][np.diff(problem.offsets) > 0]] = True
    begins |= jump > (_BRIDGED * L if known.all() else 1)
    skipped = np.where(begins, 0, jump - 1)
    rows = np.arange(T) + np.cumsum(skipped)
    n = int(rows[-1]) + 1
    # A row that stands in belongs to the next one given.
    owner = np.searchsorted(rows, np.arange(n))
    first = np.maximum.accumulate(np.where(begins, rows, 0))[owner]
    place = np.arange(n) - first
    stops = np.append(rows[np.flatnonzero(begins)][1:], n)
    stop = stops[np.cumsum(begins)[owner] - 1]
    steps = problem.steps[owner] - (rows[owner] - np.arange(n))
    covariates = problem.covariates[owner]
    away = rows[owner] != np.arange(n)
    if away.any() and len(known):
        covariates[away] = _terms(steps[away], periods) @ weights
    return Layout(
        rows.astype(np.int64),
        np.minimum(place, L).astype(np.int64),
        stop.astype(np.int64),
        steps,
        sequence[owner].astype(np.int64),
        covariates,
    )


def _terms(steps, periods):
    return np.hstack(
        [*(season(steps, period, _HARMONICS) for period in periods), np.ones((len(steps), 1))]
    )


def missing_cells(missing, layout, L):
    """List the cells that are missing (n, D), with the room for their precision matrix."""
    row, column = (part.astype(np.int64) for part in np.nonzero(missing))
    stop = layout.stop[row]
    first, place = np.empty(row.size, dtype=np.int64), np.empty(row.size, dtype=np.int64)
    entries = var_gaps.profile(row, stop, np.int64(L), first, place)
    return var_gaps.Cells(row, column, stop, first, place, np.empty(entries), np.empty(row.size))
