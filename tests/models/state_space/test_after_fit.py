"""What is asked of a fitted model: residuals, one-step predictions, tests, draws, and rows that come later."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman
from tsinit.models.state_space.diagnostics import diagnose
from tsinit.models.state_space.filter_state import FilterState
from tsinit.models.state_space.residuals import (
    innovations,
    observation_disturbances,
    state_disturbances,
)
from tsinit.models.state_space.simulation import sample_states


def drawn(observation_cov="diag", T=80, gaps=0.2, seed=0):
    rng = np.random.default_rng(seed)
    params = random_params(rng, 3, 2, observation_cov=observation_cov)
    return params, with_gaps(rng, simulate(params, T, rng)[1], gaps, rows=0.05)


def in_statsmodels(params, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, on import
        return params.to_statsmodels(y).smooth([])


@pytest.fixture(scope="module")
def fitted():
    _, y = drawn(T=150)
    return LinearGaussianSSM(2, random_state=0, max_iter=30).fit(y), y


@pytest.mark.parametrize("cov", ["diag", "full"])
class TestAgainstStatsmodels:
    def test_predictions_and_innovations(self, cov):
        params, y = drawn(cov)
        other = in_statsmodels(params, y)
        kalman = Kalman(y, 3)
        raw = innovations(kalman, params, False)
        np.testing.assert_allclose(
            (y - raw)[~np.isnan(y)], other.forecasts.T[~np.isnan(y)], atol=1e-9
        )
        mine = innovations(kalman, params, True)
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(y))
        # Whole rows: statsmodels does not move the entries of a row back to their places where some are missing.
        whole = ~np.isnan(y).any(axis=1)
        np.testing.assert_allclose(
            mine[whole], other.standardized_forecasts_error.T[whole], atol=1e-8
        )

    def test_smoothed_disturbances(self, cov):
        params, y = drawn(cov)
        other = in_statsmodels(params, y)
        kalman = Kalman(y, 3)
        whole = ~np.isnan(y).any(axis=1)
        noise = observation_disturbances(kalman, params, False)
        np.testing.assert_allclose(
            noise[whole], other.smoothed_measurement_disturbance.T[whole], atol=1e-8
        )
        left = np.einsum("iit->ti", other.smoothed_measurement_disturbance_cov)
        variance = (np.diag(params.R) - left)[whole]
        expected = other.smoothed_measurement_disturbance.T[whole] / np.sqrt(variance)
        mine = observation_disturbances(kalman, params, True)
        np.testing.assert_allclose(mine[whole], expected, atol=1e-6)

    def test_state_disturbances(self, cov):
        params, y = drawn(cov)
        other = in_statsmodels(params, y)
        mine = state_disturbances(Kalman(y, 3), params, False)
        np.testing.assert_allclose(mine[1:], other.smoothed_state_disturbance.T[:-1], atol=1e-8)
        left = np.einsum("iit->ti", other.smoothed_state_disturbance_cov)
        mine = state_disturbances(Kalman(y, 3), params, True)[1:]
        # After the last row that was observed, data say nothing: NaN here, 0 / 0 there.
        told = ~np.isnan(mine).any(axis=1)
        assert told.sum() > 70
        variance = (np.diag(params.Q) - left)[:-1][told]
        expected = other.smoothed_state_disturbance.T[:-1][told] / np.sqrt(variance)
        np.testing.assert_allclose(mine[told], expected, atol=1e-5)
        assert np.isnan(state_disturbances(Kalman(y, 3), params, True)[0]).all()


@pytest.mark.parametrize("cov", ["diag", "full"])
def test_innovations_of_the_truth_are_independent_standard_normal(cov):
    params, y = drawn(cov, T=20_000, gaps=0.1)
    found = innovations(Kalman(y, 3), params, True)
    table = diagnose(found, ["a", "b"])
    assert (table[["ljung_box_p", "jarque_bera_p", "heteroscedasticity_p"]] > 0.005).all(axis=None)
    rows = found[~np.isnan(found).any(axis=1)]
    np.testing.assert_allclose(np.cov(rows.T), np.eye(2), atol=0.04)


def test_a_model_of_too_few_states_shows_in_its_innovations():
    rng = np.random.default_rng(1)
    y = simulate(random_params(rng, 4, 1, radius=0.97), 800, rng)[1]
    ssm = LinearGaussianSSM(1, random_state=0).fit(y)
    assert ssm.diagnostics(y).ljung_box_p[0] < 1e-3
    assert LinearGaussianSSM(4, random_state=0).fit(y).diagnostics(y).ljung_box_p[0] > 1e-3


def test_residuals_keep_the_form_of_the_data(fitted):
    ssm, y = fitted
    days = pd.date_range("2024-01-01", periods=len(y))
    frame = pd.DataFrame(y, index=days, columns=["a", "b"])
    ssm = LinearGaussianSSM(2, random_state=0, max_iter=5, tol=0.0).fit(frame)
    found = ssm.residuals(frame)
    assert list(found.columns) == ["a", "b"]
    assert (found.index == days).all()
    assert list(ssm.residuals(frame, "auxiliary").columns) == ["state0", "state1"]
    assert list(ssm.diagnostics(frame).index) == ["a", "b"]
    parts = ssm.residuals([frame.iloc[:50], frame.iloc[50:]], "smoothed")
    assert [len(part) for part in parts] == [50, 100]
    # Nothing is carried over from one sequence to the next.
    np.testing.assert_allclose(parts[1], ssm.residuals(frame.iloc[50:], "smoothed"), atol=1e-9)
    with pytest.raises(ValueError, match="kind must be one of"):
        ssm.residuals(frame, "pearson")


def test_predictions_bring_their_spread(fitted):
    ssm, y = fitted
    ahead = ssm.predict(y)
    raw = ssm.residuals(y, standardised=False)
    np.testing.assert_allclose((y - ahead.means)[~np.isnan(y)], raw[~np.isnan(raw)])
    inside = np.abs(raw) < 1.96 * ahead.standard_deviations
    assert 0.9 < inside[~np.isnan(raw)].mean() < 0.99
    # The last row again, as a forecast from all before it.
    one = ssm.forecast(1, y[:-1])
    np.testing.assert_allclose(ahead.means[-1], one.means[0])
    np.testing.assert_allclose(ahead.standard_deviations[-1], one.standard_deviations[0])


def test_draws_of_states_have_the_smoothed_distribution():
    params, y = drawn(T=30)
    kalman = Kalman(y, 3)
    draws = sample_states(kalman, params, 4000, np.random.default_rng(0))
    done = kalman.smooth(params, covariances=True)
    spread = done.covariances.values[done.covariances.index]
    np.testing.assert_allclose(
        draws.mean(axis=0), done.means, atol=5 * np.sqrt(spread.max() / 4000)
    )
    for t in (0, 7, 29):
        np.testing.assert_allclose(np.cov(draws[:, t].T), spread[t], atol=0.12 * spread[t].max())
    # Neighbours move together: Cov(x[t+1] - A x[t] | y) as statsmodels has it.
    left = in_statsmodels(params, y).smoothed_state_disturbance_cov
    for t in (3, 15):
        noise = draws[:, t + 1] - draws[:, t] @ params.A.T
        np.testing.assert_allclose(np.cov(noise.T), left[:, :, t], atol=0.1 * left[:, :, t].max())


def test_draws_follow_the_seed_and_the_form(fitted):
    ssm, y = fitted
    a = ssm.sample_states(y, 3, random_state=1)
    np.testing.assert_array_equal(a, ssm.sample_states(y, 3, random_state=1))
    assert a.shape == (3, len(y), 2)
    parts = ssm.sample_states([y[:50], y[50:]], 4, random_state=1)
    assert [part.shape for part in parts] == [(4, 50, 2), (4, len(y) - 50, 2)]


def test_paths_after_the_data_have_the_moments_of_the_forecast(fitted):
    ssm, _ = fitted
    paths = ssm.simulate(5, n_paths=20_000, random_state=0)
    forecast = ssm.forecast(5)
    assert paths.y.shape == (20_000, 5, 2)
    assert paths.states.shape == (20_000, 5, 2)
    size = forecast.standard_deviations
    np.testing.assert_allclose(paths.y.mean(axis=0), forecast.means, atol=4 * size.max() / 140)
    np.testing.assert_allclose(paths.y.std(axis=0), size, rtol=0.03)
    start = ssm.simulate(200, anchor="start", n_paths=50, random_state=0).y
    assert start.shape == (50, 200, 2)


@pytest.mark.parametrize("cov", ["diag", "full"])
def test_rows_one_by_one_are_the_filter(cov):
    params, y = drawn(cov)
    done = Kalman(y, 3).filter(params, covariances=True)
    state = FilterState(params, params.m0, params.P0, is_prior=True)
    for t, row in enumerate(y):
        means, covariances = state.forecast()
        state.update(row)
        np.testing.assert_allclose(state.mean, done.means[t], atol=1e-9)
        np.testing.assert_allclose(
            state.covariance, done.covariances.values[done.covariances.index[t]], atol=1e-9
        )
        assert means.shape == (1, 2)
        assert covariances.shape == (1, 2, 2)
    assert state.log_likelihood == pytest.approx(done.log_likelihood, rel=1e-10)
    assert state.n_rows == len(y)


def test_a_state_can_be_kept_and_gone_on_with(fitted):
    ssm, y = fitted
    state = ssm.filter_state(y[:100])
    kept, other = pickle.loads(pickle.dumps(state)), state.copy()
    for row in y[100:]:
        state.update(row)
    assert other.n_rows == 0
    for one in (kept, other):
        for row in y[100:]:
            one.update(row)
        np.testing.assert_array_equal(one.mean, state.mean)
    np.testing.assert_allclose(state.mean, ssm.filter_state().mean, atol=1e-9)
    with pytest.raises(ValueError, match="row must have 2 values; got 3"):
        state.update(np.zeros(3))
    before = state.mean.copy()
    with pytest.raises(ValueError, match="row must have a density"):
        state.update([np.inf, 0.0])
    np.testing.assert_array_equal(state.mean, before)


def test_inputs_come_with_their_rows():
    rng = np.random.default_rng(3)
    u = rng.standard_normal((120, 1))
    y = np.column_stack([np.convolve(u[:, 0], [0, 1, 0.6, 0.3])[:120]])
    y += 0.1 * rng.standard_normal(y.shape)
    ssm = LinearGaussianSSM(1, random_state=0).fit(y, inputs=u)
    state = ssm.filter_state(y[:60], inputs=u[:60])
    total = sum(state.update(row, inputs=v) for row, v in zip(y[60:], u[60:], strict=True))
    whole, half = (ssm.score(y[:t], inputs=u[:t]) * t for t in (120, 60))
    assert total == pytest.approx(whole - half, abs=1e-6)
    np.testing.assert_allclose(
        state.forecast(3, inputs=np.ones((3, 1)))[0], ssm.forecast(3, inputs=np.ones((3, 1))).means
    )
    with pytest.raises(ValueError, match="inputs must be 1 known numbers"):
        state.update(y[0])


def test_extended_data_are_continued(fitted):
    ssm, y = fitted
    again = LinearGaussianSSM(2, init=ssm.params_, max_iter=0).fit(y[:100])
    again.extend(y[100:120]).extend(y[120:])
    np.testing.assert_allclose(again.forecast(4).means, ssm.forecast(4).means, atol=1e-8)


def test_extended_times_go_on():
    _, y = drawn(T=150)
    days = pd.date_range("2024-01-01", periods=150)
    frame = pd.DataFrame(y, index=days, columns=["a", "b"])
    ssm = LinearGaussianSSM(2, random_state=0, max_iter=5, tol=0.0).fit(frame.iloc[:100])
    ssm.extend(frame.iloc[103:140])
    assert ssm.forecast(2).means.index[0] == days[140]
    holes = frame.iloc[:140].copy()
    holes.iloc[100:103] = np.nan
    expected = ssm.forecast(2, holes)
    np.testing.assert_allclose(ssm.forecast(2).means, expected.means, atol=1e-8)
    with pytest.raises(ValueError, match="must come after the last row, at 2024-05-19"):
        ssm.extend(frame.iloc[130:])
    one = LinearGaussianSSM(2, init=ssm.params_, max_iter=0).fit(frame.iloc[:100])
    for k in range(100, 140):
        one.extend(frame.iloc[k : k + 1])
    assert one.forecast(1).means.index[0] == days[140]


def test_refit_goes_on_from_where_it_stands(fitted):
    y = fitted[1]
    model = LinearGaussianSSM([1, 2], random_state=0, max_iter=3, tol=0.0).fit(y)
    stood = model.log_likelihood_
    params, n = model.params_, model.n_states_
    model.refit(y)
    assert model.get_params()["n_states"] == [1, 2]
    assert model.get_params()["init"] == "subspace"
    assert model.n_states_ == n
    assert model.history_[0] == pytest.approx(stood)
    assert model.log_likelihood_ > stood
    np.testing.assert_array_equal(model.start_.A, params.A)
    with pytest.raises(ValueError, match="at least one observed value"):
        model.refit(y * np.nan)
    assert model.log_likelihood_ > stood
