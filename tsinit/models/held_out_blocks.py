"""Numbers of states chosen by blocks of rows that are held out, and the choice among several criteria."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.models.monitor import Budget, Monitor

if TYPE_CHECKING:
    from tsinit._typing import BoolArray

_FOLDS = 5
_BLOCKS_PER_FOLD = 4


def folds(n_rows: int) -> list[BoolArray]:
    """Cut rows into twenty blocks of equal length, of which every fifth is held out together.

    Blocks and not single rows, whose neighbours know their state (Celeux and Durand, Selecting hidden Markov model
    state number with cross-validated likelihood, Computational Statistics 23, 2008).

    Parameters
    ----------
    n_rows : int

    Returns
    -------
    list of (n_rows,) bool
        Rows that each fold holds out: every row in one of them.
    """
    n_blocks = min(_FOLDS * _BLOCKS_PER_FOLD, n_rows)
    block = np.arange(n_rows) * n_blocks // n_rows
    return [block % _FOLDS == fold for fold in range(min(_FOLDS, n_blocks))]


def best_order(rows: list[dict[str, Any]], criterion: str) -> int:
    """Position of the number of states that a criterion prefers.

    Parameters
    ----------
    rows : list of dict
        With ``bic``, and the criterion.
    criterion : str
        Of which the smallest is preferred, or ``"held_out"``, the largest log-likelihood of rows held out; where that
        is known of none, BIC.

    Returns
    -------
    int
    """
    if criterion == "held_out":
        values = np.array([row["held_out"] for row in rows])
        known = np.isfinite(values)
        if known.any():
            return int(np.where(known, values, -np.inf).argmax())
        criterion = "bic"
    return min(range(len(rows)), key=lambda i: rows[i][criterion])


class HeldOut(ABC):
    """Cross-validation over blocks of rows: those of a fold are set missing, and the model is fitted to the others.

    The blocks count with their log-likelihood given the rows that were not held out. Gaps are integrated out, so that
    this is exact and the order of time is kept.

    Parameters
    ----------
    parts : list
        The data of each fold, as the fits of the model take them.
    """

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts

    @abstractmethod
    def _fit(self, part: Any, n_states: int, seed: np.random.SeedSequence, clock: Monitor) -> Any:
        """Fit one number of states to the data of a fold; the result has ``params``."""

    @abstractmethod
    def _given_others(self, part: Any, params: Any) -> float:
        """Log density of the rows held out, given those that were not."""

    def log_likelihood(
        self, n_states: int, seed: np.random.SeedSequence, monitor: Monitor
    ) -> float:
        """Sum over folds, in nats and in the units of the data; NaN where the time of the fit ran out.

        Parameters
        ----------
        n_states : int
        seed : SeedSequence
            That of the fit to all rows.
        monitor : Monitor
            Whose budget the fits share, and whose clock they move on.

        Returns
        -------
        float
        """
        total = 0.0
        for part in self._parts:
            limit = monitor.budget.seconds
            left = None if limit is None else max(limit - monitor.fit_seconds, 0.0)
            clock = Monitor(Budget(monitor.budget.max_iter, left))
            fit = self._fit(part, n_states, seed, clock)
            monitor.fit_seconds += clock.fit_seconds
            if clock.timed_out:
                monitor.timed_out = True
                return np.nan
            total += self._given_others(part, fit.params)
        return total
