"""A Bayesian vector autoregression, all missing cells drawn at once: its table, its chain, and other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.gap_lengths import longest_gaps
from tsinit.models.imputation.seasonal_drift import SeasonalDrift, drift_terms
from tsinit.models.imputation.var_regressions import (
    SegmentLayout,
    VARParameters,
    VARPrior,
    draw_parameters,
    fill_lags,
    informing_rows,
    log_prior,
    regressions_of,
    seasonal,
)
from tsinit.models.imputation.var_table import NumericalBreakdownError, VARTable

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.imputation.problem import ImputationProblem

_OUTAGE = 0.25  # share of a period from which a gap is an outage


class VARDraw(NamedTuple):
    """One draw of what an autoregression learns: it completes other rows."""

    parameters: dict[int, VARParameters]  # by number of rows before
    profile: FloatArray | None  # (2 H + 1, D) mean of a season that drifts, over its periods


class VARChain:
    """Gibbs sampler of the autoregression and of the missing cells.

    z_t = A_1 z_(t-1) + ... + A_L z_(t-L) + C' f_t + c + e_t, e_t ~ N(0, Q), with a prior that has no scale of its own
    (`var_regressions`).
    The first L rows of a segment, which have fewer rows before them, each have a regression of their own on those there
    are, shared by all segments, so that a segment has a complete joint distribution. Where segments are few, all rows
    inform these regressions.

    Where outages are long, C and c follow a random walk from one period to the next (`SeasonalDrift`): during an outage
    the table then follows the profile of the days around it, not that of the whole year.

    Parameters
    ----------
    problem : ImputationProblem
    start : (T, D) float
        A complete table.
    rng : numpy.random.Generator
    periods : sequence of float
        Steps of the seasons; the shortest is the one that drifts.
    drift : "auto" or bool
        Whether the season drifts; "auto" where a period is known, a column is missing for a quarter of it or longer
        at a stretch, and a sequence has at least 8.
    prior : VARPrior, optional
        Of all regressions; that of `var_regressions.prior_for` if not given.

    Attributes
    ----------
    z : (T, D) float
        The table with the present draw of its missing cells.
    mean : (T, D) float
        The same with their mean given the present coefficients and what was observed.
    parameters : dict of int to VARParameters
        Coefficients and noise, by number of rows before.
    drifts : bool
        Whether the season drifts.
    intervals : IntervalState
        Of the censored cells.
    log_density : float
        Log density of coefficients, noise and table, given the drift.
    n_reflected : int
        Cells that this sweep reflected because they were far outside of what was observed.
    """

    def __init__(
        self,
        problem: ImputationProblem,
        start: FloatArray,
        rng: np.random.Generator,
        *,
        periods: Sequence[float] = (),
        drift: str | bool = "auto",
        prior: VARPrior | None = None,
    ) -> None:
        self._rng, self._L = rng, problem.lags
        self.table = VARTable(problem, start, periods)
        self.layout = self.table.layout
        self._drift = _new_drift(problem, self.layout, periods, drift, rng)
        static = ~seasonal(problem, periods)[0] if self.drifts else None
        self.regressions = regressions_of(self.layout, problem, static, prior)
        self.parameters: dict[int, VARParameters] = {}
        self.log_density = np.nan
        self.draw_parameters()

    @property
    def drifts(self) -> bool:
        """Whether the season drifts."""
        return self._drift is not None

    @property
    def intervals(self) -> IntervalState:
        """Intervals of the censored cells, which a chain may move."""
        return self.table.intervals

    @property
    def z(self) -> FloatArray:
        """The table with the present draw."""
        return self.table.given(self.table.Z)

    @property
    def mean(self) -> FloatArray:
        """The table with conditional means of the missing cells."""
        return self.table.given(self.table.mean)

    @property
    def n_reflected(self) -> int:
        """Cells that this sweep reflected because they were far outside of what was observed."""
        return int(self.table.n_reflected.sum())

    def parameter_draw(self) -> VARDraw:
        """Copy what it takes to complete other rows, with `complete_rows`."""
        profile = None if self._drift is None else self._drift.path.mean(axis=0)
        return VARDraw(dict(self.parameters), profile)

    def sweep(self) -> None:
        """Draw the missing cells, then coefficients and noise."""
        self.draw_gaps()
        self.draw_parameters()

    def draw_gaps(self) -> None:
        """Draw the missing cells given coefficients, noise and what was observed."""
        self.table.draw_gaps(self._rng, self.parameters)

    def draw_parameters(self) -> None:
        """Draw coefficients and noise given the complete table."""
        total = 0.0
        for part in self.regressions:
            X, Y = part.X, fill_lags(part, self.table.Z)
            present = self.parameters.get(part.before)
            if part.before == self._L and self._drift is not None:
                drawn, profile = self._drift.draw(X, Y, part.n_lags, part.prior, present)
                E = Y - X @ drawn.B - profile
            else:
                U, V = informing_rows(part, self.table.Z)
                sums = U.T @ U, U.T @ V, V.T @ V
                drawn = draw_parameters(self._rng, sums, len(V), part.n_lags, part.prior, present)
                E = Y - X @ drawn.B
            weighted = E @ drawn.precision
            self.table.weighted[part.rows] = weighted
            self.parameters[part.before] = drawn
            total += log_prior(drawn, part.n_lags, part.prior) - 0.5 * float(np.vdot(weighted, E))
            total -= 0.5 * len(Y) * (drawn.log_det + Y.shape[1] * np.log(2 * np.pi))
        self.log_density = float(total)
        if not np.isfinite(total):
            raise NumericalBreakdownError(
                "The vector autoregression must keep finite values; got a log density of "
                f"{total}. Use fewer lags, or method='fcs'."
            )


def _new_drift(
    problem: ImputationProblem,
    layout: SegmentLayout,
    periods: Sequence[float],
    drift: str | bool,
    rng: np.random.Generator,
) -> SeasonalDrift | None:
    """Decide whether the season drifts, and set that up."""
    rows = np.flatnonzero(layout.before == problem.lags)
    if drift is False or not len(periods) or rows.size == 0:
        return None
    period = min(periods)
    number, sequence = (layout.steps[rows] // period).astype(np.int64), layout.sequence[rows]
    long = longest_gaps(problem)[0] >= _OUTAGE * period
    if drift == "auto" and not (long and SeasonalDrift.long_enough(number, sequence)):
        return None
    terms = drift_terms(layout.steps[rows], period)
    return SeasonalDrift(terms, number, sequence, problem.prior_scale, rng)
