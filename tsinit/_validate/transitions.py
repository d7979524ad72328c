"""What a user says of the transitions of a finite hidden Markov model: nothing, probabilities, zeros, or all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.values import check_number, short

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray

_SUM_ERROR = 1e-6  # by which given probabilities may miss 1


class GivenProbabilities(NamedTuple):
    """Rows of probabilities (..., K) as a user restricts them."""

    allowed: BoolArray  # what may be above 0
    values: FloatArray | None  # where EM begins; None: at what the labels of the start say
    fixed: bool  # whether it ends there too


def check_probabilities(name: str, given: Any, shape: tuple[int, ...]) -> GivenProbabilities:
    """Read ``transitions=`` (K, K) or ``start_probabilities=`` (K,).

    Parameters
    ----------
    name : str
        What messages call it.
    given : None, array, or ("fixed", array)
        Probabilities, of which zeros stay zero; or flags, True where something may be above 0.
    shape : tuple of int
        That it must have.

    Raises
    ------
    ValueError
        It is none of these, has another shape, or its rows are no probabilities.
    """
    if given is None:
        return GivenProbabilities(np.ones(shape, dtype=bool), None, False)
    fixed = isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], str)
    if fixed and given[0] != "fixed":
        raise ValueError(
            f"{name} must be None, an array, or a pair ('fixed', array); got {short(given)}."
        )
    try:
        values = np.asarray(given[1] if fixed else given)
        values = values if values.dtype == bool else values.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be None, an array of numbers or flags, or a pair ('fixed', array); got {short(given)}."
        ) from None
    if values.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one row and column for each state; got {values.shape}."
            if len(shape) == 2
            else f"{name} must have shape {shape}, one probability for each state; got {values.shape}."
        )
    if values.dtype == bool:
        return _flags(name, values, fixed)
    sums = values.sum(axis=-1)
    wrong = ~(np.isfinite(sums) & (np.abs(sums - 1.0) <= _SUM_ERROR))
    if wrong.any() or values.min() < 0.0:
        rows = np.atleast_2d(values)
        row = rows[np.atleast_1d(wrong) | (rows < 0.0).any(axis=-1)][0]
        raise ValueError(
            f"{name} must hold probabilities, none negative, that sum to 1 in every row; got {short(row)}."
        )
    return GivenProbabilities(values > 0.0, values / sums[..., None], fixed)


def check_stickiness(stickiness: Any, prior: str | None) -> float:
    """Require observations of staying, and a prior that they are part of.

    Raises
    ------
    ValueError
        It is no number of at least 0, or above 0 where there is no prior.
    """
    value = check_number("stickiness", stickiness, 0.0)
    if value > 0.0 and prior is None:
        raise ValueError(
            f"stickiness must be 0 where prior is None, for it is part of the prior; got {short(stickiness)}. Leave "
            "prior='weak'."
        )
    return value


def _flags(name: str, allowed: BoolArray, fixed: bool) -> GivenProbabilities:
    if fixed:
        raise ValueError(f"{name} must be probabilities where it is 'fixed'; got True and False.")
    if not allowed.any(axis=-1).all():
        raise ValueError(f"{name} must allow something in every row; got one without True.")
    return GivenProbabilities(allowed, None, False)
