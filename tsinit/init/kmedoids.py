"""Clusters around rows of the data."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_choice
from tsinit.init._labels import count_distinct, finish, prepare, wanted_states
from tsinit.kernels import medoids

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

    Columns have variance 1. The distance of two rows is over the columns seen in both, scaled up to all
    columns; rows with no such column are compared after interpolation of the gaps within each sequence. A row
    never seen takes the label of the last row seen before it in its sequence, else of the next.

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
        data = z, full, self.metric == "manhattan"
        rows = np.flatnonzero(seen)
        small = len(rows) <= _MOST_ROWS
        labels = np.zeros(len(y), dtype=np.int64)
        labels[rows] = _nearest(data, rows, _pam(data, rows, K) if small else _clara(data, rows, K, rng))[0]
        return finish(labels, seen, offsets)


def _pam(data, rows, K):
    """Medoids among some rows."""
    z, full, manhattan = data
    d = medoids.distances(z, full, rows, rows, manhattan)
    chosen = medoids.build(d, K)
    medoids.swap(d, chosen)
    return rows[chosen]


def _clara(data, rows, K, rng):
    """Best of the medoids of several samples."""
    best, least = np.zeros(0, dtype=np.int64), np.inf
    for _ in range(_N_SAMPLES):
        drawn = rng.choice(rows, _SAMPLE, replace=False)
        found = _pam(data, np.union1d(drawn, best), K)
        total = _nearest(data, rows, found)[1]
        if total < least:
            best, least = found, total
    return best


def _nearest(data, rows, chosen):
    """Nearest chosen row of each row, and the sum of the distances."""
    z, full, manhattan = data
    d = medoids.distances(z, full, rows, chosen, manhattan)
    return d.argmin(axis=1), d.min(axis=1).sum()
