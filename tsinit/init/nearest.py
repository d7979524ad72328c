"""Averages over the rows that are most alike."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count
from tsinit.init._fills import keep_seen
from tsinit.init._scaling import standardise

_MOST_DONORS = 2_000  # rows to be alike to: more of them cost more than they tell


class KNN(BaseEstimator):
    """Fill each gap by the mean of its column over the rows nearest in what both rows show.

    Columns are standardised; distances are Euclidean over the columns seen in both rows, scaled up to all columns
    (scikit-learn's ``KNNImputer``). Of more than 2,000 rows that many, drawn at random, are donors. Time plays no part,
    so sequences do not matter; a row without a value takes the column's mean, and a column never seen becomes 0.

    Parameters
    ----------
    n_neighbors : int, default 10
        Rows to average over.

    References
    ----------
    Troyanskaya et al., "Missing value estimation methods for DNA microarrays" (Bioinformatics 17, 2001).
    """

    def __init__(self, n_neighbors=10):
        self.n_neighbors = n_neighbors

    def fill(self, y, rng):
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Chooses the donors where there are many rows.

        Returns
        -------
        (T, D) float
            Seen cells as they are.

        Raises
        ------
        ValueError
            If `n_neighbors` is no whole number from 1.
        """
        from sklearn.impute import KNNImputer

        n_neighbors = check_count("n_neighbors", self.n_neighbors)
        z, loc, scale = standardise(y)
        gaps = np.isnan(z)
        some = np.flatnonzero(~gaps.all(axis=1))
        if len(some) > _MOST_DONORS:
            some = np.sort(rng.choice(some, _MOST_DONORS, replace=False))
        rows = np.flatnonzero(gaps.any(axis=1) & ~gaps.all(axis=1))
        filled = np.zeros(z.shape)
        if rows.size and some.size:
            model = KNNImputer(n_neighbors=n_neighbors, keep_empty_features=True).fit(z[some])
            filled[rows] = model.transform(z[rows])
        return keep_seen(y, filled * scale + loc)
