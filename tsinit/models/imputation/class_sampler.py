"""What a chain draws of columns of classes beside their latent cells: cut points, and scales of whole columns.

Cut points that are drawn given the latent cells move by the distance of two cells at most, which is short where cells
are many (Cowles, Statistics and Computing 6, 1996). Here a cut point and the latent cells on its two sides are moved
together by a stretch of the line, accepted with the density of the moved column and the Jacobian of the stretch; and
latent cells, cut points and coefficients of a column are scaled together by a draw from the conditional of that scale
(Liu and Sabatti, Biometrika 87, 2000). Both leave the posterior as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.imputation import class_moves
from tsinit.models.imputation.class_columns import LatentClasses, codes_of, intervals
from tsinit.models.imputation.class_transport import ClassTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.kernels.imputation.column_gaps import WindowTable
    from tsinit.kernels.imputation.column_regressions import ColumnRegressions
    from tsinit.models.imputation.censored import IntervalState
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions
    from tsinit.models.imputation.sequence_levels import SequenceLevels

#: Variance of cut points a priori, ordered normal draws above 0, in units of the variance of a coefficient.
CUT_SPREAD = 4.0
#: Acceptance that moves of cut points aim at in the warm-up.
_AIM = 0.44


class ClassSampler:
    """The columns of classes of one table.

    Parameters
    ----------
    equations : LaggedRegressions
    intervals : IntervalState
        Of the censored cells; those of unordered classes follow the other latent columns from now on.

    Attributes
    ----------
    columns : (n,) int
        Latent columns.
    cuts : list of (classes - 1,) float
        Cut points of each column of classes, none where classes are not ordered.
    """

    def __init__(self, equations: LaggedRegressions, intervals: IntervalState) -> None:
        self._eq, self._intervals = equations, intervals
        self.classes: tuple[LatentClasses, ...] = equations.problem.classes
        self.columns = np.array([j for one in self.classes for j in one.columns], dtype=np.int64)
        self.cuts = [one.cuts.copy() for one in self.classes]
        self._step = [np.full(len(cuts), 2.4 / np.sqrt(n + 1.0)) for cuts, n in self._sizes()]
        self._tries = 0
        #: Rows that have equations.
        self._rows = np.flatnonzero(equations.gaps.regression >= 0)
        served = np.unique(equations.gaps.regression[self._rows]).tolist()
        self._others = {j: [self._other_coefficients(k, j) for k in served] for j in self.columns}
        cells = intervals.cells.column
        #: Places of the cells of each latent column among the censored ones.
        self._places = {int(j): np.flatnonzero(cells == j) for j in self.columns}
        self._unordered = {j: one for one in self.classes if not one.ordered for j in one.columns}
        self._transports: list[ClassTransport] = []
        if self._unordered:
            intervals.before = self._follow

    def _sizes(self) -> list[tuple[FloatArray, int]]:
        return [(one.cuts, len(one.rows)) for one in self.classes]

    def _other_coefficients(self, k: int, j: int) -> tuple[int, IntArray, BoolArray]:
        """Places of the coefficients of a column, without its own lags, and which are of the window."""
        design, D = self._eq.design, self._eq.problem.z.shape[1]
        places = design.index[k, j, : design.size[k, j]]
        window = places < (2 * self._eq.reach + 1) * D
        others = ~(window & (places % D == j))
        return k, places[others], window[others]

    def _follow(self, rng: np.random.Generator, j: int, values: FloatArray) -> None:
        """Let the largest latent column of a row be that of its class."""
        if j not in self._unordered:
            return
        one = self._unordered[j]
        latent = np.array([values[self._places[k]] for k in one.columns])
        own, place = one.columns.index(j), self._places[j]
        largest = np.maximum(np.delete(latent, own, axis=0).max(axis=0, initial=0.0), 0.0)
        chosen = np.concatenate([np.zeros((1, latent.shape[1])), latent])
        mine = one.codes == own + 1
        self._intervals.low[place] = np.where(mine, largest, -np.inf)
        limit = chosen[one.codes, np.arange(latent.shape[1])]
        self._intervals.high[place] = np.where(mine, np.inf, limit)

    def set_cuts(self, cuts: Sequence[FloatArray]) -> None:
        """Take these cut points, and the intervals that they make."""
        self.cuts = [own.copy() for own in cuts]
        for i in range(len(self.classes)):
            self._cut(i)

    def _cut(self, i: int) -> None:
        one = self.classes[i]
        if one.ordered:
            place = self._places[one.columns[0]]
            self._intervals.low[place], self._intervals.high[place] = intervals(
                self.cuts[i], one.codes
            )

    def codes(self, z: FloatArray) -> FloatArray:
        """Replace the latent columns of a table (T, D) by codes."""
        return codes_of(self.classes, self.cuts, z)

    def move(
        self,
        rng: np.random.Generator,
        table: WindowTable,
        fits: ColumnRegressions,
        adapt: bool,
        shrinkage: float,
        levels: SequenceLevels | None = None,
    ) -> None:
        """Move cut points and scales given the regressions, in place: table, cut points, coefficients and levels.

        With levels of sequences the table holds deviations from them. `shrinkage` is that of `ColumnPrior`.
        """
        self._tries += adapt
        if levels is None and not self._transports:  # a sampler of other rows needs none
            self._transports = [
                ClassTransport(self._eq, one, self._cut_variance) for one in self.classes
            ]
        for i, one in enumerate(self.classes):
            if levels is None:
                self._transports[i].move(rng, table, fits, self.cuts[i], shrinkage, adapt)
            if len(self.cuts[i]) > 1:
                level = 0.0 if levels is None else levels.table[self._rows, one.columns[0]]
                for m in range(1, len(self.cuts[i])):
                    self._move_cut(rng, table, fits, i, m, adapt, level)
            self._scale(rng, table, fits, i, levels)
            if one.ordered:
                self._cut(i)

    def _errors(self, table: WindowTable, fits: ColumnRegressions, j: int) -> float:
        return class_moves.squared_errors(table, self._eq.gaps.regression, fits.theta, j)

    def _move_cut(
        self, rng: np.random.Generator, table: WindowTable, fits: ColumnRegressions,
        i: int, m: int, adapt: bool, level: FloatArray | float,
    ) -> None:  # fmt: skip
        """Metropolis step of one cut point, the cells between its neighbours stretched with it."""
        j, cuts, step = self.classes[i].columns[0], self.cuts[i], self._step[i]
        new, old = cuts[m] + step[m] * rng.standard_normal(), cuts[m]
        below, above = cuts[m - 1], cuts[m + 1] if m + 1 < len(cuts) else np.inf
        p = 0.0
        if below < new < above:
            column = table.W[self._rows, j]
            moved, log_ratio = _stretched(column + level, below, above, old, new)
            log_ratio += 0.5 * self._errors(table, fits, j)
            table.W[self._rows, j] = moved - level
            log_ratio -= 0.5 * self._errors(table, fits, j)
            log_ratio += 0.5 * (old * old - new * new) / self._cut_variance
            p = float(np.exp(min(0.0, log_ratio)))
            if rng.random() < p:
                cuts[m] = new
            else:
                table.W[self._rows, j] = column
        if adapt:
            step[m] *= np.exp((p - _AIM) / self._tries**0.6)

    @property
    def _cut_variance(self) -> float:
        return CUT_SPREAD * self._eq.problem.prior_scale

    def _scale(
        self, rng: np.random.Generator, table: WindowTable, fits: ColumnRegressions, i: int,
        levels: SequenceLevels | None = None,
    ) -> None:  # fmt: skip
        """Draw the scale of latent cells, cut points, coefficients and levels of one column of classes together.

        The levels of other columns favour one sign of these levels, so that a scale that is drawn without them is a
        proposal, accepted by how much they do.
        """
        columns, cuts = self.classes[i].columns, self.cuts[i]
        size, energy = 0.0, 0.0
        for j in columns:
            size += len(self._rows)
            energy += self._errors(table, fits, j)
            # Coefficients of the column's own lags stay: both sides are scaled.
            for k, others, window in self._others[j]:
                size += len(others)
                variance = np.where(window, fits.scale[k, j], self._eq.problem.prior_scale)
                energy += (fits.theta[k, j, others] ** 2 / variance).sum()
        size += max(len(cuts) - 1, 0)
        energy += (cuts**2).sum() / self._cut_variance
        slope = 0.0
        if levels is not None:
            own, rest = np.isin(levels.columns, columns), ~np.isin(levels.columns, columns)
            L, K = levels.levels[:, levels.columns], levels.precision
            size += L[:, own].size
            energy += np.sum((L[:, own] @ K[np.ix_(own, own)]) * L[:, own])
            slope = np.sum((L[:, own] @ K[np.ix_(own, rest)]) * L[:, rest])
        factor = np.sqrt(rng.gamma(0.5 * size, 2.0 / energy))
        if levels is not None:
            if np.log(rng.random()) > slope * (1.0 - factor):
                return
            levels.scale(columns, factor)
        table.W[np.ix_(self._rows, np.array(columns))] *= factor
        cuts *= factor
        for j in columns:
            for k, others, _ in self._others[j]:
                fits.theta[k, j, others] *= factor


def _stretched(
    z: FloatArray, below: float, above: float, old: float, new: float
) -> tuple[FloatArray, float]:
    """Move `old` to `new` and stretch the line between its neighbours; beyond a last cut point, shift it.

    Returns
    -------
    moved : (n,) float
    log_jacobian : float
    """
    left, right = (z > below) & (z <= old), (z > old) & (z <= above)
    shrink = (new - below) / (old - below)
    moved = np.where(left, below + (z - below) * shrink, z)
    log_jacobian = left.sum() * np.log(shrink)
    if np.isinf(above):
        return np.where(right, z + (new - old), moved), float(log_jacobian)
    grow = (above - new) / (above - old)
    log_jacobian += right.sum() * np.log(grow)
    return np.where(right, above - (above - z) * grow, moved), float(log_jacobian)
