"""Cells of which only an interval is known, drawn one by one from the normal that an engine makes of them, truncated.

Given the present values of all other cells, a cell is normal: under the regressions of its column (what its own row
and its lags forward and back say), or under a vector autoregression. One that was seen to lie in an interval has that
normal truncated to it (Tobin, Econometrica 26, 1958; drawn by Robert, Statistics and Computing 5, 1995).
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.imputation.column_gaps import cell_given_rest, truncated_normal


class CensoredRows(NamedTuple):
    """Censored cells as an autoregression has them, sorted by column and row."""

    row: np.ndarray  # (C,) int64
    column: np.ndarray  # (C,) int64
    stop: np.ndarray  # (C,) int64, the row where the cell's segment ends
    low: np.ndarray  # (C,) ends of the interval; infinite where it has none
    high: np.ndarray  # (C,)


@kernel
def _draw_inside(rng, mean, sd, low, high):
    """Truncated draw that rounding does not take out of its interval."""
    return min(max(truncated_normal(rng, mean, sd, low, high), low), high)


@entry
def redraw_independent(rng, mean, sd, low, high, out):
    """Draw cells (C,) that are independent given all else, with means and standard deviations of their own."""
    for c in range(out.size):
        out[c] = _draw_inside(rng, mean[c], sd[c], low[c], high[c])


@entry
def redraw_by_regressions(rng, table, gaps, fits, j, low, high):
    """Redraw the censored cells of column j of a `WindowTable` given its regressions.

    gaps : `ColumnGaps` of which every cell is a block of its own; low, high : (C,) their intervals.
    """
    for b in range(gaps.column[j], gaps.column[j + 1]):
        mean, sd = cell_given_rest(table, gaps, fits, j, b)
        table.W[gaps.row[b], j] = _draw_inside(rng, mean, sd, low[b], high[b])


@entry
def redraw_by_autoregression(rng, Z, weighted, blocks, before, cells, first, last):
    """Redraw the censored cells first .. last - 1 given all other cells, and keep `weighted` in step.

    Z : (n, D) table; weighted : (n, D) residuals times noise precision at Z; blocks : `VARPrecision`; before : (n,)
    rows of the segment before each row, at most L; cells : `CensoredRows`.

    The cell (t, i) enters the equations of the rows u = t .. t + L. Their energy has the slope
    sum_u G[c(u), u-t]_i' weighted_u and the curvature sum_u square[c(u), u-t, u-t]_ii there.
    """
    L, D = blocks.inner.shape[0] - 1, Z.shape[1]
    for p in range(first, last):
        t, i = cells.row[p], cells.column[p]
        slope, curvature = 0.0, 0.0
        for u in range(t, min(t + L + 1, cells.stop[p])):
            c = before[u]
            curvature += blocks.square[c, u - t, u - t, i, i]
            for m in range(D):
                slope += blocks.G[c, u - t, m, i] * weighted[u, m]
        mean, sd = Z[t, i] - slope / curvature, curvature**-0.5
        step = -Z[t, i]
        Z[t, i] = _draw_inside(rng, mean, sd, cells.low[p], cells.high[p])
        step += Z[t, i]
        for u in range(t, min(t + L + 1, cells.stop[p])):
            for m in range(D):
                # G[c, 0] = I, so that square[c, 0, k] is the noise precision times G[c, k].
                weighted[u, m] += blocks.square[before[u], 0, u - t, m, i] * step
