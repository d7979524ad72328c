"""Diffuse first states against generalised least squares on the joint Gaussian, and against statsmodels."""

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.state_space.panels import SUMS, assert_same, bind, spread, twin_moments
from reference import kalman as twin

from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.kernels.state_space.diffuse import Directions

reproducible = settings(derandomize=True, deadline=None, max_examples=60, database=None)
TOL = 1e-8


@st.composite
def problems(draw):
    """(params, sequences that identify their diffuse states): ragged, with gaps, R diagonal or full."""
    n, D = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = random_params(
        rng, n, D, observation_cov=draw(st.sampled_from(["diag", "full"])), stationary=False,
        radius=draw(st.sampled_from([0.7, 1.0, 1.02])), mean=draw(st.booleans()),
    )  # fmt: skip
    y = [
        simulate(params, draw(st.integers(2 * n + 2, 12)), rng)[1]
        for _ in range(draw(st.integers(1, 3)))
    ]
    # Few enough gaps, and not in the first rows, that delta has a clear answer.
    y = [np.vstack([part[:n], with_gaps(rng, part[n:], 0.3, rows=0.2)]) for part in y]
    diffuse = np.arange(n) < draw(st.integers(1, n))
    P0 = np.where(diffuse[:, None] | diffuse, 0.0, params.P0)
    P0[diffuse, diffuse] = np.inf
    return params._replace(P0=P0), y


def twins(params, sequences):
    found = [twin.dense(params, y) for y in sequences]
    means, covariances = (np.concatenate([f[i] for f in found]) for i in (0, 1))
    return means, covariances, sum(f.log_likelihood for f in found)


@given(problems())
@reproducible
def test_smoothed_states_are_those_of_generalised_least_squares(problem):
    params, sequences = problem
    kalman = bind(sequences, len(params.A))
    done = kalman.smooth(params, covariances=True)
    means, covariances, log_likelihood = twins(params, sequences)
    assert done.succeeded
    assert_same(done.means, means, TOL, "means")
    assert_same(spread(done.covariances), covariances, TOL, "covariances")
    assert_same(done.log_likelihood, log_likelihood, TOL, "log-likelihood")
    assert_same(kalman.log_likelihood(params), done.log_likelihood, TOL, "log-likelihood alone")


@given(problems(), st.sampled_from(["by_variable", "jointly"]))
@reproducible
def test_sums_of_the_m_step_are_those_of_generalised_least_squares(problem, kind):
    params, sequences = problem
    kalman = bind(sequences, len(params.A))
    sums = kalman.smooth(params, moments=kind).moments
    exact = twin_moments(params, sequences, kalman.direct)
    for name in SUMS:
        assert_same(getattr(sums, name), exact[name], TOL, name)
    if len(sums.P_observed):
        assert_same(sums.P_observed, exact["P_observed"], TOL, "P_observed")
    if len(sums.Cx):
        assert_same(sums.Cx, exact["Cx"], TOL, "Cx")
        assert_same(sums.yy, exact["yy"], TOL, "yy")


@given(problems())
@reproducible
def test_filtered_states_are_those_smoothed_from_the_rows_so_far(problem):
    params, sequences = problem
    n, y = len(params.A), sequences[0]
    done = bind(sequences, n).filter(params, covariances=True)
    for t in range(n, len(y)):
        part = twin.dense(params, y[: t + 1])
        assert_same(done.means[t], part.means[-1], 1e-6, "means")
        assert_same(spread(done.covariances)[t], part.covariances[-1], 1e-6, "covariances")


def test_states_that_no_row_has_told_of_have_an_infinite_variance():
    params = local_linear_trend(0.5, 0.1, 0.01)
    store = Kalman(np.arange(5.0)[:, None], 2).filter(params, covariances=True).covariances
    P = spread(store)
    np.testing.assert_allclose(P[0], [[0.5, 0.0], [0.0, np.inf]], atol=1e-12)
    assert np.isfinite(P[1:]).all()


def local_linear_trend(irregular, level, slope):
    return LinearGaussianParams(
        np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]), np.diag([level, slope]),
        np.array([[irregular]]), np.zeros(2), np.diag([np.inf, np.inf]), np.zeros(1),
    )  # fmt: skip


