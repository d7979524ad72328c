"""Missing cells of one column, drawn jointly given all else.

Given the other columns, the regressions of a column are an autoregression with known inputs:
z_t = a_1 z_(t-1) + ... + a_L z_(t-L) + (known) + e_t. Its missing cells are jointly Gaussian; two of them share an
equation only within L rows, so that their precision is a band of width L. Cells farther apart form blocks that are
drawn one after the other; a block of one cell is the usual single-cell draw.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import blend, entry, kernel


class WindowTable(NamedTuple):
    """A table laid out by the clock, with covariates and weights of its regressions."""

    W: np.ndarray  # (Tp, D) values
    F: np.ndarray  # (Tp, F) covariates
    weights: np.ndarray  # (Tp, D) precision weights of Student-t noise, or (0, 0)


class ColumnGaps(NamedTuple):
    """Missing cells, sorted by column and row, in blocks, and the equations that they enter."""

    row: np.ndarray  # (C,) int64, of the table
    block: np.ndarray  # (B + 1,) int64, first cell of each block
    column: np.ndarray  # (D + 1,) int64, first block of each column
    equation: np.ndarray  # (B + 1,) int64, first equation of each block
    time: np.ndarray  # (E,) int64, row of each equation
    # (E, L + 1) int64, cell of the block that is missing at each lag, -1 where none is
    member: np.ndarray
    regression: np.ndarray  # (Tp,) int64, regression that each row is served by; -1 for empty rows


class DrawLimits(NamedTuple):
    """How far draws may go, on the scale of the table."""

    low: np.ndarray  # (D,) draws below are reflected
    high: np.ndarray  # (D,)
    lower: np.ndarray  # (D,) support: cells are drawn from the normal truncated to it
    upper: np.ndarray  # (D,)
    # (Tp, D) what the table lacks of the values that these limits are for, or (0, 0): nothing
    level: np.ndarray


class BlockWorkspace(NamedTuple):
    """Scratch space for the largest block."""

    band: np.ndarray  # (cells, L + 1): band[i, b] couples cells i and i - b
    root: np.ndarray  # (cells, L + 1) its Cholesky factor
    mean: np.ndarray  # (cells,)
    draw: np.ndarray  # (cells,)
    old: np.ndarray  # (cells,)
    coefficients: np.ndarray  # (L + 1,) of one equation by lag


def workspace(gaps, L):
    """Return the workspace of these blocks."""
    n = max(np.diff(gaps.block).max(initial=1), 1)
    return BlockWorkspace(*np.zeros((2, n, L + 1)), *np.zeros((3, n)), np.zeros(L + 1))


@blend
def _predict(W, F, theta, k, j, t):
    """v_t' theta[k, j]: predictors that the regression lacks have coefficient 0."""
    D = W.shape[1]
    reach = (theta.shape[2] - F.shape[1]) // D
    first, at, s = t - reach // 2, 0, 0.0
    # By two indices, which the compiler can prove to be in bounds: five times as fast as one along the window.
    for r in range(reach):
        for i in range(D):
            s += theta[k, j, at + i] * W[first + r, i]
        at += D
    for i in range(F.shape[1]):
        s += theta[k, j, at + i] * F[t, i]
    return s


@kernel
def _add_equation(member, e, coefficients, error, precision, band, right):
    """Add precision (error + sum c_i z_i)^2 to the quadratic form of a block: z' band z - 2 z' right."""
    for lag in range(coefficients.size):
        i = member[e, lag]
        if i >= 0:
            c = coefficients[lag] * precision
            right[i] -= c * error
            for far in range(lag, coefficients.size):
                k = member[e, far]
                if k >= 0:
                    band[i, i - k] += c * coefficients[far]


@kernel
def _own_lags(theta, k, j, D, coefficients):
    """Write (1, -a_1, ..., -a_L) of regression k of column j."""
    L = coefficients.size - 1
    coefficients[0] = 1.0
    for lag in range(1, L + 1):
        coefficients[lag] = -theta[k, j, (L - lag) * D + j]


@kernel
def _take_out(W, j, row, first, n, w):
    """Take the cells of a block out of the table and clear its quadratic form."""
    for i in range(n):
        t = row[first + i]
        w.old[i] = W[t, j]
        W[t, j] = 0.0
        w.mean[i] = 0.0
        for b in range(w.band.shape[1]):
            w.band[i, b] = 0.0


