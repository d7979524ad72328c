"""What strategies alone require, when a strategy is used: constructors only store.

Plain choices, counts and numbers are checked as everywhere (`tsinit._validate`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import check_number, short

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, Trial


def check_varies(varies: BoolArray) -> None:
    """Check that a column of X varies.

    Raises
    ------
    ValueError
        If none does.
    """
    if not varies.any():
        raise ValueError(
            f"X must have a column that varies; got {varies.size} that are constant or empty."
        )


def check_budget(budget: Any) -> None:
    """Check what a race may cost.

    Raises
    ------
    ValueError
        If it is neither "auto" nor a number of runs.
    """
    if not isinstance(budget, str):
        check_number("budget", budget, 1.0)
    elif budget != "auto":
        raise ValueError(f"budget must be 'auto' or a number of at least 1; got {short(budget)}.")


def check_candidates(strategies: Any) -> None:
    """Check that there is something to compare.

    Raises
    ------
    TypeError
        If it is no list or tuple.
    ValueError
        If it is empty.
    """
    if not isinstance(strategies, (list, tuple)):
        raise TypeError(
            f"strategies must be a list or tuple of strategies, or 'auto'; got {short(strategies)}."
        )
    if not strategies:
        raise ValueError("strategies must hold at least one strategy; got none.")


def check_trial(trial: Any, name: str) -> Trial:
    """Check that there is something to compare candidates by.

    Raises
    ------
    TypeError
        If no model gave a `trial`.
    """
    if not callable(trial):
        raise TypeError(
            "trial must be a function trial(start, n_iter) -> (objective, refined); "
            f"got {short(trial)}. A model gives it when {name} is its init."
        )
    return trial


def check_complete(name: str, table: Any, y: FloatArray) -> FloatArray:
    """Check that a table has the shape of the data and no gap.

    Returns
    -------
    (T, D) float

    Raises
    ------
    ValueError
        If it holds something else than numbers, has another shape, or a value that is not finite.
    """
    try:
        table = np.asarray(table, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must fill a table of numbers; got {type(table).__name__} of other things."
        ) from None
    if table.shape != y.shape:
        raise ValueError(
            f"{name} must fill a table of shape {y.shape}; got one of shape {table.shape}."
        )
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(
            f"{name} must leave no gap; got {table[row, column]} in row {row}, column {column}."
        )
    return table
