"""What an M-step needs of rows that each state has a share of: weights, and moments about the present means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.emissions._normal_rows import _gap_system
from tsinit.kernels._jit import blend, entry, kernel
from tsinit.kernels.hidden_markov.normal import _BLOCK, _squares

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._normal_rows import RowsWithGaps
    from tsinit.emissions.gaussian import GaussianParams


@kernel
def take_column(y: FloatArray, first: int, n: int, i: int, x: FloatArray, seen: FloatArray) -> bool:
    """Copy n values of column i into x, and 1 into seen, 0 for gaps in both; returns whether there are any."""
    gaps = False
    for b in range(n):
        value = y[first + b, i]
        gap = np.isnan(value)
        gaps = gaps or gap
        x[b] = 0.0 if gap else value
        seen[b] = 0.0 if gap else 1.0
    return gaps


@blend
def _weighted_sums(
    part: FloatArray, k: int, x: FloatArray, seen: FloatArray, mean: float
) -> tuple[float, float, float]:
    """Weights, deviations and squares of a block of values, of which each counts as state k has a share of its row."""
    n, s, q = 0.0, 0.0, 0.0
    for b in range(x.size):
        weight = part[k, b] * seen[b]
        away = x[b] - mean
        n += weight
        s += weight * away
        q += weight * away * away
    return n, s, q


@entry
def column_moments(
    share: FloatArray, y: FloatArray, centre: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights, sums of y - centre and of its squares, (K, D) each, of the values observed in each column.

    share : (T, K); y : (T, D), NaN where missing; centre : (K, D). A block of rows at a time.
    """
    K, D = centre.shape
    out = np.zeros((3, K, D))
    part, x, seen = np.zeros((K, _BLOCK)), np.zeros(_BLOCK), np.zeros(_BLOCK)
    for first in range(0, y.shape[0], _BLOCK):
        n = min(_BLOCK, y.shape[0] - first)
        for b in range(n, _BLOCK):
            seen[b] = 0.0
        for b in range(n):
            for k in range(K):
                part[k, b] = share[first + b, k]
        for i in range(D):
            take_column(y, first, n, i, x, seen)
            for k in range(K):
                more = _weighted_sums(part, k, x, seen, centre[k, i])
                for m in range(3):
                    out[m, k, i] += more[m]
    return out[0], out[1], out[2]


@kernel
def _deviate_with_gaps(
    params: GaussianParams, data: RowsWithGaps, t: int, k: int, x: FloatArray, R: FloatArray
) -> float:
    """Expected deviations of a partly observed row into x (D,); returns the whitened square of what is observed.

    With R and v as `_gap_system` leaves them, what is missing deviates by -R^-T v. The inverse of R, whose square is
    the covariance of what is missing, takes its place.
    """
    first = data.gap[t]
    m = data.gap[t + 1] - first
    square = _gap_system(params, data, t, k, R)
    for i in range(x.size):
        x[i] = data.y[t, i] - params.mean[k, i]
    for a in range(m - 1, -1, -1):
        v = R[m, a]
        square -= v * v
        for b in range(a + 1, m):
            v -= R[b, a] * R[m, b]
        R[m, a] = v / R[a, a]
        x[data.column[first + a]] = -R[m, a]
    for b in range(m):
        R[b, b] = 1.0 / R[b, b]
        for a in range(b + 1, m):
            v = 0.0
            for h in range(b, a):
                v -= R[a, h] * R[h, b]
            R[a, b] = v / R[a, a]
    return square


@blend
def _add(share: float, weight: float, x: FloatArray, s: FloatArray, S: FloatArray, k: int) -> None:
    for i in range(x.size):
        v = share * weight * x[i]
        s[k, i] += v
        for j in range(i + 1):
            S[k, i, j] += v * x[j]


@kernel
def _add_covariance(
    share: float, data: RowsWithGaps, t: int, R: FloatArray, S: FloatArray, k: int
) -> None:
    """Add the covariance of what is missing in row t, R'R with R the inverse factor."""
    first = data.gap[t]
    m = data.gap[t + 1] - first
    for a in range(m):
        for b in range(a + 1):
            c = 0.0
            for h in range(a, m):
                c += R[h, a] * R[h, b]
            S[k, data.column[first + a], data.column[first + b]] += share * c


@blend
def _take_shares(
    rows: IntArray, first: int, m: int, share: FloatArray, k: int, part: FloatArray
) -> float:
    """Copy the shares of m rows in state k into part, zeros behind them; returns their sum."""
    total = 0.0
    for b in range(m):
        part[b] = share[rows[first + b], k]
        total += part[b]
    for b in range(m, part.size):
        part[b] = 0.0
    return total


@blend
def _add_block(
    mean: FloatArray,
    k: int,
    part: FloatArray,
    x: FloatArray,
    away: FloatArray,
    s: FloatArray,
    S: FloatArray,
) -> float:
    """Add the deviations of a block of columns x (D, n) with the weights part (n,), whose sum it returns."""
    D, n = x.shape
    weight = 0.0
    for b in range(n):
        weight += part[b]
    for i in range(D):
        total, centre = 0.0, mean[k, i]
        for b in range(n):
            away[i, b] = x[i, b] - centre
            total += part[b] * away[i, b]
        s[k, i] += total
        for j in range(i + 1):
            total = 0.0
            for b in range(n):
                total += part[b] * away[i, b] * away[j, b]
            S[k, i, j] += total
    return weight


@entry
def complete_moments(
    rows: IntArray, share: FloatArray, params: GaussianParams, inverse_df: float, y: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """`normal_moments` of rows without gaps, a block of them at a time."""
    K, D = params.mean.shape
    n, w, s, S = np.zeros(K), np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    x, away, part = np.zeros((D, _BLOCK)), np.empty((D, _BLOCK)), np.empty(_BLOCK)
    e, square = np.empty(_BLOCK), np.empty(_BLOCK)
    for first in range(0, rows.size, _BLOCK):
        m = min(_BLOCK, rows.size - first)
        for b in range(m):
            for i in range(D):
                x[i, b] = y[rows[first + b], i]
        for k in range(K):
            n[k] += _take_shares(rows, first, m, share, k, part)
            if inverse_df > 0.0:
                _squares(x, k, params.mean, params.whiten, e, square)
                for b in range(m):
                    part[b] *= (1.0 + D * inverse_df) / (1.0 + square[b] * inverse_df)
            w[k] += _add_block(params.mean, k, part, x, away, s, S)
    return n, w, s, S


@entry
def normal_moments(
    rows: IntArray, share: FloatArray, params: GaussianParams, inverse_df: float, data: RowsWithGaps
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Per state: rows n, weight w (K,), weighted sums of y - mean (K, D) and of its square (K, D, D), lower half.

    Missing entries are at what the state expects of them given the rest of their row, their covariance added. Rows
    have the weight (1 + n_observed / df) / (1 + square / df), one for normal states, whose inverse_df is 0.
    """
    K, D = params.mean.shape
    n, w, s, S = np.zeros(K), np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    x, R = np.empty(D), np.empty((D + 1, D))
    for r in range(rows.size):
        t = rows[r]
        for k in range(K):
            if share[t, k] == 0.0:
                continue
            square = _deviate_with_gaps(params, data, t, k, x, R)
            _add_covariance(share[t, k], data, t, R, S, k)
            n_observed = D - (data.gap[t + 1] - data.gap[t])
            weight = (1.0 + n_observed * inverse_df) / (1.0 + square * inverse_df)
            n[k] += share[t, k]
            w[k] += share[t, k] * weight
            _add(share[t, k], weight, x, s, S, k)
    return n, w, s, S
