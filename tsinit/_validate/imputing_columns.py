"""Checks of what is said of single columns to the imputer: transforms, classes, bounds, gaps left open, rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import check_choice, check_count, check_names, is_number, short

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray
    from tsinit._validate.kinds import ColumnKind


def check_max_gap(max_gap: Any, timed: bool) -> Any:
    """Return the longest gap that is filled: a number of steps, a Timedelta, or None where there is no such.

    Raises
    ------
    ValueError
        It is neither, not positive, or a time where rows have no times (`timed`).
    """
    if max_gap is None:
        return None
    if isinstance(max_gap, (int, np.integer)) and not isinstance(max_gap, (bool, np.timedelta64)):
        return check_count("max_gap", max_gap)
    import pandas as pd

    refused = (bool, float, np.floating, np.bool_)
    try:
        found = None if isinstance(max_gap, refused) else pd.Timedelta(max_gap)
    except (ValueError, TypeError):
        found = None
    if found is None or not found > pd.Timedelta(0):
        raise ValueError(
            "max_gap must be None, a whole number of steps, or a time such as '6h' or a Timedelta; got "
            f"{short(max_gap)}."
        )
    if not timed:
        raise ValueError(
            f"max_gap must be a whole number of steps where rows have no dates a step apart; got {short(max_gap)}."
        )
    return found


def check_transforms(
    transforms: Any, kinds: Sequence[str | None], names: Sequence[Any]
) -> list[str | None]:
    """Give every column its kind of transform.

    Parameters
    ----------
    transforms : str, None or dict of column name to str or None
        Columns that a dict does not name have "auto".

    Raises
    ------
    ValueError
        A kind or a column is unknown.
    """
    if not isinstance(transforms, dict):
        return [check_choice("transforms", transforms, kinds)] * len(names)
    check_names("transforms", transforms, names)
    return [
        check_choice(f"transforms[{name!r}]", transforms.get(name, "auto"), kinds) for name in names
    ]


def check_no_classes(argument: str, given: Any, kinds: Sequence[ColumnKind]) -> None:
    """Refuse what is for numbers, such as bounds, for a column of classes that is named.

    Raises
    ------
    ValueError
    """
    named = given if isinstance(given, dict) else {}
    for column in kinds:
        if column.levels and column.name in named:
            raise ValueError(
                f"{argument} must name columns of numbers; got {short(column.name)}, which was taken for "
                f"{column.kind}. Use kinds={{{column.name!r}: 'continuous'}} if its classes are numbers."
            )


def check_class_column(column: Any, kinds: Sequence[ColumnKind]) -> int:
    """Return the position of a column of classes.

    Raises
    ------
    ValueError
        There is no such column, or it holds numbers.
    """
    found = [j for j, one in enumerate(kinds) if one.levels and one.name == column]
    if not found:
        names = [one.name for one in kinds if one.levels]
        raise ValueError(f"column must be one of those with classes, {names}; got {short(column)}.")
    return found[0]


def check_classes_allowed(
    kinds: Sequence[ColumnKind], method: str, noise: str, others: dict[str, Any]
) -> None:
    """Refuse columns of classes where the engine or its noise has none, or beside what is of numbers.

    others : options that go with numbers only, by name; None and False are off.

    Raises
    ------
    ValueError
    """
    found = next((column for column in kinds if column.levels), None)
    if found is not None and method not in ("fcs", "auto"):
        raise ValueError(
            f"method must be 'fcs' or 'auto' where columns hold classes; got {method!r}, and {short(found.name)} was "
            f"taken for {found.kind}. Or take it for numbers with kinds=."
        )
    for option, value in others.items():
        if found is not None and value is not None and value is not False:
            raise ValueError(
                f"{option} must be off where columns hold classes; got {short(value)}, and {short(found.name)} was "
                f"taken for {found.kind}. Or take it for numbers with kinds=."
            )
    if found is not None and noise != "normal":
        raise ValueError(
            f"noise must be 'normal' where columns hold classes; got {noise!r}, and {short(found.name)} was taken for "
            f"{found.kind}. Or take it for numbers with kinds=."
        )


def check_domain(kind: str | None, y: FloatArray, name: Any) -> None:
    """Refuse a transform that is not defined on what was observed.

    Raises
    ------
    ValueError
        A logarithm of what is not positive, or a root of what is negative.
    """
    lowest = y.min(initial=np.inf)
    if (kind == "log" and lowest <= 0) or (kind == "sqrt" and lowest < 0):
        sign = "positive" if kind == "log" else "not negative"
        raise ValueError(
            f"transforms={kind!r} must act on values that are {sign}; got {lowest:g} in column {name!r}. "
            "Try 'yeo-johnson'."
        )


def check_bounds(bounds: Any, names: Sequence[Any], y: FloatArray) -> FloatArray:
    """Return lower and upper bounds (2, D) of the columns, infinite where there are none.

    Parameters
    ----------
    bounds : None, pair, or dict of column name to pair
        A pair may hold None.
    y : (T, D) float

    Raises
    ------
    ValueError
        A column is unknown, a pair is none, or an observed value lies outside.
    """
    limits = np.tile([[-np.inf], [np.inf]], len(names))
    if bounds is None:
        return limits
    if not isinstance(bounds, dict):
        bounds = dict.fromkeys(names, bounds)
    check_names("bounds", bounds, names)
    for name, pair in bounds.items():
        if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
            raise ValueError(
                f"bounds of column {name!r} must be a pair (lower, upper); got {short(pair)}."
            )
        j = list(names).index(name)
        for i, value in enumerate(pair):
            if value is not None:
                limits[i, j] = _check_bound(name, value)
        low, high, observed = *limits[:, j], y[~np.isnan(y[:, j]), j]
        if not low < high:
            raise ValueError(
                f"bounds of column {name!r} must be a lower and a higher one; got {short(pair)}."
            )
        wrong = observed[(observed < low) | (observed > high)]
        if wrong.size:
            raise ValueError(
                f"bounds of column {name!r} must hold its observed values; got {wrong[0]:g}."
            )
    return limits


def _check_bound(name: Any, value: Any) -> float:
    """Require a number, an infinity if need be."""
    if not is_number(value):
        raise ValueError(
            f"bounds of column {name!r} must be numbers, or None for no bound; got {short(value)}."
        )
    return value


def check_rounded(rounded: Any, names: list[Any], y: FloatArray) -> BoolArray:
    """Find the columns (D,) that are rounded.

    Parameters
    ----------
    rounded : "auto", sequence of column names, or None
    names : list
    y : (T, D) float

    Raises
    ------
    ValueError
        It is none of these, or a column is unknown.
    """
    if rounded is None:
        return np.zeros(len(names), dtype=bool)
    if isinstance(rounded, str):
        if rounded != "auto":
            raise ValueError(
                f"rounded must be 'auto', a list of column names or None; got {short(rounded)}."
            )
        return (np.isnan(y) | (y == np.rint(y))).all(axis=0)
    rounded = list(np.atleast_1d(np.asarray(rounded, dtype=object)))
    check_names("rounded", rounded, names)
    return np.isin(np.arange(len(names)), [names.index(name) for name in rounded])
