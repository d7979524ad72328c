"""Bayesian linear regression on sufficient statistics: exact draws, Langevin and random-walk steps.

The model is y = X theta + e with e ~ N(0, tau2), theta ~ N(0, scale I) and tau2 ~ IG(shape, rate). All that a step
needs of the data is G = X'X, g = X'y, y'y and the number of rows, so that its cost does not grow with the rows.

A rate that is fixed is a floor under the noise. Where tau is half-Cauchy instead, tau2 is IG(1/2, rate) with a rate
that is drawn too (Wand, Ormerod, Padoan and Fruehwirth, Bayesian Analysis 6, 2011): small noise has a small rate.

Matrices are as large as the largest regression needs; d says how much of them is in use. eta = log tau2.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, kernel

GIBBS, MALA, RWM = 0, 1, 2
#: Share of y'y below which a residual sum is rounding: what is explained to five digits is explained exactly.
RESOLUTION = 1e-10
#: Shape of the inverse gamma whose mixture over rates is a half-Cauchy distribution of tau.
HALF_CAUCHY_SHAPE = 0.5


class RegressionPrior(NamedTuple):
    """Prior of the coefficients and of the noise variance."""

    scale: float  # variance of a coefficient
    shape: float  # of the inverse gamma of tau2
    rate: float
    level: float  # variance of the coefficients of season and level, which come last


class RegressionTarget(NamedTuple):
    """Posterior of one regression: sufficient statistics and prior."""

    d: int  # coefficients in use
    G: np.ndarray  # (m, m) X'X
    g: np.ndarray  # (m,) X'y
    yy: float  # y'y
    n: float  # rows
    prior: RegressionPrior
    n_scaled: int  # coefficients before those of season and level


class RegressionWorkspace(NamedTuple):
    """Statistics and present coefficients of the regression at hand, and scratch space of the samplers."""

    G: np.ndarray  # (m, m) X'X
    g: np.ndarray  # (m,) X'y
    theta: np.ndarray  # (m,)
    Gtheta: np.ndarray  # (m,) G theta
    root: np.ndarray  # (m, m) lower, root root' the precision that proposals are shaped by
    new: np.ndarray  # (m,) proposal
    Gnew: np.ndarray  # (m,) G new
    noise: np.ndarray  # (m,)
    drift: np.ndarray  # (m,)
    back: np.ndarray  # (m,)


def workspace(m):
    """Return the workspace of regressions of up to m coefficients."""
    G, root = np.zeros((2, m, m))
    g, theta, Gtheta, *rest = (np.zeros(m) for _ in range(8))
    return RegressionWorkspace(G, g, theta, Gtheta, root, *rest)


@kernel
def _variance(target, i):
    """Prior variance of coefficient i."""
    return target.prior.scale if i < target.n_scaled else target.prior.level


@blend
def factor(target, tau2, root):
    """Write the Cholesky factor of G / tau2 + V^-1 to root, V the prior variances."""
    for i in range(target.d):
        for j in range(i + 1):
            s = target.G[i, j] / tau2
            if i == j:
                s += 1.0 / _variance(target, i)
            for k in range(j):
                s -= root[i, k] * root[j, k]
            # Positive but for rounding: columns that repeat each other leave no more than the prior.
            root[i, j] = np.sqrt(max(s, 1e-3 / _variance(target, i))) if i == j else s / root[j, j]


@kernel
def identity(d, root):
    """Proposals of the same size in all directions."""
    for i in range(d):
        for j in range(i):
            root[i, j] = 0.0
        root[i, i] = 1.0


@blend
def solve_lower(d, root, x):
    """x <- root^-1 x."""
    for i in range(d):
        s = x[i]
        for k in range(i):
            s -= root[i, k] * x[k]
        x[i] = s / root[i, i]


@blend
def solve_upper(d, root, x):
    """x <- root'^-1 x; by rows of root, which lie together."""
    for i in range(d - 1, -1, -1):
        x[i] /= root[i, i]
        for k in range(i):
            x[k] -= root[i, k] * x[i]


@blend
def times(d, G, x, out):
    """Write G x to out."""
    for i in range(d):
        s = 0.0
        for k in range(d):
            s += G[i, k] * x[k]
        out[i] = s


@blend
def dot(d, x, y):
    s = 0.0
    for i in range(d):
        s += x[i] * y[i]
    return s


@blend
def _penalty(target, theta):
    """theta' V^-1 theta, V the prior variances."""
    scaled, level = 0.0, 0.0
    for i in range(target.n_scaled):
        scaled += theta[i] * theta[i]
    for i in range(target.n_scaled, target.d):
        level += theta[i] * theta[i]
    return scaled / target.prior.scale + level / target.prior.level


@kernel
def residual_sum(target, theta, Gtheta):
    """(y - X theta)'(y - X theta); not below zero, where rounding may take it."""
    rss = target.yy - 2.0 * dot(target.d, theta, target.g) + dot(target.d, theta, Gtheta)
    return max(rss, RESOLUTION * target.yy)


@kernel
def draw_variance(rng, target, w):
    """Draw tau2 given theta: inverse gamma."""
    rate = target.prior.rate + 0.5 * residual_sum(target, w.theta, w.Gtheta)
    return rate / rng.standard_gamma(target.prior.shape + 0.5 * target.n)


