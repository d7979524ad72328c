"""Means of the missing cells of rows that were not part of the fit, by pairs of tables that mirror each other.

A pair is two chains under the same draws of the regressions, one driven by noise and the other by its negative. Where
cells are linear in the noise, as they are but for bounds and on the scale of the engine, the mean of a pair is the
conditional mean itself: ten pairs then say as much as a hundred single draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation import column_gaps, mirrored_gaps
from tsinit.kernels.params import writeable
from tsinit.models.imputation.joint_cells import JointCells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray
    from tsinit.models.imputation.chained_equations import FCSDraw
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions
    from tsinit.models.imputation.problem import ImputationProblem

#: Cells that are drawn over all pairs, as long as that leaves so many pairs.
_MAX_DRAWN, _MIN_PAIRS = 1e6, 8
#: Sweeps before the first that counts.
_WARM_UP = 10


def can_be_mirrored(problem: ImputationProblem) -> bool:
    """Whether all missing cells are normal given the others, by the regressions alone."""
    return not (
        problem.noise == "student_t"
        or problem.match
        or problem.sequence_effects
        or problem.censored.row.size
        or problem.classes
    )


def mirrored_draws(
    equations: LaggedRegressions, draws: Sequence[FCSDraw], rng: np.random.Generator
) -> FloatArray:
    """Draw the missing cells of rows in pairs, for some draws of the regressions.

    Parameters
    ----------
    equations : LaggedRegressions
        Of a problem that `can_be_mirrored`.
    draws : list of FCSDraw
        As many are used, evenly spaced, as the number of cells is worth.
    rng : numpy.random.Generator

    Returns
    -------
    (2 pairs, cells) float
        Missing cells row by row; two that follow one another are a pair.
    """
    problem, n_cells = equations.problem, int(equations.n_cells.sum())
    n = max(int(_MAX_DRAWN / max(n_cells, 1)), _MIN_PAIRS)
    draws = draws[:: -(-len(draws) // n)]
    mean = np.where(problem.missing, 0.0, problem.z)
    start = equations.spread(np.clip(mean, problem.low, problem.high))
    tables = mirrored_gaps.pair_of(start, equations.gaps, equations.reach)
    F, none = np.ascontiguousarray(equations.covariates.T), np.empty((0, 0))
    limits = writeable(
        column_gaps.DrawLimits(problem.low, problem.high, problem.lower, problem.upper, none)
    )
    joint = JointCells(equations, mean) if equations.pilot else None
    out = np.empty((2 * len(draws), n_cells))
    # Cells that are all drawn at once need no warm-up.
    n_warmup = _WARM_UP if equations.gaps.row.size else 0
    for k in range(-n_warmup, len(draws)):
        draw = draws[k % len(draws)]  # in the warm-up some of the same
        mirrored_gaps.redraw_pair(
            rng, tables, F, rng.permutation(equations.incomplete), equations.gaps,
            writeable(draw.regressions), limits,
        )  # fmt: skip
        if joint and joint.any:
            joint.parameters = draw.joint
            joint.redraw_pair(rng, [table.columns.T for table in tables])
        if k >= 0:
            for own, table in zip(out[2 * k :], tables, strict=False):
                own[:] = equations.draw(table.columns.T)
    return out
