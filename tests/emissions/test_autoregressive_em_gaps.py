"""EM with autoregressive states and missing values: slopes by finite differences, likelihoods by dense Gaussians."""

import numpy as np
import pytest
from emissions.test_autoregressive import (
    CASES,
    OFFSETS,
    STARTS,
    D,
    K,
    T,
    _bind,
    _gaps,
    _noise,
    _series,
)
from models.hidden_markov.test_finite_em import make_em, run
from reference import autoregressive as twin
from reference.hidden_markov import exact
from scipy.special import logsumexp

from tsinit.emissions import Autoregressive
from tsinit.emissions import _own_past_em as gapped
from tsinit.emissions import _own_past_slope as slopes
from tsinit.emissions._regression_em import with_whitened


def _derivative(f, x, step=1e-6):
    return np.array(
        [(f(x + e) - f(x - e)) / (2 * step) for e in step * np.eye(x.size).reshape(-1, *x.shape)]
    ).reshape(x.shape)


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_rows_behind_gaps_are_those_with_something_missing_in_reach(rng, order, covariance):
    on_data, _, _ = _bind(rng, order, covariance, missing=True)
    gap, found = np.isnan(on_data.data.y).any(axis=1), []
    for t in range(T):
        first = max(s for s in STARTS if s <= t)
        if t - first >= order and gap[t - order : t + 1].any():
            found.append(t)
    np.testing.assert_array_equal(on_data.behind.row, found)
    begins = [t - 1 not in found or t - order in STARTS for t in found]
    np.testing.assert_array_equal(on_data.behind.begins, begins)


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_slopes_behind_gaps_are_those_of_finite_differences(rng, order, covariance, shift):
    """Also where the uncertainty of a long gap has grown to where it is held: shift makes one state unstable."""
    on_data, _, params = _bind(rng, order, covariance, missing=True)
    B, S = params.coefficients.copy(), _noise(params)
    B[1, :, 1 : 1 + D] += shift * 30.0 * np.eye(D)
    rows = on_data.behind
    weight = rng.random(len(rows.row))
    for k in range(K):

        def value(B, S, k=k):
            one = with_whitened(B[None], np.linalg.inv(np.linalg.cholesky(S))[None])
            densities = on_data.log_densities(one, 1)[rows.row, 0]
            return float(weight @ densities)

        W = np.linalg.inv(np.linalg.cholesky(S))
        total, of_B, of_S = slopes.own_past_slope(
            with_whitened(B, W), on_data.data, S, rows, k, weight
        )
        assert total == pytest.approx(value(B[k], S[k]), rel=1e-9)
        # Rounding of the values over the step; slopes reach 1e5 where a state is unstable.
        near = {"rtol": 1e-4, "atol": 1e-9 * abs(total) / 1e-6 + 1e-5}
        np.testing.assert_allclose(of_B, _derivative(lambda x: value(x, S[k]), B[k]), **near)  # noqa: B023
        symmetric = _derivative(lambda x: value(B[k], (x + x.T) / 2), S[k])  # noqa: B023
        np.testing.assert_allclose(of_S, symmetric, **near)


def _weighted(on_data, share, params, penalised):
    density = on_data.log_densities(params, share.shape[1])
    return float(np.sum(share * density)) + (on_data.log_prior(params) if penalised else 0.0)


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize(("order", "covariance"), CASES[:3])
def test_one_step_is_the_maximum(rng, order, covariance, penalised):
    """No coordinate may be moved by a hundredth to gain; from its own end the step gains nothing more."""
    y = np.vstack([_gaps(rng, _series(rng)) for _ in range(4)])
    offsets = np.concatenate([OFFSETS[:-1] + 30 * i for i in range(4)] + [[4 * T]])
    on_data = Autoregressive(order, covariance).bind(y, offsets)
    share = rng.dirichlet([0.5, 0.5], len(y))
    guess = on_data.maximise(share, None, penalised)
    params = on_data.maximise(share, guess, penalised)
    best = _weighted(on_data, share, params, penalised)
    assert best > _weighted(on_data, share, guess, penalised)
    v = on_data.coordinates(params)
    for step in 0.01 * np.vstack([np.eye(len(v)), -np.eye(len(v))]):
        off = on_data.from_coordinates(v + step, params, penalised)
        assert _weighted(on_data, share, off, penalised) < best
    again = on_data.maximise(share, params, penalised)
    assert 0.0 <= _weighted(on_data, share, again, penalised) - best < 1e-8


