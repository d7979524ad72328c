"""The size of a negative binomial distribution given counts, its mean integrated out.

Counts y_1..y_n with sum S, size r, mean mu = r t: p(y | r, t) = G(r + y) / (G(r) y!) t^y / (1 + t)^(r + y), G being
the Gamma function. With a prior mean m of the mean, t | r ~ BetaPrime(a, 1 + c r), c = a / m: then mu has the mean m
whatever the size is, and for r to infinity it has the prior of a Poisson rate, Gamma(a, rate a / m). Hence

    p(y | r) = prod_t G(r + y_t) / (G(r) y_t!)  B(a + S, 1 + (c + n) r) / B(a, 1 + c r),

and t | r, y ~ BetaPrime(a + S, 1 + (c + n) r). The prior of the logarithm x of the size, with centre x0, is logistic
to the power e: p(x) = s^e (1 - s)^e / B(e, e), s = 1 / (1 + exp(x0 - x)): r exp(-x0) is a ratio of two Gamma(e, 1).

p(x | y) is smooth, analytic within a distance of pi from the real line, and its tails fall like exp(-e |x|). On points
a fraction of its width apart the trapezoidal rule is exact to rounding, and lines through its logarithm, raised by
more than it bends between two points, are an envelope of which nearly every proposal is accepted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.emissions._exponential_pieces import mass, quantile
from tsinit.emissions._newton import STEPS, everywhere, step_uphill
from tsinit.emissions._workspace import merged
from tsinit.kernels._jit import kernel
from tsinit.kernels.random import log_gamma_draw

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

#: Sizes from which on Stirling's series is exact to rounding.
LARGE = 10.0
#: Points on either side of the centre for which there is room.
ROOM = 2000
_STEP, _LONGEST = 0.5, 0.25  # between points, in standard deviations, and at most
_DEEP = 36.0  # nats below the top that no sum in doubles notices
_NEARBY = 0.01  # step of differences, small beside pi
_SAFETY = 1.5  # how much more than on average the logarithm may bend between two points
_TRIES = 10_000


class SizeSummary(NamedTuple):
    """Counts of one state and column, and the prior."""

    value: np.ndarray  # different counts, of which the first n_values are in use
    weight: np.ndarray  # how often they occur
    n_values: int
    n: float
    S: float
    a: float
    c: float
    x0: float
    e: float


@merged
def series(x: float) -> float:
    """Log G(x) less (x - 1/2) log x - x + log(2 pi) / 2, for x >= LARGE."""
    u = 1.0 / (x * x)
    return (
        1.0 / 12.0
        - u * (1.0 / 360.0 - u * (1.0 / 1260.0 - u * (1.0 / 1680.0 - u * (1.0 / 1188.0 - u / 520.3))))
    ) / x  # fmt: skip


@merged
def excess(r: float, y: float) -> float:
    """Log G(r + y) / G(r) less y log r, for r >= LARGE; no digit is lost where r is huge."""
    return (r + y - 0.5) * math.log1p(y / r) - y + (series(r + y) - series(r))


@kernel
def log_rising(r: float, y: float) -> float:
    """Log G(r + y) / G(r)."""
    if r < LARGE:
        return math.lgamma(r + y) - math.lgamma(r)
    return excess(r, y) + y * math.log(r)


@kernel
def log_posterior(summary: SizeSummary, x: float) -> float:
    """Log p(x | y), up to a constant."""
    r = math.exp(x)
    total, y = 0.0, summary.value
    if r < LARGE:
        for i in range(summary.n_values):
            total += summary.weight[i] * math.lgamma(r + y[i])
        total -= summary.n * math.lgamma(r)
    else:
        for i in range(summary.n_values):
            total += summary.weight[i] * excess(r, y[i])
        total += summary.S * x
    b = 1.0 + summary.c * r
    total += log_rising(b, summary.a) - log_rising(b + summary.n * r, summary.a + summary.S)
    # Log s + log(1 - s), without an exponential that overflows.
    away = abs(x - summary.x0)
    return total - summary.e * (away + 2.0 * math.log1p(math.exp(-away)))


@kernel
def _begin(summary: SizeSummary) -> float:
    """Log of the size that the moments have, or the prior's if there is no excess variance."""
    mean, square = summary.S / summary.n, 0.0
    for i in range(summary.n_values):
        square += summary.weight[i] * (summary.value[i] - mean) ** 2
    beyond = square / summary.n - mean
    if not beyond > 0.0:
        return summary.x0
    return min(summary.x0 + 5.0, max(summary.x0 - 5.0, math.log(mean * mean / beyond)))


