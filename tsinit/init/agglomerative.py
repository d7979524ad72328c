"""Clusters joined two by two."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._centres import cluster_centres
from tsinit.init._labels import count_distinct, finish, prepare, wanted_states

_MOST_ROWS = 5_000  # whose distances are all kept: 100 MB
_MICRO_CLUSTERS = 500


class Agglomerative(BaseEstimator):
    """Start from Ward's clusters: rows joined two by two, each time where the variance within grows least.

    No chance takes part up to 5,000 rows. Of longer series the centres of 500 clusters by k-means are joined,
    each counting as one row.

    Columns have variance 1, and gaps are interpolated within each sequence. A row never seen takes the label
    of the last row seen before it in its sequence, else of the next.

    References
    ----------
    Ward, "Hierarchical grouping to optimize an objective function" (Journal of the American Statistical
    Association 58, 1963), by scikit-learn.
    """

    def labels(self, y, rng, n_states=None, offsets=None):
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

        _, full, seen = prepare(y, offsets)
        K = count_distinct(full[seen], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        points, members = full[seen], slice(None)
        if len(points) > _MOST_ROWS:
            centres = cluster_centres(
                points, max(K, count_distinct(points, _MICRO_CLUSTERS)), rng, n_init=1
            )
            points, members = centres, pairwise_distances_argmin(points, centres)
        labels = np.zeros(len(y), dtype=np.int64)
        labels[seen] = AgglomerativeClustering(K).fit(points).labels_[members]
        return finish(labels, seen, offsets)
