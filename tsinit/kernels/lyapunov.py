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
        size, gain = 0.0, 0.0
        for i in range(n):
            for j in range(n):
                gain = max(gain, abs(step[i, j]))
                P[i, j] += step[i, j]
                size = max(size, abs(P[i, j]))
        if not np.isfinite(size):
            return np.full((n, n), np.inf)
        if gain <= 1e-17 * size:
            break
        product(power, power, half)
        copy_into(power, half)
    symmetrise(P)
    return P
