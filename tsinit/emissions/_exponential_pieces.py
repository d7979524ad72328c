"""Pieces of a line under the exponential function, of which envelopes of densities are made."""

from __future__ import annotations

import math

from tsinit.kernels._jit import kernel


@kernel
def mass(left: float, right: float, low: float, high: float, top: float) -> float:
    """Integral of exp(line - top) of the line from (left, low) to (right, high)."""
    rise = high - low
    if abs(rise) < 1e-9:
        return (right - left) * math.exp(low - top)
    return (right - left) * (math.exp(high - top) - math.exp(low - top)) / rise


@kernel
def quantile(u: float, rise: float) -> float:
    """Quantile u of the density proportional to exp(rise x) on (0, 1)."""
    if abs(rise) < 1e-9:
        return u
    if rise < 0.0:
        return math.log1p(u * math.expm1(rise)) / rise
    return 1.0 + math.log1p(u * math.expm1(-rise)) / rise
