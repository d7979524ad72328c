"""Overlaps of partitions of the same time steps, and greedy moves that lower an expected loss.

With a_k and b_j the sizes of the states of two partitions and n_kj the steps they share, variation of
information and Binder's loss are one formula, up to a factor:

    sum_k f(a_k) + sum_j f(b_j) - 2 sum_kj f(n_kj),     f(n) = n log n  or  n^2.

So kernels take f as a table f[0..T], and work on counts alone: nothing is of size T x T. Series stay in a
state for a while, so a partition is kept as its runs, and two are compared in as many steps as these are.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel


class PartitionRuns(NamedTuple):
    """M partitions of T steps, one after the other."""

    ends: np.ndarray  # (R,) int64, step after the last of each run
    states: np.ndarray  # (R,) int64, 0, 1, ... in order of first appearance within a partition
    offsets: np.ndarray  # (M + 1,) int64, where each partition starts
    n_states: np.ndarray  # (M,) int64


class OverlapCounts(NamedTuple):
    """How a partition in K states shares its steps with M draws of up to J states."""

    size: np.ndarray  # (K,) int64
    shared: np.ndarray  # (M, J, K) int64: K last, since all states are compared for each step


@entry
def find_runs(z, number, ends, states):
    """Write the runs of z (T,) to `ends` and `states`, states renumbered in order of first appearance.

    number : (largest label + 1,) workspace. Returns how many runs and states there are.
    """
    for k in range(number.size):
        number[k] = -1
    runs, K = np.int64(0), np.int64(0)
    for t in range(z.size):
        k = z[t]
        if number[k] < 0:
            number[k] = K
            K += 1
        if t + 1 == z.size or z[t + 1] != k:
            ends[runs] = t + 1
            states[runs] = number[k]
            runs += 1
    return runs, K


@entry
def shared_sums(runs, i, f, out):
    """out[m] = sum of f over the overlaps of partitions i and m, for every m > i."""
    ends, states, offsets, n_states = runs
    T, M = ends[offsets[1] - 1], n_states.size
    widest = np.int64(0)
    for m in range(i + 1, M):
        widest = max(widest, n_states[m])
    table = np.zeros(n_states[i] * widest, dtype=np.int64)
    for m in range(i + 1, M):
        a, b, t, K = offsets[i], offsets[m], np.int64(0), n_states[m]
        while t < T:
            cell = states[a] * K + states[b]
            end = min(ends[a], ends[b])
            table[cell] += end - t
            # Without branches: which of the two runs ends cannot be predicted.
            a += np.int64(ends[a] == end)
            b += np.int64(ends[b] == end)
            t = end
        total = 0.0
        for cell in range(n_states[i] * K):
            total += f[table[cell]]
            table[cell] = 0
        out[m] = total


@entry
def overlap(z, pivot, out):
    """Add to out[k, q] the steps that z has in state k and the pivot in state q."""
    for t in range(z.size):
        out[z[t], pivot[t]] += 1


@entry
def tally(z, target, votes, missed):
    """Add one vote (T, K) of z, with each of its states read as target[state]; -1 counts as missed (T,)."""
    for t in range(z.size):
        k = target[z[t]]
        if k < 0:
            missed[t] += 1
        else:
            votes[t, k] += 1


@entry
def agreements(draws, out):
    """out[s, t] = draws in which steps s and t are in one state, for t <= s.

    draws : (T, M) uint8 or int32.
    """
    T, M = draws.shape
    for s in range(T):
        for t in range(s + 1):
            same = np.int32(0)
            for m in range(M):
                same += np.int32(draws[s, m] == draws[t, m])
            out[s, t] = same


@entry
def count(z, s, counts):
    """Fill `counts` for z (T,) and draws s (T, M)."""
    size, shared = counts
    for t in range(z.size):
        size[z[t]] += 1
        for m in range(s.shape[1]):
            shared[m, s[t, m], z[t]] += 1


@kernel
def _cheapest(cost, k, f):
    """The state of least cost; k unless the gain is more than rounding."""
    margin = 1e-12 * f[f.size - 1]
    best = k
    for q in range(cost.size):
        if cost[q] < cost[best] - margin:
            best = q
    return best


@kernel
def _move(z, t, best, s, counts):
    """Put step t in another state."""
    size, shared = counts
    k = z[t]
    z[t] = best
    size[k] -= 1
    size[best] += 1
    for m in range(s.shape[1]):
        shared[m, s[t, m], k] -= 1
        shared[m, s[t, m], best] += 1


@kernel
def _set_gains(gains, m, j, k, counts, f):
    """gains[0, m, j, k]: what f gains by one more shared step; gains[1, ...]: what it gained by the last."""
    n = counts.shared[m, j, k]
    gains[0, m, j, k] = f[n + 1] - f[n] if n + 1 < f.size else 0.0
    gains[1, m, j, k] = f[n] - f[n - 1] if n > 0 else 0.0


@entry
def sweep_steps(z, order, s, counts, f):
    """Put each step in turn where the expected loss is smallest, in place; returns how many moved.

    order : (T,) the order of steps; s : (T, M) draws; counts : those of z, with at least one state left empty
    for what had better be on its own.
    """
    size, shared = counts
    M, J, K = shared.shape
    # Steps move rarely and are compared often, so differences of f are kept ready to be added.
    gains = np.empty((2, M, J, K))
    for m in range(M):
        for j in range(J):
            for k in range(K):
                _set_gains(gains, m, j, k, counts, f)
    cost = np.empty(K)
    moved = np.int64(0)
    for i in range(order.size):
        t = order[i]
        k = z[t]
        for q in range(K):
            cost[q] = 0.0
        stay = 0.0
        for m in range(M):
            j = s[t, m]
            stay += gains[1, m, j, k]
            for q in range(K):
                cost[q] += gains[0, m, j, q]
        cost[k] = stay
        for q in range(K):
            n = size[q] - (q == k)
            cost[q] = f[n + 1] - f[n] - 2.0 / M * cost[q]
        best = _cheapest(cost, k, f)
        if best != k:
            moved += 1
            _move(z, t, best, s, counts)
            for m in range(M):
                _set_gains(gains, m, s[t, m], k, counts, f)
                _set_gains(gains, m, s[t, m], best, counts, f)
    return moved


@kernel
def _costs_of_run(s, run, k, counts, f, work):
    """Cost of having a run, now in state k, in each state, its own steps not counted.

    work : costs (K,), then its steps in each state of a draw (J,), zeros, and which states these are (J,).
    """
    size, shared = counts
    cost, inside, touched = work
    first, last = run
    K, M, w = cost.size, s.shape[1], last - first
    for q in range(K):
        cost[q] = 0.0
    for m in range(M):
        n_touched = np.int64(0)
        for t in range(first, last):
            j = s[t, m]
            if inside[j] == 0:
                touched[n_touched] = j
                n_touched += 1
            inside[j] += 1
        for i in range(n_touched):
            j = touched[i]
            extra = inside[j]
            inside[j] = 0
            for q in range(K):
                n = shared[m, j, q] - (extra if q == k else 0)
                cost[q] += f[n + extra] - f[n]
    for q in range(K):
        n = size[q] - (w if q == k else 0)
        cost[q] = f[n + w] - f[n] - 2.0 / M * cost[q]


@entry
def sweep_runs(z, runs, s, counts, f):
    """Put each run as a whole where the expected loss is smallest, in place; returns how many moved.

    runs : (R, 2) first step and step after the last, all in one state of z; the rest as in `sweep_steps`.
    """
    K, J = counts.size.size, counts.shared.shape[1]
    work = np.empty(K), np.zeros(J, dtype=np.int64), np.zeros(J, dtype=np.int64)
    moved = np.int64(0)
    for i in range(runs.shape[0]):
        first, last = runs[i, 0], runs[i, 1]
        k = z[first]
        _costs_of_run(s, (first, last), k, counts, f, work)
        best = _cheapest(work[0], k, f)
        if best != k:
            moved += 1
            for t in range(first, last):
                _move(z, t, best, s, counts)
    return moved


@entry
def merge_gains(counts, f, out):
    """out[k, q] = change of the expected loss if states k < q became one."""
    size, shared = counts
    M, J, K = shared.shape
    for k in range(K):
        for q in range(k + 1, K):
            gain = 0.0
            for m in range(M):
                for j in range(J):
                    a, b = shared[m, j, k], shared[m, j, q]
                    gain += f[a + b] - f[a] - f[b]
            out[k, q] = f[size[k] + size[q]] - f[size[k]] - f[size[q]] - 2.0 / M * gain
