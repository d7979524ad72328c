"""The M-step: parameters that maximise the expected log density, in closed form, with gaps and several sequences.

Equations: Shumway and Stoffer (J. Time Ser. Anal. 3, 1982) for the regressions; for gaps, a diagonal R lets every
variable be a regression over the steps that saw it, and a full R completes partly seen rows by their conditional
moments. All sums of squares are taken of residuals, so that nothing cancels where noise is small.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

from tsinit.kernels import solve_lyapunov
from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.observation import complete
from tsinit.metrics import spectral_radius
from tsinit.models.state_space.prior import LinearGaussianPrior

MAX_RADIUS = 0.9999  # of A, where its covariance has to be stationary


class Settings(NamedTuple):
    """What the M-step may move."""

    transition_cov: str  # "full", "diag", "spherical" or "fixed"
    observation_cov: str
    initial_state: str  # "stationary", "learned" or "fixed"
    floor: np.ndarray  # (D,) least noise variance of each variable
    prior: LinearGaussianPrior


class Design:
    """Data arrays that every M-step over the same sequences needs.

    Parameters
    ----------
    kalman : Kalman
        The sequences.
    """

    def __init__(self, kalman):
        self.kalman = kalman
        y, seen = kalman.y, kalman.seen
        self.first = kalman.offsets[:-1]
        self.last = kalman.offsets[1:] - 1
        self.pairs = len(y) - len(self.first)
        self.gaps = not kalman.complete.all()
        self.y0 = np.where(seen, y, 0.0) if self.gaps else y
        self.count = kalman.count
        # Rows to sum over for each variable: those that see it, or those that do not, whichever are fewer.
        self.rows = (
            [np.flatnonzero(seen[:, i] == kalman.direct[i]) for i in range(y.shape[1])]
            if self.gaps
            else []
        )
        self.any_seen = seen.any(axis=1)
        self.ones = np.ones(
            len(y)
        )  # sums of long columns by BLAS: NumPy's own take ten times as long
        self.total = self.ones @ self.y0

    def products(self, x):
        """Second moments of the means: (sum x x', sum over pairs of x[t] x[t]', x[t+1] x[t]', x[t+1] x[t+1]')."""
        S = x.T @ x
        first, last = x[self.first], x[self.last]
        cross = x[1:].T @ x[:-1]
        if len(self.first) > 1:
            cross = cross - x[self.first[1:]].T @ x[self.last[:-1]]
        return S, S - last.T @ last, cross, S - first.T @ first


def m_step(design, params, done, settings):
    """Return the parameters that maximise the expected log density under `params`.

    Parameters
    ----------
    design : Design
    params : LinearGaussianParams
        The parameters of the E-step.
    done : Smoothed
        The E-step, with its moments.
    settings : Settings

    Returns
    -------
    LinearGaussianParams
    """
    S, S_00, S_10, S_11 = design.products(done.means)
    sums = done.moments
    S_00, S_10, S_11 = S_00 + sums.P - sums.P_last, S_10 + sums.lag, S_11 + sums.P - sums.P_first
    first = done.means[design.first]
    m0, P0 = _initial(first, sums.P_first, params, settings)
    S_first = sums.P_first + first.T @ first
    A, Q = transition(params, S_00, S_10, S_11, design.pairs, settings)
    if settings.initial_state == "stationary":
        A, Q, P0 = _keep_stationary(params, (A, Q), (S_00, S_10, S_11), S_first, design, settings)
    C, d, R = observation(design, params, done, S, settings)
    return params._replace(A=A, C=C, Q=Q, R=R, m0=m0, P0=P0, d=d)


def _initial(first, P_first, params, settings):
    if settings.initial_state != "learned":
        return params.m0, params.P0
    m0 = first.mean(axis=0)
    spread = first - m0
    return m0, _symmetric((P_first + spread.T @ spread) / len(first))


def transition(params, S_00, S_10, S_11, pairs, settings):
    """Regress states on the states before them: (A, Q)."""
    prior = settings.prior.transition
    extra, pull = (0.0, 0.0) if prior is None else (prior.Lam, prior.M0 @ prior.Lam)
    A = solve(S_00 + extra, (S_10 + pull).T).T
    if settings.initial_state == "stationary" and spectral_radius(A) > MAX_RADIUS:
        A = _pull_back(params.A, A)
    return np.ascontiguousarray(A), _state_noise(A, params.Q, S_00, S_10, S_11, pairs, settings)


def _state_noise(A, Q, S_00, S_10, S_11, pairs, settings):
    """Best Q for a given A, from the whole quadratic form: A need not be the unconstrained optimum."""
    prior = settings.prior.transition
    scatter = S_11 - A @ S_10.T - S_10 @ A.T + A @ S_00 @ A.T
    weight = float(pairs)
    if prior is not None:
        scatter = scatter + prior.scatter(A)
        weight += prior.exponent()
    return shaped(scatter / weight, settings.transition_cov, Q)


def shaped(V, structure, fixed):
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


def _pull_back(A_old, A):
    """Step from A_old towards A only as far as the spectrum stays inside the unit circle.

    The expected log density is concave in A for fixed Q, so that every part of the step still increases it.
    """
    limit = max(MAX_RADIUS, spectral_radius(A_old))
    share = 1.0
    while spectral_radius(A_old + share * (A - A_old)) > limit and share > 1e-6:
        share *= 0.7
    return A_old + share * (A - A_old) if share > 1e-6 else A_old


def _keep_stationary(params, best, sums, S_first, design, settings):
    """Take the step in (A, Q) only as far as it helps when P0 follows as their stationary covariance.

    The closed form ignores that P0 moves along. The expected log density with P0 tied is cheap to evaluate, so
    the step is halved until it does not fall; that keeps EM monotone.
    """
    n_sequences = len(design.first)

    S_00, S_10, S_11 = sums

    def objective(A, Q, P0):
        scatter = S_11 - A @ S_10.T - S_10 @ A.T + A @ S_00 @ A.T
        weight, prior = float(design.pairs), settings.prior.transition
        if prior is not None:
            scatter, weight = scatter + prior.scatter(A), weight + prior.exponent()
        return _gaussian(Q, scatter, weight) + _gaussian(P0, S_first, n_sequences)

    floor = objective(params.A, params.Q, params.P0)
    for share in (1.0, 0.5, 0.25, 0.1, 0.01):
        A = params.A + share * (best[0] - params.A)
        Q = best[1] if share == 1.0 else params.Q + share * (best[1] - params.Q)
        P0 = solve_lyapunov(np.ascontiguousarray(A), np.ascontiguousarray(Q))
        if np.isfinite(P0).all() and not objective(A, Q, P0) < floor:
            return np.ascontiguousarray(A), Q, P0
    return params.A, params.Q, params.P0


def _gaussian(V, scatter, count):
    """Log density of `count` Gaussian vectors with the given scatter; nan where V is singular."""
    try:
        log_det = 2.0 * np.log(np.diag(np.linalg.cholesky(V))).sum()
    except np.linalg.LinAlgError:
        return np.nan
    return -0.5 * (count * log_det + (np.linalg.inv(V) * scatter).sum())


def by_variable(params, observation_cov):
    """Tell whether each variable is a regression of its own: the new R is diagonal."""
    if observation_cov == "fixed":
        return is_diagonal(params.R)
    return observation_cov != "full"


def observation(design, params, done, S, settings):
    """Regress observations on states and a constant: (C, d, R)."""
    if by_variable(params, settings.observation_cov):
        return _by_variable(design, params, done, S, settings)
    return _jointly(design, params, done, S, settings)


def _by_variable(design, params, done, S, settings):
    """Every variable over the steps that saw it."""
    x, prior = done.means, settings.prior.observation
    T, n = x.shape
    D = design.y0.shape[1]
    G, V = _moments_seen(design, x, done.moments, _bordered(S + done.moments.P, design.ones @ x, T))
    h = np.column_stack([design.y0.T @ x, design.total])  # (D, n + 1)
    if prior is not None:
        G = [g + _bordered(prior.Lam, np.zeros(n), 0.0) for g in G]
        h[:, :n] += prior.M0 @ prior.Lam
    if len(G) == 1:
        B = solve(G[0], h.T).T
        V = V * D
    else:
        B = np.array([solve(g, row) for g, row in zip(G, h, strict=True)])
    C, d = np.ascontiguousarray(B[:, :n]), B[:, n].copy()
    residual = design.y0 - x @ C.T - d
    if design.gaps:
        residual[~design.kalman.seen] = 0.0
    scatter = np.einsum("ti,ti->i", residual, residual) + [
        c @ v @ c for c, v in zip(C, V, strict=True)
    ]
    weight = design.count.astype(float)
    if prior is not None:
        scatter, weight = scatter + np.diag(prior.scatter(C)), weight + prior.exponent()
    if settings.observation_cov == "fixed":
        return C, d, params.R
    if settings.observation_cov == "spherical":
        return C, d, np.eye(D) * max(scatter.sum() / weight.sum(), settings.floor.max())
    return C, d, np.diag(np.maximum(scatter / weight, settings.floor))


def _moments_seen(design, x, sums, whole):
    """Second moments of (state, 1), and covariances of the state, over the steps that see each variable.

    One of each stands for all variables where nothing is missing.
    """
    if not design.gaps:
        return [whole], [sums.P]
    G, V = [], []
    for i, rows in enumerate(design.rows):
        part = x[rows]
        partial = _bordered(part.T @ part + sums.P_seen[i], part.sum(axis=0), len(part))
        direct = design.kalman.direct[i]
        G.append(partial if direct else whole - partial)
        V.append(sums.P_seen[i] if direct else sums.P - sums.P_seen[i])
    return G, V


def _jointly(design, params, done, S, settings):
    """All variables at once, missing entries of partly seen rows replaced by their conditional moments."""
    x, y, sums, prior = done.means, design.y0, done.moments, settings.prior.observation
    n = x.shape[1]
    P, Cx, yy = sums.P, 0.0, 0.0
    if design.gaps:
        y = design.kalman.y - params.d
        complete(params.C, params.R, y, x, design.kalman.changed)
        y = (y + params.d)[design.any_seen]
        x = x[design.any_seen]
        S, P, Cx, yy = x.T @ x, sums.P - sums.P_blank, sums.Cx, sums.yy
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


def lifted(R, floor):
    """Lift the eigenvalues of R to the floor: the best R among those that are nowhere below it."""
    if is_diagonal(R):
        return np.diag(np.maximum(np.diag(R), floor))
    w, U = np.linalg.eigh(_symmetric(R))
    if w[0] >= floor:
        return _symmetric(R)
    return _symmetric((U * np.maximum(w, floor)) @ U.T)


def _bordered(S, column, count):
    """Second moments of (x, 1) from those of x."""
    n = len(S)
    G = np.empty((n + 1, n + 1))
    G[:n, :n], G[:n, n], G[n, :n], G[n, n] = S, column, column, count
    return G


def solve(G, h):
    """Solve G b = h for a positive semi-definite G; a direction without information gets no weight."""
    _, b, info = dposv(G, h)
    return b if info == 0 else np.linalg.lstsq(G, h, rcond=1e-12)[0]


def _symmetric(P):
    return 0.5 * (P + P.T)
