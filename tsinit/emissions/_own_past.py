"""Densities of autoregressive rows behind gaps, each state by its own dynamics.

For every state a Kalman filter runs over the rows as if the state had always been there; where the last p rows are
complete it has nothing to filter, and the density is that of the regression.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsinit.emissions._regression import square
from tsinit.kernels._jit import entry, kernel

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.emissions._regression import AutoregressiveParams, RowsWithPast

LOG_2PI = math.log(2.0 * math.pi)
MAX_VARIANCE = (
    1e8  # of standardised values; where unstable dynamics run on over a long gap, no further
)
MIN_VARIANCE = 1e-14  # what rounding may have made negative


@kernel
def predict(
    params: AutoregressiveParams, noise: FloatArray, k: int, u: FloatArray, U: FloatArray, D: int
) -> None:
    """Put row t before the p rows of past that u and U (N = (p + 1) D entries) hold behind their first D."""
    B, N = params.coefficients, u.size
    for i in range(D):
        x = B[k, i, 0]
        for h in range(D, N):
            x += B[k, i, 1 + h - D] * u[h]
        u[i] = x
        for g in range(D, N):
            x = 0.0
            for h in range(D, N):
                x += B[k, i, 1 + h - D] * U[h, g]
            U[i, g] = x
            U[g, i] = x
    for i in range(D):
        for j in range(D):
            x = noise[k, i, j]
            for h in range(D, N):
                x += U[i, h] * B[k, j, 1 + h - D]
            U[i, j] = x


@kernel
def observe_one(y: FloatArray, t: int, i: int, u: FloatArray, U: FloatArray) -> float:
    """Log density of column i of row t, 0.0 where it is missing, and what that says of the rest."""
    N, value = u.size, 0.0
    if not np.isnan(y[t, i]):
        v, e = max(U[i, i], MIN_VARIANCE), y[t, i] - u[i]
        value = -0.5 * (LOG_2PI + math.log(v) + e * e / v)
        for h in range(N):
            g = U[h, i] / v
            u[h] += g * e
            if h != i:
                for j in range(N):
                    if j != i:
                        U[h, j] -= g * U[i, j]
        for h in range(N):
            U[h, i] = 0.0
            U[i, h] = 0.0
        u[i] = y[t, i]
    return value


@kernel
def _observe(y: FloatArray, t: int, u: FloatArray, U: FloatArray) -> float:
    """Log density of what row t has, column after column."""
    total = 0.0
    for i in range(y.shape[1]):
        total += observe_one(y, t, i, u, U)
    return total


@kernel
def _complete(y: FloatArray, t: int) -> bool:
    whole = True
    for i in range(y.shape[1]):
        whole = whole and not np.isnan(y[t, i])
    return whole


@kernel
def _forget(data: RowsWithPast, t: int, u: FloatArray, U: FloatArray) -> None:
    """Put row t, one of the first p of its sequence, before the past: standard normal, whatever that is."""
    D, N = data.y.shape[1], u.size
    for h in range(N if data.n_before[t] == 0 else D):
        u[h] = 0.0
        for g in range(N):
            U[h, g] = 0.0
            U[g, h] = 0.0
    for i in range(D):
        U[i, i] = 1.0


@kernel
def advance(u: FloatArray, U: FloatArray, D: int) -> bool:
    """Let row t be the newest of the past; whether any of that is uncertain."""
    N, uncertain = u.size, False
    for h in range(N - 1, D - 1, -1):
        u[h] = u[h - D]
        for g in range(N - 1, D - 1, -1):
            U[h, g] = U[h - D, g - D]
    for h in range(D, N):
        uncertain = uncertain or U[h, h] > 0.0
        if not U[h, h] < MAX_VARIANCE:
            u[h] = 0.0
            for g in range(D, N):
                U[h, g] = 0.0
                U[g, h] = 0.0
            U[h, h] = MAX_VARIANCE
    return uncertain


@entry
def own_past_log_densities(
    params: AutoregressiveParams, data: RowsWithPast, noise: FloatArray
) -> FloatArray:
    """Log density (T, K) of what is observed of each row, given what is observed before it in its sequence.

    noise : (K, D, D) covariance of the noise.
    """
    y, n_before = data
    T, D = y.shape
    K, p = noise.shape[0], (params.whitened.shape[2] - 1) // D
    N = (p + 1) * D
    out, u, U = np.zeros((T, K)), np.zeros(N), np.zeros((N, N))
    for k in range(K):
        uncertain = False
        for t in range(T):
            if n_before[t] >= p and not uncertain and _complete(y, t):
                # u is not needed before a gap, and is read off the rows there.
                out[t, k] = params.log_norm[k] - 0.5 * square(params, y, t, k)
                continue
            if n_before[t] < p:
                _forget(data, t, u, U)
            else:
                if not uncertain:
                    for h in range(D, N):
                        u[h] = y[t - h // D, h % D]
                predict(params, noise, k, u, U, D)
            out[t, k] = _observe(y, t, u, U)
            uncertain = advance(u, U, D)
    return out