@kernel
def draw_rate(rng, spread, tau2):
    """Draw the rate of the inverse gamma of tau2 where tau is half-Cauchy of scale `spread`."""
    return rng.standard_exponential() / (1.0 / (spread * spread) + 1.0 / tau2)


@kernel
def draw_scale(rng, n, theta, rate):
    """Draw the prior variance of the first n coefficients, an inverse gamma of such a rate, given them."""
    return (rate + 0.5 * dot(n, theta, theta)) / rng.standard_gamma(HALF_CAUCHY_SHAPE + 0.5 * n)


@kernel
def gibbs_step(rng, target, w, tau2):
    """Draw theta given tau2, then tau2 given theta; return tau2."""
    factor(target, tau2, w.root)
    for i in range(target.d):
        w.theta[i] = target.g[i] / tau2
    solve_lower(target.d, w.root, w.theta)
    for i in range(target.d):
        w.theta[i] += rng.standard_normal()
    solve_upper(target.d, w.root, w.theta)
    times(target.d, target.G, w.theta, w.Gtheta)
    return draw_variance(rng, target, w)


@kernel
def _log_density(target, theta, Gtheta, tau2):
    """Log density of theta given tau2, up to a constant."""
    d = target.d
    fit = 2.0 * dot(d, theta, target.g) - dot(d, theta, Gtheta)
    return 0.5 * fit / tau2 - 0.5 * _penalty(target, theta)


@kernel
def _whitened_gradient(target, w, theta, Gtheta, tau2, out):
    """Write root^-1 times the gradient of the log density at theta to out."""
    for i in range(target.d):
        out[i] = (target.g[i] - Gtheta[i]) / tau2 - theta[i] / _variance(target, i)
    solve_lower(target.d, w.root, out)


@kernel
def _accept(rng, log_ratio):
    """Probability of acceptance, and whether it happened; NaN is a rejection."""
    p = 0.0 if np.isnan(log_ratio) else np.exp(min(0.0, log_ratio))
    return p, rng.random() < p


@kernel
def _move(d, w):
    for i in range(d):
        w.theta[i] = w.new[i]
        w.Gtheta[i] = w.Gnew[i]


@kernel
def mala_step(rng, target, w, tau2, step):
    """Langevin step of theta given tau2, shaped by root, then an exact draw of tau2; return (tau2, p).

    With M = (root root')^-1 the proposal is theta + step^2 / 2 M grad + step M^(1/2) xi. The noise that would lead
    back is -xi - step / 2 (a + a'), where a = root^-1 grad at the two ends: hence the ratio of proposals.
    """
    d = target.d
    _whitened_gradient(target, w, w.theta, w.Gtheta, tau2, w.drift)
    for i in range(d):
        w.noise[i] = rng.standard_normal()
        w.new[i] = 0.5 * step * step * w.drift[i] + step * w.noise[i]
    solve_upper(d, w.root, w.new)
    for i in range(d):
        w.new[i] += w.theta[i]
    times(d, target.G, w.new, w.Gnew)
    _whitened_gradient(target, w, w.new, w.Gnew, tau2, w.back)
    log_ratio = _log_density(target, w.new, w.Gnew, tau2)
    log_ratio -= _log_density(target, w.theta, w.Gtheta, tau2)
    for i in range(d):
        back = w.noise[i] + 0.5 * step * (w.drift[i] + w.back[i])
        log_ratio += 0.5 * (w.noise[i] * w.noise[i] - back * back)
    p, accepted = _accept(rng, log_ratio)
    if accepted:
        _move(d, w)
    return draw_variance(rng, target, w), p


@kernel
def _log_joint(target, theta, Gtheta, eta):
    """Log density of (theta, eta), the Jacobian of eta = log tau2 included, up to a constant."""
    tau2, prior = np.exp(eta), target.prior
    rss = residual_sum(target, theta, Gtheta)
    log_p = -0.5 * target.n * eta - 0.5 * rss / tau2 - 0.5 * _penalty(target, theta)
    return log_p - (prior.shape + 1.0) * eta - prior.rate / tau2 + eta


@kernel
def rwm_step(rng, target, w, tau2, step):
    """Random-walk step of (theta, log tau2) together, shaped by root; return (tau2, p)."""
    d, eta = target.d, np.log(tau2)
    for i in range(d):
        w.new[i] = step * rng.standard_normal()
    solve_upper(d, w.root, w.new)
    for i in range(d):
        w.new[i] += w.theta[i]
    times(d, target.G, w.new, w.Gnew)
    # The posterior standard deviation of eta is about sqrt(2 / n).
    sd = np.sqrt(2.0 / (target.n + 2.0 * target.prior.shape))
    new_eta = eta + step * sd * rng.standard_normal()
    log_ratio = _log_joint(target, w.new, w.Gnew, new_eta)
    log_ratio -= _log_joint(target, w.theta, w.Gtheta, eta)
    p, accepted = _accept(rng, log_ratio)
    if accepted:
        _move(d, w)
        return np.exp(new_eta), p
    return tau2, p


@kernel
def first_step(sampler, d):
    """Step size that is right for a Gaussian of d dimensions whose shape is known."""
    return 1.65 * d ** (-1.0 / 6.0) if sampler == MALA else 2.38 / np.sqrt(d + 1.0)


@kernel
def adapted(sampler, step, p, n_tries):
    """Step size after one more acceptance probability (Robbins and Monro)."""
    aim = 0.574 if sampler == MALA else 0.234
    return step * np.exp((p - aim) / (1.0 + n_tries) ** 0.6)
