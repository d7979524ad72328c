import numpy as np
import pytest
from helpers import random_params, simulate

from tsinit.init._regress import delay_windows, learn_dynamics, pad_states, principal, ridge


def test_ridge_is_least_squares_with_one_more_observation_of_zero(rng):
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    extra_x, extra_y = np.vstack([x, np.eye(3)]), np.vstack([y, np.zeros((3, 2))])
    np.testing.assert_allclose(
        ridge(x, y), np.linalg.lstsq(extra_x, extra_y, rcond=None)[0].T, rtol=1e-10
    )
    np.testing.assert_allclose(ridge(x, y[:, 0]), ridge(x, y)[0], rtol=1e-12)


def test_a_state_path_that_is_seen_gives_its_own_parameters(rng):
    """With C = I and no observation noise the windows of length one are the states."""
    truth = random_params(rng, 3, 3, radius=0.9, mean=False)
    x, _ = simulate(truth, 20_000, rng)
    x = x - x.mean(axis=0)
    sd = x.std(axis=0)
    p = learn_dynamics(x, x, np.arange(1, len(x)), np.eye(3), 3, rng)
    A = sd[:, None] * p.A / sd
    P = np.linalg.inv(x.T @ x)
    error = np.sqrt(np.outer(np.diag(truth.Q), np.diag(P)))  # of each coefficient
    assert (np.abs(A - truth.A) < 5 * error + 1e-3).all()
    left = (x[1:] - x[:-1] @ A.T) / sd
    Q = left.T @ left / len(left)
    np.testing.assert_allclose(
        p.Q / np.trace(p.Q), Q / np.trace(Q), atol=2e-3
    )  # up to 1e-3 of jitter
    np.testing.assert_allclose(np.trace(p.P0), 3.0, rtol=1e-10)
    np.testing.assert_allclose(p.C, np.diag(sd), atol=1e-3 * sd.max())


def test_only_seen_values_enter_C_and_R(rng):
    x = rng.standard_normal((500, 1)).cumsum(axis=0) / 10
    z = np.hstack([x, 2 * x + 0.1 * rng.standard_normal((500, 1))])
    z -= z.mean(axis=0)
    gaps = z.copy()
    gaps[rng.random(500) < 0.5, 1] = np.nan
    full, wrong = z.copy(), z.copy()
    wrong[np.isnan(gaps)] = 99.0
    weights = np.array([[1.0], [0.0]])
    ends = np.arange(1, 500)
    p, q = (learn_dynamics(gaps, f, ends, weights, 1, rng) for f in (full, wrong))
    np.testing.assert_array_equal(p.C, q.C)
    np.testing.assert_array_equal(p.R, q.R)
    assert p.C[1, 0] / p.C[0, 0] == pytest.approx(2.0, abs=0.05)


def test_transitions_come_only_from_the_windows_given(rng):
    z = rng.standard_normal((60, 1)).cumsum(axis=0)
    z -= z.mean()
    ends = np.r_[1:30, 31:60]  # the pair (29, 30) crosses a boundary
    p = learn_dynamics(z, z, ends, np.eye(1), 1, rng)
    x1, x0 = z[ends, 0], z[ends - 1, 0]
    x0, x1 = (x0 - x1.mean()) / x1.std(), (x1 - x1.mean()) / x1.std()
    assert p.A[0, 0] == pytest.approx(x1 @ x0 / (x0 @ x0 + 1.0), rel=1e-12)


def test_padding_adds_separate_states_of_variance_one_that_are_faintly_seen(rng):
    A, C, Q = np.array([[0.5]]), np.array([[1.0], [2.0]]), np.array([[0.3]])
    bigger = pad_states(A, C, Q, 3, rng)
    np.testing.assert_array_equal(bigger[0][:1, :1], A)
    np.testing.assert_array_equal(bigger[0], np.diag(np.diag(bigger[0])))
    np.testing.assert_allclose(np.diag(bigger[2])[1:], 1 - np.diag(bigger[0])[1:] ** 2)
    np.testing.assert_array_equal(bigger[1][:, :1], C)
    assert (bigger[1][:, 1:] != 0.0).all()
    assert len(set(np.diag(bigger[0]))) == 3
    before = rng.bit_generator.state
    assert pad_states(A, C, Q, 1, rng)[0] is A
    assert rng.bit_generator.state == before


def test_principal_gives_the_leading_eigenvectors_with_a_settled_sign(rng):
    root = rng.standard_normal((5, 5))
    cov = root @ root.T
    directions = principal(cov, 2)
    vectors = np.linalg.eigh(cov)[1]
    np.testing.assert_allclose(np.abs(directions.T @ vectors[:, :2:-1]), np.eye(2), atol=1e-10)
    assert (directions[np.abs(directions).argmax(axis=0), range(2)] > 0).all()
    np.testing.assert_array_equal(principal(cov, 5), np.eye(5))
    assert principal(cov, 0).shape == (5, 0)


@pytest.mark.parametrize(
    ("D", "n", "T", "given", "expected"),
    [
        (1, 4, 100, None, 8),
        (2, 4, 100, None, 6),
        (3, 4, 100, None, 6),
        (1, 4, 9, None, 4),
        (1, 4, 1, None, 1),
        (1, 4, 100, 3, 3),
        (1, 4, 10, 50, 5),
    ],
)
def test_delays_follow_the_order_and_never_outgrow_half_the_series(D, n, T, given, expected):
    assert delay_windows(np.zeros((T, D)), None, given, n)[1] == expected
