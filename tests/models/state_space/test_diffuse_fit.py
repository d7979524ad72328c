"""Answers and messages where nothing is known of first states."""

import warnings

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.models import LinearGaussianPrior
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.m_step import MStepSettings
from tsinit.models.state_space.one_step import predict_one_step
from tsinit.models.state_space.residuals import innovations, state_disturbances
from tsinit.models.state_space.score import score
from tsinit.models.state_space.simulation import sample_states


def made(seed=0, R="diag", n=2, D=2):
    rng = np.random.default_rng(seed)
    params = random_params(rng, n, D, observation_cov=R)
    y = [with_gaps(rng, simulate(params, T, rng)[1], 0.2, rows=0.1) + 5.0 for T in (25, 14, 30)]
    params = params._replace(m0=np.zeros(n), P0=np.diag(np.full(n, np.inf)))
    return params, np.concatenate(y), np.array([0, 25, 39, 69])


def level_and_slope():
    return LinearGaussianParams(
        np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]), np.diag([0.3, 0.02]), np.eye(1),
        np.zeros(2), np.diag(np.full(2, np.inf)), np.zeros(1),
    )  # fmt: skip


@pytest.mark.parametrize("R", ["diag", "full"])
def test_the_score_is_the_gradient(R):
    params, y, offsets = made(R=R)
    settings = MStepSettings("full", R, "fixed", np.full(2, 1e-6), LinearGaussianPrior())
    em = EM(Kalman(y, 2, offsets), settings)
    found = score(em.expectations(em.evaluate(params)), params, settings)
    for name in ("A", "C", "Q", "R", "d"):
        values = getattr(params, name)
        for index in np.ndindex(values.shape):
            beside = name in "QR" and index[0] != index[1]
            if beside and name == "R" and R == "diag":
                continue
            ends = []
            for step in (-1e-5, 1e-5):
                moved = values.copy()
                moved[index] += step
                moved[index[::-1]] = moved[index] if beside else moved[index[::-1]]
                ends.append(em.kalman.log_likelihood(params._replace(**{name: moved})))
            slope = (ends[1] - ends[0]) / 2e-5
            found_slope = getattr(found, name)[index] * (2.0 if beside else 1.0)
            assert abs(found_slope - slope) < 1e-5 * max(abs(slope), 1.0)
    assert not found.m0.any()
    assert not found.P0.any()


def test_predictions_wait_until_the_rows_tell_of_the_first_states():
    params = level_and_slope()
    y = np.array([[10.0], [np.nan], [14.0], [16.0], [17.0]])
    kalman = Kalman(y, 2)
    ahead = predict_one_step(kalman, params)
    assert np.isnan(ahead.means[:3]).all()
    assert np.isfinite(ahead.means[3:]).all()
    # Two rows give level and slope exactly: the line through them.
    np.testing.assert_allclose(ahead.means[3], 16.0, atol=1e-9)
    np.testing.assert_array_equal(
        np.isnan(innovations(kalman, params, True))[:, 0], [1, 1, 1, 0, 0]
    )


def test_innovations_and_disturbances_are_those_of_statsmodels():
    params = level_and_slope()
    rng = np.random.default_rng(5)
    y = (np.cumsum(np.cumsum(0.1 * rng.standard_normal(60))) + rng.standard_normal(60))[:, None]
    y[20:24] = np.nan
    kalman = Kalman(y, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, on import
        other = params.to_statsmodels(y).smooth([])
    assert abs(other.llf - kalman.log_likelihood(params)) < 1e-8
    mine = innovations(kalman, params, True)
    late = np.isfinite(mine[:, 0])
    np.testing.assert_allclose(
        mine[late, 0], other.standardized_forecasts_error[0, late], atol=1e-7
    )
    w = state_disturbances(kalman, params, False)[1:]
    np.testing.assert_allclose(w, other.smoothed_state_disturbance.T[:-1], atol=1e-8)
    left = np.einsum("iit->it", other.smoothed_state_disturbance_cov)
    variance = (np.diag(params.Q)[:, None] - left)[:, :-1].T
    scaled = state_disturbances(kalman, params, True)[1:]
    known = np.isfinite(scaled)
    assert known.mean() > 0.9
    np.testing.assert_allclose(scaled[known], w[known] / np.sqrt(variance[known]), rtol=1e-5)


def test_drawn_paths_have_the_moments_of_the_smoother():
    params = level_and_slope()
    y = np.array([[10.0], [12.0], [np.nan], [15.0], [14.0]])
    kalman = Kalman(y, 2)
    exact = kalman.smooth(params, covariances=True)
    draws = sample_states(kalman, params, 4000, np.random.default_rng(6))
    spread = np.sqrt(np.einsum("tii->ti", exact.covariances.values))
    assert np.abs((draws.mean(axis=0) - exact.means) / spread).max() < 5.0 / np.sqrt(4000)
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=5.0 / np.sqrt(2 * 4000))


def test_given_parameters_with_diffuse_states_stay_so_and_forecast_like_statsmodels():
    params = level_and_slope()
    rng = np.random.default_rng(8)
    y = (50.0 + np.cumsum(np.cumsum(0.1 * rng.standard_normal(80))) + rng.standard_normal(80))[
        :, None
    ]
    model = LinearGaussianSSM(2, init=params, max_iter=0).fit(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = params.to_statsmodels(y).smooth([])
    assert abs(model.log_likelihood_ - other.llf) < 1e-8
    ahead = other.get_forecast(10)
    mine = model.forecast(10)
    np.testing.assert_allclose(mine.means[:, 0], ahead.predicted_mean, rtol=1e-9)
    np.testing.assert_allclose(mine.standard_deviations[:, 0], ahead.se_mean, rtol=1e-7)
    filled = model.impute(np.where(np.arange(80)[:, None] % 7 == 3, np.nan, y), return_std=True)
    assert np.isfinite(filled[0]).all()
    assert np.isfinite(filled[1]).all()


class TestMessages:
    def test_a_sequence_that_is_too_short(self):
        y = np.arange(9.0)[:, None] ** 1.1
        with pytest.raises(
            ValueError,
            match=r"Every sequence must identify its 2 diffuse first states; got one of 1",
        ):
            LinearGaussianSSM(2, init=level_and_slope(), max_iter=0).fit([y, y[:1]])

    def test_a_fit_of_what_has_no_maximum(self):
        with pytest.raises(ValueError, match=r"P0 must be finite where parameters are fitted"):
            LinearGaussianSSM(2, init=level_and_slope()).fit(np.arange(9.0)[:, None] ** 1.1)

    def test_a_first_state_that_has_no_distribution(self):
        model = LinearGaussianSSM(2, init=level_and_slope(), max_iter=0).fit(
            np.arange(9.0)[:, None] ** 1.1
        )
        with pytest.raises(ValueError, match=r"must have a distribution to be drawn from"):
            model.sample(5)
        assert model.simulate(5, random_state=0).y.shape == (1, 5, 1)

    def test_a_covariance_beside_an_infinite_variance(self):
        params = level_and_slope()
        params.P0[0, 0], params.P0[0, 1], params.P0[1, 0] = 1.0, 0.5, 0.5
        with pytest.raises(
            ValueError, match=r"init\.P0 must have no covariances beside an infinite variance"
        ):
            LinearGaussianSSM(2, init=params).fit(np.arange(9.0)[:, None])