MODELS = {
    "level": ({"level": "llevel"}, [1.5, 0.3]),
    "trend": ({"level": "lltrend"}, [1.5, 0.3, 0.02]),
    "drift": ({"level": "rwdrift"}, [0.4]),
    "trend + seasonal": ({"level": "lltrend", "seasonal": 4}, [1.0, 0.5, 0.1, 0.2]),
    "level + cycle + ar": (
        {"level": "llevel", "cycle": True, "stochastic_cycle": True, "damped_cycle": True,
         "autoregressive": 1, "cycle_period_bounds": (5, 30)},
        [1.0, 0.5, 0.3, 0.6, 0.9, 0.8, 0.6],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("gaps", [0.0, 0.25])
def test_likelihood_and_states_are_those_of_statsmodels(name, gaps):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    options, values = MODELS[name]
    rng = np.random.default_rng(7)
    y = 500.0 + np.cumsum(rng.standard_normal(90)) + np.tile([3.0, -1.0, -2.0], 30)
    y[rng.random(90) < gaps] = np.nan
    model = UnobservedComponents(y, use_exact_diffuse=True, **options)
    exact = model.smooth(values)
    ssm = model.ssm
    m0, diffuse, P0 = ssm.initialization(model=ssm)
    P0 = np.where(np.diag(np.diag(diffuse)) > 0.0, np.inf, P0)
    G = ssm["selection"]
    Q = G @ ssm["state_cov"] @ G.T
    parts = (ssm["transition"], ssm["design"], Q, ssm["obs_cov"], m0, P0, np.zeros(1))
    params = LinearGaussianParams(*map(np.ascontiguousarray, parts))
    done = Kalman(y[:, None].copy(), len(m0)).smooth(params, covariances=True)
    assert abs(done.log_likelihood - exact.llf) < 1e-8
    assert_same(done.means, exact.smoothed_state.T, 1e-9, "means")
    assert_same(
        spread(done.covariances), exact.smoothed_state_cov.transpose(2, 0, 1), 1e-7, "covariances"
    )


@pytest.mark.parametrize("n_rows", [1, 2])
def test_too_short_a_sequence_has_the_likelihood_of_statsmodels_and_no_sums(n_rows):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = np.array([3.0, 5.0, 4.0])[:n_rows]
    values = [1.0, 0.5, 0.1, 0.2]
    expected = UnobservedComponents(y, level="lltrend", seasonal=4, use_exact_diffuse=True).loglike(
        values
    )
    A = np.zeros((5, 5))
    A[:2, :2], A[2, 2:], A[3, 2], A[4, 3] = [[1, 1], [0, 1]], -1.0, 1.0, 1.0
    params = LinearGaussianParams(
        A, np.array([[1.0, 0, 1, 0, 0]]), np.diag([0.5, 0.1, 0.2, 0, 0]), np.eye(1), np.zeros(5),
        np.diag(np.full(5, np.inf)), np.zeros(1),
    )  # fmt: skip
    kalman = Kalman(y[:, None].copy(), 5)
    assert abs(kalman.log_likelihood(params) - expected) < 1e-10
    assert not kalman.smooth(params, moments="by_variable").succeeded


@pytest.mark.parametrize("seed", range(6))
def test_the_likelihood_may_leave_directions_once_they_are_known(seed):
    rng = np.random.default_rng([7, seed])
    n, T = 4, 60
    A = np.array([[1.0, 1.0, 0, 0], [0, 1.0, 0, 0], [0, 0, -1.0, -1.0], [0, 0, 1.0, 0]])
    B, D = rng.standard_normal((n, 1)), rng.standard_normal((2, 1))
    P0 = np.where(np.eye(n) > 0.0, np.inf, 0.0)
    params = LinearGaussianParams(
        A, rng.standard_normal((2, n)), np.diag(10.0 ** rng.uniform(-5, 0, n)), np.diag(rng.uniform(0.1, 1, 2)),
        np.zeros(n), P0, rng.standard_normal(2), B, D,
    )  # fmt: skip
    y = np.cumsum(rng.standard_normal((T, 2)), axis=0)
    y[rng.random(y.shape) < 0.4] = np.nan
    kalman = Kalman(y, n, u=rng.standard_normal((T, 1)))
    assert kalman.parts(12) is not None
    whole = Directions(kalman, params)
    expected = whole.log_likelihood(whole.solve())
    np.testing.assert_allclose(kalman.log_likelihood(params), expected, rtol=1e-10)
