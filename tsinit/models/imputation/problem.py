"""What both imputation engines are given: one standardised table with gaps, its clock and its priors."""

from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """An imputation problem in the units of the engines: every column transformed, centred and scaled.

    Rows are the rows that were given: skipped steps of the clock have none, and show as jumps in `steps`.
    """

    z: (
        np.ndarray
    )  # (T, D) float, NaN where missing; centred, standard deviation 1 over the observed cells
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
    whole = _runs(problem.missing.all(axis=1), _starts(problem))
    return int(run_lengths(problem).max(initial=0)), int(whole.max(initial=0))


def run_lengths(problem):
    """(T, D) length of the run of missing cells that each cell lies in, 0 where it was observed."""
    start = _starts(problem)
    return np.column_stack([_runs(column, start) for column in problem.missing.T])


def _starts(problem):
    """Rows before which a sequence ends or steps are skipped."""
    start = np.zeros(len(problem.z), dtype=bool)
    start[problem.offsets[:-1][np.diff(problem.offsets) > 0]] = True
    start[1:] |= np.diff(problem.steps) != 1
    return start


def _runs(missing, start):
    """(T,) length of the run of True that each row lies in and no start but its first; 0 outside."""
    begins = missing & (start | ~np.concatenate([[False], missing[:-1]]))
    run = np.cumsum(begins)
    return np.where(missing, np.bincount(run, missing)[run], 0).astype(int)
