"""What a fit of a state-space model is asked for, the data that it runs on, and what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import _validate
from tsinit.init._scaling import Units, scaled, standardise
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.models.state_space.em import EM
from tsinit.models.state_space.information import FittedPoint
from tsinit.models.state_space.m_step import MStepSettings
from tsinit.models.state_space.prior import LinearGaussianPrior

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit._validate import Panel
    from tsinit.models.race import RaceRecord
    from tsinit.structures import Structure

#: How the prior of the first state is treated.
INITIAL_STATES = ("auto", "stationary", "learned_mean", "learned", "fixed")
READY = "LinearGaussianParams"  # label of a start that the user gave: its noise is left as it is


class EMOptions(NamedTuple):
    """Checked constructor arguments of the estimator."""

    init: Any
    transition_cov: str
    observation_cov: str
    max_iter: int
    tol: float
    n_init: int
    initial_state: str
    accelerate: bool
    prior: LinearGaussianPrior | str | None
    noise_floor: float
    verbose: int
    input_effect: str = "both"
    structure: Structure | None = None
    n_threads: int = 1

    def selection_score(self, log_likelihood: float, objective: float) -> float:
        """What starts are compared by. The weak prior follows the scale of each start's states: it says nothing."""
        return log_likelihood if self.prior == "weak" else objective


class EMFit(NamedTuple):
    """Best fit of one order, in the units of the data."""

    params: LinearGaussianParams
    start: LinearGaussianParams
    log_likelihood: float
    objective: float
    converged: bool
    initial_state: str
    trace: tuple[list[float], list[float]]  # objectives, seconds
    context: FitContext
    race: RaceRecord | None = None  # of the race for the start, where there was one


class FitContext(NamedTuple):
    """What a fit was beside its data and parameters, so that its neighbourhood can be looked at later."""

    options: EMOptions
    settings: MStepSettings
    centred: bool  # inputs were


class StateSpaceData:
    """The data of a fit on the scale on which it runs: every column with mean 0 and variance 1.

    Parameters
    ----------
    panel : Panel
    options : EMOptions
    """

    def __init__(self, panel: Panel, options: EMOptions) -> None:
        self.panel, self.options = panel, options
        _validate.check_columns(panel.y, list(panel.columns))
        structure = options.structure
        _validate.check_inputs_vary(panel, 0 if structure is None else structure.n_varying)
        # What a structure fixes is so in the units of the data.
        measure = standardise if structure is None else _as_it_is
        self.z, self.loc, self.scale = measure(panel.y)
        self._inputs = None if panel.inputs is None else measure(panel.inputs)
        observed = ~np.isnan(panel.y)
        # Log-likelihood in the units of the data: the density of y is that of z over the product of scales.
        self.shift = -float(observed.sum(axis=0) @ np.log(self.scale))
        self.n_steps_observed = int(observed.any(axis=1).sum())

    @property
    def n_inputs(self) -> int:
        """Columns of the inputs."""
        return 0 if self.panel.inputs is None else self.panel.inputs.shape[1]

    def kalman(self, n_states: int, centred: bool = False) -> Kalman:
        """Return the passes over the data of a model of this order, its inputs scaled and maybe centred."""
        u = None
        if self._inputs is not None:
            v, loc, scale = self._inputs
            u = np.ascontiguousarray(v if centred else v + loc / scale)
        return Kalman(self.z, n_states, self.panel.offsets, u, self.options.n_threads)

    def units(self, centred: bool = False) -> Units:
        """Return the units of a fit. Only dynamics that settle can have their inputs centred."""
        if self._inputs is None:
            return Units(self.loc, self.scale)
        _, loc, scale = self._inputs
        return Units(self.loc, self.scale, loc if centred else np.zeros_like(loc), scale)

    def last_state(self, params: LinearGaussianParams) -> tuple[FloatArray, FloatArray]:
        """Mean and covariance of the last state, given the data."""
        return last_state(self.kalman(len(params.A)), scaled(params, self.units()))


def _as_it_is(table: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what `standardise` returns, of a table (T, D) that keeps its units."""
    return table, np.zeros(table.shape[1]), np.ones(table.shape[1])


def fitted_point(panel: Panel, params: LinearGaussianParams, context: FitContext) -> FittedPoint:
    """Put fitted parameters (in the units of the data) and the data of the fit together again."""
    data = StateSpaceData(panel, context.options)
    units = data.units(context.centred)
    inside = scaled(params, units)
    if context.settings.initial_state == "stationary":
        inside = inside._replace(m0=np.zeros_like(inside.m0))
    kalman = data.kalman(len(params.A), context.centred)
    return FittedPoint(EM(kalman, context.settings), inside, units, panel)


def last_state(kalman: Kalman, params: LinearGaussianParams) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the last state of the last sequence: there, the smoother is the filter.

    Raises
    ------
    ValueError
        The sequence has no density under `params`.
    """
    start = kalman.offsets[-2]
    u = None if kalman.u is None else kalman.u[start:]
    last = Kalman(kalman.y[start:], kalman.n_states, u=u)
    if params.C_inputs is not None:
        filtered = last.filter(params, covariances=True)
        _validate.check_finite_likelihood(filtered.succeeded)
        return filtered.means[-1].copy(), filtered.covariances.values[-1].copy()
    smoothed = last.smooth(params, moments="by_variable")
    _validate.check_finite_likelihood(smoothed.succeeded)
    return smoothed.means[-1].copy(), smoothed.moments.P_last.copy()
