"""Split and merge moves: allot the rows of one state (or of two) to two, and weigh one state against two.

Rows are integrated out of the transition matrix, and of the labels only those of the rows concerned change. `side` says
where these are: 0 or 1 in the one part or the other, `UNDECIDED` in neither yet; `OUTSIDE` marks all other rows.
Jain and Neal (2004) have the move for mixtures; here the rows are allotted together, by a filter over two states whose
neighbours are held, so that a proposal knows what comes before and after.
"""

import math
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.hidden_markov.concentrations import override_probability
from tsinit.kernels.hidden_markov.hdp import free_mass
from tsinit.kernels.random import beta_pair

OUTSIDE, UNDECIDED = -1, -2
_SMALLEST = 1e-100  # probability of a step: whatever it is, the filter can go on


class Concerned(NamedTuple):
    """The rows concerned, and what stands around them."""

    rows: np.ndarray  # (S,) int, ascending
    side: np.ndarray  # (T,) int
    z: np.ndarray  # (T,) int labels; of the rows concerned not looked at
    begins: np.ndarray  # (T,) bool whether a sequence begins at t


class PairCounts(NamedTuple):
    """Transitions of the two parts."""

    inward: np.ndarray  # (K + 1, 2) from the start row and from the other states
    within: np.ndarray  # (2, 2)
    outward: np.ndarray  # (2, K) to the other states


@kernel
def is_attached(side, begins, t):
    """Whether row t follows a row that is concerned too."""
    return not begins[t] and side[t - 1] != OUTSIDE


@kernel
def count_pair(concerned, n):
    """Count the transitions into and out of the decided rows; those from or to an undecided one are left out."""
    rows, side, z, begins = concerned
    for t in rows:
        k = side[t]
        if k < 0:
            continue
        if not is_attached(side, begins, t):
            n.inward[0 if begins[t] else z[t - 1] + 1, k] += 1.0
        elif side[t - 1] >= 0:
            n.within[side[t - 1], k] += 1.0
        if t + 1 < side.size and not begins[t + 1] and side[t + 1] == OUTSIDE:
            n.outward[k, z[t + 1]] += 1.0


@kernel
def visits_of(n, x):
    """Transitions out of part x."""
    total = n.within[x, 0] + n.within[x, 1]
    for k in range(n.outward.shape[1]):
        total += n.outward[x, k]
    return total


@kernel
def expect_steps(n, beta, weight, alpha, rho):
    """Replace counts by transition probabilities expected given them, each part with half the weight.

    Into the parts only the ratio of the two matters.
    """
    half, free = 0.5 * weight, alpha * (1.0 - rho)
    for x in range(2):
        total = alpha + visits_of(n, x)
        for j in range(n.inward.shape[0]):
            n.inward[j, x] = max(free_mass(j, alpha, rho) * half + n.inward[j, x], _SMALLEST)
        for y in range(2):
            mass = free * half + (alpha * rho if x == y else 0.0) + n.within[x, y]
            n.within[x, y] = max(mass / total, _SMALLEST)
        for k in range(n.outward.shape[1]):
            n.outward[x, k] = max((free * beta[k] + n.outward[x, k]) / total, _SMALLEST)


@kernel
def filter_pair(concerned, density, steps, first):
    """Probability first (S,) of part 0 given all rows so far."""
    rows, side, z, begins = concerned
    for r in range(rows.size):
        t = rows[r]
        if is_attached(side, begins, t):
            p = first[r - 1]
            a = p * steps.within[0, 0] + (1.0 - p) * steps.within[1, 0]
            b = p * steps.within[0, 1] + (1.0 - p) * steps.within[1, 1]
        else:
            j = 0 if begins[t] else z[t - 1] + 1
            a, b = steps.inward[j, 0], steps.inward[j, 1]
        top = max(density[t, 0], density[t, 1])
        a *= math.exp(density[t, 0] - top)
        b *= math.exp(density[t, 1] - top)
        first[r] = a / (a + b)


@entry
def allot(uniform, concerned, density, beta, weight, values, goal):
    """Draw the parts of all rows concerned, given where they are now; or say how probable `goal` would have been.

    Parameters
    ----------
    uniform : (S,) float
        Uniform draws, one for each row concerned.
    concerned : Concerned
        `side` is overwritten by what is drawn, or by the goal.
    density : (T, 2) float
        Log densities of the rows concerned in the two parts; -inf where a row must not be.
    beta : (K + 1 or more,) float
        Weights of the states.
    weight : float
        That of the two parts together.
    values : (3,) float
        alpha, rho, gamma.
    goal : (T,) int
        Parts; or empty, to draw them.

    Returns
    -------
    float
        Log probability of the parts; NaN where a row has no density in either.
    """
    rows, side, z, begins = concerned
    K = beta.size - 1
    steps = PairCounts(np.zeros((K + 1, 2)), np.zeros((2, 2)), np.zeros((2, K)))
    count_pair(concerned, steps)
    expect_steps(steps, beta, weight, values[0], values[1])
    first = np.empty(rows.size)
    filter_pair(concerned, density, steps, first)
    log_q = 0.0
    for r in range(rows.size - 1, -1, -1):
        t = rows[r]
        a, b = first[r], 1.0 - first[r]
        if t + 1 < side.size and not begins[t + 1]:
            # Rows after t hold their new parts already.
            if side[t + 1] != OUTSIDE:
                a *= steps.within[0, side[t + 1]]
                b *= steps.within[1, side[t + 1]]
            else:
                a *= steps.outward[0, z[t + 1]]
                b *= steps.outward[1, z[t + 1]]
        if goal.size > 0:
            side[t] = goal[t]
        else:
            side[t] = 0 if uniform[r] * (a + b) < a else 1
        log_q += math.log((a if side[t] == 0 else b) / (a + b))
    return log_q


