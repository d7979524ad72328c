"""What the imputer requires of limits of detection, and of intervals beside a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.series import split_form
from tsinit._validate.tables import to_float
from tsinit._validate.values import check_names, is_number, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import BoolArray, FloatArray
    from tsinit._validate.series import Panel


class IntervalTables(NamedTuple):
    """Ends of the intervals of all cells of a panel, NaN where there are none."""

    lower: FloatArray  # (T, D)
    upper: FloatArray  # (T, D)


def check_detection_limits(censored: Any, names: Sequence[Any]) -> FloatArray:
    """Return lower and upper limits of detection (2, D) of the columns, infinite where there are none.

    Parameters
    ----------
    censored : None, or dict of column name to pair
        A pair may hold None.

    Raises
    ------
    ValueError
        It is neither, a column is unknown, or a pair is none of two limits.
    """
    limits = np.tile([[-np.inf], [np.inf]], len(names))
    if censored is None:
        return limits
    if not isinstance(censored, dict):
        raise ValueError(
            "censored must be a dict of column name to its limits of detection (lower, upper), or None; got "
            f"{short(censored)}."
        )
    check_names("censored", censored, names)
    for name, pair in censored.items():
        if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
            raise ValueError(
                f"censored[{name!r}] must be a pair (lower, upper), with None for no limit; got {short(pair)}."
            )
        j = list(names).index(name)
        for i, value in enumerate(pair):
            if value is not None:
                limits[i, j] = _limit(name, value)
        if not limits[0, j] < limits[1, j]:
            raise ValueError(
                f"censored[{name!r}] must have a lower limit below the upper one; got {short(pair)}."
            )
    return limits


def _limit(name: Any, value: Any) -> float:
    if not is_number(value):
        raise ValueError(
            f"censored[{name!r}] must hold numbers, or None for no limit; got {short(value)}."
        )
    return float(value)


def check_between(between: Any, panel: Panel) -> Panel:
    """Put the intervals of cells beside a series.

    Parameters
    ----------
    between : (lower, upper)
        Tables in the form of X: where a cell of X is missing and one of these or both have a value, it lies above
        the one and below the other. A DataFrame may have some of the columns; None is a side without any.
    panel : Panel
        Of X.

    Returns
    -------
    Panel
        The same with `between`.

    Raises
    ------
    ValueError
        The tables are of another form, or an interval is empty or stands beside a value of X.
    TypeError
        They hold something that is not a number.
    """
    if not isinstance(between, (list, tuple)) or len(between) != 2:
        raise ValueError(
            f"between must be a pair of tables (lower, upper), as X is; got {short(type(between))}."
        )
    lower, upper = (
        _spread(table, panel, side) for table, side in zip(between, ("lower", "upper"), strict=True)
    )
    told = ~(np.isnan(lower) & np.isnan(upper))
    names = list(panel.columns)
    _refuse(told & ~np.isnan(panel.y), panel, names, "stand beside missing cells of X", "a value")
    _refuse(lower >= upper, panel, names, "have lower ends below the upper ones", "an empty one")
    return panel._replace(between=IntervalTables(lower, upper))


def _spread(table: Any, panel: Panel, side: str) -> FloatArray:
    """Values (T, D) of one side on all steps of a panel."""
    out = np.full(panel.y.shape, np.nan)
    if table is None:
        return out
    form, parts = split_form(table)
    if form != panel.form or len(parts) != len(panel.parts):
        raise ValueError(f"between must hold tables in the form of X; got another one for {side}.")
    pieces = [
        _aligned(part, own, f"between ({side})")
        for part, own in zip(parts, panel.parts, strict=True)
    ]
    out[panel.rows] = np.concatenate(pieces)
    return out


def _aligned(part: Any, own: Any, name: str) -> FloatArray:
    """Values of a table in the rows and columns of another."""
    if hasattr(own, "iloc"):
        unknown = [column for column in part.columns if column not in list(own.columns)]
        if unknown or not part.index.equals(own.index):
            got = f"a column {unknown[0]!r}" if unknown else "other rows"
            raise ValueError(f"{name} must have rows and columns of X; got {got}.")
        part = part.reindex(columns=own.columns)
    values = to_float(part, name)
    if values.shape != np.shape(own):
        raise ValueError(f"{name} must have the shape of X, {np.shape(own)}; got {values.shape}.")
    return values


def _refuse(wrong: BoolArray, panel: Panel, names: list[Any], rule: str, got: str) -> None:
    if not wrong.any():
        return
    row, j = np.argwhere(wrong)[0]
    at = int(np.searchsorted(panel.rows, row))
    raise ValueError(f"between must {rule}; got {got} in row {at}, column {names[j]!r}.")


def check_enough_exact(y: FloatArray, censored: BoolArray, names: Sequence[Any]) -> None:
    """Refuse a column with censored cells of whose spread nothing is known.

    Raises
    ------
    ValueError
    """
    for j in np.flatnonzero(censored.any(axis=0)).tolist():
        n = len(np.unique(y[~np.isnan(y[:, j]), j]))
        if n < 2:
            raise ValueError(
                "X must have at least two different values within the limits in a column with censored ones, which "
                f"show how it varies; got {n} in column {names[j]!r}. Drop it."
            )
