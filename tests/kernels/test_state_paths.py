"""States under given parameters against the dense Gaussian: gaps, ragged sequences, skipped steps."""

import numpy as np
from models.state_draws.problems import parameters, table_of
from reference import kalman

from tsinit.kernels import LinearGaussianParams
from tsinit.models.state_draws.paths import StatePaths
from tsinit.models.state_draws.table import lay_out


def _reference(p):
    return LinearGaussianParams(p.A, p.C, p.Q, np.diag(p.r), p.m, p.V, p.G[:, -1])


def _sequences(rng, D, lengths):
    y = [rng.standard_normal((T, D)) for T in lengths]
    for part in y:
        part[rng.random(part.shape) < 0.3] = np.nan
    y[0][3:6] = np.nan
    return y


def test_means_covariances_and_likelihood_are_those_of_the_dense_gaussian(rng):
    for n, D in ((1, 1), (2, 3), (5, 2)):
        p, y = parameters(rng, n, D), _sequences(rng, D, (9, 1, 6))
        table = table_of(np.vstack(y), [0, 9, 10, 16])
        paths = StatePaths(table, p)
        dense = [kalman.dense(_reference(p), part) for part in y]
        P, lag = paths.covariances()
        np.testing.assert_allclose(paths.mean(), np.vstack([one.means for one in dense]), atol=1e-9)
        np.testing.assert_allclose(P, np.vstack([one.covariances for one in dense]), atol=1e-9)
        np.testing.assert_allclose(lag, sum(one.lag_one.sum(axis=0) for one in dense), atol=1e-9)
        np.testing.assert_allclose(
            paths.log_likelihood, sum(one.log_likelihood for one in dense), rtol=1e-10
        )


def test_draws_have_the_smoothed_moments(rng):
    p, y = parameters(rng, 2, 2), _sequences(rng, 2, (7,))[0]
    paths, n_draws = StatePaths(table_of(y), p), 20_000
    draws = np.array([paths.draw(rng.standard_normal((7, 2))).ravel() for _ in range(n_draws)])
    z = kalman.joint(_reference(p), y)
    mean, V = z.mean[:14], z.covariance[:14, :14]
    error = np.sqrt(np.diag(V) / n_draws)
    assert np.abs((draws.mean(axis=0) - mean) / error).max() < 5.0
    spread = np.sqrt((np.outer(np.diag(V), np.diag(V)) + V**2) / n_draws)
    assert np.abs((np.cov(draws.T) - V) / spread).max() < 5.0


def test_opposite_noise_gives_the_mirror_image(rng):
    p, y = parameters(rng, 3, 2), _sequences(rng, 2, (8,))[0]
    paths, noise = StatePaths(table_of(y), p), rng.standard_normal((8, 3))
    both = 0.5 * (paths.draw(noise) + paths.draw(-noise))
    np.testing.assert_allclose(both, paths.mean(), atol=1e-10)


def test_states_pass_through_skipped_steps(rng):
    p, y = parameters(rng, 2, 3), rng.standard_normal((5, 3))
    steps = np.array([0, 1, 4, 5, 6])
    whole = np.full((7, 3), np.nan)
    whole[steps] = y
    table = lay_out(y, np.array([0, 5]), steps, np.zeros((5, 0)))
    paths = StatePaths(table, p)
    dense = kalman.dense(_reference(p), whole)
    np.testing.assert_allclose(paths.mean(), dense.means, atol=1e-9)
    np.testing.assert_allclose(paths.log_likelihood, dense.log_likelihood, rtol=1e-10)


def test_the_longest_jumps_of_a_clock_end_a_sequence_of_states():
    steps = np.array([0, 1, 3, 10_000, 10_001])
    table = lay_out(np.zeros((5, 1)), np.array([0, 5]), steps, np.zeros((5, 0)))
    assert table.offsets.tolist() == [0, 4, 6]
    assert table.rows.tolist() == [0, 1, 3, 4, 5]


def test_parameters_without_a_positive_precision_have_no_likelihood(rng):
    p = parameters(rng, 2, 2)
    paths = StatePaths(table_of(np.zeros((4, 2))), p._replace(r=np.array([1.0, -1e-9])))
    assert np.isnan(paths.log_likelihood)
