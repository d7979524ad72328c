"""The last step of every strategy: from rough matrices to parameters a filter can start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from tsinit.kernels import LinearGaussianParams
from tsinit.kernels.state_space.lyapunov import solve_lyapunov

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

_MAX_CONDITION = 1e8


def assemble(
    A: FloatArray, C: FloatArray, Q: FloatArray, R: FloatArray, d: FloatArray | None = None
) -> LinearGaussianParams:
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


def stabilise(A: FloatArray, max_radius: float = 0.999) -> FloatArray:
    """Give A a spectral radius of at most ``max_radius``.

    An eigenvalue outside the unit circle is reflected to 1 / |lambda|, then every modulus is cut at
    ``max_radius``. Angles, that is frequencies, stay. Where the eigenvectors are too ill-conditioned for that
    (close to a Jordan block) the same is done on the diagonal blocks of the real Schur form, whose vectors
    are orthonormal; a pair of complex eigenvalues shares one 2 x 2 block.

    Parameters
    ----------
    A : (n, n) float
        State transition.
    max_radius : float
        Largest modulus allowed, below 1.

    Returns
    -------
    (n, n) float
        A itself where it was stable enough.
    """
    values, vectors = np.linalg.eig(A)
    if np.abs(values).max(initial=0.0) <= max_radius:
        return A
    if np.linalg.cond(vectors) < _MAX_CONDITION:
        moved = values * _shrink(np.abs(values), max_radius)
        stable = np.linalg.solve(vectors.T, (vectors * moved).T).T.real
        if np.abs(np.linalg.eigvals(stable)).max() <= max_radius + 1e-6:
            return stable
    return _stabilise_schur(A, max_radius)


def calibrate(A: FloatArray, C: FloatArray, snr: float = 10.0) -> LinearGaussianParams:
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


def nearest_psd(S: FloatArray, minimum: float = 0.0) -> FloatArray:
    """Symmetrise and lift eigenvalues to at least `minimum` (with 0 the nearest such matrix: Higham 1988)."""
    S = (S + S.T) / 2
    values, vectors = np.linalg.eigh(S)
    if values[0] >= minimum:
        return S
    S = (vectors * np.maximum(values, minimum)) @ vectors.T
    return (S + S.T) / 2


def covariance_root(S: FloatArray) -> FloatArray:
    """Find L with S = L L': the Cholesky factor, or an eigenvector root where S is singular."""
    try:
        return np.asarray(np.linalg.cholesky(S), dtype=np.float64)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh((S + S.T) / 2)
        return vectors * np.sqrt(np.maximum(values, 0.0))


def _shrink(modulus: FloatArray, max_radius: float) -> FloatArray:
    """Factor that brings a modulus inside: reflect what is outside the circle, then cut."""
    modulus = np.maximum(modulus, np.finfo(float).tiny)
    inside = np.where(modulus > 1.0, 1.0 / modulus, modulus)
    return np.minimum(inside, max_radius) / modulus


def _stabilise_schur(A: FloatArray, max_radius: float) -> FloatArray:
    triangle, basis = linalg.schur(A)
    n, k = len(A), 0
    while k < n:
        size = 2 if k + 1 < n and triangle[k + 1, k] != 0.0 else 1
        block = slice(k, k + size)
        modulus = np.abs(np.linalg.eigvals(triangle[block, block])).max()
        triangle[block, block] *= _shrink(modulus, max_radius)
        k += size
    return basis @ triangle @ basis.T
