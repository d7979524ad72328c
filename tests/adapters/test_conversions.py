"""Parameters carried to other libraries and back have the same log-likelihood."""

import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
from reference import kalman

from tsinit import LinearGaussianParams
from tsinit.adapters import conversions
from tsinit.kernels import Kalman


def some(rng, n=3, D=2, **parts):
    """Give random parameters of a stable model."""
    A = rng.standard_normal((n, n))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    Q, R, P0 = (np.cov(rng.standard_normal((size, 9))).reshape(size, size) for size in (n, D, n))
    params = LinearGaussianParams(
        A, rng.standard_normal((D, n)), Q, R, rng.standard_normal(n), P0, rng.standard_normal(D)
    )
    return params._replace(**parts)


def table(rng, params, T=60, gaps=True):
    y = rng.standard_normal((T, len(params.C))).cumsum(axis=0)
    if gaps:
        y[rng.random(y.shape) < 0.1] = np.nan
        y[[0, 20, 21]] = np.nan
    return y


def log_likelihood(params, y):
    return kalman.filter(params, y).log_likelihood


def assert_equal(a, b):
    for x, z in zip(a, b, strict=True):
        np.testing.assert_allclose(x, z, rtol=1e-12, atol=1e-14)


def with_input(params, c):
    """Filter with x[t+1] = A x[t] + c + w, by one more state that holds 1."""
    n = len(params.A)
    A = np.block([[params.A, c[:, None]], [np.zeros((1, n)), np.ones((1, 1))]])
    wide = [np.pad(P, (0, 1)) for P in (params.Q, params.P0)]
    C = np.pad(params.C, ((0, 0), (0, 1)))
    return LinearGaussianParams(
        A, C, wide[0], params.R, np.append(params.m0, 1.0), wide[1], params.d
    )


