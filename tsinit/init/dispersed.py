"""Another strategy for each chain, so that chains start apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count
from tsinit.init import _checks
from tsinit.init.kmeans import KMeans
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray, Trial


class Dispersed(BaseEstimator):
    """Start each chain from another strategy, so that R-hat can tell whether chains have left their starts.

    Chains that all begin with one strategy share its errors, and may agree on them. The default takes clusters of the
    rows, clusters with a penalty for changes, clusters of windows of three rows and a hidden Markov model by EM, in
    this order: they look at levels, levels that last, what comes before and after a row, and spread. Where there are
    more chains than strategies, it begins anew. (Random labels and equal segments start further apart still, but of ten
    chains on separate regimes three had not found all of these after 2,000 sweeps.)

    Gaps and sequences are left to the strategies.

    Parameters
    ----------
    strategies : "auto" or sequence of str, strategy, function or labels
        Of chain 0, 1, ...; "auto" is ``("kmeans", "jump", KMeans(n_delays=3), "short_em")``, and
        ``("local_dynamics", "kmeans", "jump", "short_em")`` for an emission that looks back.

    References
    ----------
    Gelman and Rubin, "Inference from iterative simulation using multiple sequences" (Statistical Science 7, 1992), on
    overdispersed starting points.
    """

    def __init__(self, strategies: Any = "auto") -> None:
        self.strategies = strategies

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
        """Label every time step by the strategy of the chain.

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
            Handed on, for strategies that compare candidates.
        chain : int, default 0
            Number of the chain.
        order : int, optional
            Rows that the emission of the model looks back, handed on.

        Returns
        -------
        (T,) int64
            As the strategy gives them.

        Raises
        ------
        ValueError, TypeError
            If `strategies` is empty or holds something that is no strategy for labels, or `chain` is no whole number
            from 0.
        """
        strategies = self._strategies(order)
        strategy = strategies[check_count("chain", chain, 0) % len(strategies)]
        return resolve(strategy, "labels", "strategies").propose(
            y, rng, n_states=n_states, offsets=offsets, trial=trial, chain=chain, order=order
        )

    def _strategies(self, order: int | None) -> list[Any]:
        if isinstance(self.strategies, str) and self.strategies == "auto":
            if order:
                return ["local_dynamics", "kmeans", "jump", "short_em"]
            return ["kmeans", "jump", KMeans(n_delays=3), "short_em"]
        _checks.check_candidates(self.strategies)
        return list(self.strategies)
