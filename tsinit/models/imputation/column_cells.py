"""Missing cells of the columns of chained equations, and their draws given the regressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation import censored_cells, column_gaps
from tsinit.kernels.imputation.column_regressions import ColumnRegressions
from tsinit.kernels.params import writeable
from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.class_sampler import ClassSampler
from tsinit.models.imputation.joint_cells import JointCells
from tsinit.models.imputation.lagged_regressions import LaggedRegressions
from tsinit.models.imputation.matching import Matching
from tsinit.models.imputation.sequence_levels import SequenceLevels

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, IntArray

#: Degrees of freedom of Student-t noise.
_DOF = 4.0


class CellSampler:
    """A table laid out by the clock, whose missing cells are redrawn given the regressions.

    Where sequences have levels, the table holds deviations from them, and regressions are of these.
    """

    def __init__(
        self,
        equations: LaggedRegressions,
        start: FloatArray,
        values: FloatArray,
        rng: np.random.Generator,
        with_levels: IntArray | None = None,
    ) -> None:
        self._equations, self._rng, problem = equations, rng, equations.problem
        D, values = problem.z.shape[1], problem.censored.inside(values)
        weights = (
            np.ones((equations.n_rows, D)) if problem.noise == "student_t" else np.empty((0, 0))
        )
        self.table = column_gaps.WindowTable(
            equations.spread(values), equations.covariates, weights
        )
        self.levels = None
        if with_levels is not None and with_levels.size:
            self.levels = SequenceLevels(equations, with_levels)
            self.levels.begin(self.table.W)
        lacking = np.empty((0, 0)) if self.levels is None else self.levels.table
        self._limits = writeable(
            column_gaps.DrawLimits(problem.low, problem.high, problem.lower, problem.upper, lacking)
        )
        self._workspace = column_gaps.workspace(equations.gaps, equations.reach)
        self.n_reflected = np.zeros(D, dtype=np.int64)
        self.joint = JointCells(equations, start) if equations.pilot else None
        self.intervals = IntervalState(problem.censored)
        self.matching = Matching(equations, problem.match) if problem.match else None
        self.classes = ClassSampler(equations, self.intervals)

    @property
    def values(self) -> FloatArray:
        """(Tp, D) the completed table: deviations and levels."""
        return self.table.W if self.levels is None else self.table.W + self.levels.table

    def redraw_levels(self, fits: ColumnRegressions, precision: FloatArray) -> None:
        """Redraw the levels of all sequences, where they have any."""
        if self.levels is not None:
            self.levels.draw(self._rng, self.table, fits, precision)

    @property
    def z(self) -> FloatArray:
        """(T, D) completed table."""
        return self.values[self._equations.place]

    @property
    def coded(self) -> FloatArray:
        """(T, D) completed table with codes for classes."""
        return self.classes.codes(self.z) if self.classes.cuts else self.z

    @property
    def draw(self) -> FloatArray:
        """(cells,) missing cells, row by row, with codes for classes."""
        if self.classes.cuts:
            return self.coded[self._equations.problem.missing]
        return self._equations.draw(self.values)

    def redraw_columns(self, fits: ColumnRegressions) -> None:
        """Redraw cells column by column, in random order, then the weights of Student-t noise."""
        gaps, order = self._equations.gaps, self._rng.permutation(self._equations.incomplete)
        column_gaps.redraw(
            self._rng, self.table, order, gaps, fits, self._limits, self._workspace, self.n_reflected
        )  # fmt: skip
        self._draw_weights(fits)

    def match_columns(
        self, fits: ColumnRegressions, donors: Callable[[int], tuple[FloatArray, FloatArray]]
    ) -> None:
        """Give missing cells the values of donors column by column, then draw the weights of Student-t noise."""
        assert self.matching is not None
        for j in self._rng.permutation(self._equations.incomplete):
            self.matching.redraw(self._rng, self.table, fits, int(j), donors(int(j)))
        self._draw_weights(fits)

    def _draw_weights(self, fits: ColumnRegressions) -> None:
        if self.table.weights.size:
            regression = self._equations.gaps.regression
            column_gaps.draw_weights(self._rng, self.table, regression, fits, _DOF)

    def redraw_censored(self, fits: ColumnRegressions) -> None:
        """Redraw the cells of which an interval is known, one by one."""
        state, cells, table = self.intervals, self._equations.censored, self.table
        where = cells.row, state.cells.column
        # Intervals are those of values, the table may hold deviations from levels.
        level = 0.0 if self.levels is None else self.levels.table[where]

        def values() -> FloatArray:
            return table.W[where] + level

        def redraw(j: int) -> None:
            censored_cells.redraw_by_regressions(
                self._rng, table, cells, fits, j, state.low - level, state.high - level
            )

        state.redraw(self._rng, values, redraw)

    def redraw_joint(self) -> None:
        """Redraw the cells that are sampled jointly."""
        if self.joint:
            lacking = None if self.levels is None else self.levels.table
            self.joint.redraw(self._rng, self.table.W, self.n_reflected, lacking)
