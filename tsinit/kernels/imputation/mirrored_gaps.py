"""Missing cells of two tables under the same regressions, drawn by noise and by its negative.

The mean of such a pair does not depend on the noise as far as cells are linear in it: of what is averaged over draws,
few pairs leave as little to chance as many single draws. Both tables have the distribution that `column_gaps.redraw`
draws from.

For the sake of speed, tables lie column after column, so that the errors of a column are sums over runs of rows, and
the missing cells of a column are one system, whose precision is 0 between blocks.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend_with_memory, entry, kernel, kernel_with_memory
from tsinit.kernels.imputation.column_gaps import (
    BlockWorkspace,
    _factor_band,
    _one_by_one,
    _outside,
    _own_lags,
    _solve_lower,
    _solve_upper,
    reflect,
)

#: Rows without an equation of a missing cell over which errors are summed all the same: runs are longer.
_BRIDGE = 8


class MirroredTable(NamedTuple):
    """One table of a pair, and what is worked out of one of its columns at a time."""

    columns: np.ndarray  # (D, Tp) values
    error: np.ndarray  # (Tp,) what the regressions of the column leave, its missing cells set to 0
    space: BlockWorkspace  # for all missing cells of the column; band, root and coefficients serve both tables


def pair_of(W, gaps, L):
    """Two tables with the values (Tp, D), and space for the column with most missing cells."""
    n = max(np.diff(gaps.block[gaps.column]).max(initial=1), 1)
    shared = np.zeros((2, n, L + 1)), np.zeros(L + 1)
    return tuple(
        MirroredTable(
            np.array(W.T, order="C"), np.zeros(len(W)),
            BlockWorkspace(*shared[0], *np.zeros((3, n)), shared[1]),
        )
        for _ in range(2)
    )  # fmt: skip


@kernel
def _take_out(table, row, first, n, j):
    """Set the missing cells of column j to 0, and note what they were."""
    for i in range(n):
        table.space.old[i] = table.columns[j, row[first + i]]
        table.columns[j, row[first + i]] = 0.0
        table.space.mean[i] = 0.0


@blend_with_memory
def _errors(table, F, theta, k, j, first, stop):
    """Errors of regression k of column j in the rows first .. stop - 1; F is (F, Tp)."""
    columns, error = table.columns, table.error[first:stop]
    D, n = columns.shape[0], stop - first
    half = (theta.shape[2] - F.shape[0]) // D // 2
    own = columns[j, first:stop]
    for t in range(n):
        error[t] = own[t]
    for r in range(2 * half + 1):
        for i in range(D):
            c = theta[k, j, r * D + i]
            if c != 0.0:
                x = columns[i, first + r - half : stop + r - half]
                for t in range(n):
                    error[t] -= c * x[t]
    for i in range(F.shape[0]):
        c, x = theta[k, j, theta.shape[2] - F.shape[0] + i], F[i, first:stop]
        for t in range(n):
            error[t] -= c * x[t]


@kernel
def _run(gaps, e, last):
    """Row after the run that begins at equation e, and the equation after it; its rows have one regression."""
    stop = gaps.time[e] + 1
    k = gaps.regression[stop - 1]
    e += 1
    while e < last and gaps.time[e] - stop < _BRIDGE:
        for t in range(stop, gaps.time[e] + 1):
            if gaps.regression[t] != k:
                return stop, e
        stop = gaps.time[e] + 1
        e += 1
    return stop, e


@kernel
def _column_errors(u, v, F, gaps, theta, j):
    """Errors of column j in all rows whose equations its missing cells enter."""
    e, last = gaps.equation[gaps.column[j]], gaps.equation[gaps.column[j + 1]]
    while e < last:
        first = gaps.time[e]
        stop, e = _run(gaps, e, last)
        _errors(u, F, theta, gaps.regression[first], j, first, stop)
        _errors(v, F, theta, gaps.regression[first], j, first, stop)


@kernel
def _assemble(u, v, gaps, fits, j):
    """Precision (band) and right-hand sides (mean) of the missing cells of column j."""
    band, coefficients, last = u.space.band, u.space.coefficients, -1
    start, L = gaps.block[gaps.column[j]], u.space.coefficients.size - 1
    for i in range(gaps.block[gaps.column[j + 1]] - start):
        for lag in range(L + 1):
            band[i, lag] = 0.0
    for b in range(gaps.column[j], gaps.column[j + 1]):
        first = gaps.block[b] - start
        for e in range(gaps.equation[b], gaps.equation[b + 1]):
            t = gaps.time[e]
            k = gaps.regression[t]
            if k != last:
                _own_lags(fits.theta, k, j, u.columns.shape[0], coefficients)
                last = k
            for lag in range(L + 1):
                if gaps.member[e, lag] >= 0:
                    i, c = first + gaps.member[e, lag], coefficients[lag] / fits.tau2[k, j]
                    u.space.mean[i] -= c * u.error[t]
                    v.space.mean[i] -= c * v.error[t]
                    for far in range(lag, L + 1):
                        if gaps.member[e, far] >= 0:
                            other = first + gaps.member[e, far]
                            band[i, i - other] += c * coefficients[far]


@kernel
def _draw(rng, n, w, x):
    """Write the means of n cells to w.mean and x.mean, and draws on either side of them; the precision is w.band."""
    _factor_band(n, w.band, w.root)
    for i in range(n):
        w.draw[i] = rng.standard_normal()
    _solve_upper(n, w.root, w.draw)
    _solve_lower(n, w.root, w.mean)
    _solve_upper(n, w.root, w.mean)
    _solve_lower(n, w.root, x.mean)
    _solve_upper(n, w.root, x.mean)
    for i in range(n):
        x.draw[i] = x.mean[i] - w.draw[i]
        w.draw[i] += w.mean[i]


@kernel_with_memory
def _hold(rng, table, gaps, j, lower, upper):
    """Draw the blocks of column j that have left their support cell by cell, from where they were."""
    w, start = table.space, gaps.block[gaps.column[j]]
    for b in range(gaps.column[j], gaps.column[j + 1]):
        first, n = gaps.block[b] - start, gaps.block[b + 1] - gaps.block[b]
        if _outside(n, w.draw[first:], lower, upper):
            own = BlockWorkspace(
                w.band[first:],
                w.root,
                w.mean[first:],
                w.draw[first:],
                w.old[first:],
                w.coefficients,
            )
            _one_by_one(rng, n, own, lower, upper)


@kernel
def _put_back(table, row, first, n, j, low, high):
    """Put the drawn cells of column j into its table, reflected where they went too far."""
    for i in range(n):
        table.columns[j, row[first + i]] = reflect(table.space.draw[i], low, high)


@entry
def redraw_pair(rng, tables, F, order, gaps, fits, limits):
    """Redraw the missing cells of two tables (`MirroredTable`), column by column in the order given.

    F : (F, Tp) covariates. The level of `limits` is 0.
    """
    u, v = tables
    for j in order:
        first = gaps.block[gaps.column[j]]
        n = gaps.block[gaps.column[j + 1]] - first
        _take_out(u, gaps.row, first, n, j)
        _take_out(v, gaps.row, first, n, j)
        _column_errors(u, v, F, gaps, fits.theta, j)
        _assemble(u, v, gaps, fits, j)
        _draw(rng, n, u.space, v.space)
        lower, upper, low, high = limits.lower[j], limits.upper[j], limits.low[j], limits.high[j]
        for table in tables:
            if _outside(n, table.space.draw, lower, upper):
                _hold(rng, table, gaps, j, lower, upper)
            _put_back(table, gaps.row, first, n, j, low, high)
