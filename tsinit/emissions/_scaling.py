"""Centre and scale of a column, so that priors mean the same in any unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray

#: Interquartile ranges from the median beyond which a value is pulled in: 13 sd of normal data.
_REACH = 10.0
#: Scale of a column, in its largest deviation, below which squares of standardised values would overflow.
_MIN_SCALE = 1e-100


class ColumnScale(NamedTuple):
    """Centre and scale of the columns, and the log of the volume that dividing by the scale takes away."""

    loc: np.ndarray  # (D,)
    scale: np.ndarray  # (D,) positive

    def apply(self, y: ArrayLike) -> FloatArray:
        """Standardise y (T, D); NaN stays."""
        return np.ascontiguousarray((y - self.loc) / self.scale)

    def undo(self, z: FloatArray) -> FloatArray:
        """Bring standardised values (..., D) to the units of the data."""
        return self.loc + z * self.scale

    def log_jacobian(self, z: FloatArray) -> float:
        """Sum of -log(scale) over the values observed in z (T, D)."""
        return -float(np.sum(~np.isnan(z), axis=0) @ np.log(self.scale))


def column_scale(y: FloatArray) -> ColumnScale:
    """Mean and standard deviation of the columns of y (T, D), missing values left out.

    Values far outside are first pulled in to ten interquartile ranges from the median: ordinary data are not
    touched, while one value of 10^6 standard deviations would otherwise squeeze all others into one point. A
    column without spread, or without an observed value, has the scale one.
    """
    columns = [_moments(column[~np.isnan(column)]) for column in y.T]
    loc, scale = np.array(columns).reshape(-1, 2).T
    return ColumnScale(loc.copy(), scale.copy())


def _moments(x: FloatArray) -> tuple[float, float]:
    if x.size == 0:
        return 0.0, 1.0
    lower, middle, upper = np.percentile(x, [25, 50, 75])
    deviation = x - middle  # before squaring, because an offset would drown the spread
    reach = np.abs(deviation).max()
    if upper > lower:
        deviation = np.clip(deviation, -_REACH * (upper - lower), _REACH * (upper - lower))
    if x.min() == x.max():
        return float(x[0]), 1.0
    largest = np.abs(deviation).max()
    spread = largest * np.std(deviation / largest)
    return float(middle + deviation.mean()), float(max(spread, _MIN_SCALE * reach))
