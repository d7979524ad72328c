"""The stationary covariance of a stable state, by doubling."""

import numpy as np

from tsinit.kernels._jit import entry
from tsinit.kernels.dense import copy_into, product, product_nt, symmetrise

_MAX_DOUBLINGS = 60  # 2**60 steps: only a spectral radius of 1 to machine precision needs more


@entry
def solve_lyapunov(A, Q):
    """Solve P = A P A' + Q by Smith's doubling (squared Smith method, 1968).

    A : (n, n), spectral radius below 1 (otherwise the result holds inf); Q : (n, n) symmetric.
    """
    n = A.shape[0]
    P, power = Q.copy(), A.copy()
    half, step = np.empty((n, n)), np.empty((n, n))
    for _ in range(_MAX_DOUBLINGS):
        product(power, P, half)
        product_nt(half, power, step)
        trace, done = 0.0, True
        for i in range(n):
            for j in range(n):
                P[i, j] += step[i, j]
            trace += P[i, i]
            # State by state, as a large one must not end the sum for a small one that is slower.
            done &= abs(step[i, i]) <= 1e-17 * P[i, i]
        if not np.isfinite(trace):
            return np.full((n, n), np.inf)
        if done:
            break
        product(power, power, half)
        copy_into(power, half)
    symmetrise(P)
    return P
