"""The linear Gaussian state-space model as an engine of the imputer: its chain, and other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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
_ROWS, _FEWEST, _PAIRS = 400_000, 4, 2
#: Rows that one sweep of a small table passes over, by repeating its draws up to so often.
_SWEPT, _REPEATS = 4000, 5


def state_table(problem: ImputationProblem) -> StateTable:
    """Set a problem out by its clock."""
    return lay_out(problem.z, problem.offsets, problem.steps, problem.covariates)


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
        self._table = state_table(problem)
        T, D = problem.z.shape
        orders = [options.n_states] if options.n_states else expectation.orders_for(T, D)
        self._start = expectation.start(self._table, problem.z, problem.offsets, orders, rng)
        self.n_states = len(self._start.A)

    def chain(self, start: FloatArray, rng: np.random.Generator, n_tune: int) -> NotedStateChain:
        """Return a chain that begins at a complete table; nothing adapts."""
        return NotedStateChain(self._problem, self._table, self._start, start, rng, self._prior)

    def complete(
        self, problem: ImputationProblem, draws: list[StateParameters], rng: np.random.Generator
    ) -> FloatArray:
        """Draw the missing cells of other rows (draws, cells).

        Paths of states come in pairs that mirror each other at their mean, and so does the noise of the cells: their
        mean over draws is then the mean given the parameters.
        """
        table = state_table(problem)
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
        return Reflection(problem).inside(out.reshape(-1, len(table.missing)))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_problem": None, "_table": None}


class NotedStateChain:
    """The chain of the state-space model with what the imputer notes of any.

    Attributes
    ----------
    log_density : float
        Log-likelihood of the observed cells, states integrated out.
    noise : (D,) float
        Variance that the states leave.
    z : (T, D) float
        The table with the present draw of its missing cells.
    """

    acceptance = 1.0  # all draws are exact

    def __init__(
        self,
        problem: ImputationProblem,
        table: StateTable,
        begin: StateParameters,
        start: FloatArray,
        rng: np.random.Generator,
        prior: StatePrior,
    ) -> None:
        self._problem, self._reflection = problem, Reflection(problem)
        self._columns, D = np.nonzero(problem.missing)[1], problem.z.shape[1]
        self._n = np.maximum(np.bincount(self._columns, minlength=D), 1)
        self._n_reflected, self._n_sweeps = np.zeros(D), 0
        self._repeats = int(np.clip(_SWEPT // len(problem.z), 1, _REPEATS))
        self.chain = StateSpaceChain(table, begin, rng, prior, start)
        self._note(self.chain.cells)

    def sweep(self) -> None:
        """Draw states, missing cells and parameters."""
        for _ in range(self._repeats):
            self.chain.sweep()
        cells = self._reflection.inside(self.chain.cells)
        self._n_reflected += self._reflection.counts
        self._n_sweeps += 1
        self._note(cells)

    def _note(self, cells: FloatArray) -> None:
        D = len(self._n)
        self.draw, self.log_density = cells, self.chain.log_likelihood
        self.noise = self.chain.parameters.r
        self.imputed_mean = np.bincount(self._columns, cells, D) / self._n
        square = np.bincount(self._columns, cells**2, D) / self._n
        self.imputed_sd = np.sqrt(np.maximum(square - self.imputed_mean**2, 0.0))

    @property
    def z(self) -> FloatArray:
        """(T, D) completed table."""
        z = self._problem.z.copy()
        z[self._problem.missing] = self.draw
        return z

    @property
    def reflected(self) -> FloatArray:
        """(D,) share of the draws that were reflected at the limits."""
        return self._n_reflected / (max(self._n_sweeps, 1) * self._n)

    def parameter_draw(self) -> StateParameters:
        """Return the parameters, which complete other rows."""
        return self.chain.parameters
