"""Coefficients that change with time, and other observation matrices that are known at every step."""

import pickle

import numpy as np
import pytest
from statsmodels.regression.recursive_ls import RecursiveLS
from statsmodels.tsa.statespace.mlemodel import MLEModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from tsinit import LinearGaussianSSM
from tsinit.structures import InputColumn, Structure, ar, local_level, regression

nan = np.nan


def market(T=200, seed=0):
    """(y (T, 1), u (T, 2)): two coefficients that wander beside a level, with gaps."""
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((T, 2)) * [1.0, 30.0] + [1.0, 0.0]
    beta = np.array([2.0, -0.1]) + np.cumsum(rng.standard_normal((T, 2)) * [0.15, 0.003], axis=0)
    level = np.cumsum(0.2 * rng.standard_normal(T))
    y = level + (u * beta).sum(axis=1) + 0.5 * rng.standard_normal(T)
    y[[4, 5, 50, 51, 52, T - 3]] = nan
    return y[:, None], u


def model(structure, **options):
    return LinearGaussianSSM(structure=structure, random_state=0, **{"max_iter": 300, **options})


class Dynamic(MLEModel):
    """Level and random walks of coefficients, as one writes them with statsmodels."""

    start_params = (0.5, 0.1, 0.1, 0.01)

    def __init__(self, y, u):
        k = 1 + u.shape[1]
        super().__init__(y, k_states=k, k_posdef=k)
        self["design"] = np.column_stack([np.ones(len(u)), u]).T[None]
        self["transition"], self["selection"] = np.eye(k), np.eye(k)
        self.ssm.initialize_diffuse()
        self.ssm.tolerance = 0.0

    def update(self, params, **kwargs):
        params = super().update(params, **kwargs)
        self["obs_cov", 0, 0] = params[0] ** 2
        self["state_cov"] = np.diag(params[1:] ** 2)


