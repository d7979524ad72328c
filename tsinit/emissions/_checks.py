"""The border: what an emission asks of data and priors, one sentence each."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray

_LARGEST = 1e100  # squares and their sums stay finite


def real_table(y: ArrayLike, n_features: int | None = None) -> FloatArray:
    """Check for a table of numbers, NaN where missing.

    Parameters
    ----------
    y : (T, D) float
    n_features : int, optional
        Columns it must have.

    Returns
    -------
    (T, D) float
        C-ordered float64.

    Raises
    ------
    ValueError
        If it is no table, has no rows or columns, other columns than asked for, or values that are not
        finite.
    """
    try:
        y = np.ascontiguousarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"X must hold numbers, NaN where missing; got {type(y).__name__} of other things."
        ) from None
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(
            f"X must be a table with at least one row and one column; got shape {y.shape}."
        )
    if n_features is not None and y.shape[1] != n_features:
        raise ValueError(f"X must have the {n_features} columns of the fit; got {y.shape[1]}.")
    wrong = np.abs(y) > _LARGEST
    if wrong.any():
        raise ValueError(
            f"X must lie within +-{_LARGEST:g}; got {y[wrong][0]:g} in {_place(wrong)}. "
            "Mark what is missing by NaN."
        )
    return y


def counts(
    y: ArrayLike,
    n_features: int | None = None,
    emission: str = "Poisson",
    largest: float = np.inf,
) -> FloatArray:
    """Check for a table of counts 0, 1, 2, ... up to `largest`, as `emission` wants; the rest as in `real_table`.

    Raises
    ------
    ValueError
        If a value is negative, fractional or too large.
    """
    y = real_table(y, n_features)
    wrong = (y < 0) | (y != np.floor(y)) & ~np.isnan(y)
    if wrong.any():
        raise ValueError(
            f"X must hold counts 0, 1, 2, ... for a {emission} emission; got {y[wrong][0]:g} in "
            f"{_place(wrong)}. For other numbers use emission='gaussian'."
        )
    wrong = y > largest
    if wrong.any():
        raise ValueError(
            f"X must hold counts up to {largest:g} for a {emission} emission; got {y[wrong][0]:g} in "
            f"{_place(wrong)}. For larger numbers use emission='gaussian' on their logarithms."
        )
    return y


def codes(y: ArrayLike, n_features: int | None = None) -> FloatArray:
    """Check for a table of whole numbers that name categories; arguments and result as in `real_table`.

    Raises
    ------
    ValueError
        If a value is fractional.
    """
    y = real_table(y, n_features)
    wrong = (y != np.floor(y)) & ~np.isnan(y)
    if wrong.any():
        raise ValueError(
            f"X must hold whole numbers that name categories; got {y[wrong][0]:g} in {_place(wrong)}. "
            "Number the categories, as pandas.factorize does."
        )
    return y


def categories(values: ArrayLike) -> FloatArray:
    """Check for distinct whole numbers that name categories.

    Returns
    -------
    (C,) float
        In ascending order.

    Raises
    ------
    ValueError
        If it is none.
    """
    array = _numbers("categories", values)
    if (
        array.ndim != 1
        or array.size == 0
        or (array != np.floor(array)).any()
        or np.unique(array).size < array.size
    ):
        raise ValueError(f"categories must be distinct whole numbers; got {short(values)}.")
    return np.sort(array)


def known_categories(values: FloatArray, known: FloatArray, column: int) -> None:
    """Check that values (n,) of a column are among its categories.

    Raises
    ------
    ValueError
        If one is not.
    """
    strange = values[~np.isin(values, known)]
    if strange.size:
        raise ValueError(
            f"X must hold in column {column} categories of the fit, {_some(known)}; got {strange[0]:g}. "
            "Pass Categorical(categories=...) with all that may occur."
        )


def angles(y: ArrayLike, unit: str | None, n_features: int | None = None) -> FloatArray:
    """Check for a table of angles and bring it to radians.

    Parameters
    ----------
    y : (T, D) float
    unit : {None, "radians", "degrees"}
        None: radians, and values beyond one turn are refused, because they may be degrees.
    n_features : int, optional

    Returns
    -------
    (T, D) float

    Raises
    ------
    ValueError
        If the unit is another one, or not said where it is in doubt.
    """
    y = real_table(y, n_features)
    if not (unit is None or isinstance(unit, str)) or unit not in (None, "radians", "degrees"):
        raise ValueError(f"unit must be 'radians' or 'degrees'; got {short(unit)}.")
    wrong = np.abs(y) > 2.0 * np.pi * (1.0 + 1e-12)
    if unit is None and wrong.any():
        raise ValueError(
            f"X must hold angles between -2 pi and 2 pi unless their unit is given; got {y[wrong][0]:g} "
            f"in {_place(wrong)}. Pass VonMises(unit='degrees') or VonMises(unit='radians')."
        )
    return np.deg2rad(y) if unit == "degrees" else y


def per_column(name: str, value: Any, D: int, above: float = -np.inf) -> FloatArray:
    """Check for a number, or one for each of the D columns, above `above`.

    Returns
    -------
    (D,) float

    Raises
    ------
    ValueError
        If it is none.
    """
    array = _numbers(name, value)
    if array.shape not in ((), (D,)):
        raise ValueError(
            f"{name} must be a number or have one for each of the {D} columns; got shape {array.shape}."
        )
    if not (np.isfinite(array) & (array > above)).all():
        rule = "finite" if above == -np.inf else f"finite and above {above:g}"
        raise ValueError(f"{name} must be {rule}; got {short(value)}.")
    return np.ascontiguousarray(np.broadcast_to(array, (D,)))


def covariance(name: str, value: Any, D: int) -> FloatArray:
    """Check for a covariance of D columns, (D, D).

    Raises
    ------
    ValueError
        If it has another shape, or is not symmetric and positive definite.
    """
    S = _numbers(name, value)
    if S.shape != (D, D):
        raise ValueError(
            f"{name} must have shape {(D, D)}, a row and a column for each of X; got {S.shape}."
        )
    if not np.isfinite(S).all() or np.abs(S - S.T).max() > 1e-8 * np.abs(S).max():
        raise ValueError(f"{name} must be finite and symmetric; got {short(value)}.")
    # Judged as a correlation: columns may differ by many orders of magnitude.
    root = np.sqrt(np.abs(np.diag(S)))
    if not (np.diag(S) > 0.0).all() or np.linalg.eigvalsh(S / np.outer(root, root)).min() <= 1e-12:
        raise ValueError(f"{name} must be positive definite; got {short(value)}.")
    return 0.5 * (S + S.T)


def known(emission: str, names: Iterable[str]) -> None:
    """Check that an emission is registered.

    Raises
    ------
    ValueError
        If it is not.
    """
    if emission not in names:
        close = difflib.get_close_matches(emission.lower(), names, n=1)
        raise ValueError(
            f"emission must be one of {list(names)} or an emission object; got {short(emission)}."
            + (f" Did you mean {close[0]!r}?" if close else "")
        )


def counting(inner: Any, kinds: Mapping[str, type]) -> None:
    """Check for a distribution of counts, by name or as an object.

    Raises
    ------
    ValueError
        If it is none.
    """
    by_name = isinstance(inner, str) and inner in kinds
    if not by_name and not isinstance(inner, tuple(kinds.values())):
        raise ValueError(
            f"inner must be one of {list(kinds)} or an object of one of these; got {short(inner)}."
        )


def emission_object(emission: Any) -> None:
    """Check for an object that can be bound to data.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(emission, type):
        raise TypeError(
            f"emission must be an object, not its class; got {emission.__name__}. "
            f"Write {emission.__name__}()."
        )
    if not callable(getattr(emission, "bind", None)):
        raise TypeError(
            f"emission must be a name or an object with a method bind; got {short(emission)}."
        )


def complete_end(y: FloatArray, order: int) -> FloatArray:
    """Check that the last `order` rows of y (T, D) are complete, and return them.

    Raises
    ------
    ValueError
        If a value is missing there.
    """
    last = y[max(len(y) - order, 0) :]
    if np.isnan(last).any():
        raise ValueError(
            f"X must end in {order} complete rows where an autoregression of that order is to go on; got "
            f"{int(np.isnan(last).sum())} missing values there. End the series before them, or fill them in."
        )
    return last


def _numbers(name: str, value: Any) -> FloatArray:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold real numbers; got {short(value)}.") from None


def _some(values: FloatArray) -> str:
    text = ", ".join(f"{v:g}" for v in values[:10])
    return f"[{text}, ...]" if len(values) > 10 else f"[{text}]"


def _place(wrong: BoolArray) -> str:
    row, column = np.argwhere(wrong)[0]
    return f"row {row}, column {column}"
