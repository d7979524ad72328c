"""Kalman filter and fixed-interval smoother over several sequences.

Each sequence is cut into chunks, so that the schedule of distinct steps never needs more than its slots: the
filter leaves the predicted covariance at each chunk's beginning, and the smoother, coming back, plans the chunk
again from there. Complete sequences come first, longest first, and share one schedule.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import covariance, means
from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.covariance import APPEND, IN_PLACE, NOTHING, Moments, Schedule, Store, add_scaled
from tsinit.kernels.dense import clear, copy_into

BLOCK = 64  # sequences that go through the means together; their pages should fit the table of the processor


class Panel(NamedTuple):
    """Sequences ready for the kernels."""

    z: np.ndarray  # (T, D) data, centred and whitened where R is full, NaN where missing
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


@kernel
def _smooth_sequence(system, At, panel, q, work, x, n_chunks, sums, collect, keep, values, used, where):
    """Go back over a filtered sequence, chunk by chunk; returns the store of covariances and its size."""
    start, stop = panel.offsets[q], panel.offsets[q + 1]
    r, carry = np.zeros(x.shape[1]), np.zeros((2, x.shape[1], x.shape[1]))
    for c in range(n_chunks - 1, -1, -1):
        begin, end = work.chunk_begin[c], work.chunk_begin[c + 1]
        if c < n_chunks - 1:
            P = work.chunk_P[c].copy()
            covariance.forward(system, panel.z, begin, end, panel.changed, P, work.plan, work.index, start)
        # Means first: covariances may take the place of what both need.
        means.backward(system, At, end, begin, r, work.plan, work.index, start, work.e, x)
        values, used = covariance.backward(
            system, panel.z, end, begin, work.plan, work.index, start, stop, carry, sums, collect, keep, values,
            used, where,
        )  # fmt: skip
    return values, used


@kernel
def _twins(panel, k, planned):
    """Count the sequences from the k-th on that are complete and as long as the planned one."""
    count = 0
    while k + count < panel.order.size and count < BLOCK:
        q = panel.order[k + count]
        if not panel.complete[q] or panel.offsets[q + 1] - panel.offsets[q] != planned:
            break
        count += 1
    return count


@entry
def run_panel(system, At, panel, work, x, smooth, collect, keep, values, where, total):
    """Filter, and where `smooth` smooth, all sequences.

    x : (T, n) means, written to. Where `collect`, the sums of the M-step are added to `total`. `keep` says what
    becomes of covariances: APPEND collects the distinct ones in `values`, IN_PLACE (one sequence, in one chunk)
    leaves them in the plan; where[t] : place of step t.
    """
    log_likelihood, quadratic, sound = np.zeros(panel.offsets.size - 1), 0.0, True
    used, planned, origin, k = np.int64(0), np.int64(0), np.int64(0), 0
    while k < panel.order.size:
        count = _twins(panel, k, planned) if planned > 0 else 0
        if count > 0:
            starts = panel.offsets[panel.order[k : k + count]]
            parts, square = means.run_block(system, At, panel.z, starts, planned, work.plan, work.index, smooth, x)
            for b in range(count):
                log_likelihood[panel.order[k + b]] = parts[b]
                if collect:
                    _accumulate(total, work.one)
                for t in range(planned if keep != NOTHING else 0):
                    where[starts[b] + t] = where[origin + t]
            quadratic += square
            k += count
            continue
        q = panel.order[k]
        start, stop = panel.offsets[q], panel.offsets[q + 1]
        log_likelihood[q], square, good, n_chunks, slots = _filter_sequence(system, panel, q, work, x)
        quadratic += square
        sound &= good
        here = keep
        if keep == IN_PLACE and (n_chunks > 1 or slots < stop - start or panel.order.size > 1):
            here = APPEND
        if smooth:
            _clear(work.one)
            values, used = _smooth_sequence(
                system, At, panel, q, work, x, n_chunks, work.one, collect, here, values, used, where
            )
            if collect:
                _accumulate(total, work.one)
        elif keep != NOTHING:
            for t in range(start, stop):
                where[t] = work.index[t - start] + used
            for s in range(slots if here == APPEND else 0):
                values = covariance.append(values, used, work.plan.P[s])
                used += 1
        if here == IN_PLACE:
            values, used = work.plan.P, slots
        planned, origin = (stop - start if panel.complete[q] and n_chunks == 1 else 0), start
        k += 1
    return Pass(x, Store(values[: used if keep != NOTHING else 0], where), log_likelihood, quadratic, sound)
