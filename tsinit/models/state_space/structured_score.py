"""The gradient in the free entries of a structure, from the moments of one E-step (Fisher's identity)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.kernels.params import is_diagonal
from tsinit.models.state_space.m_step import (
    EMState,
    MStepSettings,
    RegressionData,
    expectations,
)
from tsinit.models.state_space.observation_step import loadings_of, with_loadings
from tsinit.models.state_space.prior import LinearGaussianPrior

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import Kalman, LinearGaussianParams
    from tsinit.models.state_space.m_step import TransitionSums
    from tsinit.structures import Structure

#: Noise variance, relative to the second moment of what it disturbs, below which sums of squares lose its residuals.
_MIN_SHARE = 1e-5


def structured_score(
    kalman: Kalman, data: RegressionData, params: LinearGaussianParams, structure: Structure
) -> LinearGaussianParams | None:
    """Differentiate the log-likelihood with respect to every entry, whether it is free or not.

    Parameters
    ----------
    kalman : Kalman
    data : RegressionData
        Of the same sequences.
    params : LinearGaussianParams
    structure : Structure

    Returns
    -------
    LinearGaussianParams or None
        Derivatives in place of A, C, Q, R, d and D (of Q and R on the diagonal alone); NaN where moments do not tell,
        because a noise is too small beside what it disturbs. None where the E-step fails, or C changes with time.
    """
    if params.C_inputs is not None:
        return None
    diagonal = is_diagonal(params.R)
    settings = MStepSettings(
        "full",
        "diag" if diagonal else "full",
        "fixed",
        np.zeros(len(params.R)),
        LinearGaussianPrior(),
    )
    smoothed = kalman.smooth(params, moments="by_variable" if diagonal else "jointly")
    if not smoothed.succeeded:
        return None
    state = EMState(params, smoothed, smoothed.log_likelihood)
    with np.errstate(all="ignore"):
        expected = expectations(data, state, settings)
        dA, dQ = _transition(params, expected.transition)
        first = expected.first_scatter + expected.n_first * np.outer(
            expected.first_mean, expected.first_mean
        )
        _add_first_state(params, (first, expected.n_first), ~structure.diffuse, dA, dQ)
        found = expected.observation
        r = np.diag(params.R)
        try:
            dB, dR = found.gradient(loadings_of(params), params.R)
        except np.linalg.LinAlgError:
            dB, dR = np.full_like(found.B, np.nan), np.full_like(params.R, np.nan)
        small = ~(r > _MIN_SHARE * np.nanvar(kalman.y, axis=0))
        dB[small] = np.nan
        dR = np.diag(np.where(small, np.nan, np.diag(dR)))
    return with_loadings(params, dB)._replace(A=dA, Q=np.diag(dQ), R=dR)


def _transition(
    params: LinearGaussianParams, sums: TransitionSums
) -> tuple[FloatArray, FloatArray]:
    S_00, S_10, S_11, n_pairs = sums
    A, q = params.A, np.diag(params.Q)
    if not is_diagonal(params.Q):
        return np.full_like(A, np.nan), np.full(len(A), np.nan)
    left = S_10 - A @ S_00
    scatter = np.diag(S_11 - A @ S_10.T - left @ A.T)
    safe = q > _MIN_SHARE * np.diag(S_11) / max(n_pairs, 1)
    dA = np.where(safe[:, None], left / q[:, None], np.nan)
    return dA, np.where(safe, 0.5 * (scatter / q - n_pairs) / q, np.nan)


def _add_first_state(
    params: LinearGaussianParams,
    first: tuple[FloatArray, int],
    still: FloatArray,
    dA: FloatArray,
    dQ: FloatArray,
) -> None:
    """Add how the stationary P0 moves with A and Q (see `score`), in place."""
    if not still.any():
        return
    scatter, count = first
    both = np.ix_(still, still)
    A, P0 = np.ascontiguousarray(params.A[both]), params.P0[both]
    try:
        inverse = np.linalg.inv(P0)
    except np.linalg.LinAlgError:
        dA[still], dQ[still] = np.nan, np.nan
        return
    slope = 0.5 * (inverse @ scatter[both] @ inverse - count * inverse)
    Z = solve_lyapunov(np.ascontiguousarray(A.T), 0.5 * (slope + slope.T))
    dA[both] += 2.0 * Z @ A @ P0
    dQ[still] += np.diag(Z)