@kernel
def _assemble(table, gaps, fits, j, b, w):
    """Precision (w.band) and right-hand side (w.mean) of block b of column j."""
    W, last = table.W, -1
    for e in range(gaps.equation[b], gaps.equation[b + 1]):
        t = gaps.time[e]
        k = gaps.regression[t]
        if k != last:
            _own_lags(fits.theta, k, j, W.shape[1], w.coefficients)
            last = k
        error = W[t, j] - _predict(W, table.F, fits.theta, k, j, t)
        precision = 1.0 / fits.tau2[k, j]
        if table.weights.size:
            precision *= table.weights[t, j]
        _add_equation(gaps.member, e, w.coefficients, error, precision, w.band, w.mean)


@kernel
def _factor_band(n, band, root):
    """Cholesky factor of a band matrix, and of the right shape to solve with."""
    width = band.shape[1]
    for i in range(n):
        for b in range(min(i, width - 1), -1, -1):
            s = band[i, b]
            # Columns before i - b that both rows reach.
            for c in range(b + 1, min(i, width - 1) + 1):
                s -= root[i, c] * root[i - b, c - b]
            root[i, b] = np.sqrt(s) if b == 0 else s / root[i - b, 0]


@kernel
def _solve_lower(n, root, x):
    width = root.shape[1]
    for i in range(n):
        for b in range(1, min(i, width - 1) + 1):
            x[i] -= root[i, b] * x[i - b]
        x[i] /= root[i, 0]


@kernel
def _solve_upper(n, root, x):
    width = root.shape[1]
    for i in range(n - 1, -1, -1):
        x[i] /= root[i, 0]
        for b in range(1, min(i, width - 1) + 1):
            x[i - b] -= root[i, b] * x[i]


@kernel
def _draw_joint(rng, n, w):
    """Write the mean of the block to w.mean and a draw to w.draw."""
    _factor_band(n, w.band, w.root)
    _solve_lower(n, w.root, w.mean)
    for i in range(n):
        w.draw[i] = w.mean[i] + rng.standard_normal()
    _solve_upper(n, w.root, w.mean)
    _solve_upper(n, w.root, w.draw)


@kernel
def _outside(n, x, lower, upper):
    found = False
    for i in range(n):
        found = found or not lower <= x[i] <= upper
    return found


@kernel
def reflect(x, low, high):
    """Reflect x into [low, high]; what is farther away than the interval is wide ends on its edge."""
    if x < low:
        return min(2.0 * low - x, high)
    if x > high:
        return max(2.0 * high - x, low)
    return x


@kernel
def _tail(rng, a, b):
    """Draw a standard normal truncated to [a, b], 0 < a (Robert, Stat. Comput. 5, 1995)."""
    rate = 0.5 * (a + np.sqrt(a * a + 4.0))
    if (b - a) * rate < 1.0:  # a slice so thin that it is nearly flat
        while True:
            x = a + (b - a) * rng.random()
            if rng.random() <= np.exp(0.5 * (a * a - x * x)):
                return x
    while True:
        x = a + rng.standard_exponential() / rate
        if x <= b and rng.random() <= np.exp(-0.5 * (x - rate) ** 2):
            return x


@kernel
def _middle(rng, a, b):
    """Draw a standard normal truncated to [a, b], which holds 0."""
    wide = b - a > 2.5
    while True:
        if wide:
            x = rng.standard_normal()
            if a <= x <= b:
                return x
        else:
            x = a + (b - a) * rng.random()
            if rng.random() <= np.exp(-0.5 * x * x):
                return x


@kernel
def truncated_normal(rng, mean, sd, lower, upper):
    """Draw N(mean, sd^2) truncated to [lower, upper]."""
    a, b = (lower - mean) / sd, (upper - mean) / sd
    if not a <= b:  # NaN would never be accepted
        return mean
    if a > 0.0:
        return mean + sd * _tail(rng, a, b)
    if b < 0.0:
        return mean - sd * _tail(rng, -b, -a)
    return mean + sd * _middle(rng, a, b)


