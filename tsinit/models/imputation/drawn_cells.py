"""What is noted of the draws of the missing cells of a table: moments, and how many were reflected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray


class DrawnCells:
    """Count the draws of the missing cells of a table, column by column.

    Parameters
    ----------
    missing : (T, D) bool
        Which cells are drawn.
    """

    def __init__(self, missing: BoolArray) -> None:
        self._columns, self._n = np.nonzero(missing)[1], np.maximum(missing.sum(axis=0), 1)
        self._n_reflected, self._n_sweeps = np.zeros(missing.shape[1]), 0

    def moments(self, draw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation by column of the cells (cells,), row by row; 0 where there are none."""
        D = len(self._n)
        mean = np.bincount(self._columns, draw, D) / self._n
        square = np.bincount(self._columns, draw * draw, D) / self._n
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))

    def count(self, n_reflected: IntArray) -> None:
        """Count a sweep in which so many cells of each column were reflected."""
        self._n_reflected += n_reflected
        self._n_sweeps += 1

    @property
    def reflected(self) -> FloatArray:
        """(D,) share of the draws that were reflected."""
        return self._n_reflected / (max(self._n_sweeps, 1) * self._n)
