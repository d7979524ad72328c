"""Draws of the infinite hidden Markov model: what is kept of a chain, and of which draws the labels are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate.series import Panel
    from tsinit.models.chains import ChainRun, ChainSchedule

#: Scalars that do not depend on labels, and the attribute of a chain that has them.
SCALARS = {
    "log_joint": "log_joint",
    "n_states": "K",
    "alpha": "alpha",
    "gamma": "gamma",
    "rho": "rho",
}

#: Bytes that the labels of all chains may take together; of long series, those of evenly spaced draws are kept.
MAX_LABEL_BYTES = 500_000_000
#: Draws of each chain whose labels are kept at least: as many as are compared between chains.
MIN_LABEL_DRAWS = 16


#: Draws that are counted for that, however many are asked for: such fits are ended by time or by hand.
_COUNTED = 10_000


class Occupancy(NamedTuple):
    """What a draw says of its labels that does not depend on their numbers."""

    shares: np.ndarray  # (K,) float, of the rows
    n_changes: int  # rows in another state than the row before
    share_of_stays: float  # of the rows that follow another in their sequence, those in its state


class HMMDraw(NamedTuple):
    """One draw of one chain."""

    labels: np.ndarray | None  # (rows given,) unsigned int; None where they were not kept
    params: Any  # emission parameters of the occupied states
    pi: np.ndarray  # (K + 1, K + 1), row 0 the start, last column all states that are not occupied
    occupancy: Occupancy


class Recorder:
    """Makes an `HMMDraw` of the present state of a chain: labels of the rows that were given, small and copied.

    Parameters
    ----------
    panel : Panel
        The data of the fit.
    schedule : ChainSchedule
        Which sweeps are draws.
    n_chains : int
        Chains that share the memory.
    """

    def __init__(self, panel: Panel, schedule: ChainSchedule, n_chains: int) -> None:
        self._rows = None if len(panel.rows) == len(panel.y) else panel.rows
        self._follows = rows_that_follow(np.searchsorted(panel.rows, panel.offsets))
        self._schedule = schedule
        self.every = label_stride(schedule.n_draws, n_chains * len(panel.rows))

    def __call__(self, chain: Any) -> HMMDraw:
        """Record the chain after a sweep; the labels of its first draw are kept, and of every so many after it."""
        z = chain.z if self._rows is None else chain.z[self._rows]
        draw = (chain.n_sweeps - self._schedule.n_tune) // self._schedule.thin - 1
        # Out of time before the first draw, a state of the warm-up takes its place.
        kept = draw <= 0 or draw % self.every == 0
        labels = z.astype(_label_type(chain.K)) if kept else None
        return HMMDraw(labels, chain.params, chain.pi, occupancy(z, chain.K, self._follows))


def label_stride(n_draws: int, n_labels: int) -> int:
    """Keep the labels of every so many draws, where each draw of all chains has n_labels, of one byte."""
    every = -(-min(n_draws, _COUNTED) * n_labels // MAX_LABEL_BYTES)
    return max(min(every, n_draws // MIN_LABEL_DRAWS), 1)


def rows_that_follow(offsets: IntArray) -> BoolArray:
    """Which rows after the first are not the first of a sequence, (rows - 1,)."""
    follows = np.ones(int(offsets[-1]), dtype=bool)
    follows[offsets[:-1][np.diff(offsets) > 0]] = False
    return follows[1:]


def occupancy(z: IntArray, K: int, follows: BoolArray) -> Occupancy:
    """Summarise labels z (rows,) of K states; follows (rows - 1,) is true within sequences."""
    same = z[1:] == z[:-1]
    within = same[follows]
    return Occupancy(
        np.bincount(z, minlength=K) / len(z),
        len(same) - int(np.count_nonzero(same)),
        float(within.mean()) if within.size else 1.0,
    )


def _label_type(n_labels: int) -> np.dtype:
    """Return the smallest unsigned integer type that counts so many labels."""
    return np.min_scalar_type(max(n_labels - 1, 0))


class HMMDraws:
    """Draws of a hidden Markov model, chain by chain.

    Labels of different draws have nothing to do with one another; only the quantities that do not depend on
    labels may be averaged as they are.

    Labels take memory for every row and draw. Where those of all draws would be more than 500 MB, they are kept of
    evenly spaced draws, ``label_draws``, of which all that depends on labels is made; everything else is there of every
    draw.

    Attributes
    ----------
    labels : (chain, kept draw, rows) unsigned int
        State of every row given.
    label_draws : (kept draw,) int
        The draws whose labels these are, counted from 0.
    n_states : (chain, draw) int
        Occupied states.
    log_joint, alpha, gamma, rho : (chain, draw) float
        Joint log density, total mass of a row, concentration of the top level, share of the mass that stays.
    shares : (chain, draw, largest K) float
        Of the rows in each state of the draw, whose numbers mean nothing.
    n_changes, share_of_stays : (chain, draw) int and float
        Rows in another state than the row before; of the rows that follow another in their sequence, those in its
        state.
    """

    n_states: IntArray
    log_joint: FloatArray
    alpha: FloatArray
    gamma: FloatArray
    rho: FloatArray

    def __init__(self, runs: Sequence[ChainRun]) -> None:
        # What an interrupt cut short has chains of different length.
        n_draws = min(len(run.draws) for run in runs)
        self._draws: list[list[HMMDraw]] = [run.draws[:n_draws] for run in runs]
        for name in SCALARS:
            values = [[run.trace[name][i] for i in run.draw_sweeps[:n_draws]] for run in runs]
            setattr(self, name, np.array(values))
        K = int(self.n_states.max())
        self.label_draws = np.flatnonzero([one.labels is not None for one in self._draws[0]])
        self.labels = self._gather(_label_type(K), runs)
        found = [[one.occupancy for one in chain] for chain in self._draws]
        self.shares = np.zeros((len(runs), n_draws, K))
        for c, chain in enumerate(found):
            for i, one in enumerate(chain):
                self.shares[c, i, : len(one.shares)] = one.shares
        self.n_changes = np.array([[one.n_changes for one in chain] for chain in found])
        self.share_of_stays = np.array([[one.share_of_stays for one in chain] for chain in found])

    def _gather(self, kind: np.dtype, runs: Sequence[ChainRun]) -> np.ndarray:
        """Move the labels of all chains into one table, of which the draws are left views: they are large."""
        first = self._draws[0][0].labels
        assert first is not None
        table = np.empty((len(runs), len(self.label_draws), len(first)), dtype=kind)
        for rows, chain, run in zip(table, self._draws, runs, strict=True):
            for row, i in zip(rows, self.label_draws, strict=True):
                row[:] = chain[i].labels
                chain[i] = run.draws[i] = chain[i]._replace(labels=row)
        return table

    @property
    def n_chains(self) -> int:
        """Chains that were kept."""
        return self.labels.shape[0]

    @property
    def n_draws(self) -> int:
        """Draws of each chain."""
        return self.log_joint.shape[1]

    @property
    def flat(self) -> np.ndarray:
        """(chain x kept draw, rows) labels, one chain after the other."""
        return self.labels.reshape(-1, self.labels.shape[-1])

    def record(self, i: int) -> HMMDraw:
        """Return draw `i` in the order of :attr:`flat`."""
        chain, kept = divmod(i, len(self.label_draws))
        return self._draws[chain][self.label_draws[kept]]

    def __len__(self) -> int:
        """Draws of all chains whose labels were kept."""
        return self.n_chains * len(self.label_draws)

    def __repr__(self) -> str:
        kept, n = len(self.label_draws), self.n_draws
        some = f", labels of {kept} of them" if kept < n else ""
        return f"HMMDraws({self.n_chains} chains x {n} draws{some}, {self.labels.shape[-1]} rows)"
