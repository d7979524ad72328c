"""EM with autoregressive states: M-steps are maxima by finite differences, forecasts sums over all paths."""

from itertools import pairwise, product

import numpy as np
import pytest
from emissions.test_autoregressive import CASES, OFFSETS, D, T, _noise, _series
from reference import autoregressive as twin

from tsinit.emissions import Autoregressive
from tsinit.kernels.density import all_log_densities


def _weighted(on_data, share, params, penalised):
    """What an M-step must not lower."""
    density = all_log_densities(params, on_data.data, share.shape[1])
    return float(np.sum(share * density)) + (on_data.log_prior(params) if penalised else 0.0)


def _slope(on_data, share, params, penalised, step=1e-5):
    v = on_data.coordinates(params)

    def value(at):
        return _weighted(on_data, share, on_data.from_coordinates(at, params, penalised), penalised)

    return np.array([(value(v + e) - value(v - e)) / (2 * step) for e in step * np.eye(len(v))])


@pytest.fixture
def case(rng):
    def make(order, covariance):
        on_data = Autoregressive(order, covariance).bind(_series(rng), OFFSETS)
        return on_data, rng.dirichlet([0.5, 0.5], T)

    return make


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_one_step_is_the_maximum(case, order, covariance, penalised):
    on_data, share = case(order, covariance)
    params = on_data.maximise(share, None, penalised)
    again = on_data.maximise(share, params, penalised)
    for a, b in zip(params, again, strict=True):
        np.testing.assert_array_equal(a, b)
    # Rounding of sums of about 100 over a step of 1e-5, and the third derivative times its square.
    assert np.abs(_slope(on_data, share, params, penalised)).max() < 1e-5
    v = on_data.coordinates(params)
    off = on_data.from_coordinates(v + 0.01 * (np.arange(len(v)) % 2), params, penalised)
    assert np.abs(_slope(on_data, share, off, penalised)).max() > 1e-2


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_coordinates_are_the_parameters_in_other_words(case, order, covariance):
    on_data, share = case(order, covariance)
    params = on_data.maximise(share)
    vector = on_data.coordinates(params)
    assert vector.size == 2 * on_data.n_parameters
    for a, b in zip(params, on_data.from_coordinates(vector, params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    with pytest.raises(FloatingPointError, match="must be finite"):
        on_data.from_coordinates(np.full_like(vector, np.nan), params)


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_states_without_rows_and_of_one_row_have_finite_parameters(
    case, order, covariance, penalised
):
    on_data, _ = case(order, covariance)
    share = np.zeros((T, 3))
    share[:, 0] = 1.0
    share[17] = [0.0, 1.0, 0.0]
    params = None
    for _ in range(3):
        params = on_data.maximise(share, params, penalised)
        assert np.isfinite(all_log_densities(params, on_data.data, 3)).all()
        assert not penalised or np.isfinite(on_data.log_prior(params))


@pytest.mark.parametrize("length", [1, 12])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_moments_ahead_are_those_of_all_paths(case, rng, order, covariance, length):
    """Also behind fewer rows than are looked back at: those up to the order-th are standard normal."""
    on_data, share = case(order, covariance)
    params = on_data.maximise(share)
    past, now = on_data.data.y[:length], rng.dirichlet([1.0, 1.0])
    P, n = rng.dirichlet([1.0, 1.0], 2), 3
    ahead = np.array([now @ np.linalg.matrix_power(P, i + 1) for i in range(n)])
    total, square = np.zeros(n * D), np.zeros((n * D, n * D))
    y = np.vstack([past, np.full((n, D), np.nan)])
    for path in product(range(2), repeat=n):
        p = (now @ P)[path[0]] * np.prod([P[a, b] for a, b in pairwise(path)])
        z = np.r_[np.zeros(length, int), path]
        m, C = twin.conditional(y, *twin.joint(params.coefficients, _noise(params), z, [0], order))
        total += p * m
        square += p * (C + np.outer(m, m))
    means, covariances = on_data.moments_after(params, now, P, ahead, on_data.scale.undo(past))
    np.testing.assert_allclose(on_data.scale.apply(means).ravel(), total, rtol=1e-9, atol=1e-9)
    covariance_of_all = square - np.outer(total, total)
    for i in range(n):
        at = slice(i * D, i * D + D)
        expected = covariance_of_all[at, at] * np.outer(on_data.scale.scale, on_data.scale.scale)
        np.testing.assert_allclose(covariances[i], expected, rtol=1e-7, atol=1e-9)
