"""The concentration of a von Mises distribution that is most probable given angles, by bisection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import i0e, i1e

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray

_LOWEST, _HIGHEST = -30.0, 60.0  # of log kappa
_HALVINGS = 64  # leave a hundredth of a rounding of 90


def log_bessel(x: FloatArray) -> FloatArray:
    """Log I0(x)."""
    return np.log(i0e(x)) + x


def ratio(x: FloatArray) -> FloatArray:
    """I1(x) / I0(x), the mean resultant length at concentration x."""
    return i1e(x) / i0e(x)


def most_likely(length: FloatArray, highest: float) -> FloatArray:
    """Concentration at which the mean resultant length is `length`; at most `highest`, 0 at length 0."""
    kappa = _root(lambda x: length - ratio(x), length)
    return np.where(length > 0.0, np.minimum(kappa, highest), 0.0)


def most_probable(R: FloatArray, n: FloatArray, c: float, a: float, b: FloatArray) -> FloatArray:
    """Mode of log kappa, together with the direction, as the module `_concentration` names its arguments.

    The slope R - n A(kappa) - c A(c kappa) + a / kappa - b falls, A being I1 / I0: there is one root.
    """
    R = np.minimum(R, n + c)  # which the rounding of a sum may exceed
    return _root(lambda x: R - b - n * ratio(x) - c * ratio(c * x) + a / x, R)


def _root(slope: Callable[[FloatArray], FloatArray], like: FloatArray) -> FloatArray:
    """Where a falling function of kappa crosses 0."""
    lower, upper = np.full(like.shape, _LOWEST), np.full(like.shape, _HIGHEST)
    for _ in range(_HALVINGS):
        middle = 0.5 * (lower + upper)
        rising = slope(np.exp(middle)) > 0.0
        lower, upper = np.where(rising, middle, lower), np.where(rising, upper, middle)
    return np.exp(0.5 * (lower + upper))
