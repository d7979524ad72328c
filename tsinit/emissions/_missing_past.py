"""Missing values of autoregressive rows, given the states: one Gaussian of all of them, with a banded precision.

A missing value stands in its own row and in the past of the p rows after it. In the order of rows and columns, values
are tied to those of the last p rows only, so the precision has a band, whose factor gives draws and densities without
approximation, however long a gap is. Rows without p rows of their sequence before them are standard normal.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel, kernel_with_memory

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._regression import AutoregressiveParams, RowsWithPast

LOG_2PI = math.log(2.0 * math.pi)
_MIN_PIVOT = 1e-14  # of the diagonal: what rounding may have made negative


class MissingValues(NamedTuple):
    """Where values are missing, in the order of rows."""

    first: np.ndarray  # (T + 1,) those of row t: first[t]:first[t + 1]
    row: np.ndarray  # (m,)
    column: np.ndarray  # (m,)
    band: int  # how far apart, in this order, values may be that share a row or its past


def list_missing(y: FloatArray, n_before: IntArray, order: int) -> MissingValues:
    """List the missing values of y (T, D)."""
    gap = np.isnan(y)
    first = np.concatenate([[0], np.cumsum(gap.sum(axis=1))]).astype(np.int64)
    row, column = (part.astype(np.int64) for part in np.nonzero(gap))
    rows = np.arange(len(y))
    earliest = rows - np.minimum(n_before, order)
    band = int((first[1:] - first[earliest]).max(initial=1)) - 1
    return MissingValues(first, row, column, max(band, 0))


@kernel
def _add_row(
    params: AutoregressiveParams,
    data: RowsWithPast,
    missing: MissingValues,
    t: int,
    k: int,
    P: FloatArray,
    h: FloatArray,
    C: FloatArray,
) -> None:
    """Add what row t says of missing values to the precision P and the gradient h; C (D, band + 2) is a workspace."""
    D, q = data.y.shape[1], params.whitened.shape[2]
    p = (q - 1) // D
    end = missing.first[t + 1]
    if data.n_before[t] < p:
        for a in range(missing.first[t], end):
            P[a, 0] += 1.0
            h[a] -= data.y[t, missing.column[a]]
        return
    begin = missing.first[t - p]
    m = end - begin
    if m == 0:
        return
    for i in range(D):
        r = -params.whitened[k, i, 0]
        for j in range(i + 1):
            r += params.whiten[k, i, j] * data.y[t, j]
        for lag in range(p):
            for j in range(D):
                r -= params.whitened[k, i, 1 + lag * D + j] * data.y[t - 1 - lag, j]
        C[i, m] = r
        for a in range(m):
            lag, j = t - missing.row[begin + a], missing.column[begin + a]
            if lag == 0:
                C[i, a] = params.whiten[k, i, j]
            else:
                C[i, a] = -params.whitened[k, i, 1 + (lag - 1) * D + j]
    for a in range(m):
        for b in range(a + 1):
            x = 0.0
            for i in range(D):
                x += C[i, a] * C[i, b]
            P[begin + a, a - b] += x
        x = 0.0
        for i in range(D):
            x += C[i, a] * C[i, m]
        h[begin + a] -= x


@kernel_with_memory
def _factor(
    params: AutoregressiveParams, data: RowsWithPast, missing: MissingValues, z: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Factor R of the precision, R[a, d] in row a and column a - d, and R^-1 h.

    h is the gradient of the log density in the missing values where `data` has them filled in: their mean is what is
    filled in plus R^-T R^-1 h.
    """
    m, width = missing.row.size, missing.band + 1
    P, h = np.zeros((m, width)), np.zeros(m)
    C = np.empty((data.y.shape[1], width + 1))
    for t in range(z.size):
        _add_row(params, data, missing, t, z[t], P, h, C)
    for a in range(m):
        lowest = max(0, a - width + 1)
        for b in range(lowest, a + 1):
            x = P[a, a - b]
            limit = _MIN_PIVOT * x
            for c in range(max(lowest, b - width + 1), b):
                x -= P[a, a - c] * P[b, b - c]
            P[a, a - b] = math.sqrt(max(x, limit)) if a == b else x / P[b, 0]
        x = h[a]
        for c in range(lowest, a):
            x -= P[a, a - c] * h[c]
        h[a] = x / P[a, 0]
    return P, h


@entry
def fill(
    rng: np.random.Generator,
    params: AutoregressiveParams,
    data: RowsWithPast,
    missing: MissingValues,
    z: IntArray,
) -> None:
    """Draw all missing values together, given states, parameters and what is observed, into data.y.

    data.y must have them filled in, with whatever numbers.
    """
    R, h = _factor(params, data, missing, z)
    m, width = R.shape
    for a in range(m - 1, -1, -1):
        x = h[a] + rng.standard_normal()
        for b in range(a + 1, min(a + width, m)):
            x -= R[b, b - a] * h[b]
        h[a] = x / R[a, 0]
    for a in range(m):
        data.y[missing.row[a], missing.column[a]] += h[a]


@entry
def log_gain(
    params: AutoregressiveParams, data: RowsWithPast, missing: MissingValues, z: IntArray
) -> float:
    """What integrating out the missing values adds to the log density of data.y, in which they are filled in."""
    R, h = _factor(params, data, missing, z)
    total = 0.5 * h.size * LOG_2PI
    for a in range(h.size):
        total += 0.5 * h[a] * h[a] - math.log(R[a, 0])
    return total
