"""The half of the Kalman filter and smoother that looks at the data: O(n^2 + n D) work per step."""

import numpy as np

from tsinit.kernels._jit import blend, kernel
from tsinit.kernels.dense import matvec


@blend
def _innovation(W, w, i, m, value):
    for a in range(m.shape[0]):
        value -= W[w, i, a] * m[a]
    return value


@blend
def _correct(m, K, slot, i, e):
    for a in range(m.shape[0]):
        m[a] += K[slot, i, a] * e


@kernel
def forward(system, z, t, stop, m, plan, index, start, e, x):
    """Filtered means x[t:stop] and innovations e[t:stop].

    z : (T, D) centred, whitened where R is full; m : (n,) predicted mean at step t, replaced by that at the end.
    Returns the log-likelihood and the quadratic part of it, sum of e^2 / v.
    """
    A, diagonal = system.A, system.diagonal
    K, precision, norm, W = plan.K, plan.precision, plan.log_norm, plan.W
    D, n = system.C.shape
    m_next = np.empty(n)
    # Compensated: a plain running sum loses 2e-12 over 10^6 steps.
    deviance, lost, quadratic = 0.0, 0.0, 0.0
    while t < stop:
        slot = index[t - start]
        w = np.int64(0) if diagonal else slot
        square = 0.0
        for i in range(D):
            if precision[slot, i] > 0.0:
                innovation = _innovation(W, w, i, m, z[t, i])
                e[t - start, i] = innovation
                square += innovation * innovation * precision[slot, i]
                _correct(m, K, slot, i, innovation)
        quadratic += square
        term = norm[slot] + square - lost
        total = deviance + term
        lost = (total - deviance) - term
        deviance = total
        for a in range(n):
            x[t, a] = m[a]
        matvec(A, m, m_next)
        for a in range(n):
            m[a] = m_next[a]
        t += 1
    return -0.5 * deviance, quadratic


@blend
def _lift(r, W, w, K, slot, i, e, precision):
    """r <- (I - c k') r + c e / v for one scalar observation."""
    s = e * precision
    for a in range(r.shape[0]):
        s -= K[slot, i, a] * r[a]
    for a in range(r.shape[0]):
        r[a] += W[w, i, a] * s


@blend
def _shift(x, t, P, slot, r):
    """x[t] += P[slot] r."""
    n = r.shape[0]
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += P[slot, a, b] * r[b]
        x[t, a] += s


@kernel
def backward(system, At, t, stop, r, plan, index, start, e, x):
    """Turn filtered means x into smoothed ones for steps t - 1 down to stop, in place.

    r : (n,) A' times the score of the state after step t - 1, replaced by that before `stop`; At : A transposed.
    """
    diagonal, K, precision, P, W = system.diagonal, plan.K, plan.precision, plan.P, plan.W
    D, n = system.C.shape
    r_next = np.empty(n)
    t -= 1
    while t >= stop:
        slot = index[t - start]
        w = np.int64(0) if diagonal else slot
        _shift(x, t, P, slot, r)
        for i in range(D - 1, -1, -1):
            if precision[slot, i] > 0.0:
                _lift(r, W, w, K, slot, i, e[t - start, i], precision[slot, i])
        matvec(At, r, r_next)
        for a in range(n):
            r[a] = r_next[a]
        t -= 1
