"""The simplest fills: what is typical of a column."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._fills import column_means, keep_seen


class Mean(BaseEstimator):
    """Fill every gap of a column by the mean of what was seen of it, in all sequences.

    A column never seen becomes 0.
    """

    def fill(self, y, rng=None):
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        (T, D) float
            Seen cells as they are.
        """
        return keep_seen(y, column_means(y))


class Median(BaseEstimator):
    """Fill every gap of a column by the median of what was seen of it, in all sequences.

    A column never seen becomes 0.
    """

    def fill(self, y, rng=None):
        """Fill the gaps; parameters as of `Mean`.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        (T, D) float
            Seen cells as they are.
        """
        columns = [column[~np.isnan(column)] for column in y.T]
        return keep_seen(y, [np.median(seen) if seen.size else 0.0 for seen in columns])
