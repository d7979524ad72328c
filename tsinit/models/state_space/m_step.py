"""The M-step: parameters that maximise the expected log density, in closed form, with gaps and several sequences.

Equations: Shumway and Stoffer (J. Time Ser. Anal. 3, 1982) for the regressions; for gaps, a diagonal R lets every
variable be a regression over the steps that observe it, and a full R completes partly observed rows by their
conditional moments. All sums of squares are taken of residuals, so that nothing cancels where noise is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

from tsinit.kernels import solve_lyapunov
from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.observation import complete
from tsinit.metrics import spectral_radius

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams
    from tsinit.kernels.state_space.arrays import SmootherMoments
    from tsinit.kernels.state_space.kalman_filter import KalmanResult
    from tsinit.models.state_space.prior import LinearGaussianPrior

MAX_RADIUS = 0.9999  # of A, where its covariance has to be stationary


class MStepSettings(NamedTuple):
    """What the M-step may move."""

    transition_cov: str  # "full", "diag", "spherical" or "fixed"
    observation_cov: str
    initial_state: str  # "stationary", "learned" or "fixed"
    floor: np.ndarray  # (D,) minimum noise variance of each variable
    prior: LinearGaussianPrior


class EMState(NamedTuple):
    """Parameters with their E-step."""

    params: LinearGaussianParams
    smoothed: KalmanResult
    objective: float  # log-likelihood plus log prior; -inf where it cannot be computed


class TransitionSums(NamedTuple):
    """Second moments of the states, summed over pairs of neighbouring steps."""

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

    def products(self, x: FloatArray) -> tuple[FloatArray, TransitionSums]:
        """Second moments of means x (T, n): over all steps, and over pairs of neighbours."""
        S = x.T @ x
        first, last = x[self.first], x[self.last]
        cross = x[1:].T @ x[:-1]
        if len(self.first) > 1:
            cross = cross - x[self.first[1:]].T @ x[self.last[:-1]]
        return S, TransitionSums(S - last.T @ last, cross, S - first.T @ first, self.n_pairs)


def m_step(data: RegressionData, state: EMState, settings: MStepSettings) -> LinearGaussianParams:
    """Return the parameters that maximise the expected log density under those of a state.

    Parameters
    ----------
    data : RegressionData
    state : EMState
        With the moments of its E-step.
    settings : MStepSettings

    Returns
    -------
    LinearGaussianParams
    """
    params, smoothed = state.params, state.smoothed
    S, (S_00, S_10, S_11, n_pairs) = data.products(smoothed.means)
    moments = smoothed.moments
    sums = TransitionSums(
        S_00 + moments.P - moments.P_last,
        S_10 + moments.lag,
        S_11 + moments.P - moments.P_first,
        n_pairs,
    )
    first = smoothed.means[data.first]
    m0, P0 = _initial(first, moments.P_first, params, settings)
    A, Q = transition(params, sums, settings)
    if settings.initial_state == "stationary":
        S_first = moments.P_first + first.T @ first
        A, Q, P0 = _keep_stationary(params, (A, Q), sums, (S_first, len(first)), settings)
    C, d, R = observation(data, state, S, settings)
    return params._replace(A=A, C=C, Q=Q, R=R, m0=m0, P0=P0, d=d)


def _initial(
    first: FloatArray, P_first: FloatArray, params: LinearGaussianParams, settings: MStepSettings
) -> tuple[FloatArray, FloatArray]:
    if settings.initial_state != "learned":
        return params.m0, params.P0
    m0 = first.mean(axis=0)
    spread = first - m0
    return m0, _symmetric((P_first + spread.T @ spread) / len(first))


def transition(
    params: LinearGaussianParams, sums: TransitionSums, settings: MStepSettings
) -> tuple[FloatArray, FloatArray]:
    """Regress states on the states before them: (A, Q)."""
    prior = settings.prior.transition
    extra, pull = (0.0, 0.0) if prior is None else (prior.Lam, prior.M0 @ prior.Lam)
    A = solve(sums.S_00 + extra, (sums.S_10 + pull).T).T
    if settings.initial_state == "stationary" and spectral_radius(A) > MAX_RADIUS:
        A = _keep_stable(params.A, A)
    # Best Q for this A, from the whole quadratic form: A need not be the unconstrained optimum.
    scatter, weight = _transition_scatter(A, sums, settings)
    return np.ascontiguousarray(A), shaped(scatter / weight, settings.transition_cov, params.Q)


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
    V = _symmetric(V)
    try:
        np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        w, U = np.linalg.eigh(V)
        V = _symmetric((U * np.maximum(w, 0.0)) @ U.T)
    return V


def _keep_stable(A_old: FloatArray, A: FloatArray) -> FloatArray:
    """Step from A_old towards A only as far as the spectrum stays inside the unit circle.

    The expected log density is concave in A for fixed Q, so that every part of the step still increases it.
    """
    limit = max(MAX_RADIUS, spectral_radius(A_old))
    share = 1.0
    while spectral_radius(A_old + share * (A - A_old)) > limit and share > 1e-6:
        share *= 0.7
    return A_old + share * (A - A_old) if share > 1e-6 else A_old


def _keep_stationary(
    params: LinearGaussianParams,
    best: tuple[FloatArray, FloatArray],
    sums: TransitionSums,
    first: tuple[FloatArray, int],
    settings: MStepSettings,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Take the step in (A, Q) only as far as it helps when P0 follows as their stationary covariance.

    The closed form ignores that P0 moves along. The expected log density with P0 tied is cheap to evaluate, so
    the step is halved until it does not fall; that keeps EM monotone.

    first : second moments of the first states, and of how many.
    """

    def objective(A: FloatArray, Q: FloatArray, P0: FloatArray) -> float:
        return _gaussian(Q, *_transition_scatter(A, sums, settings)) + _gaussian(P0, *first)

    floor = objective(params.A, params.Q, params.P0)
    for share in (1.0, 0.5, 0.25, 0.1, 0.01):
        A = params.A + share * (best[0] - params.A)
        Q = best[1] if share == 1.0 else params.Q + share * (best[1] - params.Q)
        P0 = solve_lyapunov(np.ascontiguousarray(A), np.ascontiguousarray(Q))
        if np.isfinite(P0).all() and not objective(A, Q, P0) < floor:
            return np.ascontiguousarray(A), Q, P0
    return params.A, params.Q, params.P0


