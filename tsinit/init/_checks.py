"""What strategies alone ask of their parameters, when a strategy is used: constructors only store.

Plain choices, counts and numbers are checked as everywhere (`tsinit._validate`).
"""

from typing import Any

import numpy as np

from tsinit._validate import check_count, check_number


def check_count_or_word(name: str, value: Any, minimum: int, word: str) -> None:
    """Check a count of at least `minimum`, or the word that stands for a rule of the strategy.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(value, str) or value != word:
        check_count(name, value, minimum, f" or {word!r}")


def check_number_or_word(name: str, value: Any, minimum: float, word: str) -> None:
    """Check a finite number of at least `minimum`, or the word that stands for a rule of the strategy.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(value, str) or value != word:
        check_number(name, value, minimum, rule=f" or {word!r}")


def check_varies(varies):
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


def check_candidates(strategies):
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
            f"strategies must be a list or tuple of strategies, or 'auto'; got {strategies!r}."
        )
    if not strategies:
        raise ValueError("strategies must hold at least one strategy; got none.")


def check_trial(trial, name):
    """Check that there is something to compare candidates by.

    Raises
    ------
    TypeError
        If no model gave a `trial`.
    """
    if not callable(trial):
        raise TypeError(
            "trial must be a function trial(start, n_iter) -> (objective, refined); "
            f"got {trial!r}. A model gives it when {name} is its init."
        )


def check_complete(name, table, y):
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
