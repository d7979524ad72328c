"""How sure estimated parameters are: standard errors, intervals, and draws of parameters around the estimate."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import check_count, check_number
from tsinit._validate.values import warn
from tsinit.init._scaling import unscaled
from tsinit.models.state_space.estimands import impulse_response, spectral_density
from tsinit.models.state_space.importance import (
    normalised,
    reach_of,
    resampled,
    weighted_draws,
    weighted_quantile,
)
from tsinit.models.state_space.scales import Scale, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models.state_space.information import Information

_AT_FLOOR = 1.01  # times the minimum variance, up to which a variance is at it
_LEFT = 0.05  # nats that a Newton step may gain at what is called a maximum
_BENT = 0.2  # nats by which the likelihood may differ from a parabola, two standard deviations away
_MOST = 30  # directions in which weighted draws can find their way
_N_TRIED = 3000  # points at which the likelihood is asked for
_N_DRAWS, _N_NODES = (
    400,
    100,
)  # of parameters, kept of them for intervals, and of these for forecasts and fillings
_COLUMNS = ["estimate", "standard error", "lower", "upper"]


class Measured(NamedTuple):
    """Numbers (q,) with their standard errors and intervals, NaN where the data do not determine one."""

    value: np.ndarray
    spread: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class WeightedParams(NamedTuple):
    """Parameters around an estimate, in the units of the data, with weights that sum to one."""

    params: list[Any]
    weights: np.ndarray


class ParameterUncertainty:
    """Standard errors and intervals of what a change of basis of the states leaves alone.

    Made by :meth:`tsinit.LinearGaussianSSM.uncertainty`.

    Attributes
    ----------
    method : {"information", "bootstrap"}
    level : float
        Of the intervals in ``table``.
    table : DataFrame
        ``estimate``, ``standard error``, ``lower`` and ``upper``, a row for each number: ``radius``, ``frequency``,
        ``damping`` and ``bandwidth`` (damping / pi: the width at half power) of each complex pair of eigenvalues of A,
        ``eigenvalue`` of real ones, ``mean`` (d), ``noise variance`` and ``noise covariance`` (R), ``one-step
        variance`` (of the errors of one-step predictions, once the filter has settled), ``effect`` (D) and ``gain``
        (C (I - A)^-1 B + D) of inputs. NaN where the data do not determine a number; where a variance is at its
        minimum, it has an interval, but no standard error.
    """

    method = ""
    #: What ``table`` has, in a sentence for a summary.
    shows = "Only what does not depend on the basis of the states is shown."

    def __init__(
        self,
        params: LinearGaussianParams,
        estimands: Any,
        panel: Panel,
        rate: float,
        level: float,
    ) -> None:
        self._params, self._estimands, self.panel = params, estimands, panel
        self._rate, self.level = rate, level
        found = estimands.of(params)
        self._names, self._scales = [e.name for e in found], [e.scale for e in found]
        self.table: pd.DataFrame = self._tabulated(level)

    def interval(self, level: float) -> pd.DataFrame:
        """Return intervals of another level.

        Parameters
        ----------
        level : float
            Probability that an interval is meant to cover, between 0 and 1.

        Returns
        -------
        DataFrame
            ``lower`` and ``upper``, rows as in ``table``.

        Raises
        ------
        ValueError
            `level` is no such number.
        """
        return self._tabulated(check_number("level", level, above=0.0, below=1.0))[
            ["lower", "upper"]
        ]

    def impulse_response(self, n_steps: int) -> pd.DataFrame:
        """Return what an input of 1 at one step does to each column, from that step on.

        Parameters
        ----------
        n_steps : int

        Returns
        -------
        DataFrame
            Columns as in ``table``, a row for each (step, column, input).

        Raises
        ------
        ValueError
            The model has no inputs, or `n_steps` is no whole number of at least 1.
        """
        import pandas as pd

        n_steps = check_count("n_steps", n_steps)
        names = self.panel.input_names
        if names is None:
            raise ValueError(
                "impulse_response must be asked of a model with inputs; got one without. Give inputs= to fit."
            )
        found = self._measure(
            lambda params: impulse_response(params, n_steps).ravel(),
            [Scale()] * (n_steps * len(self.panel.columns) * len(names)),
            self.level,
        )
        index = pd.MultiIndex.from_product(
            [range(n_steps), list(self.panel.columns), list(names)],
            names=["step", "column", "input"],
        )
        return pd.DataFrame(np.column_stack(found), index=index, columns=_COLUMNS)

    def spectrum(self, frequencies: ArrayLike) -> pd.DataFrame:
        """Return power spectral densities of the columns, inputs left out.

        Parameters
        ----------
        frequencies : (k,) float
            Cycles per unit of time, up to half the sampling rate.

        Returns
        -------
        DataFrame
            Columns as in ``table``, a row for each (frequency, column); in squared units of the data per frequency,
            two-sided: over frequencies of both signs it integrates to the variance. Intervals are for each frequency by
            itself.

        Raises
        ------
        ValueError
            A frequency is outside of that range.
        """
        import pandas as pd

        f, rate = np.atleast_1d(np.asarray(frequencies, dtype=float)), self._rate
        if f.ndim != 1 or not ((f >= 0.0) & (f <= 0.5 * rate)).all():
            raise ValueError(
                f"frequencies must be numbers between 0 and half the sampling rate, {0.5 * rate:g}; got "
                f"{f.ravel()[:3].tolist()}."
            )
        found = self._measure(
            lambda params: spectral_density(params, f / rate).ravel() / rate,
            [Scale("log")] * (len(f) * len(self.panel.columns)),
            self.level,
        )
        index = pd.MultiIndex.from_product(
            [f, list(self.panel.columns)], names=["frequency", "column"]
        )
        return pd.DataFrame(np.column_stack(found), index=index, columns=_COLUMNS)

    def draw(self, n_draws: int, rng: np.random.Generator) -> WeightedParams:
        """Draw parameters around the estimate."""
        raise NotImplementedError

    @functools.cached_property
    def around(self) -> WeightedParams:
        """Parameters around the estimate, the same every time."""
        return self.draw(_N_DRAWS, np.random.default_rng(0))

    @functools.cached_property
    def nodes(self) -> WeightedParams:
        """Fewer of them, which `forecast` and `impute` average over."""
        return thinned(self.around, _N_NODES, np.random.default_rng(0))

    def _measure(
        self,
        function: Callable[[LinearGaussianParams], FloatArray],
        scales: Sequence[Scale],
        level: float,
    ) -> Measured:
        raise NotImplementedError

    def _tabulated(self, level: float) -> pd.DataFrame:
        import pandas as pd

        found = self._measure(self._estimands.values, self._scales, level)
        index = pd.Index(self._names, name="parameter")
        return pd.DataFrame(np.column_stack(found), index=index, columns=_COLUMNS)

    def __repr__(self) -> str:
        return f"{type(self).__name__} ({100 * self.level:g} % intervals)\n{self.table.to_string()}"

    def _repr_html_(self) -> str:
        made: str = self.table._repr_html_()  # type: ignore[operator]
        return made


class InformationUncertainty(ParameterUncertainty):
    """Uncertainty by the log-likelihood around its maximum.

    Made by ``ssm.uncertainty(X)``; see :class:`ParameterUncertainty`. Standard errors come from its curvature and the
    delta method. Intervals come from draws of the parameters, weighted by their likelihood: one reaches as far to both
    sides of the estimate, on the scale of the number, as holds `level` of the weight. Where the likelihood is a
    parabola two standard deviations away, or has more than 30 directions, they are those of the delta method.

    Attributes
    ----------
    n_undetermined : int
        Directions that change what can be observed, but in which the estimate is no maximum.
    n_at_edge : int
        Variances, directions of Q or of P0 at the edge of what is possible. Standard errors take them as known, as
        estimates of small systems often have noise of less than full rank; intervals do not.
    """

    method = "information"

    def __init__(
        self,
        point: Any,  # FittedPoint, or what takes its place
        information: Information,
        params: LinearGaussianParams,
        estimands: Any,
        rate: float,
        level: float,
    ) -> None:
        self._point, self._information = point, information
        self.n_undetermined = information.undetermined.shape[1]
        self.n_at_edge = information.n_at_edge
        super().__init__(params, estimands, point.panel, rate, level)
        self._warn()

    def draw(self, n_draws: int, rng: np.random.Generator) -> WeightedParams:
        """Draw from what the likelihood says around the estimate, which is far from normal where rows are few."""
        if self._is_normal:
            return self._near_normal(n_draws, rng)
        around = self._point.neighbourhood()
        root = reach_of(around)
        tried = weighted_draws(lambda z: around.gain(root @ z), root.shape[1], _N_TRIED, rng)
        if not len(tried.draws):
            return WeightedParams([self._params], np.ones(1))
        kept, weights = resampled(tried.weights, n_draws, rng)
        return WeightedParams([around.params(root @ z) for z in tried.draws[kept]], weights)

    @functools.cached_property
    def _is_normal(self) -> bool:
        """Whether the likelihood is a parabola two standard deviations away, or has too many directions to draw in."""
        root, point = self._information.root, self._point
        n_directions = point.neighbourhood().directions.shape[1]
        if n_directions > _MOST or not n_directions:
            return True
        if root.shape[1] < n_directions:
            return False
        ends = (point.gain(sign * 2.0 * v) for v in root.T for sign in (1.0, -1.0))
        return all(abs(gain + 2.0) < _BENT for gain in ends)

    def _near_normal(self, n_draws: int, rng: np.random.Generator) -> WeightedParams:
        """Draw from the normal approximation, weighted by the likelihood that the draws have."""
        root, point = self._information.root, self._point
        z = rng.standard_normal((n_draws, root.shape[1]))
        u = z @ root.T
        log_weights = np.array([point.gain(x) for x in u]) + 0.5 * (z**2).sum(axis=1)
        possible = np.isfinite(log_weights)
        if not possible.any():
            return WeightedParams([self._params], np.ones(1))
        drawn = [unscaled(point.chart.params(x), point.units) for x in u[possible]]
        return WeightedParams(drawn, normalised(log_weights[possible]))

    def _measure(
        self,
        function: Callable[[LinearGaussianParams], FloatArray],
        scales: Sequence[Scale],
        level: float,
    ) -> Measured:
        jacobian = self._point.jacobian_of(function)
        value = function(self._params)
        spread = self._information.spread(jacobian)
        if self._is_normal:
            return Measured(value, spread, *interval(value, spread, list(scales), level))
        known, around = self._point.determines(function), self.around
        values = np.array([function(params) for params in around.params])
        bounds = np.full((2, len(value)), np.nan)
        for i, scale in enumerate(scales):
            if known[i]:
                here = scale.forward(value[i])
                away = np.abs(scale.forward(values[:, i]) - here)
                half = weighted_quantile(away, around.weights, level)
                bounds[:, i] = scale.inverse(here + np.array([-half, half]))
        return Measured(value, spread, *bounds)

    def _warn(self) -> None:
        """Say once what keeps the numbers from being what they are called."""
        if self.n_undetermined:
            warn(
                f"params_ is no maximum along {self.n_undetermined} directions, in which the likelihood is flat or "
                "rises: numbers that depend on them have no standard error. Fit with fewer n_states or a smaller tol, "
                'or use method="bootstrap".'
            )
        elif self._information.left_to_gain > _LEFT:
            warn(
                f"params_ is no maximum: a step would gain {self._information.left_to_gain:.2g} nats, and standard "
                "errors are those of another point. Fit with a smaller tol or a larger max_iter."
            )
        self._warn_of_floor()

    def _warn_of_floor(self) -> None:
        settings, R = self._point.em.settings, self._point.state.params.R
        if settings.observation_cov == "fixed":
            return
        low = np.flatnonzero(np.diag(R) <= _AT_FLOOR * settings.floor)
        if len(low):
            names = ", ".join(str(list(self.panel.columns)[i]) for i in low)
            warn(
                f"The noise variance of column {names} is at its minimum, and has no standard error; others take it as "
                "known. Fit with fewer n_states, or a larger noise_floor."
            )


def thinned(drawn: WeightedParams, n_nodes: int, rng: np.random.Generator) -> WeightedParams:
    """Return at most `n_nodes` draws in the place of many."""
    if len(drawn.params) <= n_nodes:
        return drawn
    kept, weights = resampled(drawn.weights, n_nodes, rng)
    return WeightedParams([drawn.params[i] for i in kept], weights)
