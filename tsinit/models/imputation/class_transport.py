"""Moves of the coefficients and cut points of a column of classes together with its latent cells.

Coefficients that are drawn given the latent cells, and these given the coefficients, move slowly where classes are
predicted well: the noise of the cells, not what the classes say, bounds each step. Here every cell keeps its rank in
its interval instead (`kernels.imputation.class_transport`), and coefficients and cut points are drawn from what the
classes say of them, by elliptical slice sampling (Murray, Adams and MacKay, AISTATS 2010) about a Student-t
distribution that the warm-up has fitted (Nishihara, Murray and Adams, JMLR 15, 2014).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import log_ndtr

from tsinit.kernels.imputation import class_transport
from tsinit.models.imputation import learned_scales

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels.imputation.column_gaps import WindowTable
    from tsinit.kernels.imputation.column_regressions import ColumnRegressions
    from tsinit.models.imputation.class_columns import LatentClasses
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions

#: Degrees of freedom of the fitted distribution: tails that the posterior does not exceed.
_DOF = 5.0
#: Its variance in units of the curvature's.
_WIDEN = 2.0
#: Points of an ellipse that are tried: the bracket is a billionth of it then.
_TRIES = 40
#: Ellipses between two draws of the cells given the coefficients.
_MOVES = 3
#: Draws after which the distribution is fitted for the first time; then whenever they have doubled.
_FIRST = 10


class Reference(NamedTuple):
    """Student-t distribution that ellipses are about."""

    mean: FloatArray  # (d,)
    root: FloatArray  # (d, d) lower, root root' the precision

    def squares(self, x: FloatArray) -> float:
        """Squared distance of a point from the mean."""
        return float(np.sum((self.root.T @ (x - self.mean)) ** 2))

    def log_density(self, x: FloatArray) -> float:
        """Log density up to a constant."""
        return -0.5 * (_DOF + len(x)) * float(np.log1p(self.squares(x) / _DOF))

    def around(self, rng: np.random.Generator, x: FloatArray) -> FloatArray:
        """Draw the other axis of an ellipse through x, as a deviation from the mean."""
        d = len(x)
        variance = 0.5 * (_DOF + self.squares(x)) / rng.standard_gamma(0.5 * (_DOF + d))
        return np.sqrt(variance) * np.linalg.solve(self.root.T, rng.standard_normal(d))


class _Block(NamedTuple):
    """Coefficients of one regression of one latent column."""

    k: int  # regression
    c: int  # latent column, of those of its column of classes
    j: int  # the same, of the table
    places: IntArray  # (n,) in the window
    part: slice  # of the vector that moves
    scaled: slice  # those of it whose variance is learned, where one is
    rows: IntArray  # (rows,) of the layout where a class was seen


class ClassTransport:
    """Moves of one column of classes.

    Parameters
    ----------
    equations : LaggedRegressions
    one : LatentClasses
    cut_variance : float
        Of its cut points a priori.
    """

    def __init__(
        self, equations: LaggedRegressions, one: LatentClasses, cut_variance: float
    ) -> None:
        self._eq, self._cut_variance = equations, cut_variance
        self._columns = np.array(one.columns, dtype=np.int64)
        self._codes = np.full(equations.n_rows, -1, dtype=np.int64)
        self._codes[equations.place[one.rows]] = one.codes
        self._regression = equations.gaps.regression
        self._blocks = self._list_blocks()
        self._n_theta = self._blocks[-1].part.stop if self._blocks else 0
        shape = equations.n_rows, len(one.columns)
        self._ranks = class_transport.CellRanks(*np.zeros((3, *shape)))
        self._reference: Reference | None = None
        self._mean, self._curvature = np.zeros(0), np.zeros((3, *shape))
        self._n, self._n_drawn = 0, 0

    def _list_blocks(self) -> list[_Block]:
        design, regression, blocks, first = self._eq.design, self._regression, [], 0
        for k in np.unique(regression[regression >= 0]).tolist():
            if design.member[k].sum() > 1:
                continue  # rows of other regressions inform it: it is drawn given the cells only
            rows = np.flatnonzero((regression == k) & (self._codes >= 0))
            for c, j in enumerate(self._columns.tolist()):
                places = design.index[k, j, : design.size[k, j]]
                part = slice(first, first + len(places))
                first = part.stop
                scaled = slice(part.start, part.stop - design.n_level)
                blocks.append(_Block(k, c, j, places, part, scaled, rows))
        return blocks

    def see(self, codes: IntArray, rows: IntArray) -> None:
        """Take other classes in the same rows."""
        self._codes[self._eq.place[rows]] = codes

    def _seen(self, cuts: FloatArray) -> class_transport.SeenCells:
        ends = np.concatenate([[-np.inf], cuts, [np.inf]]) if len(cuts) else cuts
        return class_transport.SeenCells(self._columns, self._codes, ends)

    def _vector(self, fits: ColumnRegressions, cuts: FloatArray) -> FloatArray:
        return np.concatenate([*(fits.theta[b.k, b.j, b.places] for b in self._blocks), cuts[1:]])

    def _put(self, x: FloatArray, fits: ColumnRegressions, cuts: FloatArray) -> None:
        for block in self._blocks:
            fits.theta[block.k, block.j, block.places] = x[block.part]
        cuts[1:] = x[self._n_theta :]

    def _variance(self, fits: ColumnRegressions, n_cuts: int) -> FloatArray:
        """Prior variance of each coefficient and cut point."""
        out = np.full(self._n_theta + n_cuts, self._cut_variance)
        for block in self._blocks:
            out[block.part] = self._eq.problem.prior_scale
            out[block.scaled] = fits.scale[block.k, block.j]
        return out

    def _log_prior(self, x: FloatArray, variance: FloatArray, shrinkage: float) -> float:
        """Log density of the prior, learned variances integrated out."""
        squares = x * x
        if not shrinkage > 0.0:
            return -0.5 * float(np.sum(squares / variance))
        total = 0.0
        for block in self._blocks:
            n = block.scaled.stop - block.scaled.start
            if n:
                median = shrinkage / np.sqrt(n)
                total += learned_scales.log_density(squares[block.scaled].sum(), n, median)
            squares[block.scaled] = 0.0
        return total - 0.5 * float(np.sum(squares / variance))

    def _draw_scales(
        self, rng: np.random.Generator, fits: ColumnRegressions, x: FloatArray, shrinkage: float
    ) -> None:
        """Draw the learned variances given the coefficients."""
        for block in self._blocks:
            n = block.scaled.stop - block.scaled.start
            if n:
                squares = float(np.sum(x[block.scaled] ** 2))
                median = shrinkage / np.sqrt(n)
                fits.scale[block.k, block.j] = learned_scales.draw(rng, squares, n, median)

    def move(
        self, rng: np.random.Generator, table: WindowTable, fits: ColumnRegressions,
        cuts: FloatArray, shrinkage: float, adapt: bool,
    ) -> None:  # fmt: skip
        """Move coefficients, cut points and cells, in place, once a distribution is fitted.

        Parameters
        ----------
        rng : numpy.random.Generator
        table : WindowTable
        fits : ColumnRegressions
        cuts : (classes - 1,) float
        shrinkage : float
            Median of the root of a learned variance of coefficients (`ColumnPrior`); 0 where it is not learned.
        adapt : bool
            Fit the distribution: during the warm-up only.
        """
        if not self._blocks or not (adapt or self._reference):
            return
        given = table.W, table.F, self._regression, fits.theta
        log_p = class_transport.rank_cells(*given, self._seen(cuts), self._ranks)
        if not np.isfinite(log_p):
            return
        variance = self._variance(fits, max(len(cuts) - 1, 0))
        if adapt:
            self._count(self._vector(fits, cuts), table, cuts)
            if self._n_drawn % _FIRST == 0 and (self._n_drawn // _FIRST).bit_count() == 1:
                self._fit(table, variance)
        if self._reference:
            reference = self._reference

            def log_ratio(x: FloatArray) -> float:
                return self._log_prior(x, variance, shrinkage) - reference.log_density(x)

            for _ in range(_MOVES):
                log_p = self._slice(rng, log_p, log_ratio, table, fits, cuts)
            if shrinkage > 0.0:
                self._draw_scales(rng, fits, self._vector(fits, cuts), shrinkage)

    def _slice(
        self, rng: np.random.Generator, log_p: float, log_ratio: Callable[[FloatArray], float],
        table: WindowTable, fits: ColumnRegressions, cuts: FloatArray,
    ) -> float:  # fmt: skip
        """Move along an ellipse; return the log probability of the classes."""
        reference = self._reference
        assert reference is not None
        x, old = self._vector(fits, cuts), table.W[:, self._columns]
        other = reference.around(rng, x)
        goal = log_p + log_ratio(x) - rng.standard_exponential()
        angle = 2.0 * np.pi * rng.random()
        ends = [angle - 2.0 * np.pi, angle]
        given = table.W, table.F, self._regression, fits.theta
        for _ in range(_TRIES):
            new = reference.mean + (x - reference.mean) * np.cos(angle) + other * np.sin(angle)
            self._put(new, fits, cuts)
            if not len(cuts) or (np.diff(cuts) > 0.0).all():
                found = class_transport.place_cells(*given, self._seen(cuts), self._ranks)
                if found + log_ratio(new) > goal:
                    return found
            ends[int(angle > 0.0)] = angle
            angle = rng.uniform(ends[0], ends[1])
        self._put(x, fits, cuts)
        table.W[:, self._columns] = old
        return log_p

    def _count(self, x: FloatArray, table: WindowTable, cuts: FloatArray) -> None:
        """Take a draw of the warm-up into the means: of the vector, and of the curvature of each row."""
        if not self._n:
            self._mean, self._curvature = np.zeros(len(x)), np.zeros_like(self._curvature)
        self._n, self._n_drawn = self._n + 1, self._n_drawn + 1
        self._mean += (x - self._mean) / self._n
        z = table.W[:, self._columns]
        low, high = self._intervals(z, cuts)
        mean = z - self._ranks.error
        found = _curvature(low - mean, high - mean)
        self._curvature += (found - self._curvature) / self._n

    def _intervals(self, z: FloatArray, cuts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(Tp, m) ends of the intervals of the latent cells, given those of the classes."""
        codes, seen = self._codes[:, None], self._codes[:, None] >= 0
        if len(cuts):
            ends = self._seen(cuts).ends
            low, high = ends[np.maximum(codes, 0)], ends[np.maximum(codes, 0) + 1]
        else:
            own = codes == np.arange(1, len(self._columns) + 1)
            limit = np.where(own, z, 0.0).sum(axis=1, keepdims=True)
            low, high = np.where(own, 0.0, -np.inf), np.where(own, np.inf, limit)
        return np.where(seen, low, -np.inf), np.where(seen, high, np.inf)

    def _fit(self, table: WindowTable, variance: FloatArray) -> None:
        """Fit the distribution to the draws since it was last fitted: their mean, and the curvature of the rows."""
        low, both, high = self._curvature
        precision, d = np.diag(1.0 / variance), len(variance)
        cuts = range(self._n_theta, d)
        for i, m in enumerate(cuts, start=1):  # the upper end of class i, the lower of the next
            upper, lower = self._codes == i, self._codes == i + 1
            precision[m, m] += high[upper].sum() + low[lower].sum()
            if m + 1 < d:
                precision[m, m + 1] += both[lower].sum()
                precision[m + 1, m] = precision[m, m + 1]
        for block in self._blocks:
            X, at = self._windows(table, block.rows)[:, block.places], (block.rows, block.c)
            precision[block.part, block.part] += X.T @ (
                (low[at] + 2.0 * both[at] + high[at])[:, None] * X
            )
            for i, m in enumerate(cuts, start=1):
                codes = self._codes[block.rows]
                weight = np.where(codes == i, high[at] + both[at], 0.0)
                weight += np.where(codes == i + 1, low[at] + both[at], 0.0)
                precision[block.part, m] -= weight @ X
                precision[m, block.part] = precision[block.part, m]
        self._reference = Reference(
            self._mean.copy(), np.asarray(np.linalg.cholesky(precision / _WIDEN), dtype=np.float64)
        )
        self._n = 0

    def _windows(self, table: WindowTable, rows: IntArray) -> FloatArray:
        reach = self._eq.reach
        lagged = table.W[rows[:, None] + np.arange(-reach, reach + 1)].reshape(len(rows), -1)
        return np.hstack([lagged, table.F[rows]])


def _curvature(a: FloatArray, b: FloatArray) -> FloatArray:
    """Negative second derivatives of the log probability of intervals [a, b] of a standard normal by their ends.

    Returns
    -------
    (3, ...) float
        By the lower end twice, by both, and by the upper end twice.
    """
    turned = a > 0.0
    low, high = np.where(turned, -b, a), np.where(turned, -a, b)
    top = log_ndtr(high)
    log_p = top + np.log1p(-np.exp(np.minimum(log_ndtr(low) - top, -1e-16)))
    at_a, at_b = (np.exp(-0.5 * (end * end + np.log(2.0 * np.pi)) - log_p) for end in (a, b))
    a, b = np.where(np.isfinite(a), a, 0.0), np.where(np.isfinite(b), b, 0.0)
    return np.array([at_a**2 - a * at_a, -at_a * at_b, at_b**2 + b * at_b])
