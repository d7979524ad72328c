"""Levels of the sequences of a panel, drawn given their regressions and a normal distribution that all levels share.

The table holds deviations from the levels: observed cells are what was observed less the level of their sequence, and
the deviations of missing cells are unknowns of their own. A level therefore enters the equations of its column by the
observed cells only, and of a column that a sequence never saw it is drawn from what all share.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.imputation.column_gaps import _predict


class SequenceRows(NamedTuple):
    """Where sequences lie in a table laid out by the clock, and what is known of it."""

    first: np.ndarray  # (S,) int64, first row of each sequence
    stop: np.ndarray  # (S,) int64, the row after its last
    observed: np.ndarray  # (Tp, D) bool
    regression: np.ndarray  # (Tp,) int64, regression that each row is served by; -1 for empty rows


@kernel
def _slope(theta, observed, k, j, t, L):
    """By how much the error of the equation of cell (t, j) falls as the level rises."""
    D = observed.shape[1]
    c = 1.0 if observed[t, j] else 0.0
    for lag in range(1, L + 1):
        if observed[t - lag, j]:
            c -= theta[k, j, (L - lag) * D + j]
    return c


@kernel
def _likelihood(table, rows, fits, s, j):
    """Precision of the step of a level that its equations imply, and precision times mean."""
    W, F = table.W, table.F
    L = (fits.theta.shape[2] - F.shape[1]) // W.shape[1] // 2
    precision, right = 0.0, 0.0
    for t in range(rows.first[s], rows.stop[s]):
        k = rows.regression[t]
        if k < 0:
            continue
        c = _slope(fits.theta, rows.observed, k, j, t, L)
        if c == 0.0:
            continue
        w = 1.0 / fits.tau2[k, j]
        if table.weights.size:
            w *= table.weights[t, j]
        right += c * w * (W[t, j] - _predict(W, F, fits.theta, k, j, t))
        precision += c * c * w
    return precision, right


@entry
def draw_levels(rng, table, rows, fits, columns, K, levels):
    """Redraw the levels (S, D) of some columns, and keep the deviations of the table in step.

    columns : (I,) int64; K : (I, I) precision of the levels of these columns.
    """
    W = table.W
    for s in range(rows.first.size):
        for i in range(columns.size):
            j = columns[i]
            precision, right = _likelihood(table, rows, fits, s, j)
            old = levels[s, j]
            right += precision * old
            for other in range(columns.size):
                if other != i:
                    right -= K[i, other] * levels[s, columns[other]]
            precision += K[i, i]
            new = right / precision + rng.standard_normal() / np.sqrt(precision)
            levels[s, j] = new
            for t in range(rows.first[s], rows.stop[s]):
                if rows.observed[t, j]:
                    W[t, j] -= new - old
