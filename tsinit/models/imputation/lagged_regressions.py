"""The rows of an imputation problem as the kernels of chained equations take them.

The table is laid out by the clock, so that lags never reach across a long break of the index or into another sequence.
Rows with the same lags share a pattern, and every pattern is served by a regression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels.imputation.column_gaps import ColumnGaps
from tsinit.kernels.imputation.column_regressions import RegressionDesign
from tsinit.models.imputation import joint_cells

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.imputation.problem import ImputationProblem
    from tsinit.models.imputation.var_regressions import VARParameters

#: Rows that the regression of a pattern needs: so many, or so many times its coefficients.
_MIN_ROWS, _ROWS_PER_COEFFICIENT = 30, 5


class ClockLayout(NamedTuple):
    """Rows laid out by the clock, so that lag l of row t is row t - l.

    L empty rows stand before, between and after the sequences and where more than L steps are
    skipped. Fewer skipped steps become rows that are missing, so that the rows around them keep their lags.
    """

    place: IntArray  # (T,), where each given row lies
    n_rows: int  # of the layout
    pattern: (
        IntArray  # (n_rows,), bits of the lags that are there, earliest first; -1 for empty rows
    )


class LagPatterns(NamedTuple):
    """Patterns of available lags and the regressions that serve them."""

    codes: IntArray  # (Q,), the commonest first
    rows: IntArray  # (n,), rows of the layout by pattern
    starts: IntArray  # (Q + 1,)
    regressions: IntArray  # (K,), pattern of each regression, the one that serves most rows first
    member: BoolArray  # (K, Q), whether the rows of a pattern inform a regression


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
    incomplete : (I,) int64
        Columns with missing cells.
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
        self.width = (2 * L + 1) * problem.z.shape[1] + self.covariates.shape[1]
        patterns = group(layout, L, lambda code: self._features(code, 0).size)
        self.regressions = patterns.regressions if regressions is None else regressions
        self.codes, self.rows, self.starts = patterns.codes, patterns.rows, patterns.starts
        self.design = self._design(patterns)
        self.joint = joint_cells.find(problem, pilot)
        self.gaps = self._gaps(layout)
        missing = problem.missing
        self.incomplete = np.flatnonzero(np.diff(self.gaps.column) + self.joint.any(axis=0)).astype(
            np.int64
        )
        self._where = np.nonzero(missing)
        self.n_cells = missing.sum(axis=0)

    def _features(self, code: int, j: int) -> IntArray:
        D, L = self.problem.z.shape[1], self.problem.lags
        return features(int(code), j, D, L, self.covariates.shape[1], self.problem.lag_features)

    def _covariates(self) -> FloatArray:
        """Covariates and intercept by layout row; rows for skipped steps take what lies between."""
        given, rows = self.problem.covariates, np.arange(self.n_rows)
        between = [np.interp(rows, self.place, column) for column in given.T]
        return np.column_stack([*between, np.ones(self.n_rows)])

    def _design(self, patterns: LagPatterns) -> RegressionDesign:
        D, L = self.problem.z.shape[1], self.problem.lags
        chosen = [[self._features(code, j) for j in range(D)] for code in self.regressions]
        size = np.array([[len(places) for places in row] for row in chosen], dtype=np.int64)
        index = np.zeros((*size.shape, size.max()), dtype=np.int64)
        for k, row in enumerate(chosen):
            for j, places in enumerate(row):
                index[k, j, : len(places)] = places
        counts = np.diff(patterns.starts).astype(float)
        return RegressionDesign(index, size, L * D + np.arange(D), patterns.member, counts)

    def _gaps(self, layout: ClockLayout) -> ColumnGaps:
        L, there = self.problem.lags, layout.pattern >= 0
        missing = np.repeat(there[:, None], self.problem.z.shape[1], axis=1)
        missing[self.place] = self.problem.missing & ~self.joint
        rows = [np.flatnonzero(mask) for mask in missing.T]
        served = serve(layout.pattern, self.regressions, L)
        return gap_blocks(rows, there, served, L)

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
        values, columns = self.draw(table), self._where[1]
        D, n = len(self.n_cells), np.maximum(self.n_cells, 1)
        mean = np.bincount(columns, values, D) / n
        square = np.bincount(columns, values * values, D) / n
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))


def lay_out(offsets: IntArray, steps: IntArray, L: int) -> ClockLayout:
    """Place every row by its clock.

    Parameters
    ----------
    offsets : (N + 1,) int
    steps : (T,) int
        Increasing within each sequence.
    L : int
        Lags.

    Returns
    -------
    ClockLayout
    """
    distance = np.diff(steps, prepend=0)
    long = distance > L + 1
    long[offsets[:-1]] = True
    move = np.where(long, L + 1, distance)
    move[0] = L
    place = np.cumsum(move).astype(np.int64)
    n_rows = int(place[-1]) + L + 1
    there = np.zeros(n_rows, dtype=bool)
    last_rows = [*np.flatnonzero(long)[1:] - 1, len(steps) - 1]
    for first, last in zip(place[long], place[last_rows], strict=True):
        there[first : last + 1] = True
    return ClockLayout(place, n_rows, _patterns(there, L))


def _patterns(there: BoolArray, L: int) -> IntArray:
    shifts = [*range(-L, 0), *range(1, L + 1)]
    code = np.zeros(len(there), dtype=np.int64)
    for bit, shift in enumerate(shifts):
        code |= np.roll(there, -shift).astype(np.int64) << bit
    return np.where(there, code, -1)


def group(layout: ClockLayout, L: int, n_coefficients: Callable[[int], int]) -> LagPatterns:
    """Sort rows by pattern and choose the regressions.

    A pattern of enough rows has its own. One of few rows is served by a regression on all rows that have
    at least its lags; where those are few too, the farthest lags are given up one after the other.

    Parameters
    ----------
    layout : ClockLayout
    L : int
    n_coefficients : callable
        Coefficients of the regression of a pattern.

    Returns
    -------
    LagPatterns
    """
    codes, counts = np.unique(layout.pattern[layout.pattern >= 0], return_counts=True)
    codes, counts = codes[np.argsort(-counts, kind="stable")], np.sort(counts)[::-1]
    members: dict[int, BoolArray] = {}
    for code in [*codes, 0]:
        chosen, member = _served_by(int(code), codes, counts, L, n_coefficients)
        members.setdefault(chosen, member)
    by_pattern = [np.flatnonzero(layout.pattern == code) for code in codes]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in by_pattern])])
    return LagPatterns(
        codes, np.concatenate(by_pattern), starts.astype(np.int64),
        np.array(list(members), dtype=np.int64), np.array(list(members.values())),
    )  # fmt: skip


def _served_by(
    code: int, codes: IntArray, counts: IntArray, L: int, n_coefficients: Callable[[int], int]
) -> tuple[int, BoolArray]:
    """Pattern of the regression that serves a pattern, and which patterns' rows inform it."""
    order = sorted(range(2 * L), key=lambda bit: -abs(_shift(bit, L)))
    while True:
        need = max(_MIN_ROWS, _ROWS_PER_COEFFICIENT * n_coefficients(code))
        for member in (codes == code, codes & code == code):
            if counts[member].sum() >= need or (code == 0 and member.all()):
                return code, member
        code &= ~(1 << next(bit for bit in order if code >> bit & 1))


