"""The engines of the imputer, all asked alike: chained equations, and two joint models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tsinit.models.imputation import chained_equations, joint_cells
from tsinit.models.imputation.chained_equations import (
    PER_DRAW,
    WARM_UP,
    DivergenceError,
    FCSChain,
    FCSDraw,
)
from tsinit.models.imputation.drawn_cells import DrawnCells
from tsinit.models.imputation.gap_lengths import longest_gaps
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.mirrored_rows import can_be_mirrored, mirrored_draws
from tsinit.models.imputation.state_space_engine import StateSpaceEngine
from tsinit.models.imputation.var_new_rows import OtherRows
from tsinit.models.imputation.var_table import NumericalBreakdownError
from tsinit.models.imputation.vector_autoregression import VARChain, VARDraw
from tsinit.models.state_draws.chain import SingularStatesError

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.imputation.column_scales import ColumnScales
    from tsinit.models.imputation.model import ImputerOptions
    from tsinit.models.imputation.problem import ImputationProblem, ImputationTable

#: What is noted after every sweep: name in the trace, and attribute of the chain.
SCALARS = {name: name for name in ("log_density", "noise", "imputed_mean", "imputed_sd")}
#: Errors that end a fit, of any engine.
FAILURES = (DivergenceError, NumericalBreakdownError, SingularStatesError)
#: Standard deviations that chains start apart from one another by.
_APART = 1.0
#: Rows that go missing as a whole from which they suggest the joint model, and its largest size.
_OUTAGE, _LARGEST = 3, 60
#: Multiplications of a sweep of chained equations from which they are not tried: some seconds.
_DEAREST = 1e10


class ImputationEngine(Protocol):
    """What draws missing cells.

    `size` is the number of coefficients and of rows of a regression whose prior is fixed, (0, 0) where it is learned. A
    chain has ``sweep()``, the attributes named in `SCALARS`, the completed table ``z`` (T, D), ``coded``, the same with
    codes for classes, its missing cells ``draw`` (cells,), coded as well, ``acceptance`` and ``reflected``, shares of
    its steps and draws by column, and ``parameter_draw()``, which is what completes other rows.
    """

    size: tuple[int, int]

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> Any:
        """Return a chain that begins at a complete table and adapts for so many sweeps."""

    def complete(
        self,
        problem: ImputationProblem,
        draws: list[Any],
        rng: np.random.Generator,
        for_mean: bool = False,
    ) -> FloatArray:
        """Draw the missing cells of other rows, (n, cells), for draws of the parameters.

        For means, draws need not be independent of one another, nor of all these parameters.
        """


class ChainedEquationsEngine:
    """Chained equations on one table."""

    def __init__(
        self,
        problem: ImputationProblem,
        options: ImputerOptions,
        periods: Sequence[float],
        rng: np.random.Generator,
    ) -> None:
        self._sampler = options.sampler
        self._pilot = None if problem.match else joint_cells.pilot_run(problem, rng)
        self._equations: LaggedRegressions = LaggedRegressions(problem, pilot=self._pilot)
        self._regressions, design = self._equations.regressions, self._equations.design
        rows = design.counts[design.member[0]].sum()
        self.size = (0, 0) if problem.learned_scale else (int(design.size[0].max()), int(rows))

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> FCSChain:
        """Return a chain that begins at a complete table and adapts for so many sweeps."""
        return FCSChain(self._equations, start, rng, self._sampler, n_tune)

    def complete(
        self,
        problem: ImputationProblem,
        draws: list[FCSDraw],
        rng: np.random.Generator,
        for_mean: bool = False,
    ) -> FloatArray:
        """Draw the missing cells of other rows, twice for each draw of the regressions, or for means in pairs."""
        if for_mean and can_be_mirrored(problem):
            equations = LaggedRegressions(problem, self._regressions, self._pilot)
            return mirrored_draws(equations, draws, rng)
        return chained_equations.complete_rows(problem, self._regressions, self._pilot, draws, rng)

    def __getstate__(self) -> dict[str, Any]:
        # The layout is as large as the data and of no use to other rows.
        return self.__dict__ | {"_equations": None}


class VAREngine:
    """A vector autoregression on one table."""

    def __init__(
        self,
        problem: ImputationProblem,
        options: ImputerOptions,
        periods: Sequence[float],
        rng: np.random.Generator,
    ) -> None:
        self._problem, self._periods, self.size = problem, periods, (0, 0)

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> NotedVARChain:
        """Return a chain that begins at a complete table; nothing adapts."""
        return NotedVARChain(self._problem, start, rng, periods=self._periods)

    def complete(
        self,
        problem: ImputationProblem,
        draws: list[VARDraw],
        rng: np.random.Generator,
        for_mean: bool = False,
    ) -> FloatArray:
        """Draw the missing cells of other rows, once for each draw of the autoregression."""
        missing, out = problem.missing, []
        rows = OtherRows(problem, np.where(missing, 0.0, problem.z), self._periods)
        for i, draw in enumerate(draws):
            # Missing cells alone are drawn at once; with censored ones they make a chain.
            n_sweeps = (PER_DRAW if i else WARM_UP + PER_DRAW) if rows.censored else 1
            out.append(rows.draw(draw, rng, n_sweeps)[0][missing])
        return np.array(out)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_problem": None}


class NotedVARChain(VARChain):
    """The chain of the autoregression with what the imputer notes of any."""

    acceptance = 1.0  # all draws are exact

    def __init__(
        self,
        problem: ImputationProblem,
        start: FloatArray,
        rng: np.random.Generator,
        **options: Any,
    ) -> None:
        self._missing = problem.missing
        self._cells = DrawnCells(self._missing)
        super().__init__(problem, start, rng, **options)
        self._note()

    def sweep(self) -> None:
        """Draw the missing cells, then coefficients and noise."""
        super().sweep()
        self._cells.count(self.table.n_reflected)
        self._note()

    def _note(self) -> None:
        self.draw = self.z[self._missing]
        self.imputed_mean, self.imputed_sd = self._cells.moments(self.draw)
        root = self.parameters[max(self.parameters)].root
        self.noise = (root**2).sum(axis=1)

    @property
    def coded(self) -> FloatArray:
        """(T, D) completed table: this engine has no classes."""
        return self.z

    @property
    def reflected(self) -> FloatArray:
        """(D,) share of the draws that were reflected at the limits."""
        return self._cells.reflected


def by_gaps(problem: ImputationProblem) -> str:
    """Name the engine that the gaps suggest.

    Chained equations draw a long gap of one column jointly, but columns one by one: where all are missing for long,
    they say little of each other.
    """
    whole_rows = longest_gaps(problem)[1] >= _OUTAGE
    if suitable("var", problem) and whole_rows:
        return "var"
    return "fcs" if suitable("fcs", problem) else "state_space"


def suitable(method: str, problem: ImputationProblem) -> bool:
    """Whether an engine has what a table asks for, and is not too large for it."""
    # The joint models have none of these.
    alone = bool(problem.sequence_effects or problem.match or problem.classes)
    alone |= problem.noise != "normal"
    D = problem.z.shape[1]
    if method == "fcs":
        lagged = 1 if problem.lag_features == "own" else D
        return alone or D * (D + 2.0 * problem.lags * lagged) ** 3 / 3.0 < _DEAREST
    if alone:
        return False
    return method == "state_space" or 0 < D * problem.lags <= _LARGEST


ENGINES: dict[str, Callable[..., ImputationEngine]] = {
    "fcs": ChainedEquationsEngine,
    "var": VAREngine,
    "state_space": StateSpaceEngine,
}


class ScaledEngine(NamedTuple):
    """The engine of one table, asked in the units of the data."""

    table: ImputationTable
    scales: ColumnScales
    engine: ImputationEngine

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> Any:
        """Return a chain that begins at a complete table (T, D)."""
        return self.engine.chain(self.scales.forward(start), rng, n_tune)

    def moved(self, start: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Add noise to the missing cells of a start, on the scale of the engine."""
        z, missing = self.scales.forward(start), self.scales.active_missing(self.table)
        low, high = self.scales.limits
        z[missing] += _APART * rng.standard_normal(missing.sum())
        return self.scales.with_cells(self.table, self.scales.coded(np.clip(z, low, high)))

    def trial(
        self, seed: np.random.SeedSequence, start: FloatArray, n_iter: int
    ) -> tuple[float, FloatArray]:
        """Run a chain for `n_iter` sweeps: (log density, table) where it got to. Equal seeds give equal chances."""
        chain = self.chain(start, np.random.default_rng(seed), n_iter)
        for _ in range(n_iter):
            chain.sweep()
        refined = self.scales.with_cells(self.table, chain.coded)
        chain.sweep()  # notes the density of the table that it begins with
        return float(chain.log_density), refined
