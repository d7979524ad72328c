"""A state-space model and its prior drawn forward, line by line: slow and obvious."""

import numpy as np
from scipy import stats

from tsinit.models.state_draws.parameters import StateParameters


def half_t_squared(rng, dof, size=None):
    """Variances whose roots are half-t of scale 1."""
    return stats.t(dof).rvs(size=size, random_state=rng) ** 2


def draw_prior(rng, n, D, n_covariates, prior):
    """Draw all parameters; dynamics that are not stable are drawn again."""
    nu = prior.dof
    while True:
        b = rng.gamma(0.5, 1.0, n)
        Q = np.atleast_2d(stats.invwishart(nu + n - 1, 2 * nu * np.diag(b)).rvs(random_state=rng))
        s = half_t_squared(rng, nu)
        A = np.sqrt(s) * np.linalg.cholesky(Q) @ rng.standard_normal((n, n))
        if np.abs(np.linalg.eigvals(A)).max() < 1.0:
            break
    V = np.atleast_2d(stats.invwishart(prior.first + n - 1, np.eye(n)).rvs(random_state=rng))
    m = np.linalg.cholesky(V) @ rng.standard_normal(n)
    loadings = half_t_squared(rng, nu, n)
    C = np.sqrt(loadings) * rng.standard_normal((D, n))
    G = np.sqrt(prior.level) * rng.standard_normal((D, n_covariates))
    return StateParameters(A, Q, C, G, half_t_squared(rng, nu, D), m, V, b, s, loadings)


def draw_table(rng, p, offsets, covariates):
    """States (T, n) and table (T, D) of several sequences."""
    T, n = offsets[-1], len(p.A)
    x, y = np.empty((T, n)), np.empty((T, len(p.C)))
    for t in range(T):
        mean, V = (p.m, p.V) if t in offsets else (p.A @ x[t - 1], p.Q)
        x[t] = mean + np.linalg.cholesky(V) @ rng.standard_normal(n)
        terms = np.append(covariates[t], 1.0)
        y[t] = p.C @ x[t] + p.G @ terms + np.sqrt(p.r) * rng.standard_normal(len(p.C))
    return x, y
