"""The last step of every strategy: from rough matrices to parameters a filter can start from."""

import numpy as np

from tsinit.init._stability import stabilise
from tsinit.kernels import LinearGaussianParams
from tsinit.kernels.state_space.lyapunov import solve_lyapunov


def assemble(A, C, Q, R, d=None):
    """Put a start together: stable A, symmetric Q and R without negative eigenvalues, stationary P0, m0 = 0.

    Parameters
    ----------
    A : (n, n) float
        Transition; eigenvalues beyond a modulus of 0.999 are moved inside (`stabilise`).
    C : (D, n) float
        Observation matrix.
    Q : (n, n) float
        Covariance of the state noise.
    R : (D, D) float
        Covariance of the observation noise.
    d : (D,) float, optional
        Observation mean; zero if not given.

    Returns
    -------
    LinearGaussianParams
    """
    A, Q, R = np.ascontiguousarray(stabilise(A)), nearest_psd(Q), nearest_psd(R)
    P0 = solve_lyapunov(A, Q)
    while not np.isfinite(P0).all() and np.isfinite(Q).all():
        # Stable, but so far from normal that its powers overflow before they decay.
        A = 0.9 * A
        P0 = solve_lyapunov(A, Q)
    d = np.zeros(C.shape[0]) if d is None else d
    return LinearGaussianParams(A, np.ascontiguousarray(C), Q, R, np.zeros(A.shape[0]), P0, d)


def calibrate(A, C, snr=10.0):
    """Choose the noises so that a drawn system has outputs of variance 1.

    Q = q I gives the states an average variance of 1, R = r I with r = 1 / (1 + snr), and each row of C is
    scaled so that its output has variance exactly 1. Without this step the first likelihood of a random
    start measures only how wrong its scale is.

    Parameters
    ----------
    A : (n, n) float
        Transition, spectral radius below 1.
    C : (D, n) float
        Observation matrix; only the direction of each row is kept.
    snr : float, default 10
        Variance of C x over variance of the observation noise.

    Returns
    -------
    LinearGaussianParams
        Parameters for standardised data.
    """
    n, D = A.shape[0], C.shape[0]
    A = np.ascontiguousarray(A)
    P = solve_lyapunov(A, np.eye(n))
    q = n / np.trace(P)
    r = 1.0 / (1.0 + snr)
    signal = q * np.einsum("ij,jk,ik->i", C, P, C)
    C = C * np.sqrt((1.0 - r) / np.where(signal > 0.0, signal, np.inf))[:, None]
    return LinearGaussianParams(A, C, q * np.eye(n), r * np.eye(D), np.zeros(n), q * P, np.zeros(D))


def nearest_psd(S, least=0.0):
    """Symmetrise and lift eigenvalues to at least `least` (with 0 the nearest such matrix: Higham 1988)."""
    S = (S + S.T) / 2
    values, vectors = np.linalg.eigh(S)
    if values[0] >= least:
        return S
    S = (vectors * np.maximum(values, least)) @ vectors.T
    return (S + S.T) / 2


def covariance_root(S):
    """Find L with S = L L': the Cholesky factor, or an eigenvector root where S is singular."""
    try:
        return np.linalg.cholesky(S)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh((S + S.T) / 2)
        return vectors * np.sqrt(np.maximum(values, 0.0))
