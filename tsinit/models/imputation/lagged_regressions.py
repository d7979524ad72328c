"""The rows of an imputation problem as the kernels of chained equations take them.

The table is laid out by the clock (`lag_patterns`); windows and design matrices reach as far as some regression does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation.column_gaps import ColumnGaps
from tsinit.kernels.imputation.column_regressions import RegressionDesign
from tsinit.models.imputation import joint_cells
from tsinit.models.imputation.censored import single_cells
from tsinit.models.imputation.drawn_cells import DrawnCells
from tsinit.models.imputation.lag_patterns import (
    ClockLayout,
    LagPatterns,
    decode,
    features,
    group,
    lay_out,
    merged,
    serve,
)

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.imputation.problem import ImputationProblem
    from tsinit.models.imputation.var_regressions import VARParameters


class LaggedRegressions:
    """A problem laid out by its clock: windows, regressions and missing cells. Chains share it and only read it.

    Parameters
    ----------
    problem : ImputationProblem
    regressions : (K,) int or None
        Patterns that have a regression, where they were fitted on other rows; None chooses them for these.
    pilot : VARParameters or None
        Autoregression of the rows, by which jointly sampled cells are found; None where there are none.

    Attributes
    ----------
    place : (T,) int64
        Where each row of the problem lies in the layout.
    reach : int
        The farthest lag of a regression, which is all that windows hold; of all lags where rows are few.
    incomplete : (I,) int64
        Columns with missing or censored cells.
    censored : ColumnGaps
        Censored cells and the equations that each enters.
    joint : (T, D) bool
        Missing cells that are sampled jointly, not column by column.
    n_cells : (D,) int
        Missing cells of each column.
    """

    def __init__(
        self,
        problem: ImputationProblem,
        regressions: IntArray | None = None,
        pilot: VARParameters | None = None,
    ) -> None:
        self.problem, self.pilot, L = problem, pilot, problem.lags
        layout = lay_out(problem.offsets, problem.steps, L)
        self.place, self.n_rows = layout.place, layout.n_rows
        self.covariates = self._covariates()
        self.reach = L
        patterns = group(layout, L, lambda code: self._features(code, 0).size)
        self.regressions = patterns.regressions if regressions is None else regressions
        if pilot is None:  # whose rows are told by all their lags
            self.reach = max(max(decode(int(code), L)) for code in self.regressions)
            patterns = merged(patterns)
        self.width = (2 * self.reach + 1) * problem.z.shape[1] + self.covariates.shape[1]
        self.codes, self.rows, self.starts = patterns.codes, patterns.rows, patterns.starts
        self.design = self._design(patterns)
        self.joint = joint_cells.find(problem, pilot)
        self.gaps = self._gaps(layout)
        self.censored = self._censored(layout)
        missing = problem.missing
        drawn = np.diff(self.gaps.column) + np.diff(self.censored.column)
        self.incomplete = np.flatnonzero(drawn + self.joint.any(axis=0)).astype(np.int64)
        self._where = np.nonzero(missing)
        self.n_cells, self._cells = missing.sum(axis=0), DrawnCells(missing)

    def _features(self, code: int, j: int) -> IntArray:
        D, there = self.problem.z.shape[1], decode(int(code), self.problem.lags)
        F, which = self.covariates.shape[1], self.problem.lag_features
        places = features(there, j, D, self.reach, F, which)
        # Latent columns of one column of classes do not predict one another.
        siblings = [
            k for one in self.problem.classes if j in one.columns for k in one.columns if k != j
        ]
        if not siblings:
            return places
        lagged = places < (2 * self.reach + 1) * D
        return places[~(lagged & np.isin(places % D, siblings))]

    def _covariates(self) -> FloatArray:
        """Covariates and intercept by layout row; rows for skipped steps take what lies between."""
        given, rows = self.problem.covariates, np.arange(self.n_rows)
        between = [np.interp(rows, self.place, column) for column in given.T]
        return np.column_stack([*between, np.ones(self.n_rows)])

    def _design(self, patterns: LagPatterns) -> RegressionDesign:
        D = self.problem.z.shape[1]
        chosen = [[self._features(code, j) for j in range(D)] for code in self.regressions]
        size = np.array([[len(places) for places in row] for row in chosen], dtype=np.int64)
        index = np.zeros((*size.shape, size.max()), dtype=np.int64)
        for k, row in enumerate(chosen):
            for j, places in enumerate(row):
                index[k, j, : len(places)] = places
        counts = np.diff(patterns.starts).astype(float)
        own, n_level = self.reach * D + np.arange(D), self.covariates.shape[1]
        return RegressionDesign(index, size, own, patterns.member, counts, n_level)

    def _gaps(self, layout: ClockLayout) -> ColumnGaps:
        there = layout.pattern >= 0
        missing = np.repeat(there[:, None], self.problem.z.shape[1], axis=1)
        missing[self.place] = self.problem.unknown & ~self.joint
        rows = [np.flatnonzero(mask) for mask in missing.T]
        served = serve(layout.pattern, self.regressions, self.problem.lags)
        return gap_blocks(rows, there, served, self.reach)

    def _censored(self, layout: ClockLayout) -> ColumnGaps:
        cells, there = self.problem.censored, layout.pattern >= 0
        D = self.problem.z.shape[1]
        return single_cells(cells, self.place, there, self.gaps.regression, self.reach, D)

    def spread(self, start: FloatArray) -> FloatArray:
        """Lay a complete table out by the clock; rows for skipped steps take what lies between."""
        rows, empty = np.arange(self.n_rows), self.gaps.regression < 0
        table = np.column_stack([np.interp(rows, self.place, column) for column in start.T])
        table[empty] = 0.0
        return np.ascontiguousarray(table)

    def draw(self, table: FloatArray) -> FloatArray:
        """(cells,) missing cells of the rows of the problem, row by row."""
        rows, columns = self._where
        return table[self.place[rows], columns]

    def moments(self, table: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the missing cells of each column; 0 where there are none."""
        return self._cells.moments(self.draw(table))


