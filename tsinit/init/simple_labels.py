"""Labels that look at no value of the data: one state, blocks, a random chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_number
from tsinit.init._labels import bounds, compact, wanted_states
from tsinit.init._windows import place_in_sequence

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


class OneState(BaseEstimator):
    """Start with every time step in the same state and leave it to the model to find the others.

    Nothing of the data is used, so gaps and the starts of sequences play no part.
    """

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator | None = None,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Give every time step the label 0.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator, optional
            Not used.
        n_states : int, optional
            Not used.
        offsets : (N + 1,) int, optional
            Not used.

        Returns
        -------
        (T,) int64
            Zeros.

        Raises
        ------
        None
        """
        return np.zeros(len(y), dtype=np.int64)


class Segments(BaseEstimator):
    """Start with each sequence cut into blocks of equal length, the first in the first state and so on.

    The blocks of all sequences share their labels: block k of each is in state k. Only the lengths of the
    sequences are used, so gaps play no part, and the start is not random.
    """

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator | None = None,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
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


class Sticky(BaseEstimator):
    """Start from a Markov chain: random labels as with ``Uniform``, but persistent as regimes are.

    Every sequence starts in a state drawn uniformly; after each step the state stays with probability `stay`,
    else one of the others is drawn uniformly. Nothing of the data is used, so gaps play no part.

    Parameters
    ----------
    stay : float, default 0.95
        Probability of no change from one time step to the next, from 0 to 1.
    """

    def __init__(self, stay: float = 0.95) -> None:
        self.stay = stay

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Draw a chain of labels.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Draws the labels.
        n_states : int, optional
            Number of states; ``min(10, max(2, T // 50))`` if not given.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `stay` is no number between 0 and 1, or `n_states` no whole number from 1.
        """
        check_number("stay", self.stay, 0.0, 1.0)
        T = len(y)
        K = wanted_states(n_states, T)
        # Labels as sums of steps modulo K: a step of 1 .. K - 1 leads to each of the others alike.
        step = np.where(rng.random(T) < self.stay, 0, rng.integers(1, max(K, 2), T))
        step[place_in_sequence(T, offsets) == 0] = 0
        start = rng.integers(K, size=T)
        first = np.arange(T) - place_in_sequence(T, offsets)
        steps = np.cumsum(step)
        return compact((start[first] + steps - steps[first]) % K)
