"""The M-step: parameters that maximise the expected log density, in closed form, with gaps and several sequences.

Equations: Shumway and Stoffer (J. Time Ser. Anal. 3, 1982) for the regressions; for gaps, a diagonal R lets every
variable be a regression over the steps that observe it, and a full R completes partly observed rows by their
conditional moments. All sums of squares are taken of residuals, so that nothing cancels where noise is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.observation_step import (
    observation,
    observation_regression,
    with_loadings,
)
from tsinit.models.state_space.regression import Regression, padded, solve, symmetric

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams
    from tsinit.kernels.state_space.kalman_filter import KalmanResult
    from tsinit.models.state_space.prior import LinearGaussianPrior

MAX_RADIUS = 0.9999  # of A, where its covariance has to be stationary


class MStepSettings(NamedTuple):
    """What the M-step may move."""

    transition_cov: str  # "full", "diag", "spherical" or "fixed"
    observation_cov: str
    initial_state: str  # "stationary", "learned_mean", "learned" or "fixed"
    floor: np.ndarray  # (D,) minimum noise variance of each variable
    prior: LinearGaussianPrior

    @property
    def is_stationary(self) -> bool:
        """Whether P0 is the stationary covariance, which moves with A and Q."""
        return self.initial_state in ("stationary", "learned_mean")

    @property
    def learns_mean(self) -> bool:
        """Whether m0 moves."""
        return self.initial_state in ("learned_mean", "learned")


class EMState(NamedTuple):
    """Parameters with their E-step."""

    params: LinearGaussianParams
    smoothed: KalmanResult
    objective: float  # log-likelihood plus log prior; -inf where it cannot be computed


class TransitionSums(NamedTuple):
    """Second moments of the states, summed over pairs of neighbouring steps.

    Where inputs act on the states, the earlier state goes with those of its step: n + m regressors, [A, B] for A.
    """

    S_00: np.ndarray  # (n, n) of the earlier state
    S_10: np.ndarray  # (n, n) of the later with the earlier
    S_11: np.ndarray  # (n, n) of the later
    n_pairs: int

    def scatter(self, A: FloatArray) -> FloatArray:
        """Return the (n, n) scatter of x[t+1] - A x[t]."""
        return self.S_11 - A @ self.S_10.T - self.S_10 @ A.T + A @ self.S_00 @ A.T


class RegressionData:
    """Data arrays that every M-step over the same sequences needs.

    Parameters
    ----------
    kalman : Kalman
        The sequences.
    """

    def __init__(self, kalman: Kalman) -> None:
        self.kalman = kalman
        y, observed = kalman.y, kalman.observed
        self.first = kalman.offsets[:-1]
        self.last = kalman.offsets[1:] - 1
        self.n_pairs = len(y) - len(self.first)
        self.gaps = not kalman.complete.all()
        self.y0 = np.where(observed, y, 0.0) if self.gaps else y
        self.count = kalman.count
        # Rows to sum over for each variable: those that observe it, or those that do not, whichever are fewer.
        self.rows = (
            [np.flatnonzero(observed[:, i] == kalman.direct[i]) for i in range(y.shape[1])]
            if self.gaps
            else []
        )
        self.any_observed = observed.any(axis=1)
        # Sums of long columns by BLAS: NumPy's own take ten times as long.
        self.ones = np.ones(len(y))
        self.total = self.ones @ self.y0

    def products(
        self, x: FloatArray, with_inputs: bool = False
    ) -> tuple[FloatArray, TransitionSums]:
        """Second moments of means x (T, n): over all steps, and over pairs of neighbours."""
        S = x.T @ x
        first = x[self.first]
        # What the next state is regressed on.
        r, S_rr = x, S
        if with_inputs:
            r = self.beside_inputs(x)
            S_rr = r.T @ r
        last = r[self.last]
        cross = x[1:].T @ r[:-1]
        if len(self.first) > 1:
            cross = cross - x[self.first[1:]].T @ r[self.last[:-1]]
        return S, TransitionSums(S_rr - last.T @ last, cross, S - first.T @ first, self.n_pairs)

    def beside_inputs(self, x: FloatArray) -> FloatArray:
        """Put the inputs beside states x (T, n): (T, n + m)."""
        return np.hstack([x, self.kalman.u])


class Expectations(NamedTuple):
    """What an E-step knows of the parameters: sums of a size that does not depend on the length of the series."""

    transition: TransitionSums
    observation: Regression
    first_mean: np.ndarray  # (n,) of the first states
    first_scatter: np.ndarray  # (n, n) of them around that mean, their uncertainty included
    n_first: int


def expectations(data: RegressionData, state: EMState, settings: MStepSettings) -> Expectations:
    """Sum up the moments of an E-step.

    Parameters
    ----------
    data : RegressionData
    state : EMState
        With the moments of its E-step.
    settings : MStepSettings

    Returns
    -------
    Expectations
    """
    moments, x = state.smoothed.moments, state.smoothed.means
    S, (S_00, S_10, S_11, n_pairs) = data.products(x, state.params.B is not None)
    k = S_00.shape[1]
    sums = TransitionSums(
        S_00 + padded(moments.P - moments.P_last, k, k),
        S_10 + padded(moments.lag, len(S_10), k),
        S_11 + moments.P - moments.P_first,
        n_pairs,
    )
    first = x[data.first]
    mean = first.mean(axis=0)
    spread = first - mean
    return Expectations(
        sums,
        observation_regression(data, state, S, settings),
        mean,
        moments.P_first + spread.T @ spread,
        len(first),
    )


def m_step(
    expected: Expectations, params: LinearGaussianParams, settings: MStepSettings
) -> LinearGaussianParams:
    """Return the parameters that maximise the expected log density.

    Parameters
    ----------
    expected : Expectations
    params : LinearGaussianParams
        Those of the E-step.
    settings : MStepSettings

    Returns
    -------
    LinearGaussianParams
    """
    F, Q = transition(params, expected.transition, settings)
    m0, P0 = params.m0, params.P0
    if settings.learns_mean:
        m0 = expected.first_mean
    if settings.is_stationary:
        F, Q, P0 = _keep_stationary(params._replace(m0=m0), (F, Q), expected, settings)
    elif settings.initial_state == "learned":
        P0 = symmetric(expected.first_scatter / expected.n_first)
    loadings, R = observation(expected.observation, params, settings)
    params = with_transition(with_loadings(params, loadings), F)
    return params._replace(Q=Q, R=R, m0=m0, P0=P0)


def transition(
    params: LinearGaussianParams, sums: TransitionSums, settings: MStepSettings
) -> tuple[FloatArray, FloatArray]:
    """Regress states on the states before them, and on inputs where those act on them: (A or [A, B], Q)."""
    F, _ = _transition_optimum(sums, settings)
    if settings.is_stationary and spectral_radius(_dynamics(F)) > MAX_RADIUS:
        F = _keep_stable(transition_of(params), F)
    # Best Q for this A, from the whole quadratic form: A need not be the unconstrained optimum.
    scatter, weight = _transition_scatter(F, sums, settings)
    return np.ascontiguousarray(F), shaped(scatter / weight, settings.transition_cov, params.Q)


def transition_regression(sums: TransitionSums, settings: MStepSettings) -> Regression:
    """Return the regression of states on the states before them (and inputs), whose optimum may be unstable."""
    A, G = _transition_optimum(sums, settings)
    return Regression(A, [G], *_transition_scatter(A, sums, settings))


def _transition_optimum(
    sums: TransitionSums, settings: MStepSettings
) -> tuple[FloatArray, FloatArray]:
    prior = settings.prior.transition
    extra, pull = (0.0, 0.0) if prior is None else (prior.Lam, prior.M0 @ prior.Lam)
    G = sums.S_00 + extra
    return solve(G, (sums.S_10 + pull).T).T, G


def _transition_scatter(
    A: FloatArray, sums: TransitionSums, settings: MStepSettings
) -> tuple[FloatArray, float]:
    """Scatter of the state noise for a given A, and how many terms it sums; of data and prior."""
    scatter, weight, prior = sums.scatter(A), float(sums.n_pairs), settings.prior.transition
    if prior is None:
        return scatter, weight
    return scatter + prior.scatter(A), weight + prior.exponent()


def shaped(V: FloatArray, structure: str, fixed: FloatArray) -> FloatArray:
    """Project the best full covariance on its structure; rounding below zero is cut off."""
    if structure == "fixed":
        return fixed
    if structure == "diag":
        return np.diag(np.maximum(np.diag(V), 0.0))
    if structure == "spherical":
        return np.eye(len(V)) * max(np.trace(V) / len(V), 0.0)
    V = symmetric(V)
    try:
        np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        w, U = np.linalg.eigh(V)
        V = symmetric((U * np.maximum(w, 0.0)) @ U.T)
    return V


def _keep_stable(A_old: FloatArray, A: FloatArray) -> FloatArray:
    """Step from A_old towards A only as far as the spectrum stays inside the unit circle.

    The expected log density is concave in A for fixed Q, so that every part of the step still increases it.
    """
    limit = max(MAX_RADIUS, spectral_radius(_dynamics(A_old)))
    share = 1.0
    while spectral_radius(_dynamics(A_old + share * (A - A_old))) > limit and share > 1e-6:
        share *= 0.7
    return A_old + share * (A - A_old) if share > 1e-6 else A_old


def _keep_stationary(
    params: LinearGaussianParams,
    best: tuple[FloatArray, FloatArray],
    expected: Expectations,
    settings: MStepSettings,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Take the step in (A, Q) only as far as it helps when P0 follows as their stationary covariance.

    The closed form ignores that P0 moves along. The expected log density with P0 tied is cheap to evaluate, so
    the step is halved until it does not fall; that keeps EM monotone. Where no part of it helps, the run goes on by
    quasi-Newton steps.
    """
    sums, count = expected.transition, expected.n_first
    away = expected.first_mean - params.m0
    first = expected.first_scatter + count * np.outer(away, away)

    def objective(F: FloatArray, Q: FloatArray, P0: FloatArray) -> float:
        return gaussian(Q, *_transition_scatter(F, sums, settings)) + gaussian(P0, first, count)

    old = transition_of(params)
    floor = objective(old, params.Q, params.P0)
    for share in (1.0, 0.5, 0.25, 0.1, 0.01):
        F = old + share * (best[0] - old)
        Q = best[1] if share == 1.0 else params.Q + share * (best[1] - params.Q)
        P0 = solve_lyapunov(np.ascontiguousarray(_dynamics(F)), np.ascontiguousarray(Q))
        if np.isfinite(P0).all() and not objective(F, Q, P0) < floor:
            return np.ascontiguousarray(F), Q, P0
    return old, params.Q, params.P0


def transition_of(params: LinearGaussianParams) -> FloatArray:
    """Return what states are regressed on: A, or [A, B] where inputs act on them."""
    return params.A if params.B is None else np.hstack([params.A, params.B])


def with_transition(params: LinearGaussianParams, F: FloatArray) -> LinearGaussianParams:
    """Put A, or [A, B], back into parameters."""
    n = len(F)
    if params.B is None:
        return params._replace(A=np.ascontiguousarray(F))
    return params._replace(A=np.ascontiguousarray(F[:, :n]), B=np.ascontiguousarray(F[:, n:]))


def _dynamics(F: FloatArray) -> FloatArray:
    return F[:, : len(F)]


def gaussian(V: FloatArray, scatter: FloatArray, count: float) -> float:
    """Log density of `count` Gaussian vectors with the given scatter; nan where V is singular."""
    try:
        log_det = 2.0 * np.log(np.diag(np.linalg.cholesky(V))).sum()
    except np.linalg.LinAlgError:
        return np.nan
    return -0.5 * (count * log_det + (np.linalg.inv(V) * scatter).sum())
