"""Observation noise with a full covariance: whitening, and what the observed entries say of the missing ones.

An LDL' factor of the noise covariance of the observed rows turns a full R into independent scalar observations, which
is all that the filter knows. Unit-triangular L has determinant one, so the likelihood needs no correction, and
a zero pivot (an exact observation) is allowed.
"""

import numpy as np

from tsinit.kernels._jit import entry, kernel, kernel_with_memory


@kernel
def factor_observed(R, z, t, L, r):
    """LDL' of R over the entries observed at step t, left at their own places in L (D, D) and r (D,)."""
    D = R.shape[0]
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        pivot = R[i, i]
        for j in range(i):
            if np.isnan(z[t, j]):
                continue
            s = R[i, j]
            for k in range(j):
                if not np.isnan(z[t, k]):
                    s -= L[i, k] * L[j, k] * r[k]
            # A positive semi-definite matrix has a zero column under a zero pivot.
            L[i, j] = s / r[j] if r[j] > 0.0 else 0.0
            pivot -= L[i, j] * s
        r[i] = max(pivot, 0.0)


@kernel
def whiten_rows(L, z, t, C, W):
    """W = L^{-1} C over the entries observed at step t; (D, D), (T, D), (D, n), (D, n)."""
    D, n = C.shape
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        for a in range(n):
            W[i, a] = C[i, a]
        for j in range(i):
            if not np.isnan(z[t, j]):
                for a in range(n):
                    W[i, a] -= L[i, j] * W[j, a]


@entry
def whiten(R, z, changed):
    """Replace each row of z (T, D) by L^{-1} z over its observed entries, in place."""
    T, D = z.shape
    L, r = np.zeros((D, D)), np.zeros(D)
    for t in range(T):
        if changed[t]:
            factor_observed(R, z, t, L, r)
        for i in range(D):
            if np.isnan(z[t, i]):
                continue
            for j in range(i):
                if not np.isnan(z[t, j]):
                    z[t, i] -= L[i, j] * z[t, j]


@kernel_with_memory
def regress_missing(R, z, t, H, left):
    """H (D, D) = R_mo R_oo^{-1} and left (D, D) = R_mm - H R_om, at the places of missing m and observed o."""
    D = R.shape[0]
    L, r, g = np.zeros((D, D)), np.zeros(D), np.empty(D)
    factor_observed(R, z, t, L, r)
    for m in range(D):
        if not np.isnan(z[t, m]):
            continue
        # Forward, scale, backward: R_oo h = R_om.
        for i in range(D):
            if np.isnan(z[t, i]):
                continue
            g[i] = R[m, i]
            for j in range(i):
                if not np.isnan(z[t, j]):
                    g[i] -= L[i, j] * g[j]
        for i in range(D - 1, -1, -1):
            if np.isnan(z[t, i]):
                continue
            H[m, i] = g[i] / r[i] if r[i] > 0.0 else 0.0
            for j in range(i + 1, D):
                if not np.isnan(z[t, j]):
                    H[m, i] -= L[j, i] * H[m, j]
    for m in range(D):
        for k in range(D):
            if np.isnan(z[t, m]) and np.isnan(z[t, k]):
                left[m, k] = R[m, k]
                for i in range(D):
                    if not np.isnan(z[t, i]):
                        left[m, k] -= H[m, i] * R[i, k]


@entry
def complete(C, R, z, x, changed):
    """Fill the gaps of z (T, D) with E[y | x, observed entries], in place; x (T, n) are state means."""
    T, D = z.shape
    n = C.shape[1]
    H, left = np.zeros((D, D)), np.zeros((D, D))
    gap = np.empty(D, dtype=np.bool_)
    residual = np.empty(D)
    for t in range(T):
        n_missing = 0
        for i in range(D):
            gap[i] = np.isnan(z[t, i])
            n_missing += gap[i]
        if changed[t] and n_missing:
            regress_missing(R, z, t, H, left)
        if n_missing == 0:
            continue
        for i in range(D):
            fitted = 0.0
            for a in range(n):
                fitted += C[i, a] * x[t, a]
            residual[i] = fitted if gap[i] else z[t, i] - fitted
        for m in range(D):
            if gap[m]:
                z[t, m] = residual[m]
                for i in range(D):
                    if not gap[i]:
                        z[t, m] += H[m, i] * residual[i]
