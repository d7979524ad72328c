"""Bootstrap of a model with a structure: diffuse states of replicates begin where those of the data did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.kernels import Kalman
from tsinit.kernels.state_space.diffuse import diffuse_states
from tsinit.models.em_race import run_monitored
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.bootstrap import BootstrapUncertainty, Drawing
from tsinit.models.state_space.simulation import simulate
from tsinit.models.state_space.structured import StructuredFit

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.state_space.structured_information import StructuredPoint


class StructuredDrawing(Drawing):
    """How replicates are drawn from a fit with a structure.

    Diffuse first states have no distribution to be drawn from, but nothing depends on where they begin: the exact
    diffuse likelihood is that of the data up to any multiple of what they do. They begin at their smoothed means.

    Parameters
    ----------
    point : StructuredPoint
    resample : {"parametric", "innovations"}
        "innovations" needs first states that have a distribution.
    """

    def __init__(self, point: StructuredPoint, resample: str) -> None:
        params, kalman = point.state.params, point.kalman
        diffuse = diffuse_states(params)
        if resample == "innovations" and (diffuse.any() or params.C_inputs is not None):
            raise ValueError(
                'resample must be "parametric" for a structure with diffuse first states or InputColumn, whose '
                f"one-step errors are not of one kind; got {resample!r}."
            )
        super().__init__(point, resample)
        P0 = np.where(diffuse[:, None] | diffuse, 0.0, params.P0)
        first = np.tile(params.m0, (len(kalman.offsets) - 1, 1))
        if diffuse.any():
            means, some = kalman.smooth(params).means, np.diff(kalman.offsets) > 0
            begins = means[kalman.offsets[:-1][some]]
            first[some] = np.where(diffuse, begins, first[some])
        self._begins = [params._replace(m0=m0, P0=P0) for m0 in first]

    def _parametric(self, rng: np.random.Generator) -> FloatArray:
        kalman = self.point.kalman
        y, offsets = np.empty_like(kalman.y), kalman.offsets
        for params, start, stop in zip(self._begins, offsets[:-1], offsets[1:], strict=True):
            if stop > start:
                u = None if kalman.u is None else kalman.u[start:stop]
                y[start:stop] = simulate(params, stop - start, rng, u).y
        return y


def structured_replicate(
    drawing: StructuredDrawing,
    seed: np.random.SeedSequence,
    max_iter: int,
    tol: float,
    accelerate: bool,
) -> Any:
    """Draw data from a fit, and fit them from its estimate.

    Returns
    -------
    LinearGaussianParams or None
        None where the data drawn could not be fitted.
    """
    point = drawing.point
    kalman = Kalman(drawing.data(seed), point.kalman.n_states, point.kalman.offsets, point.kalman.u)
    fit = StructuredFit(kalman, point.entries)
    state = fit.evaluate(point.state.params)
    if not np.isfinite(state.objective):
        return None
    steps = fit.iterate(state, max_iter=max_iter, tol=tol, accelerate=accelerate)
    return run_monitored(steps, Monitor()).state.params


class StructuredBootstrapUncertainty(BootstrapUncertainty):
    """Uncertainty of the free entries of a structure by the spread of estimates over data drawn from the fit.

    Made by ``ssm.uncertainty(X, method="bootstrap")`` of a model with a structure; see :class:`BootstrapUncertainty`.
    """

    shows = "The free entries of the structure are shown."
