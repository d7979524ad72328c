import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from tsinit.init import LPC
from tsinit.init._scaling import standardise
from tsinit.init.lpc import burg


def simulate_var(B, T, rng, burn=200):
    """B is (D, p D), newest lag first; unit noise."""
    D = len(B)
    p = B.shape[1] // D
    y = np.zeros((T + burn, D))
    for t in range(p, T + burn):
        y[t] = B @ y[t - p : t][::-1].ravel() + rng.standard_normal(D)
    return y[burn:]


def test_one_variable_is_burg_in_companion_form_with_the_stated_noises(rng):
    y = 3.0 + 2.0 * simulate_var(np.array([[1.2, -0.6, 0.1]]), 400, rng)
    z, loc, scale = standardise(y)
    fit = burg(z[:, 0], 3)
    p = LPC(jitter=0.05, noise=0.2).dynamics(y, rng, 3)
    np.testing.assert_allclose(p.A, [fit.coefficients, [1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(p.C, scale * np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(p.Q, fit.noise * (np.diag([1.0, 0, 0]) + 0.05 * np.eye(3)))
    np.testing.assert_allclose(p.R[0], 0.2 * fit.noise * scale**2)
    np.testing.assert_allclose(p.P0, solve_discrete_lyapunov(p.A, p.Q))
    np.testing.assert_allclose(p.d, loc)


def test_several_variables_are_the_vector_autoregression_in_block_companion_form(rng):
    B = np.array([[0.5, 0.2, -0.3, 0.0], [0.0, 0.6, 0.1, -0.2]])
    T = 20_000
    y = simulate_var(B, T, rng)
    p = LPC().dynamics(y, rng, 4)
    _, loc, scale = standardise(y)
    top = p.A[:2] * np.tile(1.0 / scale, 2) * scale[:, None]  # back in the units of the data
    window = np.hstack([y[1:-1] - loc, y[:-2] - loc])
    error = np.sqrt(np.diag(np.linalg.inv(window.T @ window)))  # of each coefficient, unit noise
    assert (np.abs(top - B) < 5 * error + 1.0 / T).all()  # the ridge is one observation in T
    np.testing.assert_array_equal(p.A[2:], np.eye(4)[:2])
    np.testing.assert_allclose(p.C, np.hstack([np.diag(scale), np.zeros((2, 2))]))


def test_an_order_between_multiples_keeps_the_leading_components_of_the_oldest_block(rng):
    # The second lag acts along the direction in which the series varies most, so one state carries all of it.
    direction = np.array([1.0, 1.0]) / np.sqrt(2.0)
    along = np.outer(direction, direction)
    T = 20_000
    y = simulate_var(np.hstack([0.9 * along, -0.3 * along]), T, rng)
    p = LPC().dynamics(y, rng, 3)
    np.testing.assert_allclose(p.A[2], [*direction, 0.0], atol=1e-12)
    # Noise has variance 1 in every direction and the series at least that: errors are below sqrt(1 / T).
    np.testing.assert_allclose(p.A[:2, :2], 0.9 * along, atol=5 / np.sqrt(T))
    np.testing.assert_allclose(p.A[:2, 2], -0.3 * direction, atol=5 / np.sqrt(T) + 1e-3)
    np.testing.assert_array_equal(p.C[:, 2], 0.0)


def test_fewer_states_than_variables_is_an_autoregression_of_principal_components(rng):
    factor = simulate_var(np.array([[0.9]]), 20_000, rng)[:, 0]
    loading = np.array([1.0, -2.0, 0.5])
    y = np.outer(factor, loading) + 0.1 * rng.standard_normal((20_000, 3))
    p = LPC().dynamics(y, rng, 1)
    # 5 standard errors of an AR(1) coefficient, and the attenuation by the noise left in the component.
    assert p.A[0, 0] == pytest.approx(0.9, abs=5 * np.sqrt((1 - 0.81) / 20_000) + 0.005)
    direction = p.C[:, 0] / p.C[0, 0]
    np.testing.assert_allclose(direction, loading, rtol=0.02)


def test_every_root_is_damped_alike_and_the_form_stays():
    y = np.sin(0.3 * np.arange(300))[:, None]
    p = LPC().dynamics(y, None, 4)
    values = np.linalg.eigvals(p.A)
    assert np.abs(values).max() == pytest.approx(0.999, abs=1e-9)
    assert np.abs(np.angle(values[np.abs(values) > 0.9])) == pytest.approx(0.3, abs=1e-2)
    np.testing.assert_array_equal(p.A[1:], np.eye(4)[:3])


def test_gaps_do_not_bend_the_coefficients(rng):
    T = 20_000
    y = simulate_var(np.array([[1.2, -0.8]]), T, rng)
    z = y.copy()
    z[rng.random(T) < 0.3] = np.nan
    whole, holed = LPC().dynamics(y, rng, 2), LPC().dynamics(z, rng, 2)
    # Each estimate has standard errors sqrt((1 - a2^2) / T), and 0.7^3 of the windows of three are left.
    assert np.abs(whole.A[0] - holed.A[0]).max() < 5 * np.sqrt((1 - 0.64) / T * (1 + 1 / 0.7**3))
