"""What simulators alone ask of their arguments."""

import numpy as np
from numpy.typing import ArrayLike

from tsinit._validate.values import short


def require(holds: object, name: str, rule: str, value: object) -> None:
    """Refuse an argument unless a rule holds: ``<name> must <rule>; got <value>.``

    Raises
    ------
    ValueError
        It does not hold.
    """
    if not holds:
        raise ValueError(f"{name} must {rule}; got {short(value)}.")


def numbers(name: str, values: ArrayLike, kind: type = float) -> np.ndarray:
    """Return numbers as an array of at least one dimension.

    Raises
    ------
    ValueError
        They are no numbers, or not all of one shape.
    """
    try:
        return np.atleast_1d(np.asarray(values, dtype=kind))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {short(values)}.") from None
