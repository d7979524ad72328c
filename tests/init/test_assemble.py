import numpy as np
import pytest
from helpers import random_params, simulate
from scipy.linalg import solve_discrete_lyapunov

from tsinit.init._assemble import assemble, calibrate, covariance_root, nearest_psd


def output_variance(params):
    P = solve_discrete_lyapunov(params.A, params.Q)
    return np.diag(params.C @ P @ params.C.T), np.diag(params.R)


@pytest.mark.parametrize("snr", [0.1, 10.0, 1000.0])
def test_calibrate_hits_variance_one_and_the_ratio_exactly(rng, snr):
    drawn = random_params(rng, 5, 3, radius=0.97)
    params = calibrate(drawn.A, drawn.C, snr)
    signal, noise = output_variance(params)
    np.testing.assert_allclose(signal + noise, 1.0, rtol=1e-12)
    np.testing.assert_allclose(signal / noise, snr, rtol=1e-12)
    np.testing.assert_allclose(params.Q, params.Q[0, 0] * np.eye(5))
    np.testing.assert_allclose(np.trace(params.P0), 5.0)
    np.testing.assert_allclose(params.P0, solve_discrete_lyapunov(params.A, params.Q), rtol=1e-9)


def test_calibrate_keeps_the_directions_of_C(rng):
    drawn = random_params(rng, 4, 2)
    C = calibrate(drawn.A, drawn.C).C
    np.testing.assert_allclose(
        C / np.linalg.norm(C, axis=1)[:, None],
        drawn.C / np.linalg.norm(drawn.C, axis=1)[:, None],
        rtol=1e-12,
    )


def test_a_calibrated_system_simulates_to_variance_one(rng):
    drawn = random_params(rng, 3, 2, radius=0.8)
    _, y = simulate(calibrate(drawn.A, drawn.C), 50_000, rng)
    # At radius 0.8 a step carries about (1 - 0.64) / (1 + 0.64) of an independent one: 5 standard errors.
    np.testing.assert_allclose(y.var(axis=0), 1.0, atol=5 * np.sqrt(2 * 1.64 / 0.36 / 50_000))


def test_calibrate_leaves_an_output_without_signal_alone(rng):
    params = calibrate(np.diag([0.5, 0.2]), np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert np.isfinite(params.C).all()


def test_assemble_makes_what_a_filter_can_start_from(rng):
    A = 2.0 * rng.standard_normal((4, 4))
    Q = rng.standard_normal((4, 4))
    params = assemble(A, rng.standard_normal((2, 4)), Q, np.eye(2))
    assert np.abs(np.linalg.eigvals(params.A)).max() < 1.0
    np.testing.assert_array_equal(params.Q, params.Q.T)
    assert np.linalg.eigvalsh(params.Q)[0] > -1e-14
    np.testing.assert_allclose(
        params.P0, params.A @ params.P0 @ params.A.T + params.Q, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(params.d, np.zeros(2))


def test_assemble_survives_powers_that_overflow_before_they_decay():
    A = 0.999 * np.eye(12) + np.diag(np.full(11, 1e150), k=1)
    params = assemble(A, np.ones((1, 12)), np.eye(12), np.eye(1))
    assert np.isfinite(params.P0).all()


def test_nearest_psd_changes_nothing_but_what_is_wrong(rng):
    root = rng.standard_normal((3, 3))
    S = root @ root.T
    np.testing.assert_allclose(nearest_psd(S), S, rtol=1e-14)
    vectors = np.linalg.qr(root)[0]
    S = (vectors * [-1.0, 0.5, 2.0]) @ vectors.T
    np.testing.assert_allclose(nearest_psd(S), (vectors * [0.0, 0.5, 2.0]) @ vectors.T, atol=1e-14)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(nearest_psd(S, minimum=1.0)), [1.0, 1.0, 2.0], rtol=1e-12
    )


def test_covariance_root_squares_to_the_covariance_even_where_it_is_singular(rng):
    tall = rng.standard_normal((4, 2))
    for S in (tall @ tall.T, tall @ tall.T + np.eye(4), np.zeros((4, 4))):
        root = covariance_root(S)
        np.testing.assert_allclose(root @ root.T, S, atol=1e-12)
