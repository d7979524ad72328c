"""The Gibbs sampler: states given parameters, parameters given states, missing cells given both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.state_draws.interweaving import closely_followed, draw_noise
from tsinit.models.state_draws.parameters import (
    StateParameters,
    StatePrior,
    draw_dynamics,
    draw_level,
    draw_observation,
)
from tsinit.models.state_draws.paths import StatePaths
from tsinit.models.state_draws.table import column_sums

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.state_draws.table import StateTable


class SingularStatesError(ArithmeticError):
    """The precision of the states is not positive definite to rounding, and a chain cannot go on."""


class StateSpaceChain:
    """Gibbs sampler of a linear Gaussian state-space model on one table.

    Missing cells are integrated out of the draws of states and parameters, and drawn on the side: a gap slows nothing.

    Parameters
    ----------
    table : StateTable
    parameters : StateParameters
        Where the chain begins.
    rng : numpy.random.Generator
    prior : StatePrior
    filled : (T, D) float, optional
        A complete table: the first states and parameters are drawn given its cells as if observed.
    close : (k,) int, optional
        Columns whose noise is moved together with the states; without it those that the states follow closely where
        the chain begins. They stay the same: chosen by where a chain is, they would change where it goes.

    Attributes
    ----------
    parameters : StateParameters
    states : (T, n) float
        Rows of the table's clock.
    log_likelihood : float
        Of the observed cells under the parameters before the last sweep.
    cells : (cells,) float
        Missing cells, row by row.
    """

    def __init__(
        self,
        table: StateTable,
        parameters: StateParameters,
        rng: np.random.Generator,
        prior: StatePrior,
        filled: FloatArray | None = None,
        close: IntArray | None = None,
    ) -> None:
        self._table, self._rng, self._prior = table, rng, prior
        self.parameters = parameters
        self._close = closely_followed(table, parameters) if close is None else close
        self.states, self.log_likelihood = np.zeros((table.n_rows, len(parameters.A))), np.nan
        self.cells = np.zeros(len(table.missing))
        if filled is not None:
            complete = table.filled(filled)
            self.draw_states(complete)
            self.draw_parameters(complete)
            self.log_likelihood = StatePaths(table, self.parameters).log_likelihood
            self.cells = filled.ravel()[table.missing]

    def sweep(self) -> None:
        """Draw states, missing cells and parameters."""
        self.draw_states(self._table)
        self.draw_cells()
        self.draw_parameters(self._table)

    def draw_states(self, table: StateTable) -> None:
        """Draw the states given the parameters and the observed cells of a table."""
        paths = StatePaths(table, self.parameters)
        self.log_likelihood = paths.log_likelihood
        if not np.isfinite(self.log_likelihood):
            raise SingularStatesError(
                "The precision of the states must be positive definite; it is not to rounding. Use fewer states."
            )
        self.states = paths.draw(self._rng.standard_normal(self.states.shape))

    def draw_cells(self) -> None:
        """Draw the missing cells given states and parameters."""
        noise = self._rng.standard_normal(len(self._table.missing))
        self.cells = cells_given(self._table, self.parameters, self.states, noise)

    def draw_parameters(self, table: StateTable) -> None:
        """Draw the parameters given the states and the observed cells of a table."""
        rng, prior = self._rng, self._prior
        U = np.column_stack([self.states[table.rows], table.covariates])
        squares, counts = np.einsum("ij,ij->j", table.y, table.y), table.observed.sum(axis=0)
        present = draw_dynamics(rng, self.states, table, self.parameters, prior)
        present = draw_observation(rng, column_sums(table, U), squares, counts, present, prior)
        states, present = draw_noise(rng, self.states, table, present, prior, self._close)
        self.states, self.parameters = draw_level(rng, states, table, present, prior)


def cells_given(
    table: StateTable, p: StateParameters, states: FloatArray, noise: FloatArray
) -> FloatArray:
    """Missing cells, row by row, given states (T, n), parameters and standard normal noise (cells,)."""
    mean = states[table.rows] @ p.C.T + table.covariates @ p.G.T
    sd = np.sqrt(p.r)[table.missing % len(p.r)]
    return mean.ravel()[table.missing] + sd * noise
