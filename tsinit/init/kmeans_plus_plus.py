"""The seeding of k-means alone."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._labels import count_distinct, finish, prepare, seed, wanted_states
from tsinit.kernels.jump import squared_distances


class KMeansPlusPlus(BaseEstimator):
    """Start from rows chosen far apart, each time step with the nearest one: k-means without its iterations.

    Rows are chosen one after another, with probability proportional to the squared distance from the nearest
    already chosen (the best of a few draws). This is quick, and every seed gives another start.

    Columns have variance 1. Gaps are interpolated within each sequence for the choice; the distances that
    decide the labels are over observed values. A row never seen takes the label of the last row seen before
    it in its sequence, else of the next.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (SODA 2007), by scikit-learn.
    """

    def labels(self, y, rng, n_states=None, offsets=None):
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

        z, full, seen = prepare(y, offsets)
        K = count_distinct(full[seen], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        centres, _ = kmeans_plusplus(full[seen], K, random_state=seed(rng))
        return finish(squared_distances(z, centres).argmin(axis=1), seen, offsets)
