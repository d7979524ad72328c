"""Squares and fills of rows under normal states: mean (K, D), lower triangular W (K, D, D), precision W'W.

`data` has the fields of `RowsWithGaps`; `params` at least mean, whiten (W) and log_norm, log|W| - D/2 log(2 pi) (K,).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numba import carray

from tsinit.emissions._workspace import allocate, free, merged, unfailing
from tsinit.kernels._jit import blend, kernel, kernel_with_memory

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.emissions.gaussian import GaussianParams
    from tsinit.emissions.student_t import StudentTData, StudentTParams

    NormalParams: TypeAlias = GaussianParams | StudentTParams
    GappedData: TypeAlias = "RowsWithGaps | StudentTData"

LOG_2PI = math.log(2.0 * math.pi)
_MIN_PIVOT = 1e-14  # of the diagonal: what rounding may have made negative


class RowsWithGaps(NamedTuple):
    """Standardised observations and the list of their gaps."""

    y: np.ndarray  # (T, D), NaN where missing
    gap: np.ndarray  # (T + 1,) missing columns of row t: column[gap[t]:gap[t + 1]]
    column: np.ndarray


def list_gaps(y: FloatArray) -> RowsWithGaps:
    """List the missing columns of y (T, D) row after row, because most rows have none or few."""
    missing = np.isnan(y)
    gap = np.zeros(len(y) + 1, np.int64)
    np.cumsum(missing.sum(axis=1), out=gap[1:])
    return RowsWithGaps(y, gap, np.nonzero(missing)[1].astype(np.int64))


def is_partly_observed(rows: RowsWithGaps) -> bool:
    """Whether some row has both observed and missing entries."""
    missing = np.diff(rows.gap)
    return bool(np.any((missing > 0) & (missing < rows.y.shape[1])))


def start_fill(rng: np.random.Generator, y: FloatArray) -> FloatArray:
    """Fill gaps in y (T, D) with values observed in the column, at random; zeros in a column without any."""
    y = y.copy()
    for column in y.T:
        gap = np.isnan(column)
        observed = column[~gap]
        column[gap] = rng.choice(observed, gap.sum()) if observed.size else 0.0
    return y


@blend
def complete_row(params: NormalParams, data: GappedData, t: int, k: int) -> float:
    """Squared length of W (y_t - mean) for a row without gaps."""
    total = 0.0
    for i in range(data.y.shape[1]):
        r = 0.0
        for j in range(i + 1):
            r += params.whiten[k, i, j] * (data.y[t, j] - params.mean[k, j])
        total += r * r
    return total


@blend
def one_gap(params: NormalParams, data: GappedData, t: int, k: int) -> tuple[float, float]:
    """As `many_gaps` for a single missing column, without workspace."""
    column = data.column[data.gap[t]]
    square, g, precision = 0.0, 0.0, 0.0
    for i in range(data.y.shape[1]):
        r = 0.0
        for j in range(i + 1):
            if j != column:
                r += params.whiten[k, i, j] * (data.y[t, j] - params.mean[k, j])
        w = params.whiten[k, i, column]
        square += r * r
        g += w * r
        precision += w * w
    return square - g * g / precision, math.log(precision)


@blend
def two_gaps(params: NormalParams, data: GappedData, t: int, k: int) -> tuple[float, float]:
    """As `many_gaps` for two missing columns, without workspace: a 2 x 2 system in closed form."""
    first = data.gap[t]
    left, right = data.column[first], data.column[first + 1]
    square, g, h, p, q, s = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(data.y.shape[1]):
        r = 0.0
        for j in range(i + 1):
            if j != left and j != right:
                r += params.whiten[k, i, j] * (data.y[t, j] - params.mean[k, j])
        v, w = params.whiten[k, i, left], params.whiten[k, i, right]
        square += r * r
        g += v * r
        h += w * r
        p += v * v
        q += v * w
        s += w * w
    # Eliminating the first: its share, then what it leaves of the second.
    h -= q / p * g
    s = max(s - q / p * q, _MIN_PIVOT * s)
    return square - g * g / p - h * h / s, math.log(p * s)


@kernel
def _gap_system(params: NormalParams, data: GappedData, t: int, k: int, R: FloatArray) -> float:
    """What row t with m gaps needs, into the rows of R (m + 1, m); |r|^2 with r = W_o (y_o - mean_o).

    Rows 0..m-1 become the factor of Lambda_mm, the last v = R^-1 W_m' r. The precision Lambda = W'W makes
    both of the marginal of what is observed and of the conditional of what is missing: y_m | y_o ~ N(mean_m -
    R^-T v, Lambda_mm^-1), the square in the marginal density is |r|^2 - |v|^2, and its precision has the
    determinant |Lambda| / |R|^2. With few missing this is cheaper than factoring Sigma_oo.
    """
    first = data.gap[t]
    m = data.gap[t + 1] - first
    square = 0.0
    for a in range(m + 1):
        for b in range(m):
            R[a, b] = 0.0
    for i in range(data.y.shape[1]):
        r = 0.0
        for j in range(i + 1):
            x = data.y[t, j] - params.mean[k, j]
            if not np.isnan(x):
                r += params.whiten[k, i, j] * x
        square += r * r
        for a in range(m):
            w = params.whiten[k, i, data.column[first + a]]
            R[m, a] += w * r
            for b in range(a + 1):
                R[a, b] += w * params.whiten[k, i, data.column[first + b]]
    # The last row is solved for as if it were one more row of the factor.
    for a in range(m + 1):
        for b in range(min(a + 1, m)):
            x = R[a, b]
            for h in range(b):
                x -= R[a, h] * R[b, h]
            R[a, b] = math.sqrt(max(x, _MIN_PIVOT * R[a, a])) if a == b else x / R[b, b]
    return square


@kernel_with_memory
def many_gaps(params: NormalParams, data: GappedData, t: int, k: int) -> tuple[float, float]:
    """Squared length of the whitened observed part of row t, and log|Lambda_mm|."""
    m = data.gap[t + 1] - data.gap[t]
    memory = allocate((m + 1) * m)  # type: ignore[call-arg,var-annotated]
    R = carray(memory, (m + 1, m))
    square = _gap_system(params, data, t, k, R)
    log_det = 0.0
    for a in range(m):
        square -= R[m, a] * R[m, a]
        log_det += 2.0 * math.log(R[a, a])
    free(memory)
    return square, log_det


@merged
def observed_part(
    params: NormalParams, data: GappedData, t: int, k: int
) -> tuple[float, float, int]:
    """Squared length of the whitened observed part of row t, log norm of its Gaussian, number observed."""
    missing, D = data.gap[t + 1] - data.gap[t], data.y.shape[1]
    square, log_det = 0.0, 0.0
    if missing == 0:
        square = complete_row(params, data, t, k)
    elif missing == 1 and D > 1:
        square, log_det = unfailing(one_gap, params, data, t, k)  # type: ignore[call-arg]
    elif missing == 2 and D > 2:
        square, log_det = unfailing(two_gaps, params, data, t, k)  # type: ignore[call-arg]
    elif missing < D:
        square, log_det = unfailing(many_gaps, params, data, t, k)  # type: ignore[call-arg]
    # params and data are read once more: see `tsinit.emissions._workspace`.
    return (
        square,
        params.log_norm[k] + 0.5 * (missing * LOG_2PI - log_det),
        data.y.shape[1] - missing,
    )


@kernel_with_memory
def fill_row(
    rng: np.random.Generator,
    params: NormalParams,
    data: GappedData,
    t: int,
    k: int,
    weight: float,
    y: FloatArray,
) -> None:
    """Draw what is missing in row t given what is observed into y[t]: mean_m - R^-T (v - e / sqrt(weight))."""
    first = data.gap[t]
    m = data.gap[t + 1] - first
    memory = allocate((m + 1) * m)  # type: ignore[call-arg,var-annotated]
    R = carray(memory, (m + 1, m))
    _gap_system(params, data, t, k, R)
    size = 1.0 / math.sqrt(weight)
    for a in range(m - 1, -1, -1):
        x = R[m, a] - size * rng.standard_normal()
        for b in range(a + 1, m):
            x -= R[b, a] * R[m, b]
        R[m, a] = x / R[a, a]
        i = data.column[first + a]
        y[t, i] = params.mean[k, i] - R[m, a]
    free(memory)
