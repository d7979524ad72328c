"""Full noise covariances: whitening, and the gaps of a row given what was seen of it."""

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps
from kernels.state_space.panels import assert_same

from tsinit.kernels.state_space import observation


def changes(y):
    seen = ~np.isnan(y)
    return np.append(True, (seen[1:] != seen[:-1]).any(axis=1))


def panel(rng, D, T=60, gaps=0.4):
    y = with_gaps(rng, rng.standard_normal((T, D)) * 3.0, gaps, rows=0.1)
    y[5:9] = y[5]  # runs of one pattern
    return y


@pytest.mark.parametrize("D", [1, 2, 5, 16])
def test_whitened_rows_are_independent_and_lose_no_density(rng, D):
    """L has ones on its diagonal: z = L^{-1} y over the seen entries, with the variances of R = L diag(r) L'."""
    R, y = random_covariance(rng, D), panel(rng, D)
    z = y.copy()
    observation.whiten(R, z, changes(y))
    assert np.array_equal(np.isnan(z), np.isnan(y))
    for t in range(len(y)):
        o = ~np.isnan(y[t])
        factor = np.linalg.cholesky(R[np.ix_(o, o)])
        unit = factor / np.diag(factor)
        assert_same(z[t, o], np.linalg.solve(unit, y[t, o]), 1e-12)


def test_diagonal_noise_leaves_rows_as_they_are(rng):
    y = panel(rng, 3)
    z = y.copy()
    observation.whiten(np.diag([1.0, 2.0, 3.0]), z, changes(y))
    assert np.array_equal(z, y, equal_nan=True)


@pytest.mark.parametrize("D", [1, 2, 5, 16])
def test_gaps_are_filled_with_conditional_means(rng, D):
    n = 3
    C, R, y, x = (
        rng.standard_normal((D, n)),
        random_covariance(rng, D),
        panel(rng, D),
        rng.standard_normal((60, n)),
    )
    z = y.copy()
    observation.complete(C, R, z, x, changes(y))
    for t in range(len(y)):
        o = ~np.isnan(y[t])
        m = ~o
        expected = C[m] @ x[t] + R[np.ix_(m, o)] @ np.linalg.solve(
            R[np.ix_(o, o)], y[t, o] - C[o] @ x[t]
        )
        assert np.array_equal(z[t, o], y[t, o])
        assert_same(z[t, m], expected, 1e-12)


def test_exactly_seen_entries_determine_what_depends_on_them(rng):
    """R of rank one: the second noise is twice the first, so the first tells the second."""
    R = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    C, x = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    y = np.full((4, 3), np.nan)
    y[0] = [1.0, 2.0, 0.0] + C @ x[0]
    y[1, 0] = 1.0 + C[0] @ x[1]
    y[2, :2] = [1.0, 2.0] + C[:2] @ x[2]
    z = y.copy()
    observation.complete(C, R, z, x, changes(y))
    assert_same(z[0], y[0], 0.0)
    assert_same(z[1] - C @ x[1], [1.0, 2.0, 0.0], 1e-14)
    assert_same(z[2] - C @ x[2], [1.0, 2.0, 0.0], 1e-14)
    assert_same(z[3], C @ x[3], 1e-14)
    observation.whiten(R, y, changes(z))
    assert np.isfinite(y[0]).all()


def test_filling_gaps_with_smoothed_states_gives_the_joint_gaussian(rng):
    from reference import kalman as twin

    from tsinit.kernels import Kalman

    n, D, T = 2, 3, 12
    params = random_params(rng, n, D, observation_cov="full", stationary=False)
    y = with_gaps(rng, simulate(params, T, rng)[1], 0.4, rows=0.2)
    z = y - params.d
    observation.complete(params.C, params.R, z, Kalman(y, n).smooth(params).means, changes(y))
    assert_same(z + params.d, twin.joint(params, y).mean[T * n :].reshape(T, D), 1e-11)
