"""Weighted draws have the moments of the density they stand for, and intervals are those of the likelihood itself."""

import numpy as np
import pytest

from tsinit import LinearGaussianSSM
from tsinit.models.state_space.importance import (
    Neighbourhood,
    reach_of,
    weighted_draws,
    weighted_quantile,
)
from tsinit.structures import local_level


def bent(z):
    """A banana: z[0] is N(0.5, 1.5^2), z[1] given it N(z[0]^2 / 4, 1), z[2] N(0, 0.5^2)."""
    return -0.5 * (((z[0] - 0.5) / 1.5) ** 2 + (z[1] - 0.25 * z[0] ** 2) ** 2 + (z[2] / 0.5) ** 2)


def moments(z, weights):
    mean = weights @ z
    return mean, np.sqrt(weights @ (z - mean) ** 2)


def test_moments_of_a_bent_density():
    found = weighted_draws(bent, 3, 20_000, np.random.default_rng(0))
    mean, spread = moments(found.draws, found.weights)
    second = 0.5**2 + 1.5**2
    variance = 1.0 + (2.0 * 1.5**4 + 4.0 * 0.5**2 * 1.5**2) / 16.0  # of z[1]: 1 + Var(z[0]^2) / 16
    n = 1.0 / (found.weights**2).sum()
    assert n > 2_000
    np.testing.assert_allclose(mean, [0.5, 0.25 * second, 0.0], atol=5.0 * 2.0 / np.sqrt(n))
    np.testing.assert_allclose(spread, [1.5, np.sqrt(variance), 0.5], rtol=5.0 / np.sqrt(n))
    # The draws without their weights are not from it.
    flat = moments(found.draws, np.full(len(found.draws), 1.0 / len(found.draws)))[1]
    assert abs(flat[2] / 0.5 - 1.0) > 5.0 / np.sqrt(n)


def test_what_is_impossible_has_no_weight():
    half = weighted_draws(
        lambda z: bent(z) if z[2] > 0.0 else -np.inf, 3, 2_000, np.random.default_rng(0)
    )
    assert (half.draws[:, 2] > 0.0).all()
    assert half.weights.sum() == pytest.approx(1.0)
    none = weighted_draws(lambda z: -np.inf, 3, 50, np.random.default_rng(0))
    assert len(none.draws) == len(none.weights) == 0


def test_reach_is_a_standard_deviation_in_uncorrelated_directions():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((5, 3)) * [100.0, 1.0, 1e-3]
    V = np.linalg.qr(root)[0]
    precision = np.linalg.inv(V.T @ root @ root.T @ V)
    reach = reach_of(
        Neighbourhood(lambda u: u, lambda u: -0.5 * (V.T @ u) @ precision @ (V.T @ u), V)
    )
    inner = reach.T @ V @ precision @ V.T @ reach
    np.testing.assert_allclose(np.diag(inner), 1.0, rtol=1e-4)
    np.testing.assert_allclose(inner, np.eye(3), atol=1e-4)


def test_quantiles_of_weighted_values():
    rng = np.random.default_rng(2)
    x, w = rng.uniform(size=4_000), rng.uniform(size=4_000)
    assert weighted_quantile(x, w / w.sum(), 0.9) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("state", [0.0, 0.3])
def test_intervals_are_those_of_the_likelihood_over_a_grid(state):
    """Random walk plus noise: its two roots of variances on a grid; with no walk at all, one is at its edge."""
    rng = np.random.default_rng(3)
    y = (np.cumsum(state * rng.standard_normal(80)) + rng.standard_normal(80))[:, None]
    ssm = LinearGaussianSSM(structure=local_level(), tol=1e-9, random_state=0).fit(y)
    table = ssm.uncertainty(y).table
    kalman = ssm._kalman(ssm._read(y))
    q, r = np.linspace(0.0, 1.5, 151), np.linspace(0.5, 2.0, 76)
    value = np.array(
        [
            [
                kalman.log_likelihood(
                    ssm.params_._replace(Q=np.array([[a * a]]), R=np.array([[b * b]]))
                )
                for b in r
            ]
            for a in q
        ]
    )
    weights = np.exp(value - value.max())
    for name, grid, w in (
        ("state variance[0]", q, weights.sum(axis=1)),
        ("noise variance[0]", r, weights.sum(axis=0)),
    ):
        row = table.loc[name]
        here = np.sqrt(row.estimate)
        half = weighted_quantile(np.abs(grid - here), w / w.sum(), 0.95)
        expected = np.maximum([here - half, here + half], 0.0)
        found = np.sqrt(row[["lower", "upper"]].to_numpy())
        np.testing.assert_allclose(found, expected, atol=0.15 * half)
