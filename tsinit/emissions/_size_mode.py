"""The size of a negative binomial distribution that is most probable given weighted counts.

Notation as in `_size`. Given r, the most probable t is (a + S) / (1 + (c + n) r), and with it the slope by r is

    sum_t (psi(r + y_t) - psi(r)) - (c + n) log(1 + t) + c (psi(a + 1 + c r) - psi(1 + c r)),

psi being the digamma function. Without a prior, a, c and the terms with them vanish, 1 as well; then the likelihood of
counts that vary no more than those of a Poisson distribution rises for ever, and the size stops at `HIGHEST`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import digamma, expit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray

#: Of the log of a size that no prior keeps from growing or vanishing.
HIGHEST = 23.0
_LARGE = 10.0
_FIRST_STEP, _LONGEST_STEP = 0.25, 4.0
_STEPS, _ROUNDING = 80, 1e-14


class WeightedCounts(NamedTuple):
    """Counts of one column, weighted for each state."""

    value: FloatArray  # (V,) different counts
    weight: FloatArray  # (V, K)
    n: FloatArray  # (K,) sum of weights
    S: FloatArray  # (K,) of counts


def most_probable(
    counts: WeightedCounts, a: float, c: float, x0: float, e: float, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mode of the logs of mean and size, (K,) each, that is reached uphill from the log sizes x (K,)."""

    def odds(r: FloatArray) -> FloatArray:
        return (a + counts.S) / (1.0 + (c + counts.n) * r)

    def slope(x: FloatArray) -> FloatArray:
        r = np.exp(x)
        b = 1.0 + c * r
        by_r = _gain(counts, r) - (c + counts.n) * np.log1p(odds(r)) + c * _psi_rise(b, a)
        return r * by_r - e * (2.0 * expit(x - x0) - 1.0)

    x = _uphill(slope, x, np.inf)
    return x + np.log(odds(np.exp(x))), x


def most_likely(counts: WeightedCounts, x: FloatArray) -> FloatArray:
    """Log size (K,) of largest likelihood, from x (K,), where states have weight and counts are not all 0."""

    def slope(x: FloatArray) -> FloatArray:
        r = np.exp(x)
        return r * (_gain(counts, r) - counts.n * np.log1p(counts.S / (counts.n * r)))

    return _uphill(slope, x, HIGHEST)


def _gain(counts: WeightedCounts, r: FloatArray) -> FloatArray:
    return (counts.weight * _psi_rise(r, counts.value[:, None])).sum(axis=0)


def _psi_rise(r: FloatArray, y: FloatArray | float) -> FloatArray:
    """Psi(r + y) - psi(r), without loss of digits where r is large."""
    r, y = np.broadcast_arrays(r, y)
    far = np.maximum(r, _LARGE)
    return np.where(
        r < _LARGE, digamma(r + y) - digamma(r), np.log1p(y / far) + _series(far + y) - _series(far)
    )


def _series(x: FloatArray) -> FloatArray:
    """Psi(x) - log x for x >= 10."""
    u = 1.0 / (x * x)
    tail = 1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u * (1 / 132 - u * 691 / 32760))))
    return -0.5 / x - u * tail


def _uphill(slope: Callable[[FloatArray], FloatArray], x: FloatArray, limit: float) -> FloatArray:
    """Where slope falls through 0, uphill from x and within +-limit: a bracket, then false position (Illinois)."""
    a, s = np.clip(x, -limit, limit), None
    s = slope(a)
    up = np.where(s > 0.0, 1.0, -1.0)
    b, sb, step = a.copy(), s.copy(), _FIRST_STEP
    while (going := (sb * up > 0.0) & (np.abs(b) < limit)).any():
        a, s = np.where(going, b, a), np.where(going, sb, s)
        b = np.where(going, np.clip(b + up * step, -limit, limit), b)
        sb, step = slope(b), min(2.0 * step, _LONGEST_STEP)
    beyond = sb * up > 0.0  # uphill as far as the limit
    fa, fb = s.copy(), sb.copy()
    for _ in range(_STEPS):
        flat = (fb == fa) | beyond | (sb == 0.0)
        c = np.where(flat, b, b - fb * (b - a) / np.where(flat, 1.0, fb - fa))
        sc = slope(c)
        crossed = sc * sb <= 0.0
        # The end that stays counts half, or the bracket would shrink from one side only.
        a, fa = np.where(crossed, b, a), np.where(crossed, fb, 0.5 * fa)
        done = np.abs(c - b) <= _ROUNDING * np.maximum(1.0, np.abs(c))
        b, sb, fb = c, sc, sc
        if (done | flat).all():
            break
    return b
