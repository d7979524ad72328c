"""A Metropolis move that splits a state in two, or makes one of two: exact, whatever the emission."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.kernels.density import fill_log_densities
from tsinit.kernels.hidden_markov import split_merge as kernels

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.emissions.base import EmissionOnData

#: Times that the rows concerned are allotted, one of these at random; the last time is the proposal. States that only
#: their neighbours tell apart need many, others hardly more than one.
N_SCANS = (2, 2, 3, 5)
_TO_BE_DRAWN = np.empty(0, dtype=np.int64)


class Division(NamedTuple):
    """Two parts in the place of one state, or one state in the place of two."""

    split: bool  # whether there are two now
    a: int  # the state that is split, or that takes the other one in
    b: int  # the state that is taken in; a itself where one is split
    side: np.ndarray  # (T,) 0 and 1 in the two parts, negative elsewhere
    weights: np.ndarray  # (2,) those of the two


class SplitMergeMove:
    """Split and merge moves on the labels of a chain (Jain and Neal 2004), parameters and rows integrated out.

    Two rows are picked at random. If they are in one state, that state is split between them, and if in two, these are
    merged. A *launch* knows nothing of how the rows concerned are divided now: parameters are drawn from the
    neighbourhoods of the two rows, and the others allotted to these by forward filtering and backward sampling, again
    and again, as each time parameters and transition probabilities follow from the parts of the time before. The last
    of these scans proposes a split, or says how probable it would have been to come from one state to the present two.

    Parameters
    ----------
    begins : (T,) bool
        Whether a sequence begins at a row.
    """

    def __init__(self, begins: BoolArray) -> None:
        T = begins.size
        self._begins = begins
        self._side = np.empty(T, dtype=np.int64)
        self._density = np.zeros((T, 2))

    @staticmethod
    def is_possible(emission: EmissionOnData, latent: Any) -> bool:
        """Whether the emission has a marginal density to compare states by."""
        # An emission by hand may be asked for its evidence where nothing else is unknown.
        plain = getattr(emission, "collapsed", False) and latent is None
        return bool(getattr(emission, "has_log_marginal", plain))

    def attempt(
        self,
        rng: np.random.Generator,
        emission: EmissionOnData,
        latent: Any,
        z: IntArray,
        beta: FloatArray,
        values: FloatArray,
    ) -> Division | None:
        """Propose a move, and accept it or not.

        Parameters
        ----------
        rng : numpy.random.Generator
        emission : EmissionOnData
        latent : object
            What the emission augments with.
        z : (T,) int
            Labels 0..K-1, all of them in use.
        beta : (K + 1,) float
            Weights of the states.
        values : (3,) float
            alpha, rho, gamma.

        Returns
        -------
        Division or None
            What was accepted; None where all stays as it is.
        """
        T = z.size
        if T < 2:
            return None
        i, j = _pick(rng, z)
        a, b = int(z[i]), int(z[j])
        split = a == b
        rows = np.flatnonzero((z == a) | (z == b))
        concerned = kernels.Concerned(rows, self._side, z, self._begins)
        weights = np.array([0.5, 0.5]) * beta[a] if split else beta[[a, b]]
        goal = _TO_BE_DRAWN if split else (z == b).astype(np.int64)
        self._launch(rng, rows, i, j)
        for left in reversed(range(N_SCANS[rng.integers(len(N_SCANS))])):
            self._measure(rng, emission, latent, rows, i, j)
            log_q = kernels.allot(
                rng.random(rows.size), concerned, self._density, beta, weights.sum(), values,
                _TO_BE_DRAWN if left else goal,
            )  # fmt: skip
            if not np.isfinite(log_q):
                return None
        gain = kernels.weigh(rng, concerned, beta, weights, values, split) - log_q
        gain += self._log_evidence_gain(emission, latent)
        gain += _log_pick_ratio(int(np.count_nonzero(self._side == 0)), rows.size, T)
        # Written so that a NaN is a rejection.
        if math.log1p(-rng.random()) < (gain if split else -gain):
            return Division(split, a, b, self._side, weights)
        return None

    def _launch(self, rng: np.random.Generator, rows: IntArray, i: int, j: int) -> None:
        """Decide the rows next to i and to j, as far as a random distance and as they follow one another."""
        side = self._side
        side.fill(kernels.OUTSIDE)
        side[rows] = kernels.UNDECIDED
        at, other = np.searchsorted(rows, (i, j))
        width = min(
            int((1.0 + 0.25 * rows.size) ** rng.random()) - 1, (abs(int(other) - int(at)) - 1) // 2
        )
        for part, p in enumerate((at, other)):
            near = np.arange(max(p - width, 0), min(p + width + 1, rows.size))
            side[rows[near[rows[near] - near == rows[p] - p]]] = part

    def _measure(
        self,
        rng: np.random.Generator,
        emission: EmissionOnData,
        latent: Any,
        rows: IntArray,
        i: int,
        j: int,
    ) -> None:
        """Draw parameters of the two parts, and find the densities of the rows concerned under them."""
        params = emission.draw(rng, *_labels_for(emission, self._side, 2), latent)
        given = getattr(emission, "density_arguments", None)
        asked, data = (params, emission.data) if given is None else given(params, latent)
        fill_log_densities(asked, data, rows, self._density)
        self._density[i, 1] = self._density[j, 0] = -np.inf

    def _log_evidence_gain(self, emission: EmissionOnData, latent: Any) -> float:
        marginal = getattr(emission, "log_marginal", None) or _log_marginal_of(emission)
        one = np.minimum(self._side, 0)
        return float(
            marginal(*_labels_for(emission, self._side, 2), latent)
            - marginal(*_labels_for(emission, one, 1), latent)
        )


def _pick(rng: np.random.Generator, z: IntArray) -> tuple[int, int]:
    """Pick a row, and another one in the same state or in another state."""
    i = int(rng.integers(z.size))
    same = z == z[i]
    n = int(np.count_nonzero(same))
    if rng.random() < _probability_of_same(n, z.size):
        same[i] = False
        candidates = np.flatnonzero(same)
    else:
        candidates = np.flatnonzero(~same)
    return i, int(candidates[rng.integers(candidates.size)])


def _probability_of_same(n: int, T: int) -> float:
    """Probability of a second row in the same state, which has n of the T rows."""
    return 0.0 if n == 1 else 1.0 if n == T else 0.5


def _log_pick_ratio(n: int, n_both: int, T: int) -> float:
    """Log probability to pick the rows in two states, the first of n rows, less that in one state of n_both."""
    in_two = (1.0 - _probability_of_same(n, T)) / (T - n)
    return math.log(in_two * (n_both - 1) / _probability_of_same(n_both, T))


def _labels_for(emission: EmissionOnData, side: IntArray, K: int) -> tuple[IntArray, int]:
    """Labels of K parts and their number; for an emission that leaves no rows out, with one more for all others."""
    if getattr(emission, "leaves_rows_out", False):
        return side, K
    return np.where(side < 0, K, side), K + 1


def _log_marginal_of(emission: EmissionOnData) -> Any:
    """`EmissionOnData.log_marginal` of an emission by hand."""
    return lambda z, K, latent: emission.log_evidence(z, K, None, latent)
