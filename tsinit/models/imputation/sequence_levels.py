"""Levels of the sequences of a panel: a normal prior, its covariance, and the levels that a chain has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels.imputation import sequence_levels as kernels
from tsinit.kernels.params import writeable
from tsinit.models.imputation.var_regressions import draw_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels.imputation.column_gaps import WindowTable
    from tsinit.kernels.imputation.column_regressions import ColumnRegressions
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions

#: Median of the half-Cauchy prior of the standard deviation of levels, of columns of variance 1.
SPREAD = 1.0
#: Degrees of freedom by which standard deviations are half-Cauchy (Huang and Wand, Bayesian Analysis 8, 2013).
_DOF = 1.0


class LevelPrior(NamedTuple):
    """Distribution of the levels of all sequences, a draw of it: N(0, precision^-1)."""

    columns: IntArray  # (I,) columns that have levels
    precision: FloatArray  # (I, I)


def draw_precision(
    rng: np.random.Generator, levels: FloatArray, precision: FloatArray, spread: float = SPREAD
) -> FloatArray:
    """Draw the precision of levels (S, I) given them; every standard deviation is half-Cauchy a priori.

    The covariance is IW(I, 2 diag(1 / a)) with a_i ~ IG(1/2, spread^-2): 1 / a is drawn given the present precision,
    then the precision, a Wishart variable.
    """
    n, size = levels.shape
    shape = 0.5 * (_DOF + size)
    rate = _DOF * np.diag(precision) + spread**-2
    inverse = rng.standard_gamma(shape, size) / rate  # of a
    scale = 2.0 * _DOF * np.diag(inverse) + levels.T @ levels
    return draw_noise(rng, scale, _DOF + size - 1.0 + n)[1]


class SequenceLevels:
    """The levels of the sequences of one table, as a chain has them.

    Parameters
    ----------
    equations : LaggedRegressions
    columns : (I,) int
        Columns that have levels; the others keep 0.

    Attributes
    ----------
    levels : (S, D) float
        Of sequences that have rows.
    table : (Tp, D) float
        Level of every row laid out by the clock, which the deviations of the chain lack.
    precision : (I, I) float
        By which they were drawn last.
    """

    def __init__(self, equations: LaggedRegressions, columns: IntArray) -> None:
        problem, place = equations.problem, equations.place
        D, sizes = problem.z.shape[1], np.diff(problem.offsets)
        starts = problem.offsets[:-1][sizes > 0]
        first, stop = place[starts], place[starts + sizes[sizes > 0] - 1] + 1
        observed = np.zeros((equations.n_rows, D), dtype=bool)
        # The latent value of a cell of which an interval is known counts as what was observed.
        observed[place] = ~problem.unknown
        self._rows = writeable(
            kernels.SequenceRows(first, stop, observed, equations.gaps.regression)
        )
        self.columns, self.levels = np.asarray(columns, dtype=np.int64), np.zeros((len(first), D))
        self.precision = np.eye(len(self.columns))
        self.table = np.zeros((equations.n_rows, D))

    def begin(self, W: FloatArray) -> None:
        """Set levels to the shrunken means of what was observed, and take them off a table (Tp, D)."""
        rows = self._rows
        for s, (a, b) in enumerate(zip(rows.first, rows.stop, strict=True)):
            seen = rows.observed[a:b, self.columns]
            sums = np.where(seen, W[a:b, self.columns], 0.0).sum(axis=0)
            self.levels[s, self.columns] = sums / (seen.sum(axis=0) + 1.0)
        self._spread_out()
        filled = rows.regression >= 0
        W[filled] -= self.table[filled]

    def draw(
        self,
        rng: np.random.Generator,
        table: WindowTable,
        fits: ColumnRegressions,
        precision: FloatArray,
    ) -> None:
        """Draw the levels given regressions and deviations of missing cells; `table` is kept in step."""
        self.precision = precision
        kernels.draw_levels(
            rng, table, self._rows, fits, self.columns, precision, self.levels
        )  # fmt: skip
        self._spread_out()

    def scale(self, columns: Sequence[int], factor: float) -> None:
        """Multiply the levels of some columns."""
        self.levels[:, list(columns)] *= factor
        self._spread_out()

    def _spread_out(self) -> None:
        for s, (a, b) in enumerate(zip(self._rows.first, self._rows.stop, strict=True)):
            self.table[a:b] = self.levels[s]
