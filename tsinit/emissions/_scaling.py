"""Centre and scale of a column, so that priors mean the same in any unit."""

from typing import NamedTuple

import numpy as np

#: Interquartile ranges from the median beyond which a value is pulled in: 13 sd of normal data.
_REACH = 10.0


class Scale(NamedTuple):
    """Centre and scale of the columns, and the log of the volume that dividing by the scale takes away."""

    loc: np.ndarray  # (D,)
    scale: np.ndarray  # (D,) positive

    def apply(self, y):
        """Standardise y (T, D); NaN stays."""
        return np.ascontiguousarray((y - self.loc) / self.scale)

    def undo(self, z):
        """Bring standardised values (..., D) to the units of the data."""
        return self.loc + z * self.scale

    def log_jacobian(self, z):
        """Sum of -log(scale) over the values seen in z (T, D)."""
        return -float(np.sum(~np.isnan(z), axis=0) @ np.log(self.scale))


def column_scale(y):
    """Mean and standard deviation of the columns of y (T, D), missing values left out.

    Values far outside are first pulled in to ten interquartile ranges from the median: ordinary data are not
    touched, while one value of 10^6 standard deviations would otherwise squeeze all others into one point. A
    column without spread, or of which nothing is seen, has the scale one.
    """
    columns = [_moments(column[~np.isnan(column)]) for column in y.T]
    loc, scale = np.array(columns).reshape(-1, 2).T
    return Scale(loc.copy(), scale.copy())


def _moments(x):
    if x.size == 0:
        return 0.0, 1.0
    lower, middle, upper = np.percentile(x, [25, 50, 75])
    deviation = x - middle  # before squaring, because an offset would drown the spread
    if upper > lower:
        deviation = np.clip(deviation, -_REACH * (upper - lower), _REACH * (upper - lower))
    if x.min() == x.max():
        return float(x[0]), 1.0
    largest = np.abs(deviation).max()
    spread = largest * np.std(deviation / largest)
    return float(middle + deviation.mean()), float(spread)
