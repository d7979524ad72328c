"""K-means with a penalty for every change of state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_number_or_word
from tsinit.init._centres import cluster_centres, refine
from tsinit.init._labels import bounds, count_distinct, finish, prepare, wanted_states

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

_STAY = 0.95
_MAX_ROUNDS = 10


class Jump(BaseEstimator):
    """Start from a jump model: clusters of the rows, where every change along the path is penalised.

    On columns of variance 1, the sum of the squared distances to the centres plus `penalty` for every change
    within a sequence is reduced by turns: the best path for the centres (dynamic programming), the means for
    the path. It begins at the centres of k-means. Unlike the other clusterings this one uses the order of the
    rows, so regimes may overlap.

    Distances and means are over observed values, so that a gap costs nothing and changes nothing; only the
    first k-means interpolates gaps, within each sequence. A row never observed takes the label of the last row
    observed before it in its sequence, else of the next.

    Parameters
    ----------
    penalty : "auto" or float, default "auto"
        Penalty of a change, in squared distances on columns of variance 1; 0 is k-means. "auto" is 2 s^2 log((K
        - 1) p / (1 - p)) with p = 0.95 and s^2 the mean squared deviation of a value from its centre: then
        the path is the most probable one of a hidden Markov model with normal noise of variance s^2 that
        keeps its state with probability p. As s^2 depends on the path, the two are found by turns, at most
        ten times.

    References
    ----------
    Bemporad, Breschi, Piga and Boyd, "Fitting jump models" (Automatica 96, 2018); Nystrup, Lindström and
    Madsen, "Learning hidden Markov models with persistent states by penalizing jumps" (Expert Systems with
    Applications 150, 2020). The rule for the penalty is this package's own.
    """

    def __init__(self, penalty: float | str = "auto") -> None:
        self.penalty = penalty

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
    ) -> IntArray:
        """Label every time step by the path of smallest cost.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Seeds the centres.
        n_states : int, optional
            Largest number of states; ``min(10, max(2, T // 50))`` if not given. A state that does not repay its
            changes is left out.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence. The first row of each has no penalty.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `penalty` is no number from 0, or `n_states` no whole number from 1.
        """
        penalty = check_number_or_word("penalty", self.penalty, 0.0, "auto")
        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, len(y)))
        if K < 2:
            return np.zeros(len(y), dtype=np.int64)
        limits = bounds(len(y), offsets)
        labels, centres, _ = refine(z, cluster_centres(full[observed], K, rng), 0.0, limits)
        if penalty is None:
            labels = _with_auto_penalty(z, labels, centres, limits)
        else:
            labels = refine(z, centres, penalty, limits)[0]
        return finish(labels, observed, offsets)


def _with_auto_penalty(
    z: FloatArray, labels: IntArray, centres: FloatArray, offsets: IntArray
) -> IntArray:
    """Alternate the penalty of a change and the path that it leads to."""
    odds = (len(centres) - 1) * _STAY / (1 - _STAY)
    for _ in range(_MAX_ROUNDS):
        variance = np.nanmean((z - centres[labels]) ** 2)
        new, centres, _ = refine(z, centres, 2 * variance * np.log(odds), offsets)
        if np.array_equal(new, labels):
            break
        labels = new
    return labels
