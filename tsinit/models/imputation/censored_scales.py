"""Scales of columns of which some values are known by intervals only: their transform, mean and standard deviation.

A limit put in place of what lies below it, or half of it, moves both moments and the shape of a transform. Here all of
them maximise the likelihood of what was seen: the density of an exact value, the probability of an interval (Tobin,
Econometrica 26, 1958). In 1 / sd and mean / sd the logarithm of this likelihood is concave (Olsen, Econometrica 46,
1978), so that Newton's steps find its maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import log_ndtr

from tsinit.models.imputation import transforms
from tsinit.models.imputation.transforms import Transform

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

_MAX_ITER, _TOLERANCE = 60, 1e-9
_LOG_ROOT = 0.5 * float(np.log(2.0 * np.pi))
#: Least standard deviation, in those of the values that stand for all: intervals alone may not bound it.
_SMALLEST = 0.05
#: Twice the gain in log-likelihood from which a power transform is taken: two standard errors of its power.
_GAIN = 4.0


class SeenValues(NamedTuple):
    """What was seen of a column: values from `low` to `high`, which are equal where they are exact."""

    low: FloatArray  # (n,)
    high: FloatArray  # (n,)

    @property
    def exact(self) -> FloatArray:
        """Values that are known."""
        return self.low[self.low == self.high]

    @property
    def typical(self) -> FloatArray:
        """(n,) a value of every interval: its middle, or the end that it has."""
        return _typical(self.low, self.high)


def estimate(seen: SeenValues, kind: str | None) -> Transform:
    """Fit the transform of a column, as `transforms.estimate` does where all values are exact.

    Parameters
    ----------
    seen : SeenValues
    kind : {"auto", "yeo-johnson", "log", "sqrt", None}
        "auto" is Yeo and Johnson's power where it makes what was seen that much likelier.

    Returns
    -------
    Transform
    """
    typical = seen.typical
    unit = transforms.extreme_unit(typical)
    plain = fitted(seen, None, unit, 1.0)
    if kind not in ("auto", "yeo-johnson"):
        return plain[0] if kind is None else fitted(seen, kind, 1.0, 1.0)[0]
    if kind == "auto" and not transforms.may_be_skewed(typical):
        return plain[0]
    exact = seen.exact  # of rain, what is above zero
    unit *= transforms.natural_unit((exact if exact.size else typical) / unit)
    if not unit > 0.0:
        return plain[0]
    bent = _likeliest_power(seen, unit)
    return bent[0] if kind == "yeo-johnson" or 2.0 * (bent[1] - plain[1]) > _GAIN else plain[0]


def _likeliest_power(seen: SeenValues, unit: float) -> tuple[Transform, float]:
    from scipy.optimize import minimize_scalar

    def loss(power: float) -> float:
        found = -fitted(seen, "yeo-johnson", unit, power)[1]
        return found if np.isfinite(found) else transforms.WORST

    found = minimize_scalar(
        loss, bounds=transforms.POWERS, method="bounded", options={"xatol": 1e-3}
    )
    return fitted(seen, "yeo-johnson", unit, float(found.x))


def fitted(
    seen: SeenValues, kind: str | None, unit: float, power: float
) -> tuple[Transform, float]:
    """Transform of a given shape with the moments of greatest likelihood, and its log-likelihood."""
    bare = Transform(kind, unit, power, 0.0, 1.0)
    exact, interval = seen.exact, seen.low < seen.high
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        g = bare.forward(exact)
        pairs = np.column_stack([bare.ends(end[interval]) for end in seen])
        typical = np.append(g, _typical(*pairs.T))
        mean, sd, log_likelihood = moments(g, pairs, float(typical.mean()), float(typical.std()))
        log_likelihood += float(transforms.log_slope(kind, exact / unit, power).sum())
    return bare._replace(centre=float(mean), scale=float(sd)), log_likelihood - len(exact) * np.log(
        unit
    )


def moments(
    exact: FloatArray, intervals: FloatArray, mean: float, sd: float
) -> tuple[float, float, float]:
    """Mean and standard deviation of a normal sample of greatest likelihood, and its logarithm.

    Parameters
    ----------
    exact : (n,) float
        Values that are known.
    intervals : (m, 2) float
        Ends of the intervals in which others are, infinite where they have none.
    mean, sd : float
        Where to begin; the standard deviation ends above a twentieth of this one.

    Returns
    -------
    mean, sd, log_likelihood : float
        NaN where there is no maximum to be found.
    """
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0.0):
        return np.nan, np.nan, np.nan
    # In units of the beginning, so that a step means the same for any column.
    pairs, often = np.unique((intervals - mean) / sd, axis=0, return_counts=True)
    counts = often.astype(np.float64)
    x = (exact - mean) / sd
    sums, at = (float(len(x)), float(x.sum()), float(x @ x)), np.array([1.0, 0.0])
    value, slope, curvature = _terms(at, sums, pairs, counts)
    for _ in range(_MAX_ITER):
        step, size = np.linalg.solve(curvature - 1e-9 * np.eye(2), -slope), 1.0
        while size > 1e-8:
            new = at + size * step
            if 0.0 < new[0] <= 1.0 / _SMALLEST:
                found = _terms(new, sums, pairs, counts)
                if found[0] >= value:
                    break
            size *= 0.5
        else:
            break
        gain, at = found[0] - value, new
        value, slope, curvature = found
        if gain < _TOLERANCE:
            break
    return mean + sd * at[1] / at[0], sd / at[0], value - sums[0] * np.log(sd)


def _terms(
    at: FloatArray, sums: tuple[float, float, float], pairs: FloatArray, counts: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood at (1 / sd, mean / sd) with its slope (2,) and curvature (2, 2)."""
    (a, b), (n, s1, s2) = at, sums
    value = n * (np.log(a) - _LOG_ROOT) - 0.5 * (a * a * s2 - 2.0 * a * b * s1 + n * b * b)
    slope = np.array([n / a - a * s2 + b * s1, a * s1 - n * b])
    curvature = np.array([[-n / a**2 - s2, s1], [s1, -n]])
    if not len(pairs):
        return value, slope, curvature
    # Each interval on the side where both of its ends have a tail that rounding leaves.
    ends = np.where(np.isfinite(pairs), a * pairs - b, pairs)
    turned = ends[:, 0] > 0.0
    low, high = np.where(turned[:, None], -ends[:, ::-1], ends).T
    top, rest = log_ndtr(high), log_ndtr(low)
    log_p = top + np.log1p(-np.exp(np.minimum(rest - top, -1e-16)))
    # Density at either end over the probability, and what the ends are per 1 / sd; nothing at infinite ones.
    ratio = np.exp(-0.5 * ends**2 - _LOG_ROOT - log_p[:, None]) * np.array([-1.0, 1.0])
    reach = np.where(np.isfinite(pairs), pairs, 0.0)
    inner = -np.where(np.isfinite(pairs), ends, 0.0) * ratio  # derivative of the density
    first = np.stack([(ratio * reach).sum(axis=1), -ratio.sum(axis=1)])
    cross = -(inner * reach).sum(axis=1)
    second = np.array([[(inner * reach**2).sum(axis=1), cross], [cross, inner.sum(axis=1)]])
    value += float(counts @ log_p)
    slope = slope + first @ counts
    curvature = curvature + (second - first[:, None] * first[None]) @ counts
    return value, slope, curvature


def _typical(low: FloatArray, high: FloatArray) -> FloatArray:
    """A value of every interval: its middle, or the end that it has."""
    low = np.where(np.isfinite(low), low, high)
    return 0.5 * low + 0.5 * np.where(np.isfinite(high), high, low)
