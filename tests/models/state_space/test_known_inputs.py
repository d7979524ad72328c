"""The state-space model with known inputs: likelihood, EM, starts, gaps, forms of data and sentences."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.mlemodel import MLEModel

from tsinit import LinearGaussianParams, LinearGaussianSSM
from tsinit.kernels import Kalman, solve_lyapunov
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.m_step import MStepSettings
from tsinit.models.state_space.prior import LinearGaussianPrior
from tsinit.models.state_space.score import score

RNG = np.random.default_rng(4)
T = 150


def system(n=2, D=2, m=2, rng=RNG):
    A = rng.standard_normal((n, n))
    A *= 0.85 / np.abs(np.linalg.eigvals(A)).max()
    Q, R = 0.1 * np.eye(n), 0.2 * np.eye(D)
    return LinearGaussianParams(
        A,
        rng.standard_normal((D, n)),
        Q,
        R,
        rng.standard_normal(n),
        solve_lyapunov(A, Q),
        rng.standard_normal(D),
        rng.standard_normal((n, m)),
        rng.standard_normal((D, m)),
    )


def draw(params, u, rng, gaps=0.1):
    n, D = len(params.A), len(params.C)
    x, y = params.m0.copy(), np.empty((len(u), D))
    for t in range(len(u)):
        y[t] = params.C @ x + params.d + params.D @ u[t] + 0.45 * rng.standard_normal(D)
        x = params.A @ x + params.B @ u[t] + 0.32 * rng.standard_normal(n)
    y[rng.random(y.shape) < gaps] = np.nan
    return y


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    params = system(rng=rng)
    u = 3.0 + 0.3 * rng.standard_normal((T, 2)).cumsum(axis=0)
    return params, u, draw(params, u, rng)


@pytest.fixture(scope="module")
def fitted(made):
    _, u, y = made
    return LinearGaussianSSM(2, random_state=0, max_iter=300).fit(y, inputs=u)


def in_statsmodels(params, y, u):
    """The same model with intercepts that change from step to step."""
    n = len(params.A)
    model = MLEModel(y, k_states=n, k_posdef=n)
    model["transition"], model["design"] = params.A, params.C
    model["selection"], model["state_cov"], model["obs_cov"] = np.eye(n), params.Q, params.R
    if params.B is not None:
        model["state_intercept"] = params.B @ u.T
    model["obs_intercept"] = params.d[:, None] + (0.0 if params.D is None else params.D @ u.T)
    model.initialize_known(params.m0, params.P0)
    return model


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("effect", ["both", "state", "output"])
def test_likelihood_and_states_are_those_of_statsmodels(made, effect, full):
    params, u, y = made
    if effect == "state":
        params = params._replace(D=None)
    if effect == "output":
        params = params._replace(B=None)
    if full:
        params = params._replace(R=params.R + 0.1)
    done = Kalman(y, 2, None, u).smooth(params, covariances=True)
    other = in_statsmodels(params, y, u).smooth([])
    assert done.log_likelihood == pytest.approx(other.llf, rel=1e-8)
    np.testing.assert_allclose(done.means, other.smoothed_state.T, atol=1e-8)


def test_each_sequence_begins_anew(made):
    params, u, y = made
    offsets = np.array([0, 40, 41, T])
    whole = Kalman(y, 2, offsets, u).smooth(params)
    parts = [Kalman(y[a:b].copy(), 2, None, u[a:b]).smooth(params) for a, b in pairwise(offsets)]
    assert whole.log_likelihood == pytest.approx(sum(p.log_likelihood for p in parts))
    np.testing.assert_allclose(whole.means, np.vstack([p.means for p in parts]), atol=1e-10)


def settings(params, initial_state, R="diag"):
    return MStepSettings(
        "full", R, initial_state, np.full(len(params.C), 1e-6), LinearGaussianPrior()
    )


@pytest.mark.parametrize("R", ["diag", "full"])
@pytest.mark.parametrize("initial_state", ["learned_mean", "learned", "fixed"])
@pytest.mark.parametrize("effect", ["both", "state", "output"])
def test_the_score_is_the_gradient(made, effect, initial_state, R):
    params, u, y = made
    if effect == "state":
        params = params._replace(D=None)
    if effect == "output":
        params = params._replace(B=None)
    if R == "full":
        params = params._replace(R=params.R + 0.05)
    kalman = Kalman(y, 2, None, u)
    em = EM(kalman, settings(params, initial_state, R))
    state = em.evaluate(params)
    found = score(em.expectations(state), params, em.settings)

    def objective(name, index, by):
        values = getattr(params, name).copy()
        values[index] += by
        moved = params._replace(**{name: values})
        if initial_state == "learned_mean":
            moved = moved._replace(P0=solve_lyapunov(moved.A, moved.Q))
        return kalman.log_likelihood(moved)

    moving = ["A", "C", "d", *(name for name in "BD" if getattr(params, name) is not None)]
    if initial_state != "fixed":
        moving.append("m0")
    for name in moving:
        for index in np.ndindex(getattr(params, name).shape):
            h = 1e-5
            slope = (objective(name, index, h) - objective(name, index, -h)) / (2 * h)
            assert getattr(found, name)[index] == pytest.approx(slope, rel=1e-4, abs=1e-3), name


@pytest.mark.parametrize("R", ["diag", "full", "spherical"])
@pytest.mark.parametrize("initial_state", ["stationary", "learned_mean", "learned", "fixed"])
def test_textbook_em_never_falls(made, initial_state, R):
    params, u, y = made
    em = EM(Kalman(y, 2, None, u), settings(params, initial_state, R))
    start = params._replace(B=0.0 * params.B, D=0.0 * params.D)
    if initial_state == "stationary":
        start = start._replace(m0=np.zeros(2))
    state, history = em.evaluate(start), []
    for _ in range(25):
        history.append(state.objective)
        state = em.evaluate(em.step(state))
    assert (np.diff(history) > -1e-8).all()
    assert history[-1] > history[0] + 10.0


def test_fit_ends_above_the_truth(made, fitted):
    params, u, y = made
    truth = Kalman(y, 2, None, u).log_likelihood(params)
    assert fitted.converged_
    assert fitted.log_likelihood_ > truth
    assert fitted.log_likelihood_ > LinearGaussianSSM(2, random_state=0).fit(y).log_likelihood_ + 50


def test_a_long_series_gives_the_effects(made):
    params, rng = made[0], np.random.default_rng(7)
    u = rng.standard_normal((3000, 2)) - 4.0
    p = LinearGaussianSSM(2, random_state=0).fit(draw(params, u, rng), inputs=u).params_
    # What a basis of the states leaves alone: the responses of the outputs, step by step.
    np.testing.assert_allclose(p.D, params.D, atol=0.05)
    for k in range(6):
        found, true = (q.C @ np.linalg.matrix_power(q.A, k) @ q.B for q in (p, params))
        np.testing.assert_allclose(found, true, atol=0.08)


@pytest.mark.parametrize("init", ["kmeans", "uniform", "lpc", "factor_analysis", "best_of"])
def test_every_strategy_starts_the_model_with_inputs(made, fitted, init):
    _, u, y = made
    ssm = LinearGaussianSSM(2, init=init, random_state=1, max_iter=400).fit(y, inputs=u)
    assert ssm.start_.B.shape == (2, 2)
    assert ssm.start_.D.shape == (2, 2)
    assert (np.diff(ssm.history_) >= 0.0).all()
    assert ssm.log_likelihood_ == pytest.approx(fitted.log_likelihood_, abs=1.0)


def test_the_subspace_start_knows_inputs(made):
    """Measured on 20 systems: with inputs projected out the start is nearer than with them regressed out alone."""
    rng, better = np.random.default_rng(5), 0
    for _ in range(10):
        params = system(3, 3, 1, rng)
        u = rng.standard_normal((600, 1))
        y = draw(params, u, rng, 0.0)
        start = LinearGaussianSSM(3, max_iter=0).fit(y, inputs=u)
        truth = Kalman(y, 3, None, u).log_likelihood(params)
        better += start.log_likelihood_ > truth - 0.05 * y.size
    assert better >= 8


def test_parameters_given_without_effects_get_them(made, fitted):
    _, u, y = made
    bare = fitted.params_._replace(B=None, D=None)
    ssm = LinearGaussianSSM(2, init=bare, max_iter=300).fit(y, inputs=u)
    assert ssm.log_likelihood_ == pytest.approx(fitted.log_likelihood_, abs=1e-2)


def test_going_on_from_fitted_parameters_stays_there(made, fitted):
    _, u, y = made
    again = LinearGaussianSSM(2, init=fitted.params_).fit(y, inputs=u)
    assert again.history_[0] == pytest.approx(fitted.history_[-1], abs=1e-6)
    assert again.log_likelihood_ - fitted.log_likelihood_ < 1e-3


def test_units_of_data_and_inputs_do_not_matter(made, fitted):
    _, u, y = made
    scaled = LinearGaussianSSM(2, random_state=0, max_iter=300)
    scaled.fit(1000.0 * y - 7.0, inputs=u / 50.0 + 300.0)
    shift = np.isfinite(y).sum() * np.log(1000.0)
    assert scaled.log_likelihood_ + shift == pytest.approx(fitted.log_likelihood_, abs=1e-3)


@pytest.mark.parametrize("effect", ["both", "state", "output"])
@pytest.mark.parametrize("initial_state", ["auto", "stationary"])
def test_score_of_the_parameters_is_the_likelihood(made, effect, initial_state):
    _, u, y = made
    ssm = LinearGaussianSSM(
        2, random_state=0, input_effect=effect, initial_state=initial_state
    ).fit(y, inputs=u)
    n_observed = np.isfinite(y).sum()
    assert ssm.score(y, inputs=u) * n_observed == pytest.approx(ssm.log_likelihood_)
    assert in_statsmodels(ssm.params_, y, u).loglike([]) == pytest.approx(ssm.log_likelihood_)
    assert (ssm.params_.B is None) == (effect == "output")
    assert (ssm.params_.D is None) == (effect == "state")


def test_forecasts_are_those_of_statsmodels(made, fitted):
    _, u, y = made
    ahead = u[-1] + 0.1 * np.arange(1, 6)[:, None]
    forecast = fitted.forecast(5, inputs=ahead)
    longer = np.vstack([y, np.full((5, 2), np.nan)])
    other = in_statsmodels(fitted.params_, longer, np.vstack([u, ahead])).smooth([])
    np.testing.assert_allclose(forecast.means, other.forecasts.T[-5:], atol=1e-6)
    covariances = other.forecasts_error_cov.transpose(2, 0, 1)[-5:]
    np.testing.assert_allclose(forecast.covariances, covariances, atol=1e-6)
    again = fitted.forecast(5, y, past_inputs=u, inputs=ahead)
    np.testing.assert_allclose(again.means, forecast.means, atol=1e-9)


def test_gaps_are_filled_with_what_inputs_say(made, fitted):
    _, u, y = made
    filled = fitted.impute(y, inputs=u)
    smoothed = fitted.smooth(y, inputs=u).means
    p = fitted.params_
    expected = smoothed @ p.C.T + u @ p.D.T + p.d
    missing = np.isnan(y)
    np.testing.assert_allclose(filled[missing], expected[missing])


def test_samples_follow_inputs(fitted):
    u = np.zeros((4000, 2))
    u[2000:] = 5.0
    y, _ = fitted.sample(4000, random_state=0, inputs=u)
    p = fitted.params_
    gain = p.C @ np.linalg.solve(np.eye(2) - p.A, p.B) + p.D
    step = y[2500:].mean(axis=0) - y[500:2000].mean(axis=0)
    np.testing.assert_allclose(step, gain @ [5.0, 5.0], rtol=0.1, atol=0.5)


def test_criteria_count_the_effects(made, fitted):
    y = made[2]
    without = LinearGaussianSSM(2, random_state=0).fit(y)
    k = (fitted.aic() + 2 * fitted.log_likelihood_) / 2
    k0 = (without.aic() + 2 * without.log_likelihood_) / 2
    assert k - k0 == pytest.approx(2 * 2 + 2 * 2 + 2)  # B, D and the first mean


@pytest.fixture(scope="module")
def frames(made):
    _, u, y = made
    days = pd.date_range("2024-01-01", periods=T, freq="D", name="day")
    return (
        pd.DataFrame(y, index=days, columns=["no2", "ozone"]),
        pd.DataFrame(u, index=days, columns=["temp", "wind"]),
    )


def test_frames_are_taken_by_their_times(frames, fitted):
    X, U = frames
    more = pd.concat([U.iloc[:3].set_axis(U.index[:3] - pd.Timedelta("9D")), U])
    ssm = LinearGaussianSSM(2, random_state=0, max_iter=300).fit(X, inputs=more)
    assert ssm.log_likelihood_ == fitted.log_likelihood_
    assert ssm.input_names_in_ == ["temp", "wind"]
    days = pd.date_range(X.index[-1] + pd.Timedelta("1D"), periods=3)
    ahead = pd.DataFrame(1.0, index=days, columns=U.columns)
    forecast = ssm.forecast(3, inputs=pd.concat([U, ahead]))
    assert list(forecast.means.index) == list(days)
    np.testing.assert_array_equal(forecast.means, ssm.forecast(3, inputs=ahead.to_numpy()).means)


def test_steps_that_are_skipped_have_inputs(frames):
    X, U = frames
    holes = X.copy()
    holes.iloc[40:43] = np.nan
    full = LinearGaussianSSM(2, random_state=0).fit(holes, inputs=U)
    skipped = LinearGaussianSSM(2, random_state=0).fit(holes.drop(holes.index[40:43]), inputs=U)
    assert skipped.log_likelihood_ == full.log_likelihood_
    with pytest.raises(ValueError, match="must have a row for every step"):
        skipped.fit(holes.drop(holes.index[40:43]), inputs=U.drop(U.index[41]))


def test_several_sequences_in_every_form(frames):
    X, U = frames
    cut = [slice(0, 60), slice(60, 110), slice(110, T)]
    as_list = LinearGaussianSSM(2, random_state=0, max_iter=20, tol=0.0)
    as_list.fit([X.iloc[part] for part in cut], inputs=[U.iloc[part] for part in cut])
    by_lengths = LinearGaussianSSM(2, random_state=0, max_iter=20, tol=0.0)
    by_lengths.fit(X.to_numpy(), inputs=U.to_numpy(), lengths=[60, 50, 40])
    assert by_lengths.log_likelihood_ == as_list.log_likelihood_
    names = np.repeat(["a", "b", "c"], [60, 50, 40])
    index = pd.MultiIndex.from_arrays([names, X.index])
    labelled = LinearGaussianSSM(2, random_state=0, max_iter=20, tol=0.0)
    labelled.fit(X.set_axis(index), inputs=U.set_axis(index)[::-1])
    assert labelled.log_likelihood_ == as_list.log_likelihood_
    assert [len(part) for part in as_list.transform(
        [X.iloc[part] for part in cut], inputs=[U.iloc[part] for part in cut]
    )] == [60, 50, 40]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda U: U.iloc[:-1], "must have every time of X; 2024-05-29"),
        (lambda U: U.mask(U.iloc[7] == U), "missing value of 'temp' at 2024-01-08"),
        (lambda U: U.assign(temp=1.0), "constant 'temp'"),
        (lambda U: U.to_numpy()[:-2], "must have the 150 rows of X; got 148"),
        (lambda U: [U, U], "must be one table, as X is"),
        (lambda U: pd.concat([U, U.iloc[:1]]), "name each time once"),
    ],
)
def test_inputs_that_do_not_suit_are_refused(frames, change, message):
    X, U = frames
    with pytest.raises(ValueError, match=message):
        LinearGaussianSSM(2).fit(X, inputs=change(U))


def test_a_model_with_inputs_asks_for_them(frames):
    X, U = frames
    ssm = LinearGaussianSSM(2, random_state=0, max_iter=3, tol=0.0).fit(X, inputs=U)
    for ask in (ssm.score, ssm.smooth, ssm.filter, ssm.transform, ssm.impute, ssm.bic):
        with pytest.raises(
            ValueError, match=r"inputs must be given, with the columns \[temp, wind\]"
        ):
            ask(X)
    with pytest.raises(ValueError, match="must be given for the 2 steps ahead"):
        ssm.forecast(2)
    with pytest.raises(ValueError, match=r"columns of the fit, \[temp, wind\]; got \[wind, temp\]"):
        ssm.score(X, inputs=U[["wind", "temp"]])
    with pytest.raises(ValueError, match="one row for each of the 3 steps ahead; got 2"):
        ssm.forecast(3, inputs=np.ones((2, 2)))
    without = LinearGaussianSSM(2, random_state=0, max_iter=3, tol=0.0).fit(X)
    with pytest.raises(ValueError, match="inputs must be None for a model that was fitted without"):
        without.score(X, inputs=U)


def test_inputs_that_do_not_excite_are_named(made):
    y = made[2]
    slow = np.column_stack([np.sin(2 * np.pi * np.arange(T) / 40.0)])
    with pytest.warns(UserWarning, match="column 0 of the inputs will be .* does not excite"):
        ssm = LinearGaussianSSM(2, random_state=0, max_iter=5, tol=0.0).fit(y, inputs=slow)
    assert np.isfinite(ssm.log_likelihood_)


def test_a_start_with_effects_needs_inputs(made, fitted):
    _, _, y = made
    with pytest.raises(ValueError, match="must have no B and D where there are no inputs"):
        LinearGaussianSSM(2, init=fitted.params_).fit(y)


def test_columns_that_share_noise_at_each_step_give_the_subspace_start_a_state():
    """One state of two columns with hardly any memory: past and future do not show it, what columns share does."""
    rng = np.random.default_rng(0)
    u, shared = rng.standard_normal((150, 3)), rng.standard_normal(150)
    y = np.column_stack([shared, shared]) * [0.5, 0.7] + 0.4 * rng.standard_normal((150, 2))
    y += u @ rng.standard_normal((3, 2))
    y[rng.random(y.shape) < 0.1] = np.nan
    ends = [
        LinearGaussianSSM(1, init=init, max_iter=300, random_state=0).fit(y, inputs=u)
        for init in ("subspace", "factor_analysis")
    ]
    assert ends[0].converged_
    assert ends[0].log_likelihood_ >= ends[1].log_likelihood_ - 0.01
