"""What both imputation engines are given: one standardised table with gaps, its clock and its priors."""

from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """An imputation problem in the units of the engines: every column transformed, centred and scaled.

    Rows are the rows that were given: skipped steps of the clock have none, and show as jumps in `steps`.
    """

    z: np.ndarray  # (T, D) float, NaN where missing; centred, standard deviation 1 over the observed cells
    offsets: np.ndarray  # (N + 1,) int64, where each sequence starts
    steps: np.ndarray  # (T,) int64, clock step of each row, increasing within a sequence
    covariates: np.ndarray  # (T, F) float, terms of the season, complete, without an intercept
    lags: int  # L, steps before and after that a regression sees
    lag_features: str  # "all", lags of every column, or "own", lags of the column itself
    noise: str  # "normal" or "student_t"
    prior_scale: float  # variance of the coefficients of a regression a priori
    low: np.ndarray  # (D,) float, where draws are turned back, far outside what was observed
    high: np.ndarray  # (D,) float
    lower: np.ndarray  # (D,) float, bounds of the user on this scale; -inf where there are none
    upper: np.ndarray  # (D,) float, inf where there are none

    @property
    def missing(self):
        """(T, D) bool."""
        return np.isnan(self.z)


def longest_gaps(problem):
    """Longest run of steps missing in one column, and in all columns at once.

    A run ends where its sequence does and at skipped steps.
    """
    missing = problem.missing
    start = np.zeros(len(missing), dtype=bool)
    start[problem.offsets[:-1]] = True
    start[1:] |= np.diff(problem.steps) != 1
    single = max((_longest(column, start) for column in missing.T), default=0)
    return single, _longest(missing.all(axis=1), start)


def _longest(missing, start):
    """Longest run of True that no start but its first lies in."""
    begins = missing & (start | ~np.concatenate([[False], missing[:-1]]))
    run = np.cumsum(begins)[missing]
    return int(np.bincount(run).max()) if run.size else 0
