"""A Bayesian vector autoregression, all missing cells drawn at once: its table, its chain, and other rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels.imputation import censored_cells, var_gaps
from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.gap_lengths import longest_gaps
from tsinit.models.imputation.reflection import Reflection
from tsinit.models.imputation.seasonal_drift import SeasonalDrift, drift_terms
from tsinit.models.imputation.var_regressions import (
    SegmentLayout,
    VARParameters,
    VARPrior,
    VARRegression,
    draw_parameters,
    fill_lags,
    informing_rows,
    lay_out,
    log_prior,
    parameters_for,
    precision_blocks,
    regressions_of,
    seasonal,
)

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.kernels.imputation.var_gaps import VARPrecision
    from tsinit.models.imputation.problem import ImputationProblem

_OUTAGE = 0.25  # share of a period from which a gap is an outage


class NumericalBreakdownError(ArithmeticError):
    """A chain cannot go on; the message says where and why."""


class VARTable:
    """Rows of the engine with their present values.

    Parameters
    ----------
    problem : ImputationProblem
    start : (T, D) float
        A complete table.
    periods : sequence of float

    Attributes
    ----------
    Z, mean : (n, D) float
        Present values, and the mean of the missing ones given coefficients and observed cells, those as they are.
    weighted : (n, D) float
        Residuals times noise precision at the present values and coefficients.
    """

    def __init__(
        self, problem: ImputationProblem, start: FloatArray, periods: Sequence[float]
    ) -> None:
        self.layout = lay_out(problem, periods)
        n, D = len(self.layout.before), problem.z.shape[1]
        missing = np.ones((n, D), dtype=bool)
        missing[self.layout.rows] = problem.unknown
        # In rows that follow one another, by which `_flat` counts its cells.
        start = problem.censored.inside(start)
        self.Z = np.ascontiguousarray(_between(start, self.layout))
        self.mean, self.weighted = self.Z.copy(), np.empty((n, D))
        self.gaps = _gaps(missing, self.layout, problem.lags)
        self._L, self._flat = problem.lags, self.gaps.row * D + self.gaps.column
        self._reflection = Reflection(problem, missing)
        self.intervals = IntervalState(problem.censored)
        self._censored = _censored_rows(self.intervals, self.layout)

    @property
    def n_reflected(self) -> IntArray:
        """(D,) cells that the last draw reflected because they were far outside of what was observed."""
        return self._reflection.counts

    def given(self, values: FloatArray) -> FloatArray:
        """Pick the rows that the user gave."""
        return values[self.layout.rows]

    def draw_gaps(self, rng: np.random.Generator, parameters: Mapping[int, VARParameters]) -> None:
        """Draw the censored cells one by one, then the missing ones given all others."""
        gaps = self.gaps
        if gaps.row.size == 0 and self._censored.row.size == 0:
            return
        blocks = precision_blocks(parameters, self._L, self.Z.shape[1])
        self._draw_censored(rng, blocks)
        if gaps.row.size == 0:
            return
        self._factor(blocks)
        slope, mean, sample = np.empty((3, gaps.row.size))
        var_gaps.slopes(gaps, blocks, self.layout.before, self.weighted, slope)
        var_gaps.draw(rng, gaps, slope, mean, sample)
        self._move(mean, sample)

    def draw_pair(
        self,
        rng: np.random.Generator,
        parameters: Mapping[int, VARParameters],
        begin: Sequence[Callable[[], None]],
        end: Sequence[Callable[[], None]],
    ) -> None:
        """Draw the missing cells of two tables by noise and by its negative.

        Of each, `begin` writes `Z` and `weighted`, and `end` reads `Z`. There may be no censored cells.
        """
        gaps, blocks = self.gaps, precision_blocks(parameters, self._L, self.Z.shape[1])
        self._factor(blocks)
        slope, mean, sample = np.empty((3, gaps.row.size))
        for first, last, sign in zip(begin, end, (1.0, -1.0), strict=True):
            first()
            var_gaps.slopes(gaps, blocks, self.layout.before, self.weighted, slope)
            if sign > 0.0:
                var_gaps.draw(rng, gaps, slope, mean, sample)
                noise = sample - mean
            else:
                var_gaps.conditional_mean(gaps, slope, mean)
            self._move(mean, mean + sign * noise)
            last()

    def _factor(self, blocks: VARPrecision) -> None:
        if not var_gaps.factor(self.gaps, blocks, self.layout.before):
            raise NumericalBreakdownError(
                "The precision of the missing cells must be positive definite; it is not to rounding. "
                "Use fewer lags, or method='fcs'."
            )

    def _move(self, mean: FloatArray, sample: FloatArray) -> None:
        Z = self.Z.reshape(-1)
        present = Z[self._flat]
        self.mean.reshape(-1)[self._flat] = present + mean
        Z[self._flat] = self._reflection.inside(present + sample)

    def _draw_censored(self, rng: np.random.Generator, blocks: VARPrecision) -> None:
        state, cells, before = self.intervals, self._censored, self.layout.before
        first = np.searchsorted(cells.column, np.arange(self.Z.shape[1] + 1))

        def redraw(j: int) -> None:
            censored_cells.redraw_by_autoregression(
                rng, self.Z, self.weighted, blocks, before, cells, first[j], first[j + 1]
            )

        state.redraw(rng, lambda: self.Z[cells.row, cells.column], redraw)
        self.mean[cells.row, cells.column] = self.Z[cells.row, cells.column]

    def limits_less(self, level: FloatArray) -> None:
        """Move the limits of draws by what the table lacks of the values (n, D) that they are for."""
        self._reflection.less(level.reshape(-1)[self._flat])


def _between(start: FloatArray, layout: SegmentLayout) -> FloatArray:
    """Start for the rows that the clock skipped: straight lines between their neighbours."""
    n = len(layout.before)
    if n == len(start):
        return np.array(start, dtype=np.float64)
    return np.column_stack([np.interp(np.arange(n), layout.rows, column) for column in start.T])


def _censored_rows(state: IntervalState, layout: SegmentLayout) -> censored_cells.CensoredRows:
    """Censored cells by the rows of the engine, with the intervals of a chain."""
    row = layout.rows[state.cells.row]
    return censored_cells.CensoredRows(
        row, state.cells.column, layout.stop[row], state.low, state.high
    )


def _gaps(missing: BoolArray, layout: SegmentLayout, L: int) -> var_gaps.VARGaps:
    """List the cells that are missing (n, D), with space for their precision matrix."""
    row, column = (part.astype(np.int64) for part in np.nonzero(missing))
    stop = layout.stop[row]
    first, place = np.empty(row.size, dtype=np.int64), np.empty(row.size, dtype=np.int64)
    entries = var_gaps.profile(row, stop, np.int64(L), first, place)
    return var_gaps.VARGaps(row, column, stop, first, place, np.empty(entries), np.empty(row.size))


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


def complete_rows(
    draw: VARDraw,
    problem: ImputationProblem,
    start: FloatArray,
    rng: np.random.Generator,
    periods: Sequence[float] = (),
    n_sweeps: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Draw the missing cells of another table than that of the fit, given one draw of the coefficients.

    A season that drifted while it was learned is taken as it was on average: where it has gone since is unknown.

    Parameters
    ----------
    draw : VARDraw
    problem : ImputationProblem
        Of the new rows, on the scale of the fit.
    start : (T, D) float
        Any complete table.
    rng : numpy.random.Generator
    periods : sequence of float
        As in the fit.
    n_sweeps : int
        One draws all missing cells from their joint distribution; censored ones, drawn one by one, take several.

    Returns
    -------
    z, mean : (T, D) float
        A draw of the table, and its mean given the coefficients.
    """
    return OtherRows(problem, start, periods).draw(draw, rng, n_sweeps)


