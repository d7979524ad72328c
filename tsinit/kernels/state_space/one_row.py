"""One step of the filter by itself: for rows that arrive one at a time."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry
from tsinit.kernels.state_space.observation import factor_observed, whiten_rows


class RowModel(NamedTuple):
    """What a step needs of a model."""

    A: np.ndarray  # (n, n)
    C: np.ndarray  # (D, n)
    Q: np.ndarray  # (n, n)
    R: np.ndarray  # (D, D)


class RowWorkspace(NamedTuple):
    """Memory for the steps of one filter."""

    AP: np.ndarray  # (n, n)
    v: np.ndarray  # (n,)
    W: np.ndarray  # (D, n) whitened observation rows
    L: np.ndarray  # (D, D)
    r: np.ndarray  # (D,)


def empty_workspace(n, D):
    """Make the memory for n states and D columns."""
    return RowWorkspace(
        np.zeros((n, n)), np.zeros(n), np.zeros((D, n)), np.zeros((D, D)), np.zeros(D)
    )


@entry
def advance(model, work, x, P, shift, z, move):
    """Move a state on by one step and condition it on a row, in place.

    Parameters
    ----------
    model : RowModel
    work : RowWorkspace
    x, P : (n,), (n, n) float
        Mean and covariance of the state, overwritten.
    shift : (n,) float
        What inputs add to the state on its way.
    z : (1, D) float
        The row without its mean, NaN where missing; overwritten.
    move : bool
        False where the state is already that of the row, as before the first one.

    Returns
    -------
    float
        Log density of the row given those before; NaN where an innovation has no positive variance.
    """
    A, C, Q, R = model
    D, n = C.shape
    AP, v, W, L, r = work
    if move:
        for i in range(n):
            v[i] = shift[i]
            for j in range(n):
                v[i] += A[i, j] * x[j]
                AP[i, j] = 0.0
                for k in range(n):
                    AP[i, j] += A[i, k] * P[k, j]
        for i in range(n):
            x[i] = v[i]
            for j in range(i + 1):
                total = Q[i, j]
                for k in range(n):
                    total += AP[i, k] * A[j, k]
                P[i, j] = total
                P[j, i] = total
    factor_observed(R, z, 0, L, r)
    whiten_rows(L, z, 0, C, W)
    log_density = 0.0
    for d in range(D):
        if np.isnan(z[0, d]):
            continue
        for j in range(d):
            if not np.isnan(z[0, j]):
                z[0, d] -= L[d, j] * z[0, j]
    for d in range(D):
        if np.isnan(z[0, d]):
            continue
        error, variance = z[0, d], r[d]
        for i in range(n):
            v[i] = 0.0
            for j in range(n):
                v[i] += P[i, j] * W[d, j]
            error -= W[d, i] * x[i]
            variance += W[d, i] * v[i]
        if not variance > 0.0:
            return np.nan
        log_density -= 0.5 * (np.log(2.0 * np.pi * variance) + error * error / variance)
        for i in range(n):
            x[i] += v[i] / variance * error
            for j in range(i + 1):
                P[i, j] -= v[i] * v[j] / variance
                P[j, i] = P[i, j]
    return log_density