def _shift(bit: int, L: int) -> int:
    return bit - L if bit < L else bit - L + 1


def serve(pattern: IntArray, regressions: IntArray, L: int) -> IntArray:
    """Regression of every row: of its own pattern, or of the largest part of it that has one.

    Returns
    -------
    (n_rows,) int64
        Index into `regressions`, -1 for empty rows.
    """
    nearness = [L + 1 - abs(_shift(bit, L)) for bit in range(2 * L)]
    score = np.array(
        [sum(w for bit, w in enumerate(nearness) if code >> bit & 1) for code in regressions]
    )
    served = np.full(len(pattern), -1, dtype=np.int64)
    for code in np.unique(pattern[pattern >= 0]):
        inside = (regressions & code) == regressions
        served[pattern == code] = np.where(inside, score, -1).argmax()
    return served


def features(code: int, j: int, D: int, L: int, n_covariates: int, lag_features: str) -> IntArray:
    """Places in the window of the predictors of column j where the lags of `code` are there.

    Other columns enter at all these lags, before and after; the column itself only at those before: what comes
    after it is explained by it, in equations of its own.

    Returns
    -------
    (d,) int64
    """
    there = [0] + [_shift(bit, L) for bit in range(2 * L) if code >> bit & 1]
    chosen = [
        (shift + L) * D + k
        for shift in sorted(there)
        for k in range(D)
        if (shift < 0 if k == j else shift == 0 or lag_features == "all")
    ]
    first = (2 * L + 1) * D
    return np.array(chosen + list(range(first, first + n_covariates)), dtype=np.int64)


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
