"""Square-root Kalman filter and smoother: slower, and right where covariances lose their digits.

Covariances are carried as upper-triangular factors U, P = U' U, and every step is one QR factorisation of stacked
factors (Kailath, Sayed and Hassibi, Linear Estimation, 2000, chapter 12), so that no difference of nearly equal
matrices is ever formed. Used when the covariance pass reports that it is not sound.
"""

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel
from tsinit.kernels.covariance import _collect_gap, add_scaled
from tsinit.kernels.dense import copy_into, matvec, product, product_nt, product_tn
from tsinit.kernels.observation import factor_seen, whiten_rows


@blend
def triangularise(M):
    """Replace M (r, c) by the triangular factor of its QR, in place, by Householder reflections."""
    rows, cols = M.shape
    for k in range(min(rows, cols)):
        size = 0.0
        for i in range(k, rows):
            size += M[i, k] * M[i, k]
        if size == 0.0:
            continue
        alpha = -np.sqrt(size) if M[k, k] > 0.0 else np.sqrt(size)
        # v = M[k:, k] - alpha e1, kept in the column that it empties.
        M[k, k] -= alpha
        scale = -1.0 / (alpha * M[k, k])
        for j in range(k + 1, cols):
            s = 0.0
            for i in range(k, rows):
                s += M[i, k] * M[i, j]
            s *= scale
            for i in range(k, rows):
                M[i, j] -= s * M[i, k]
        M[k, k] = alpha
        for i in range(k + 1, rows):
            M[i, k] = 0.0


@kernel
def _observe(system, z, t, W, r, m, U, M):
    """Condition the state (m, U) on the entries seen at step t; returns the likelihood terms and soundness."""
    D, n = system.C.shape
    seen = 0
    for i in range(D):
        seen += not np.isnan(z[t, i])
    stack = M[: seen + n, : seen + n]
    row = 0
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        for j in range(seen + n):
            stack[row, j] = 0.0
        stack[row, row] = np.sqrt(r[i])
        for a in range(n):
            s = 0.0
            for b in range(n):
                s += U[a, b] * W[i, b]
            stack[seen + a, row] = s
        row += 1
    for a in range(n):
        for b in range(n):
            stack[seen + a, seen + b] = U[a, b]
    triangularise(stack)
    # Forward substitution of X' s = e turns innovations into standardised ones; then m += Y' s.
    log_norm, square, sound, row = 0.0, 0.0, True, 0
    s = np.empty(D)
    for i in range(D):
        if np.isnan(z[t, i]):
            continue
        e = z[t, i] - system.d[i]
        for a in range(n):
            e -= W[i, a] * m[a]
        for k in range(row):
            e -= stack[k, row] * s[k]
        if stack[row, row] == 0.0 or not np.isfinite(stack[row, row]):
            sound = False
        s[row] = e / stack[row, row]
        square += s[row] * s[row]
        log_norm += np.log(2.0 * np.pi * stack[row, row] * stack[row, row])
        row += 1
    for k in range(seen):
        for a in range(n):
            m[a] += stack[k, seen + a] * s[k]
    for a in range(n):
        for b in range(n):
            U[a, b] = stack[seen + a, seen + b]
    return log_norm, square, sound


@kernel
def _filter(system, UQ, U0, z, start, stop, changed, x, factors):
    """Filtered means x[start:stop] and factors (L, n, n)."""
    D, n = system.C.shape
    L, r, W, M = np.zeros((D, D)), np.zeros(D), np.zeros((D, n)), np.empty((D + n, D + n))
    m, m_next, U, tall = system.m0.copy(), np.empty(n), U0.copy(), np.empty((2 * n, n))
    top = np.empty((n, n))
    log_norm, quadratic, sound = 0.0, 0.0, True
    for t in range(start, stop):
        if changed[t]:
            factor_seen(system.R, z, t, L, r)
            whiten_rows(L, z, t, system.C, W)
        norm, square, good = _observe(system, z, t, W, r, m, U, M)
        log_norm += norm
        quadratic += square
        sound &= good
        for a in range(n):
            x[t, a] = m[a]
        copy_into(factors[t - start], U)
        matvec(system.A, m, m_next)
        for a in range(n):
            m[a] = m_next[a]
        product_nt(U, system.A, top)
        for a in range(n):
            for b in range(n):
                tall[a, b] = top[a, b]
                tall[n + a, b] = UQ[a, b]
        triangularise(tall)
        for a in range(n):
            for b in range(n):
                U[a, b] = tall[a, b]
    return -0.5 * (log_norm + quadratic), quadratic, sound


