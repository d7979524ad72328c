"""Cells of which only an interval is known: what an engine is told of them, and how a chain redraws them.

One mechanism serves every kind of column that is a look at a latent normal one. The latent column is an ordinary
column of `ImputationProblem`; each cell that was looked at is listed in ``ImputationProblem.censored`` with the
interval that it was seen in, on the scale of the engine:

=====================================  =====================================
what was seen                          interval of the latent cell
=====================================  =====================================
below or above a limit of detection    (-inf, limit], [limit, inf)
zero, of what is never negative        (-inf, 0]
a rounded number k                     [k - 1/2, k + 1/2]
one of two classes                     (-inf, 0], [0, inf)
class k of ordered ones                between two cut points
=====================================  =====================================

Whether a censored cell is also NaN in ``ImputationProblem.z`` decides only what is handed out: the draws of cells
that are NaN are kept and fill completed tables; where z has a number, any in the interval, the table keeps what it
was given, and the latent value is drawn for the sake of the others. Cells that are NaN and not censored are those of
which nothing is known (``ImputationProblem.unknown``); the engines draw them jointly, given the present values of the
censored ones, and these one by one given all others (`redraw` below): a Gibbs sampler of the whole table.

Where intervals depend on something that is drawn itself (cut points) or on latent cells of other columns (the largest
of several), a chain moves them: every chain has an `IntervalState` of its own, whose ``low`` and ``high`` may be
written to between two redraws, and a ``before(rng, j, values)`` that is called before the cells of column j are
redrawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.kernels.imputation.column_gaps import ColumnGaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate import Panel


class CensoredCells(NamedTuple):
    """Cells of which an interval is known, sorted by column and row."""

    row: IntArray  # (C,)
    column: IntArray  # (C,)
    low: FloatArray  # (C,) ends of the interval; infinite where it has none
    high: FloatArray  # (C,)

    @classmethod
    def of(
        cls, row: IntArray, column: IntArray, low: FloatArray, high: FloatArray
    ) -> CensoredCells:
        """Sort cells by column and row."""
        order = np.lexsort((row, column))
        return cls(
            np.asarray(row, dtype=np.int64)[order], np.asarray(column, dtype=np.int64)[order],
            np.asarray(low, dtype=np.float64)[order], np.asarray(high, dtype=np.float64)[order],
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: Iterable[tuple[Any, ...]]) -> CensoredCells:
        """Put lists of cells, each (row, column, low, high), together."""
        parts = [part for part in parts if len(part[0])]
        if not parts:
            return NOTHING_CENSORED
        return cls.of(*map(np.concatenate, zip(*parts, strict=True)))

    @property
    def columns(self) -> IntArray:
        """Columns that have any."""
        return np.unique(self.column)

    def mask(self, shape: tuple[int, ...]) -> BoolArray:
        """(T, D) bool."""
        mask = np.zeros(shape, dtype=bool)
        mask[self.row, self.column] = True
        return mask

    def ends(self, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """(T, D) ends of the intervals of all cells, infinite for those that are not censored."""
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        low[self.row, self.column], high[self.row, self.column] = self.low, self.high
        return low, high

    def inside(self, table: FloatArray) -> FloatArray:
        """Copy a table (T, D), these cells moved into their intervals."""
        table = np.array(table, dtype=np.float64)
        cells = self.row, self.column
        table[cells] = np.clip(table[cells], self.low, self.high)
        return table

    def equals(self, other: CensoredCells) -> bool:
        """Whether these are the same cells and intervals."""
        return all(np.array_equal(a, b) for a, b in zip(self, other, strict=True))


NOTHING_CENSORED = CensoredCells(*np.empty((2, 0), dtype=np.int64), *np.empty((2, 0)))


def find_censored(panel: Panel, y: FloatArray, limits: FloatArray | None) -> CensoredCells:
    """Find the cells of which only an interval is known, in the units of the data.

    Parameters
    ----------
    panel : Panel
        With intervals of its missing cells, or without.
    y : (T, D) float
        Its rows that were given.
    limits : (2, D) float or None
        Limits of detection of each column: values at or beyond one are only known to be there.

    Returns
    -------
    CensoredCells
    """
    parts = []
    if limits is not None:
        lower, upper = limits
        for beyond, sides in ((y <= lower, (None, lower)), (y >= upper, (upper, None))):
            row, column = np.nonzero(beyond)
            ends = [
                np.full(len(row), sign * np.inf) if side is None else side[column]
                for sign, side in zip((-1.0, 1.0), sides, strict=True)
            ]
            parts.append((row, column, *ends))
    if panel.between is not None:
        lower, upper = (side[panel.rows] for side in panel.between)
        row, column = np.nonzero(~(np.isnan(lower) & np.isnan(upper)))
        low, high = lower[row, column], upper[row, column]
        low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
        parts.append((row, column, low, high))
    return CensoredCells.joined(parts)


class IntervalState:
    """Intervals of the censored cells as one chain has them.

    Parameters
    ----------
    cells : CensoredCells

    Attributes
    ----------
    low, high : (C,) float
        Ends of the intervals, in the order of `cells`; a chain may move its own.
    before : callable or None
        Called as ``before(rng, j, values)`` before the cells of column j are redrawn, with the present values (C,) of
        all censored cells: it may move `low` and `high`.
    """

    def __init__(self, cells: CensoredCells) -> None:
        self.cells, self.columns = cells, cells.columns
        self.low, self.high = cells.low.copy(), cells.high.copy()
        self.before: Callable[[np.random.Generator, int, FloatArray], None] | None = None

    def redraw(
        self,
        rng: np.random.Generator,
        values: Callable[[], FloatArray],
        column: Callable[[int], None],
    ) -> None:
        """Redraw the censored cells column by column, in random order.

        Parameters
        ----------
        rng : numpy.random.Generator
        values : callable
            Returns the present values (C,) of the cells.
        column : callable
            Redraws those of one column, by its number.
        """
        for j in rng.permutation(self.columns):
            if self.before is not None:
                self.before(rng, int(j), values())
            column(int(j))


def single_cells(
    cells: CensoredCells, place: IntArray, there: BoolArray, regression: IntArray, L: int, D: int
) -> ColumnGaps:
    """List the equations that every cell enters, each cell a block of its own.

    Parameters
    ----------
    cells : CensoredCells
    place : (T,) int64
        Row of the layout that each row of the problem has.
    there : (n_rows,) bool
        Rows of the layout that have equations.
    regression : (n_rows,) int64
        Regression that serves each.
    L, D : int
        Lags that the equations reach, and columns.

    Returns
    -------
    ColumnGaps
        Without `member`, which single cells have no use for.
    """
    row = place[cells.row]
    times = row[:, None] + np.arange(L + 1)
    inside = np.zeros(times.shape, dtype=bool)
    within = times < len(there)
    inside[within] = there[times[within]]
    block = np.arange(len(row) + 1, dtype=np.int64)
    column = np.searchsorted(cells.column, np.arange(D + 1)).astype(np.int64)
    equation = np.append(0, np.cumsum(inside.sum(axis=1))).astype(np.int64)
    none = np.empty((0, L + 1), dtype=np.int64)
    return ColumnGaps(row, block, column, equation, times[inside], none, regression)
