"""The gradient in the entries of a model with a structure, from the moments of one E-step (Fisher's identity)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.models.state_space.m_step import with_transition
from tsinit.models.state_space.observation_step import with_loadings
from tsinit.models.state_space.regression import symmetric

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models.state_space.structured_moments import Quadratic, StructuredMoments

#: Noise variance, relative to the variance of what it disturbs, below which sums of squares lose its residuals.
_MIN_SHARE = 1e-7
_MIN_LEVEL = 1e-12  # the same relative to the second moment of a column
_JOINTLY = 1e2  # times as much where noises are correlated, whose sums are not of residuals alone


def structured_score(
    moments: StructuredMoments, params: LinearGaussianParams, still: FloatArray, level: FloatArray
) -> LinearGaussianParams:
    """Differentiate the log-likelihood with respect to every entry, whether it is free or not.

    Parameters
    ----------
    moments : StructuredMoments
        Of the E-step at `params`.
    params : LinearGaussianParams
    still : (n,) bool
        States that begin in their stationary distribution.
    level : (D,) float
        Second moments of the columns.

    Returns
    -------
    LinearGaussianParams
        Derivatives in place of the parameters, symmetric ones for covariances; NaN where moments do not tell, because
        a noise is too small beside what it disturbs.
    """
    with np.errstate(all="ignore"):
        dF, dQ = _gradient(moments.transition, params.Q, _MIN_SHARE * moments.size)
        dm0 = np.zeros_like(params.m0)
        if still.any():
            dm0 = _add_first_state(params, moments, still, dF, dQ)
        dL, dR = _gradient(moments.observation, params.R, _MIN_LEVEL * level)
    return with_transition(with_loadings(params, dL), dF)._replace(Q=dQ, R=dR, m0=dm0)


def _gradient(
    found: Quadratic, V: FloatArray, smallest: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives by coefficients and by V; NaN in rows of `smallest` noise and of what is correlated with it."""
    v, p = np.diag(V), len(V)
    lost = ~(v > smallest)
    if not np.count_nonzero(V - np.diag(v)):
        scatter = found.scatter if found.scatter.ndim == 1 else np.diag(found.scatter)
        pull, slope = found.pull / v[:, None], 0.5 * (scatter / v - found.weight) / v
        pull[lost], slope[lost] = np.nan, np.nan
        full = np.diag(slope)
        if found.scatter.ndim == 2:  # a free covariance that is zero has a slope
            full = 0.5 * found.scatter / np.outer(v, v)
            full[np.diag_indices(p)] = slope
            full[lost], full[:, lost] = np.nan, np.nan
        return pull, full
    # Of correlated noises it is the smallest along any direction that counts.
    size = np.sqrt(np.maximum(smallest, 1e-300))
    if np.linalg.eigvalsh(V / np.outer(size, size))[0] <= _JOINTLY:
        lost |= (np.diag(v) != V).any(axis=1)
    rows = np.flatnonzero(~lost)
    pull, full = np.full_like(found.pull, np.nan), np.full_like(V, np.nan)
    try:
        inverse = np.linalg.inv(V[np.ix_(rows, rows)])
    except np.linalg.LinAlgError:
        return pull, full
    scatter = found.scatter[np.ix_(rows, rows)]
    pull[rows] = inverse @ found.pull[rows]
    full[np.ix_(rows, rows)] = symmetric(
        0.5 * (inverse @ scatter @ inverse - found.weight * inverse)
    )
    return pull, full


def _add_first_state(
    params: LinearGaussianParams,
    moments: StructuredMoments,
    still: FloatArray,
    dF: FloatArray,
    dQ: FloatArray,
) -> FloatArray:
    """Add how the stationary P0 moves with A and Q (see `score`), in place; returns the derivative by m0."""
    both, dm0 = np.ix_(still, still), np.zeros_like(params.m0)
    A, P0 = np.ascontiguousarray(params.A[both]), params.P0[both]
    try:
        inverse = np.linalg.inv(P0)
    except np.linalg.LinAlgError:
        dF[still], dQ[still], dm0[still] = np.nan, np.nan, np.nan
        return dm0
    count = moments.n_first
    slope = 0.5 * (inverse @ moments.first_scatter[both] @ inverse - count * inverse)
    Z = solve_lyapunov(np.ascontiguousarray(A.T), symmetric(slope))
    inside = np.flatnonzero(still)
    dF[np.ix_(inside, inside)] += 2.0 * Z @ A @ P0
    dQ[both] += Z
    dm0[still] = inverse @ (moments.first - count * params.m0)[still]
    return dm0
