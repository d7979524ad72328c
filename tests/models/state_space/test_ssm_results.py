"""What a fitted state-space model says: likelihoods, states, gaps, forecasts and samples, against outside answers."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.kernels import LinearGaussianParams

SCALE, SHIFT = np.array([1e-6, 1.0, 1e3, 1e6]), 1e6
WAYS = [
    {}, {"observation_cov": "full"}, {"observation_cov": "spherical"}, {"transition_cov": "diag"},
    {"accelerate": True}, {"initial_state": "learned"}, {"prior": "weak"}, {"init": "kmeans"}, {"init": "uniform"},
    {"init": "lpc"}, {"init": "best_of"},
]  # fmt: skip
IDS = [" ".join(map(str, next(iter(way.items()), ["default"]))) for way in WAYS]


@pytest.fixture(scope="module")
def gappy():
    rng = np.random.default_rng(3)
    params = random_params(rng, 3, 4)
    return with_gaps(rng, simulate(params, 250, rng)[1], 0.15, rows=0.05)


def fit(X, **changes):
    return LinearGaussianSSM(3, max_iter=25, random_state=0).set_params(**changes).fit(X)


def peer(params, y):
    """statsmodels' filter and smoother at the same parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, on import
        from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother
    D, n = params.C.shape
    other = KalmanSmoother(k_endog=D, k_states=n, loglikelihood_burn=0)
    other.bind(y.copy())
    other["design"], other["obs_intercept"], other["obs_cov"] = (
        params.C,
        params.d[:, None],
        params.R,
    )
    other["transition"], other["selection"], other["state_cov"] = params.A, np.eye(n), params.Q
    other.initialize_known(params.m0, params.P0)
    other.tolerance = 0
    return other.smooth()


def over_time(covariances):
    return np.moveaxis(covariances, 2, 0)


@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_the_likelihood_is_that_of_the_data_in_their_units(gappy, way):
    y = gappy * SCALE + SHIFT * SCALE
    fitted = fit(y, **way)
    exact = peer(fitted.params_, y).llf_obs.sum()
    seen = np.count_nonzero(~np.isnan(y))
    assert fitted.log_likelihood_ == pytest.approx(exact, rel=1e-9)
    assert fitted.score(y) * seen == pytest.approx(exact, rel=1e-9)
    assert fitted.smooth(y).log_likelihood == pytest.approx(exact, rel=1e-9)
    assert fitted.filter(y).log_likelihood == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_units_change_nothing_but_units(gappy, way):
    plain, other = fit(gappy, **way), fit(gappy * SCALE + SHIFT * SCALE, **way)
    assert other.n_iter_ == plain.n_iter_
    np.testing.assert_allclose(other.params_.A, plain.params_.A, atol=1e-6)
    constant = np.count_nonzero(~np.isnan(gappy), axis=0) @ np.log(SCALE)
    np.testing.assert_allclose(other.history_ + constant, plain.history_, rtol=1e-9)
    spread = np.nanstd(gappy, axis=0)
    filled = other.impute(gappy * SCALE + SHIFT * SCALE) / SCALE - SHIFT
    np.testing.assert_allclose(filled / spread, plain.impute(gappy) / spread, atol=1e-6)
    np.testing.assert_allclose(
        other.forecast(3).standard_deviations / SCALE,
        plain.forecast(3).standard_deviations,
        rtol=1e-6,
    )


