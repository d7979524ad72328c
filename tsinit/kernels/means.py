"""The half of the Kalman filter and smoother that looks at the data: O(n^2 + n D) work per step."""

import numpy as np

from tsinit.kernels._jit import blend, kernel
from tsinit.kernels.dense import matvec


@blend
def _innovation(W, i, m, value):
    for a in range(m.shape[0]):
        value -= W[i, a] * m[a]
    return value


@blend
def _correct(m, K, i, e):
    for a in range(m.shape[0]):
        m[a] += K[i, a] * e


@kernel
def forward(system, z, t, stop, m, plan, index, start, e, x):
    """Filtered means x[t:stop] and innovations e[t:stop].

    z : (T, D) centred, whitened where R is full; m : (n,) predicted mean at step t, replaced by that at the end.
    Returns the log-likelihood and the quadratic part of it, sum of e^2 / v.
    """
    D, n = system.C.shape
    m_next = np.empty(n)
    log_norm, quadratic = 0.0, 0.0
    # Compensated: a plain running sum loses 2e-12 over 10^6 steps.
    lost = 0.0
    while t < stop:
        slot = index[t - start]
        W = plan.W[0 if system.diagonal else slot]
        term = 0.0
        for i in range(D):
            precision = plan.precision[slot, i]
            if precision > 0.0:
                innovation = _innovation(W, i, m, z[t, i])
                e[t - start, i] = innovation
                term += innovation * innovation * precision
                _correct(m, plan.K[slot], i, innovation)
        log_norm += plan.log_norm[slot]
        term -= lost
        total = quadratic + term
        lost = (total - quadratic) - term
        quadratic = total
        for a in range(n):
            x[t, a] = m[a]
        matvec(system.A, m, m_next)
        for a in range(n):
            m[a] = m_next[a]
        t += 1
    return -0.5 * (log_norm + quadratic), quadratic


@blend
def _lift(r, W, K, i, e, precision):
    """r <- (I - c k') r + c e / v for one scalar observation."""
    s = e * precision
    for a in range(r.shape[0]):
        s -= K[i, a] * r[a]
    for a in range(r.shape[0]):
        r[a] += W[i, a] * s


@blend
def _shift(x, t, P, r):
    """x[t] += P r."""
    n = r.shape[0]
    for a in range(n):
        s = 0.0
        for b in range(n):
            s += P[a, b] * r[b]
        x[t, a] += s


@kernel
def backward(system, At, t, stop, r, plan, index, start, e, x):
    """Turn filtered means x into smoothed ones for steps t - 1 down to stop, in place.

    r : (n,) A' times the score of the state after step t - 1, replaced by that before `stop`; At : A transposed.
    """
    D, n = system.C.shape
    r_next = np.empty(n)
    t -= 1
    while t >= stop:
        slot = index[t - start]
        W = plan.W[0 if system.diagonal else slot]
        _shift(x, t, plan.P[slot], r)
        for i in range(D - 1, -1, -1):
            precision = plan.precision[slot, i]
            if precision > 0.0:
                _lift(r, W, plan.K[slot], i, e[t - start, i], precision)
        matvec(At, r, r_next)
        for a in range(n):
            r[a] = r_next[a]
        t -= 1
