"""Fits of models with a structure: EM in closed form, then quasi-Newton steps on the exact likelihood.

Everything is in the units of the data, so that a fixed entry stays what it is to the bit. Covariances move by their
roots, which may reach zero. Gradients are those of the moments of one E-step, and central differences in entries whose
noise is too small for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.models.state_space.em import EMResult, EStepBudget
from tsinit.models.state_space.m_step import EMState, RegressionData
from tsinit.models.state_space.quasi_newton import ascend
from tsinit.models.state_space.structured_m_step import StructuredMStep
from tsinit.models.state_space.structured_moments import moments_kind, structured_moments
from tsinit.models.state_space.structured_score import structured_score

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams
    from tsinit.models.state_space.free_entries import FreeEntries
    from tsinit.models.state_space.structured_moments import StructuredMoments

_STEP = 1e-4  # of central differences, in units of the entry
_FIRST_STEP = 1e-3  # of the second differences that give these units
_FIRST = 5  # EM steps after which quasi-Newton steps take over
_BETWEEN = 5  # and where those could not go on


class Chart:
    """Coordinates u around a point, in units in which each entry alone has curvature one."""

    def __init__(self, fit: StructuredFit, state: EMState) -> None:
        self._entries = fit.entries
        self.origin = fit.entries.vector(state.params)
        self.size = len(self.origin)
        scale = np.maximum(
            np.abs(self.origin), 1e-3 * max(np.abs(self.origin).max(initial=0.0), 1e-300)
        )
        here = fit.value(self.origin)
        # A root near zero moves as far as the largest one tells.
        curvature = np.empty(self.size)
        for i in range(self.size):
            step = np.zeros(self.size)
            step[i] = _FIRST_STEP * scale[i]
            ends = [fit.value(self.origin + sign * step) for sign in (-1.0, 1.0)]
            bend = -(ends[0] - 2.0 * here + ends[1]) / step[i] ** 2
            curvature[i] = abs(bend) if np.isfinite(bend) else np.inf
        unit = 1.0 / np.sqrt(np.maximum(curvature, 1e-300))
        self.unit = np.clip(unit, 1e-3 * scale, scale)

    def params(self, u: FloatArray) -> LinearGaussianParams | None:
        """Return the parameters at u, or None."""
        return self._entries.params(self.origin + self.unit * u)


class StructuredFit:
    """EM and quasi-Newton steps over one set of sequences, under a structure.

    Parameters
    ----------
    kalman : Kalman
        The sequences, in the units of the data.
    entries : FreeEntries
    """

    def __init__(self, kalman: Kalman, entries: FreeEntries) -> None:
        self.kalman, self.entries = kalman, entries
        self._data = RegressionData(kalman)
        self._diagonal = entries.templates["R"].is_diagonal
        self._level = np.nanmean(kalman.y**2, axis=0)
        self._m_step = StructuredMStep(entries)

    def evaluate(self, params: LinearGaussianParams) -> EMState:
        """Run the E-step; of models whose C changes with time the likelihood alone, for there are no sums."""
        smoothed = (
            self.kalman.smooth(params, moments=moments_kind(self._diagonal))
            if params.C_inputs is None
            else self.kalman.failed(False, None)
        )
        value = smoothed.log_likelihood
        if not smoothed.succeeded:  # a likelihood may do without what the smoother needs
            value = self.kalman.log_likelihood(params)
        return EMState(params, smoothed, value if np.isfinite(value) else -np.inf)

    def value(self, x: FloatArray) -> float:
        """Log-likelihood of free entries."""
        params = self.entries.params(x)
        return -np.inf if params is None else self.kalman.log_likelihood(params)

    def climbed(self, x: FloatArray, n_steps: int) -> FloatArray:
        """Return where a few steps lead."""
        params = self.entries.params(x)
        if params is None or not np.isfinite((state := self.evaluate(params)).objective):
            return x
        steps = self.iterate(state, max_iter=n_steps, tol=1e-6, accelerate=True)
        next(steps)
        try:
            while True:
                steps.send(True)
        except StopIteration as end:
            return self.entries.vector(end.value.state.params)

    def moments(self, state: EMState) -> StructuredMoments | None:
        """Sum up the moments of an E-step; None where it failed."""
        if not state.smoothed.succeeded:
            return None
        return structured_moments(self._data, state, self._diagonal)

    def step(self, state: EMState) -> LinearGaussianParams | None:
        """Run one M-step; None where it leads nowhere."""
        moments = self.moments(state)
        return None if moments is None else self._m_step(moments, state.params)

    def score(self, state: EMState) -> LinearGaussianParams | None:
        """Differentiate by every entry of the parameters; see :func:`structured_score`."""
        moments = self.moments(state)
        if moments is None:
            return None
        return structured_score(moments, state.params, self.entries.still, self._level)

    def chart(self, state: EMState) -> Chart:
        """Return coordinates around a state."""
        return Chart(self, state)

    def gradient(self, chart: Chart, u: FloatArray, state: EMState) -> FloatArray:
        """Differentiate at u: by the moments of an E-step, or by differences where these do not tell."""
        slope, g = self.score(state), np.full(chart.size, np.nan)
        if slope is not None:
            g = chart.unit * self.entries.chain(chart.origin + chart.unit * u, slope)
        for i in np.flatnonzero(~np.isfinite(g)):  # on one side where the other is not stationary
            step = np.zeros(chart.size)
            step[i] = _STEP
            low, high = (
                self.value(chart.origin + chart.unit * (u + sign * step)) for sign in (-1.0, 1.0)
            )
            if np.isfinite(low) and np.isfinite(high):
                g[i] = (high - low) / (2.0 * _STEP)
            else:
                g[i] = (
                    (high - state.objective) if np.isfinite(high) else (state.objective - low)
                ) / _STEP
        return g

    def iterate(
        self, state: EMState, *, max_iter: int, tol: float, accelerate: bool
    ) -> Generator[EMState, bool, EMResult]:
        """Climb until less than `tol` nats per observed value are left by prediction; as `EM.iterate`."""
        budget = EStepBudget(max_iter)
        budget.going = yield state
        min_gain = tol * max(self.kalman.n_observed, 1)
        limit = _FIRST if accelerate else max_iter
        while not budget.spent and self.entries.size:
            before = state.objective
            state = yield from self._climb(state, budget, min_gain, limit)
            if budget.spent:
                break
            done = yield from ascend(self, state, budget, min_gain)
            state, limit = done.state, _BETWEEN
            if done.converged:
                return EMResult(state, True, None)
            if not done.n_steps and state.objective - before < min_gain:
                return EMResult(state, tol > 0.0, None)
        return EMResult(state, not self.entries.size, None)

    def _climb(
        self, state: EMState, budget: EStepBudget, min_gain: float, limit: int
    ) -> Generator[EMState, bool, EMState]:
        """Take EM steps until one gains less than `min_gain`, or `limit` are taken."""
        end = budget.left - limit
        while not budget.spent and budget.left > end:
            params = self.step(state)
            if params is None:
                break
            new = self.evaluate(params)
            gain = new.objective - state.objective
            if gain >= 0.0:
                state = new
            budget.spend((yield state))
            if not gain >= min_gain:
                break
        return state
