"""The means of many complete sequences of one length: they share a schedule, and go through it side by side."""

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel_with_memory

BLOCK = 128  # sequences at once
_ROOM = 2**21  # numbers to keep of a block; of very long sequences there are fewer in it


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
def _shift_block(path, t, P, slot, r):
    """Means path[t n : (t + 1) n] += P[slot] r for scores r (n, B)."""
    n, B = r.shape
    for a in range(n):
        for c in range(n):
            s = P[slot, a, c]
            for b in range(B):
                path[t * n + a, b] += s * r[c, b]


@blend
def _spread(path, starts, length, x):
    """Write the means of B sequences side by side (length n, B) to where each has its rows."""
    n = x.shape[1]
    for b in range(starts.size):
        for t in range(length):
            for a in range(n):
                x[starts[b] + t, a] = path[t * n + a, b]


@kernel_with_memory
def _run_block(system, At, z, starts, length, plan, index, smooth, x):
    """Filtered or smoothed means of B sequences at once; returns the log-likelihood of each and all squares."""
    A, d, diagonal, K, precision, W = (
        system.A,
        system.d,
        system.diagonal,
        plan.K,
        plan.precision,
        plan.W,
    )
    D, n = system.C.shape
    B = starts.size
    m, other = np.empty((n, B)), np.empty((n, B))
    # Side by side until they are done: where their rows belong, each is on a page of its own.
    path, e, square, log_norm = (
        np.empty((length * n, B)),
        np.empty((length * D, B)),
        np.zeros(B),
        0.0,
    )
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
                path[t * n + a, b] = m[a, b]
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
            _shift_block(path, t, plan.P, slot, m)
            for i in range(D - 1, -1, -1):
                _lift_block(C, K, slot, i, precision[slot, i], m, e, t * D + i)
            _predict_block(At, m, other)
            m, other = other, m
    _spread(path, starts, length, x)
    return square, quadratic


@entry
def run_twins(system, At, z, starts, length, plan, index, smooth, x):
    """Filtered or smoothed means x of complete sequences that are as long as the one the schedule was made for.

    starts : (B,) first row of each. The innermost loops run over sequences, so that they fill vector registers.
    Returns the log-likelihood of each (B,) and the sum of all their squared standardised innovations.
    """
    log_likelihood, quadratic = np.empty(starts.size), 0.0
    D, n = system.C.shape
    block = max(8, min(BLOCK, _ROOM // (length * (n + D) + 1)))
    for begin in range(0, starts.size, block):
        end = min(begin + block, starts.size)
        parts, square = _run_block(system, At, z, starts[begin:end], length, plan, index, smooth, x)
        for b in range(begin, end):
            log_likelihood[b] = parts[b - begin]
        quadratic += square
    return log_likelihood, quadratic
