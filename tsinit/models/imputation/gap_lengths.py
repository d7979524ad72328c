"""How long the gaps of a table are, in steps of its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.imputation.problem import ImputationProblem

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, IntArray


def longest_gaps(problem: ImputationProblem) -> tuple[int, int]:
    """Longest run of steps of which nothing is known in one column, and in all columns at once.

    A run ends where its sequence does and at skipped steps.
    """
    missing = np.asarray(problem.unknown.all(axis=1))
    whole = _runs(missing, _starts(problem))
    return int(run_lengths(problem).max(initial=0)), int(whole.max(initial=0))


def run_lengths(problem: ImputationProblem) -> IntArray:
    """(T, D) length of the run of cells, of which nothing is known, that each cell lies in; 0 outside."""
    start = _starts(problem)
    return np.column_stack([_runs(column, start) for column in problem.unknown.T])


def _starts(problem: ImputationProblem) -> BoolArray:
    """Rows before which a sequence ends or steps are skipped."""
    start = np.zeros(len(problem.z), dtype=bool)
    start[problem.offsets[:-1][np.diff(problem.offsets) > 0]] = True
    start[1:] |= np.diff(problem.steps) != 1
    return start


def _runs(missing: BoolArray, start: BoolArray) -> IntArray:
    """(T,) length of the run of True that each row lies in and no start but its first; 0 outside."""
    begins = missing & (start | ~np.concatenate([[False], missing[:-1]]))
    run = np.cumsum(begins)
    return np.where(missing, np.bincount(run, missing)[run], 0).astype(int)
