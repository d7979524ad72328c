"""Carry what was seen last, or next."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._fills import by_sequence


class Forward(BaseEstimator):
    """Fill a gap by the last value seen before it in its sequence (LOCF); before the first, by the first.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(self, y, rng=None, offsets=None):
        """Fill the gaps.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Seen cells as they are.
        """
        return by_sequence(y, offsets, _last)


class Backward(BaseEstimator):
    """Fill a gap by the next value seen after it in its sequence (NOCB); after the last, by the last.

    A column that a sequence never saw takes its mean over all sequences.
    """

    def fill(self, y, rng=None, offsets=None):
        """Fill the gaps; parameters as of `Forward`.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T, D) float
            Seen cells as they are.
        """
        return by_sequence(
            y, offsets, lambda values, seen, _: _last(values[::-1], seen[::-1], None)[::-1]
        )


def _last(values, seen, _):
    before = np.maximum.accumulate(np.where(seen, np.arange(seen.size), -1))
    return values[np.where(before >= 0, before, seen.argmax())]