def gap_blocks(rows: list[IntArray], there: BoolArray, regression: IntArray, L: int) -> ColumnGaps:
    """Blocks of missing cells and the equations that they enter.

    Parameters
    ----------
    rows : list of (C_j,) int64
        Rows of the missing cells of each column.
    there : (n_rows,) bool
        Rows that have equations.
    regression : (n_rows,) int64
        Regression that serves each row.
    L : int

    Returns
    -------
    ColumnGaps
    """
    block, column, equation, times, members, done = [0], [0], [0], [], [], 0
    for mine in rows:
        first = _blocks(mine, L)
        time, member = _equations(mine, first, there, L)
        block.extend(done + first[1:])
        # The equations of a block are those between its first cell and the first of the next.
        equation.extend(
            equation[-1]
            + np.append(np.searchsorted(time, mine[first[1:-1]]), len(time))[: len(first) - 1]
        )
        column.append(len(block) - 1)
        times.append(time)
        members.append(member)
        done += len(mine)
    return ColumnGaps(
        np.concatenate(rows), np.array(block), np.array(column), np.array(equation), np.concatenate(times),
        np.concatenate(members), regression,
    )  # fmt: skip


def _blocks(rows: IntArray, L: int) -> IntArray:
    """Starts (B + 1,) of the blocks of a column: cells of two blocks share no equation."""
    if not len(rows):
        return np.zeros(1, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(rows) > L) + 1, [len(rows)]])


def _equations(
    rows: IntArray, first: IntArray, there: BoolArray, L: int
) -> tuple[IntArray, IntArray]:
    """Rows (E,) whose equations the cells enter, and which cell of its block is missing at each lag (E, L + 1)."""
    slot = np.full(len(there), -1, dtype=np.int64)
    slot[rows] = np.arange(len(rows)) - np.repeat(first[:-1], np.diff(first))
    lagged = np.stack(
        [np.concatenate([np.full(lag, -1), slot[: len(slot) - lag]]) for lag in range(L + 1)],
        axis=1,
    )
    time = np.flatnonzero((lagged >= 0).any(axis=1) & there)
    return time, lagged[time]
