"""Newton steps to the mode of a smooth density on the real line, within a bracket that closes around it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import kernel

#: Steps after which a search ends wherever it is.
STEPS = 100
_LONGEST = 1.0
_NEAR = 0.05  # length of a last step, in standard deviations: near enough to place points around the mode


class Bracket(NamedTuple):
    """Where a search stands."""

    x: float
    lower: float  # left of the mode
    upper: float  # right of it
    width: float  # standard deviation of the normal density that bends alike


@kernel
def everywhere(x: float) -> Bracket:
    """Begin at x, with nothing known of where the mode is."""
    return Bracket(x, -np.inf, np.inf, 1.0)


@kernel
def step_uphill(at: Bracket, rise: float, bend: float) -> tuple[Bracket, bool]:
    """Move by the first two derivatives of the log density at x; or stay, and say so, where x is near enough."""
    x, lower, upper, width = at
    step = _LONGEST if rise > 0.0 else -_LONGEST
    if bend < 0.0:
        width = 1.0 / math.sqrt(-bend)
        step = min(_LONGEST, max(-_LONGEST, -rise / bend))
    if rise > 0.0:
        lower = x
    else:
        upper = x
    if abs(step) < _NEAR * width:
        return Bracket(x, lower, upper, width), True
    # Beyond a side that is known to be too far, both sides are known.
    x = x + step if lower < x + step < upper else 0.5 * (lower + upper)
    return Bracket(x, lower, upper, width), False
