"""Search among segmentations: merge two states, split another, and keep what a short fit says is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._validate import check_count, check_labels
from tsinit.init._gaussian_hmm import short_fits
from tsinit.init._labels import bounds, compact, count_distinct, finish, prepare, wanted_states
from tsinit.init._split_states import Move, moves
from tsinit.init._windows import place_in_sequence
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray, Trial

_BATCH = 6  # moves that are tried before the best of them may be taken
_CONTINUED = 2  # of them, those whose fit goes on
_MAX_MOVES = 50
_MIN_GAIN = 0.1  # nats
_DISORDER = 0.1  # of the range of expected gains, by which the order of moves is shaken


class SplitMerge(BaseEstimator):
    """Improve the labels of another strategy by splitting and merging states, as far as the model's objective gains.

    A local maximum of EM often has one state where two are needed, and two where one is. From the labels of `inner`,
    refined by a short fit, every move is considered that merges two states and splits a third, or merges two and splits
    their union in another way; where states are missing, splits alone. A state is split in five ways: its rows into two
    clusters, its runs into two clusters by their means, runs of large and of small spread, rows near the centre and far
    from it, early and late rows. The gain of a move is foretold from normal fits of the rows before and after. In this
    order, slightly shaken by chance, moves are tried by short fits of the model, six at a time; of the best two of
    these the fit goes on, and one that raises the objective by more than 0.1 is taken. The search ends
    when `n_candidates` moves in a row were of no use, and after 50 moves.

    Short fits are of whatever model asks, with its emission, gaps and sequences: `HiddenMarkovModel` gives EM,
    `InfiniteHMM` sweeps of a chain. Without a model (:func:`tsinit.init.propose`), a hidden Markov model with normal
    emissions is fitted. The whole costs some ten to thirty fits, many more than one of `inner` and, time for time,
    better spent than on restarts. From another seed the search goes another way.

    A row never observed takes the label of the last row observed before it in its sequence, else of the next.

    Parameters
    ----------
    inner : str, strategy, function or labels
        Where the search begins.
    n_candidates : int, default 36
        Moves tried in vain before the search ends; 0 only refines the labels of `inner`.
    n_iter : int, default 20
        Iterations of a fit that goes on; those of a first look are half as many.

    References
    ----------
    Ueda, Nakano, Ghahramani and Hinton, "SMEM algorithm for mixture models" (Neural Computation 12, 2000); Li and Li,
    "A novel split and merge EM algorithm for Gaussian mixture model" (5th International Conference on Natural
    Computation, 2009). Ways to split, and short fits instead of partial EM, are this package's own.
    """

    def __init__(self, inner: Any = "kmeans", n_candidates: int = 36, n_iter: int = 20) -> None:
        self.inner = inner
        self.n_candidates = n_candidates
        self.n_iter = n_iter

    def labels(
        self,
        y: FloatArray,
        rng: np.random.Generator,
        n_states: int | None = None,
        offsets: IntArray | None = None,
        trial: Trial | None = None,
        order: int | None = None,
    ) -> IntArray:
        """Label every time step.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        rng : numpy.random.Generator
            Handed on to `inner`; shakes the order of moves.
        n_states : int, optional
            Number of states; ``min(10, max(2, T // 50))`` if not given. Never more than distinct rows.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence.
        trial : callable, optional
            ``trial(start, n_iter) -> (objective, refined)``: a short fit, given by the model; a higher objective is
            better.
        order : int, optional
            Rows that the emission of the model looks back: rows are compared together with the row before.

        Returns
        -------
        (T,) int64
            Numbered without holes.

        Raises
        ------
        ValueError
            If `n_candidates`, `n_iter` or `n_states` is no count, or `inner` gives no label for each time step.
        TypeError
            If `inner` is no strategy for labels.
        """
        check_count("n_candidates", self.n_candidates, 0)
        check_count("n_iter", self.n_iter)
        inner, T = resolve(self.inner, "labels", "inner"), len(y)
        begin, walk = rng.spawn(2)
        labels = inner.propose(y, begin, n_states, offsets, trial, order=order)
        labels = check_labels(labels, T, inner.label)
        z, full, observed = prepare(y, offsets)
        K = count_distinct(full[observed], wanted_states(n_states, T))
        if K < 2:
            return np.zeros(T, dtype=np.int64)
        limits = bounds(T, offsets)
        if trial is None:
            trial = short_fits(z, full, limits, max(K, int(labels.max()) + 1))
        before = full[np.arange(T) - (place_in_sequence(T, offsets) > 0)]
        rows = np.hstack([full, before]) if order else full
        return finish(self._search(labels, rows, K, limits, trial, walk), observed, offsets)

    def _search(
        self,
        labels: IntArray,
        rows: FloatArray,
        K: int,
        offsets: IntArray,
        trial: Trial,
        rng: np.random.Generator,
    ) -> IntArray:
        """Climb from labels, move by move."""
        best = _try(trial, labels, self.n_iter)
        for _ in range(_MAX_MOVES):
            found = moves(rows, compact(best.labels), K, offsets)
            better = self._first_gain(_shaken(found, rng), best.objective, trial)
            if better is None:
                break
            best = better
        return best.labels

    def _first_gain(self, found: list[Move], objective: float, trial: Trial) -> _Fit | None:
        """Try moves in batches, until one gains."""
        wanted = found[: self.n_candidates]
        for i in range(0, len(wanted), _BATCH):
            looks = [
                _try(trial, m.labels, max(self.n_iter // 2, 1)) for m in wanted[i : i + _BATCH]
            ]
            looks.sort(key=lambda fit: -fit.objective)
            for look in looks[:_CONTINUED]:
                fit = max(_try(trial, look.labels, self.n_iter), look, key=lambda f: f.objective)
                if fit.objective > objective + _MIN_GAIN:
                    return fit
        return None


class _Fit(NamedTuple):
    """What a short fit came to."""

    objective: float
    labels: np.ndarray


def _try(trial: Trial, labels: IntArray, n_iter: int) -> _Fit:
    """Fit for a few iterations; one that fails numerically has come to nothing."""
    try:
        objective, refined = trial(labels, n_iter)
    except (ArithmeticError, np.linalg.LinAlgError):
        return _Fit(-np.inf, labels)
    if np.isnan(objective):
        return _Fit(-np.inf, labels)
    return _Fit(float(objective), check_labels(refined, len(labels)))


def _shaken(found: list[Move], rng: np.random.Generator) -> list[Move]:
    """Order moves by expected gain, with some disorder, so that seeds search differently."""
    if not found:
        return found
    gains = np.array([move.gain for move in found])
    disorder = _DISORDER * np.ptp(gains) * rng.gumbel(size=len(gains))
    return [found[i] for i in np.argsort(-(gains + disorder), kind="stable")]
