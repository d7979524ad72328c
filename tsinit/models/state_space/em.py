"""Expectation maximisation for the linear Gaussian model: the loop around E-step and M-step, plain or accelerated."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.kernels.params import LinearGaussianParams
from tsinit.kernels.state_space.kalman_filter import Smoothed
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.m_step import Design, Settings, by_variable, lifted, m_step

_PLAIN = 2  # plain iterations before the first extrapolation, whose two steps they are
_LONGER = (
    4.0  # factor by which the longest leap grows when it was good, and shrinks when it was not
)
_SLACK = 1e-9  # relative fall of the objective that is rounding, not a failed step


class State(NamedTuple):
    """Parameters with their E-step."""

    params: LinearGaussianParams
    done: Smoothed
    objective: float  # log-likelihood plus log prior; -inf where it cannot be computed


class Outcome(NamedTuple):
    """End of a run."""

    state: State
    converged: bool
    monotone: bool  # False: a step lost likelihood beyond rounding and was taken back


def drive(climb, monitor):
    """Run a climb to its end under a monitor that records it, and return what it returns."""
    try:
        state = next(climb)
        while True:
            state = climb.send(monitor.record(state.objective))
    except StopIteration as end:
        return end.value


class EM:
    """EM over one set of sequences.

    Parameters
    ----------
    kalman : Kalman
        The sequences, in the units on which the model is fitted.
    settings : Settings
        What the M-step may move.
    """

    def __init__(self, kalman, settings: Settings):
        self.kalman, self.settings = kalman, settings
        self.design = Design(kalman)

    def evaluate(self, params):
        """Run the E-step."""
        kind = "by_variable" if by_variable(params, self.settings.observation_cov) else "jointly"
        done = self.kalman.smooth(params, moments=kind)
        objective = done.log_likelihood + self._log_prior(params) if done.succeeded else -np.inf
        return State(params, done, objective if np.isfinite(objective) else -np.inf)

    def _log_prior(self, params):
        prior = self.settings.prior
        total = 0.0
        if prior.transition is not None:
            total += prior.transition.log_density(params.A, params.Q)
        if prior.observation is not None:
            total += prior.observation.log_density(params.C, params.R)
        return total

    def step(self, state):
        """Run one M-step; returns parameters."""
        return m_step(self.design, state.params, state.done, self.settings)

    def run(self, state, *, max_iter, tol, accelerate, monitor):
        """Iterate from a state until a plain step gains less than `tol` nats per observed value.

        Every E-step counts as one iteration and is recorded, a rejected extrapolation with the objective that
        stands. The objective never falls: a step that loses is taken back and ends the run.

        Returns
        -------
        Outcome
        """
        return drive(self.climb(state, max_iter=max_iter, tol=tol, accelerate=accelerate), monitor)

    def climb(self, state, *, max_iter, tol, accelerate):
        """Generate the states of :meth:`run`, one iteration at a time: a run that may be left and taken up again.

        Yields the State of the start and after every iteration, is sent whether to go on, and returns the Outcome.
        """
        least = tol * max(self.kalman.n_observed, 1)
        alive = yield state
        left, done_plain, reach = max_iter, 0, 1.0
        while left > 0 and alive:
            before = state
            params = self.step(state)
            state = self.evaluate(params)
            left -= 1
            gain = state.objective - before.objective
            if gain < 0.0:
                yield before
                sound = gain > -_SLACK * max(abs(before.objective), 1.0)
                return Outcome(before, sound, sound)
            alive = yield state
            done_plain += 1
            if gain < least:
                return Outcome(state, True, True)
            if accelerate and done_plain >= _PLAIN and left > 0 and alive:
                state, alive, used, reach = yield from self._leap(before, state, gain, left, reach)
                left -= used
        return Outcome(state, False, True)

    def _leap(self, first, second, gain, left, reach):
        """Extrapolate along the last two EM steps (SQUAREM, scheme S3: Varadhan and Roland, Scand. J. Stat. 2008).

        Accepted only if it gains at least what the last plain step gained: as EM's gains shrink, the plain step
        that it replaces would not have done better.
        """
        third = self.step(second)
        used = 0
        trial, at_limit = _extrapolate(first, second, third, reach, self.settings)
        if trial is not None:
            state, used = self.evaluate(trial), 1
            if state.objective >= second.objective + gain:
                reach = _LONGER * reach if at_limit else reach
                return state, (yield state), used, reach
            reach = max(reach / _LONGER, 1.0)
            if not (yield second) or used == left:
                return second, False, used, reach
        state = self.evaluate(third)
        if state.objective < second.objective:
            state = second
        reach = _LONGER * reach if trial is None and at_limit else reach
        return state, (yield state), used + 1, reach


def _extrapolate(first, second, third, reach, settings):
    """(parameters ahead of those of two states and the next ones, whether the leap is as long as `reach` allows).

    None for the parameters where the leap would be no longer than a plain step, or leaves the space of valid models.
    """
    # States as large as each other, so that their units do not decide how long the leap is.
    size = np.sqrt(
        np.mean(first.done.means**2, axis=0) + np.diag(first.done.moments.P) / len(first.done.means)
    )
    size[~(size > 0.0)] = 1.0
    points = [_to_vector(_resized(p, size), settings) for p in (first.params, second.params, third)]
    if any(p is None for p in points):
        return None, False
    r = points[1] - points[0]
    v = (points[2] - points[1]) - r
    bend = np.linalg.norm(v)
    wanted = np.linalg.norm(r) / bend if bend > 0.0 else 1.0
    length = min(wanted, reach)
    if length <= 1.0:
        return None, wanted > reach
    vector = points[0] + 2.0 * length * r + length**2 * v
    trial = _from_vector(vector, _resized(third, size), settings)
    if trial is not None:
        trial = _resized(trial, 1.0 / size)
        if settings.initial_state == "fixed":
            trial = trial._replace(m0=third.m0, P0=third.P0)
        if settings.transition_cov == "fixed":
            trial = trial._replace(Q=third.Q)
    return trial, wanted > reach


def _resized(params, size):
    """Parameters for states that are divided by `size` (n,)."""
    A, C, Q, R, m0, P0, d = params
    square = np.outer(size, size)
    return LinearGaussianParams(
        A * size / size[:, None], C * size, Q / square, R, m0 / size, P0 / square, d
    )


def _to_vector(params, settings):
    parts = [params.A.ravel(), params.C.ravel(), params.d]
    try:
        parts += [_log_root(params.Q), _log_root(params.R)]
        if settings.initial_state == "learned":
            parts += [params.m0, _log_root(params.P0)]
    except np.linalg.LinAlgError:
        return None
    return np.concatenate(parts)


def _from_vector(vector, like, settings):
    n, D = len(like.A), len(like.C)
    sizes = [n * n, D * n, D, n * (n + 1) // 2, D * (D + 1) // 2]
    if settings.initial_state == "learned":
        sizes += [n, n * (n + 1) // 2]
    pieces = np.split(vector, np.cumsum(sizes)[:-1])
    A, C, d = pieces[0].reshape(n, n), pieces[1].reshape(D, n), pieces[2]
    Q, R = _from_log_root(pieces[3], n), _from_log_root(pieces[4], D)
    if not np.isfinite(vector).all() or not (np.isfinite(Q).all() and np.isfinite(R).all()):
        return None
    m0, P0 = like.m0, like.P0
    if settings.initial_state == "stationary":
        if spectral_radius(A) >= 1.0:
            return None
        P0 = solve_lyapunov(np.ascontiguousarray(A), Q)
    elif settings.initial_state == "learned":
        m0, P0 = pieces[5], _from_log_root(pieces[6], n)
    if settings.observation_cov == "fixed":
        R = like.R
    elif settings.observation_cov == "full":
        R = lifted(R, settings.floor.min())
    else:
        R = np.diag(np.maximum(np.diag(R), settings.floor))
    return LinearGaussianParams(np.ascontiguousarray(A), np.ascontiguousarray(C), Q, R, m0, P0, d)


def _log_root(P):
    """Lower Cholesky factor with the logarithm of its diagonal, as a vector."""
    L = np.linalg.cholesky(P)
    L[np.diag_indices_from(L)] = np.log(np.diag(L))
    return L[np.tril_indices_from(L)]


def _from_log_root(vector, n):
    L = np.zeros((n, n))
    L[np.tril_indices(n)] = vector
    with np.errstate(over="ignore"):
        L[np.diag_indices(n)] = np.exp(np.diag(L))
        return L @ L.T
