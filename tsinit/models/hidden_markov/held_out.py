"""How well a number of states predicts rows that were held out, for the choice among several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit import _validate
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models.held_out_blocks import HeldOut, folds
from tsinit.models.hidden_markov.finite_fit import HMMData, fit_order

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.emissions import Emission, EmissionOnData
    from tsinit.models.hidden_markov.finite_em import HMMParams
    from tsinit.models.hidden_markov.finite_fit import HMMFit
    from tsinit.models.monitor import Monitor


class HMMHeldOut(HeldOut):
    """Cross-validation over blocks of rows.

    The rows are cut into twenty blocks of equal length; every fifth is set missing, the model is fitted to the others,
    and the blocks count with their log-likelihood given these. Gaps are integrated out, so that this is exact and the
    order of time is kept; single rows would tell little, because their neighbours know their state (Celeux and Durand,
    2008).

    Parameters
    ----------
    data : HMMData
        All rows.
    emission : Emission
        Bound anew to the rows of each fit: those held out have no part in scales and priors.
    most_states : int
        Of which every fit must be capable.

    Raises
    ------
    ValueError
        The emission looks back at rows, which may not be missing, or too few rows remain for so many states.
    """

    def __init__(self, data: HMMData, emission: Emission, most_states: int) -> None:
        _validate.check_can_hold_out(data.emission.order)
        self._data = data
        parts: list[HMMData] = []
        for hidden in folds(len(data.panel.y)):
            y = data.panel.y.copy()
            y[hidden] = np.nan
            _validate.check_order(y, most_states)
            panel = data.panel._replace(y=y)
            parts.append(HMMData(panel, emission.bind(y, panel.offsets), data.options))
        super().__init__(parts)

    def _fit(
        self, part: HMMData, n_states: int, seed: np.random.SeedSequence, clock: Monitor
    ) -> HMMFit:
        return fit_order(part, n_states, seed, clock)

    def _given_others(self, part: HMMData, params: HMMParams) -> float:
        """Log density of the rows held out, given those that were not."""
        offsets = part.panel.offsets
        everything = part.emission.with_sequences(self._data.panel.y, offsets)
        return _total(everything, params, offsets) - _total(part.emission, params, offsets)


def _total(emission: EmissionOnData, params: HMMParams, offsets: IntArray) -> float:
    density = params.density(emission)
    found = forward_backward.log_likelihood(density, params.start, params.P, offsets)
    return found + emission.log_jacobian
