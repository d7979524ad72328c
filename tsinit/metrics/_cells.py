"""What scores of filled-in values ask of their arguments, and the mean over the cells that count."""

import numpy as np


def cells(truth, others, where):
    """Bring truth, the other tables and the mask of what counts to one shape.

    Parameters
    ----------
    truth : array-like
    others : dict of str to array-like
    where : array-like of bool or None

    Returns
    -------
    truth : array of float
    others : list of arrays
    where : array of bool

    Raises
    ------
    ValueError
        If the shapes differ, or a table holds something that is not a number.
    """
    truth = _numbers("truth", truth)
    tables = [_shaped(name, _numbers(name, value), truth) for name, value in others.items()]
    where = (
        np.ones(truth.shape, dtype=bool)
        if where is None
        else _shaped("where", np.asarray(where, bool), truth)
    )
    return truth, tables, where & ~np.isnan(truth)


def ensemble(truth, draws, least=1):
    """Require draws of the shape of truth, one after the other along the first axis.

    Raises
    ------
    ValueError
        If they are no numbers, have another shape, or are fewer than `least`.
    """
    draws, shape = _numbers("draws", draws), np.shape(truth)
    if draws.ndim == 0 or draws.shape[1:] != shape:
        raise ValueError(
            f"draws must have shape (m, {', '.join(map(str, shape))}); got {draws.shape}."
        )
    if len(draws) < least:
        raise ValueError(f"draws must be at least {least}; got {len(draws)}.")
    return draws


def check_denominator(value, choices):
    """Require one of the named denominators.

    Raises
    ------
    ValueError
        If there is no such.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"denominator must be one of {list(choices)}; got {value!r}.")


def mean(values, where, axis, keepdims=False):
    """Mean over an axis of the values that count; NaN where none does."""
    total = np.sum(values, axis=axis, where=where, keepdims=keepdims)
    count = np.sum(where, axis=axis, keepdims=keepdims)
    with np.errstate(invalid="ignore"):
        return total / np.where(count > 0, count, np.nan)


def _numbers(name, values):
    if values is None:  # NumPy would take it for a missing number
        raise ValueError(f"{name} must hold numbers, NaN where missing; got None.")
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers, as many in every row; got {type(values).__name__} of other things."
        ) from None


def _shaped(name, value, truth):
    if value.shape != truth.shape:
        raise ValueError(f"{name} must have the shape of truth, {truth.shape}; got {value.shape}.")
    return value
