"""What happens to draws of the missing cells of a table beyond its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray
    from tsinit.models.imputation.problem import ImputationProblem


class Reflection:
    """Reflect what went far outside the data, or beyond a bound of the user's.

    Parameters
    ----------
    problem : ImputationProblem
    cells : (T, D) bool
        Which cells are drawn; rows may be others than those of the problem.

    Attributes
    ----------
    counts : (D,) int
        Cells of each column that the last draws reflected because they were far outside of what was observed.
    """

    def __init__(self, problem: ImputationProblem, cells: BoolArray) -> None:
        self._columns, self._D = np.nonzero(cells)[1], cells.shape[1]
        low, high = np.maximum(problem.low, problem.lower), np.minimum(problem.high, problem.upper)
        # What is reflected at a bound of the user's is nothing to warn of.
        self._own = (low > problem.lower)[self._columns], (high < problem.upper)[self._columns]
        self._limits = low[self._columns], high[self._columns]
        self._low, self._high = self._limits
        self.counts = np.zeros(self._D, dtype=np.int64)

    def less(self, level: FloatArray) -> None:
        """Move the limits by what cells (cells,), row by row, lack of the values that these are for."""
        self._low, self._high = (limit - level for limit in self._limits)

    def inside(self, cells: FloatArray) -> FloatArray:
        """Bring draws (..., cells), row by row, inside."""
        below, above = cells < self._low, cells > self._high
        self.counts = np.zeros(self._D, dtype=np.int64)
        if not (below.any() or above.any()):
            return cells
        far = (below & self._own[0]) | (above & self._own[1])
        self.counts = np.bincount(self._columns[np.nonzero(far)[-1]], minlength=self._D)
        with np.errstate(invalid="ignore"):  # twice an infinite limit, where nothing crosses it
            back = np.where(
                below, 2 * self._low - cells, np.where(above, 2 * self._high - cells, cells)
            )
        return np.clip(back, self._low, self._high)
