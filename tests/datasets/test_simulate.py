"""A simulated system is what it says: spectrum, covariances, signal-to-noise ratio, gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsinit.datasets import make_lgssm


def assert_covariance(x, z, expected, cov_x, cov_z):
    """Compare the mean of x z' over independent zero-mean Gaussian rows with its expectation: 5 errors.

    Var(x_i z_j) = Var(x_i) Var(z_j) + Cov(x_i, z_j)^2 (Isserlis).
    """
    error = np.sqrt((np.outer(np.diag(cov_x), np.diag(cov_z)) + expected**2) / len(x))
    assert np.abs(x.T @ z / len(x) - expected).max() > 0  # a sample, not its expectation
    assert (np.abs(x.T @ z / len(x) - expected) < 5 * error).all()


def test_states_and_outputs_are_stationary_with_the_analytic_covariances():
    data = make_lgssm(3, n_states=3, n_features=2, n_sequences=8000, snr=2.0, random_state=1)
    A, C, Q, R, m0, P0, d = data.params
    x, y = np.stack(data.states), np.stack(data.y)  # independent across sequences
    output = C @ P0 @ C.T + R
    for t in range(3):
        assert_covariance(x[:, t], x[:, t], P0, P0, P0)
        assert_covariance(y[:, t], y[:, t], output, output, output)
        assert_covariance(y[:, t], x[:, t], C @ P0, output, P0)
    assert_covariance(x[:, 1], x[:, 0], A @ P0, P0, P0)
    assert_covariance(x[:, 2], x[:, 0], A @ A @ P0, P0, P0)
    noise, disturbance = y[:, 1] - x[:, 1] @ C.T, x[:, 1] - x[:, 0] @ A.T
    assert_covariance(noise, noise, R, R, R)
    assert_covariance(disturbance, disturbance, Q, Q, Q)
    assert_covariance(disturbance, x[:, 0], np.zeros_like(Q), Q, P0)
    assert_covariance(noise, x[:, 1], np.zeros_like(C), R, P0)
    assert not m0.any()
    assert not d.any()


def test_a_long_run_forgets_its_start_and_has_the_same_covariance():
    data = make_lgssm(50_000, n_states=2, n_features=1, spectral_radius=0.8, random_state=2)
    A, _, _, _, _, P0, _ = data.params
    # Consecutive states are dependent: blocks of 100 steps (0.8^100 = 2e-10) are not, and give the error.
    products = (
        np.einsum("ti,tj->tij", data.states, data.states).reshape(500, 100, 2, 2).mean(axis=1)
    )
    error = products.std(axis=0, ddof=1) / np.sqrt(500)
    assert (np.abs(products.mean(axis=0) - P0) < 5 * error).all()
    assert np.abs(np.linalg.eigvals(A)).max() == pytest.approx(0.8, rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 16),
    D=st.integers(1, 8),
    radius=st.floats(0, 0.999),
    snr=st.floats(0.01, 1e4),
    seed=st.integers(0, 2**32),
)
def test_spectrum_snr_and_covariances_are_exact(n, D, radius, snr, seed):
    data = make_lgssm(2, n, D, spectral_radius=radius, snr=snr, random_state=seed)
    A, C, Q, R, _, P0, _ = data.params
    assert (A.shape, C.shape, Q.shape, R.shape) == ((n, n), (D, n), (n, n), (D, D))
    # A is normal, so an eigenvalue moves no further than the rounding errors of A. The trace of each power is
    # the sum of the powers of the eigenvalues, which compares spectra without matching them.
    power = np.eye(n)
    for k in range(1, n + 1):
        power = power @ A
        assert np.trace(power) == pytest.approx((data.eigenvalues**k).sum().real, abs=1e-11 * n)
    assert np.abs(data.eigenvalues).max() == pytest.approx(radius, rel=1e-12, abs=1e-15)
    assert np.abs(np.linalg.eigvals(A)).max() == pytest.approx(radius, abs=1e-11)
    assert np.diag(C @ P0 @ C.T) / np.diag(R) == pytest.approx(np.full(D, snr), rel=1e-10)
    assert np.array_equal(R, np.diag(np.diag(R)))
    assert np.allclose(A @ P0 @ A.T + Q, P0, rtol=0, atol=1e-10)
    assert np.trace(P0) == pytest.approx(n)
    for S in (Q, P0):
        assert np.array_equal(S, S.T)
        assert np.linalg.eigvalsh(S).min() > 0
    assert np.linalg.cond(Q) <= 4 + 1e-9


def test_a_given_spectrum_is_kept_in_any_order():
    turn = 0.99 * np.exp(2j * np.pi / 24)
    given_spectrum = [0.5, turn.conjugate(), 0.9j, turn, -0.9j]
    data = make_lgssm(5, eigenvalues=given_spectrum, random_state=0)
    assert data.params.A.shape == (5, 5)
    found = np.linalg.eigvals(data.params.A)
    distance = np.abs(found[:, None] - np.array(given_spectrum)[None, :])
    assert distance.min(axis=0).max() < 1e-12
    assert distance.min(axis=1).max() < 1e-12
    assert data.params.A.dtype == float


def test_no_direction_of_rotation_is_favoured():
    # The QR factor of a Gaussian matrix alone is not uniform: in the plane it would turn one way only.
    turns = [make_lgssm(1, 2, 1, random_state=seed).params.A[1, 0] > 0 for seed in range(400)]
    assert abs(np.mean(turns) - 0.5) < 5 * 0.5 / np.sqrt(400)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.37, 0.9])
def test_the_share_of_gaps_is_exact_and_gaps_hide_nothing_else(share):
    data = make_lgssm([70, 31, 2], n_features=3, missing=share, random_state=3)
    gaps = [np.isnan(y) for y in data.y]
    assert sum(gap.sum() for gap in gaps) == round(share * 103 * 3)
    for y, complete, gap in zip(data.y, data.complete, gaps, strict=True):
        assert np.array_equal(y[~gap], complete[~gap])
        assert np.isfinite(complete).all()


def test_gaps_fall_everywhere_alike():
    gaps = [np.isnan(make_lgssm(6, missing=0.25, random_state=seed).y) for seed in range(2000)]
    share = np.mean(gaps, axis=0)
    # 12 cells, each hidden with probability 1/4 in 2,000 independent draws.
    assert (np.abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2000)).all()


def test_one_sequence_is_an_array_and_several_are_lists():
    one = make_lgssm(40, 3, 2, random_state=0)
    assert (one.y.shape, one.complete.shape, one.states.shape) == ((40, 2), (40, 2), (40, 3))
    several = make_lgssm(40, n_sequences=3, random_state=0)
    ragged = make_lgssm([5, 1, 9], random_state=0)
    assert [y.shape for y in several.y] == [(40, 2)] * 3
    assert (
        [y.shape for y in ragged.y] == [x.shape for x in ragged.states] == [(5, 2), (1, 2), (9, 2)]
    )
    assert np.array_equal(
        several.params.A, ragged.params.A
    )  # the system does not depend on the lengths


def test_the_same_seed_gives_the_same_data():
    first, second = make_lgssm(random_state=7, missing=0.1), make_lgssm(random_state=7, missing=0.1)
    sequence = make_lgssm(random_state=np.random.SeedSequence(7), missing=0.1)
    for other in (second, sequence):
        np.testing.assert_array_equal(first.y, other.y)
        np.testing.assert_array_equal(first.params.A, other.params.A)
    for kind in (
        np.random.default_rng,
        np.random.RandomState,
    ):  # a generator moves on, the same way each time
        one, same = kind(7), kind(7)
        drawn = [make_lgssm(random_state=generator).complete for generator in (one, same, one)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(
        make_lgssm().complete, make_lgssm().complete
    )  # no seed, no repetition


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"spectral_radius": 1.0},
            "spectral_radius must be a number of at least 0 and below 1; got 1.0",
        ),
        ({"spectral_radius": "big"}, "spectral_radius must be a number of .*; got 'big'"),
        ({"snr": 0}, "snr must be a number above 0; got 0"),
        ({"snr": None}, "snr must be a number above 0; got None"),
        ({"missing": 1.0}, "missing must be a number of at least 0 and below 1; got 1.0"),
        ({"missing": np.nan}, "missing must be .* below 1; got nan"),
        ({"n_states": 0}, "n_states must be a whole number of at least 1; got 0"),
        ({"n_states": 2.5}, "n_states must be a whole number of at least 1; got 2.5"),
        ({"n_features": True}, "n_features must be a whole number of at least 1; got True"),
        ({"n_sequences": 0}, "n_sequences must be a whole number of at least 1"),
        (
            {"n_steps": 0},
            "n_steps must be a whole number of at least 1, or a sequence of those; got 0",
        ),
        (
            {"n_steps": "a"},
            "n_steps must be a whole number of at least 1, or a sequence of those; got 'a'",
        ),
        (
            {"n_steps": []},
            r"n_steps must be a whole number of at least 1, or a sequence of those; got \[\]",
        ),
        ({"n_steps": [3, 0]}, "n_steps must be a whole number of at least 1 each; got 0"),
        ({"n_steps": [[3], 2]}, r"n_steps must be a whole number of at least 1 each; got \[3\]"),
        (
            {"random_state": -1},
            "random_state must be a whole number from 0, a SeedSequence, .*; got -1",
        ),
        ({"random_state": "a"}, "random_state must be .*; got 'a'"),
        ({"eigenvalues": "none"}, "eigenvalues must hold numbers; got 'none'"),
        ({"eigenvalues": [[0.5]]}, r"eigenvalues must be a list of numbers; got array\(\[\[0.5"),
        ({"eigenvalues": [0.5j]}, "eigenvalues must come in conjugate pairs"),
        ({"eigenvalues": [0.5j, -0.4j]}, "eigenvalues must come in conjugate pairs"),
        ({"eigenvalues": []}, "eigenvalues must come in conjugate pairs"),
        ({"eigenvalues": [1.0]}, "eigenvalues must lie inside the unit circle"),
        ({"eigenvalues": [np.nan]}, "eigenvalues must"),
    ],
)
def test_arguments_outside_their_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_lgssm(**arguments)
