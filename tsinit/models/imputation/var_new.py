"""Complete rows that a vector autoregression was not fitted to."""

from typing import NamedTuple

import numpy as np

from tsinit.models.imputation.seasonal_drift import drift_terms
from tsinit.models.imputation.var_layout import seasonal
from tsinit.models.imputation.var_posterior import NoisePrior
from tsinit.models.imputation.var_regressions import classes, design, fitting
from tsinit.models.imputation.var_table import GapTable


class VarDraw(NamedTuple):
    """One draw of what an autoregression learns."""

    laws: dict  # rows before -> Law
    profile: np.ndarray | None  # (2 H + 1, D) mean of a season that drifts, over its periods


def complete_new(draw, problem, start, rng, periods=()):
    """Draw the missing cells of another table, given one draw of the coefficients.

    A season that drifted while it was learned is taken as it was on average: where it has gone since, nobody knows.

    Parameters
    ----------
    draw : VarDraw
    problem : Problem
        Of the new rows, on the scale of the fit.
    start : (T, D) float
        Any complete table.
    rng : numpy.random.Generator
    periods : sequence of float
        As in the fit.

    Returns
    -------
    z, mean : (T, D) float
        A draw of the table, and its mean given the coefficients.
    """
    table, L, D = GapTable(problem, start, periods), problem.lags, problem.z.shape[1]
    walks = draw.profile is not None
    static = ~seasonal(problem, periods)[0]
    laws = {}
    for part in classes(
        table.layout, L, D, static, walks, problem.prior_scale, NoisePrior(D + 2.0, 1.0)
    ):
        law = laws[part.before] = fitting(draw.laws, part, D)
        E = design(part, table.Z) - part.X @ law.B
        if walks and part.before == L:
            E -= drift_terms(table.layout.steps[part.rows], min(periods)) @ draw.profile
        table.weighted[part.rows] = E @ law.precision
    table.draw_gaps(rng, laws)
    return table.given(table.Z), table.given(table.mean)
