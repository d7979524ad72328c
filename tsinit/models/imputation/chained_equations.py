"""One chain of chained equations: regressions and missing cells of a table, drawn in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels.imputation import column_gaps
from tsinit.kernels.imputation.column_regressions import (
    CHUNK,
    ColumnPrior,
    ColumnRegressions,
    RegressionSampler,
    SamplerSettings,
    estimate,
    grams,
    regress,
    weighted_grams,
)
from tsinit.kernels.imputation.regression import GIBBS, MALA, RWM, workspace
from tsinit.kernels.params import writeable
from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.column_cells import CellSampler
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.matching import kept
from tsinit.models.imputation.sequence_levels import LevelPrior, draw_precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.imputation.problem import ImputationProblem
    from tsinit.models.imputation.var_regressions import VARParameters

#: Median of the half-Cauchy prior of a noise standard deviation, of columns of variance 1. Its density is flat towards
#: zero: a column that is predicted well is taken to be (Gelman, Bayesian Analysis 1, 2006).
NOISE_SPREAD = 1.0
#: Median of the half-Cauchy prior of the standard deviation of a regression's coefficients, where it is learned.
SHRINKAGE = 1.0
#: Steps of a sampler in each sweep: so many bring about one independent draw.
_STEPS = {"gibbs": 1, "mala": 5, "rwm": 20}
#: More redraws of latent columns of classes in each sweep.
_LATENT_STEPS = 2
#: The same where sequences have levels, and cells are not moved with their ranks.
_STEPS_WITH_LEVELS = 4
_CODES = {"gibbs": GIBBS, "mala": MALA, "rwm": RWM}
_EXACT = SamplerSettings(GIBBS, 1, True, False)
#: Drawn cells that vary so many times as much as observed ones, for so many sweeps, have left the data behind.
_DIVERGED, _PATIENCE = 3.0, 20
#: On other rows: sweeps over the cells before the first that counts, and for each draw of the regressions.
WARM_UP, PER_DRAW = 30, 2


class DivergenceError(RuntimeError):
    """The regressions of a table contradict each other so much that its missing cells run away."""

    def __init__(self, number: int, spread: float) -> None:
        super().__init__(number, spread)
        self.number, self.spread = number, spread
        self.column: object = number  # until a caller that has the name puts it here

    def __str__(self) -> str:
        return (
            f"The missing values of column {self.column!r} must stay within the spread of the observed ones; got a "
            f"standard deviation {self.spread:.3g} times theirs for {_PATIENCE} sweeps. Try fewer lags, "
            "method='var', a transform of that column, or bounds."
        )


class FCSDraw(NamedTuple):
    """One draw of what chained equations learn: it completes other rows."""

    regressions: ColumnRegressions
    joint: dict[int, VARParameters]  # of the jointly sampled cells, by rows before; empty without
    levels: LevelPrior | None = None  # of the levels of sequences, where they have any
    donors: dict[int, tuple[FloatArray, FloatArray]] | None = (
        None  # by column, where cells are matched
    )
    cuts: Sequence[FloatArray] = ()  # cut points of each column of classes


class FCSChain:
    """Gibbs sampler over the regressions of all columns and over the missing cells, column by column.

    A sweep draws every regression given the completed table, then every column's missing cells jointly given the
    regressions and the other columns. Where the regressions are the conditionals of one joint model, that is its
    posterior; with one column it always is. Cells that others of their row nearly determine are left to an
    autoregression of all columns (`JointCells`).

    Parameters
    ----------
    equations : LaggedRegressions
        Or an `ImputationProblem`, which is laid out first.
    start : (T, D) float
        Complete table to begin with.
    rng : numpy.random.Generator
    sampler : {"mala", "rwm", "gibbs"}
    n_tune : int
        Sweeps in which step sizes adapt.
    precondition : bool
        Shape proposals by the curvature; False is for the study of what that gains.

    Attributes
    ----------
    log_density : float
        Log density of the completed table under its regressions, summed over columns.
    noise, imputed_mean, imputed_sd : (D,) float
        Noise variance of each column, as a share of its variance where it is latent, mean and standard deviation of its
        drawn cells.
    intervals : IntervalState
        Of the censored cells.
    """

    def __init__(
        self,
        equations: LaggedRegressions | ImputationProblem,
        start: FloatArray,
        rng: np.random.Generator,
        sampler: str = "mala",
        n_tune: int = 100,
        precondition: bool = True,
    ) -> None:
        if not isinstance(equations, LaggedRegressions):
            equations = LaggedRegressions(equations)
        self.equations, self._rng, self._n_tune, self._n_sweeps = equations, rng, n_tune, 0
        self._settings = SamplerSettings(_CODES[sampler], _STEPS[sampler], precondition, True)
        levels = equations.incomplete if equations.problem.sequence_effects else None
        self._cells = CellSampler(equations, start, start, rng, levels)
        self._level_precision = np.eye(0 if levels is None else len(levels))
        self._begin()
        self._note(np.nan)  # there are no regressions yet

    def _begin(self) -> None:
        eq = self.equations
        (K, D, m), M = eq.design.index.shape, eq.width
        p = eq.problem
        # Coefficients that are small at first: draws far from all data would be slow to come back.
        first = 1.0 / np.maximum(eq.design.size, 1) if p.learned_scale else p.prior_scale
        scale = np.broadcast_to(first, (K, D)).astype(np.float64)
        if not p.learned_scale:
            latent = self._cells.classes.columns
            # Signs say nothing of a scale: were it as large for each of many, classes would be taken to be certain.
            scale[:, latent] /= np.maximum(eq.design.size[:, latent], 1)
        theta, half = np.zeros((K, D, M)), np.full((K, D), 0.5)
        self._fits = ColumnRegressions(theta, half, half.copy(), scale)
        state = [np.full((K, D), value) for value in (0.5, 0.0, 0.0, 0.0)]
        fixed = self._settings._replace(adapt=False)
        self._samplers = {s: RegressionSampler(s, *state) for s in (_EXACT, self._settings, fixed)}
        self._sampler = self._samplers[self._settings]  # they share what adapts and is counted
        shrinkage = SHRINKAGE if p.learned_scale else 0.0
        self._prior = ColumnPrior(p.prior_scale, NOISE_SPREAD, shrinkage)
        latent = self._cells.classes.columns
        self._fits.tau2[:, latent] = 1.0
        self._numbers = np.setdiff1d(eq.incomplete, latent) if latent.size else eq.incomplete
        n_sets = D if self.table.weights.size else 1
        self._S = np.zeros((n_sets, len(eq.starts) - 1, M, M))
        self._X, self._workspace = np.empty((CHUNK, M)), workspace(m)
        self._n_diverged = np.zeros(D, dtype=int)

    def sweep(self) -> None:
        """Draw all regressions, then all missing cells."""
        adapt = self._n_sweeps < self._n_tune
        # Coefficients begin at a draw given the start: there is nothing else to begin with.
        settings = self._settings._replace(adapt=adapt) if self._n_sweeps else _EXACT
        if self._n_sweeps == self._n_tune:
            self._sampler.tries[:] = self._sampler.accepted[:] = 0.0
            self._cells.n_reflected[:] = 0
        if self._n_sweeps and self._cells.classes.cuts:
            self._redraw_latent(adapt)
        self._gather()
        log_density = self._regress(settings, self._numbers)
        log_density += self._regress_latent()
        self._draw_levels()
        self._redraw()
        self._n_sweeps += 1
        self._note(log_density)
        self._check_spread()

    def _gather(self) -> None:
        eq, (W, F, weights) = self.equations, self.table
        given = W, F, eq.reach, eq.rows, eq.starts, self._X, self._S
        if weights.size:
            weighted_grams(*given, weights)
        else:
            grams(*given)

    def _regress(self, settings: SamplerSettings, columns: IntArray) -> float:
        return regress(
            self._rng, self._S, self.equations.design, columns, self._fits, self._prior,
            self._samplers[settings], self._workspace,
        )  # fmt: skip

    def _draw_levels(self) -> None:
        levels = self._cells.levels
        if levels is None:
            return
        own = levels.levels[:, levels.columns]
        self._level_precision = draw_precision(self._rng, own, self._level_precision)
        self._cells.redraw_levels(self._fits, self._level_precision)

    def _redraw_latent(self, adapt: bool) -> None:
        """Redraw latent columns several times: single cells between their neighbours move slowly."""
        for _ in range(_LATENT_STEPS if self._cells.levels is None else _STEPS_WITH_LEVELS):
            self._gather()
            self._regress_latent()
            self._cells.redraw_censored(self._fits)
            self._cells.classes.move(
                self._rng, self.table, self._fits, adapt, self._prior.shrinkage, self._cells.levels
            )

    def _regress_latent(self) -> float:
        """Draw the coefficients of latent columns, whose noise has variance 1; return their log density."""
        total = 0.0
        for j in self._cells.classes.columns:
            log_density = self._regress(_EXACT, np.array([j]))
            tau2, n = self._fits.tau2[0, j], self._n_equations
            squares = -2.0 * log_density - n * np.log(2.0 * np.pi * tau2)
            total -= 0.5 * (n * np.log(2.0 * np.pi) + squares * tau2)
            self._fits.tau2[:, j] = 1.0
        return total

    @property
    def _n_equations(self) -> float:
        """Rows of the first regression, of which the log density is told."""
        design = self.equations.design
        return float(design.counts[design.member[0]].sum())

    def _redraw(self) -> None:
        if self._cells.matching is not None:
            self._estimate(self.equations.incomplete)
            self._cells.match_columns(self._fits, self._donors)
            return
        self._cells.redraw_censored(self._fits)
        self._cells.redraw_columns(self._fits)
        joint = self._cells.joint
        if joint and joint.any:
            joint.draw_parameters(self._rng, self._S)
            self._cells.redraw_joint()

    def _estimate(self, columns: IntArray) -> None:
        """Set the coefficients that donors are predicted by."""
        theta = np.zeros_like(self._fits.theta)
        estimate(
            self._S, self.equations.design, columns, self._fits, self._prior, self._workspace, theta
        )  # fmt: skip
        self._estimates = self._fits._replace(theta=theta)

    def _donors(self, j: int) -> tuple[FloatArray, FloatArray]:
        assert self._cells.matching is not None
        return self._cells.matching.donors(self.table, self._estimates, j)

    def _note(self, log_density: float) -> None:
        self.log_density = log_density
        self.noise = self._fits.tau2[0].copy()
        latent = self._cells.classes.columns
        if latent.size:
            self._spread = np.maximum(self.z[:, latent].std(axis=0), 1.0)
            self.noise[latent] = 1.0 / self._spread**2
        self.imputed_mean, self.imputed_sd = self.equations.moments(self._cells.values)

    def _check_spread(self) -> None:
        diverged = ~(self.imputed_sd <= self._limit())
        self._n_diverged = np.where(diverged, self._n_diverged + 1, 0)
        if self._n_diverged.max(initial=0) >= _PATIENCE or not np.isfinite(self.log_density):
            j = int(self._n_diverged.argmax())
            raise DivergenceError(j, self.imputed_sd[j])

    def _limit(self) -> FloatArray:
        """(D,) spread of drawn cells from which on they have left the data behind."""
        limit = np.full(len(self.imputed_sd), _DIVERGED)
        if self._cells.classes.columns.size:
            limit[self._cells.classes.columns] *= self._spread
        return limit

    @property
    def table(self) -> column_gaps.WindowTable:
        """The completed table, laid out by the clock; deviations where sequences have levels."""
        return self._cells.table

    @property
    def intervals(self) -> IntervalState:
        """Intervals of the censored cells, which a chain may move."""
        return self._cells.intervals

    @property
    def z(self) -> FloatArray:
        """(T, D) completed table."""
        return self._cells.z

    @property
    def coded(self) -> FloatArray:
        """(T, D) completed table with codes for classes."""
        return self._cells.coded

    @property
    def draw(self) -> FloatArray:
        """(cells,) missing cells, row by row, with codes for classes."""
        return self._cells.draw

    @property
    def acceptance(self) -> FloatArray:
        """(D,) mean acceptance probability of the steps since the warm-up; 1 where draws are exact."""
        tries, accepted = self._sampler.tries.sum(axis=0), self._sampler.accepted.sum(axis=0)
        return np.where(tries > 0, accepted / np.maximum(tries, 1.0), 1.0)

    @property
    def reflected(self) -> FloatArray:
        """(D,) share of the draws since the warm-up that were reflected at the limits."""
        counted = self._n_sweeps - self._n_tune if self._n_sweeps > self._n_tune else self._n_sweeps
        return self._cells.n_reflected / np.maximum(self.equations.n_cells * counted, 1)

    def parameter_draw(self) -> FCSDraw:
        """Copy the regressions, those of complete columns too, which new rows may need."""
        complete = np.setdiff1d(np.arange(self.table.W.shape[1]), self.equations.incomplete)
        if complete.size:  # nothing in the chain depends on them
            self._regress(_EXACT, complete)
        joint = self._cells.joint
        if joint and not joint.any:
            joint.draw_parameters(self._rng, self._S)
        fits = ColumnRegressions(*(part.copy() for part in self._fits))
        levels = self._cells.levels
        prior = None if levels is None else LevelPrior(levels.columns, self._level_precision)
        donors = None
        if self._cells.matching is not None:
            D = self.table.W.shape[1]
            self._estimate(np.arange(D))
            donors = {j: kept(self._donors(j)) for j in range(D)}
        cuts = [own.copy() for own in self._cells.classes.cuts]
        return FCSDraw(fits, dict(joint.parameters) if joint else {}, prior, donors, cuts)


def complete_rows(
    problem: ImputationProblem,
    regressions: IntArray,
    pilot: VARParameters | None,
    draws: list[FCSDraw],
    rng: np.random.Generator,
) -> FloatArray:
    """Draw the missing cells of other rows than those of the fit, for each draw of the regressions.

    Parameters
    ----------
    problem : ImputationProblem
        Of the other rows, on the scale of the fit.
    regressions : (K,) int
        Patterns of lags that the regressions belong to.
    pilot : VARParameters or None
        Autoregression by which the jointly sampled cells are found.
    draws : list of FCSDraw
    rng : numpy.random.Generator

    Returns
    -------
    (2 len(draws), cells) float
        Missing cells row by row, after each of the sweeps that a draw has.
    """
    equations = LaggedRegressions(problem, regressions, pilot)
    mean = np.where(
        problem.missing, 0.0, problem.z
    )  # the mean of every column: forgotten in the warm-up
    values, shared = np.clip(mean, problem.low, problem.high), draws[0].levels
    cells = CellSampler(equations, mean, values, rng, None if shared is None else shared.columns)
    out = np.empty((PER_DRAW * len(draws), problem.missing.sum()))
    for i, draw in enumerate(draws):
        fits = writeable(draw.regressions)
        cells.classes.set_cuts(draw.cuts)
        for k in range(0 if i else -WARM_UP, PER_DRAW):
            if draw.levels is not None:
                cells.redraw_levels(fits, draw.levels.precision)
            if draw.donors is not None:
                cells.match_columns(fits, draw.donors.__getitem__)
            else:
                cells.redraw_censored(fits)
                cells.redraw_columns(fits)
            if cells.joint and cells.joint.any:
                cells.joint.parameters = draw.joint
                cells.redraw_joint()
            if k >= 0:
                out[PER_DRAW * i + k] = cells.draw
    return out
