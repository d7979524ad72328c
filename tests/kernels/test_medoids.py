"""Medoids against every other choice."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tsinit.kernels import medoids


def pairs(y):
    return medoids.distances(y, y, False)


def total(d, chosen):
    return d[list(chosen)].min(axis=0).sum()


def test_distances_are_over_the_columns_seen(rng):
    y, centres = rng.standard_normal((40, 4)), rng.standard_normal((7, 4))
    for manhattan, metric in [(False, "euclidean"), (True, "cityblock")]:
        exact = cdist(y, centres, metric)
        np.testing.assert_allclose(medoids.distances(y, centres, manhattan), exact, rtol=1e-12)
    y[rng.random(y.shape) < 0.4] = np.nan
    by_column = np.abs(y[:, None] - centres)
    exact = np.nansum(by_column, axis=2)
    np.testing.assert_allclose(medoids.distances(y, centres, True), exact, rtol=1e-12)
    exact = np.sqrt(np.nansum(by_column**2, axis=2))
    np.testing.assert_allclose(medoids.distances(y, centres, False), exact, rtol=1e-12)


def test_the_greedy_choice_takes_the_best_row_each_time(rng):
    d = pairs(rng.standard_normal((30, 2)))
    chosen = []
    for _ in range(4):
        chosen.append(min(range(30), key=lambda c: total(d, [*chosen, c])))
    np.testing.assert_array_equal(medoids.build(d, 4), chosen)


@pytest.mark.parametrize("seed", range(20))
def test_no_swap_of_one_medoid_shortens_the_total(seed):
    rng = np.random.default_rng(seed)
    d, K = pairs(rng.standard_normal((25, 2))), 2 + seed % 4
    chosen = rng.choice(25, K, replace=False)
    found = medoids.swap(d, chosen)
    assert found == pytest.approx(total(d, chosen))
    assert len(set(chosen)) == K
    for k, c in itertools.product(range(K), range(25)):
        other = chosen.copy()
        other[k] = c
        assert total(d, other) >= found * (1 - 1e-9)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_clusters_apart_give_the_best_of_all_choices(seed, K):
    rng = np.random.default_rng(seed)
    d = pairs(10.0 * np.repeat(np.arange(K), 5)[:, None] + rng.standard_normal((5 * K, 2)))
    chosen = medoids.build(d, K)
    found = medoids.swap(d, chosen)
    assert found == pytest.approx(min(total(d, c) for c in itertools.combinations(range(5 * K), K)))


def test_rows_that_are_equal_do_no_harm():
    d = np.zeros((10, 10))
    chosen = medoids.build(d, 3)
    assert medoids.swap(d, chosen) == 0.0
