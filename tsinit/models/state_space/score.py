"""The gradient of the objective, from the moments of one E-step (Fisher's identity)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import solve_lyapunov
from tsinit.models.state_space.m_step import transition_of, transition_regression, with_transition
from tsinit.models.state_space.observation_step import loadings_of, with_loadings
from tsinit.models.state_space.regression import symmetric

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels.params import LinearGaussianParams
    from tsinit.models.state_space.m_step import Expectations, MStepSettings


def score(
    expected: Expectations, params: LinearGaussianParams, settings: MStepSettings
) -> LinearGaussianParams:
    """Differentiate the log-likelihood, or log posterior density, with respect to every parameter.

    The gradient of the expected log density at the parameters of the E-step is that of the log-likelihood (Fisher).
    Under a stationary prior P0 moves with A and Q: with G the derivative by P0 = A P0 A' + Q and Z = A' Z A + G, the
    chain rule adds 2 Z A P0 to that by A and Z to that by Q, and nothing is left for P0.

    Parameters
    ----------
    expected : Expectations
        Of the E-step at `params`.
    params : LinearGaussianParams
    settings : MStepSettings

    Returns
    -------
    LinearGaussianParams
        Derivatives in place of the parameters, symmetric ones for covariances.

    Raises
    ------
    numpy.linalg.LinAlgError
        Q, R or a P0 that moves is singular.
    """
    A, Q, R, m0, P0 = params.A, params.Q, params.R, params.m0, params.P0
    dF, dQ = transition_regression(expected.transition, settings).gradient(transition_of(params), Q)
    dB, dR = expected.observation.gradient(loadings_of(params), R)
    dm0, dP0 = np.zeros_like(m0), np.zeros_like(P0)
    if settings.initial_state != "fixed":
        dm0, dP0 = _first_state(expected, m0, P0)
    if settings.is_stationary:
        Z = solve_lyapunov(np.ascontiguousarray(A.T), dP0)
        dF[:, : len(A)] += 2.0 * Z @ A @ P0
        dQ, dP0 = dQ + Z, np.zeros_like(P0)
    moved = with_transition(with_loadings(params, dB), dF)
    return moved._replace(Q=dQ, R=dR, m0=dm0, P0=dP0)


def _first_state(
    expected: Expectations, m0: FloatArray, P0: FloatArray
) -> tuple[FloatArray, FloatArray]:
    inverse, count = np.linalg.inv(P0), expected.n_first
    away = expected.first_mean - m0
    scatter = expected.first_scatter + count * np.outer(away, away)
    slope = 0.5 * (inverse @ scatter @ inverse - count * inverse)
    return count * inverse @ away, symmetric(slope)