@kernel
def _gain(system, UQ, U, M, Jt, rest):
    """Smoother gain, transposed, and the factor of what the next state leaves unsaid."""
    n = U.shape[0]
    top = np.empty((n, n))
    product_nt(U, system.A, top)
    for a in range(n):
        for b in range(n):
            M[a, b], M[a, n + b] = top[a, b], U[a, b]
            M[n + a, b], M[n + a, n + b] = UQ[a, b], 0.0
    triangularise(M)
    largest = 0.0
    for a in range(n):
        largest = max(largest, abs(M[a, a]))
    for a in range(n - 1, -1, -1):
        # A direction in which the predicted state has no spread cannot be corrected.
        free = abs(M[a, a]) > 1e-15 * largest
        for b in range(n):
            s = M[a, n + b]
            for k in range(a + 1, n):
                s -= M[a, k] * Jt[k, b]
            Jt[a, b] = s / M[a, a] if free else 0.0
    for a in range(n):
        for b in range(n):
            rest[a, b] = M[n + a, n + b]


@kernel
def _collect(system, z, t, seen, P, total):
    add_scaled(total.P, 1.0, P)
    blank = True
    for i in range(seen.shape[1]):
        blank &= not seen[t, i]
    if blank:
        add_scaled(total.P_blank, 1.0, P)
    for i in range(total.P_seen.shape[0]):
        if seen[t, i] == total.direct[i]:
            add_scaled(total.P_seen[i], 1.0, P)
    if total.Cx.shape[0] > 0:
        _collect_gap(system, z, t, 1.0, P, total)


@kernel
def _smooth(system, UQ, z, seen, start, stop, x, factors, keep, covariances, total):
    """Turn filtered means into smoothed ones and add up the sums of the M-step."""
    n = system.A.shape[0]
    U, M, Jt, rest = factors[stop - start - 1].copy(), np.empty((2 * n, 2 * n)), np.zeros((n, n)), np.empty((n, n))
    P, lag, tall, moved, m = np.empty((n, n)), np.empty((n, n)), np.empty((2 * n, n)), np.empty((n, n)), np.empty(n)
    product_tn(U, U, P)
    add_scaled(total.P_last, 1.0, P)
    for t in range(stop - 1, start - 1, -1):
        if t < stop - 1:
            _gain(system, UQ, factors[t - start], M, Jt, rest)
            product(P, Jt, lag)
            add_scaled(total.lag, 1.0, lag)
            matvec(system.A, x[t], m)
            for a in range(n):
                m[a] = x[t + 1, a] - m[a]
            for b in range(n):
                for a in range(n):
                    x[t, b] += Jt[a, b] * m[a]
            product(U, Jt, moved)
            for a in range(n):
                for b in range(n):
                    tall[a, b], tall[n + a, b] = rest[a, b], moved[a, b]
            triangularise(tall)
            for a in range(n):
                for b in range(n):
                    U[a, b] = tall[a, b]
            product_tn(U, U, P)
        if keep:
            copy_into(covariances[t], P)
        _collect(system, z, t, seen, P, total)
    add_scaled(total.P_first, 1.0, P)


@entry
def run(system, UQ, U0, z, offsets, changed, seen, smooth, keep, x, covariances, total):
    """Filtered or smoothed means x, covariances where `keep`, likelihood by sequence, sums added to `total`."""
    sequences, n = offsets.size - 1, system.A.shape[0]
    log_likelihood, quadratic, sound = np.zeros(sequences), 0.0, True
    for q in range(sequences):
        start, stop = offsets[q], offsets[q + 1]
        if stop == start:
            continue
        factors = np.empty((stop - start, n, n))
        log_likelihood[q], square, good = _filter(
            system, UQ, U0, z, start, stop, changed, x, factors
        )
        quadratic += square
        sound &= good
        if smooth:
            _smooth(system, UQ, z, seen, start, stop, x, factors, keep, covariances, total)
        elif keep:
            for t in range(start, stop):
                product_tn(factors[t - start], factors[t - start], covariances[t])
    return log_likelihood, quadratic, sound
