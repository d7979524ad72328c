"""Labels by distance: KMeans, KMeansPlusPlus, KMedoids, Agglomerative, Subspace, and the mixture."""

import itertools
import re

import numpy as np
import pytest
from helpers import with_gaps
from sklearn.metrics import adjusted_rand_score

from tsinit.init import (
    Agglomerative,
    GaussianMixture,
    KMeans,
    KMeansPlusPlus,
    KMedoids,
    Subspace,
    Uniform,
)
from tsinit.init._scaling import standardise


def fresh():
    return np.random.default_rng(5)


def same(a, b):
    """Whether two labellings are one partition."""
    return adjusted_rand_score(a, b) == 1.0


def growth(a, b):
    """What joining two clusters adds to the squares within."""
    return len(a) * len(b) / (len(a) + len(b)) * ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()


def apart(rng, T, K=3, D=2, distance=30.0):
    z = rng.integers(K, size=T)
    return distance * z[:, None] + rng.standard_normal((T, D)), z


def two_regimes(rng, dwell=60, T=1_200, distance=1.2):
    """Regimes that overlap, but last."""
    z = np.repeat(np.arange(T // dwell) % 2, dwell)
    return distance * (2 * z[:, None] - 1) + rng.standard_normal((T, 1)), z


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_every_row_is_with_the_nearest_mean_over_what_was_seen(rng, gaps):
    y = with_gaps(rng, rng.standard_normal((300, 3)), gaps)
    labels = KMeans().labels(y, fresh(), 5)
    z, _, _ = standardise(y)
    centres = np.array([np.nanmean(z[labels == k], axis=0) for k in range(5)])
    distances = np.nansum((z[:, None] - centres) ** 2, axis=2)
    observed = ~np.isnan(z).all(axis=1)
    np.testing.assert_array_equal(labels[observed], distances.argmin(axis=1)[observed])


def test_parameters_of_k_means_count(rng):
    y = rng.standard_normal((200, 2))
    np.testing.assert_array_equal(
        KMeans(n_clusters=6).labels(y, fresh(), 2), KMeans().labels(y, fresh(), 6)
    )
    np.testing.assert_array_equal(
        KMeans(n_delays=1).labels(y, fresh(), 4), KMeans().labels(y, fresh(), 4)
    )


def test_windows_lie_around_their_row_and_stay_in_their_sequence(rng):
    y, offsets = rng.standard_normal((150, 2)), np.array([0, 60, 61, 150])
    windows = []
    for a, b in itertools.pairwise(offsets):
        for t in range(a, b):
            windows.append(
                np.concatenate([y[min(max(t + lag, a), b - 1)] for lag in (-2, -1, 0, 1, 2)])
            )
    labels = KMeans(n_delays=5).labels(y, fresh(), 3, offsets)
    _, loc, scale = standardise(y)
    exact = (np.array(windows) - np.tile(loc, 5)) / np.tile(scale, 5)
    centres = np.array([exact[labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_array_equal(
        labels, ((exact[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    )


def test_windows_see_regimes_that_single_rows_do_not(rng):
    y, z = two_regimes(rng)
    alone, windows = (
        adjusted_rand_score(z, KMeans(n_delays=n).labels(y, fresh(), 2)) for n in (1, 9)
    )
    assert windows > 0.8 > alone + 0.1


def test_seeding_puts_every_row_with_the_nearest_of_some_rows(rng):
    y = rng.standard_normal((9, 2))
    z, _, _ = standardise(y)
    d = ((z[:, None] - z) ** 2).sum(axis=2)
    labels = KMeansPlusPlus().labels(y, fresh(), 3)
    assert any(
        same(labels, d[list(chosen)].argmin(axis=0))
        for chosen in itertools.combinations(range(9), 3)
    )


@pytest.mark.parametrize(
    "strategy",
    [KMeans(), KMedoids(), KMedoids("manhattan"), Agglomerative(), GaussianMixture()],
    ids=str,
)
def test_long_series_are_clustered_by_samples(rng, strategy):
    y, z = apart(rng, 12_000)
    y[::7, 0] = np.nan
    y[5] = np.nan
    labels = strategy.labels(y, fresh(), 3)
    # Distances over the columns observed keep the clusters apart; filling across a change does not always.
    whole = ~np.isnan(y).any(axis=1)
    assert same(labels[whole], z[whole])


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_medoids_are_the_best_of_all_choices_where_clusters_are_apart(rng, gaps):
    y, z = apart(rng, 60)
    y[rng.random(60) < gaps, 0] = np.nan
    assert same(KMedoids().labels(y, fresh(), 3), z)


def test_an_outlier_does_not_take_a_medoid(rng):
    y, z = apart(rng, 60, distance=10.0)
    y[3] = 100.0
    others = np.arange(60) != 3
    assert same(KMedoids().labels(y, fresh(), 3)[others], z[others])
    assert not same(KMeans().labels(y, fresh(), 3)[others], z[others])


def test_clusters_are_joined_where_the_variance_grows_least(rng):
    """Ward's method by trying every pair of clusters."""
    for _ in range(10):
        y = rng.standard_normal((14, 2))
        z, _, _ = standardise(y)
        clusters = [[t] for t in range(14)]
        while len(clusters) > 4:
            pairs = itertools.combinations(range(len(clusters)), 2)
            i, j = min(pairs, key=lambda pair: growth(*(z[clusters[i]] for i in pair)))
            clusters[i] += clusters.pop(j)
        exact = np.zeros(14, int)
        for k, rows in enumerate(clusters):
            exact[rows] = k
        assert same(Agglomerative().labels(y, fresh(), 4), exact)


def test_a_mixture_knows_the_shape_of_its_components(rng):
    z = rng.integers(2, size=400)
    along = rng.standard_normal(400)
    y = np.column_stack([along, along + 0.8 * (2 * z - 1) + 0.1 * rng.standard_normal(400)])
    assert adjusted_rand_score(z, GaussianMixture("full").labels(y, fresh(), 2)) > 0.95
    assert adjusted_rand_score(z, GaussianMixture("bic").labels(y, fresh(), 2)) > 0.95
    assert adjusted_rand_score(z, GaussianMixture("spherical").labels(y, fresh(), 2)) < 0.5


def test_states_of_a_subspace_model_see_regimes_that_rows_do_not(rng):
    y, z = two_regimes(rng)
    rows, states = (adjusted_rand_score(z, s.labels(y, fresh(), 2)) for s in (KMeans(), Subspace()))
    assert states > 0.8 > rows + 0.1


def test_sequences_too_short_for_a_subspace_have_their_rows_clustered(rng):
    y, offsets = rng.standard_normal((30, 2)), np.arange(0, 31, 3)
    states, rows = (s.labels(y, fresh(), 3, offsets) for s in (Subspace(), KMeans()))
    np.testing.assert_array_equal(states, rows)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (KMeans(n_clusters=0), "n_clusters must be a whole number of at least 1 or 'auto'; got 0."),
        (KMeans(n_delays="x"), "n_delays must be a whole number of at least 1 or 'auto'; got 'x'."),
        (KMedoids("gower"), "metric must be one of ['euclidean', 'manhattan']; got 'gower'."),
        (
            GaussianMixture("ful"),
            "covariance must be one of ['bic', 'full', 'tied', 'diag', 'spherical']; got "
            "'ful'. Did you mean 'full'?",
        ),
        (
            Subspace("cav"),
            "weights must be one of ['cva', 'n4sid', 'moesp']; got 'cav'. Did you mean 'cva'?",
        ),
        (Uniform(), None),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(rng, strategy, expected):
    if expected is None:  # without parameters that labels know of
        strategy.set_params(snr=-1).labels(np.zeros((5, 1)), rng, 2)
        return
    with pytest.raises(ValueError, match=re.escape(expected)):
        strategy.labels(np.arange(20.0)[:, None], rng, 2)
