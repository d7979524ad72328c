import itertools
import re

import numpy as np
import pytest
from helpers import with_gaps
from sklearn.metrics import adjusted_rand_score

from tsinit.init import Jump, KMeans
from tsinit.init._centres import refine
from tsinit.init._scaling import standardise
from tsinit.kernels.hidden_markov import forward_backward


def fresh():
    return np.random.default_rng(5)


def study(seed, T=1_000, stay=0.95):
    """Three states of means 2, 0 and -2 with noise of variance 1: the setting of the issue's study."""
    rng = np.random.default_rng([31, seed])
    z = np.cumsum((rng.random(T) > stay) * rng.integers(1, 3, T)) % 3
    y = 2.0 * (z - 1.0) + rng.standard_normal(T)
    P = np.full((3, 3), (1 - stay) / 2)
    np.fill_diagonal(P, stay)
    density = -0.5 * (y[:, None] - 2.0 * np.array([-1.0, 0.0, 1.0])) ** 2
    oracle = forward_backward.smooth(density, np.full(3, 1 / 3), P, np.array([0, T]))[1].argmax(
        axis=1
    )
    return y[:, None], z, oracle


def objective(z, labels, penalty, offsets):
    """Cost of a path with the best centres for it."""
    clusters = [z[labels == k] for k in np.unique(labels)]
    within = sum(np.nansum((rows - np.nanmean(rows, axis=0)) ** 2) for rows in clusters)
    changes = sum(np.count_nonzero(np.diff(labels[a:b])) for a, b in itertools.pairwise(offsets))
    return within + penalty * changes


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 5.0])
def test_no_round_raises_the_objective_and_the_last_is_what_it_says(rng, gaps, penalty):
    z = with_gaps(rng, rng.standard_normal((200, 2)), gaps, rows=gaps / 3)
    offsets = np.array([0, 80, 200])
    start = rng.standard_normal((4, 2))
    reached = [refine(z, start, penalty, offsets, max_steps=n)[2] for n in range(1, 30)]
    assert (np.diff(reached) <= 1e-9).all()
    labels, _, last = refine(z, start, penalty, offsets)
    assert last == pytest.approx(objective(z, labels, penalty, offsets), rel=1e-9)


def test_no_other_path_is_better_for_tiny_series():
    """Coordinate descent from k-means can stop early, but seldom does."""
    found, smallest = [], []
    for seed in range(20):
        y = np.random.default_rng(seed).standard_normal((9, 1)) + 3.0 * (np.arange(9) > 4)[:, None]
        z, _, _ = standardise(y)
        labels = Jump(penalty=1.0).labels(y, fresh(), 2)
        paths = map(np.array, itertools.product(range(2), repeat=9))
        found.append(objective(z, labels, 1.0, [0, 9]))
        smallest.append(min(objective(z, path, 1.0, [0, 9]) for path in paths))
    assert (np.array(found) >= np.array(smallest) - 1e-9).all()
    assert np.isclose(found, smallest).mean() > 0.7


def test_without_a_price_it_is_k_means(rng):
    y = with_gaps(rng, rng.standard_normal((150, 2)), 0.1)
    np.testing.assert_array_equal(
        Jump(penalty=0).labels(y, fresh(), 4), KMeans().labels(y, fresh(), 4)
    )


def test_a_price_that_nothing_is_worth_leaves_one_state_in_each_sequence(rng):
    y = rng.standard_normal((100, 1)) + 3.0 * (np.arange(100) > 60)[:, None]
    labels = Jump(penalty=1e6).labels(y, fresh(), 3, np.array([0, 61, 100]))
    np.testing.assert_array_equal(labels, np.repeat([labels[0], labels[-1]], [61, 39]))
    assert labels[0] != labels[-1]


def test_the_automatic_price_is_the_one_documented():
    y, _, _ = study(0)
    labels = Jump().labels(y, fresh(), 3)
    z, _, _ = standardise(y)
    centres = np.array([z[labels == k].mean(axis=0) for k in range(3)])
    variance = ((z - centres[labels]) ** 2).mean()
    P = np.where(np.eye(3) == 1, 0.95, 0.025)
    density = -0.5 * (z - centres.T) ** 2 / variance
    path = forward_backward.viterbi(density, np.full(3, 1 / 3), P, np.array([0, len(z)]))
    np.testing.assert_array_equal(labels, path)


def test_overlapping_regimes_are_found_almost_as_well_as_with_known_parameters():
    """The study's simulation; k-means knows no time and is far off."""
    scores = []
    for seed in range(8):
        y, z, oracle = study(seed)
        scores.append(
            [
                adjusted_rand_score(z, s)
                for s in (oracle, Jump().labels(y, fresh(), 3), KMeans().labels(y, fresh(), 3))
            ]
        )
    best, jump, kmeans = np.mean(scores, axis=0)
    assert jump > best - 0.05
    assert kmeans < best - 0.2


@pytest.mark.parametrize("penalty", [-1, "auot", np.nan, np.inf, None, True])
def test_a_wrong_penalty_gets_one_sentence(rng, penalty):
    with pytest.raises(
        ValueError, match=re.escape("penalty must be a number of at least 0 or 'auto'; got ")
    ):
        Jump(penalty).labels(np.arange(9.0)[:, None], rng, 2)