def test_likelihood_is_that_of_statsmodels():
    y, u = market()
    structure = local_level() + regression(2, time_varying=True)
    fit = model(structure).fit(y, inputs=u)
    roots = np.sqrt([fit.params_.R[0, 0], *np.diag(fit.params_.Q)])
    assert abs(Dynamic(y[:, 0], u).loglike(roots) - fit.log_likelihood_) < 1e-8
    theirs = Dynamic(y[:, 0], u).smooth(roots)
    means, covariances, _ = fit.smooth(y, inputs=u)
    np.testing.assert_allclose(means, theirs.smoothed_state.T, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        covariances, theirs.smoothed_state_cov.transpose(2, 0, 1), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("seed", range(4))
def test_no_maximum_is_below_that_of_statsmodels(seed):
    y, u = market(seed=seed)
    fit = model(local_level() + regression(2, time_varying=True)).fit(y, inputs=u)
    other = Dynamic(y[:, 0], u)
    best = max(other.fit(disp=0, maxiter=500, method=method).llf for method in ("lbfgs", "powell"))
    assert fit.converged_
    assert fit.log_likelihood_ > best - 1e-4
    assert np.all(np.diff(fit.history_) >= 0.0)


def test_strategies_reach_one_maximum():
    y, u = market()
    structure = local_level() + regression(2, time_varying=True)
    ends = [
        model(structure, init=init).fit(y, inputs=u).log_likelihood_
        for init in ("subspace", "kmeans", "uniform")
    ]
    assert np.ptp(ends) < 1e-3


def test_coefficients_that_stay_are_those_of_statsmodels():
    y, u = market()
    stay = local_level() + regression(2, time_varying=True).fixing(Q=[0.0, 0.0])
    fit = model(stay).fit(y, inputs=u)
    other = UnobservedComponents(
        y[:, 0], "llevel", exog=u, use_exact_diffuse=True, mle_regression=False
    )
    other.ssm.tolerance = 0.0
    best = other.fit(disp=0, maxiter=500)
    assert fit.log_likelihood_ > best.llf - 1e-4
    mine = [fit.params_.R[0, 0], fit.params_.Q[0, 0]]
    assert abs(other.loglike(mine) - fit.log_likelihood_) < 1e-8
    assert np.all(np.diag(fit.params_.Q)[1:] == 0.0)


def test_coefficients_alone_that_stay_are_recursive_least_squares():
    y, u = market()
    y = np.where(np.isnan(y), 0.0, y)
    fit = model(regression(2, time_varying=True).fixing(Q=[0.0, 0.0])).fit(y, inputs=u)
    theirs = RecursiveLS(y[:, 0], u).fit().recursive_coefficients.filtered.T
    np.testing.assert_allclose(fit.filter(y, inputs=u).means[5:], theirs[5:], rtol=1e-7)
    np.testing.assert_allclose(
        fit.transform(y, inputs=u)[-1], np.linalg.lstsq(u, y[:, 0], rcond=None)[0], rtol=1e-8
    )


def pair(T=60):
    """Two columns whose observation matrix stays, as a structure and as inputs of every step; R is full."""
    rng = np.random.default_rng(3)
    C = np.array([[1.0, 0.5], [-0.3, 2.0]])
    R = [[0.5, 0.2], [0.2, 0.8]]
    A, Q, d = [[nan, 0.0], [0.0, nan]], [nan, 1.0], [nan, nan]
    plain = Structure(A, C, Q, R, d, diffuse=False)
    cells = np.array([[InputColumn(2 * i + j) for j in range(2)] for i in range(2)], dtype=object)
    known = Structure(A, cells, Q, R, d, diffuse=False)
    x = np.zeros((T, 2))
    for t in range(1, T):
        x[t] = [0.8, 0.5] * x[t - 1] + rng.standard_normal(2)
    y = x @ C.T + [3.0, -1.0] + rng.multivariate_normal([0.0, 0.0], R, T)
    y[rng.random(y.shape) < 0.15] = nan
    return plain, known, y, np.tile(C.ravel(), (T, 1))


def test_a_known_matrix_that_stays_answers_everything_as_one_that_is_fixed():
    plain, known, y, u = pair()
    first, more = y[:50], y[50:]
    one = model(plain).fit([first, first[:20]])
    two = model(known, init=one.params_, max_iter=0).fit(
        [first, first[:20]], inputs=[u[:50], u[:20]]
    )
    assert two.log_likelihood_ == pytest.approx(one.log_likelihood_, rel=1e-11)
    assert two.bic() == pytest.approx(one.bic(), rel=1e-10)
    close = {"rtol": 1e-8, "atol": 1e-9}
    for name in ("innovation", "smoothed", "auxiliary"):
        np.testing.assert_allclose(
            two.residuals(first, name, inputs=u[:50]), one.residuals(first, name), **close
        )
    for a, b in zip(two.predict(first, inputs=u[:50]), one.predict(first), strict=True):
        np.testing.assert_allclose(a, b, **close)
    for a, b in zip(
        two.impute(first, inputs=u[:50], return_std=True),
        one.impute(first, return_std=True),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, **close)
    for a, b in zip(
        two.forecast(4, first, past_inputs=u[:50], inputs=u[:4]),
        one.forecast(4, first),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, **close)
    np.testing.assert_allclose(
        two.sample(9, random_state=1, inputs=u[:9]).y, one.sample(9, random_state=1).y, **close
    )
    np.testing.assert_allclose(
        two.simulate(9, n_paths=3, random_state=1, inputs=u[:9]).y,
        one.simulate(9, n_paths=3, random_state=1).y,
        **close,
    )
    np.testing.assert_allclose(
        two.sample_states(first, 3, random_state=1, inputs=u[:50]),
        one.sample_states(first, 3, random_state=1),
        **close,
    )
    state = pickle.loads(pickle.dumps(two.filter_state(first, inputs=u[:50])))
    other = one.filter_state(first)
    for row, inputs in zip(more, u[50:], strict=True):
        assert state.update(row, inputs) == pytest.approx(other.update(row), rel=1e-8)
    np.testing.assert_allclose(state.mean, other.mean, **close)
    np.testing.assert_allclose(
        two.diagnostics(first, inputs=u[:50]).to_numpy(float), one.diagnostics(first), **close
    )


def test_standard_errors_are_those_of_a_matrix_that_is_fixed():
    plain, known, y, u = pair(150)
    one = model(plain).fit(y)
    two = model(known).fit(y, inputs=u)
    assert two.log_likelihood_ == pytest.approx(one.log_likelihood_, abs=1e-4)
    a, b = one.uncertainty(y).table, two.uncertainty(y, inputs=u).table
    np.testing.assert_allclose(b["standard error"], a["standard error"], rtol=2e-3)
    assert list(a.index) == list(b.index)


def test_forecasts_take_the_rows_ahead():
    y, u = market()
    structure = local_level() + regression(2, time_varying=True)
    fit = model(structure).fit(y[:190], inputs=u[:190])
    means, covariances = fit.forecast(10, inputs=u[190:])
    beyond = np.concatenate([y[:190], np.full((10, 1), nan)])
    filled, spread = fit.impute(beyond, inputs=u, return_std=True)
    np.testing.assert_allclose(means, filled[190:], rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(covariances[:, 0, 0]), spread[190:, 0], rtol=1e-8)
    fit.extend(y[190:], inputs=u[190:])
    again = fit.filter_state(y, inputs=u)
    np.testing.assert_allclose(fit.filter_state().mean, again.mean, rtol=1e-8)
    known = fit.forecast(3, y[:190], past_inputs=u[:190], inputs=u[190:193])
    wide = fit.forecast(
        3, y[:190], past_inputs=u[:190], inputs=u[190:193], parameter_uncertainty=True
    )
    np.testing.assert_array_equal(wide.means, known.means)
    assert np.all(wide.covariances >= 0.98 * known.covariances)
    with pytest.raises(ValueError, match="inputs must be given for the 2 steps ahead"):
        fit.forecast(2)


def test_fixed_effects_stand_beside_coefficients_that_change():
    y, u = market()
    rng = np.random.default_rng(8)
    more = rng.standard_normal((len(y), 1))
    y = y + 5.0 * more
    structure = local_level() + regression(2, time_varying=True) + regression()
    fit = model(structure).fit(y, inputs=np.hstack([u, more]))
    assert fit.params_.D[0, :2].tolist() == [0.0, 0.0]
    assert fit.params_.D[0, 2] == pytest.approx(5.0, abs=0.2)
    table = fit.uncertainty(y, inputs=np.hstack([u, more])).table
    assert table.loc["effect[0, 2]", "standard error"] < 0.2
    # Four variances and one effect.
    assert fit.aic() == pytest.approx(2.0 * 5 - 2.0 * fit.log_likelihood_)


def test_a_constant_input_is_a_level():
    y, _ = market()
    ones = np.ones((len(y), 1))
    one = model(local_level()).fit(y)
    two = model(regression(1, time_varying=True)).fit(y, inputs=ones)
    assert two.log_likelihood_ == pytest.approx(one.log_likelihood_, abs=1e-4)


def test_parts_take_inputs_in_turn():
    joined = regression(2, time_varying=True) + ar(2) + regression(1, time_varying=True)
    assert joined.C_inputs.tolist() == [[0, 1, -1, -1, 2]]
    assert joined.n_varying == 3
    assert joined.n_free == 3 + 3 + 1
    assert not joined.regression


@pytest.mark.parametrize(
    ("structure", "inputs", "message"),
    [
        (local_level() + regression(2, time_varying=True), None, "inputs must be given to a structure"),
        (local_level() + regression(3, time_varying=True), 2, "inputs must have 3 columns that the structure sees"),
        (local_level() + regression(1, time_varying=True), 2, "structure must have a regression for inputs beyond"),
        (
            local_level() + regression(2, time_varying=True) + regression(), 2,
            "inputs must have 2 columns that the structure sees states through, and others that have effects; got 2",
        ),
    ],
)  # fmt: skip
def test_inputs_that_do_not_suit(structure, inputs, message):
    y, u = market()
    with pytest.raises(ValueError, match=message):
        model(structure).fit(y, inputs=None if inputs is None else u[:, :inputs])


def test_what_builders_and_parameters_refuse():
    with pytest.raises(ValueError, match="n_inputs must say how many"):
        regression(time_varying=True)
    with pytest.raises(ValueError, match="n_inputs must be None without time_varying=True"):
        regression(2)
    with pytest.raises(ValueError, match=r"structure\.Q must hold numbers"):
        local_level().fixing(Q=[InputColumn(0)])
    y, u = market()
    fit = model(local_level() + regression(2, time_varying=True)).fit(y, inputs=u)
    with pytest.raises(ValueError, match="C_inputs must be None without a structure"):
        LinearGaussianSSM(3, init=fit.params_, max_iter=0).fit(y, inputs=u)
    wrong = fit.params_._replace(C_inputs=np.array([[-1, 0, 7]]))
    with pytest.raises(ValueError, match="C_inputs must be columns of the 2 inputs"):
        model(fit.structure, init=wrong).fit(y, inputs=u)
    with pytest.raises(ValueError, match="must have no B, D and C_inputs"):
        model(local_level(), init=fit.params_).fit(y)
