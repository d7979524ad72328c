"""The border of the statistics that take arrays of the user's own."""

import numpy as np

from tsinit._validate import check_count
from tsinit._validate.values import short


def check_differences(values, name="differences"):
    """Return differences as (n,) float; infinite ones stay, missing ones are none.

    Raises
    ------
    ValueError
        They are no sequence of numbers, or one is NaN.
    """
    try:
        d = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a sequence of numbers; got {short(values)}.") from None
    if d.ndim != 1:
        raise ValueError(f"{name} must be one sequence of numbers; got shape {d.shape}.")
    if np.isnan(d).any():
        raise ValueError(
            f"{name} must hold no NaN; got one in place {int(np.isnan(d).argmax())}. Drop such pairs."
        )
    return d


def check_successes(successes, trials):
    """Require counts, of which the first is not above the second.

    Raises
    ------
    ValueError
    """
    successes, trials = check_count("successes", successes, 0), check_count("trials", trials, 0)
    if successes > trials:
        raise ValueError(f"successes must be at most the trials, {trials}; got {successes}.")
    return successes, trials
