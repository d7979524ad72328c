"""What the chains of the infinite hidden Markov model leave behind."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

#: Scalars that do not depend on labels, and the attribute of a chain that has them.
SCALARS = {
    "log_joint": "log_joint",
    "n_states": "K",
    "alpha": "alpha",
    "gamma": "gamma",
    "rho": "rho",
}


class Record(NamedTuple):
    """One draw of one chain."""

    labels: np.ndarray  # (rows given,) unsigned int
    params: Any  # emission parameters of the occupied states
    pi: np.ndarray  # (K + 1, K + 1), row 0 the start, last column all states that are not occupied


def recorder(rows, n_steps):
    """Return what makes a `Record` of a chain: labels of the rows that were given, small and copied."""
    return partial(_record, None if len(rows) == n_steps else rows)


def _record(rows, chain):
    z = chain.z if rows is None else chain.z[rows]
    return Record(z.astype(smallest(chain.K)), chain.params, chain.pi)


def smallest(n_labels):
    """Return the smallest unsigned integer type that counts so many labels."""
    return np.min_scalar_type(max(n_labels - 1, 0))


class Draws:
    """Draws of the infinite hidden Markov model, chain by chain.

    Labels of different draws have nothing to do with one another; only the quantities that do not depend on
    labels may be averaged as they are.

    Attributes
    ----------
    labels : (chain, draw, rows) unsigned int
        State of every row given.
    n_states : (chain, draw) int
        Occupied states.
    log_joint, alpha, gamma, rho : (chain, draw) float
        Joint log density, total mass of a row, concentration of the top level, share of the mass that stays.
    """

    n_states: np.ndarray
    log_joint: np.ndarray
    alpha: np.ndarray
    gamma: np.ndarray
    rho: np.ndarray

    def __init__(self, walks):
        # What an interrupt cut short has chains of different length.
        n_draws = min(len(walk.draws) for walk in walks)
        self._records = [walk.draws[:n_draws] for walk in walks]
        for name in SCALARS:
            values = [[walk.trace[name][i] for i in walk.draw_sweeps[:n_draws]] for walk in walks]
            setattr(self, name, np.array(values))
        widest = smallest(int(self.n_states.max()))
        self.labels = np.array(
            [[r.labels.astype(widest, copy=False) for r in chain] for chain in self._records]
        )

    @property
    def n_chains(self):
        """Chains that were kept."""
        return self.labels.shape[0]

    @property
    def n_draws(self):
        """Draws of each chain."""
        return self.labels.shape[1]

    @property
    def flat(self):
        """(chain x draw, rows) labels, one chain after the other."""
        return self.labels.reshape(-1, self.labels.shape[-1])

    def record(self, i):
        """Return draw `i` in the order of :attr:`flat`."""
        return self._records[i // self.n_draws][i % self.n_draws]

    def __len__(self):
        return self.n_chains * self.n_draws

    def __repr__(self):
        return f"Draws({self.n_chains} chains x {self.n_draws} draws, {self.labels.shape[-1]} rows)"
