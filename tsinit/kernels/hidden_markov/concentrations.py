"""Tables, overrides and the concentrations of the infinite hidden Markov model, in the order that is exact.

Given the labels, the numbers of tables and of overrides are drawn first; then alpha, rho and gamma with the
rows and beta integrated out; beta after them. Drawing beta before gamma, or letting gamma see K + 1 states, changes
the target (van Dyk and Park, 2008). Updates: Escobar and West (1995); Teh et al. (2006), appendix A; Fox et
al. (2011).

Tables hold alpha where it is: where it is large, nearly every step of a sequence has one of its own, and alpha follows
their number. So it also takes Metropolis steps with tables and rows integrated out.
"""

import math

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.hidden_markov.hdp import free_mass, log_rows
from tsinit.kernels.random import log_beta_draw, log_gamma_draw, shares

#: Standard deviations of steps of log alpha: its posterior is wide where counts say little, and narrow where there are
#: many states.
STEPS = (1.5, 0.3)
SMALLEST = 1e-100  # a concentration this near zero is zero to the model, and its logs still exist


@kernel
def draw_tables(rng, customers, mass):
    """Tables that `customers` take in a restaurant of concentration `mass`: the first always takes one."""
    tables = 0
    for seated in range(customers):
        # Written so that a mass that has underflowed still opens the first table.
        if seated == 0 or rng.random() * (mass + seated) < mass:
            tables += 1
    return tables


@kernel
def override_probability(rho, weight):
    """Probability that a table of a state's own dish is there because the row is sticky, not by beta."""
    return rho / (rho + (1.0 - rho) * weight)


@kernel
def draw_overrides(rng, tables, probability):
    overridden = 0
    for _ in range(tables):
        if rng.random() < probability:
            overridden += 1
    return overridden


@kernel
def seat(rng, n, beta, K, alpha, rho, ordered):
    """Seat every row: ordered[k] counts the tables that beta chose dish k for.

    Returns all tables, those of the state rows, and the overridden ones.
    """
    everywhere, in_states, overridden = 0, 0, 0
    for k in range(K):
        ordered[k] = 0.0
    for j in range(K + 1):
        free = free_mass(j, alpha, rho)
        for k in range(K):
            own = k == j - 1
            m = draw_tables(rng, n[j, k], free * beta[k] + (alpha * rho if own else 0.0))
            w = 0
            if own and rho > 0.0:
                w = draw_overrides(rng, m, override_probability(rho, beta[k]))
            ordered[k] += m - w
            everywhere += m
            overridden += w
            if j > 0:
                in_states += m
    return everywhere, in_states, overridden


@kernel
def draw_alpha(rng, n, K, alpha, tables, shape, rate):
    """Concentration of the rows given all tables (Teh et al. 2006, A.3)."""
    shape += tables
    for j in range(K + 1):
        visits = 0
        for k in range(K):
            visits += n[j, k]
        if visits > 0:
            rate -= log_beta_draw(rng, alpha + 1.0, visits)
            if rng.random() * (visits + alpha) < visits:
                shape -= 1.0
    return max(rng.standard_gamma(shape) / rate, SMALLEST)


@kernel
def draw_rho(rng, tables, overridden, a, b):
    """Share of the own state; never quite 1, where a state could not be left."""
    x = log_gamma_draw(rng, a + overridden)
    stays, _ = shares(x, log_gamma_draw(rng, b + tables - overridden))
    return min(stays, 1.0 - 1e-12)


@kernel
def draw_gamma(rng, gamma, K, ordered, shape, rate):
    """Concentration of beta given K states on `ordered` tables (Escobar and West 1995, eq. 13-14)."""
    rate -= log_beta_draw(rng, gamma + 1.0, ordered)
    shape += K
    if rng.random() * (shape - 1.0 + ordered * rate) >= shape - 1.0:
        shape -= 1.0
    return max(rng.standard_gamma(shape) / rate, SMALLEST)


@kernel
def draw_beta(rng, beta, ordered, K, gamma):
    """Beta ~ Dir(ordered_1, ..., ordered_K, gamma)."""
    top = log_gamma_draw(rng, gamma)
    beta[K] = top
    for k in range(K):
        beta[k] = log_gamma_draw(rng, ordered[k])
        top = max(top, beta[k])
    total = 0.0
    for k in range(K + 1):
        beta[k] = np.exp(beta[k] - top)
        total += beta[k]
    for k in range(K + 1):
        beta[k] /= total


@kernel
def log_posterior_of_log_alpha(n, beta, K, alpha, rho, prior):
    """Log density of log alpha given labels, beta and rho, up to a constant; the Jacobian makes the shape whole."""
    return prior[0] * math.log(alpha) - prior[1] * alpha + log_rows(n, beta, K, alpha, rho)


@kernel
def move_alpha(rng, n, beta, K, alpha, rho, prior):
    """Metropolis steps of log alpha, tables and rows integrated out."""
    log_density = log_posterior_of_log_alpha(n, beta, K, alpha, rho, prior)
    for step in STEPS:
        proposed = alpha * math.exp(step * rng.standard_normal())
        if SMALLEST < proposed < 1.0 / SMALLEST:
            new = log_posterior_of_log_alpha(n, beta, K, proposed, rho, prior)
            # Written so that a NaN is a rejection.
            if math.log1p(-rng.random()) < new - log_density:
                alpha, log_density = proposed, new
    return alpha


@entry
def update(rng, n, beta, K, values, priors):
    """Redraw alpha, rho, gamma and beta given the transition counts.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : (K + 1 or more, K or more) int
        Transition counts, the start row first; each of the K states is visited.
    beta : (K + 1 or more,) float
        Changed in place.
    K : int
    values : (3,) float
        alpha, rho, gamma; changed in place.
    priors : (3, 2) float
        Shape and rate of alpha, the two shapes of rho, shape and rate of gamma; a row of NaN holds its value.
    """
    ordered = np.empty(K)
    tables, in_states, overridden = seat(rng, n, beta, K, values[0], values[1], ordered)
    if not np.isnan(priors[0, 0]):
        values[0] = draw_alpha(rng, n, K, values[0], tables, priors[0, 0], priors[0, 1])
    if not np.isnan(priors[1, 0]):
        values[1] = draw_rho(rng, in_states, overridden, priors[1, 0], priors[1, 1])
    if not np.isnan(priors[2, 0]):
        values[2] = draw_gamma(rng, values[2], K, tables - overridden, priors[2, 0], priors[2, 1])
    draw_beta(rng, beta, ordered, K, values[2])
    if not np.isnan(priors[0, 0]):
        values[0] = move_alpha(rng, n, beta, K, values[0], values[1], priors[0])
