"""Textbook emissions: scipy.stats, one row at a time, one state at a time.

Evidence is the chain rule of predictive densities where those have a name, else an integral by quadrature.
Priors are given as keywords in the units of the data.
"""

import numpy as np
from scipy import special, stats


def normal_log_density(y, means, covariances):
    """Log density (T, K) of what is seen in each row of y (T, D) under each state; 0 where nothing is."""
    return _by_seen_part(
        y, means, covariances, lambda row, m, S: stats.multivariate_normal(m, S).logpdf(row)
    )


def student_t_log_density(y, locations, scales, df):
    """As `normal_log_density`; a marginal of a multivariate t has the same degrees of freedom."""
    return _by_seen_part(
        y, locations, scales, lambda row, m, S: stats.multivariate_t(m, S, df).logpdf(row)
    )


def columns_log_density(y, K, density):
    """Log density (T, K) of independent columns: density(value, k, column) summed over what is seen."""

    def one(row, k):
        return sum(density(value, k, i) for i, value in enumerate(row) if not np.isnan(value))

    return np.array([[one(row, k) for k in range(K)] for row in y])


def normal_wishart_log_evidence(y, z, mean, weight, df, Psi):
    """Log p(y | z) of rows that are complete or never seen: each row is Student-t given those before it."""
    total, D = 0.0, y.shape[1]
    for k in np.unique(z):
        m, c, nu, S = mean, weight, df, Psi
        for row in y[(z == k) & ~np.isnan(y).any(axis=1)]:
            free = nu - D + 1.0
            total += stats.multivariate_t(m, S * (c + 1.0) / (c * free), free).logpdf(row)
            S = S + np.outer(row - m, row - m) * c / (c + 1.0)
            m, c, nu = (c * m + row) / (c + 1.0), c + 1.0, nu + 1.0
    return total


def normal_gamma_log_evidence(y, z, mean, weight, a, b):
    """Log p(y | z): each value is Student-t given those before it in its state and column; mean, b (D,)."""
    total = 0.0
    for x, i in _groups(y, z):
        m, c, shape, rate = mean[i], weight, a, b[i]
        for value in x:
            total += stats.t(2.0 * shape, m, np.sqrt(rate * (c + 1.0) / (shape * c))).logpdf(value)
            rate += 0.5 * c * (value - m) ** 2 / (c + 1.0)
            m, c, shape = (c * m + value) / (c + 1.0), c + 1.0, shape + 0.5
    return total


def known_variance_log_evidence(y, z, variance, mean, spread):
    """Log p(y | z): values of one state and column are jointly normal; arguments (D,)."""
    total = 0.0
    for x, i in _groups(y, z):
        S = variance[i] * np.eye(x.size) + spread[i]
        total += stats.multivariate_normal(np.full(x.size, mean[i]), S).logpdf(x)
    return total


def poisson_log_evidence(y, z, a, b):
    """Log p(y | z): each count is negative binomial given those before it; b (D,)."""
    total = 0.0
    for x, i in _groups(y, z):
        shape, rate = a, b[i]
        for value in x:
            total += stats.nbinom(shape, rate / (rate + 1.0)).logpmf(value)
            shape, rate = shape + value, rate + 1.0
    return total


def size_log_posterior(x, y, mean, shape, size, size_shape):
    """Log p(x, y) of logs x of a negative binomial size and counts y, from the formula with the mean integrated out."""
    r = np.exp(np.asarray(x, dtype=float))
    total = stats.betaprime(size_shape, size_shape, scale=size).logpdf(r) + np.log(r)
    for value, often in zip(*np.unique(y, return_counts=True), strict=True):
        log_choose = special.gammaln(r + value) - special.gammaln(r) - special.gammaln(value + 1)
        total = total + often * log_choose
    b = 1.0 + shape * r / mean
    return total + special.betaln(shape + np.sum(y), b + len(y) * r) - special.betaln(shape, b)


def negative_binomial_log_evidence(y, z, mean, shape, size, size_shape):
    """Log p(y | z): a sum over a grid of the logs of sizes and of means; mean, size (D,)."""
    step, total = 0.1, 0.0
    x = np.arange(-16.0, 16.0, step)[:, None]
    for values, i in _groups(y, z):
        r, m = np.exp(x + np.log(size[i])), np.exp(np.arange(-14.0, 20.0, step))
        log_f = stats.betaprime(size_shape, size_shape, scale=size[i]).logpdf(r) + np.log(r)
        log_f = log_f + stats.betaprime(shape, 1.0 + shape * r / mean[i], scale=r).logpdf(m)
        log_f = log_f + np.log(m)
        for value in values:
            log_f = log_f + stats.nbinom(r, r / (r + m)).logpmf(value)
        total += special.logsumexp(log_f) + 2.0 * np.log(step)
    return total


def categorical_log_evidence(y, z, counts):
    """Log p(y | z) of codes y: Polya's urn; counts : list of (C,)."""
    total = 0.0
    for x, i in _groups(y, z):
        urn = np.array(counts[i], dtype=float)
        for value in x.astype(int):
            total += np.log(urn[value] / urn.sum())
            urn[value] += 1.0
    return total


def von_mises_log_evidence(y, z, direction, weight, a, b):
    """Log p(y | z) of radians: a sum over a grid of directions and log concentrations; direction, b (D,).

    The trapezoidal rule, exact to rounding for a periodic integrand and for a peak with smooth tails.
    """
    mu = np.linspace(-np.pi, np.pi, 400, endpoint=False)[:, None]
    log_kappa = np.linspace(-18.0, 9.0, 2000)
    kappa, total = np.exp(log_kappa), 0.0
    for x, i in _groups(y, z):
        log_f = stats.gamma(a, scale=1.0 / b[i]).logpdf(kappa) + log_kappa
        uniform = -np.log(2 * np.pi)
        log_f = log_f + (
            stats.vonmises(weight * kappa).logpdf(mu - direction[i]) if weight else uniform
        )
        for value in x:
            log_f = log_f + stats.vonmises(kappa).logpdf(value - mu)
        total += special.logsumexp(np.broadcast_to(log_f, (400, 2000)))
        total += np.log(2 * np.pi / 400 * (log_kappa[1] - log_kappa[0]))
    return total


def concentration_log_density(kappa, R, n, c, a, b):
    """Log p(kappa | angles), up to a constant, from the formula as it stands in the textbook."""
    kappa = np.asarray(kappa, dtype=float)

    def log_i0(x):
        return np.log(special.i0e(x)) + x

    return (
        (a - 1) * np.log(kappa)
        - b * kappa
        + log_i0(kappa * R)
        - n * log_i0(kappa)
        - log_i0(c * kappa)
    )


def _by_seen_part(y, means, scales, log_density):
    out = np.zeros((len(y), len(means)))
    for t, row in enumerate(y):
        seen = ~np.isnan(row)
        for k in range(len(means)) if seen.any() else ():
            out[t, k] = log_density(row[seen], means[k][seen], scales[k][np.ix_(seen, seen)])
    return out


def _groups(y, z):
    """Seen values of each state and column, and the column."""
    for k in np.unique(z):
        for i, column in enumerate(y[z == k].T):
            seen = column[~np.isnan(column)]
            if seen.size:
                yield seen, i
