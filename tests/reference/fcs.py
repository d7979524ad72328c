"""Slow, obvious twins of chained equations: quadrature, dense Gaussian conditioning, loops over rows."""

import itertools

import numpy as np


def interpolate(y, offsets=None):
    """Straight lines in every sequence; the column mean where a sequence has no value."""
    filled = y.copy()
    edges = [0, len(y)] if offsets is None else offsets
    for a, b in itertools.pairwise(edges):
        for j in range(y.shape[1]):
            observed = np.flatnonzero(~np.isnan(y[a:b, j]))
            mean = np.nanmean(y[:, j])
            filled[a:b, j] = (
                np.interp(np.arange(b - a), observed, y[a + observed, j]) if len(observed) else mean
            )
    return filled


def posterior_of_eta(G, g, yy, n, scale, shape, rate, jacobian=True):
    """Mean and variance of eta = log tau2, coefficients integrated out, on a fine grid.

    Without the Jacobian: what a sampler of eta finds whose density is that of tau2.
    """
    grid = np.linspace(-12.0, 12.0, 20_001)
    values = np.empty_like(grid)
    d = len(g)
    for i, eta in enumerate(grid):
        tau2 = np.exp(eta)
        precision = G / tau2 + np.eye(d) / scale
        quadratic = g @ np.linalg.solve(precision, g) / tau2**2
        values[i] = (
            -0.5 * n * eta
            - 0.5 * yy / tau2
            + 0.5 * quadratic
            - 0.5 * np.linalg.slogdet(precision)[1]
        )
        values[i] += -(shape + 1.0) * eta - rate / tau2 + (eta if jacobian else 0.0)
    weight = np.exp(values - values.max())
    weight /= weight.sum()
    mean = weight @ grid
    return mean, weight @ (grid - mean) ** 2


def windows(table, covariates, L, t):
    """The window of row t."""
    return np.concatenate([table[t - L : t + L + 1].ravel(), covariates[t]])


def conditional_of_column(table, covariates, L, j, missing, regression, theta, tau2):
    """Mean and covariance of the missing cells of column j given all else, from its equations one by one.

    Every equation is a row of a linear system in the missing cells, which weighted least squares solves.
    """
    rows = np.flatnonzero(missing[:, j])
    zeroed = table.copy()
    zeroed[rows, j] = 0.0
    A, c, weights = [], [], []
    for t in np.flatnonzero(regression >= 0):
        k = regression[t]

        # The error of the equation as an affine function of the missing cells, by differences.
        def error(cells, t=t, k=k):
            filled = zeroed.copy()
            filled[rows, j] = cells
            return filled[t, j] - theta[k, j] @ windows(filled, covariates, L, t)

        base = error(np.zeros(len(rows)))
        A.append([error(unit) - base for unit in np.eye(len(rows))])
        c.append(base)
        weights.append(1.0 / tau2[k, j])
    A, c, weights = np.array(A), np.array(c), np.array(weights)
    precision = A.T @ (weights[:, None] * A)
    return np.linalg.solve(precision, -A.T @ (weights * c)), np.linalg.inv(precision)


def simulate_var1(rng, A, Q, T):
    """(T, D) draw of a stationary first-order vector autoregression."""
    D = len(A)
    root = np.linalg.cholesky(Q)
    z = np.zeros(D)
    out = np.empty((T, D))
    for t in range(-200, T):
        z = A @ z + root @ rng.standard_normal(D)
        if t >= 0:
            out[t] = z
    return out


def oracle_var1(y, A, Q):
    """Conditional means of the missing cells and their standard deviations under the truth, by one dense solve."""
    T, D = y.shape
    n = T * D
    P0 = np.linalg.solve(np.eye(D * D) - np.kron(A, A), Q.ravel()).reshape(D, D)
    precision, Qi = np.zeros((n, n)), np.linalg.inv(Q)
    precision[:D, :D] += np.linalg.inv(P0)
    for t in range(1, T):
        B = np.hstack([-A, np.eye(D)])
        s = slice((t - 1) * D, (t + 1) * D)
        precision[s, s] += B.T @ Qi @ B
    missing = np.isnan(y).ravel()
    observed = y.ravel()[~missing]
    inner = precision[np.ix_(missing, missing)]
    mean = -np.linalg.solve(inner, precision[np.ix_(missing, ~missing)] @ observed)
    return mean, np.sqrt(np.diag(np.linalg.inv(inner)))
