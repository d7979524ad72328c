"""The means of many complete sequences of one length: they share a schedule, and go through it side by side."""

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel_with_memory

BLOCK = 64  # sequences at once: their pages should fit the processor's table


@blend
def _predict_block(A, m, out):
    """out <- A m for states (n, B) of B sequences."""
    n, B = m.shape
    for a in range(n):
        s = A[a, 0]
        for b in range(B):
            out[a, b] = s * m[0, b]
        for c in range(1, n):
            s = A[a, c]
            for b in range(B):
                out[a, b] += s * m[c, b]


@blend
def _innovation_block(z, starts, t, mean, C, K, slot, i, precision, m, e, k, square):
    """Leave the innovations of one variable in e[k] and correct the states m (n, B) by them."""
    n, B = m.shape
    s = C[i, 0]
    for b in range(B):
        e[k, b] = z[starts[b] + t, i] - mean - s * m[0, b]
    for a in range(1, n):
        s = C[i, a]
        for b in range(B):
            e[k, b] -= s * m[a, b]
    for b in range(B):
        square[b] += e[k, b] * e[k, b] * precision
    for a in range(n):
        s = K[slot, i, a]
        for b in range(B):
            m[a, b] += s * e[k, b]


@blend
def _lift_block(C, K, slot, i, precision, r, e, k):
    """r <- (I - c k') r + c e / v for scores r (n, B); e[k] is used up."""
    n, B = r.shape
    for b in range(B):
        e[k, b] *= precision
    for a in range(n):
        s = K[slot, i, a]
        for b in range(B):
            e[k, b] -= s * r[a, b]
    for a in range(n):
        s = C[i, a]
        for b in range(B):
            r[a, b] += s * e[k, b]


@blend
def _shift_block(x, starts, t, P, slot, r, row):
    """x[starts + t] += P[slot] r for scores r (n, B)."""
    n, B = r.shape
    for a in range(n):
        for b in range(B):
            row[b] = 0.0
        for c in range(n):
            s = P[slot, a, c]
            for b in range(B):
                row[b] += s * r[c, b]
        for b in range(B):
            x[starts[b] + t, a] += row[b]


@kernel_with_memory
def _run_block(system, At, z, starts, length, plan, index, smooth, x):
    """Filtered or smoothed means of B sequences at once; returns the log-likelihood of each and all squares."""
    A, d, diagonal, K, precision, W = system.A, system.d, system.diagonal, plan.K, plan.precision, plan.W
    D, n = system.C.shape
    B = starts.size
    m, other, row = np.empty((n, B)), np.empty((n, B)), np.empty(B)
    e, square, log_norm = np.empty((length * D, B)), np.zeros(B), 0.0
    for a in range(n):
        for b in range(B):
            m[a, b] = system.m0[a]
    for t in range(length):
        slot = index[t]
        C = W[0 if diagonal else slot]
        for i in range(D):
            _innovation_block(
                z, starts, t, d[i], C, K, slot, i, precision[slot, i], m, e, t * D + i, square
            )
        log_norm += plan.log_norm[slot]
        for a in range(n):
            for b in range(B):
                x[starts[b] + t, a] = m[a, b]
        _predict_block(A, m, other)
        m, other = other, m
    quadratic = 0.0
    for b in range(B):
        quadratic += square[b]
        square[b] = -0.5 * (log_norm + square[b])
    if smooth:
        for a in range(n):
            for b in range(B):
                m[a, b] = 0.0
        for t in range(length - 1, -1, -1):
            slot = index[t]
            C = W[0 if diagonal else slot]
            _shift_block(x, starts, t, plan.P, slot, m, row)
            for i in range(D - 1, -1, -1):
                _lift_block(C, K, slot, i, precision[slot, i], m, e, t * D + i)
            _predict_block(At, m, other)
            m, other = other, m
    return square, quadratic


@entry
def run_twins(system, At, z, starts, length, plan, index, smooth, x):
    """Filtered or smoothed means x of complete sequences that are as long as the one the schedule was made for.

    starts : (B,) first row of each. The innermost loops run over sequences, so that they fill vector registers.
    Returns the log-likelihood of each (B,) and the sum of all their squared standardised innovations.
    """
    log_likelihood, quadratic = np.empty(starts.size), 0.0
    for begin in range(0, starts.size, BLOCK):
        end = min(begin + BLOCK, starts.size)
        parts, square = _run_block(system, At, z, starts[begin:end], length, plan, index, smooth, x)
        for b in range(begin, end):
            log_likelihood[b] = parts[b - begin]
        quadratic += square
    return log_likelihood, quadratic
