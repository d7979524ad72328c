"""How well a number of states predicts rows that were held out, for the choice among several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit import _validate
from tsinit.kernels import Kalman
from tsinit.models.held_out_blocks import HeldOut, folds
from tsinit.models.state_space.fit_data import StateSpaceData
from tsinit.models.state_space.restarts import fit_order

if TYPE_CHECKING:
    from tsinit._validate import Panel
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.models.monitor import Monitor
    from tsinit.models.state_space.fit_data import EMFit


class StateSpaceHeldOut(HeldOut):
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
        parts: list[StateSpaceData] = []
        for hidden in folds(len(data.panel.y)):
            y = data.panel.y.copy()
            y[hidden] = np.nan
            _validate.check_order(y, most_states)
            # Bound anew: rows held out have no part in scales.
            parts.append(StateSpaceData(data.panel._replace(y=y), data.options))
        super().__init__(parts)

    def _fit(
        self, part: StateSpaceData, n_states: int, seed: np.random.SeedSequence, clock: Monitor
    ) -> EMFit:
        return fit_order(part, n_states, seed, clock)

    def _given_others(self, part: StateSpaceData, params: LinearGaussianParams) -> float:
        whole, kept = (_log_density(panel, params) for panel in (self._panel, part.panel))
        return whole - kept


def _log_density(panel: Panel, params: LinearGaussianParams) -> float:
    return Kalman(panel.y, len(params.A), panel.offsets, panel.inputs).log_likelihood(params)
