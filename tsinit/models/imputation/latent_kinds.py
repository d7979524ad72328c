"""Columns that are looks at a latent normal one: zeros of what is never negative, counts, rounded numbers.

A value of such a column says in which interval the latent cell lies (`CensoredCells`), and a drawn latent cell says
what the value would have been: nothing below zero, the nearest whole number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate.kinds import NEVER_NEGATIVE, WHOLE
from tsinit.models.imputation import censored_scales
from tsinit.models.imputation.censored_scales import SeenValues

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.imputation.transforms import Transform

#: Kinds of columns that are looks at a latent one.
LATENT = {*NEVER_NEGATIVE, *WHOLE}
#: Scales that counts may have, the simplest first.
_SCALES = (None, "sqrt", "log")


class Looks(NamedTuple):
    """Cells of a column that are looks at latent ones, and the intervals of these."""

    rows: IntArray  # (n,)
    low: FloatArray  # (n,)
    high: FloatArray  # (n,)


def intervals(kind: str, y: FloatArray) -> SeenValues:
    """Intervals of the latent cells that values (n,) of a column are looks at; equal ends where they are the values."""
    half = 0.5 if kind in WHOLE else 0.0
    low = np.where(y <= 0.0, -np.inf, y - half) if kind in NEVER_NEGATIVE else y - half
    return SeenValues(low, y + half)


def looks(kind: str, y: FloatArray) -> Looks:
    """Find the values of a column (T,), NaN where missing, that tell of a latent cell only an interval."""
    if kind not in LATENT:
        return Looks(np.empty(0, dtype=np.int64), *np.empty((2, 0)))
    low, high = intervals(kind, y)
    rows = np.flatnonzero(low < high)
    return Looks(rows, low[rows], high[rows])


def estimate(kind: str, seen: SeenValues, transform: str | None) -> Transform:
    """Fit the transform of a column of some kind.

    Parameters
    ----------
    kind : str
    seen : SeenValues
    transform : {"auto", "yeo-johnson", "log", "sqrt", None}
        "auto" is for counts the likeliest of none, root and logarithm.

    Returns
    -------
    Transform
    """
    if kind == "count" and transform == "auto":
        fits = [censored_scales.fitted(seen, scale, 1.0, 1.0) for scale in _SCALES]
        found = max(fits, key=lambda fit: -np.inf if np.isnan(fit[1]) else fit[1])[0]
    else:
        found = censored_scales.estimate(seen, transform)
    return found._replace(whole=kind in WHOLE)
