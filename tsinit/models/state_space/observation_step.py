"""The M-step of the observations: regress them on states, inputs and a constant, with gaps.

With a diagonal R every variable is a regression over the steps that observe it; a full R completes partly observed
rows by their conditional moments. All sums of squares are taken of residuals, so that nothing cancels where noise is
small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels.params import is_diagonal
from tsinit.kernels.state_space.observation import complete
from tsinit.models.state_space.regression import Regression, padded, solve, symmetric

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.kernels.state_space.arrays import SmootherMoments
    from tsinit.models.state_space.m_step import EMState, MStepSettings, RegressionData


def by_variable(params: LinearGaussianParams, observation_cov: str) -> bool:
    """Tell whether each variable is a regression of its own: the new R is diagonal."""
    if observation_cov == "fixed":
        return is_diagonal(params.R)
    return observation_cov != "full"


def observation_regression(
    data: RegressionData, state: EMState, S: FloatArray, settings: MStepSettings
) -> Regression:
    """Regress observations on states, inputs where those act on them, and a constant: coefficients are [C, D, d].

    S : second moments of the state means, over all steps.
    """
    x = state.smoothed.means
    if state.params.D is not None:
        x = data.beside_inputs(x)
        S = x.T @ x
    if by_variable(state.params, settings.observation_cov):
        return _by_variable(data, state, x, S, settings)
    return _jointly(data, state, x, S, settings)


def observation(
    found: Regression, params: LinearGaussianParams, settings: MStepSettings
) -> tuple[FloatArray, FloatArray]:
    """Return the best ([C, D, d], R) of the structure asked for."""
    D = len(params.C)
    structure, scatter, weight = settings.observation_cov, found.scatter, found.weight
    if structure == "fixed":
        return found.B, params.R
    if structure == "full":
        return found.B, lifted(scatter / weight, settings.floor.min())
    if structure == "spherical":
        return found.B, np.eye(D) * max(scatter.sum() / weight.sum(), settings.floor.max())
    return found.B, np.diag(np.maximum(scatter / weight, settings.floor))


def loadings_of(params: LinearGaussianParams) -> FloatArray:
    """Return what observations are regressed on, [C, d] or [C, D, d]."""
    parts = (params.C, params.D, params.d[:, None])  # type: ignore[index]  # checked parameters have a d
    return np.hstack([part for part in parts if part is not None])


def with_loadings(params: LinearGaussianParams, B: FloatArray) -> LinearGaussianParams:
    """Put [C, d] or [C, D, d] back into parameters."""
    n = params.C.shape[1]
    params = params._replace(C=np.ascontiguousarray(B[:, :n]), d=B[:, -1].copy())
    if params.D is None:
        return params
    return params._replace(D=np.ascontiguousarray(B[:, n:-1]))


def _by_variable(
    data: RegressionData, state: EMState, x: FloatArray, S: FloatArray, settings: MStepSettings
) -> Regression:
    """Every variable over the steps that observe it."""
    moments, prior = state.smoothed.moments, settings.prior.observation
    T, n = x.shape
    D = data.y0.shape[1]
    whole = _bordered(S + padded(moments.P, n, n), data.ones @ x, T)
    G, V = moments_by_variable(data, x, moments, whole)
    h = np.column_stack([data.y0.T @ x, data.total])  # (D, n + 1)
    if prior is not None:
        G = [g + _bordered(prior.Lam, np.zeros(n), 0.0) for g in G]
        h[:, :n] += prior.M0 @ prior.Lam
    V = [padded(v, n, n) for v in V]
    if len(G) == 1:
        B = solve(G[0], h.T).T
        V = V * D
    else:
        B = np.array([solve(g, row) for g, row in zip(G, h, strict=True)])
    C, d = np.ascontiguousarray(B[:, :n]), B[:, n]
    residual = data.y0 - x @ C.T - d
    if data.gaps:
        residual[~data.kalman.observed] = 0.0
    scatter = np.einsum("ti,ti->i", residual, residual) + np.array(
        [c @ v @ c for c, v in zip(C, V, strict=True)]
    )
    weight = data.count.astype(float)
    if prior is not None:
        scatter, weight = scatter + np.diag(prior.scatter(C)), weight + prior.exponent()
    return Regression(B, G, scatter, weight)


def moments_by_variable(
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
        P = padded(moments.P_observed[i], x.shape[1], x.shape[1])
        partial = _bordered(part.T @ part + P, part.sum(axis=0), len(part))
        direct = data.kalman.direct[i]
        G.append(partial if direct else whole - partial)
        V.append(moments.P_observed[i] if direct else moments.P - moments.P_observed[i])
    return G, V


def _jointly(
    data: RegressionData, state: EMState, x: FloatArray, S: FloatArray, settings: MStepSettings
) -> Regression:
    """All variables at once, missing entries of partly observed rows replaced by their conditional moments."""
    params, moments = state.params, state.smoothed.moments
    y, prior = data.y0, settings.prior.observation
    n = x.shape[1]
    P, Cx, yy = moments.P, np.zeros(1), np.zeros(1)
    if data.gaps:
        offset = data.kalman.observation_offset(params)
        y = data.kalman.y - offset
        complete(params.C, params.R, y, state.smoothed.means, data.kalman.changed)
        y = (y + offset)[data.any_observed]
        x = x[data.any_observed]
        S, P, Cx, yy = x.T @ x, moments.P - moments.P_blank, moments.Cx, moments.yy
    P = padded(P, n, n)
    if data.gaps:
        Cx = padded(Cx, len(Cx), n)
    G = _bordered(S + P, x.sum(axis=0), len(x))
    h = np.column_stack([y.T @ x + Cx, y.sum(axis=0)])
    if prior is not None:
        G[:n, :n] += prior.Lam
        h[:, :n] += prior.M0 @ prior.Lam
    B = solve(G, h.T).T
    C, d = np.ascontiguousarray(B[:, :n]), B[:, n]
    residual = y - x @ C.T - d
    cross = C @ np.broadcast_to(Cx, C.shape).T
    scatter, weight = residual.T @ residual + yy - cross - cross.T + C @ P @ C.T, float(len(x))
    if prior is not None:
        scatter, weight = scatter + prior.scatter(C), weight + prior.exponent()
    return Regression(B, [G], scatter, weight)


def lifted(R: FloatArray, floor: float) -> FloatArray:
    """Lift the eigenvalues of R to the floor: the best R among those that are nowhere below it."""
    if is_diagonal(R):
        return np.diag(np.maximum(np.diag(R), floor))
    w, U = np.linalg.eigh(symmetric(R))
    if w[0] >= floor:
        return symmetric(R)
    return symmetric((U * np.maximum(w, floor)) @ U.T)


def second_moments(data: RegressionData, x: FloatArray, P: FloatArray) -> FloatArray:
    """Return those of (x, 1) over all steps, from means x (T, k) and the sum P of the covariances of states."""
    k = x.shape[1]
    return _bordered(x.T @ x + padded(P, k, k), data.ones @ x, len(x))


def _bordered(S: FloatArray, column: FloatArray, count: float) -> FloatArray:
    """Second moments of (x, 1) from those of x."""
    n = len(S)
    G = np.empty((n + 1, n + 1))
    G[:n, :n], G[:n, n], G[n, :n], G[n, n] = S, column, column, count
    return G