class OtherRows:
    """Rows other than those of the fit, laid out once for any number of draws of the coefficients.

    Parameters
    ----------
    problem, start, periods
        As of `complete_rows`.

    Attributes
    ----------
    censored : bool
        Whether there are censored cells. A draw then goes on where the one before it ended; else it forgets that.
    """

    def __init__(
        self, problem: ImputationProblem, start: FloatArray, periods: Sequence[float] = ()
    ) -> None:
        self._problem, self._periods = problem, periods
        self._table = VARTable(problem, start, periods)
        self._start = self._table.Z.copy()
        self.censored = bool(problem.censored.row.size)
        self._regressions: dict[bool, list[tuple[VARRegression, FloatArray]]] = {}

    def draw(
        self, draw: VARDraw, rng: np.random.Generator, n_sweeps: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """Draw the table given one draw of the coefficients, and its mean: (T, D) each."""
        table, drift, parameters = self._table, draw.profile, {}
        regressions = self._regressions_if(drift is not None)
        for part, _ in regressions:
            parameters[part.before] = parameters_for(part, draw.parameters, table.Z.shape[1])
        if not self.censored:
            table.Z[:] = self._start
        for _ in range(n_sweeps if self.censored else 1):
            for part, Y in regressions:
                one = parameters[part.before]
                if self.censored:
                    Y = fill_lags(part, table.Z)
                E = Y - part.X @ one.B
                if drift is not None and part.before == self._problem.lags:
                    steps = table.layout.steps[part.rows]
                    E -= drift_terms(steps, min(self._periods)) @ drift
                table.weighted[part.rows] = E @ one.precision
            table.draw_gaps(rng, parameters)
        return table.given(table.Z), table.given(table.mean)

    def _regressions_if(self, drifts: bool) -> list[tuple[VARRegression, FloatArray]]:
        """Regressions with the lags and responses of the start."""
        if drifts not in self._regressions:
            problem = self._problem
            static = ~seasonal(problem, self._periods)[0] if drifts else None
            parts = regressions_of(self._table.layout, problem, static)
            self._regressions[drifts] = [(part, fill_lags(part, self._start)) for part in parts]
        return self._regressions[drifts]
