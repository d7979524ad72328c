"""Quasi-Newton steps on the objective itself, each for one E-step: how a fit ends, and how it knows that it has.

EM's own steps say little about the end. One small gain may be a plateau, and under a stationary prior the closed form
ignores part of the gradient. A limited-memory BFGS method (Nocedal and Wright, Numerical Optimization, 2006, ch. 7)
in coordinates in which the first step is as good as one of EM learns the curvature on its way, and with it the gain
that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models.state_space.em import EStepBudget
    from tsinit.models.state_space.m_step import EMState

_MEMORY = 30  # pairs of step and change of gradient
_ARMIJO, _WOLFE = 1e-4, 0.9  # share of the predicted gain to reach, and of the slope to get rid of
_TRIALS = 12  # points that one line search tries
_SHORTEST, _LONGEST = 1e-3, 0.5  # of the next trial, in units of one that failed
_ROUNDING = 1e-10  # relative gain that the objective cannot show
_MIN_POSITIVE = (
    1e-8  # cosine of step and change of gradient from which the curvature counts as positive
)
# Inverse curvature of directions of which nothing is known yet, in units of EM's: the largest known one within these.
_FLAT, _FLATTEST = 1e5, 1e6


class Climbing(Protocol):
    """What has an objective to climb."""

    def evaluate(self, params: LinearGaussianParams) -> EMState:
        """Return parameters with their objective."""

    def chart(self, state: EMState) -> Any:
        """Return coordinates around a state."""

    def gradient(self, chart: Any, u: FloatArray, state: EMState) -> FloatArray:
        """Differentiate the objective by coordinates at u, where the state is."""


class Pair(NamedTuple):
    """A step, how the gradient changed along it, and their product."""

    s: np.ndarray
    y: np.ndarray
    sy: float


class Point(NamedTuple):
    """A state in its coordinates, with the gradient there."""

    state: EMState
    u: np.ndarray
    g: np.ndarray


class Ascent(NamedTuple):
    """Where quasi-Newton steps ended, and why."""

    state: EMState
    converged: bool  # the gain that is left is predicted to be less than asked for
    n_steps: int  # that gained; without convergence and without steps, the gradient does not help


def ascend(
    em: Climbing, state: EMState, budget: EStepBudget, min_gain: float
) -> Generator[EMState, bool, Ascent]:
    """Climb until less than `min_gain` is left by prediction, until no step helps, or until the budget is spent.

    A generator like :meth:`EM.iterate`: it yields the best state after every E-step.

    Parameters
    ----------
    em : EM or StructuredFit
        What computes objectives, coordinates around a state, and gradients in them.
    state : EMState
    budget : EStepBudget
    min_gain : float
        In nats. The gain left must be predicted below it twice in a row: from the curvature known, taking the rest to
        be as flat as the flattest direction known.

    Returns
    -------
    Ascent
    """
    try:
        chart = em.chart(state)
        here = _point(em, chart, np.zeros(chart.size), state)
    except np.linalg.LinAlgError:  # a singular covariance has no gradient
        return Ascent(state, False, 0)
    memory: list[Pair] = []
    n_steps = n_small = 0
    while np.isfinite(here.g).all():
        n_small = n_small + 1 if _gain_left(here.g, memory) < min_gain else 0
        if n_small == 2:
            return Ascent(here.state, True, n_steps)
        if budget.spent:
            break
        direction = _direction(here.g, memory, 1.0)
        new = yield from _search(em, chart, here, direction, budget)
        if new is None:
            return Ascent(here.state, n_small > 0, n_steps)
        s, y = new.u - here.u, here.g - new.g
        if s @ y > _MIN_POSITIVE * np.linalg.norm(s) * np.linalg.norm(y):
            memory = [*memory[1 - _MEMORY :], Pair(s, y, s @ y)]
        else:
            n_small = 0  # curved upwards: a saddle, however flat
        here, n_steps = new, n_steps + 1
    return Ascent(here.state, False, n_steps)


def _point(em: Climbing, chart: Any, u: FloatArray, state: EMState) -> Point:
    try:
        return Point(state, u, em.gradient(chart, u, state))
    except np.linalg.LinAlgError:  # a covariance has become singular
        return Point(state, u, np.full(chart.size, np.nan))


def _search(
    em: Climbing, chart: Any, here: Point, direction: FloatArray, budget: EStepBudget
) -> Generator[EMState, bool, Point | None]:
    """Search a step that gains enough, and a longer one while the slope is hardly less; None where none gains."""
    slope, best = float(here.g @ direction), None
    share, failed = 1.0, False
    smallest = _ROUNDING * max(abs(here.state.objective), 1.0)
    for _ in range(_TRIALS):
        if budget.spent or share * slope < smallest:
            break
        u = here.u + share * direction
        params = chart.params(u)
        state = here.state if params is None else em.evaluate(params)
        gain = state.objective - here.state.objective
        gains = gain > _ARMIJO * share * slope
        better = gains and (best is None or state.objective > best.state.objective)
        if better:
            best = _point(em, chart, u, state)
        budget.spend((yield (here if best is None else best).state))
        steep = better and best is not None and best.g @ direction > _WOLFE * slope
        failed |= not gains
        if best is not None and (failed or not steep):
            break
        share = 2.0 * share if gains else _shorter(share, slope, gain)
    return best


def _shorter(share: float, slope: float, gain: float) -> float:
    """Return the top of the parabola through a step that failed; coordinates may be too wide by orders of magnitude."""
    if gain == -np.inf or not np.isfinite(gain):
        return 0.1 * share
    top = 0.5 * slope * share / max(slope * share - gain, 1e-300)
    return float(np.clip(top, _SHORTEST, _LONGEST)) * share


def _gain_left(g: FloatArray, memory: list[Pair]) -> float:
    """Predict the gain that is left, half of gradient times Newton step."""
    flattest = max((pair.s @ pair.s / pair.sy for pair in memory), default=_FLAT)
    return 0.5 * float(g @ _direction(g, memory, min(max(flattest, _FLAT), _FLATTEST)))


def _direction(g: FloatArray, memory: list[Pair], scale: float) -> FloatArray:
    """Multiply a gradient by the inverse curvature, `scale` where nothing is known (two loops of L-BFGS)."""
    q, shares = g.copy(), []
    for s, y, sy in reversed(memory):
        shares.append((s @ q) / sy)
        q -= shares[-1] * y
    q *= scale
    for (s, y, sy), share in zip(memory, reversed(shares), strict=True):
        q += (share - (y @ q) / sy) * s
    return q
