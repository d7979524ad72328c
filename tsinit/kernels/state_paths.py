"""Paths of a Gaussian state given observations summed up step by step: draws, means and covariances.

Given parameters, the states x of a sequence are jointly normal with a precision that is block tridiagonal:
J[t] + Q^-1 + A' Q^-1 A on the diagonal, -Q^-1 A beside it, where J[t] = C' R^-1 C over the observed entries is all that
a step tells however wide it is. Its Cholesky factor is found block by block; one solve forward and one back give the
mean, noise put between them a draw (Rue and Held, Gaussian Markov Random Fields, 2005, algorithms 2.4 and 2.9; Chan
and Jeliazkov, Int. J. Math. Modelling and Numerical Optimisation 1, 2009).
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, entry


class PathPrecision(NamedTuple):
    """What the dynamics put into the precision of a path."""

    first: np.ndarray  # (n, n) at the first step of a sequence, P0^-1
    inner: np.ndarray  # (n, n) at the others, Q^-1
    before: np.ndarray  # (n, n) at steps that another one follows, A' Q^-1 A
    link: np.ndarray  # (n, n) A' Q^-1: minus it stands above the diagonal


@blend
def _solve_lower(L, x):
    """Overwrite x (n,) by L^-1 x."""
    for i in range(L.shape[0]):
        s = x[i]
        for j in range(i):
            s -= L[i, j] * x[j]
        x[i] = s / L[i, i]


@blend
def _solve_upper(L, x):
    """Overwrite x (n,) by L'^-1 x."""
    for i in range(L.shape[0] - 1, -1, -1):
        x[i] /= L[i, i]
        for j in range(i):
            x[j] -= L[i, j] * x[i]


@blend
def _solve_rows(L, V):
    """Overwrite V (n, k) by L^-1 V."""
    n, k = V.shape
    for i in range(n):
        for j in range(i):
            a = L[i, j]
            for c in range(k):
                V[i, c] -= a * V[j, c]
        a = 1.0 / L[i, i]
        for c in range(k):
            V[i, c] *= a


@blend
def _cholesky(L):
    """Overwrite the lower triangle of L (n, n) by its factor: the sum of logs of its diagonal, NaN without one."""
    n, total = L.shape[0], 0.0
    for j in range(n):
        s = L[j, j]
        for p in range(j):
            s -= L[j, p] * L[j, p]
        if not s > 0.0:
            return np.nan
        root = np.sqrt(s)
        L[j, j] = root
        total += np.log(root)
        for i in range(j + 1, n):
            s = L[i, j]
            for p in range(j):
                s -= L[i, p] * L[j, p]
            L[i, j] = s / root
    return total


@entry
def factor(packed, model, offsets, L):
    """Write the diagonal blocks of the Cholesky factor to L (T, n, n), lower triangles.

    packed : (T, n (n + 1) / 2) lower triangles of J, row by row; model : PathPrecision; offsets : (N + 1,) where each
    sequence starts. Returns the sum of the logs of the factor's diagonal, NaN where the precision is not positive.
    """
    n = L.shape[1]
    V, total = np.empty((n, n)), 0.0
    for q in range(offsets.size - 1):
        start, stop = offsets[q], offsets[q + 1]
        for t in range(start, stop):
            here, k = L[t], np.int64(0)
            for i in range(n):
                for j in range(i + 1):
                    s = packed[t, k] + (model.first[i, j] if t == start else model.inner[i, j])
                    if t < stop - 1:
                        s += model.before[i, j]
                    if t > start:
                        for p in range(n):
                            s -= V[p, i] * V[p, j]
                    here[i, j] = s
                    k += 1
            total += _cholesky(here)
            if np.isnan(total):
                return total
            if t < stop - 1:
                for i in range(n):
                    for j in range(n):
                        V[i, j] = model.link[i, j]
                _solve_rows(here, V)
    return total


@entry
def forward(u, model, offsets, L):
    """Overwrite the linear term u (T, n) by what `backward` starts from; returns its sum of squares."""
    n = L.shape[1]
    v, total = np.empty(n), 0.0
    for q in range(offsets.size - 1):
        start, stop = offsets[q], offsets[q + 1]
        for t in range(start, stop):
            x = u[t]
            if t > start:
                for i in range(n):
                    for j in range(n):
                        x[j] += model.link[i, j] * v[i]
            _solve_lower(L[t], x)
            for i in range(n):
                v[i] = x[i]
                total += x[i] * x[i]
            _solve_upper(L[t], v)
    return total


@entry
def backward(x, model, offsets, L):
    """Overwrite x (T, n), the result of `forward` plus standard normal noise or none, by a draw or the mean."""
    n = L.shape[1]
    v = np.empty(n)
    for q in range(offsets.size - 1):
        start, stop = offsets[q], offsets[q + 1]
        for t in range(stop - 1, start - 1, -1):
            here = x[t]
            if t < stop - 1:
                after = x[t + 1]
                for i in range(n):
                    s = 0.0
                    for j in range(n):
                        s += model.link[i, j] * after[j]
                    v[i] = s
                _solve_lower(L[t], v)
                for i in range(n):
                    here[i] += v[i]
            _solve_upper(L[t], here)


@entry
def covariances(model, offsets, L, P, lag):
    """Write the covariance of every step to P (T, n, n), and add up those of x[t + 1] with x[t] in `lag` (n, n)."""
    n = L.shape[1]
    V, W = np.empty((n, n)), np.empty((n, n))
    for q in range(offsets.size - 1):
        start, stop = offsets[q], offsets[q + 1]
        for t in range(stop - 1, start - 1, -1):
            here = P[t]
            for i in range(n):
                for j in range(n):
                    here[i, j] = 0.0
                    W[i, j] = 1.0 if i == j else 0.0
            _solve_rows(L[t], W)  # L^-1
            for i in range(n):
                for j in range(n):
                    s = 0.0
                    for p in range(max(i, j), n):
                        s += W[p, i] * W[p, j]
                    here[i, j] = s
            if t == stop - 1:
                continue
            # x[t] = G x[t + 1] + what is independent of it, with G = here A' Q^-1.
            for i in range(n):
                for j in range(n):
                    s = 0.0
                    for p in range(n):
                        s += here[i, p] * model.link[p, j]
                    V[i, j] = s
            for i in range(n):
                for j in range(n):
                    s = 0.0
                    for p in range(n):
                        s += V[i, p] * P[t + 1, p, j]
                    W[i, j] = s
            for i in range(n):
                for j in range(n):
                    lag[j, i] += W[i, j]
                    s = 0.0
                    for p in range(n):
                        s += W[i, p] * V[j, p]
                    here[i, j] += s
