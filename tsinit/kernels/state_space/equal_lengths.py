"""The means of many complete sequences of one length: they share a schedule, and go through it side by side."""

from functools import partial
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel_with_memory
from tsinit.kernels._threads import side_by_side
from tsinit.kernels.state_space.arrays import EqualSequences, Gains, Step

BLOCK = 128  # sequences at once
MAX_NUMBERS = 2**21  # numbers to keep of a block; of very long sequences there are fewer in it
_MIN_WORK = 1e5  # multiplications of a block that are worth handing out


class InnovationBlock(NamedTuple):
    """Innovations of B sequences side by side."""

    e: np.ndarray  # (length D, B)
    square: np.ndarray  # (B,) sums of their standardised squares


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
def _innovation_block(sequences, gains, step, i, mean, m, innovations):
    """Leave the innovations of variable i at a step in e and correct the states m (n, B) by them."""
    z, starts, C, K = sequences.z, sequences.starts, gains.W, gains.K
    e, square = innovations.e, innovations.square
    n, B = m.shape
    k = step.t * K.shape[1] + i
    precision = gains.precision[step.slot, i]
    s = C[step.w, i, 0]
    for b in range(B):
        e[k, b] = z[starts[b] + step.t, i] - mean - s * m[0, b]
    for a in range(1, n):
        s = C[step.w, i, a]
        for b in range(B):
            e[k, b] -= s * m[a, b]
    for b in range(B):
        square[b] += e[k, b] * e[k, b] * precision
    for a in range(n):
        s = K[step.slot, i, a]
        for b in range(B):
            m[a, b] += s * e[k, b]


@blend
def _lift_block(gains, step, i, r, e):
    """r <- (I - c k') r + c e / v for scores r (n, B) and variable i; its innovations in e are used up."""
    C, K = gains.W, gains.K
    n, B = r.shape
    k = step.t * K.shape[1] + i
    precision = gains.precision[step.slot, i]
    for b in range(B):
        e[k, b] *= precision
    for a in range(n):
        s = K[step.slot, i, a]
        for b in range(B):
            e[k, b] -= s * r[a, b]
    for a in range(n):
        s = C[step.w, i, a]
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
def _spread(path, sequences, x):
    """Write the means of B sequences side by side (length n, B) to where each has its rows."""
    starts, n = sequences.starts, x.shape[1]
    for b in range(starts.size):
        for t in range(sequences.length):
            for a in range(n):
                x[starts[b] + t, a] = path[t * n + a, b]


@kernel_with_memory
def _run_block(system, work, sequences, x, smooth):
    """Filtered or smoothed means of B sequences at once; returns the log-likelihood of each and all squares."""
    schedule, index, length = work.schedule, work.index, sequences.length
    D, n = system.C.shape
    B = sequences.starts.size
    m, other = np.empty((n, B)), np.empty((n, B))
    # Side by side until they are done: where their rows belong, each is on a page of its own.
    path, e = np.empty((length * n, B)), np.empty((length * D, B))
    square, log_norm = np.zeros(B), 0.0
    gains = Gains(schedule.W, schedule.K, schedule.precision)
    innovations = InnovationBlock(e, square)
    for a in range(n):
        for b in range(B):
            m[a, b] = system.m0[a]
    for t in range(length):
        step = Step(t, index[t], np.int64(0) if system.diagonal else index[t])
        for i in range(D):
            _innovation_block(sequences, gains, step, i, system.d[i], m, innovations)
        log_norm += schedule.log_norm[step.slot]
        for a in range(n):
            for b in range(B):
                path[t * n + a, b] = m[a, b]
        _predict_block(system.A, m, other)
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
            step = Step(t, index[t], np.int64(0) if system.diagonal else index[t])
            _shift_block(path, t, schedule.P, step.slot, m)
            for i in range(D - 1, -1, -1):
                _lift_block(gains, step, i, m, e)
            _predict_block(system.At, m, other)
            m, other = other, m
    _spread(path, sequences, x)
    return square, quadratic


@entry
def run_equal_lengths(system, work, sequences, x, smooth):
    """Filtered or smoothed means of complete sequences that are as long as the one the schedule was made for.

    The innermost loops run over sequences, so that they fill vector registers. Returns the log-likelihood of each
    (B,) and the sum of all their squared standardised innovations.
    """
    z, starts, length = sequences.z, sequences.starts, sequences.length
    log_likelihood, quadratic = np.empty(starts.size), 0.0
    D, n = system.C.shape
    block = max(8, min(BLOCK, MAX_NUMBERS // (length * (n + D) + 1)))
    for begin in range(0, starts.size, block):
        end = min(begin + block, starts.size)
        some = EqualSequences(z, starts[begin:end], length)
        parts, square = _run_block(system, work, some, x, smooth)
        for b in range(begin, end):
            log_likelihood[b] = parts[b - begin]
        quadratic += square
    return log_likelihood, quadratic


def run(system, work, sequences, x, smooth, n_threads=1):
    """Run :func:`run_equal_lengths` in threads, which take sequences side by side in turn; nothing depends on them."""
    z, starts, length = sequences
    D, n = system.C.shape
    block = max(8, min(BLOCK, MAX_NUMBERS // (length * (n + D) + 1)))
    if n_threads == 1 or length * block * n * (n + D) < _MIN_WORK or starts.size <= block:
        return run_equal_lengths(system, work, sequences, x, smooth)
    calls = [
        partial(
            run_equal_lengths,
            system,
            work,
            EqualSequences(z, starts[begin : begin + block], length),
            x,
            smooth,
        )
        for begin in range(0, starts.size, block)
    ]
    parts, squares = zip(*side_by_side(calls, n_threads), strict=True)
    quadratic = 0.0
    for square in squares:
        quadratic += square
    return np.concatenate(parts), quadratic
