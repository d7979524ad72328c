"""Modified Bessel functions of order 0 and 1, and draws of the von Mises distribution that they norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tsinit.kernels._jit import kernel

if TYPE_CHECKING:
    import numpy as np

_SWITCH = 20.0  # from here the asymptotic series reaches the last digit
_STRAIGHT = 1e6  # from here a von Mises distribution is a normal one to seven digits


@kernel
def bessel(x: float) -> tuple[float, float]:
    """Log of exp(-x) I0(x), and I1(x) / I0(x), for x >= 0.

    Below the switch the power series, whose terms are all positive: I0 is the sum of a_h = (x^2/4)^h / h!^2
    and I1 that of x/2 a_h / (h + 1). Above it the asymptotic ones (Abramowitz and Stegun, 9.7.1).
    """
    zero, one, a, b, h = 1.0, 1.0, 1.0, 1.0, 0.0
    if x < _SWITCH:
        q = 0.25 * x * x
        while a > 1e-17 * zero:
            h += 1.0
            a *= q / (h * h)
            zero += a
            one += a / (h + 1.0)
        return math.log(zero) - x, 0.5 * x * one / zero
    while a > 1e-17 and h < 40.0:
        h += 1.0
        square = (2.0 * h - 1.0) * (2.0 * h - 1.0)
        a *= square / (8.0 * h * x)
        b *= (square - 4.0) / (8.0 * h * x)
        zero += a
        one += b
    return math.log(zero) - 0.5 * math.log(2.0 * math.pi * x), one / zero


@kernel
def von_mises(rng: np.random.Generator, mean: float, concentration: float) -> float:
    """Draw an angle; Best and Fisher (1979), by rejection from a wrapped Cauchy distribution."""
    if concentration < 1e-8:
        return mean + math.pi * (2.0 * rng.random() - 1.0)
    if concentration > _STRAIGHT:
        return mean + rng.standard_normal() / math.sqrt(concentration)
    s = 1.0 / concentration  # to which the next lines tend, while they cancel
    if concentration > 1e-5:
        tau = 1.0 + math.sqrt(1.0 + 4.0 * concentration * concentration)
        rho = (tau - math.sqrt(2.0 * tau)) / (2.0 * concentration)
        s = (1.0 + rho * rho) / (2.0 * rho)
    while True:
        c = math.cos(math.pi * rng.random())
        w = (1.0 + s * c) / (s + c)
        y = concentration * (s - w)
        if math.log(y / rng.random()) + 1.0 - y >= 0.0:
            angle = math.acos(min(1.0, max(-1.0, w)))
            return mean + (angle if rng.random() < 0.5 else -angle)
