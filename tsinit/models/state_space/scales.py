"""Scales on which an estimate is closer to normal, and from which intervals come back inside of what is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

_EDGE = 1e-12  # distance from its bounds at which a value is taken for one


class Scale(NamedTuple):
    """A monotone function of a number.

    Parameters
    ----------
    kind : {"identity", "log", "root", "logit", "atanh", "damping"}
        "root" is that of a variance that may be zero.
        "damping" is that of -log r by the logit of r, turned round, so that both have the same interval.
    limit : float
        The value is measured in it: the upper bound of "logit".
    """

    kind: str = "identity"
    limit: float = 1.0

    def forward(self, value: Any) -> Any:
        """Return the value on the scale."""
        x = np.asarray(value, dtype=float) / self.limit
        if self.kind == "log":
            return np.log(np.maximum(x, np.finfo(float).tiny))
        if self.kind == "root":
            return np.sqrt(np.maximum(x, 0.0))
        if self.kind == "logit":
            return logit(np.clip(x, _EDGE, 1.0 - _EDGE))
        if self.kind == "atanh":
            return np.arctanh(np.clip(x, _EDGE - 1.0, 1.0 - _EDGE))
        if self.kind == "damping":
            return -logit(np.clip(np.exp(-x), _EDGE, 1.0 - _EDGE))
        return x

    def inverse(self, z: Any) -> Any:
        """Undo `forward`."""
        z = np.asarray(z, dtype=float)
        if self.kind == "log":
            return self.limit * np.exp(z)
        if self.kind == "root":
            return self.limit * np.maximum(z, 0.0) ** 2
        if self.kind == "logit":
            return self.limit * expit(z)
        if self.kind == "atanh":
            return self.limit * np.tanh(z)
        if self.kind == "damping":
            return self.limit * np.logaddexp(0.0, z)
        return self.limit * z

    def slope(self, value: float) -> float:
        """Return the derivative of `forward`."""
        x = value / self.limit
        inner = {
            "log": x,
            "root": 2.0 * np.sqrt(max(x, 0.0)),
            "logit": x * (1.0 - x),
            "atanh": 1.0 - x * x,
            "damping": -np.expm1(-x),
        }
        return 1.0 / (self.limit * max(inner.get(self.kind, 1.0), np.finfo(float).tiny))


def interval(
    value: FloatArray, spread: FloatArray, scales: list[Scale], level: float
) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper bounds (q,) by the delta method on each number's scale; NaN where the spread is.

    Parameters
    ----------
    value, spread : (q,) float
        Estimates and standard errors.
    scales : list of Scale
    level : float
        Probability that an interval is meant to cover.
    """
    z = norm.ppf(0.5 + 0.5 * level)
    bounds = np.full((2, len(value)), np.nan)
    for i, (x, s, scale) in enumerate(zip(value, spread, scales, strict=True)):
        if np.isfinite(s):
            half = z * s * scale.slope(x)
            bounds[:, i] = scale.inverse(scale.forward(x) + np.array([-half, half]))
    return bounds[0], bounds[1]
