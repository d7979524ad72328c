"""Numbers strictly inside bounds."""

import numpy as np

from tsinit._validate.values import short


def check_inside(name, value, low=-np.inf, high=np.inf, *, closed=False, rule=""):
    """Require a finite number above a bound and below another.

    closed : the lower bound itself will do.
    rule : what else would do, to end the sentence.

    Raises
    ------
    ValueError
        It is outside, or not a number.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    if (
        not number
        or not np.isfinite(value)
        or not low <= value < high
        or (value == low and not closed)
    ):
        bounds = [] if np.isinf(low) else [f"of at least {low:g}" if closed else f"above {low:g}"]
        bounds += [] if np.isinf(high) else [f"below {high:g}"]
        kind = " ".join(
            ["a number" if bounds else "a finite number", " and ".join(bounds)]
        ).rstrip()
        raise ValueError(f"{name} must be {kind}{rule}; got {short(value)}.")
    return float(value)