@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_without_gaps_it_is_the_closed_form(rng, order, covariance):
    on_data = Autoregressive(order, covariance).bind(_series(rng), OFFSETS)
    share = rng.dirichlet([0.5, 0.5], T)
    expected = on_data.maximise(share)
    start = on_data.maximise(np.roll(share, 7, axis=0))
    assert on_data.behind.row.size == 0
    found = gapped.maximise(on_data.prior, on_data.data, on_data.behind, share, start, True)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_states_without_rows_and_of_one_row_have_finite_parameters(
    rng, order, covariance, penalised
):
    on_data, _, _ = _bind(rng, order, covariance, missing=True)
    share = np.zeros((T, 3))
    share[:, 0] = 1.0
    share[17] = [0.0, 1.0, 0.0]
    params = None
    for _ in range(3):
        params = on_data.maximise(share, params, penalised)
        assert np.isfinite(on_data.log_densities(params, 3)).all()


def _short(rng, order=1):
    """Two sequences of five rows, with a gap of two rows and one of a value."""
    y = _series(rng, 10)
    y[2:4] = y[7, 1] = np.nan
    cuts = np.array([0, 5, 10])
    return Autoregressive(order).bind(y, cuts), y, cuts


def test_the_likelihood_is_the_sum_over_paths_of_densities_given_the_past(rng):
    on_data, y, cuts = _short(rng)
    em = make_em(Autoregressive(1), y, 2, cuts, penalised=True)
    state = em.evaluate(em.begin(rng.integers(0, 2, 10)))
    start, P, params = state.params
    own = twin.own_past(on_data.data.y, params.coefficients, _noise(params), cuts[:-1], 1)
    total, prob, _, _ = exact(own, start, P, cuts)
    assert state.log_likelihood == pytest.approx(total + on_data.log_jacobian, rel=1e-9)
    np.testing.assert_allclose(state.expected.probabilities, prob, rtol=1e-7, atol=1e-9)


def test_it_is_exact_where_states_do_not_change(rng):
    """A mixture of whole sequences, against dense Gaussians of all that is observed."""
    on_data, y, cuts = _short(rng)
    em = make_em(Autoregressive(1), y, 2, cuts, True, transitions=("fixed", np.eye(2)))
    state = em.evaluate(em.begin(np.repeat([0, 1], 5)))
    B, S, total = state.params.emission.coefficients, _noise(state.params.emission), 0.0
    for a, b in ((0, 5), (5, 10)):
        logs = [
            np.log(state.params.start[k])
            + twin.log_density(on_data.data.y[a:b], *twin.joint(B, S, np.full(5, k), [0], 1))
            for k in range(2)
        ]
        total += logsumexp(logs)
    assert state.log_likelihood == pytest.approx(total + on_data.log_jacobian, rel=1e-9)


def test_the_likelihood_is_a_density_of_what_is_observed(rng):
    """Over a grid of the two values behind a gap it sums to that of the rows before: nothing is counted twice."""
    y = np.array([0.3, -0.5, np.nan, 0.0, 0.0])[:, None]
    cuts = np.array([0, 5])
    em = make_em(Autoregressive(1), np.r_[y[:3], [[1.0], [-1.2]]], 2, cuts, penalised=True)
    params = em.evaluate(em.begin(np.array([0, 0, 1, 1, 0]))).params
    scale = em.emission.scale

    def log_density(table):
        em.emission = em.emission.with_sequences(table, np.array([0, len(table)]))
        em.offsets = np.array([0, len(table)])
        return em.evaluate(params).log_likelihood

    grid = scale.undo(np.linspace(-12.0, 12.0, 121)[:, None])[:, 0]
    cell = (grid[1] - grid[0]) ** 2
    logs = [log_density(np.r_[y[:3], [[a], [b]]]) for a in grid for b in grid]
    expected = log_density(np.r_[y[:3], np.full((2, 1), np.nan)])
    assert logsumexp(logs) + np.log(cell) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("penalised", [True, False])
@pytest.mark.parametrize(("order", "covariance"), CASES)
def test_no_iteration_loses_likelihood(rng, order, covariance, penalised, accelerate):
    y = np.vstack([_gaps(rng, _series(rng)) for _ in range(4)])
    offsets = np.concatenate([OFFSETS[:-1] + 30 * i for i in range(4)] + [[4 * T]])
    em = make_em(Autoregressive(order, covariance), y, 2, offsets, penalised)
    trace, result = run(em, rng.integers(0, 2, len(y)), accelerate=accelerate)
    assert result.lost is None
    assert len(trace) > 3
    assert (np.diff(trace) >= 0.0).all()
