"""Standard units: strategies work on columns of mean 0 and variance 1 and answer in the units of the data.

Because every built-in strategy goes through these two functions, shifting or scaling the data (each column by
its own amount) changes nothing but the units of C, R and d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import LinearGaussianParams

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Largest power of two of deviations whose squares are numbers.
_EXPONENT = 400


def standardise(y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre and scale each column by what was observed of it.

    A column that never varies (constant, observed once, or different only by rounding) gets scale 1, and a column
    that was never observed gets location 0 as well, so that nothing divides by zero and z stays finite.

    Parameters
    ----------
    y : (T, D) float
        Observations, NaN where missing.

    Returns
    -------
    z : (T, D) float
        Standardised observations, NaN where y is.
    loc : (D,) float
        Mean of the observed values of each column, in the units of the data.
    scale : (D,) float
        Their standard deviation (divisor: their number), positive.
    """
    observed = ~np.isnan(y)
    count = np.maximum(observed.sum(axis=0), 1)
    first = y[observed.argmax(axis=0), np.arange(y.shape[1])]
    first = np.where(observed.any(axis=0), first, 0.0)
    # Measured from its first value a constant column is exactly zero, and a large mean costs no digits.
    shifted = np.where(observed, y - first, 0.0)
    offset = shifted.sum(axis=0) / count
    deviation = np.where(observed, shifted - offset, 0.0)
    scale = _root_mean_square(deviation, count)
    largest = np.abs(np.where(observed, y, 0.0)).max(axis=0, initial=0.0)
    scale = np.where(scale > 4 * np.finfo(float).eps * largest, scale, 1.0)
    return np.where(observed, deviation / scale, np.nan), first + offset, scale


def _root_mean_square(deviation: FloatArray, count: IntArray) -> FloatArray:
    """Of each column; where squares would be no numbers, taken in units of a power of two, which costs no digit."""
    exponent = np.frexp(np.abs(deviation).max(axis=0, initial=0.0))[1]
    exponent = np.where(np.abs(exponent) > _EXPONENT, exponent, 0)
    inner = np.ldexp(deviation, -exponent)
    return np.ldexp(np.sqrt((inner**2).sum(axis=0) / count), exponent)


def unscale(
    params: LinearGaussianParams, loc: FloatArray, scale: FloatArray
) -> LinearGaussianParams:
    """Put parameters that were found on standardised data back into the units of the data.

    Parameters
    ----------
    params : LinearGaussianParams
        Parameters for ``(y - loc) / scale``.
    loc, scale : (D,) float
        As `standardise` returned them.

    Returns
    -------
    LinearGaussianParams
        The same model for y: C, R and d change units, the state does not.
    """
    shift = 0.0 if params.d is None else scale * params.d
    return LinearGaussianParams(
        A=params.A,
        C=scale[:, None] * params.C,
        Q=params.Q,
        R=params.R * np.outer(scale, scale),
        m0=params.m0,
        P0=params.P0,
        d=loc + shift,
    )
