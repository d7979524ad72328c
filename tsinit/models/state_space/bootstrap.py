"""Bootstrap: data are drawn from a fit, with its gaps and inputs, and fitted again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from tsinit.init._scaling import unscaled
from tsinit.kernels import Kalman
from tsinit.kernels.state_space.diffuse import diffuse_states
from tsinit.models.em_run import run_monitored
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.innovations_form import InnovationsForm
from tsinit.models.state_space.simulation import simulate
from tsinit.models.state_space.uncertainty import Measured, ParameterUncertainty, WeightedParams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models.state_space.scales import Scale
    from tsinit.models.state_space.structured_information import StructuredPoint

_FEWEST = 2  # replicates that have a spread


class BootstrapUncertainty(ParameterUncertainty):
    """Uncertainty by the spread of estimates over data drawn from the fit.

    Made by ``ssm.uncertainty(X, method="bootstrap")``; see :class:`ParameterUncertainty`. Intervals are the basic ones
    (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 5.2): the error of a replicate, on the
    scale of the number, stands for that of the estimate, its bias included.

    Attributes
    ----------
    resample : {"parametric", "innovations"}
        How the data of replicates were drawn.
    replicates : DataFrame
        Estimates of every replicate that could be fitted, columns as the rows of ``table``.
    start_effect : float
        Of the first replicates fitted from the strategy of the model instead of from the estimate: root mean square of
        the difference, in standard errors, the median over the numbers of ``table``. NaN where it was not asked for.
    start_note : str
        The same as a sentence.
    """

    method = "bootstrap"

    def __init__(
        self,
        point: Any,  # FittedPoint, or what takes its place
        params: LinearGaussianParams,
        estimands: Any,
        rate: float,
        level: float,
        drawn: list[Any],
        from_strategy: list[Any],
        resample: str = "parametric",
    ) -> None:
        import pandas as pd

        self.resample = resample
        self._point = point
        self._drawn = [p for p in drawn if p is not None]
        if len(self._drawn) < _FEWEST:
            raise ValueError(
                f"n_boot must give at least {_FEWEST} replicates that can be fitted; got {len(self._drawn)} of "
                f"{len(drawn)}. Ask for more, or fit with fewer n_states."
            )
        super().__init__(params, estimands, point.panel, rate, level)
        values = np.array([estimands.values(p) for p in self._drawn])
        self.replicates = pd.DataFrame(values, columns=pd.Index(self._names, name="parameter"))
        self.start_effect, self.start_note = self._compared(drawn, from_strategy)

    def draw(self, n_draws: int, rng: np.random.Generator) -> WeightedParams:
        """Return the replicates, whatever number was asked for."""
        return WeightedParams(self._drawn, np.full(len(self._drawn), 1.0 / len(self._drawn)))

    def _measure(
        self,
        function: Callable[[LinearGaussianParams], FloatArray],
        scales: Sequence[Scale],
        level: float,
    ) -> Measured:
        value = function(self._params)
        replicates = np.array([function(p) for p in self._drawn])
        lower, upper = np.empty_like(value), np.empty_like(value)
        tails = (0.5 + 0.5 * level, 0.5 - 0.5 * level)
        for i, scale in enumerate(scales):
            here = scale.forward(value[i])
            errors = scale.forward(replicates[:, i]) - here
            lower[i], upper[i] = scale.inverse(here - np.quantile(errors, tails))
        spread = replicates.std(axis=0, ddof=1)
        unknown = ~self._point.determines(function)
        for column in (spread, lower, upper):
            column[unknown] = np.nan
        return Measured(value, spread, lower, upper)

    def _compared(self, drawn: list[Any], from_strategy: list[Any]) -> tuple[float, str]:
        pairs = [
            (self._estimands.values(a), self._estimands.values(b))
            for a, b in zip(drawn, from_strategy, strict=False)
            if a is not None and b is not None
        ]
        if not pairs:
            return np.nan, "Whether the start matters was not measured."
        spread = self.table["standard error"].to_numpy()
        moved = np.array([b - a for a, b in pairs])
        with np.errstate(invalid="ignore", divide="ignore"):
            effect = float(np.nanmedian(np.sqrt((moved**2).mean(axis=0)) / spread))
        verdict = "more" if effect > 1.0 else "less"
        return effect, (
            f"The start matters {verdict} than the sampling error: fitted from the strategy instead of from the "
            f"estimate, {len(pairs)} replicates moved by {effect:.2g} standard errors (root mean square, median over "
            "the table)."
        )


class StructuredBootstrapUncertainty(BootstrapUncertainty):
    """Uncertainty of the free entries of a structure by the spread of estimates over data drawn from the fit.

    Made by ``ssm.uncertainty(X, method="bootstrap")`` of a model with a structure; see :class:`BootstrapUncertainty`.
    """

    shows = "The free entries of the structure are shown."


class Drawing:
    """How replicates are drawn from a fit, with its gaps and inputs.

    Parameters
    ----------
    point : FittedPoint, or what takes its place
    resample : {"parametric", "innovations"}
        Normal noise of states and observations, or one-step errors of the data, drawn with replacement.
    """

    def __init__(self, point: Any, resample: str) -> None:
        self.point = point
        #: What each sequence is drawn from.
        self.models = [point.state.params] * (len(point.kalman.offsets) - 1)
        self._form = None
        if resample == "innovations":
            self._form = InnovationsForm(point.kalman, point.state.params)

    def data(self, seed: np.random.SeedSequence) -> FloatArray:
        """Draw data (T, D) on the scale of the fit, missing where those of the fit are."""
        rng = np.random.default_rng(seed)
        if self._form is not None:
            return self._form.data(self._form.resampled(rng))
        y = self._parametric(rng)
        y[~self.point.kalman.observed] = np.nan
        return y

    def _parametric(self, rng: np.random.Generator) -> FloatArray:
        """Draw data (T, D) without gaps from normal noise."""
        kalman = self.point.kalman
        y, offsets = np.empty_like(kalman.y), kalman.offsets
        for params, start, stop in zip(self.models, offsets[:-1], offsets[1:], strict=True):
            if stop > start:
                u = None if kalman.u is None else kalman.u[start:stop]
                y[start:stop] = simulate(params, stop - start, rng, u).y
        return y


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
        self.models = [params._replace(m0=m0, P0=P0) for m0 in first]


def replicate(
    drawing: Drawing, seed: np.random.SeedSequence, max_iter: int, tol: float, accelerate: bool
) -> Any:
    """Draw data from a fit, and fit them from its estimate.

    Returns
    -------
    LinearGaussianParams or None
        In the units of the data; None where the data drawn could not be fitted.
    """
    point = drawing.point
    kalman = Kalman(drawing.data(seed), point.kalman.n_states, point.kalman.offsets, point.kalman.u)
    again = point.fit_to(kalman)
    state = again.evaluate(point.state.params)
    if not np.isfinite(state.objective):
        return None
    steps = again.iterate(state, max_iter=max_iter, tol=tol, accelerate=accelerate)
    return unscaled(run_monitored(steps, Monitor()).state.params, point.units)


def refit_from_strategy(ssm: Any, drawing: Drawing, seed: np.random.SeedSequence) -> Any:
    """Fit the data of the replicate of a seed from the strategy of the model.

    Returns
    -------
    LinearGaussianParams or None
    """
    point = drawing.point
    offsets = point.kalman.offsets
    y = drawing.data(seed) * point.units.scale + point.units.loc
    parts = np.split(y, offsets[1:-1])
    u = point.panel.inputs
    inputs = None if u is None else np.split(u, offsets[1:-1])
    seed = np.random.SeedSequence(entropy=seed.entropy, spawn_key=(*seed.spawn_key, 1))
    model = clone(ssm).set_params(
        n_states=ssm.n_states_,
        initial_state=point.initial_state,
        random_state=seed,
        verbose=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.fit(parts, inputs=inputs).params_
        except (
            ValueError
        ):  # a column of the replicate has no value left to vary, or the start is unusable
            return None
