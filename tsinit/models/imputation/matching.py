"""Predictive mean matching in a chain: who gives, and what is kept of it for other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation import matching as kernels
from tsinit.models.imputation.censored import CensoredCells, single_cells

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray
    from tsinit.kernels.imputation.column_gaps import ColumnGaps, WindowTable
    from tsinit.kernels.imputation.column_regressions import ColumnRegressions
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions

#: Donors of a column that are kept with a draw of the regressions: evenly among their predictions.
_KEPT = 500


class Matching:
    """Missing and observed cells of one table, matched column by column.

    Donors are predicted by the mean of the coefficients given the completed table, missing cells by a draw of them
    (type 1 matching: Van Buuren, Flexible Imputation of Missing Data, 2nd ed. 2018, section 3.4).

    Parameters
    ----------
    equations : LaggedRegressions
    n : int
        Donors that one is drawn from.
    """

    def __init__(self, equations: LaggedRegressions, n: int) -> None:
        missing = equations.problem.missing
        self._n = n
        self._missing, self._observed = (_cells(equations, one) for one in (missing, ~missing))

    def donors(
        self, table: WindowTable, estimates: ColumnRegressions, j: int
    ) -> tuple[FloatArray, FloatArray]:
        """Predictions of the observed cells of a column, sorted, and their values."""
        cells = self._observed
        rows = cells.row[cells.column[j] : cells.column[j + 1]]
        predicted = np.empty(len(rows))
        kernels.predict(table, cells, estimates, j, predicted)
        order = np.argsort(predicted, kind="stable")
        return predicted[order], table.W[rows[order], j]

    def redraw(
        self,
        rng: np.random.Generator,
        table: WindowTable,
        fits: ColumnRegressions,
        j: int,
        donors: tuple[FloatArray, FloatArray],
    ) -> None:
        """Give the missing cells of column j the values of donors."""
        n = min(self._n, len(donors[0]))
        kernels.match(rng, table, self._missing, fits, j, *donors, np.int64(n))


def kept(donors: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Thin donors evenly, for other rows."""
    size = len(donors[0])
    chosen = np.unique(np.linspace(0, size - 1, min(size, _KEPT)).round().astype(int))
    return donors[0][chosen], donors[1][chosen]


def _cells(equations: LaggedRegressions, mask: BoolArray) -> ColumnGaps:
    rows, columns = np.nonzero(mask)
    none = np.zeros(len(rows))
    cells = CensoredCells.of(rows, columns, none, none)
    regression, D = equations.gaps.regression, mask.shape[1]
    return single_cells(cells, equations.place, regression >= 0, regression, equations.reach, D)