@kernel
def _one_by_one(rng, n, w, lower, upper):
    """Redraw the cells of a block one by one from their truncated conditionals, starting at the old ones."""
    width = w.band.shape[1]
    for i in range(n):
        w.draw[i] = w.old[i]
    for i in range(n):
        s = 0.0
        for b in range(1, width):
            if i >= b:
                s += w.band[i, b] * (w.draw[i - b] - w.mean[i - b])
            if i + b < n:
                s += w.band[i + b, b] * (w.draw[i + b] - w.mean[i + b])
        precision = w.band[i, 0]
        w.draw[i] = truncated_normal(rng, w.mean[i] - s / precision, precision**-0.5, lower, upper)


@kernel
def _draw_block(rng, n, w, lower, upper):
    """Draw a block within its support.

    The chance that the joint draw falls into it does not depend on the old cells, hence what replaces that draw
    otherwise may start from them.
    """
    _draw_joint(rng, n, w)
    if _outside(n, w.draw, lower, upper):
        _one_by_one(rng, n, w, lower, upper)


@kernel
def cell_given_rest(table, gaps, fits, j, b):
    """Mean and standard deviation of the only cell of block b of column j given all others; it is 0 in the table then.

    What `_assemble` and `_factor_band` do, without the matrices.
    """
    W, F, row = table.W, table.F, gaps.row[gaps.block[b]]
    W[row, j] = 0.0
    half, D = (fits.theta.shape[2] - F.shape[1]) // W.shape[1] // 2, W.shape[1]
    precision, right = 0.0, 0.0
    for e in range(gaps.equation[b], gaps.equation[b + 1]):
        t = gaps.time[e]
        k = gaps.regression[t]
        w = 1.0 / fits.tau2[k, j]
        if table.weights.size:
            w *= table.weights[t, j]
        c = 1.0 if t == row else -fits.theta[k, j, (half - t + row) * D + j]
        right -= c * w * (W[t, j] - _predict(W, F, fits.theta, k, j, t))
        precision += c * c * w
    return right / precision, precision**-0.5


@kernel
def _draw_single(rng, table, gaps, fits, j, b, lower, upper):
    """Draw the only cell of block b of column j: what `_draw_block` does."""
    mean, sd = cell_given_rest(table, gaps, fits, j, b)
    x = mean + sd * rng.standard_normal()
    return x if lower <= x <= upper else truncated_normal(rng, mean, sd, lower, upper)


@kernel
def _within(x, j, level, limits, n_reflected):
    """Reflect a draw that went too far."""
    low, high = limits.low[j] - level, limits.high[j] - level
    if low <= x <= high:
        return x
    n_reflected[j] += 1
    return reflect(x, low, high)


@entry
def redraw(rng, table, order, gaps, fits, limits, w, n_reflected):
    """Redraw the missing cells of a table column by column, in the order given.

    n_reflected : (D,) int64, counts the draws of each column that were reflected at the limits.
    """
    W = table.W
    for j in order:
        for b in range(gaps.column[j], gaps.column[j + 1]):
            first, n = gaps.block[b], gaps.block[b + 1] - gaps.block[b]
            # One for the whole block, which lies within a sequence.
            level = limits.level[gaps.row[first], j] if limits.level.size else 0.0
            lower, upper = limits.lower[j] - level, limits.upper[j] - level
            if n == 1:
                x = _draw_single(rng, table, gaps, fits, j, b, lower, upper)
                W[gaps.row[first], j] = _within(x, j, level, limits, n_reflected)
                continue
            _take_out(W, j, gaps.row, first, n, w)
            _assemble(table, gaps, fits, j, b, w)
            _draw_block(rng, n, w, lower, upper)
            for i in range(n):
                W[gaps.row[first + i], j] = _within(w.draw[i], j, level, limits, n_reflected)


@entry
def draw_weights(rng, table, regression, fits, dof):
    """Redraw the precision weights of Student-t noise: Gamma((dof + 1) / 2, (dof + e^2 / tau2) / 2)."""
    W, F, weights = table.W, table.F, table.weights
    for t in range(W.shape[0]):
        k = regression[t]
        if k < 0:
            continue
        for j in range(W.shape[1]):
            e = W[t, j] - _predict(W, F, fits.theta, k, j, t)
            rate = 0.5 * (dof + e * e / fits.tau2[k, j])
            weights[t, j] = rng.standard_gamma(0.5 * (dof + 1.0)) / rate
