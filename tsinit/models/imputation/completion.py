"""Other rows than those of the fit, completed by the regressions that the fit has drawn."""

import numpy as np

from tsinit.kernels.imputation import column_gaps, fcs
from tsinit.models.imputation.chained_equations import DOF
from tsinit.models.imputation.joint_cells import Entangled
from tsinit.models.imputation.lagged_regressions import Equations

#: Sweeps over the cells before the first that counts, and for each draw of the regressions.
_WARM_UP, _EACH = 30, 2


def complete(problem, classes, law, parameters, rng):
    """Draw the missing cells of a problem, once for each draw of the regressions.

    Parameters
    ----------
    problem : Problem
    classes : (K,) int
        Patterns of lags that the regressions belong to.
    law : Law or None
        By which entangled cells are told.
    parameters : list of Parameters
    rng : numpy.random.Generator

    Returns
    -------
    (len(parameters), cells) float
        Missing cells row by row.
    """
    equations = Equations(problem, classes, law)
    mean = np.where(
        problem.missing, 0.0, problem.z
    )  # the mean of every column: forgotten in the warm-up
    table = equations.spread(np.clip(mean, problem.low, problem.high))
    draws = np.empty((len(parameters), problem.missing.sum()))
    worker = _Worker(equations, mean, rng)
    worker.sweep(table, parameters[0], _WARM_UP)
    for i, draw in enumerate(parameters):
        worker.sweep(table, draw, _EACH)
        draws[i] = equations.draw(table)
    return draws


class _Worker:
    """Room to redraw cells in."""

    def __init__(self, equations, start, rng):
        problem, self._eq, self._rng = equations.problem, equations, rng
        D = problem.z.shape[1]
        self._room = column_gaps.room(equations.cells, problem.lags)
        self._limits = column_gaps.Limits(problem.low, problem.high, problem.lower, problem.upper)
        self._weights = (
            np.ones((equations.n_rows, D)) if problem.noise == "student_t" else np.empty((0, 0))
        )
        self._hits = np.zeros(D, dtype=np.int64)
        self._joint = Entangled(equations, start) if equations.entangled.any() else None

    def sweep(self, table, parameters, n_sweeps):
        eq = self._eq
        empty = np.zeros((0, 0))
        fits = fcs.Fits(parameters.theta, parameters.tau2, empty, empty, empty, empty)
        for _ in range(n_sweeps):
            order = self._rng.permutation(eq.incomplete)
            column_gaps.redraw(
                self._rng, table, eq.covariates, self._weights, order, eq.cells, fits, self._limits, self._room,
                self._hits,
            )  # fmt: skip
            if self._weights.size:
                column_gaps.draw_weights(
                    self._rng, table, eq.covariates, eq.cells.regression, fits, DOF, self._weights
                )
            if self._joint is not None:
                self._joint.laws = parameters.laws
                self._joint.redraw(self._rng, table, self._hits)
