"""The stationary covariance, and with it the dense products that all kernels use."""

import time

import numpy as np
import pytest
from helpers import random_covariance
from kernels.state_space.panels import discrepancy
from scipy.linalg import solve_discrete_lyapunov

from tsinit.kernels import solve_lyapunov


def draw(rng, n, radius):
    A = rng.standard_normal((n, n))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    return A, random_covariance(rng, n)


# Sizes on both sides of where products go from loops to BLAS, and one of the largest.
@pytest.mark.parametrize("n", [*range(1, 13), 64])
@pytest.mark.parametrize("radius", [0.1, 0.9, 0.999])
def test_agrees_with_scipy_and_with_its_equation(rng, n, radius):
    A, Q = draw(rng, n, radius)
    P = solve_lyapunov(A, Q)
    # What is lost is lost to 1 / (1 - radius^2): the equation itself is that badly conditioned.
    tol = 1e-12 / (1.0 - radius**2)
    assert discrepancy(P, solve_discrete_lyapunov(A, Q)) < tol
    # Checking the equation rounds, too, by the square of A's norm.
    assert discrepancy(A @ P @ A.T + Q, P) < 1e-12 * max(1.0, np.linalg.norm(A, 2) ** 2)
    assert np.array_equal(P, P.T)
    assert np.linalg.eigvalsh(P).min() > 0.0


def test_a_scalar_has_its_closed_form():
    for a in (0.0, -0.5, 0.99, 1.0 - 1e-9):
        P = solve_lyapunov(np.array([[a]]), np.array([[2.0]]))
        assert P[0, 0] == pytest.approx(
            2.0 / ((1.0 - a) * (1.0 + a)), rel=1e-7 if a > 0.999 else 1e-14
        )


def test_arguments_are_left_alone(rng):
    A, Q = draw(rng, 5, 0.9)
    before = A.copy(), Q.copy()
    solve_lyapunov(A, Q)
    assert np.array_equal(A, before[0])
    assert np.array_equal(Q, before[1])


def test_singular_noise(rng):
    A, Q = np.array([[0.9, 1.0, 0.0], [0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]), np.diag([0.0, 0.0, 1.0])
    assert discrepancy(solve_lyapunov(A, Q), solve_discrete_lyapunov(A, Q)) < 1e-14
    assert not solve_lyapunov(A, np.zeros((3, 3))).any()


def test_a_large_fast_state_does_not_cut_short_a_small_slow_one():
    a, q = np.array([0.1, 0.9999]), np.array([1e20, 1.0])
    P = solve_lyapunov(np.diag(a), np.diag(q))
    np.testing.assert_allclose(np.diag(P), q / ((1.0 - a) * (1.0 + a)), rtol=1e-11)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_dynamics_that_are_not_stable_give_infinity_at_once(rng, n):
    begin = time.process_time()
    for radius in (1.0 + 1e-6, 1.5, 1e100):
        A, Q = draw(rng, n, radius)
        assert np.isinf(solve_lyapunov(A, Q)).all()
    for bad in (np.nan, np.inf):
        A, Q = draw(rng, n, 0.5)
        A[0, 0] = bad
        assert np.isinf(solve_lyapunov(A, Q)).all()
    assert time.process_time() - begin < 1.0


def test_a_unit_root_gives_something_far_beyond_any_variance(rng):
    """Exactly one: P grows by doubling until the cap, and is never mistaken for a variance."""
    P = solve_lyapunov(np.eye(2), np.eye(2))
    assert not (P[np.diag_indices(2)] < 1e15).any()
