"""Burg's autoregression of one series, over every unbroken run at once."""

from typing import NamedTuple

import numpy as np

from tsinit.init._windows import place_in_run


class Autoregression(NamedTuple):
    """y[t] = sum_k coefficients[k - 1] y[t - k] + e[t]."""

    coefficients: np.ndarray  # (order,)
    noise: float  # variance of e


def burg(y, order, offsets=None, floor=0.0):
    """Fit an autoregression by Burg's method.

    At every stage the reflection coefficient minimises the sum of forward and backward prediction errors.
    With gaps or several sequences the sums go over the stretches inside unbroken runs only, so nothing is
    predicted across a gap; every coefficient stays within [-1, 1], so the result is never unstable. A stage
    with fewer than twice its order of errors to learn from changes nothing: at 40 % missing that was worth
    0.25 nats per value at the start.

    Parameters
    ----------
    y : (T,) float
        Observations with mean zero, NaN where missing.
    order : int
        Number of coefficients.
    offsets : (N + 1,) int, optional
        Where each sequence starts.
    floor : float, default 0
        Once the innovation variance is at most this, further stages would fit rounding errors and are left
        out.

    Returns
    -------
    Autoregression

    References
    ----------
    Burg (1975), "Maximum entropy spectral analysis", chapter II; Haykin and Kesler (1979) for several
    segments.
    """
    place = place_in_run(y[:, None], offsets)
    forward, backward = y, y
    polynomial = np.ones(1)  # of the prediction error, lag 0 first
    seen = y[place >= 0]
    noise = float(np.mean(seen**2)) if seen.size else 0.0
    for stage in range(1, order + 1):
        forward, backward = forward[1:], backward[:-1]
        inside = place[stage:] >= stage
        f, b = forward[inside], backward[inside]
        power = f @ f + b @ b
        known = f.size >= 2 * stage and power > 0.0 and noise > floor
        reflection = -2.0 * (f @ b) / power if known else 0.0
        longer = np.append(polynomial, 0.0)
        polynomial = longer + reflection * longer[::-1]
        noise *= 1.0 - reflection**2
        forward, backward = forward + reflection * backward, backward + reflection * forward
    return Autoregression(-polynomial[1:], noise)
