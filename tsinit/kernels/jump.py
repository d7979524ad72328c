"""Cheapest path of labels where every change costs the same: dynamic programming in O(T K)."""

import numpy as np

from tsinit.kernels._jit import entry


@entry
def squared_distances(y, centres):
    """Squared distances (T, K) from rows (T, D) to centres (K, D) over what was observed of each row."""
    T, D = y.shape
    K = centres.shape[0]
    out = np.zeros((T, K))
    for t in range(T):
        for i in range(D):
            if not np.isnan(y[t, i]):
                for k in range(K):
                    e = y[t, i] - centres[k, i]
                    out[t, k] += e * e
    return out


@entry
def jump_path(cost, penalty, offsets):
    """Labels z (T,) of smallest sum of cost[t, z[t]] plus `penalty` per change within a sequence, and that sum.

    cost : (T, K), overwritten with the cost of the best path from there on. Ties go to no change, then to the
    lowest label.
    """
    T, K = cost.shape
    z = np.zeros(T, dtype=np.int64)
    total = 0.0
    for n in range(offsets.size - 1):
        a, b = offsets[n], offsets[n + 1]
        for t in range(b - 2, a - 1, -1):
            best = cost[t + 1, 0]
            for k in range(1, K):
                best = min(best, cost[t + 1, k])
            for k in range(K):
                cost[t, k] += min(cost[t + 1, k], best + penalty)
        for t in range(a, b):
            k_best = 0
            for k in range(1, K):
                if cost[t, k] < cost[t, k_best]:
                    k_best = k
            if t == a:
                total += cost[t, k_best]
            z[t] = k_best
            if t > a and cost[t, z[t - 1]] <= cost[t, k_best] + penalty:
                z[t] = z[t - 1]
    return z, total
