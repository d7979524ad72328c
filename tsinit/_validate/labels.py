"""Labels that a user hands over, or a strategy of a user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    from tsinit._typing import IntArray


def check_labels(value: Any, T: int, argument: str = "init") -> IntArray:
    """Require one whole number per time step, and leave out the numbers that do not occur.

    Parameters
    ----------
    value : (T,) array, Series or list
        The state of each time step; any whole numbers from 0.
    T : int
        Time steps.
    argument : str, default "init"
        What messages call the labels.

    Returns
    -------
    (T,) int64
        The same partition with the values 0 .. K - 1, all of which occur, in the order of the given ones.

    Raises
    ------
    ValueError
        They are not one per time step, or not whole numbers from 0.
    TypeError
        They are not numbers.
    """
    labels = np.asarray(value)
    if labels.ndim != 1 or len(labels) != T:
        raise ValueError(
            f"{argument} must have one label for each of the {T} time steps; got shape {labels.shape}."
        )
    try:
        numbers = labels.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{argument} must hold whole numbers; got {labels.dtype} such as {short(labels[0])}. "
            "numpy.unique(labels, return_inverse=True)[1] turns words into numbers."
        ) from None
    # NaN compares false as well.
    wrong = np.flatnonzero(
        ~((numbers >= 0.0) & (numbers < 2.0**53) & (numbers == np.floor(numbers)))
    )
    if wrong.size:
        raise ValueError(
            f"{argument} must hold whole numbers of at least 0; got {short(labels[wrong[0]])} at time step "
            f"{wrong[0]}."
        )
    return np.unique(numbers, return_inverse=True)[1].reshape(-1).astype(np.int64)


def check_few_enough(labels: IntArray, n_states: int) -> None:
    """Refuse labels (T,) of more states than a model has.

    Raises
    ------
    ValueError
        There are more.
    """
    found = int(labels.max()) + 1
    if found > n_states:
        raise ValueError(
            f"init must give at most n_states={n_states} states; got {found}. Give n_states={found}, or merge some."
        )
