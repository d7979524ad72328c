"""How much of a covariance may be rounding, and when a change is no more than that.

A recursion of covariances loses digits where it subtracts nearly equal numbers, at once or many steps before it
shows. Two judges. The first is cheap and careful: it compares every variance with the largest one so far, and so
never forgets. Where it objects, the second looks closer: a *probe* is carried along, a vector that takes up, at
each step, what rounding can add to a standard deviation there, times noise, and that the recursion moves as it
moves a true error. Its square, times the unit of rounding, is the error to expect. All of this scales as the states
do, so that their units decide nothing.
"""

import numpy as np

from tsinit.kernels._jit import blend, kernel
from tsinit.kernels.dense import matvec

UNIT = 2.2e-16  # unit of rounding
TRUST = 3e-10  # a larger share of a variance must not be rounding that spreads to later steps
TRUST_HERE = 3e-9  # nor a larger one rounding that ends with the step

_HALF = 3.0**0.5  # uniform noise of variance one lies within this of zero
_WIDTH = 2.0 * _HALF / 2.0**53


@blend
def raise_peak(P, peak):
    """peak (n,) <- the largest variances so far; False where one is not finite."""
    trace = 0.0
    for a in range(peak.size):
        trace += P[a, a]
        peak[a] = max(peak[a], P[a, a])
    return trace < np.inf


@blend
def reach(W, w, i, peak):
    """Bound on what the variance of c'x can have been, c = W[w, i]: (sum of |c| s)^2 <= n sum of c^2 s^2."""
    total = 0.0
    for a in range(peak.size):
        total += W[w, i, a] * W[w, i, a] * peak[a]
    return peak.size * total


@blend
def stands_out(P, peak, spread):
    """Whether the variances P that a step's observations leave are more than rounding in the largest so far.

    spread : largest ratio of what rounding sees of an observation's variance to that variance; what an observation
    takes from P is as uncertain as that.
    """
    well_conditioned = True
    for a in range(peak.size):
        well_conditioned &= UNIT * spread * peak[a] <= TRUST_HERE * P[a, a]
    return well_conditioned


@blend
def stands_out_of(P, before):
    """Whether the variances P, left of `before` by information from later steps, are more than rounding in it.

    P = before - before G before, where G, of size 1 / P, is itself known to rounding only: so the ratio counts twice.
    """
    well_conditioned = True
    for a in range(P.shape[0]):
        well_conditioned &= UNIT * before[a, a] * before[a, a] <= TRUST * P[a, a] * abs(P[a, a])
    return well_conditioned


@blend
def deviations(P, s):
    """s (n,) <- square roots of the diagonal of P; returns the trace."""
    trace = 0.0
    for a in range(s.size):
        trace += P[a, a]
        s[a] = np.sqrt(max(P[a, a], 0.0))
    return trace


@blend
def project(W, w, i, p, s):
    """Return the error to expect in c'x, old (c'p) plus new, and the sum of both squared; c = W[w, i]."""
    drift, new = 0.0, 0.0
    for a in range(p.size):
        drift += W[w, i, a] * p[a]
        new += W[w, i, a] * W[w, i, a] * s[a] * s[a]
    return drift + (np.sqrt(new) if drift > 0.0 else -np.sqrt(new)), drift * drift + new


@blend
def follow(p, K, slot, i, drift):
    """p <- p - k drift: what an observation takes from P is as uncertain as its variance."""
    for a in range(p.size):
        p[a] -= K[slot, i, a] * drift


@blend
def lead(q, W, w, i, K, slot):
    """q <- (I - c k') q: the probe of the information matrix, on its way back."""
    drift = 0.0
    for a in range(q.size):
        drift += K[slot, i, a] * q[a]
    for a in range(q.size):
        q[a] -= W[w, i, a] * drift


@blend
def stir(p, s, t):
    """p <- p + s, entry by entry, times noise of variance one that depends on t alone.

    Not signs: where P has one large direction, the signs of that direction would say nothing of the others.
    """
    bits = np.uint64(t + 1) * np.uint64(0x9E3779B97F4A7C15)
    for a in range(p.size):
        bits = (bits ^ (bits >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
        p[a] += s[a] * (_WIDTH * np.float64(bits >> np.uint64(11)) - _HALF)


@blend
def grow(s2, N, W, w, i, corner):
    """s2 (n,) <- the larger of itself and what one scalar observation handled: N, and c c' times corner."""
    for a in range(s2.size):
        s2[a] = max(s2[a], max(N[a, a], corner * W[w, i, a] * W[w, i, a]))


@kernel
def trusted(P, before, q, moved):
    """Whether the variances P, left of `before` by the information whose probe is q, are more than rounding."""
    matvec(before, q, moved)
    well_conditioned = True
    for a in range(q.size):
        if not UNIT * (moved[a] * moved[a] + before[a, a]) <= TRUST * P[a, a]:
            well_conditioned = False
    return well_conditioned


@kernel
def kept(P, p, s):
    """Whether the variances P that a step's observations leave are more than rounding, new (s^2) and old (p^2)."""
    well_conditioned = True
    for a in range(s.size):
        if not UNIT * (s[a] * s[a] + p[a] * p[a]) <= TRUST_HERE * P[a, a]:
            well_conditioned = False
    return well_conditioned


@blend
def settled(new, old, A, s, transposed, tol, scale):
    """Whether the entries of new and old differ by tol, root mean square, relative to standard deviations.

    s : (n,) size of what A (A' where `transposed`) took `new` from; a difference that rounding in it makes is small.
    scale : (n,) scratch.
    """
    n = s.size
    limit = n * tol
    for a in range(n):
        reach = 0.0
        for b in range(n):
            reach += abs(A[b, a] if transposed else A[a, b]) * s[b]
        size = max(new[a, a], 0.01 * reach * reach)
        if abs(new[a, a] - old[a, a]) > limit * size:
            return False
        scale[a] = size
    for a in range(n):
        scale[a] = 1.0 / np.sqrt(scale[a]) if scale[a] > 0.0 else 0.0
    total = 0.0
    for a in range(n):
        for b in range(n):
            step = (new[a, b] - old[a, b]) * scale[a] * scale[b]
            total += step * step
    return total <= limit * limit
