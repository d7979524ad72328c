"""The posterior of a state-space model: what is known from elsewhere, and the form in which it comes."""

import numpy as np
import pytest
from models.state_draws.problems import gaps, simulate, true_model

from tsinit import LinearGaussianSSM


def ar1(rng, T):
    x = np.zeros(T)
    for t in range(1, T):
        x[t] = 0.8 * x[t - 1] + rng.standard_normal()
    return x


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    x = ar1(rng, 400)
    y = (
        x[:, None] * [1.0, -2.0, 10.0]
        + rng.standard_normal((400, 3)) * [0.5, 0.5, 5.0]
        + [0, 5, 50]
    )
    y[rng.random(y.shape) < 0.1] = np.nan
    ssm = LinearGaussianSSM(1, random_state=0).fit(y)
    return ssm, y, ssm.posterior(y, 1000, n_chains=2, n_tune=100, random_state=0)


def test_it_agrees_with_the_information_where_data_are_many(fitted):
    ssm, y, posterior = fitted
    known = ssm.uncertainty(y).table
    ours = posterior.table.loc[known.index]
    # Noise variances have skew, and both are a quantile of some hundred dependent draws.
    assert np.abs((ours["mean"] - known["estimate"]) / known["standard error"]).max() < 0.5
    ratio = ours["sd"] / known["standard error"]
    assert ratio.between(0.75, 1.35).all()
    assert posterior.converged
    # Given the states, the noise of the column that they follow closest would move slowest: it had 44 of 2000.
    assert posterior.table.loc["noise variance[1]", "ess"] > 150


def test_draws_are_in_the_units_of_the_data_and_the_basis_of_the_fit(fitted):
    ssm, y, posterior = fitted
    assert posterior.states.shape == (2, 1000, 400, 1)
    hidden = np.isnan(y)
    assert posterior.missing.shape == (2, 1000, hidden.sum())
    mean = ssm.smooth(y).means
    apart = posterior.states.mean(axis=(0, 1)) - mean
    assert np.abs(apart).mean() < 0.1 * mean.std()
    filled = ssm.impute(y)
    drawn = posterior.missing.mean(axis=(0, 1))
    sd = posterior.missing.std(axis=(0, 1))
    assert np.abs((drawn - filled[hidden]) / sd).max() < 0.5
    assert np.abs(posterior.log_likelihood.max() - ssm.log_likelihood_) < 5.0
    integral = 2.0 * posterior.spectrum(np.linspace(0, 0.5, 400)).mean(axis=1)[:, 0] * 0.5
    assert np.median(integral) == pytest.approx(np.nanvar(y[:, 0]), rel=0.3)


def test_it_goes_to_arviz(fitted):
    tree = fitted[2].to_datatree()
    assert tree["posterior"]["states"].dims == ("chain", "draw", "time", "state")
    assert "eigenvalue[0]" in tree["posterior"]
    assert tree["sample_stats"]["lp"].shape == (2, 1000)
    fitted[2].to_arviz()


def test_several_sequences_and_equal_seeds():
    rng = np.random.default_rng(2)
    p = true_model(rng, 3, 2)
    parts = [simulate(rng, p, T) for T in (60, 9, 40)]
    parts[0][gaps(rng, (60, 3), "blackouts")] = np.nan
    ssm = LinearGaussianSSM(2, max_iter=20, tol=0.0, random_state=0).fit(parts)
    one, two = (ssm.posterior(parts, 20, n_chains=2, n_tune=5, random_state=3) for _ in range(2))
    assert np.array_equal(one.states, two.states)
    assert one.states.shape == (2, 20, 109, 2)


def test_what_it_does_not_know_is_refused(fitted):
    ssm, y, _ = fitted
    with pytest.raises(ValueError, match="n_draws must be"):
        ssm.posterior(y, 0)
    full = LinearGaussianSSM(1, observation_cov="full", max_iter=1, tol=0.0).fit(y)
    with pytest.raises(ValueError, match="noise is diagonal; got observation_cov='full'"):
        full.posterior(y)
    inputs = np.random.default_rng(0).standard_normal((400, 1))
    driven = LinearGaussianSSM(1, max_iter=1, tol=0.0).fit(y, inputs=inputs)
    with pytest.raises(ValueError, match="without inputs and structure; got one with inputs"):
        driven.posterior(y)
