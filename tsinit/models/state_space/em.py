"""Expectation maximisation for the linear Gaussian model: the loop around E-step and M-step, plain or accelerated."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.coordinates import Coordinates
from tsinit.models.state_space.m_step import (
    EMState,
    Expectations,
    MStepSettings,
    RegressionData,
    expectations,
    m_step,
    transition_of,
)
from tsinit.models.state_space.observation_step import by_variable, lifted, loadings_of
from tsinit.models.state_space.quasi_newton import ascend
from tsinit.models.state_space.score import score

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import Kalman
    from tsinit.kernels.params import LinearGaussianParams

_PLAIN = 2  # plain iterations before the first extrapolation, whose two steps they are
_LONGER = 4.0  # factor by which the longest leap grows when it was good, and shrinks when not
_SLACK = 1e-9  # relative fall of the objective that is rounding, not a failed step
_FIRST = (
    50  # E-steps of EM after which quasi-Newton steps take over: they are faster where EM is slow
)
_BETWEEN = 10  # and where those could not go on


class EMResult(NamedTuple):
    """Where a run ended."""

    state: EMState
    converged: bool
    lost: int | None  # the first iteration that lost likelihood beyond rounding, and was taken back


class EStepBudget:
    """E-steps that a run may still take.

    Parameters
    ----------
    left : int
    """

    def __init__(self, left: int) -> None:
        self.left, self.going, self.used = left, True, 0
        self.lost: int | None = None  # the first that lost likelihood beyond rounding

    @property
    def spent(self) -> bool:
        """Whether the run has to end."""
        return self.left <= 0 or not self.going

    def spend(self, going: bool) -> None:
        """Count an E-step, after which the run was told to go on or not."""
        self.left -= 1
        self.used += 1
        self.going = going


class EM:
    """EM over one set of sequences.

    Parameters
    ----------
    kalman : Kalman
        The sequences, in the units on which the model is fitted.
    settings : MStepSettings
        What the M-step may move.
    """

    def __init__(self, kalman: Kalman, settings: MStepSettings) -> None:
        self.kalman, self.settings = kalman, settings
        self.data = RegressionData(kalman)

    def evaluate(self, params: LinearGaussianParams) -> EMState:
        """Run the E-step."""
        kind = "by_variable" if by_variable(params, self.settings.observation_cov) else "jointly"
        smoothed = self.kalman.smooth(params, moments=kind)
        objective = -np.inf
        if smoothed.succeeded:
            objective = smoothed.log_likelihood + self.log_prior(params)
        return EMState(params, smoothed, objective if np.isfinite(objective) else -np.inf)

    def log_prior(self, params: LinearGaussianParams) -> float:
        """Return the log prior density, zero where there is no prior."""
        prior = self.settings.prior
        total = 0.0
        if prior.transition is not None:
            total += prior.transition.log_density(transition_of(params), params.Q)
        if prior.observation is not None:
            total += prior.observation.log_density(loadings_of(params)[:, :-1], params.R)
        return total

    def step(self, state: EMState) -> LinearGaussianParams:
        """Run one M-step."""
        return m_step(self.expectations(state), state.params, self.settings)

    def expectations(self, state: EMState) -> Expectations:
        """Sum up the moments of an E-step."""
        return expectations(self.data, state, self.settings)

    def chart(self, state: EMState) -> Coordinates:
        """Return coordinates of everything that moves, around a state."""
        return Coordinates(state.params, self.expectations(state), self.settings)

    def gradient(self, chart: Coordinates, u: FloatArray, state: EMState) -> FloatArray:
        """Differentiate the objective by coordinates at u, where the state is."""
        return chart.gradient(u, score(self.expectations(state), state.params, self.settings))

    def iterate(
        self, state: EMState, *, max_iter: int, tol: float, accelerate: bool
    ) -> Generator[EMState, bool, EMResult]:
        """Iterate from a state until the gain that is left is predicted below `tol` nats per observed value.

        EM goes first. Where a plain step gains less than that, or none of it helps, quasi-Newton steps take over; those
        are also what tells a maximum from a plateau. Where they cannot go on (a covariance that becomes singular leaves
        them without a gradient), EM takes some steps, and they begin again.

        A generator, so that a run may be left and taken up again: it yields the state of the start and after every
        iteration, is sent whether to go on, and returns an `EMResult`. Every E-step counts as one iteration, one that
        does not gain with the state that stands: the objective never falls.
        """
        min_gain = tol * max(self.kalman.n_observed, 1)
        budget = EStepBudget(max_iter)
        budget.going = yield state
        limit = _FIRST if accelerate else max_iter
        while not budget.spent:
            before = state.objective
            state = yield from self._climb(state, budget, min_gain, limit, accelerate)
            if budget.spent:
                break
            done = yield from ascend(self, state, budget, min_gain)
            state = done.state
            if done.converged:
                return EMResult(state, True, budget.lost)
            if not done.n_steps and state.objective - before < min_gain:
                # Neither EM nor the gradient moves it.
                return EMResult(state, tol > 0.0, budget.lost)
            limit = _BETWEEN
        return EMResult(state, False, budget.lost)

    def _climb(
        self, state: EMState, budget: EStepBudget, min_gain: float, limit: int, accelerate: bool
    ) -> Generator[EMState, bool, EMState]:
        """Take EM steps until a plain one gains less than `min_gain`, or `limit` are taken."""
        n_plain, reach, end = 0, 1.0, budget.left - limit
        while not budget.spent and budget.left > end:
            before = state
            state = self.evaluate(self.step(state))
            gain = state.objective - before.objective
            if not gain >= 0.0:
                state = before
                if not gain > -_SLACK * max(abs(before.objective), 1.0) and budget.lost is None:
                    budget.lost = budget.used + 1
            budget.spend((yield state))
            n_plain += 1
            if not gain >= min_gain:
                break
            if accelerate and n_plain >= _PLAIN and not budget.spent:
                state, reach = yield from self._leap(before, state, gain, budget, reach)
        return state

    def _leap(
        self, first: EMState, second: EMState, gain: float, budget: EStepBudget, reach: float
    ) -> Generator[EMState, bool, tuple[EMState, float]]:
        """Extrapolate along the last two EM steps (SQUAREM, scheme S3: Varadhan and Roland, Scand. J. Stat. 2008).

        Accepted only if it gains at least what the last plain step gained: as EM's gains shrink, the plain step
        that it replaces would not have done better.
        """
        third = self.step(second)
        trial, at_limit = _extrapolate(first, second, third, reach, self.settings)
        if trial is not None:
            state = self.evaluate(trial)
            if state.objective >= second.objective + gain:
                budget.spend((yield state))
                return state, _LONGER * reach if at_limit else reach
            budget.spend((yield second))
            reach = max(reach / _LONGER, 1.0)
            if budget.spent:
                return second, reach
        state = self.evaluate(third)
        if not state.objective >= second.objective:
            state = second
        budget.spend((yield state))
        return state, _LONGER * reach if trial is None and at_limit else reach


def _extrapolate(
    first: EMState,
    second: EMState,
    third: LinearGaussianParams,
    reach: float,
    settings: MStepSettings,
) -> tuple[LinearGaussianParams | None, bool]:
    """(parameters ahead of those of two states and the next ones, whether the leap is as long as `reach` allows).

    None for the parameters where the leap would be no longer than a plain step, or leaves the space of valid models.
    """
    # States as large as each other, so that their units do not decide how long the leap is.
    x, P = first.smoothed.means, first.smoothed.moments.P
    size = np.sqrt(np.mean(x**2, axis=0) + np.diag(P) / len(x))
    size[~(size > 0.0)] = 1.0
    three = (_to_vector(_resized(p, size), settings) for p in (first.params, second.params, third))
    points = [vector for vector in three if vector is not None]
    if len(points) < 3:
        return None, False
    r = points[1] - points[0]
    v = (points[2] - points[1]) - r
    bend = np.linalg.norm(v)
    wanted = np.linalg.norm(r) / bend if bend > 0.0 else 1.0
    length = min(wanted, reach)
    at_limit = bool(wanted > reach)
    if length <= 1.0:
        return None, at_limit
    vector = points[0] + 2.0 * length * r + length**2 * v
    trial = _from_vector(vector, _resized(third, size), settings)
    if trial is not None:
        trial = _resized(trial, 1.0 / size)
        if settings.initial_state == "fixed":
            trial = trial._replace(m0=third.m0, P0=third.P0)
        if settings.transition_cov == "fixed":
            trial = trial._replace(Q=third.Q)
    return trial, at_limit


def _resized(params: LinearGaussianParams, size: FloatArray) -> LinearGaussianParams:
    """Parameters for states that are divided by `size` (n,)."""
    square = np.outer(size, size)
    return params._replace(
        A=params.A * size / size[:, None],
        C=params.C * size,
        Q=params.Q / square,
        m0=params.m0 / size,
        P0=params.P0 / square,
        B=None if params.B is None else params.B / size[:, None],
    )


def _to_vector(params: LinearGaussianParams, settings: MStepSettings) -> FloatArray | None:
    parts: list[Any] = [params.A.ravel(), params.C.ravel(), params.d]
    parts += [M.ravel() for M in (params.B, params.D) if M is not None]
    try:
        parts += [_log_root(params.Q), _log_root(params.R)]
        if settings.learns_mean:
            parts.append(params.m0)
        if settings.initial_state == "learned":
            parts.append(_log_root(params.P0))
    except np.linalg.LinAlgError:
        return None
    return np.concatenate(parts)


def _from_vector(
    vector: FloatArray, like: LinearGaussianParams, settings: MStepSettings
) -> LinearGaussianParams | None:
    n, D = len(like.A), len(like.C)
    moved = ["A", "C", "d"] + [name for name in ("B", "D") if getattr(like, name) is not None]
    shapes = [getattr(like, name).shape for name in moved]
    sizes = [*map(math.prod, shapes), n * (n + 1) // 2, D * (D + 1) // 2]
    if settings.learns_mean:
        sizes.append(n)
    if settings.initial_state == "learned":
        sizes.append(n * (n + 1) // 2)
    pieces = np.split(vector, np.cumsum(sizes)[:-1])
    params = like._replace(
        **{
            name: np.ascontiguousarray(piece.reshape(shape))
            for name, piece, shape in zip(moved, pieces, shapes, strict=False)
        }
    )
    pieces = pieces[len(moved) :]
    Q, R = _from_log_root(pieces[0], n), _from_log_root(pieces[1], D)
    if not np.isfinite(vector).all() or not (np.isfinite(Q).all() and np.isfinite(R).all()):
        return None
    m0, P0 = pieces[2] if settings.learns_mean else like.m0, like.P0
    if settings.is_stationary:
        if spectral_radius(params.A) >= 1.0:
            return None
        P0 = solve_lyapunov(params.A, Q)
    elif settings.initial_state == "learned":
        P0 = _from_log_root(pieces[3], n)
    if settings.observation_cov == "fixed":
        R = like.R
    elif settings.observation_cov == "full":
        R = lifted(R, settings.floor.min())
    else:
        R = np.diag(np.maximum(np.diag(R), settings.floor))
    return params._replace(Q=Q, R=R, m0=m0, P0=P0)


@cache
def _places(n: int) -> tuple[IntArray, IntArray]:
    """Places of the lower triangle and of the diagonal in an (n, n) array that is read row by row."""
    rows, columns = np.tril_indices(n)
    return rows * n + columns, np.arange(n) * (n + 1)


def _log_root(P: FloatArray) -> np.ndarray:
    """Lower Cholesky factor with the logarithm of its diagonal, as a vector."""
    L = np.linalg.cholesky(P).reshape(-1)
    lower, diagonal = _places(len(P))
    L[diagonal] = np.log(L[diagonal])
    return L[lower]


def _from_log_root(vector: FloatArray, n: int) -> FloatArray:
    L = np.zeros(n * n)
    lower, diagonal = _places(n)
    L[lower] = vector
    with np.errstate(over="ignore"):
        L[diagonal] = np.exp(L[diagonal])
        root = L.reshape(n, n)
        return root @ root.T