@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_states_and_forecasts_agree_with_statsmodels(gappy, observation_cov):
    fitted = fit(gappy, observation_cov=observation_cov)
    ahead = np.vstack([gappy, np.full((12, 4), np.nan)])
    other = peer(fitted.params_, ahead)
    T = len(gappy)
    means, covariances, _ = fitted.filter(gappy)
    np.testing.assert_allclose(means, other.filtered_state.T[:T], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        covariances, over_time(other.filtered_state_cov)[:T], rtol=1e-9, atol=1e-9
    )
    means, covariances, log_likelihood = fitted.smooth(gappy)
    np.testing.assert_allclose(means, other.smoothed_state.T[:T], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        covariances, over_time(other.smoothed_state_cov)[:T], rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(fitted.transform(gappy), means)
    assert log_likelihood == pytest.approx(fitted.log_likelihood_, rel=1e-12)
    estimate = fitted.smooth(gappy)
    np.testing.assert_allclose(
        estimate.standard_deviations**2, np.einsum("tii->ti", estimate.covariances), rtol=1e-12
    )
    for forecast in (fitted.forecast(12), fitted.forecast(12, gappy)):
        np.testing.assert_allclose(forecast.means, other.forecasts.T[T:], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            forecast.covariances, over_time(other.forecasts_error_cov)[T:], rtol=1e-9
        )
        np.testing.assert_allclose(
            forecast.standard_deviations**2, np.einsum("tii->ti", forecast.covariances), rtol=1e-12
        )


def test_only_the_last_sequence_is_continued(gappy):
    parts = [gappy[:100], gappy[100:]]
    fitted = fit(parts)
    np.testing.assert_allclose(
        fitted.forecast(3).means, fitted.forecast(3, gappy[100:]).means, rtol=1e-12
    )
    np.testing.assert_allclose(
        fitted.forecast(3, parts).means, fitted.forecast(3).means, rtol=1e-12
    )


def test_a_forecast_can_start_from_other_data(gappy):
    fitted = fit(gappy)
    other = peer(fitted.params_, np.vstack([gappy[:40], np.full((2, 4), np.nan)]))
    np.testing.assert_allclose(
        fitted.forecast(2, gappy[:40]).means, other.forecasts.T[40:], rtol=1e-9, atol=1e-9
    )


def test_the_score_is_per_observed_value_and_so_are_the_criteria(gappy):
    fitted = fit(gappy)
    seen, steps = np.count_nonzero(~np.isnan(gappy)), np.count_nonzero(~np.isnan(gappy).all(axis=1))
    assert fitted.score(gappy) == pytest.approx(fitted.log_likelihood_ / seen, rel=1e-12)
    # A, C, Q and diagonal R without the n^2 numbers that cannot be seen, no more than the innovations form; the mean.
    k = min(9 + 12 + 6 - 9 + 4, 2 * 3 * 4 + 10) + 4
    assert fitted.aic() == pytest.approx(-2 * fitted.log_likelihood_ + 2 * k, rel=1e-12)
    assert fitted.bic() == pytest.approx(-2 * fitted.log_likelihood_ + np.log(steps) * k, rel=1e-12)
    for name in ("aic", "bic"):
        assert getattr(fitted, name)(gappy) == pytest.approx(getattr(fitted, name)(), rel=1e-10)
    half = gappy[:100]
    other = -2 * fitted.score(half) * np.count_nonzero(~np.isnan(half)) + 2 * k
    assert fitted.aic(half) == pytest.approx(other, rel=1e-12)


def test_imputing_leaves_observed_values_bit_for_bit(gappy):
    y = gappy * SCALE + SHIFT
    seen = ~np.isnan(y)
    fitted = fit(y)
    filled, spread = fitted.impute(y, return_std=True)
    np.testing.assert_array_equal(filled[seen], y[seen])
    assert (spread[seen] == 0.0).all()
    assert (spread[~seen] > 0.0).all()
    np.testing.assert_array_equal(fitted.impute(y), filled)
    whole = np.nan_to_num(y, nan=5.0)
    np.testing.assert_array_equal(fitted.impute(whole), whole)


@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_imputed_values_are_the_conditional_moments_of_the_joint_gaussian(observation_cov):
    rng = np.random.default_rng(5)
    y = with_gaps(
        rng, simulate(random_params(rng, 2, 3, observation_cov="full"), 25, rng)[1], 0.3, rows=0.1
    )
    fitted = LinearGaussianSSM(2, observation_cov=observation_cov, max_iter=4).fit(y)
    A, C, Q, R, m0, P0, d = fitted.params_
    T, n = len(y), 2
    mean_x, cov_x = np.zeros((T, n)), np.zeros((T, n, T, n))
    mean_x[0], cov_x[0, :, 0] = m0, P0
    for t in range(1, T):
        mean_x[t] = A @ mean_x[t - 1]
        for s in range(t):
            cov_x[t, :, s] = A @ cov_x[t - 1, :, s]
            cov_x[s, :, t] = cov_x[t, :, s].T
        cov_x[t, :, t] = A @ cov_x[t - 1, :, t - 1] @ A.T + Q
    mean = (mean_x @ C.T + d).ravel()
    cov = np.einsum("ia,tasb,jb->tisj", C, cov_x, C)
    cov[np.arange(T), :, np.arange(T), :] += R
    cov = cov.reshape(T * 3, T * 3)
    o = ~np.isnan(y.ravel())
    gain = np.linalg.solve(cov[np.ix_(o, o)], cov[np.ix_(o, ~o)]).T
    filled, spread = fitted.impute(y, return_std=True)
    expected = mean[~o] + gain @ (y.ravel()[o] - mean[o])
    left = cov[np.ix_(~o, ~o)] - gain @ cov[np.ix_(o, ~o)]
    np.testing.assert_allclose(filled.ravel()[~o], expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(spread.ravel()[~o] ** 2, np.diag(left), rtol=1e-8)


@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_intervals_of_imputed_values_cover_the_truth(observation_cov):
    rng = np.random.default_rng(11)
    truth = simulate(random_params(rng, 3, 4, observation_cov=observation_cov), 3000, rng)[1]
    y = with_gaps(rng, truth, 0.2)
    filled, spread = fit(y, observation_cov=observation_cov).impute(y, return_std=True)
    gaps = np.isnan(y)
    covered = np.abs(truth - filled)[gaps] < 1.959964 * spread[gaps]
    # About 2,400 gaps: one standard error is 0.0045, so the band is over four of them wide on either side.
    assert 0.93 < covered.mean() < 0.97
    # And the filled values are no worse than a model that knows everything could make them.
    assert np.square((truth - filled)[gaps] / spread[gaps]).mean() == pytest.approx(1.0, abs=0.15)


def test_samples_have_the_moments_of_the_model(gappy):
    fitted = fit(gappy)
    A, C, Q, R, m0, P0, d = fitted.params_
    y, states = fitted.sample(20_000, random_state=1)
    assert y.shape == (20_000, 4)
    assert states.shape == (20_000, 3)
    residual = y - states @ C.T - d
    shock = states[1:] - states[:-1] @ A.T
    for draws, cov in ((residual, R), (shock, Q)):
        # Independent draws: standard errors of means and covariances are exact.
        root = np.sqrt(np.diag(cov))
        assert np.abs(draws.mean(axis=0) / root).max() < 5 / np.sqrt(len(draws))
        error = (draws.T @ draws / len(draws) - cov) / np.outer(root, root)
        assert np.abs(error).max() < 5 * np.sqrt(2 / len(draws))
    many = fitted.sample(1, n_sequences=4000, random_state=2)
    first = np.concatenate(many.states)
    root = np.sqrt(np.diag(P0))
    assert np.abs((first.mean(axis=0) - m0) / root).max() < 5 / np.sqrt(4000)
    error = (np.cov(first.T) - P0) / np.outer(root, root)
    assert np.abs(error).max() < 5 * np.sqrt(2 / 4000)


def test_samples_are_seeded_and_come_in_sequences(gappy):
    fitted = fit(gappy)
    one, two = fitted.sample(5, random_state=3), fitted.sample(5, random_state=3)
    np.testing.assert_array_equal(one.y, two.y)
    assert not np.array_equal(one.y, fitted.sample(5, random_state=4).y)
    several = fitted.sample(5, n_sequences=3, random_state=3)
    assert [y.shape for y in several.y] == [(5, 4)] * 3
    assert not np.array_equal(several.y[0], several.y[1])
    assert fitted.sample().y.shape == (100, 4)


def test_from_the_truth_the_fit_gains_what_parameters_gain_by_chance():
    rng = np.random.default_rng(7)
    truth = random_params(rng, 2, 3)
    y = simulate(truth, 2000, rng)[1]
    fitted = LinearGaussianSSM(2, init=truth, max_iter=300).fit(y)
    at_truth = fitted.history_[0]
    # Twice the difference is chi-square with as many degrees of freedom as free parameters, 12 + 3: 5 sd above 15.
    assert 0.0 < 2 * (fitted.log_likelihood_ - at_truth) < 15 + 5 * np.sqrt(30)
    radii = np.sort(np.abs(np.linalg.eigvals(fitted.params_.A)))
    np.testing.assert_allclose(radii, np.sort(np.abs(np.linalg.eigvals(truth.A))), atol=0.05)


# -- the trace


@pytest.mark.parametrize("way", WAYS, ids=IDS)
def test_the_history_begins_at_the_start_and_never_falls(gappy, way):
    fitted = fit(gappy, **way)
    assert len(fitted.history_) == fitted.n_iter_ + 1
    assert fitted.n_iter_ <= 25
    assert (np.diff(fitted.history_) >= 0.0).all()
    if way != {"prior": "weak"}:
        assert fitted.history_[-1] == pytest.approx(fitted.log_likelihood_, rel=1e-13)


def test_the_first_entry_is_the_likelihood_of_the_start(gappy):
    start = fit(gappy, max_iter=0).start_
    fitted = fit(gappy, init=start, observation_cov="full")
    assert fitted.history_[0] == pytest.approx(peer(start, gappy).llf_obs.sum(), rel=1e-9)
    assert fitted.history_[0] < fitted.history_[-1]


def test_without_iterations_a_start_is_only_evaluated():
    rng = np.random.default_rng(9)
    # Nothing of it is what a fit would keep: full R, no stationary prior, an unstable A.
    start = random_params(rng, 2, 3, observation_cov="full", stationary=False)._replace(
        A=np.diag([1.02, 0.5])
    )
    y = simulate(start, 40, rng)[1]
    fitted = LinearGaussianSSM(2, init=start, max_iter=0).fit(y)
    for one, other, ready in zip(fitted.params_, fitted.start_, start, strict=True):
        np.testing.assert_array_equal(one, ready)
        np.testing.assert_array_equal(other, ready)
    assert fitted.n_iter_ == 0
    assert fitted.history_.tolist() == [fitted.log_likelihood_]
    assert not fitted.converged_
    assert fitted.log_likelihood_ == pytest.approx(peer(start, y).llf_obs.sum(), rel=1e-9)


def test_convergence_is_what_it_says(gappy):
    loose, never = fit(gappy, tol=1e-3, max_iter=500), fit(gappy, tol=0.0, max_iter=30)
    seen = np.count_nonzero(~np.isnan(gappy))
    assert loose.converged_
    left = fit(gappy, max_iter=1000).log_likelihood_ - loose.log_likelihood_
    assert left < 1e-3 * seen
    assert not never.converged_
    assert never.n_iter_ == 30


def test_plain_numbers_have_plain_types(gappy):
    fitted = fit(gappy)
    assert isinstance(fitted.params_, LinearGaussianParams)
    assert isinstance(fitted.start_, LinearGaussianParams)
    assert type(fitted.log_likelihood_) is float
    assert type(fitted.n_iter_) is int
    assert type(fitted.converged_) is bool
    assert type(fitted.n_states_) is int
    assert type(fitted.score(gappy)) is float
    assert repr(fitted.smooth(gappy)).startswith(
        "StateEstimate(250 steps, 3 states, log_likelihood="
    )
    assert isinstance(fitted.impute(pd.DataFrame(gappy)), pd.DataFrame)


def test_forecast_takes_its_steps_by_their_old_name_with_a_warning(gappy):
    fitted = fit(gappy)
    with pytest.warns(
        FutureWarning, match=r"^steps is now called n_steps; the old name goes in 0\.3\.$"
    ):
        old = fitted.forecast(steps=3)
    np.testing.assert_array_equal(old.means, fitted.forecast(n_steps=3).means)
