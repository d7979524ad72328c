"""K-medoids: rows of smallest total distance from all others, by greedy choice and swaps."""

import numpy as np

from tsinit.kernels._jit import entry, kernel

_MIN_GAIN = 1e-12  # of the total: a swap that gains less is rounding


@entry
def distances(y, centres, manhattan):
    """Distances (n, m) from rows y (n, D), NaN where missing, to centres (m, D) over what was observed."""
    D = y.shape[1]
    out = np.zeros((y.shape[0], centres.shape[0]))
    for a in range(y.shape[0]):
        for b in range(centres.shape[0]):
            total = 0.0
            for i in range(D):
                e = y[a, i] - centres[b, i]
                if not np.isnan(e):
                    total += abs(e) if manhattan else e * e
            out[a, b] = total if manhattan else np.sqrt(total)
    return out


@entry
def build(d, K):
    """Choose K rows (BUILD of PAM): the most central one, then each time the one that shortens the total most.

    d : (n, n) distances.
    """
    n = d.shape[0]
    chosen = np.zeros(K, dtype=np.int64)
    nearest = np.full(n, np.inf)
    for k in range(K):
        best, total_best = np.int64(0), np.inf
        for c in range(n):
            total = 0.0
            for i in range(n):
                total += min(nearest[i], d[c, i])
            if total < total_best:
                best, total_best = c, total
        chosen[k] = best
        for i in range(n):
            nearest[i] = min(nearest[i], d[best, i])
    return chosen


@kernel
def _two_nearest(d, chosen, first, near, second):
    """For every row the place of its nearest chosen row, that distance and the next; returns the total."""
    total = 0.0
    for i in range(first.size):
        near[i], second[i], first[i] = np.inf, np.inf, 0
        for k in range(chosen.size):
            e = d[chosen[k], i]
            if e < near[i]:
                second[i], near[i], first[i] = near[i], e, k
            elif e < second[i]:
                second[i] = e
        total += near[i]
    return total


@entry
def swap(d, chosen):
    """Swap chosen rows (K >= 2) for others, in place, as long as one swap shortens the total; returns that.

    Each candidate is tried against all chosen rows in one pass over the data, and the first that gains is
    taken.
    """
    n, K = d.shape[0], chosen.size
    first = np.zeros(n, dtype=np.int64)
    near, second, change = np.empty(n), np.empty(n), np.empty(K)
    total = _two_nearest(d, chosen, first, near, second)
    c, idle = 0, 0
    while idle < n:
        # What it costs to give up each chosen row, then what the candidate brings.
        for k in range(K):
            change[k] = 0.0
        shared = 0.0
        for i in range(n):
            e = d[c, i]
            change[first[i]] += second[i] - near[i]
            if e < near[i]:
                shared += e - near[i]
                change[first[i]] += near[i] - second[i]
            elif e < second[i]:
                change[first[i]] += e - second[i]
        k_best = 0
        for k in range(1, K):
            if change[k] < change[k_best]:
                k_best = k
        idle += 1
        if shared + change[k_best] < -_MIN_GAIN * total:
            chosen[k_best] = c
            total = _two_nearest(d, chosen, first, near, second)
            idle = 0
        c = c + 1 if c + 1 < n else 0
    return total
