"""Values that somebody else had."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._fills import keep_seen


class HotDeck(BaseEstimator):
    """Fill each gap by a value drawn from those seen of its column, in all sequences, all equally likely.

    The fill has the distribution of the column and nothing of its course: a start that spreads chains widely. A column
    never seen becomes 0.
    """

    def fill(self, y, rng):
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the donors.

        Returns
        -------
        (T, D) float
            Seen cells as they are.
        """
        filled = np.zeros(y.shape)
        for column, out in zip(y.T, filled.T, strict=True):
            seen = column[~np.isnan(column)]
            if seen.size:
                out[:] = seen[rng.integers(seen.size, size=out.size)]
        return keep_seen(y, filled)
