"""Coefficients whose common variance is learned, with this variance integrated out.

theta_i ~ N(0, v) for n coefficients and sqrt(v) half-Cauchy with median b. With w = 1 / v,

    p(theta) = const * integral of w^((n - 1) / 2) / (1 + b^2 w) * exp(-w theta'theta / 2) dw.
"""

from __future__ import annotations

import numpy as np

_POINTS = 150
#: What is left of the integrand beyond the grid, as a logarithm.
_FAR = 30.0


def log_density(squares: float, n: int, median: float) -> float:
    """Log density of coefficients up to a constant that does not depend on them.

    Parameters
    ----------
    squares : float
        Their sum of squares.
    n : int
        How many there are.
    median : float
        Of the half-Cauchy prior of the root of their variance.
    """
    squares = max(squares, 1e-300)
    width = np.sqrt(2.0 / n)
    peak, bend = np.log(n / squares), -2.0 * np.log(median)
    # Towards small w the integrand falls with the power (n - 1) / 2, and from the bend on with (n + 1) / 2.
    left = min(2.0 * _FAR / max(n - 1, 1e-9), max(peak - bend, 0.0) + 2.0 * _FAR / (n + 1))
    t = peak + np.linspace(-8.0 * width - left, 8.0 * width + 2.0, _POINTS)  # log w
    height = 0.5 * (n + 1) * t - np.logaddexp(0.0, t + 2.0 * np.log(median))
    height -= 0.5 * squares * np.exp(t)
    top = height.max()
    return float(top + np.log(np.exp(height - top).sum() * (t[1] - t[0])))


def draw(rng: np.random.Generator, squares: float, n: int, median: float) -> float:
    """Draw the variance given the coefficients: exactly, by rejection.

    Where coefficients are large, from the gamma without the middle factor; where they are small, from that where it
    is b^2 w. One small coefficient leaves exp(-y / ratio) / (1 + y) of y = b^2 w, which is nearly even in log(1 + y).
    """
    ratio = 2.0 * median**2 / max(squares, 1e-300)
    if n < 2 and ratio > 1.0:
        most = np.log1p(_FAR * ratio)
        while True:
            y = np.expm1(most * rng.random())
            if rng.random() < np.exp(-y / ratio):
                return median**2 / y
    few = n < 2 or ratio * 0.5 * (n - 1) < 1.0
    while True:
        y = ratio * rng.standard_gamma(0.5 * (n + 1) if few else 0.5 * (n - 1))
        if rng.random() * (1.0 + y) < (1.0 if few else y):
            return median**2 / y
