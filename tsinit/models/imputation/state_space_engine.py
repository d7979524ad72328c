"""The linear Gaussian state-space model as an engine of the imputer: its chain, and other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.kernels.imputation import censored_cells
from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.chained_equations import PER_DRAW, WARM_UP
from tsinit.models.imputation.drawn_cells import DrawnCells
from tsinit.models.imputation.reflection import Reflection
from tsinit.models.state_draws import expectation
from tsinit.models.state_draws.chain import StateSpaceChain, cells_given
from tsinit.models.state_draws.parameters import StateParameters, StatePrior
from tsinit.models.state_draws.paths import StatePaths
from tsinit.models.state_draws.table import lay_out

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.imputation.model import ImputerOptions
    from tsinit.models.imputation.problem import ImputationProblem
    from tsinit.models.state_draws.table import StateTable

#: Rows times draws of the parameters for which other rows are completed, the fewest of these, and mirrored pairs of
#: paths under each: more rows are completed from fewer draws.
_ROWS, _FEWEST, _PAIRS = 200_000, 4, 1
#: Rows that one sweep of a small table passes over, by repeating its draws up to so often.
_SWEPT, _REPEATS = 4000, 5


class CensoredTable:
    """A problem as the sampler takes it, its censored cells at present values of theirs.

    Given states and parameters these cells are independent of one another: they count as observed for the draws of
    both, and are drawn from their normal distributions within their intervals.

    Parameters
    ----------
    problem : ImputationProblem
    start : (T, D) float
        A table, for the first values of these cells.
    intervals : IntervalState

    Attributes
    ----------
    table : StateTable
        Missing in it are the cells of which nothing is known. Its values change in place.
    """

    def __init__(
        self, problem: ImputationProblem, start: FloatArray, intervals: IntervalState
    ) -> None:
        values = problem.censored.inside(np.where(problem.missing, start, problem.z))
        self.table: StateTable = lay_out(
            np.where(problem.unknown, np.nan, values),
            problem.offsets, problem.steps, problem.covariates,
        )  # fmt: skip
        self._intervals, self._missing = intervals, problem.missing
        self._cells = problem.censored.row, problem.censored.column

    def redraw(self, rng: np.random.Generator, p: StateParameters, states: FloatArray) -> None:
        """Draw the censored cells given states (T, n) and parameters."""
        y, (row, column), state = self.table.y, self._cells, self._intervals
        if not row.size:
            return
        mean = (states[self.table.rows[row]] * p.C[column]).sum(axis=1)
        mean += (self.table.covariates[row] * p.G[column]).sum(axis=1)
        sd = np.sqrt(p.r)[column]

        def redraw_column(j: int) -> None:
            here = np.flatnonzero(column == j)
            drawn = np.empty(len(here))
            censored_cells.redraw_independent(
                rng, mean[here], sd[here], state.low[here], state.high[here], drawn
            )
            y[row[here], j] = drawn

        state.redraw(rng, lambda: y[self._cells], redraw_column)

    def kept(self, cells: FloatArray) -> FloatArray:
        """Put the cells of which nothing is known and the censored ones that are handed out in order, row by row."""
        if not self._cells[0].size:
            return cells
        z = self.table.y.copy()
        z.reshape(-1)[self.table.missing] = cells
        return z[self._missing]


class StateSpaceEngine:
    """A linear Gaussian state-space model on one table, started from subspace identification and EM.

    Attributes
    ----------
    n_states : int
    """

    def __init__(
        self,
        problem: ImputationProblem,
        options: ImputerOptions,
        periods: Sequence[float],
        rng: np.random.Generator,
    ) -> None:
        self._problem, self.size = problem, (0, 0)
        self._prior = StatePrior(level=problem.prior_scale)
        start = np.where(problem.missing, 0.0, problem.z)
        table = CensoredTable(problem, start, IntervalState(problem.censored)).table
        T, D = problem.z.shape
        orders = [options.n_states] if options.n_states else expectation.orders_for(T, D)
        self._start = expectation.start(
            table, np.where(problem.unknown, np.nan, problem.z), problem.offsets, orders, rng
        )
        self.n_states = len(self._start.A)

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> NotedStateChain:
        """Return a chain that begins at a complete table; nothing adapts."""
        return NotedStateChain(self._problem, self._start, start, rng, self._prior)

    def complete(
        self,
        problem: ImputationProblem,
        draws: list[StateParameters],
        rng: np.random.Generator,
        for_mean: bool = False,
    ) -> FloatArray:
        """Draw the missing cells of other rows (draws, cells).

        Paths of states come in pairs that mirror each other at their mean, and so does the noise of the cells: their
        mean over draws is then the mean given the parameters.
        """
        if problem.censored.row.size:
            return self._complete_censored(problem, draws, rng)
        table = CensoredTable(problem, problem.z, IntervalState(problem.censored)).table
        n = min(max(_ROWS // table.n_rows, _FEWEST), len(draws))
        chosen = ((np.arange(n) + 0.5) * len(draws) / n).astype(int)
        out = np.empty((n, _PAIRS, 2, len(table.missing)))
        for i, k in enumerate(chosen):
            parameters = draws[k]
            paths = StatePaths(table, parameters)
            for pair in out[i]:
                noise = rng.standard_normal((table.n_rows, len(parameters.A)))
                own = rng.standard_normal(len(table.missing))
                for sign, cells in zip((1.0, -1.0), pair, strict=True):
                    states = paths.draw(sign * noise)
                    cells[:] = cells_given(table, parameters, states, sign * own)
        return Reflection(problem, problem.unknown).inside(out.reshape(-1, len(table.missing)))

    def _complete_censored(
        self, problem: ImputationProblem, draws: list[StateParameters], rng: np.random.Generator
    ) -> FloatArray:
        """Run a chain of states and censored cells, which goes on from one draw of the parameters to the next."""
        start = np.where(problem.missing, 0.0, problem.z)
        rows, out = CensoredTable(problem, start, IntervalState(problem.censored)), []
        reflection, table = Reflection(problem, problem.unknown), rows.table
        for i, parameters in enumerate(draws):
            for _ in range(PER_DRAW if i else WARM_UP + PER_DRAW):
                noise = rng.standard_normal((table.n_rows, len(parameters.A)))
                states = StatePaths(table, parameters).draw(noise)
                rows.redraw(rng, parameters, states)
            own = rng.standard_normal(len(table.missing))
            cells = reflection.inside(cells_given(table, parameters, states, own))
            out.append(rows.kept(cells))
        return np.array(out)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_problem": None}


class NotedStateChain:
    """The chain of the state-space model with what the imputer notes of any.

    Attributes
    ----------
    log_density : float
        Log-likelihood of the observed cells, and of the censored ones at their present values, states integrated out.
    noise : (D,) float
        Variance that the states leave.
    z : (T, D) float
        The table with the present draw of its missing cells.
    intervals : IntervalState
        Of the censored cells, which a chain may move.
    repeats : int
        Draws of everything that a sweep makes.
    """

    acceptance = 1.0  # all draws are exact

    def __init__(
        self,
        problem: ImputationProblem,
        begin: StateParameters,
        start: FloatArray,
        rng: np.random.Generator,
        prior: StatePrior,
    ) -> None:
        self._problem, self._reflection = problem, Reflection(problem, problem.unknown)
        self._cells, self._rng = DrawnCells(problem.missing), rng
        self.repeats = int(np.clip(_SWEPT // len(problem.z), 1, _REPEATS))
        self.intervals = IntervalState(problem.censored)
        self._rows = CensoredTable(problem, start, self.intervals)
        full = problem.censored.inside(start)
        self.chain = StateSpaceChain(self._rows.table, begin, rng, prior, full)
        self._note(self.chain.cells)

    @property
    def coded(self) -> FloatArray:
        """(T, D) completed table: this engine has no classes."""
        return self.z

    def sweep(self) -> None:
        """Draw states, missing cells, censored ones and parameters."""
        for _ in range(self.repeats):
            self.chain.sweep()
            self._rows.redraw(self._rng, self.chain.parameters, self.chain.states)
        cells = self._reflection.inside(self.chain.cells)
        self._cells.count(self._reflection.counts)
        self._note(cells)

    def _note(self, cells: FloatArray) -> None:
        self.draw = self._rows.kept(cells)
        self.log_density, self.noise = self.chain.log_likelihood, self.chain.parameters.r
        self.imputed_mean, self.imputed_sd = self._cells.moments(self.draw)

    @property
    def z(self) -> FloatArray:
        """(T, D) completed table."""
        z = self._problem.z.copy()
        z[self._problem.missing] = self.draw
        return z

    @property
    def reflected(self) -> FloatArray:
        """(D,) share of the draws that were reflected at the limits."""
        return self._cells.reflected

    def parameter_draw(self) -> StateParameters:
        """Return the parameters, which complete other rows."""
        return self.chain.parameters
