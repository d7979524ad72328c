"""Observation matrices that are known at every step, against one joint Gaussian and against statsmodels."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import random_params, with_gaps
from kernels.state_space.panels import assert_same, spread
from reference import varying as twin

from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.models.state_space.fit_data import last_state

TOL = 1e-8


def problem(seed):
    """(params, data, offsets, inputs): ragged sequences with gaps, some entries of C known at every step."""
    rng = np.random.default_rng(seed)
    n, D = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    params = random_params(
        rng, n, D, observation_cov=["diag", "full"][seed % 2], stationary=False,
        radius=[0.7, 1.0, 1.02][seed % 3], mean=True,
    )  # fmt: skip
    lengths = rng.integers(2 * n + 3, 14, size=int(rng.integers(1, 4)))
    T, m = int(lengths.sum()), D * n
    place = np.where(rng.random((D, n)) < 0.7, np.arange(m).reshape(D, n), -1)
    place[0, 0] = 0
    u = rng.standard_normal((T, m))
    diffuse = np.arange(n) < seed % (n + 1)
    P0 = np.where(diffuse[:, None] | diffuse, 0.0, params.P0)
    P0[diffuse, diffuse] = np.inf
    Q = params.Q.copy()
    if seed % 4 == 0:  # coefficients that stay
        Q[:] = 0.0
        params = params._replace(A=np.eye(n))
    B = 0.3 * rng.standard_normal((n, m)) if seed % 3 == 0 else None
    effects = rng.standard_normal((D, m))
    params = params._replace(Q=Q, P0=P0, B=B, D=effects, C_inputs=place)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    y = rng.standard_normal((T, D))
    for start, stop in pairwise(offsets):
        y[start + n : stop] = with_gaps(rng, y[start + n : stop], 0.3, rows=0.2)
    return params, y, offsets, u


def answers(params, y, offsets, u):
    """The twin's answer for every sequence."""
    loadings = np.broadcast_to(params.C, (len(y), *params.C.shape)).copy()
    for (i, j), column in np.ndenumerate(params.C_inputs):
        if column >= 0:
            loadings[:, i, j] = u[:, column]
    found = []
    for start, stop in pairwise(offsets):
        rows = slice(start, stop)
        shift = np.zeros((stop - start, len(params.A)))
        if params.B is not None:
            shift[1:] = u[rows][:-1] @ params.B.T
        found.append(twin.smoothed(params, loadings[rows], y[rows] - u[rows] @ params.D.T, shift))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_smoothed_states_and_likelihood_are_those_of_the_joint_gaussian(seed):
    params, y, offsets, u = problem(seed)
    kalman = Kalman(y, len(params.A), offsets, u)
    found = answers(params, y, offsets, u)
    done = kalman.smooth(params, covariances=True)
    assert done.succeeded
    assert_same(done.means, np.concatenate([a.means for a in found]), TOL, "means")
    assert_same(spread(done.covariances), np.concatenate([a.covariances for a in found]), TOL, "P")
    assert_same(done.log_likelihood, sum(a.log_likelihood for a in found), TOL, "log-likelihood")
    assert kalman.log_likelihood(params) == done.log_likelihood
    mean, P = last_state(kalman, params)
    assert_same(mean, found[-1].means[-1], TOL, "last mean")
    assert_same(P, found[-1].covariances[-1], TOL, "last covariance")


@pytest.mark.parametrize("seed", range(12))
def test_filtered_states_are_those_smoothed_from_the_rows_so_far(seed):
    params, y, _, u = problem(seed)
    n = len(params.A)
    y, u = y[: 2 * n + 3], u[: 2 * n + 3]
    whole = np.array([0, len(y)])
    done = Kalman(y, n, whole, u).filter(params, covariances=True)
    for t in range(n, len(y)):
        (exact,) = answers(params, y[: t + 1], np.array([0, t + 1]), u[: t + 1])
        # As good as the first rows tell of diffuse states.
        assert_same(done.means[t], exact.means[-1], 1e-6, f"means {t}")
        assert_same(done.covariances.values[t], exact.covariances[-1], 1e-6, f"P {t}")


def test_a_matrix_that_stays_gives_what_it_gives_without_inputs():
    params, y, offsets, _ = problem(1)
    plain = params._replace(B=None, D=None, C_inputs=None)
    m = params.C.size
    u = np.tile(params.C.ravel(), (len(y), 1))
    known = LinearGaussianParams(*plain[:7], None, None, np.arange(m).reshape(params.C.shape))
    one = Kalman(y, len(params.A), offsets).smooth(plain, covariances=True)
    other = Kalman(y, len(params.A), offsets, u).smooth(known, covariances=True)
    assert_same(other.means, one.means, TOL, "means")
    assert_same(spread(other.covariances), spread(one.covariances), TOL, "covariances")
    assert_same(other.log_likelihood, one.log_likelihood, TOL, "log-likelihood")


def test_parameters_go_to_statsmodels_with_their_matrices():
    params, y, offsets, u = problem(5)
    y, u = y[: offsets[1]], u[: offsets[1]]
    theirs = params.to_statsmodels(y, u)
    theirs.ssm.tolerance = 0.0
    found = Kalman(y, len(params.A), u=u).log_likelihood(params)
    assert abs(theirs.loglike([]) - found) < TOL


def test_rows_without_any_variance_have_no_density():
    params, y, offsets, u = problem(0)
    D = len(params.C)
    exact = params._replace(R=np.zeros((D, D)))
    y = np.nan_to_num(y)
    assert Kalman(y, len(params.A), offsets, u).log_likelihood(exact) == -np.inf
