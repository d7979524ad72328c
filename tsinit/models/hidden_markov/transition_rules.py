"""Start and transition probabilities of a finite hidden Markov model: what may move, and the M-step of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit._validate import GivenProbabilities

#: Of what is allowed: too little to notice, enough for the quick passes over the data to be exact.
MIN_PROBABILITY = 1e-100
_MIN_LOG = 1e-10  # what counts as impossible when labels are ordered
_SWAPS = 50  # rounds of swaps of two states


class TransitionRules(NamedTuple):
    """What EM may move of the start probabilities and of the transition matrix.

    Parameters
    ----------
    start, rows : GivenProbabilities
        As the user restricts them, (K,) and (K, K).
    weight : float
        Observations that the prior of a row is worth, spread evenly over what is allowed there; 0 for none.
    stickiness : float
        Observations of staying that it is worth besides, in every state that may stay.
    """

    start: GivenProbabilities
    rows: GivenProbabilities
    weight: float
    stickiness: float = 0.0

    @property
    def name_states(self) -> bool:
        """Whether states have numbers that mean something."""
        free = all(g.values is None and g.allowed.all() for g in self[:2])
        return not free

    @property
    def n_parameters(self) -> int:
        """Free probabilities, as information criteria count them."""
        return sum(
            0 if g.fixed else int((np.atleast_2d(g.allowed).sum(axis=-1) - 1).sum())
            for g in self[:2]
        )

    def begin(self, z: IntArray, offsets: IntArray) -> tuple[FloatArray, FloatArray]:
        """Start and transition probabilities of labels z (T,), one more observation in every row."""
        first, moves = count(z, offsets, len(self.start.allowed))
        found = [
            given.values if given.values is not None else _shares(n, given, more, n)
            for n, given, more in (
                (first, self.start, _even(self.start)),
                (moves, self.rows, _even(self.rows) + self._staying()),
            )
        ]
        return found[0].copy(), found[1].copy()

    def maximise(
        self, first: FloatArray, moves: FloatArray, start: FloatArray, P: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """M-step from expected numbers of first states (K,) and of transitions (K, K); rows without any stay."""
        of_start, of_rows = self._exponents()
        return (
            start if self.start.fixed else _shares(first, self.start, of_start, start),
            P if self.rows.fixed else _shares(moves, self.rows, of_rows, P),
        )

    def log_prior(self, start: FloatArray, P: FloatArray) -> float:
        """Log density of their logarithms under the prior, up to a constant."""
        total = 0.0
        for values, given, more in zip((start, P), self[:2], self._exponents(), strict=True):
            if not given.fixed and (self.weight or self.stickiness):
                logs = np.log(np.where(given.allowed, values, 1.0))
                total += float(np.sum(more * logs))
        return total

    def _exponents(self) -> tuple[FloatArray, FloatArray]:
        """Exponents of start and rows in the density of their logarithms, a Dirichlet's: observations it is worth."""
        return self.weight * _even(self.start), self.weight * _even(self.rows) + self._staying()

    def _staying(self) -> FloatArray:
        return self.stickiness * (np.eye(len(self.rows.allowed)) * self.rows.allowed)

    def ordered(self, z: IntArray, offsets: IntArray) -> IntArray:
        """Number labels so that they suit the given probabilities: those are of states in an order, labels are not.

        Begins with states in the order of their mean time within a sequence, or with the labels as they are if
        those suit better, and swaps two states as long as the labels become more probable.
        """
        K = len(self.start.allowed)
        if not self.name_states or K == 1:
            return z
        first, moves = count(z, offsets, K)
        logs = [
            np.log(np.maximum(_even(given) if given.values is None else given.values, _MIN_LOG))
            for given in self[:2]
        ]

        def fit(names: IntArray) -> float:
            return float(first @ logs[0][names] + np.sum(moves * logs[1][np.ix_(names, names)]))

        clock = np.arange(len(z)) - np.repeat(offsets[:-1], np.diff(offsets))
        n = np.bincount(z, minlength=K)
        when = np.bincount(z, clock, K) / np.maximum(n, 1)
        by_time = np.argsort(np.argsort(np.where(n > 0, when, np.inf), kind="stable"))
        names = max((np.arange(K), by_time), key=fit)
        for _ in range(_SWAPS):
            swapped = [_swap(names, i, j) for i in range(K) for j in range(i)]
            best = max(swapped, key=fit)
            if not fit(best) > fit(names):
                break
            names = best
        return names[z]


def count(z: IntArray, offsets: IntArray, K: int) -> tuple[FloatArray, FloatArray]:
    """Numbers of first states (K,) and of transitions (K, K) of labels z (T,)."""
    begins = offsets[:-1][np.diff(offsets) > 0]
    first = np.bincount(z[begins], minlength=K).astype(np.float64)
    within = np.ones(max(len(z) - 1, 0), dtype=bool)
    within[begins[begins > 0] - 1] = False
    pairs = (z[:-1] * K + z[1:])[within]
    return first, np.bincount(pairs, minlength=K * K).reshape(K, K).astype(np.float64)


def _even(given: GivenProbabilities) -> FloatArray:
    return given.allowed / given.allowed.sum(axis=-1, keepdims=True)


def _shares(
    n: FloatArray, given: GivenProbabilities, more: FloatArray, before: FloatArray
) -> FloatArray:
    """Shares of expected numbers n (..., K) with `more`, which is on what is allowed alone."""
    n = np.where(given.allowed, n, 0.0) + more
    total = n.sum(axis=-1, keepdims=True)
    shares = np.where(total > 0.0, n / np.where(total > 0.0, total, 1.0), before)
    return np.where(given.allowed, np.maximum(shares, MIN_PROBABILITY), 0.0)


def _swap(names: IntArray, i: int, j: int) -> IntArray:
    names = names.copy()
    names[[i, j]] = names[[j, i]]
    return names
