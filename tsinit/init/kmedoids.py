"""Clusters around rows of the data."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice
from tsinit.init._labels import count_distinct, finish, prepare, wanted_states
from tsinit.kernels.medoids import build, distances, swap

_MOST_ROWS = 3_000  # whose distances are all kept: 72 MB
_SAMPLE = 2_000
_N_SAMPLES = 5


class KMedoids(BaseEstimator):
    """Start from k-medoids (PAM): the rows that are least far from all others, and what is nearest to each.

    Like k-means, but distances are not squared and centres are rows of the data, so that outliers weigh less.
    Rows are chosen greedily, then swapped for others as long as a swap shortens the sum of all distances: a
    local optimum of single swaps. No chance takes part up to 3,000 rows. Longer series are treated by samples
    (CLARA): five times 2,000 rows drawn at random, from the second on with the best medoids so far, and the
    medoids that suit all rows best are kept.

    Columns have variance 1. Gaps are interpolated within each sequence to choose the medoids, and each row is
    then labelled by its distances over what was seen of it. (Distances of two rows over the columns seen in
    both were measured to find regimes far less well.) A row never seen takes the label of the last row seen
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

    def __init__(self, metric="euclidean"):
        self.metric = metric

    def labels(self, y, rng, n_states=None, offsets=None):
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
        z, full, seen = prepare(y, offsets)
        K = count_distinct(full[seen], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        z, full, manhattan = z[seen], full[seen], self.metric == "manhattan"
        few = len(z) <= _MOST_ROWS
        chosen = _pam(full, K, manhattan) if few else _clara(z, full, K, manhattan, rng)
        labels = np.zeros(len(y), dtype=np.int64)
        labels[seen] = distances(z, chosen, manhattan).argmin(axis=1)
        return finish(labels, seen, offsets)


def _pam(full, K, manhattan):
    """Rows that are medoids of all."""
    d = distances(full, full, manhattan)
    chosen = build(d, K)
    swap(d, chosen)
    return full[chosen]


def _clara(z, full, K, manhattan, rng):
    """Best of the medoids of several samples."""
    best, least = full[:0], np.inf
    for _ in range(_N_SAMPLES):
        drawn = full[rng.choice(len(full), _SAMPLE, replace=False)]
        found = _pam(np.vstack([drawn, best]), K, manhattan)
        total = distances(z, found, manhattan).min(axis=1).sum()
        if total < least:
            best, least = found, total
    return best
