"""The three samplers of a regression draw from one posterior, the one that quadrature finds."""

import numpy as np
import pytest
from reference.fcs import posterior_of_eta

from tsinit.kernels.imputation import regression
from tsinit.kernels.imputation.column_regressions import SamplerSettings, sample
from tsinit.result import ess

PRIOR = regression.RegressionPrior(5.0, 1.0, 0.5, 5.0)
SAMPLERS = {"gibbs": regression.GIBBS, "mala": regression.MALA, "rwm": regression.RWM}


def data(rng, n, d):
    """Correlated predictors of different size, as lags and seasons are."""
    X = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal((n, 1))
    y = X @ rng.standard_normal(d) * 0.3 + 0.5 * rng.standard_normal(n)
    return regression.RegressionTarget(d, X.T @ X, X.T @ y, float(y @ y), float(n), PRIOR, d)


def run(target, sampler, n_draws, *, precondition=True, seed=1, n_tune=4_000):
    """Draws (theta, eta) after a warm-up in which the step size adapts."""
    rng, w = np.random.default_rng(seed), regression.workspace(target.d)
    settings = SamplerSettings(SAMPLERS[sampler], 1, precondition, True)
    w.theta[:] = np.linalg.solve(target.G + 0.1 * np.eye(target.d), target.g)
    # Proposals are shaped by the first variance: where it is about right, both phases have the same shape.
    last = (target.yy - w.theta @ target.g) / target.n
    theta, tau2 = np.zeros((n_tune + 1, target.d)), np.full(n_tune + 1, last)
    first = 2.38 / np.sqrt(target.d) if precondition else 0.05
    step, _ = sample(rng, target, settings, w, first, theta, tau2)
    theta, tau2 = np.zeros((n_draws + 1, target.d)), np.full(n_draws + 1, last)
    _, acceptance = sample(rng, target, settings._replace(adapt=False), w, step, theta, tau2)
    return theta[1:], np.log(tau2[1:]), acceptance


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("n", [10, 300])
def test_the_noise_has_the_posterior_that_quadrature_finds(rng, sampler, n):
    target = data(rng, n, 3)
    mean, variance = posterior_of_eta(target.G, target.g, target.yy, n, *PRIOR[:3])
    _, eta, _ = run(target, sampler, 60_000)
    error = np.sqrt(variance / ess(eta[None]))
    assert abs(eta.mean() - mean) < 5 * error
    if n == 10 and sampler == "rwm":  # a step without the Jacobian would be noticed
        wrong, _ = posterior_of_eta(target.G, target.g, target.yy, n, *PRIOR[:3], jacobian=False)
        assert abs(eta.mean() - wrong) > 10 * error


@pytest.mark.parametrize("sampler", ["mala", "rwm"])
def test_means_and_variances_are_those_of_the_exact_conditional(rng, sampler):
    target = data(rng, 686, 10)
    exact, eta, _ = run(target, "gibbs", 40_000)
    theta, other, _ = run(target, sampler, 120_000, seed=2)
    for x, y in zip([*exact.T, eta], [*theta.T, other], strict=True):
        assert abs(x.mean() - y.mean()) < 0.1 * x.std()
        assert abs(y.var() / x.var() - 1.0) < 0.1


@pytest.mark.parametrize("sampler", ["mala", "rwm"])
def test_unshaped_proposals_have_the_same_posterior(rng, sampler):
    target = data(rng, 200, 2)
    mean, variance = posterior_of_eta(target.G, target.g, target.yy, 200, *PRIOR[:3])
    _, eta, _ = run(target, sampler, 100_000, precondition=False)
    assert abs(eta.mean() - mean) < 5 * np.sqrt(variance / ess(eta[None]))


@pytest.mark.parametrize(("sampler", "aim"), [("mala", 0.574), ("rwm", 0.234)])
def test_steps_adapt_to_the_rate_that_mixes_best(rng, sampler, aim):
    _, _, acceptance = run(data(rng, 400, 12), sampler, 20_000)
    assert abs(acceptance - aim) < 0.05


def test_columns_that_repeat_each_other_still_have_a_factor():
    x = np.ones((50, 1))
    G = np.hstack([x, x]).T @ np.hstack([x, x])
    target = regression.RegressionTarget(2, G, np.zeros(2), 1.0, 50.0, PRIOR, 2)
    theta, eta, _ = run(target, "gibbs", 500)
    assert np.isfinite(theta).all()
    assert np.isfinite(eta).all()