@kernel
def expected_tables(n, mass):
    """About as many tables as n customers take in a restaurant of this concentration."""
    return 0.0 if n == 0.0 else 1.0 + mass * math.log((mass + n) / (mass + 1.0))


@kernel
def tables_of(n, x, weight, alpha, rho):
    """About as many tables of part x as beta has chosen."""
    half, free = 0.5 * weight, alpha * (1.0 - rho)
    total = expected_tables(n.within[1 - x, x], free * half)
    for j in range(n.inward.shape[0]):
        total += expected_tables(n.inward[j, x], free_mass(j, alpha, rho) * half)
    by_beta = 1.0 - override_probability(rho, half)
    return total + by_beta * expected_tables(n.within[x, x], free * half + alpha * rho)


@kernel
def log_rising(mass, n):
    """Log of mass (mass + 1) ... (mass + n - 1); a mass that has underflowed still is not zero."""
    return 0.0 if n == 0.0 else math.lgamma(max(mass, 1e-300) + n) - math.lgamma(max(mass, 1e-300))


@kernel
def log_gain_of_rows(n, beta, weights, alpha, rho):
    """Log p(z | beta) of two states less that of one, transition probabilities integrated out."""
    free = alpha * (1.0 - rho)
    merged = weights[0] + weights[1]
    gain = 0.0
    for j in range(n.inward.shape[0]):
        mass = free_mass(j, alpha, rho)
        gain += log_rising(mass * weights[0], n.inward[j, 0])
        gain += log_rising(mass * weights[1], n.inward[j, 1])
        gain -= log_rising(mass * merged, n.inward[j, 0] + n.inward[j, 1])
    stays = 0.0
    for x in range(2):
        gain -= log_rising(alpha, visits_of(n, x))
        for y in range(2):
            own = alpha * rho if x == y else 0.0
            gain += log_rising(free * weights[y] + own, n.within[x, y])
            stays += n.within[x, y]
    gain += log_rising(alpha, visits_of(n, 0) + visits_of(n, 1))
    gain -= log_rising(free * merged + alpha * rho, stays)
    for k in range(n.outward.shape[1]):
        mass = free * beta[k]
        gain += log_rising(mass, n.outward[0, k]) + log_rising(mass, n.outward[1, k])
        gain -= log_rising(mass, n.outward[0, k] + n.outward[1, k])
    return gain


@kernel
def log_share_density(share, rest, shape, shape_of_rest):
    """Log density of a share ~ Beta(shape, shape_of_rest); rest is 1 - share."""
    norm = math.lgamma(shape + shape_of_rest) - math.lgamma(shape) - math.lgamma(shape_of_rest)
    return norm + (shape - 1.0) * math.log(share) + (shape_of_rest - 1.0) * math.log(rest)


@kernel
def log_gain_of_sticks(weights, gamma):
    """Log density of the weights of two states less that of their sum, with the Jacobian of share and sum.

    Weights of K states have the density gamma^K rest^(gamma - 1) / (beta_1 ... beta_K); beta_1 and beta_2 are
    the sum times share and 1 - share, a change of variables that costs the sum.
    """
    merged = weights[0] + weights[1]
    return math.log(gamma) + 2.0 * math.log(merged) - math.log(weights[0]) - math.log(weights[1])


@entry
def weigh(rng, concerned, beta, weights, values, draw):
    """Weigh two states against one, emissions apart.

    Parameters
    ----------
    rng : numpy.random.Generator
    concerned : Concerned
        All rows decided.
    beta : (K + 1 or more,) float
    weights : (2,) float
        Of the two states; overwritten by a division of their sum where `draw`.
    values : (3,) float
        alpha, rho, gamma.
    draw : bool

    Returns
    -------
    float
        Log of what two states have against one: labels, weights, Jacobian, less the log density of the share.
    """
    K = beta.size - 1
    n = PairCounts(np.zeros((K + 1, 2)), np.zeros((2, 2)), np.zeros((2, K)))
    count_pair(concerned, n)
    alpha, rho, gamma = values[0], values[1], values[2]
    merged = weights[0] + weights[1]
    shape = tables_of(n, 0, merged, alpha, rho)
    shape_of_rest = tables_of(n, 1, merged, alpha, rho)
    if draw:
        share, rest = beta_pair(rng, shape, shape_of_rest)
        weights[0], weights[1] = merged * share, merged * rest
    else:
        share, rest = weights[0] / merged, weights[1] / merged
    gain = log_gain_of_rows(n, beta, weights, alpha, rho) + log_gain_of_sticks(weights, gamma)
    return gain - log_share_density(share, rest, shape, shape_of_rest)