def _gaussian(V: FloatArray, scatter: FloatArray, count: float) -> float:
    """Log density of `count` Gaussian vectors with the given scatter; nan where V is singular."""
    try:
        log_det = 2.0 * np.log(np.diag(np.linalg.cholesky(V))).sum()
    except np.linalg.LinAlgError:
        return np.nan
    return -0.5 * (count * log_det + (np.linalg.inv(V) * scatter).sum())


def by_variable(params: LinearGaussianParams, observation_cov: str) -> bool:
    """Tell whether each variable is a regression of its own: the new R is diagonal."""
    if observation_cov == "fixed":
        return is_diagonal(params.R)
    return observation_cov != "full"


def observation(
    data: RegressionData, state: EMState, S: FloatArray, settings: MStepSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Regress observations on states and a constant: (C, d, R)."""
    if by_variable(state.params, settings.observation_cov):
        return _by_variable(data, state, S, settings)
    return _jointly(data, state, S, settings)


def _by_variable(
    data: RegressionData, state: EMState, S: FloatArray, settings: MStepSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Every variable over the steps that observe it."""
    x, moments, prior = state.smoothed.means, state.smoothed.moments, settings.prior.observation
    T, n = x.shape
    D = data.y0.shape[1]
    whole = _bordered(S + moments.P, data.ones @ x, T)
    G, V = _moments_by_variable(data, x, moments, whole)
    h = np.column_stack([data.y0.T @ x, data.total])  # (D, n + 1)
    if prior is not None:
        G = [g + _bordered(prior.Lam, np.zeros(n), 0.0) for g in G]
        h[:, :n] += prior.M0 @ prior.Lam
    if len(G) == 1:
        B = solve(G[0], h.T).T
        V = V * D
    else:
        B = np.array([solve(g, row) for g, row in zip(G, h, strict=True)])
    C, d = np.ascontiguousarray(B[:, :n]), B[:, n].copy()
    residual = data.y0 - x @ C.T - d
    if data.gaps:
        residual[~data.kalman.observed] = 0.0
    scatter = np.einsum("ti,ti->i", residual, residual) + np.array(
        [c @ v @ c for c, v in zip(C, V, strict=True)]
    )
    weight = data.count.astype(float)
    if prior is not None:
        scatter, weight = scatter + np.diag(prior.scatter(C)), weight + prior.exponent()
    if settings.observation_cov == "fixed":
        return C, d, state.params.R
    if settings.observation_cov == "spherical":
        return C, d, np.eye(D) * max(scatter.sum() / weight.sum(), settings.floor.max())
    return C, d, np.diag(np.maximum(scatter / weight, settings.floor))


def _moments_by_variable(
    data: RegressionData, x: FloatArray, moments: SmootherMoments, whole: FloatArray
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Second moments of (state, 1), and covariances of the state, over the steps that observe each variable.

    One of each stands for all variables where nothing is missing.
    """
    if not data.gaps:
        return [whole], [moments.P]
    G, V = [], []
    for i, rows in enumerate(data.rows):
        part = x[rows]
        partial = _bordered(part.T @ part + moments.P_observed[i], part.sum(axis=0), len(part))
        direct = data.kalman.direct[i]
        G.append(partial if direct else whole - partial)
        V.append(moments.P_observed[i] if direct else moments.P - moments.P_observed[i])
    return G, V


def _jointly(
    data: RegressionData, state: EMState, S: FloatArray, settings: MStepSettings
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """All variables at once, missing entries of partly observed rows replaced by their conditional moments."""
    params, x, moments = state.params, state.smoothed.means, state.smoothed.moments
    y, prior = data.y0, settings.prior.observation
    n = x.shape[1]
    P, Cx, yy = moments.P, np.zeros(1), np.zeros(1)
    if data.gaps:
        y = data.kalman.y - params.d
        complete(params.C, params.R, y, x, data.kalman.changed)
        y = (y + params.d)[data.any_observed]
        x = x[data.any_observed]
        S, P, Cx, yy = x.T @ x, moments.P - moments.P_blank, moments.Cx, moments.yy
    G = _bordered(S + P, x.sum(axis=0), len(x))
    h = np.column_stack([y.T @ x + Cx, y.sum(axis=0)])
    if prior is not None:
        G[:n, :n] += prior.Lam
        h[:, :n] += prior.M0 @ prior.Lam
    B = solve(G, h.T).T
    C, d = np.ascontiguousarray(B[:, :n]), B[:, n].copy()
    if settings.observation_cov == "fixed":
        return C, d, params.R
    residual = y - x @ C.T - d
    cross = C @ np.broadcast_to(Cx, C.shape).T
    scatter, weight = residual.T @ residual + yy - cross - cross.T + C @ P @ C.T, float(len(x))
    if prior is not None:
        scatter, weight = scatter + prior.scatter(C), weight + prior.exponent()
    return C, d, lifted(scatter / weight, settings.floor.min())


def lifted(R: FloatArray, floor: float) -> FloatArray:
    """Lift the eigenvalues of R to the floor: the best R among those that are nowhere below it."""
    if is_diagonal(R):
        return np.diag(np.maximum(np.diag(R), floor))
    w, U = np.linalg.eigh(_symmetric(R))
    if w[0] >= floor:
        return _symmetric(R)
    return _symmetric((U * np.maximum(w, floor)) @ U.T)


def _bordered(S: FloatArray, column: FloatArray, count: float) -> FloatArray:
    """Second moments of (x, 1) from those of x."""
    n = len(S)
    G = np.empty((n + 1, n + 1))
    G[:n, :n], G[:n, n], G[n, :n], G[n, n] = S, column, column, count
    return G


def solve(G: FloatArray, h: FloatArray) -> Any:
    """Solve G b = h for a positive semi-definite G; a direction without information gets no weight."""
    _, b, info = dposv(G, h)
    return b if info == 0 else np.linalg.lstsq(G, h, rcond=1e-12)[0]


def _symmetric(P: FloatArray) -> FloatArray:
    return 0.5 * (P + P.T)
