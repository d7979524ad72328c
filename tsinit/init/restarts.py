"""What every restart of a fit begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count
from tsinit.init.registry import resolve
from tsinit.init.split_merge import SplitMerge

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray, Trial

#: Where searches begin, in turn: four kinds of labels that together reached most of forty problems' best known ends.
_SEARCHED = ("gaussian_mixture", "segments", "sticky", "kmeans")
#: The same where states are known by how rows follow from those before.
_SEARCHED_BACK = ("local_dynamics", "segments", "sticky", "kmeans")


class Restarts(BaseEstimator):
    """Start from k-means, and each restart from a search of its own that splits and merges states.

    Restarts of one strategy end where it leads, from k-means nearly always in one place. Here the first start is that
    of ``"kmeans"``, for an emission that looks back of ``"local_dynamics"``, so that one fit is quick; the second and
    each after it are those of :class:`SplitMerge`, from a mixture (or local dynamics), equal segments, random labels
    that last, and k-means in turn, and cost some ten fits each.

    Gaps and sequences are left to the strategies.
    """

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
        chain: int = 0,
        order: int | None = None,
    ) -> IntArray:
        """Label every time step by the strategy of the restart.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Handed on to the strategy.
        n_states : int, optional
            Number of states, handed on.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable, optional
            Handed on, for short fits.
        chain : int, default 0
            Number of the restart.
        order : int, optional
            Rows that the emission of the model looks back, handed on.

        Returns
        -------
        (T,) int64
            As the strategy gives them.

        Raises
        ------
        ValueError
            If `chain` is no whole number from 0.
        """
        restart = check_count("chain", chain, 0)
        strategy: str | SplitMerge = "local_dynamics" if order else "kmeans"
        if restart:
            inner = _SEARCHED_BACK if order else _SEARCHED
            strategy = SplitMerge(inner[(restart - 1) % len(inner)])
        return resolve(strategy, "labels").propose(y, rng, n_states, offsets, trial, order=order)
