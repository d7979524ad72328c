"""Blocks of equal length."""

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.init._labels import bounds, compact, wanted_states
from tsinit.init._windows import place_in_sequence


class Segments(BaseEstimator):
    """Start with each sequence cut into blocks of equal length, the first in the first state and so on.

    The blocks of all sequences share their labels: block k of each is in state k. Only the lengths of the
    sequences are used, so gaps play no part, and the start is not random.
    """

    def labels(self, y, rng=None, n_states=None, offsets=None):
        """Label time steps by the block they are in.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        n_states : int, optional
            Number of blocks; ``min(10, max(2, T // 50))`` if not given. A sequence of fewer rows has fewer.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Step t of a sequence of length L is in block floor(K t / L), numbered without holes.

        Raises
        ------
        ValueError
            If `n_states` is no whole number from 1.
        """
        T = len(y)
        lengths = np.diff(bounds(T, offsets))
        place = place_in_sequence(T, offsets)
        return compact(wanted_states(n_states, T) * place // np.repeat(lengths, lengths))
