"""Clusters of the rows, without regard to their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice
from tsinit.init._centres import cluster_centres
from tsinit.init._labels import count_distinct, finish, prepare, seed, wanted_states
from tsinit.kernels.jump import squared_distances
from tsinit.kernels.medoids import build, distances, swap

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

_MAX_ROWS_PAM = 3_000  # whose distances are all kept: 72 MB
_SAMPLE = 2_000
_N_SAMPLES = 5
_MAX_ROWS_WARD = 5_000  # whose distances are all kept: 100 MB
_MICRO_CLUSTERS = 500


class KMedoids(BaseEstimator):
    """Start from k-medoids (PAM): the rows of smallest total distance from all others, and what is nearest to each.

    Like k-means, but distances are not squared and centres are rows of the data, so that outliers weigh less.
    Rows are chosen greedily, then swapped for others as long as a swap shortens the sum of all distances: a
    local optimum of single swaps. No chance takes part up to 3,000 rows. Longer series are treated by samples
    (CLARA): five times 2,000 rows drawn at random, from the second on with the best medoids so far, and the
    medoids that suit all rows best are kept.

    Columns have variance 1. Gaps are interpolated within each sequence to choose the medoids, and each row is
    then labelled by its distances over its observed columns. (Distances of two rows over the columns observed in
    both were measured to find regimes far less well.) A row never observed takes the label of the last row observed
    before it in its sequence, else of the next.

    Parameters
    ----------
    metric : {"euclidean", "manhattan"}, default "euclidean"
        Distance of two rows.

    References
    ----------
    Kaufman and Rousseeuw, "Finding groups in data" (Wiley, 1990), chapters 2 and 3; one pass per candidate as
    in Schubert and Rousseeuw, "Fast and eager k-medoids clustering" (Information Systems 101, 2021).
    """

    def __init__(self, metric: str = "euclidean") -> None:
        self.metric = metric

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by its medoid.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws samples where there are more than 3,000 rows with data.
        n_states : int, optional
            Number of medoids; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `metric` is not one of those above, or `n_states` no whole number from 1.
        """
        check_choice("metric", self.metric, ("euclidean", "manhattan"))
        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        z, full, manhattan = z[observed], full[observed], self.metric == "manhattan"
        few = len(z) <= _MAX_ROWS_PAM
        chosen = _pam(full, K, manhattan) if few else _clara(z, full, K, manhattan, rng)
        labels = np.zeros(len(y), dtype=np.int64)
        labels[observed] = distances(z, chosen, manhattan).argmin(axis=1)
        return finish(labels, observed, offsets)


class KMeansPlusPlus(BaseEstimator):
    """Start from rows chosen far apart, each time step with the nearest one: k-means without its iterations.

    Rows are chosen one after another, with probability proportional to the squared distance from the nearest
    already chosen (the best of a few draws). This is quick, and every seed gives another start.

    Columns have variance 1. Gaps are interpolated within each sequence for the choice; the distances that
    decide the labels are over observed values. A row never observed takes the label of the last row observed before
    it in its sequence, else of the next.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (SODA 2007), by scikit-learn.
    """

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by the nearest of the chosen rows.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Chooses the rows.
        n_states : int, optional
            Number of rows chosen; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `n_states` is no whole number from 1.
        """
        from sklearn.cluster import kmeans_plusplus

        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        centres, _ = kmeans_plusplus(full[observed], K, random_state=seed(rng))
        return finish(squared_distances(z, centres).argmin(axis=1), observed, offsets)


class Agglomerative(BaseEstimator):
    """Start from Ward's clusters: rows joined two by two, each time where the variance within clusters grows least.

    No chance takes part up to 5,000 rows. Of longer series the centres of 500 clusters by k-means are joined,
    each counting as one row.

    Columns have variance 1, and gaps are interpolated within each sequence. A row never observed takes the label
    of the last row observed before it in its sequence, else of the next.

    References
    ----------
    Ward, "Hierarchical grouping to optimize an objective function" (Journal of the American Statistical
    Association 58, 1963), by scikit-learn.
    """

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by its cluster.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds k-means where there are more than 5,000 rows with data.
        n_states : int, optional
            Number of clusters; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `n_states` is no whole number from 1.
        """
        from sklearn.cluster import AgglomerativeClustering
        from sklearn.metrics import pairwise_distances_argmin

        _, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        points, members = full[observed], slice(None)
        if len(points) > _MAX_ROWS_WARD:
            centres = cluster_centres(
                points, max(K, count_distinct(points, _MICRO_CLUSTERS)), rng, n_init=1
            )
            points, members = centres, pairwise_distances_argmin(points, centres)
        labels = np.zeros(len(y), dtype=np.int64)
        labels[observed] = AgglomerativeClustering(K).fit(points).labels_[members]
        return finish(labels, observed, offsets)


def _pam(full: FloatArray, K: int, manhattan: bool) -> FloatArray:
    """Rows that are medoids of all."""
    d = distances(full, full, manhattan)
    chosen = build(d, K)
    swap(d, chosen)
    return full[chosen]


def _clara(
    z: FloatArray, full: FloatArray, K: int, manhattan: bool, rng: np.random.Generator
) -> FloatArray:
    """Best of the medoids of several samples."""
    best, smallest = full[:0], np.inf
    for _ in range(_N_SAMPLES):
        drawn = full[rng.choice(len(full), _SAMPLE, replace=False)]
        found = _pam(np.vstack([drawn, best]), K, manhattan)
        total = distances(z, found, manhattan).min(axis=1).sum()
        if total < smallest:
            best, smallest = found, total
    return best
