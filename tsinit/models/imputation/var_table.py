"""A table whose missing cells are drawn again and again."""

import numpy as np

from tsinit.kernels.imputation import var_gaps
from tsinit.models.imputation.var_layout import lay_out, missing_cells
from tsinit.models.imputation.var_regressions import stack_laws


class VarStopped(ArithmeticError):
    """A chain cannot go on; the message says where and why."""


class GapTable:
    """Rows of the engine with their present values.

    Parameters
    ----------
    problem : Problem
    start : (T, D) float
        A complete table.
    periods : sequence of float

    Attributes
    ----------
    Z, mean : (n, D) float
        Present values, and the mean of the missing ones given coefficients and seen cells, seen ones as they are.
    weighted : (n, D) float
        Residuals times noise precision at the present values and coefficients.
    hits : (D,) int
        Cells of each column that the last draw turned back because they were far outside of what was observed.
    """

    def __init__(self, problem, start, periods):
        self.layout = lay_out(problem, periods)
        n, D = len(self.layout.before), problem.z.shape[1]
        missing = np.ones((n, D), dtype=bool)
        missing[self.layout.rows] = problem.missing
        self.Z = np.ascontiguousarray(
            _between(start, self.layout)
        )  # `_flat` counts its cells by rows
        self.mean, self.weighted, self.hits = (
            self.Z.copy(),
            np.empty((n, D)),
            np.zeros(D, dtype=np.int64),
        )
        self.cells = missing_cells(missing, self.layout, problem.lags)
        self._L, self._flat = problem.lags, self.cells.row * D + self.cells.column
        self._low = np.maximum(problem.low, problem.lower)[self.cells.column]
        self._high = np.minimum(problem.high, problem.upper)[self.cells.column]
        # What a bound of the user's turns back is nothing to warn of.
        self._counts = np.array(
            [
                self._low > problem.lower[self.cells.column],
                self._high < problem.upper[self.cells.column],
            ]
        )

    def given(self, values):
        """Pick the rows that the user gave."""
        return values[self.layout.rows]

    def draw_gaps(self, rng, laws):
        """Draw the missing cells given coefficients, noise and what was seen."""
        cells = self.cells
        if cells.row.size == 0:
            return
        stacked = stack_laws(laws, self._L, self.Z.shape[1])
        slope, mean, sample = np.empty((3, cells.row.size))
        if not var_gaps.factor(cells, stacked, self.layout.before):
            raise VarStopped(
                "The precision of the missing cells must be positive definite; it is not to rounding. "
                "Use fewer lags, or method='fcs'."
            )
        var_gaps.slopes(cells, stacked, self.layout.before, self.weighted, slope)
        var_gaps.draw(rng, cells, slope, mean, sample)
        Z = self.Z.reshape(-1)
        present = Z[self._flat]
        self.mean.reshape(-1)[self._flat] = present + mean
        Z[self._flat] = self._guarded(present + sample)

    def _guarded(self, values):
        """Turn back what went far outside the data, or beyond a bound of the user's."""
        low, high = self._low, self._high
        self.hits = np.zeros(self.Z.shape[1], dtype=np.int64)
        below, above = values < low, values > high
        if not (below.any() or above.any()):
            return values
        far = (below & self._counts[0]) | (above & self._counts[1])
        self.hits = np.bincount(self.cells.column[far], minlength=self.Z.shape[1])
        with np.errstate(invalid="ignore"):  # twice an infinite bound, where nothing crosses it
            turned = np.where(below, 2 * low - values, np.where(above, 2 * high - values, values))
        return np.clip(turned, low, high)


def _between(start, layout):
    """Start for the rows that the clock skipped: straight lines between their neighbours."""
    n = len(layout.before)
    if n == len(start):
        return np.array(start, dtype=np.float64)
    return np.column_stack([np.interp(np.arange(n), layout.rows, column) for column in start.T])
