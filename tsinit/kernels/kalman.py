"""Kalman filter and fixed-interval smoother over several sequences.

Each sequence is cut into chunks, so that the schedule of distinct steps never needs more than its slots: the
filter leaves the predicted covariance at each chunk's beginning, and the smoother, coming back, plans the chunk
again from there. Complete sequences come first, longest first, and share one schedule.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import covariance, means
from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.covariance import Moments, Schedule, Store, add_scaled
from tsinit.kernels.dense import clear, copy_into


class Panel(NamedTuple):
    """Sequences ready for the kernels."""

    z: np.ndarray  # (T, D) centred, whitened where R is full, NaN where missing
    offsets: np.ndarray  # (N + 1,) int64
    order: np.ndarray  # (N,) int64: complete sequences first, longest first
    complete: np.ndarray  # (N,) bool: no gap in the sequence
    changed: np.ndarray  # (T,) bool: other entries are seen than one step before, or a sequence begins


class Pass(NamedTuple):
    """Result of a filter or smoother run."""

    x: np.ndarray  # (T, n) state means
    covariances: Store
    log_likelihood: np.ndarray  # (N,) by sequence
    quadratic: float  # sum of squared standardised innovations
    sound: bool  # False: a covariance lost too many digits


class Workspace(NamedTuple):
    """Memory that the passes write to; kept from one pass to the next, it is paid for once."""

    plan: Schedule  # S slots
    index: np.ndarray  # (L,) int64, slot of each step of a sequence; L is the longest sequence
    e: np.ndarray  # (L, D) innovations of a sequence
    chunk_begin: np.ndarray  # (M + 1,) int64 first step of each chunk
    chunk_P: np.ndarray  # (M, n, n) predicted covariance there
    one: Moments  # sums of one sequence


@kernel
def _clear(sums):
    clear(sums.P)
    clear(sums.P_first)
    clear(sums.P_last)
    clear(sums.lag)
    clear(sums.P_blank)
    clear(sums.Cx)
    clear(sums.yy)
    for i in range(sums.P_seen.shape[0]):
        clear(sums.P_seen[i])


@kernel
def _accumulate(total, one):
    add_scaled(total.P, 1.0, one.P)
    add_scaled(total.P_first, 1.0, one.P_first)
    add_scaled(total.P_last, 1.0, one.P_last)
    add_scaled(total.lag, 1.0, one.lag)
    add_scaled(total.P_blank, 1.0, one.P_blank)
    add_scaled(total.Cx, 1.0, one.Cx)
    add_scaled(total.yy, 1.0, one.yy)
    for i in range(total.P_seen.shape[0]):
        add_scaled(total.P_seen[i], 1.0, one.P_seen[i])


@kernel
def _filter_sequence(system, panel, q, work, x):
    """Filter one sequence; returns its likelihood terms, chunks, slots of the last chunk and soundness."""
    t, stop = panel.offsets[q], panel.offsets[q + 1]
    start = t
    m, P = system.m0.copy(), system.P0.copy()
    log_likelihood, quadratic, sound, n_chunks, slots = 0.0, 0.0, True, 0, 0
    while t < stop:
        work.chunk_begin[n_chunks] = t
        copy_into(work.chunk_P[n_chunks], P)
        end, slots, good = covariance.forward(
            system, panel.z, t, stop, panel.changed, P, work.plan, work.index, start
        )
        sound &= good
        part, square = means.forward(system, panel.z, t, end, m, work.plan, work.index, start, work.e, x)
        log_likelihood += part
        quadratic += square
        t = end
        n_chunks += 1
    work.chunk_begin[n_chunks] = stop
    return log_likelihood, quadratic, sound, n_chunks, slots


@entry
def filter_panel(system, panel, work, x, keep, values, where):
    """Filtered means x, log-likelihood and, where `keep`, filtered covariances (then no sequence may need chunks)."""
    log_likelihood, quadratic, sound = np.zeros(panel.offsets.size - 1), 0.0, True
    used, planned, origin = np.int64(0), 0, 0
    for q in panel.order:
        start, stop = panel.offsets[q], panel.offsets[q + 1]
        if panel.complete[q] and 0 < stop - start <= planned:
            part, square = means.forward(
                system, panel.z, start, stop, system.m0.copy(), work.plan, work.index, start, work.e, x
            )
            if keep:
                for t in range(start, stop):
                    where[t] = where[origin + t - start]
        else:
            part, square, good, n_chunks, distinct = _filter_sequence(system, panel, q, work, x)
            sound &= good
            planned = stop - start if panel.complete[q] and n_chunks == 1 else 0
            origin = start
            if keep:
                for t in range(start, stop):
                    where[t] = used + work.index[t - start]
                for s in range(distinct):
                    values = covariance.append(values, used, work.plan.P[s])
                    used += 1
        log_likelihood[q] = part
        quadratic += square
    return Pass(x, Store(values[:used], where), log_likelihood, quadratic, sound)


@entry
def smooth_panel(system, At, panel, work, x, keep, values, where, total):
    """Smoothed means x, log-likelihood, the sums of the M-step (added to `total`), covariances where `keep`."""
    plan, index, one = work.plan, work.index, work.one
    log_likelihood, quadratic, sound = np.zeros(panel.offsets.size - 1), 0.0, True
    n = x.shape[1]
    carry = np.zeros((2, n, n))
    used, planned, mirrored, origin = np.int64(0), 0, 0, 0
    for q in panel.order:
        start, stop = panel.offsets[q], panel.offsets[q + 1]
        n_chunks = 1
        if panel.complete[q] and 0 < stop - start <= planned:
            part, square = means.forward(
                system, panel.z, start, stop, system.m0.copy(), plan, index, start, work.e, x
            )
            work.chunk_begin[0], work.chunk_begin[1] = start, stop
        else:
            part, square, good, n_chunks, _ = _filter_sequence(system, panel, q, work, x)
            sound &= good
            planned = stop - start if panel.complete[q] and n_chunks == 1 else 0
            mirrored = 0
        log_likelihood[q] = part
        quadratic += square
        known = stop - start == mirrored and stop > start
        if known:
            for t in range(start, stop):
                where[t] = where[origin + t - start]
        else:
            _clear(one)
            clear(carry[0])
            clear(carry[1])
        r = np.zeros(n)
        for c in range(n_chunks - 1, -1, -1):
            begin, end = work.chunk_begin[c], work.chunk_begin[c + 1]
            if c < n_chunks - 1:
                P = work.chunk_P[c].copy()
                covariance.forward(system, panel.z, begin, end, panel.changed, P, plan, index, start)
            if not known:
                values, used = covariance.backward(
                    system, panel.z, end, begin, plan, index, start, stop, carry, one, keep, values, used, where
                )
            means.backward(system, At, end, begin, r, plan, index, start, work.e, x)
        mirrored, origin = (stop - start if planned > 0 else 0), start
        _accumulate(total, one)
    return Pass(x, Store(values[: used if keep else 0], where), log_likelihood, quadratic, sound)
