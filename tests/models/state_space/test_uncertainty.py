"""Standard errors and intervals: against differences of the exact likelihood, statsmodels, and a change of basis."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.models.state_space.conditional import conditional_moments
from tsinit.models.state_space.estimands import (
    Estimands,
    impulse_response,
    one_step_covariance,
    spectral_density,
    steady_gain,
)
from tsinit.models.state_space.fit_data import fitted_point, last_state
from tsinit.models.state_space.information import observable_directions, observed_information
from tsinit.models.state_space.propagation import forecast_over, spread_over
from tsinit.models.state_space.results import predict_ahead
from tsinit.models.state_space.scales import Scale, interval
from tsinit.models.state_space.uncertainty import WeightedParams, thinned
from tsinit.speech import formants

FIRM = {"tol": 1e-9, "max_iter": 500, "random_state": 0}


def drawn(n=2, D=2, T=150, gaps=0.1, seed=0, **options):
    rng = np.random.default_rng(seed)
    params = random_params(rng, n, D, radius=0.8, **options)
    return params, with_gaps(rng, simulate(params, T, rng)[1], gaps)


def point_of(ssm, X, inputs=None, lengths=None):
    panel = ssm._read_with_inputs(X, lengths, inputs)
    return fitted_point(panel, ssm.params_, ssm._fitted_context)


def with_inputs(T=200, seed=3):
    params, y = drawn(T=T, seed=seed)
    u = np.random.default_rng(seed).standard_normal((T, 1)) + 2.0
    x = np.zeros(2)
    for t in range(T):
        y[t] += params.C @ x + np.array([0.5, 0.0]) * u[t]
        x = params.A @ x + np.array([0.3, -0.4]) * u[t]
    return y, u


@pytest.fixture(scope="module")
def fitted():
    _, y = drawn()
    frame = pd.DataFrame(y, columns=["a", "b"])
    return LinearGaussianSSM(2, **FIRM).fit(frame), frame


@pytest.mark.parametrize(
    ("policy", "cov", "inputs"),
    [
        ("stationary", "diag", False),
        ("stationary", "full", False),
        ("learned_mean", "spherical", False),
        ("learned_mean", "diag", True),
        ("learned", "diag", False),
        ("fixed", "full", False),
        ("stationary", "diag", True),
    ],
)
def test_information_is_the_hessian_of_the_exact_log_likelihood(policy, cov, inputs):
    y, u = with_inputs() if inputs else (drawn(T=200)[1], None)
    lengths = [50] * 4 if policy == "learned" else None
    # A prior that is kept holds the basis, in which EM then moves for ever: that of the true parameters is a good one.
    more = {"init": drawn(T=200)[0], "max_iter": 30, "tol": 0.0} if policy == "fixed" else {}
    ssm = LinearGaussianSSM(2, initial_state=policy, observation_cov=cov, **{**FIRM, **more})
    point = point_of(ssm.fit(y, inputs=u, lengths=lengths), y, u, lengths)
    info = observed_information(point)
    h, f = 1e-2, point.gain
    hessian = [
        [f(h * (a + b)) - f(h * (a - b)) - f(h * (b - a)) + f(-h * (a + b)) for b in info.basis.T]
        for a in info.basis.T
    ]
    expected = -np.array(hessian) / (4.0 * h**2)
    np.testing.assert_allclose(np.diag(info.curvature), expected, atol=1e-4 * info.curvature.max())
    if policy == "fixed":
        return
    # And nowhere else is there any curvature: a change of basis moves nothing.
    rest = np.linalg.svd(info.basis)[0][:, info.basis.shape[1] :]
    assert rest.shape[1] >= 1
    for v in rest.T:
        assert abs(f(h * v) + f(-h * v)) / h**2 < 1e-3 * info.curvature.max()


@pytest.mark.parametrize(
    ("n", "D", "cov", "rank"),
    [
        (1, 1, "diag", 4),
        (2, 1, "diag", 6),
        (2, 2, "full", 12),
        (3, 2, "diag", 15),
        (4, 2, "full", 20),
    ],
)
def test_rank_is_the_number_of_parameters_of_the_process(n, D, cov, rank):
    """Without the n^2 of the basis, and those of state covariances P that move neither P C' nor, by it, any output.

    Output covariances are C A^k P C'; P + v v' with C v = 0 has the same: (n - D) (n - D + 1) / 2 directions.
    """
    _, y = drawn(n, D, T=300, gaps=0.0, observation_cov=cov)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it is a maximum does not matter here
        ssm = LinearGaussianSSM(n, observation_cov=cov, max_iter=5, random_state=0).fit(y)
    free = max(n - D, 0) * (max(n - D, 0) + 1) // 2
    noise = D * (D + 1) // 2 if cov == "full" else D
    assert rank == n * (n + 1) // 2 + n * D + noise + D - free
    assert observable_directions(point_of(ssm, y))[0].shape[1] == rank


def test_standard_errors_are_those_of_statsmodels():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, on import
        from statsmodels.tsa.statespace.sarimax import SARIMAX
    _, y = drawn(1, 1, T=400, seed=5)
    table = LinearGaussianSSM(1, **FIRM).fit(y).uncertainty(y).table
    other = SARIMAX(y, order=(1, 0, 0), measurement_error=True, trend="c")
    found = other.fit(disp=False, maxiter=500, cov_type="approx")
    c, phi, _, _ = found.params
    cov = found.cov_params()
    names = list(found.param_names)
    spread = np.sqrt(np.diag(cov))
    row = table.loc["eigenvalue[0]"]
    np.testing.assert_allclose(row["estimate"], phi, rtol=1e-3)
    np.testing.assert_allclose(row["standard error"], spread[names.index("ar.L1")], rtol=5e-3)
    noise = spread[names.index("var.measurement_error")]
    np.testing.assert_allclose(table.loc["noise variance[0]", "standard error"], noise, rtol=5e-3)
    g = np.zeros(len(found.params))
    g[0], g[1] = 1.0 / (1.0 - phi), c / (1.0 - phi) ** 2  # the mean is c / (1 - phi)
    mean = np.sqrt(g @ cov @ g)
    np.testing.assert_allclose(table.loc["mean[0]", "standard error"], mean, rtol=5e-3)


def test_nothing_depends_on_the_basis_of_the_states():
    y, u = with_inputs()
    # To the last digit: what is left of the gradient bends with the basis.
    ssm = LinearGaussianSSM(2, **{**FIRM, "tol": 1e-13}).fit(y, inputs=u)
    before = ssm.uncertainty(y, inputs=u)
    response, spectrum = before.impulse_response(4), before.spectrum([0.0, 0.2])
    p, T = ssm.params_, np.array([[2.0, 1.0], [-0.5, 0.7]])
    inv = np.linalg.inv(T)
    ssm.params_ = p._replace(
        A=T @ p.A @ inv, C=p.C @ inv, Q=T @ p.Q @ T.T, m0=T @ p.m0, P0=T @ p.P0 @ T.T, B=T @ p.B
    )
    after = ssm.uncertainty(y, inputs=u)
    assert before.table.notna().all(axis=None)
    same = ["estimate", "standard error"]
    for found, expected in (
        (after.table, before.table),
        (after.impulse_response(4), response),
        (after.spectrum([0.0, 0.2]), spectrum),
    ):
        np.testing.assert_allclose(found[same], expected[same], rtol=1e-4, atol=1e-9)
        # Intervals are of some hundred weighted draws, which are others in another basis.
        width, other = (table.upper - table.lower for table in (found, expected))
        np.testing.assert_allclose(width, other, rtol=0.5)


def test_entries_that_depend_on_the_basis_have_no_standard_error(fitted):
    ssm, X = fitted
    found = ssm.uncertainty(X)
    measured = found._measure(lambda p: np.array([p.A[0, 0], np.trace(p.A)]), [Scale()] * 2, 0.95)
    assert np.isnan(measured.spread[0])
    assert measured.spread[1] > 0.0


# Where on the ridge of equal likelihoods a fit ends is up to rounding: at its end, that variance is at its minimum.
@pytest.mark.filterwarnings("ignore:The noise variance of column 0 is at its minimum")
def test_noise_that_no_data_tell_apart_has_no_standard_error():
    """Two states and one column: an ARMA(2, 2) process, whose noise may be of states or of observations."""
    _, y = drawn(2, 1, T=400, gaps=0.0, seed=2)
    table = LinearGaussianSSM(2, **FIRM).fit(y).uncertainty(y).table["standard error"]
    assert np.isnan(table["noise variance[0]"])
    assert table["one-step variance[0]"] > 0.0


def test_units_only_change_the_units(fitted):
    ssm, X = fitted
    table = ssm.uncertainty(X).table
    moved = 100.0 * X + 7.0
    other = LinearGaussianSSM(2, **FIRM).fit(moved).uncertainty(moved).table
    for name in ("mean[a]", "mean[b]"):
        row = other.loc[name]
        np.testing.assert_allclose(
            row["standard error"], 100.0 * table.loc[name, "standard error"], rtol=1e-3
        )
    poles = [name for name in table.index if name.startswith(("radius", "eigenvalue"))]
    same = ["estimate", "standard error"]
    np.testing.assert_allclose(other.loc[poles, same], table.loc[poles, same], rtol=1e-3)
    # Bounds are quantiles of weighted draws, which differ where the fits end apart: as of 300 draws, one has a standard
    # error of .04 of the width, and two differ by less than three times that of their difference.
    ends = ["lower", "upper"]
    width = (table.upper - table.lower)[poles].to_numpy()[:, None]
    assert (np.abs(other.loc[poles, ends] - table.loc[poles, ends]) < 0.17 * width).all(axis=None)


def test_sampling_rate_counts_in_units_of_time():
    rng = np.random.default_rng(4)
    angle = 0.6
    params = random_params(rng, 2, 1)._replace(
        A=0.9 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    )
    y = simulate(params, 400, rng)[1]
    ssm = LinearGaussianSSM(2, **FIRM).fit(y)
    steps, hertz = ssm.uncertainty(y), ssm.uncertainty(y, sampling_rate=8000.0)
    for name in ("frequency[0]", "damping[0]", "bandwidth[0]"):
        np.testing.assert_allclose(hertz.table.loc[name], 8000.0 * steps.table.loc[name], rtol=1e-9)
    np.testing.assert_allclose(hertz.table.loc["radius[0]"], steps.table.loc["radius[0]"])
    # Radius and damping are one number, and have one interval.
    lower, upper = steps.table.loc["radius[0]", ["lower", "upper"]]
    damping = steps.table.loc["damping[0]"]
    np.testing.assert_allclose(
        [damping["upper"], damping["lower"]], -np.log([lower, upper]), rtol=1e-6
    )
    np.testing.assert_allclose(steps.table.loc["bandwidth[0]"], damping / np.pi, rtol=1e-9)
    found = formants(ssm.params_, 8000.0, max_bandwidth=np.inf)
    rows = hertz.table["estimate"][["frequency[0]", "bandwidth[0]"]]
    np.testing.assert_allclose(rows, np.concatenate(found), rtol=1e-9)
    np.testing.assert_allclose(
        hertz.spectrum([800.0]), steps.spectrum([0.1]).to_numpy() / 8000.0, rtol=1e-9
    )


def test_levels_hold_each_other(fitted):
    ssm, X = fitted
    found = ssm.uncertainty(X, level=0.9)
    wide, narrow = found.interval(0.99), found.interval(0.5)
    np.testing.assert_allclose(found.interval(0.9), found.table[["lower", "upper"]])
    assert (wide["lower"] < narrow["lower"]).all()
    assert (narrow["lower"] < found.table["estimate"]).all()
    assert (found.table["estimate"] < narrow["upper"]).all()
    assert (narrow["upper"] < wide["upper"]).all()


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        (Scale(), [-2.0, 3.0]),
        (Scale("log"), [0.1, 30.0]),
        (Scale("logit", 5.0), [0.1, 4.9]),
        (Scale("atanh"), [-0.99, 0.4]),
        (Scale("damping", 3.0), [0.01, 9.0]),
    ],
)
def test_scales(scale, values):
    for x in values:
        assert scale.inverse(scale.forward(x)) == pytest.approx(x, rel=1e-9)
        h = 1e-6 * abs(x)
        slope = (scale.forward(x + h) - scale.forward(x - h)) / (2.0 * h)
        assert scale.slope(x) == pytest.approx(slope, rel=1e-6)
    lower, upper = interval(np.array(values), np.array([5.0, np.nan]), [scale] * 2, 0.95)
    assert lower[0] < values[0] < upper[0]
    assert np.isnan(lower[1])


def test_what_is_estimated_against_slow_sums():
    params = random_params(np.random.default_rng(1), 3, 2)
    rng = np.random.default_rng(2)
    params = params._replace(B=rng.standard_normal((3, 1)), D=rng.standard_normal((2, 1)))
    response = impulse_response(params, 400)
    np.testing.assert_allclose(response[0], params.D)
    np.testing.assert_allclose(response[2], params.C @ params.A @ params.B)
    np.testing.assert_allclose(steady_gain(params), response.sum(axis=0), rtol=1e-9)
    f = (np.arange(4000) + 0.5) / 8000
    variance = np.diag(params.C @ params.P0 @ params.C.T + params.R)
    np.testing.assert_allclose(
        2.0 * spectral_density(params, f).mean(axis=0) / 2.0, variance, rtol=1e-6
    )
    P = params.P0
    for _ in range(2000):
        S = params.C @ P @ params.C.T + params.R
        K = P @ params.C.T @ np.linalg.inv(S)
        P = params.A @ (P - K @ params.C @ P) @ params.A.T + params.Q
    np.testing.assert_allclose(
        one_step_covariance(params), params.C @ P @ params.C.T + params.R, rtol=1e-9
    )


def test_eigenvalues_keep_their_names():
    params = random_params(np.random.default_rng(0), 2, 1)._replace(A=np.diag([0.9, 0.2]))
    estimands = Estimands(params, 1.0, ["a"], (), "diag", True)
    np.testing.assert_allclose(estimands.values(params)[:2], [0.9, 0.2])
    swapped = params._replace(A=np.diag([0.25, 0.85]))
    np.testing.assert_allclose(estimands.values(swapped)[:2], [0.85, 0.25])


class TestBootstrap:
    def test_any_number_of_processes_gives_the_same(self, fitted):
        ssm, X = fitted
        options = {"method": "bootstrap", "n_boot": 4, "n_from_strategy": 2, "random_state": 1}
        one, two = ssm.uncertainty(X, n_jobs=1, **options), ssm.uncertainty(X, n_jobs=2, **options)
        np.testing.assert_array_equal(one.replicates, two.replicates)
        assert one.start_effect == two.start_effect
        assert "2 replicates" in one.start_note

    def test_spread_is_that_of_the_information_where_rows_are_many(self):
        _, y = drawn(1, 2, T=500, seed=6)
        ssm = LinearGaussianSSM(1, tol=1e-7, random_state=0).fit(y)
        information = ssm.uncertainty(y).table["standard error"]
        found = ssm.uncertainty(
            y, method="bootstrap", n_boot=100, n_from_strategy=0, random_state=0
        )
        # A standard deviation of 100 draws has a standard error of 7 %.
        np.testing.assert_allclose(found.table["standard error"], information, rtol=0.28)
        assert np.isnan(found.start_effect)

    def test_draws_are_its_replicates(self, fitted):
        ssm, X = fitted
        found = ssm.uncertainty(X, method="bootstrap", n_boot=3, n_from_strategy=0, random_state=2)
        drawn = found.draw(10, np.random.default_rng(0))
        assert len(drawn.params) == 3
        np.testing.assert_allclose(drawn.weights, 1.0 / 3.0)


class TestPropagation:
    def test_thinned_draws_have_the_same_expectation(self):
        rng = np.random.default_rng(0)
        values = rng.standard_normal(500)
        weights = rng.random(500) ** 4
        weights /= weights.sum()
        means = []
        for _ in range(200):
            kept = thinned(WeightedParams(list(values), weights), 50, rng)
            assert len(kept.params) <= 50
            assert kept.weights.sum() == pytest.approx(1.0)
            means.append(kept.weights @ np.array(kept.params))
        error = np.std(means) / np.sqrt(len(means))
        assert abs(np.mean(means) - weights @ values) < 5.0 * error
        few = WeightedParams([1.0, 2.0], np.array([0.3, 0.7]))
        assert thinned(few, 50, rng) is few

    def test_total_variance_of_two_draws(self, fitted):
        ssm, X = fitted
        p = ssm.params_
        q = p._replace(A=0.9 * p.A, d=p.d + 0.3)
        pair = WeightedParams([p, q], np.array([0.25, 0.75]))
        kalman = ssm._kalman(ssm._read(X))
        means, within = predict_ahead(p, last_state(kalman, p), 3)
        other, other_within = predict_ahead(q, last_state(kalman, q), 3)
        away = other - means
        expected = 0.25 * within + 0.75 * (other_within + np.einsum("ti,tj->tij", away, away))
        np.testing.assert_allclose(forecast_over(pair, kalman, means, 3, None), expected)
        filled, spread = conditional_moments(kalman, p, True)
        other_filled, other_spread = conditional_moments(kalman, q, True)
        missing = ~kalman.observed
        expected = np.sqrt(
            0.25 * spread**2 + 0.75 * (other_spread**2 + (other_filled - filled) ** 2)
        )
        np.testing.assert_allclose(spread_over(pair, kalman, filled)[missing], expected[missing])
        assert (spread_over(pair, kalman, filled)[kalman.observed] == 0.0).all()

    def test_forecast_and_impute(self, fitted):
        ssm, X = fitted
        ssm.uncertainty(X)
        plain, sure = ssm.forecast(5), ssm.forecast(5, parameter_uncertainty=True)
        np.testing.assert_array_equal(plain.means, sure.means)
        ratio = sure.standard_deviations / plain.standard_deviations
        assert ((ratio > 1.0) & (ratio < 1.3)).all()
        given = ssm.forecast(5, X, parameter_uncertainty=True)
        np.testing.assert_allclose(given.covariances, sure.covariances)
        filled, spread = ssm.impute(X, return_std=True)
        again, wider = ssm.impute(X, return_std=True, parameter_uncertainty=True)
        pd.testing.assert_frame_equal(filled, again)
        missing = X.isna().to_numpy()
        assert np.mean(wider.to_numpy()[missing] > spread.to_numpy()[missing]) > 0.9
        assert (wider.to_numpy()[~missing] == 0.0).all()

    def test_with_inputs_and_rows_that_came_later(self):
        y, u = with_inputs()
        y[20:24, 0] = np.nan
        ssm = LinearGaussianSSM(2, **FIRM).fit(y[:195], inputs=u[:195])
        ssm.uncertainty(y[:195], inputs=u[:195])
        plain = ssm.forecast(3, inputs=u[195:198])
        sure = ssm.forecast(3, inputs=u[195:198], parameter_uncertainty=True)
        np.testing.assert_array_equal(plain.means, sure.means)
        assert (sure.standard_deviations > plain.standard_deviations).all()
        _, spread = ssm.impute(y, inputs=u, return_std=True)
        _, wider = ssm.impute(y, inputs=u, return_std=True, parameter_uncertainty=True)
        assert (wider[20:24, 0] > spread[20:24, 0]).all()
        ssm.extend(y[195:], inputs=u[195:])
        options = {"inputs": u[:2], "past_inputs": u, "parameter_uncertainty": True}
        later = ssm.forecast(2, y, **options)
        np.testing.assert_allclose(later.means, ssm.forecast(2, inputs=u[:2]).means)

    def test_weighted_draws_are_those_of_the_posterior(self):
        """One state, many rows: the likelihood is nearly normal, so that weights hardly differ."""
        _, y = drawn(1, 1, T=1500, seed=8)
        found = LinearGaussianSSM(1, **FIRM).fit(y).uncertainty(y)
        drawn_params = found.draw(400, np.random.default_rng(0))
        w = drawn_params.weights
        assert 1.0 / (w**2).sum() > 0.7 * len(w)
        d = np.array([p.d[0] for p in drawn_params.params])
        mean = w @ d
        spread = np.sqrt(w @ (d - mean) ** 2)
        np.testing.assert_allclose(spread, found.table.loc["mean[0]", "standard error"], rtol=0.15)


def test_summary_says_what_the_fit_is(fitted):
    ssm, X = fitted
    text = repr(ssm.summary(X))
    assert "LinearGaussianSSM" in text
    assert f"{ssm.log_likelihood_:,.2f}" in text
    assert "mean[a]" in text
    assert "standard error" in text
    html = ssm.summary()._repr_html_()
    assert "mean[a]" in html
    assert "<table" in html
    assert "lower" in repr(ssm.uncertainty(X))
    assert "<table" in ssm.uncertainty(X)._repr_html_()


def test_models_with_it_are_kept_in_files(fitted):
    ssm, X = fitted
    ssm.uncertainty(X)
    again = pickle.loads(pickle.dumps(ssm))
    np.testing.assert_array_equal(
        again.forecast(2, parameter_uncertainty=True).covariances,
        ssm.forecast(2, parameter_uncertainty=True).covariances,
    )


class TestErrors:
    def test_before_fit(self):
        for call in (lambda m: m.uncertainty(np.zeros((5, 1))), lambda m: m.summary()):
            with pytest.raises(ValueError, match="fit"):
                call(LinearGaussianSSM(1))

    def test_other_data(self, fitted):
        ssm, X = fitted
        with pytest.raises(ValueError, match="X must be the data of fit"):
            ssm.uncertainty(X.iloc[:100])
        with pytest.raises(ValueError, match="feature names"):
            ssm.uncertainty(X[["a"]])

    def test_arguments(self, fitted):
        ssm, X = fitted
        for wrong in ({"method": "jackknife"}, {"level": 95}, {"sampling_rate": 0}, {"n_boot": 1}):
            with pytest.raises(ValueError, match=f"{next(iter(wrong))} must"):
                ssm.uncertainty(X, **wrong)
        found = ssm.uncertainty(X)
        with pytest.raises(ValueError, match="with inputs"):
            found.impulse_response(3)
        with pytest.raises(ValueError, match="half the sampling rate"):
            found.spectrum([0.7])

    def test_nothing_known(self, fitted):
        _, X = fitted
        ssm = LinearGaussianSSM(2, random_state=0).fit(X)
        with pytest.raises(ValueError, match="X must be given"):
            ssm.forecast(2, parameter_uncertainty=True)
        with pytest.raises(ValueError, match="X must be given"):
            ssm.summary()
        ssm.forecast(2, X, parameter_uncertainty=True)
        ssm.extend(X.iloc[-1:].set_axis([len(X)]))
        with pytest.raises(ValueError, match="after extend"):
            ssm.forecast(2, parameter_uncertainty=True)

    def test_diffuse_states(self):
        params, y = drawn(1, 1)
        start = params._replace(P0=np.array([[np.inf]]))
        ssm = LinearGaussianSSM(1, init=start, initial_state="fixed", max_iter=0).fit(y)
        with pytest.raises(ValueError, match="P0 must be finite"):
            ssm.uncertainty(y)

    def test_no_maximum(self, fitted):
        _, X = fitted
        with pytest.warns(match="not converged"):
            ssm = LinearGaussianSSM(2, max_iter=1, random_state=0).fit(X)
        with pytest.warns(match="no maximum"):
            ssm.uncertainty(X)

    def test_variance_at_its_minimum(self):
        _, y = drawn(2, 3, T=200, gaps=0.0, seed=1)
        y[:, 0] = simulate(
            random_params(np.random.default_rng(0), 1, 1), 200, np.random.default_rng(0)
        )[0][:, 0]
        ssm = LinearGaussianSSM(2, noise_floor=0.5, random_state=0).fit(y)
        with pytest.warns(match="at its minimum"):
            table = ssm.uncertainty(y).table
        assert table["standard error"].isna().any()