def test_methods_leave_the_tuple_what_it_was(rng):
    params = some(rng)
    assert LinearGaussianParams._fields == ("A", "C", "Q", "R", "m0", "P0", "d")
    assert len(params) == 7
    assert pickle.loads(pickle.dumps(params))._fields == params._fields
    code = (
        "import sys, tsinit; tsinit.LinearGaussianParams; print('tsinit.adapters' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


class TestStatsmodels:
    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("D", [1, 3])
    def test_there_and_back(self, rng, n, D):
        params = some(rng, n, D)
        y = table(rng, params)
        model = params.to_statsmodels(y)
        expected = log_likelihood(params, y)
        np.testing.assert_allclose(model.loglike([]), expected, rtol=1e-9)
        for source in (
            model,
            model.smooth([]),
            model.filter([]),
            pickle.loads(pickle.dumps(model)),
        ):
            assert_equal(LinearGaussianParams.from_statsmodels(source), params)

    def test_no_offset_is_one_of_zero_and_the_smoother_is_the_same(self, rng):
        params = some(rng, d=None)
        y = table(rng, params)
        results = params.to_statsmodels(y).smooth([])
        zero = params._replace(d=np.zeros(2))
        np.testing.assert_allclose(
            results.smoothed_state.T, kalman.smooth(zero, y).means, atol=1e-9
        )

    def test_one_column_as_a_vector_or_series_with_its_dates(self, rng):
        import pandas as pd

        params = some(rng, D=1)
        y = table(rng, params)[:, 0]
        dates = pd.date_range("2024-01-01", periods=len(y), freq="D")
        model = params.to_statsmodels(pd.Series(y, dates))
        np.testing.assert_allclose(model.loglike([]), log_likelihood(params, y[:, None]), rtol=1e-9)
        assert str(model.smooth([]).forecast(1).index[0].date()) == "2024-03-01"

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("trend", ["n", "c"])
    @pytest.mark.parametrize("concentrate", [False, True])
    def test_a_fitted_sarimax_with_a_constant(self, rng, trend, concentrate):
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        y = rng.standard_normal(80) + 5.0
        y[[4, 30, 31]] = np.nan
        model = SARIMAX(y, order=(2, 0, 1), trend=trend, concentrate_scale=concentrate)
        results = model.fit(disp=False, maxiter=5)
        params = LinearGaussianParams.from_statsmodels(results)
        assert params.A.shape == (2, 2)
        np.testing.assert_allclose(log_likelihood(params, y[:, None]), results.llf, rtol=1e-9)
        if concentrate:
            with pytest.raises(ValueError, match=r"Hand over\s+model.smooth"):
                LinearGaussianParams.from_statsmodels(model)

    @pytest.mark.filterwarnings("ignore")
    def test_dynamic_factors_and_vector_autoregressions(self, rng):
        from statsmodels.tsa.statespace.dynamic_factor import DynamicFactor
        from statsmodels.tsa.statespace.varmax import VARMAX

        y = rng.standard_normal((60, 3))
        for model in (DynamicFactor(y, 1, 2), VARMAX(y[:, :2], order=(1, 0), trend="c")):
            results = model.smooth(model.start_params)
            params = LinearGaussianParams.from_statsmodels(results)
            np.testing.assert_allclose(log_likelihood(params, model.endog), results.llf, rtol=1e-9)

    def test_an_input_of_a_random_walk_becomes_one_more_state(self, rng):
        params = some(rng, 1, 1, A=np.eye(1))
        y = table(rng, params)
        model = params.to_statsmodels(y)
        model["state_intercept"] = np.array([0.3])
        found = LinearGaussianParams.from_statsmodels(model)
        assert found.A.shape == (2, 2)
        np.testing.assert_allclose(log_likelihood(found, y), model.loglike([]), rtol=1e-9)

    @pytest.mark.parametrize(
        ("options", "values"),
        [
            ({"level": "llevel"}, [1.0, 0.5]),
            ({"level": "lltrend", "seasonal": 4}, [1.0, 0.5, 0.1, 0.2]),
            ({"level": "llevel", "autoregressive": 1}, [1.0, 0.5, 0.3, 0.6]),
        ],
    )
    def test_diffuse_states_are_exactly_diffuse(self, rng, options, values):
        from statsmodels.tsa.statespace.structural import UnobservedComponents

        y = np.cumsum(rng.standard_normal(60))
        y[[7, 8, 30]] = np.nan
        exact = UnobservedComponents(y, use_exact_diffuse=True, **options)
        exact.ssm.tolerance = 0.0
        expected = exact.smooth(values)
        rough = UnobservedComponents(y, **options)
        for source in (exact, expected, rough.smooth(values), rough):
            found = LinearGaussianParams.from_statsmodels(source)
            done = Kalman(y[:, None], len(found.A)).smooth(found)
            assert abs(done.log_likelihood - expected.llf) < 1e-8
            np.testing.assert_allclose(done.means, expected.smoothed_state.T, rtol=1e-7, atol=1e-8)
        again = found.to_statsmodels(y)
        again.ssm.tolerance = 0.0
        assert abs(again.loglike([]) - expected.llf) < 1e-8

    def test_diffuse_beside_stationary_states(self, rng):
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        y = np.cumsum(rng.standard_normal(60))
        values = [0.5, 0.2, 1.0]
        found = LinearGaussianParams.from_statsmodels(SARIMAX(y, order=(1, 1, 1)).smooth(values))
        assert np.isinf(np.diag(found.P0)).tolist() == [True, False, False]
        exact = SARIMAX(y, order=(1, 1, 1), use_exact_diffuse=True)
        exact.ssm.tolerance = 0.0
        mine = Kalman(y[:, None], 3).log_likelihood(found)
        assert abs(mine - exact.loglike(values)) < 1e-8

    def test_a_large_variance_of_which_all_rows_count_stays_a_variance(self, rng):
        params = some(rng, 1, 1)
        y = table(rng, params)
        model = params.to_statsmodels(y)
        model.ssm.initialize_approximate_diffuse(1e6)
        found = LinearGaussianParams.from_statsmodels(model)
        assert found.P0[0, 0] == 1e6
        np.testing.assert_allclose(log_likelihood(found, y), model.loglike([]), rtol=1e-9)

    def test_rows_that_do_not_count_are_refused(self, rng):
        from statsmodels.tsa.statespace.structural import UnobservedComponents

        model = UnobservedComponents(rng.standard_normal(40), "llevel", loglikelihood_burn=7)
        model.update([1.0, 0.5])
        with pytest.raises(ValueError, match="model_or_results must count all rows, but for as"):
            LinearGaussianParams.from_statsmodels(model)
        known = some(rng, 1, 1).to_statsmodels(rng.standard_normal((20, 1)))
        known.ssm.loglikelihood_burn = 3
        with pytest.raises(ValueError, match="model_or_results must count all rows, but for as"):
            LinearGaussianParams.from_statsmodels(known)

    def test_what_changes_with_time_is_refused(self, rng):
        params = some(rng, 1, 1)
        model = params.to_statsmodels(table(rng, params))
        model["obs_intercept"] = np.arange(60.0)[None]
        with pytest.raises(
            ValueError, match="obs_intercept must be the same at every step; got 60"
        ):
            LinearGaussianParams.from_statsmodels(model)

    def test_other_things_are_refused_in_a_sentence(self, rng):
        params = some(rng)
        with pytest.raises(TypeError, match=r"state-space model of statsmodels.*; got int"):
            LinearGaussianParams.from_statsmodels(3)
        with pytest.raises(
            ValueError, match=r"y must be one table of 2 columns.*got shape \(9, 5\)"
        ):
            params.to_statsmodels(np.zeros((9, 5)))
        with pytest.raises(ValueError, match=r"y must be one table of 2 columns.*got list"):
            params.to_statsmodels([np.zeros((9, 2)), np.zeros((8, 2))])
        with pytest.raises(ValueError, match=r"params.Q must have shape \(3, 3\)"):
            params._replace(Q=np.eye(2)).to_statsmodels(np.zeros((9, 2)))


class TestPykalman:
    @pytest.fixture(autouse=True)
    def library(self):
        self.pykalman = pytest.importorskip("pykalman")

    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("D", [1, 3])
    def test_there_and_back(self, rng, n, D):
        params = some(rng, n, D)
        y = table(rng, params)
        kf = params.to_pykalman()
        y[np.isnan(y).any(axis=1)] = np.nan  # it leaves out a row of which one value is missing
        found = kf.loglikelihood(np.ma.masked_invalid(y))
        np.testing.assert_allclose(found, log_likelihood(params, y), rtol=1e-9)
        assert_equal(LinearGaussianParams.from_pykalman(kf), params)

    def test_what_is_left_open_has_its_defaults(self, rng):
        y = rng.standard_normal((30, 2))
        kf = self.pykalman.KalmanFilter(n_dim_state=3, n_dim_obs=2)
        params = LinearGaussianParams.from_pykalman(kf)
        np.testing.assert_allclose(log_likelihood(params, y), kf.loglikelihood(y), rtol=1e-9)

    def test_a_constant_input_shifts_the_mean(self, rng):
        params, c = some(rng), rng.standard_normal(3)
        y = table(rng, params, gaps=False)
        kf = params.to_pykalman()
        kf.transition_offsets = c
        found = LinearGaussianParams.from_pykalman(kf)
        assert found.A.shape == (3, 3)
        expected = log_likelihood(with_input(params, c), y)
        np.testing.assert_allclose(kf.loglikelihood(y), expected, rtol=1e-9)
        np.testing.assert_allclose(log_likelihood(found, y), expected, rtol=1e-9)

    def test_after_em_and_with_one_matrix_for_each_step(self, rng):
        params = some(rng)
        y = table(rng, params, gaps=False)
        kf = params.to_pykalman().em(y, n_iter=2, em_vars="all")
        # EM leaves an input for each step.
        if np.ndim(kf.transition_offsets) == 2:
            kf.transition_offsets = kf.transition_offsets[0]
        found = LinearGaussianParams.from_pykalman(kf)
        np.testing.assert_allclose(log_likelihood(found, y), kf.loglikelihood(y), rtol=1e-9)
        kf.transition_matrices = np.stack([kf.transition_matrices] * 2)
        assert_equal(LinearGaussianParams.from_pykalman(kf), found)
        kf.transition_matrices[1] += 1.0
        with pytest.raises(ValueError, match="transition_matrices must be the same at every step"):
            LinearGaussianParams.from_pykalman(kf)

    def test_other_things_are_refused_in_a_sentence(self):
        with pytest.raises(TypeError, match="kf must be a KalmanFilter of pykalman; got int"):
            LinearGaussianParams.from_pykalman(3)


class TestDynamax:
    """Reading takes no library: what has its fields will do."""

    def parts(self, params, c=None, R=None):
        make = types.SimpleNamespace
        return make(
            initial=make(mean=params.m0, cov=params.P0),
            dynamics=make(weights=params.A, bias=c, input_weights=np.zeros((3, 0)), cov=params.Q),
            emissions=make(
                weights=params.C,
                bias=params.d,
                input_weights=None,
                cov=params.R if R is None else R,
            ),
        )

    def test_bias_of_the_dynamics_and_a_diagonal(self, rng):
        params, c = some(rng, R=np.diag([1.0, 2.0])), rng.standard_normal(3)
        y = table(rng, params)
        found = LinearGaussianParams.from_dynamax(self.parts(params, c, np.array([1.0, 2.0])))
        expected = log_likelihood(with_input(params, c), y)
        np.testing.assert_allclose(log_likelihood(found, y), expected, rtol=1e-9)

    def test_single_precision_leaves_covariances(self, rng):
        params = some(rng)
        b = rng.standard_normal((3, 1)).astype(np.float32)
        single = params._replace(P0=b @ b.T + np.float32(1e-8) * np.triu(np.ones((3, 3))))
        found = LinearGaussianParams.from_dynamax(self.parts(single))
        assert np.linalg.eigvalsh(found.P0).min() > -1e-12
        np.testing.assert_allclose(found.P0, b @ b.T, atol=1e-6)
        with pytest.raises(ValueError, match=r"params.P0 must be positive semi-definite"):
            LinearGaussianParams.from_dynamax(self.parts(params._replace(P0=-np.eye(3))))

    def test_inputs_and_other_things_are_refused_in_a_sentence(self, rng):
        parts = self.parts(some(rng))
        parts.dynamics.input_weights = np.ones((3, 1))
        with pytest.raises(ValueError, match=r"params must have no inputs.*params.dynamics"):
            LinearGaussianParams.from_dynamax(parts)
        with pytest.raises(TypeError, match="params must be the parameters of a LinearGaussianSSM"):
            LinearGaussianParams.from_dynamax(3)

    def test_there_and_back(self):
        pytest.importorskip("dynamax")
        # In a process of its own, because the precision of JAX is a setting of the whole process.
        script = f"""
import sys; sys.path[:0] = {[path for path in sys.path if path]!r}
import numpy as np
from jax import numpy as jnp
from dynamax.linear_gaussian_ssm import LinearGaussianSSM, lgssm_filter
from adapters.test_conversions import LinearGaussianParams, assert_equal, log_likelihood, some, table
for n, D in (1, 1), (2, 3), (3, 2):
    rng = np.random.default_rng(n)
    params = some(rng, n, D)
    y = table(rng, params, gaps=False)
    made = params.to_dynamax()
    rows = jnp.asarray(y)
    theirs = float(lgssm_filter(made, rows).marginal_loglik)
    # The library adds 1e-9 to the diagonal of what it inverts, so that its likelihood has an error of that size.
    np.testing.assert_allclose(theirs, log_likelihood(params, y), rtol=1e-8)
    back = LinearGaussianParams.from_dynamax(made)
    assert_equal(back, params)
    np.testing.assert_allclose(float(lgssm_filter(back.to_dynamax(), rows).marginal_loglik), theirs, rtol=1e-12)
    model = LinearGaussianSSM(n, D)
    fitted, trace = model.fit_em(made, model.initialize()[1], rows, num_iters=2, verbose=False)
    np.testing.assert_allclose(float(trace[0]), theirs, rtol=1e-9)
    theirs = float(lgssm_filter(fitted, rows).marginal_loglik)
    found = LinearGaussianParams.from_dynamax(fitted)
    assert found.A.shape == (n, n)
    again = float(lgssm_filter(found.to_dynamax(), rows).marginal_loglik)
    np.testing.assert_allclose(again, theirs, rtol=1e-9)
    np.testing.assert_allclose(log_likelihood(found, y), theirs, rtol=1e-8)
"""
        environment = os.environ | {"JAX_ENABLE_X64": "1"}
        subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_the_compiled_filter_takes_what_comes_back(rng):
    from tsinit import LinearGaussianSSM

    params = some(rng, 2, 2)
    y = table(rng, params)
    back = LinearGaussianParams.from_statsmodels(params.to_statsmodels(y))
    fits = [LinearGaussianSSM(2, init=start, max_iter=0).fit(y) for start in (params, back)]
    assert fits[0].log_likelihood_ == fits[1].log_likelihood_


def test_the_functions_are_those_of_the_methods():
    names = [
        f"{way}_{library}"
        for way in ("to", "from")
        for library in ("statsmodels", "pykalman", "dynamax")
    ]
    assert all(hasattr(conversions, name) and hasattr(LinearGaussianParams, name) for name in names)
