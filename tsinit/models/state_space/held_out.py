"""How well a number of states predicts rows that were held out, for the choice among several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit import _validate
from tsinit.kernels import Kalman
from tsinit.models.held_out_blocks import folds
from tsinit.models.monitor import Budget, Monitor
from tsinit.models.state_space.restarts import StateSpaceData, fit_order

if TYPE_CHECKING:
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams


class HeldOut:
    """Cross-validation over blocks of rows.

    The blocks of a fold are set missing, the model is fitted to the other rows, and the blocks count with their
    log-likelihood given these. Gaps are integrated out, so that this is exact and the order of time is kept. Inputs
    are known throughout.

    Parameters
    ----------
    data : StateSpaceData
        All rows.
    most_states : int
        Of which every fit must be capable.

    Raises
    ------
    ValueError
        Too few rows remain for so many states.
    """

    def __init__(self, data: StateSpaceData, most_states: int) -> None:
        self._panel = data.panel
        self._parts: list[StateSpaceData] = []
        for hidden in folds(len(data.panel.y)):
            y = data.panel.y.copy()
            y[hidden] = np.nan
            _validate.check_order(y, most_states)
            # Bound anew: rows held out have no part in scales.
            self._parts.append(StateSpaceData(data.panel._replace(y=y), data.options))

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
            fit = fit_order(part, n_states, seed, clock)
            monitor.fit_seconds += clock.fit_seconds
            if clock.timed_out:
                monitor.timed_out = True
                return np.nan
            whole, kept = (_log_density(panel, fit.params) for panel in (self._panel, part.panel))
            total += whole - kept
        return total


def _log_density(panel: Panel, params: LinearGaussianParams) -> float:
    return Kalman(panel.y, len(params.A), panel.offsets, panel.inputs).log_likelihood(params)
