"""What scores of filled-in values ask of their arguments, and the mean over the cells that count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import BoolArray, FloatArray

#: What scores are averaged over.
Axis: TypeAlias = int | tuple[int, ...] | None


def cells(
    truth: npt.ArrayLike, others: dict[str, npt.ArrayLike], where: npt.ArrayLike | None
) -> tuple[FloatArray, list[FloatArray], BoolArray]:
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
    true = _numbers("truth", truth)
    tables = [_shaped(name, _numbers(name, value), true) for name, value in others.items()]
    counted = ~np.isnan(true)
    if where is not None:
        counted &= _shaped("where", np.asarray(where, bool), true)
    return true, tables, counted


def ensemble(truth: npt.ArrayLike, draws: npt.ArrayLike, minimum: int = 1) -> FloatArray:
    """Require draws of the shape of truth, one after the other along the first axis.

    Raises
    ------
    ValueError
        If they are no numbers, have another shape, or are fewer than `minimum`.
    """
    values, shape = _numbers("draws", draws), np.shape(truth)
    if values.ndim == 0 or values.shape[1:] != shape:
        raise ValueError(
            f"draws must have shape (m, {', '.join(map(str, shape))}); got {values.shape}."
        )
    if len(values) < minimum:
        raise ValueError(f"draws must be at least {minimum}; got {len(values)}.")
    return values


def check_denominator(value: str, choices: Sequence[str]) -> None:
    """Require one of the named denominators.

    Raises
    ------
    ValueError
        If there is no such.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"denominator must be one of {list(choices)}; got {short(value)}.")


def mean(values: FloatArray, where: BoolArray, axis: Axis, keepdims: bool = False) -> Any:
    """Mean over an axis of the values that count; NaN where none does."""
    total = np.sum(values, axis=axis, where=where, keepdims=keepdims)
    count = np.sum(where, axis=axis, keepdims=keepdims)
    with np.errstate(invalid="ignore"):
        return total / np.where(count > 0, count, np.nan)


def _numbers(name: str, values: npt.ArrayLike) -> FloatArray:
    if values is None:  # NumPy would take it for a missing number
        raise ValueError(f"{name} must hold numbers, NaN where missing; got None.")
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold numbers, as many in every row; got {type(values).__name__} of other things."
        ) from None


def _shaped(name: str, value: npt.NDArray[Any], truth: FloatArray) -> npt.NDArray[Any]:
    if value.shape != truth.shape:
        raise ValueError(f"{name} must have the shape of truth, {truth.shape}; got {value.shape}.")
    return value
