"""The cheapest path with a price per change against trying every path."""

import itertools

import numpy as np
import pytest

from tsinit.kernels.jump import jump_path, squared_distances


def price(z, cost, penalty, offsets):
    """What one path (T,) costs, or each of many (N, T)."""
    changes = sum(
        np.count_nonzero(np.diff(z[..., a:b]), axis=-1) for a, b in itertools.pairwise(offsets)
    )
    return cost[np.arange(z.shape[-1]), z].sum(axis=-1) + penalty * changes


@pytest.mark.parametrize("offsets", [[0, 1], [0, 7], [0, 3, 3, 4, 7]])
@pytest.mark.parametrize("penalty", [0.0, 0.3, 1.0, 100.0])
def test_no_path_is_cheaper(rng, offsets, penalty):
    T, K = offsets[-1], 3
    paths = np.array(list(itertools.product(range(K), repeat=T)))
    for _ in range(20):
        cost = rng.random((T, K))
        least = price(paths, cost, penalty, offsets).min()
        z, total = jump_path(cost.copy(), penalty, np.array(offsets))
        assert total == pytest.approx(least, rel=1e-12)
        assert price(z, cost, penalty, offsets) == pytest.approx(least, rel=1e-12)


def test_without_a_price_every_row_goes_to_its_cheapest_label(rng):
    cost = rng.random((50, 4))
    np.testing.assert_array_equal(
        jump_path(cost.copy(), 0.0, np.array([0, 50]))[0], cost.argmin(axis=1)
    )


def test_a_row_that_costs_nothing_changes_nothing():
    cost = np.array([[0.0, 9.0], [0.0, 0.0], [0.0, 0.0], [9.0, 0.0]])
    np.testing.assert_array_equal(jump_path(cost.copy(), 1.0, np.array([0, 4]))[0][[0, 3]], [0, 1])
    cost[3] = 0.0
    np.testing.assert_array_equal(jump_path(cost.copy(), 0.0, np.array([0, 4]))[0], 0)


def test_distances_are_over_what_was_observed(rng):
    y, centres = rng.standard_normal((30, 3)), rng.standard_normal((4, 3))
    y[rng.random(y.shape) < 0.4] = np.nan
    y[3] = np.nan
    exact = np.nansum((y[:, None] - centres) ** 2, axis=2)
    np.testing.assert_allclose(squared_distances(y, centres), exact, rtol=1e-12)
    assert (squared_distances(y, centres)[3] == 0.0).all()
