"""A table whose gaps an autoregression of all columns fills at once, given its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation import censored_cells, var_gaps
from tsinit.models.imputation.censored import IntervalState
from tsinit.models.imputation.reflection import Reflection
from tsinit.models.imputation.var_regressions import (
    SegmentLayout,
    VARParameters,
    lay_out,
    precision_blocks,
)

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.kernels.imputation.var_gaps import VARPrecision
    from tsinit.models.imputation.problem import ImputationProblem


class NumericalBreakdownError(ArithmeticError):
    """A chain cannot go on; the message says where and why."""


class VARTable:
    """Rows of the engine with their present values.

    Parameters
    ----------
    problem : ImputationProblem
    start : (T, D) float
        A complete table.
    periods : sequence of float

    Attributes
    ----------
    Z, mean : (n, D) float
        Present values, and the mean of the missing ones given coefficients and observed cells, those as they are.
    weighted : (n, D) float
        Residuals times noise precision at the present values and coefficients.
    """

    def __init__(
        self, problem: ImputationProblem, start: FloatArray, periods: Sequence[float]
    ) -> None:
        self.layout = lay_out(problem, periods)
        n, D = len(self.layout.before), problem.z.shape[1]
        missing = np.ones((n, D), dtype=bool)
        missing[self.layout.rows] = problem.unknown
        # In rows that follow one another, by which `_flat` counts its cells.
        start = problem.censored.inside(start)
        self.Z = np.ascontiguousarray(_between(start, self.layout))
        self.mean, self.weighted = self.Z.copy(), np.empty((n, D))
        self.gaps = _gaps(missing, self.layout, problem.lags)
        self._L, self._flat = problem.lags, self.gaps.row * D + self.gaps.column
        self._reflection = Reflection(problem, missing)
        self.intervals = IntervalState(problem.censored)
        self._censored = _censored_rows(self.intervals, self.layout)

    @property
    def n_reflected(self) -> IntArray:
        """(D,) cells that the last draw reflected because they were far outside of what was observed."""
        return self._reflection.counts

    def given(self, values: FloatArray) -> FloatArray:
        """Pick the rows that the user gave."""
        return values[self.layout.rows]

    def draw_gaps(self, rng: np.random.Generator, parameters: Mapping[int, VARParameters]) -> None:
        """Draw the censored cells one by one, then the missing ones given all others."""
        gaps = self.gaps
        if gaps.row.size == 0 and self._censored.row.size == 0:
            return
        blocks = precision_blocks(parameters, self._L, self.Z.shape[1])
        self._draw_censored(rng, blocks)
        if gaps.row.size == 0:
            return
        self._factor(blocks)
        slope, mean, sample = np.empty((3, gaps.row.size))
        var_gaps.slopes(gaps, blocks, self.layout.before, self.weighted, slope)
        var_gaps.draw(rng, gaps, slope, mean, sample)
        self._move(mean, sample)

    def draw_pair(
        self,
        rng: np.random.Generator,
        parameters: Mapping[int, VARParameters],
        begin: Sequence[Callable[[], None]],
        end: Sequence[Callable[[], None]],
    ) -> None:
        """Draw the missing cells of two tables by noise and by its negative.

        Of each, `begin` writes `Z` and `weighted`, and `end` reads `Z`. There may be no censored cells.
        """
        gaps, blocks = self.gaps, precision_blocks(parameters, self._L, self.Z.shape[1])
        self._factor(blocks)
        slope, mean, sample = np.empty((3, gaps.row.size))
        for first, last, sign in zip(begin, end, (1.0, -1.0), strict=True):
            first()
            var_gaps.slopes(gaps, blocks, self.layout.before, self.weighted, slope)
            if sign > 0.0:
                var_gaps.draw(rng, gaps, slope, mean, sample)
                noise = sample - mean
            else:
                var_gaps.conditional_mean(gaps, slope, mean)
            self._move(mean, mean + sign * noise)
            last()

    def _factor(self, blocks: VARPrecision) -> None:
        if not var_gaps.factor(self.gaps, blocks, self.layout.before):
            raise NumericalBreakdownError(
                "The precision of the missing cells must be positive definite; it is not to rounding. "
                "Use fewer lags, or method='fcs'."
            )

    def _move(self, mean: FloatArray, sample: FloatArray) -> None:
        Z = self.Z.reshape(-1)
        present = Z[self._flat]
        self.mean.reshape(-1)[self._flat] = present + mean
        Z[self._flat] = self._reflection.inside(present + sample)

    def _draw_censored(self, rng: np.random.Generator, blocks: VARPrecision) -> None:
        state, cells, before = self.intervals, self._censored, self.layout.before
        first = np.searchsorted(cells.column, np.arange(self.Z.shape[1] + 1))

        def redraw(j: int) -> None:
            censored_cells.redraw_by_autoregression(
                rng, self.Z, self.weighted, blocks, before, cells, first[j], first[j + 1]
            )

        state.redraw(rng, lambda: self.Z[cells.row, cells.column], redraw)
        self.mean[cells.row, cells.column] = self.Z[cells.row, cells.column]

    def limits_less(self, level: FloatArray) -> None:
        """Move the limits of draws by what the table lacks of the values (n, D) that they are for."""
        self._reflection.less(level.reshape(-1)[self._flat])


def _between(start: FloatArray, layout: SegmentLayout) -> FloatArray:
    """Start for the rows that the clock skipped: straight lines between their neighbours."""
    n = len(layout.before)
    if n == len(start):
        return np.array(start, dtype=np.float64)
    return np.column_stack([np.interp(np.arange(n), layout.rows, column) for column in start.T])


def _censored_rows(state: IntervalState, layout: SegmentLayout) -> censored_cells.CensoredRows:
    """Censored cells by the rows of the engine, with the intervals of a chain."""
    row = layout.rows[state.cells.row]
    return censored_cells.CensoredRows(
        row, state.cells.column, layout.stop[row], state.low, state.high
    )


def _gaps(missing: BoolArray, layout: SegmentLayout, L: int) -> var_gaps.VARGaps:
    """List the cells that are missing (n, D), with space for their precision matrix."""
    row, column = (part.astype(np.int64) for part in np.nonzero(missing))
    stop = layout.stop[row]
    first, place = np.empty(row.size, dtype=np.int64), np.empty(row.size, dtype=np.int64)
    entries = var_gaps.profile(row, stop, np.int64(L), first, place)
    return var_gaps.VARGaps(row, column, stop, first, place, np.empty(entries), np.empty(row.size))
