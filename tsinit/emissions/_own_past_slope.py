"""Slopes of the weighted log densities of `_own_past`, of rows behind gaps, in the parameters of one state.

The filter of a run of such rows is differentiated backwards, step after step: the whole gradient costs a few runs of
the filter, however many parameters there are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.emissions._own_past import (
    MAX_VARIANCE,
    MIN_VARIANCE,
    advance,
    observe_one,
    predict,
)
from tsinit.kernels._jit import entry, kernel, kernel_with_memory

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.emissions._regression import AutoregressiveParams, RowsWithPast

LOG_2PI = math.log(2.0 * math.pi)


class RowsBehindGaps(NamedTuple):
    """Rows of which a value, or one of their past, is missing, those with all of their past in the sequence."""

    row: np.ndarray  # (m,)
    begins: np.ndarray  # (m,) bool: the row before is none of them


class Slope(NamedTuple):
    """Gradient of the parameters of a state."""

    B: np.ndarray  # (D, q)
    noise: np.ndarray  # (D, D), symmetric


def rows_behind_gaps(data: RowsWithPast, order: int) -> RowsBehindGaps:
    """List them."""
    gap = np.isnan(data.y).any(axis=1)
    touched = gap.copy()
    for lag in range(1, order + 1):
        touched[lag:] |= gap[:-lag]
    row = np.flatnonzero(touched & (data.n_before >= order))
    before = np.diff(row, prepend=-2)
    return RowsBehindGaps(row, (before > 1) | (data.n_before[row] == order))


@kernel
def _begin(y: FloatArray, t: int, u: FloatArray, U: FloatArray) -> None:
    """Put the past of row t, the first of a run, where the filter wants it: missing are only first rows, N(0, 1)."""
    D, N = y.shape[1], u.size
    for h in range(D, N):
        value = y[t - h // D, h % D]
        u[h] = 0.0 if np.isnan(value) else value
        for g in range(D, N):
            U[h, g] = 0.0
        U[h, h] = 1.0 if np.isnan(value) else 0.0


@kernel_with_memory
def _back_through_value(
    h: FloatArray, i: int, e: float, weight: float, du: FloatArray, dU: FloatArray
) -> None:
    """Take the gradient of `observe_one` of column i back: h (N,) was column i of U, e the deviation."""
    N, v = h.size, max(h[i], MIN_VARIANCE)
    along, within = 0.0, 0.0
    for a in range(N):
        along += du[a] * h[a]
        for b in range(N):
            within += h[a] * dU[a, b] * h[b]
    of_e = (along - weight * e) / v
    of_v = (-0.5 * weight * (1.0 - e * e / v) - along * e / v + within / v) / v
    half = np.empty(
        N
    )  # of the gradient of row and column i each; dU is read until all of it is there
    for a in range(N):
        x = 0.5 * du[a] * e
        for b in range(N):
            x -= dU[a, b] * h[b]
        half[a] = x / v
    for a in range(N):
        dU[a, i] += half[a]
        dU[i, a] += half[a]
    dU[i, i] += of_v
    du[i] -= of_e


@kernel_with_memory
def _back_through_prediction(
    B: FloatArray, m: FloatArray, C: FloatArray, du: FloatArray, dU: FloatArray, slope: Slope
) -> None:
    """Take the gradient of `predict` back to the past (m, C), into the rear of du and dU, and to the parameters."""
    D, n = B.shape[0], m.size
    across = np.empty((D, n))
    for i in range(D):
        slope.B[i, 0] += du[i]
        for j in range(D):
            slope.noise[i, j] += dU[i, j]
        for h in range(n):
            x = dU[i, D + h]
            for j in range(D):
                x += dU[i, j] * B[j, 1 + h]
            across[i, h] = x
        for g in range(n):
            x = du[i] * m[g]
            for h in range(n):
                x += 2.0 * across[i, h] * C[h, g]
            slope.B[i, 1 + g] += x
    for g in range(n):
        for i in range(D):
            du[D + g] += B[i, 1 + g] * du[i]
        for h in range(g + 1):
            x = 0.0
            for i in range(D):
                x += B[i, 1 + g] * across[i, h] + B[i, 1 + h] * dU[i, D + g]
            dU[D + g, D + h] += x
            if h < g:
                dU[D + h, D + g] += x


@kernel
def _shift_back(du: FloatArray, dU: FloatArray, D: int) -> None:
    """Take the gradient of `advance` back: the newest of the past was the row, the oldest is forgotten."""
    N = du.size
    for h in range(N):
        inside = h + D < N
        du[h] = du[h + D] if inside else 0.0
        for g in range(N):
            dU[h, g] = dU[h + D, g + D] if inside and g + D < N else 0.0


@entry
def own_past_slope(
    params: AutoregressiveParams,
    data: RowsWithPast,
    noise: FloatArray,
    rows: RowsBehindGaps,
    k: int,
    weight: FloatArray,
) -> tuple[float, FloatArray, FloatArray]:
    """Weighted sum of the log densities of rows behind gaps in state k, and its slopes.

    Parameters
    ----------
    noise : (K, D, D) float
    rows : RowsBehindGaps
    weight : (m,) float
        Of these rows.

    Returns
    -------
    value : float
    of_coefficients : (D, q) float
    of_noise : (D, D) float
        Of the covariance of the noise.
    """
    y, B = data.y, params.coefficients[k]
    D, q = B.shape
    m, n, N = rows.row.size, q - 1, q - 1 + D
    slope = Slope(np.zeros((D, q)), np.zeros((D, D)))
    means, covariances = np.empty((m, n)), np.empty((m, n, n))
    u, U, total = np.zeros(N), np.zeros((N, N)), 0.0
    for r in range(m):
        t = rows.row[r]
        if rows.begins[r]:
            _begin(y, t, u, U)
        for h in range(n):
            means[r, h] = u[D + h]
            for g in range(n):
                covariances[r, h, g] = U[D + h, D + g]
        predict(params, noise, k, u, U, D)
        for i in range(D):
            total += weight[r] * observe_one(y, t, i, u, U)
        advance(u, U, D)
    du, dU, column, deviation = np.zeros(N), np.zeros((N, N)), np.empty((D, N)), np.empty(D)
    for r in range(m - 1, -1, -1):
        t = rows.row[r]
        if r == m - 1 or rows.begins[r + 1]:
            for h in range(N):
                du[h] = 0.0
                for g in range(N):
                    dU[h, g] = 0.0
        else:
            for h in range(n):
                if covariances[r + 1, h, h] == MAX_VARIANCE:  # held there, whatever the parameters
                    du[D + h] = 0.0
                    for g in range(n):
                        dU[D + h, D + g] = 0.0
                        dU[D + g, D + h] = 0.0
            _shift_back(du, dU, D)
        for h in range(n):
            u[D + h] = means[r, h]
            for g in range(n):
                U[D + h, D + g] = covariances[r, h, g]
        predict(params, noise, k, u, U, D)
        for i in range(D):
            for h in range(N):
                column[i, h] = U[h, i]
            deviation[i] = y[t, i] - u[i]
            observe_one(y, t, i, u, U)
        for i in range(D - 1, -1, -1):
            if not np.isnan(deviation[i]):
                _back_through_value(column[i], i, deviation[i], weight[r], du, dU)
        _back_through_prediction(B, means[r], covariances[r], du, dU, slope)
    return total, slope.B, slope.noise
