"""Standard units: strategies work on columns of mean 0 and variance 1 and answer in the units of the data.

Because every built-in strategy goes through these two functions, shifting or scaling the data (each column by
its own amount) changes nothing but the units of C, R and d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams

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


class Units(NamedTuple):
    """What data and inputs are measured in on the scale of a fit: (y - loc) / scale, (u - input_loc) / input_scale."""

    loc: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    input_loc: Any = None  # (m,), None without inputs
    input_scale: Any = None  # (m,)


def scaled(params: LinearGaussianParams, units: Units) -> LinearGaussianParams:
    """Express parameters in the units of the data on a standard scale.

    Where inputs are centred, so are the states: about the state g = A g + B u that mean inputs would keep them in.

    Parameters
    ----------
    params : LinearGaussianParams
    units : Units

    Returns
    -------
    LinearGaussianParams

    Raises
    ------
    numpy.linalg.LinAlgError
        Inputs are centred, and A has an eigenvalue of 1.
    """
    loc, scale, input_loc, input_scale = units
    d: Any = params.d  # checked parameters have one
    g, level = _settled(params, input_loc)
    return params._replace(
        C=np.ascontiguousarray(params.C / scale[:, None]),
        R=np.ascontiguousarray(params.R / np.outer(scale, scale)),
        d=(d + level - loc) / scale,
        m0=params.m0 - g,
        B=None if params.B is None else np.ascontiguousarray(params.B * input_scale),
        D=None
        if params.D is None
        else np.ascontiguousarray(params.D * input_scale / scale[:, None]),
    )


def unscaled(params: LinearGaussianParams, units: Units) -> LinearGaussianParams:
    """Undo `scaled`.

    Parameters
    ----------
    params : LinearGaussianParams
        On the scale of the fit.
    units : Units

    Returns
    -------
    LinearGaussianParams
        In the units of the data.
    """
    loc, scale, input_loc, input_scale = units
    params = unscale(params, loc, scale)
    params = params._replace(
        B=None if params.B is None else params.B / input_scale,
        D=None if params.D is None else scale[:, None] * params.D / input_scale,
    )
    g, level = _settled(params, input_loc)
    d: Any = params.d
    return params._replace(m0=params.m0 + g, d=d - level)


def _settled(params: LinearGaussianParams, input_loc: FloatArray | None) -> tuple[Any, Any]:
    """State (n,) under constant inputs, and what it and they add to the outputs (D,)."""
    g: Any = np.zeros(len(params.A))
    level: Any = np.zeros(len(params.C))
    if input_loc is None or not input_loc.any():
        return g, level
    if params.B is not None:
        g = np.linalg.solve(np.eye(len(params.A)) - params.A, params.B @ input_loc)
        level = level + params.C @ g
    if params.D is not None:
        level = level + params.D @ input_loc
    return g, level


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
        The same model for y: C, R and d change units, states and inputs do not.
    """
    shift = 0.0 if params.d is None else scale * params.d
    return params._replace(
        C=scale[:, None] * params.C, R=params.R * np.outer(scale, scale), d=loc + shift
    )
