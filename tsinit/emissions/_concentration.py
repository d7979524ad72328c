"""The concentration of a von Mises distribution given angles, its mean direction integrated out.

Angles y_1..y_n, mean direction mu | kappa ~ von Mises(m, c kappa), kappa ~ Gamma(a, rate b). With R the
length of sum (cos y, sin y) + c (cos m, sin m),

    p(kappa | y) = kappa^(a-1) exp(-b kappa) I0(kappa R) / (I0(kappa)^n I0(c kappa)),  up to a constant,

and mu | kappa, y is von Mises with concentration kappa R. Writing log I0(x) = x + s(x), the log density is

    g + h,  g = s(kappa R),  h = -n s(kappa) - s(c kappa) - (n + c + b - R) kappa + (a - 1) log kappa.

g is convex (log I0 is, being the cumulant function of a cosine; a line is taken off) and falling; h is
concave for a >= 1, because it is kappa R minus n + 1 such functions, plus logs. So chords of g and tangents
of h lie above them, and between points a sum of both is a line: an envelope for exact rejection (Gorur and
Teh, 2011, without their adaptation: g bends so little that a handful of points around the mode accepts nearly
always).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.emissions._bessel import bessel
from tsinit.emissions._exponential_pieces import mass, quantile
from tsinit.emissions._newton import STEPS, everywhere, step_uphill
from tsinit.kernels._jit import kernel

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

#: Points of the envelope around the mode, in standard deviations of log kappa.
_POINTS = (-3.5, -2.0, -1.2, -0.5, 0.1, 0.7, 1.4, 2.2, 3.5)
_PIECES = 2 * len(_POINTS)
_DEEP = 45.0  # nats below the top that no sum in doubles notices
_TRIES = 10_000


class AngleSummary(NamedTuple):
    """Statistics of the angles of one state, and the prior."""

    R: float
    n: float
    c: float
    a: float
    b: float


@kernel
def _parts(summary: AngleSummary, kappa: float) -> tuple[float, float, float, float, float]:
    """(g, h, dh/dkappa) at kappa, and the first two derivatives of g + h + log kappa by log kappa."""
    R, n, c, a, b = summary
    s, ratio = bessel(kappa)
    g, ratio_R = bessel(kappa * R)
    h = -n * s - (n + c + b - R) * kappa + (a - 1.0) * math.log(kappa)
    slope = n * (1.0 - ratio) - (n + c + b - R) + (a - 1.0) / kappa
    # x I1/I0 has the derivative x^2 (1 - (I1/I0)^2) by log x.
    bend = (
        kappa * kappa * (R * R * (1.0 - ratio_R * ratio_R) - n * (1.0 - ratio * ratio)) - b * kappa
    )
    if c > 0.0:
        s, ratio = bessel(c * kappa)
        h -= s
        slope += c * (1.0 - ratio)
        bend -= c * c * kappa * kappa * (1.0 - ratio * ratio)
    return g, h, slope, kappa * (slope - R * (1.0 - ratio_R)) + 1.0, bend


@kernel
def _centre(summary: AngleSummary) -> tuple[float, float]:
    """Mode of log kappa and its standard deviation, near enough to place points: Newton within a bracket."""
    at = everywhere(
        math.log((summary.a + 0.5 * summary.n) / (summary.b + summary.n + summary.c - summary.R))
    )
    for _ in range(STEPS):
        _, _, _, rise, bend = _parts(summary, math.exp(at.x))
        at, near = step_uphill(at, rise, bend)
        if near:
            break
    return at.x, at.width


@kernel
def _piece(
    envelope: FloatArray, i: int, left: float, right: float, low: float, high: float
) -> None:
    """Store piece i: the line from (left, low) to (right, high)."""
    envelope[0, i], envelope[1, i], envelope[2, i], envelope[3, i] = left, right, low, high


@kernel
def _raise_envelope(summary: AngleSummary, envelope: FloatArray) -> tuple[float, float, float]:
    """Lines above g + h from 0 to the last point; height and slope of the last one, which has no end."""
    x, width = _centre(summary)
    kappa = math.exp(x + _POINTS[0] * width)
    g, h, slope, _, _ = _parts(summary, kappa)
    # g(0) = 0; to the left of the first point the tangent there is above h.
    _piece(envelope, 0, 0.0, kappa, h - slope * kappa, g + h)
    for i in range(1, len(_POINTS)):
        right = math.exp(x + _POINTS[i] * width)
        g1, h1, slope1, _, _ = _parts(summary, right)
        chord = (g1 - g) / (right - kappa)
        meet = 0.5 * (kappa + right)
        if slope - slope1 > 1e-12 * abs(slope):
            meet = (h1 - h + slope * kappa - slope1 * right) / (slope - slope1)
            meet = min(right, max(kappa, meet))
        top = g + h + (chord + slope) * (meet - kappa)
        _piece(envelope, 2 * i - 1, kappa, meet, g + h, top)
        _piece(envelope, 2 * i, meet, right, top, g1 + h1)
        kappa, g, h, slope = right, g1, h1, slope1
    return kappa, g + h, slope


@kernel
def draw(rng: np.random.Generator, summary: AngleSummary, envelope: FloatArray) -> float:
    """Draw kappa; envelope (5, pieces) is a workspace.

    To the right of the last point g falls and the tangent of h there falls too (its slope is negative to the
    right of the mode, because x (1 - I1/I0) never exceeds 0.61), so an exponential distribution ends the envelope.
    """
    last, height, slope = _raise_envelope(summary, envelope)
    count = _PIECES - 1
    top = height
    for i in range(count):
        top = max(top, envelope[2, i], envelope[3, i])
    total = 0.0
    for i in range(count):
        total += mass(envelope[0, i], envelope[1, i], envelope[2, i], envelope[3, i], top)
        envelope[4, i] = total
    total += math.exp(height - top) / -slope
    kappa = last
    for _ in range(_TRIES):
        u = rng.random() * total
        i = 0
        while i < count and u >= envelope[4, i]:
            i += 1
        if i == count:
            beyond = rng.standard_exponential() / -slope
            kappa, bound = last + beyond, height + slope * beyond
        else:
            left, rise = envelope[0, i], envelope[3, i] - envelope[2, i]
            share = quantile(rng.random(), rise)
            kappa, bound = left + share * (envelope[1, i] - left), envelope[2, i] + share * rise
        g, h, _, _, _ = _parts(summary, kappa)
        if rng.random() < math.exp(g + h - bound):
            return kappa
    return kappa


@kernel
def log_marginal(summary: AngleSummary) -> float:
    """Log p(y) without the factor (2 pi)^-n, both parameters integrated out.

    By the trapezoidal rule on log kappa, which is exact to rounding for a smooth peak.
    """
    x, width = _centre(summary)
    step = 0.5 * width
    g, h, _, _, _ = _parts(summary, math.exp(x))
    top = g + h + x
    total = 1.0
    for side in range(2):
        at, value = x, top
        while value > top - _DEEP:
            at += step if side == 0 else -step
            g, h, _, _, _ = _parts(summary, math.exp(at))
            value = g + h + at
            total += math.exp(value - top)
    a, b = summary.a, summary.b
    return top + math.log(total * step) + a * math.log(b) - math.lgamma(a)
