"""Rows that an autoregression was not fitted to, filled by its stored draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.imputation.seasonal_drift import drift_terms
from tsinit.models.imputation.var_regressions import (
    VARRegression,
    fill_lags,
    parameters_for,
    regressions_of,
    seasonal,
)
from tsinit.models.imputation.var_table import VARTable
from tsinit.models.imputation.vector_autoregression import VARDraw

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.imputation.problem import ImputationProblem


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
