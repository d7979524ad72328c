"""Latent cells of a column of classes moved with its coefficients: each keeps its rank within its interval.

A cell that was seen to lie in an interval is normal, truncated to it, given the cells before it. By its rank there, the
share of that distribution below it, it is a function of the coefficients and of the cut points: what is left of the
density of ranks, coefficients and cut points is the probability of every interval given the cells before (the simulator
of Geweke, Hajivassiliou and Keane; Hajivassiliou and Ruud, Handbook of Econometrics IV, 1994). A missing cell keeps its
residual.
"""

import math
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.imputation.column_gaps import _predict

#: Probability below which an interval is out of reach: ranks in it would be rounding.
TINY = 1e-290
_ROOT, _LOG_DENSITY = math.sqrt(0.5), math.log(2.0 * math.pi)


class SeenCells(NamedTuple):
    """What was seen of the latent cells of one column of classes, by row of the layout."""

    columns: np.ndarray  # (m,) int64, its latent columns
    codes: np.ndarray  # (Tp,) int64, the class; -1 where missing
    # (classes + 1,) ends of the intervals of ordered classes; of unordered ones, whose latent cell is the largest, none
    ends: np.ndarray


class CellRanks(NamedTuple):
    """Where latent cells lie."""

    below: (
        np.ndarray
    )  # (Tp, m) share of the distribution of a cell within its interval that is below it
    above: np.ndarray  # (Tp, m)
    error: np.ndarray  # (Tp, m) its residual


@kernel
def upper_tail(x):
    """Probability of a standard normal above x."""
    return 0.5 * math.erfc(x * _ROOT)


@kernel
def mass(a, b):
    """Probability of a standard normal between a and b, without loss of digits in either tail."""
    if a > 0.0:
        return upper_tail(a) - upper_tail(b)
    if b < 0.0:
        return upper_tail(-b) - upper_tail(-a)
    return 1.0 - upper_tail(-a) - upper_tail(b)


@kernel
def upper_quantile(p, guess):
    """The x >= 0 with the probability p <= 1/2 above it, by Newton's steps on the logarithm of the tail."""
    goal = math.log(max(p, TINY))
    most = math.sqrt(max(-2.0 * (goal + math.log(2.0)), 0.0))  # the tail is below exp(-x^2 / 2) / 2
    x = min(max(guess, 0.0), most)
    for _ in range(40):
        tail = upper_tail(x)
        log_density = -0.5 * (x * x + _LOG_DENSITY)
        log_tail = math.log(tail)
        new = min(max(x + (log_tail - goal) * math.exp(log_tail - log_density), 0.0), most)
        step = abs(new - x)
        x = new
        if step < 1e-13 * (1.0 + x):
            break
    return x


@kernel
def _order(seen, t, i):
    """Latent column whose turn is i in row t: that of an unordered class first, which bounds the others."""
    code = seen.codes[t]
    if code <= 0 or seen.ends.size:
        return i
    return code - 1 if i == 0 else i - 1 if i < code else i


@kernel
def _interval(W, seen, t, c):
    """Ends of the interval of latent cell c of row t, given the cell of its class."""
    code = seen.codes[t]
    if code < 0:
        return -np.inf, np.inf
    if seen.ends.size:
        return seen.ends[code], seen.ends[code + 1]
    if code == c + 1:
        return 0.0, np.inf
    return -np.inf, 0.0 if code == 0 else W[t, seen.columns[code - 1]]


@entry
def rank_cells(W, F, regression, theta, seen, ranks):
    """Write the ranks of the latent cells; return the log probability of all intervals, -inf out of reach.

    W : (Tp, D) table; regression : (Tp,) int64; seen : `SeenCells`; ranks : `CellRanks`.
    """
    total = 0.0
    for t in range(W.shape[0]):
        k = regression[t]
        if k < 0:
            continue
        for c in range(seen.columns.size):
            j = seen.columns[c]
            mean = _predict(W, F, theta, k, j, t)
            e = W[t, j] - mean
            ranks.error[t, c] = e
            low, high = _interval(W, seen, t, c)
            if np.isinf(low) and np.isinf(high):
                continue
            p = mass(low - mean, high - mean)
            if not p > TINY:
                return -np.inf
            ranks.below[t, c] = min(mass(low - mean, e) / p, 1.0)
            ranks.above[t, c] = min(mass(e, high - mean) / p, 1.0)
            total += math.log(p)
    return total


@kernel
def _place(mean, low, high, ranks, t, c):
    """Return the cell of a rank, and the log probability of its interval."""
    if np.isinf(low) and np.isinf(high):
        return mean + ranks.error[t, c], 0.0
    a, b = low - mean, high - mean
    p = mass(a, b)
    if not p > TINY:
        return mean, -np.inf
    left = upper_tail(-a) + ranks.below[t, c] * p
    right = upper_tail(b) + ranks.above[t, c] * p
    guess = ranks.error[t, c]
    e = -upper_quantile(left, -guess) if left < right else upper_quantile(right, guess)
    return min(max(mean + e, low), high), math.log(p)


@entry
def place_cells(W, F, regression, theta, seen, ranks):
    """Put the latent cells where their ranks are under these coefficients and cut points, in place.

    Returns
    -------
    float
        Log probability of all intervals, -inf out of reach: the columns are not complete then.
    """
    total = 0.0
    for t in range(W.shape[0]):
        k = regression[t]
        if k < 0:
            continue
        for i in range(seen.columns.size):
            c = _order(seen, t, i)
            j = seen.columns[c]
            mean = _predict(W, F, theta, k, j, t)
            low, high = _interval(W, seen, t, c)
            W[t, j], log_p = _place(mean, low, high, ranks, t, c)
            total += log_p
        if total == -np.inf:
            return total
    return total
