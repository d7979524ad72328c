"""The conversion to independent noises: exact where such a model exists, sensible where none does."""

import numpy as np
import pytest
from helpers import random_params
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.subspace import output_covariances
from scipy.linalg import solve_discrete_are

from tsinit.init.subspace import independent_noise
from tsinit.init.subspace.independent_noise import (
    covariance_residual,
    jacobian,
    loss,
    to_independent_noise,
)
from tsinit.init.subspace.realise import Realisation


def innovations_form(params):
    """The same outputs from one noise, as 4SID finds them: K = A P C' Re^-1 of the steady-state filter."""
    A, C, Q, R = params[:4]
    P = solve_discrete_are(A.T, C.T, Q, R)
    Re = C @ P @ C.T + R
    K = A @ P @ C.T @ np.linalg.inv(Re)
    return Realisation(A, C, K @ Re @ K.T, K @ Re, Re, np.eye(len(A)))


def lags(A, C, Q, R, S=0.0):
    return output_covariances(A, C, Q, S, R, 2 * len(A))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), D=st.integers(1, 3))
def test_outputs_keep_their_covariances_and_the_noise_is_found(seed, n, D):
    truth = random_params(np.random.default_rng(seed), n, D, observation_cov="full")
    model = innovations_form(truth)
    Q, R = to_independent_noise(model)
    given_lags = lags(model.A, model.C, model.Q, model.R, model.S)
    # The loss stops at 1e-11 of the squared target: a few 1e-6 of a covariance, times the spread of the lags.
    np.testing.assert_allclose(
        lags(model.A, model.C, Q, R), given_lags, atol=1e-4 * np.abs(given_lags).max()
    )
    assert np.linalg.eigvalsh(Q)[0] >= -1e-12 * np.abs(Q).max()
    np.testing.assert_array_equal(R, R.T)


def test_noise_is_determined_where_a_is_well_conditioned(rng):
    truth = random_params(rng, 4, 2, observation_cov="full")._replace(
        A=np.diag([0.9, -0.8, 0.7, 0.5])
    )
    model = innovations_form(truth)
    _, R = to_independent_noise(model)
    # R = L0 - C A^-1 G, whatever the state covariance.
    np.testing.assert_allclose(R, truth.R, rtol=1e-3, atol=1e-4 * np.abs(model.R).max())


def test_dropping_the_correlation_is_wrong_by_a_large_factor(rng):
    truth = random_params(rng, 3, 1)
    model = innovations_form(truth)
    dropped = lags(model.A, model.C, model.Q, model.R)
    assert (
        np.abs(dropped - lags(model.A, model.C, model.Q, model.R, model.S)).max()
        > 0.1 * dropped[0, 0, 0]
    )


def test_gradient_is_that_of_finite_differences(rng):
    params = random_params(rng, 4, 2)
    problem = covariance_residual(params.A, params.C, rng.standard_normal((4, 2)))
    root, direction, h = rng.standard_normal((4, 4)), rng.standard_normal((4, 4)), 1e-6
    _, gradient = loss(root, problem)
    slope = (loss(root + h * direction, problem)[0] - loss(root - h * direction, problem)[0]) / (
        2 * h
    )
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-7)


def test_jacobian_times_residual_is_the_gradient(rng):
    params = random_params(rng, 3, 2)
    problem = covariance_residual(params.A, params.C, rng.standard_normal((3, 2)))
    root = rng.standard_normal((3, 3))
    residual = jacobian(problem).reshape(6, 9) @ (root @ root.T).ravel() - problem.target.ravel()
    f, gradient = loss(root, problem)
    assert residual @ residual == pytest.approx(f, rel=1e-12)
    along = 4 * np.tensordot(residual, jacobian(problem), 1) @ root
    np.testing.assert_allclose(along, gradient, rtol=1e-9)


def test_both_solvers_reach_the_same_loss_where_no_exact_model_exists(rng):
    A, C = np.diag([0.9, 0.5, -0.6]), np.ones((1, 3))
    problem = covariance_residual(
        A, C, np.array([[-1.0], [0.4], [0.2]])
    )  # a negative variance would be needed
    root = np.eye(3)
    one, other = (
        loss(solve(problem, root), problem)[0]
        for solve in (independent_noise._levenberg_marquardt, independent_noise._lbfgs)
    )
    assert one > 1e-3
    assert one == pytest.approx(other, rel=2e-2)  # on the boundary both get slow


def test_large_problems_go_to_lbfgs(rng, monkeypatch):
    model = innovations_form(random_params(rng, 3, 2))
    expected = to_independent_noise(model)
    monkeypatch.setattr(independent_noise, "_MAX_STEP_WORK", 0)
    given_lags = lags(model.A, model.C, *expected)
    np.testing.assert_allclose(
        lags(model.A, model.C, *to_independent_noise(model)),
        given_lags,
        atol=1e-2 * np.abs(given_lags).max(),
    )


@pytest.mark.parametrize(
    "A",
    [np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 0.0]]), np.diag([1e-12, 0.9])],
    ids=["zero", "nilpotent", "one tiny eigenvalue"],
)
def test_a_singular_transition_is_no_obstacle(rng, A):
    truth = random_params(rng, 2, 1)._replace(A=A)
    model = innovations_form(truth)
    Q, R = to_independent_noise(model)
    given_lags = lags(model.A, model.C, model.Q, model.R, model.S)
    np.testing.assert_allclose(lags(A, model.C, Q, R), given_lags, atol=1e-4 * given_lags[0, 0, 0])


def test_noise_stays_above_the_floor_where_the_moments_ask_for_less():
    # L0 = 1.1, G = 0.6 and a pole at 0.3: C A^-1 G = 2 > L0, so R would be negative.
    model = Realisation(
        np.array([[0.3]]),
        np.ones((1, 1)),
        np.array([[0.1]]),
        np.array([[0.56]]),
        np.ones((1, 1)),
        np.ones((1, 1)),
    )
    Q, R = to_independent_noise(model, floor=1e-3)
    assert Q[0, 0] > 0
    assert R[0, 0] == pytest.approx(1e-3)
