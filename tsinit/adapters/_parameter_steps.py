"""How far a step in each parameter of a likelihood may go, for strategies around a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray

#: How often a step is halved until it changes the density of an observation as it should.
_MAX_HALVINGS = 40
#: Share of the first half of a way that the second half must move parameters by.
_STILL = 1e-3


def parameter_steps(loglikeobs: Callable, constrain: Callable, native: FloatArray) -> FloatArray:
    """Find the step of each parameter that changes the log density of an observation by about one: (p,).

    In root mean square over the observations. At first order that is the standard deviation of a parameter that one
    observation alone would leave: no unit and no origin of the data changes what it means. The slope gives a first
    guess, which is halved while it goes too far, or three of it to where parameters stand still, a limit of the space.
    """
    base = np.asarray(loglikeobs(native))

    def change(i: int, step: float) -> float:
        x = native.copy()
        x[i] += step
        return float(np.sqrt(np.mean((np.asarray(loglikeobs(x)) - base) ** 2)))

    size = np.where(native == 0.0, 1.0, np.abs(native))
    for i in range(len(native)):
        small = 1e-6 * size[i]
        slope = change(i, small) / small
        step = 1.0 / slope if slope > 0 and np.isfinite(slope) else size[i]
        unit = np.eye(len(native))[i]
        for _ in range(_MAX_HALVINGS):
            if change(i, step) <= 2.0 and all(
                _goes_on(constrain, native, three * unit) for three in (3.0 * step, -3.0 * step)
            ):
                break
            step /= 2.0
        size[i] = step
    return size


def _goes_on(constrain: Callable, x: FloatArray, way: FloatArray) -> bool:
    """Whether the second half of a way on the unconstrained scale still moves the parameters beside the first."""
    first, half, last = constrain(x), constrain(x + way / 2.0), constrain(x + way)
    return bool(np.abs(last - half).max() >= _STILL * np.abs(half - first).max())
