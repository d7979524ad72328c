"""Blocks of rows that are held out to choose a number of states, and the choice among several criteria."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray

_FOLDS = 5
_BLOCKS_PER_FOLD = 4


def folds(n_rows: int) -> list[BoolArray]:
    """Cut rows into twenty blocks of equal length, of which every fifth is held out together.

    Blocks and not single rows, whose neighbours know their state (Celeux and Durand, Selecting hidden Markov model
    state number with cross-validated likelihood, Computational Statistics 23, 2008).

    Parameters
    ----------
    n_rows : int

    Returns
    -------
    list of (n_rows,) bool
        Rows that each fold holds out: every row in one of them.
    """
    n_blocks = min(_FOLDS * _BLOCKS_PER_FOLD, n_rows)
    block = np.arange(n_rows) * n_blocks // n_rows
    return [block % _FOLDS == fold for fold in range(min(_FOLDS, n_blocks))]


def best_order(rows: list[dict[str, Any]], criterion: str) -> int:
    """Position of the number of states that a criterion prefers.

    Parameters
    ----------
    rows : list of dict
        With ``bic``, and the criterion.
    criterion : str
        Of which the smallest is preferred, or ``"held_out"``, the largest log-likelihood of rows held out; where that
        is known of none, BIC.

    Returns
    -------
    int
    """
    if criterion == "held_out":
        values = np.array([row["held_out"] for row in rows])
        known = np.isfinite(values)
        if known.any():
            return int(np.where(known, values, -np.inf).argmax())
        criterion = "bic"
    return min(range(len(rows)), key=lambda i: rows[i][criterion])
