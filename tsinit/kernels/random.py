"""Draws that Numba's Generator lacks, and Gammas whose shape may be too small for a double.

Shapes such as alpha * beta_k get as small as 1e-200, where a Gamma draw is 0 in double precision and a ratio
of two such draws is NaN. In logs nothing is lost: for a < 1, log G(a) = log G(a + 1) - E / a with E ~ Exp(1).
"""

import numpy as np

from tsinit.kernels._jit import kernel


@kernel
def log_gamma_draw(rng, a):
    """Log of a Gamma(a, 1) draw; -inf at a = 0."""
    if a >= 1.0:
        return np.log(rng.standard_gamma(a))
    return np.log(rng.standard_gamma(a + 1.0)) - rng.standard_exponential() / a


@kernel
def chisquare(rng, df):
    """Chi-square draw with df > 0 degrees of freedom."""
    return 2.0 * rng.standard_gamma(0.5 * df)


@kernel
def shares(x, y):
    """Turn two logs into their shares of the sum: (1, 0) to (0, 1), each without a subtraction from 1."""
    top = max(x, y)
    if top == -np.inf:  # two shapes of zero share nothing
        return 0.0, 1.0
    x, y = np.exp(x - top), np.exp(y - top)
    return x / (x + y), y / (x + y)


@kernel
def beta_pair(rng, a, b):
    """Draw (x, 1 - x) with x ~ Beta(a, b); neither is taken as 1 minus the other, which would round to 0."""
    x = log_gamma_draw(rng, a)
    return shares(x, log_gamma_draw(rng, b))


@kernel
def log_beta_draw(rng, a, b):
    """Log of a Beta(a, b) draw."""
    x = log_gamma_draw(rng, a)
    y = log_gamma_draw(rng, b)
    top = max(x, y)
    return x - top - np.log(np.exp(x - top) + np.exp(y - top))


@kernel
def normalise_logs(p, j, count):
    """Replace the logs p[j, :count] by weights that sum to one."""
    top = -np.inf
    for k in range(count):
        top = max(top, p[j, k])
    total = 0.0
    for k in range(count):
        p[j, k] = np.exp(p[j, k] - top)
        total += p[j, k]
    for k in range(count):
        p[j, k] /= total


@kernel
def dirichlet(rng, shape, out, j):
    """Draw row j of out from the Dirichlet with shapes shape[j]; both (J, C)."""
    count = shape.shape[1]
    for k in range(count):
        out[j, k] = log_gamma_draw(rng, shape[j, k])
    normalise_logs(out, j, count)


@kernel
def choose(uniform, cumulative, count):
    """Index of the first of cumulative[:count] that exceeds uniform * total."""
    x = uniform * cumulative[count - 1]
    for i in range(count - 1):
        if x < cumulative[i]:
            return i
    return count - 1