@kernel
def _centre(summary: SizeSummary) -> tuple[float, float]:
    """Mode of x and its standard deviation, near enough to place points: Newton within a bracket."""
    at = everywhere(_begin(summary))
    for _ in range(STEPS):
        x = at.x
        after, before = log_posterior(summary, x + _NEARBY), log_posterior(summary, x - _NEARBY)
        rise = (after - before) / (2.0 * _NEARBY)
        bend = (after + before - 2.0 * log_posterior(summary, x)) / (_NEARBY * _NEARBY)
        at, near = step_uphill(at, rise, bend)
        if near:
            break
    return at.x, at.width


@kernel
def _points(summary: SizeSummary, height: FloatArray) -> tuple[float, float, int, int, float]:
    """Fill height with log p(x + (i - ROOM) step | y) of the points i that matter.

    Returns x, the step, the first and the last i, and the largest height.
    """
    x, width = _centre(summary)
    step = min(_STEP * width, _LONGEST)
    height[ROOM] = top = log_posterior(summary, x)
    first, last = ROOM, ROOM
    while last < 2 * ROOM and height[last] > top - _DEEP:
        last += 1
        height[last] = log_posterior(summary, x + (last - ROOM) * step)
        top = max(top, height[last])
    while first > 0 and height[first] > top - _DEEP:
        first -= 1
        height[first] = log_posterior(summary, x + (first - ROOM) * step)
        top = max(top, height[first])
    return x, step, first, last, top


@kernel
def _bend(height: FloatArray, i: int, first: int, last: int) -> float:
    """How far the logarithm may be above the line through two points, by its bend at point i."""
    if i <= first or i >= last:
        return 0.0
    return _SAFETY * abs(height[i - 1] - 2.0 * height[i] + height[i + 1]) / 8.0


@kernel
def draw(rng: np.random.Generator, summary: SizeSummary, work: FloatArray) -> float:
    """Draw the log of the size; work (2, 2 ROOM + 1) is a workspace."""
    if summary.n == 0.0:
        return summary.x0 + log_gamma_draw(rng, summary.e) - log_gamma_draw(rng, summary.e)
    height, below = work[0], work[1]
    x, step, first, last, top = _points(summary, height)
    total = 0.0
    for i in range(first, last):
        raised = max(_bend(height, i, first, last), _bend(height, i + 1, first, last))
        total += mass(0.0, step, height[i] + raised, height[i + 1] + raised, top)
        below[i] = total
    at = x
    for _ in range(_TRIES):
        u = rng.random() * total
        i = first
        while i < last - 1 and u >= below[i]:
            i += 1
        rise = height[i + 1] - height[i]
        share = quantile(rng.random(), rise)
        at = x + (i - ROOM + share) * step
        raised = max(_bend(height, i, first, last), _bend(height, i + 1, first, last))
        if math.log(rng.random()) < log_posterior(summary, at) - height[i] - raised - share * rise:
            return at
    return at


@kernel
def log_marginal(summary: SizeSummary, work: FloatArray) -> float:
    """Log p(y) with y! left out, size and mean integrated out; work as for `draw`."""
    _, step, first, last, top = _points(summary, work[0])
    total = 0.0
    for i in range(first, last + 1):
        total += math.exp(work[0, i] - top)
    a, e = summary.a, summary.e
    constant = math.lgamma(a + summary.S) - math.lgamma(a)
    constant += math.lgamma(2.0 * e) - 2.0 * math.lgamma(e)
    return constant + top + math.log(total * step)
