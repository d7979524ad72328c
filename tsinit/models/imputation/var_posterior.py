"""Multivariate regression with a matrix-normal inverse-Wishart prior: its posterior, drawn from exactly.

Y = X B + E with rows of E independent N(0, Q), B | Q ~ MN(0, V, Q) and Q ~ IW(nu, Psi). Given the sums over the data,

    S = V^-1 + X'X,  M = S^-1 X'Y,  Q ~ IW(nu + n, Psi + Y'Y - M' S M),  B | Q ~ MN(M, S^-1, Q).
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import gammaln


class Law(NamedTuple):
    """Coefficients and noise of one regression."""

    B: np.ndarray  # (k, D)
    root: np.ndarray  # (D, D), root @ root.T = Q
    precision: np.ndarray  # (D, D), inverse of Q
    log_det: float  # log |Q|


class NoisePrior(NamedTuple):
    """Inverse Wishart with Psi = scale I."""

    df: float
    scale: float


def draw_noise(rng, square, df):
    """Draw Q ~ IW(df, square) by Bartlett's decomposition: (a root of Q, Q^-1, log |Q|)."""
    D = len(square)
    left = cholesky(square, lower=True)
    A = np.tril(rng.standard_normal((D, D)), -1)
    A[np.diag_indices(D)] = np.sqrt(rng.chisquare(df - np.arange(D)))
    # square = left left' and W = left^-T A A' left^-1 ~ Wishart(square^-1), so Q = W^-1 has the root left A^-T.
    root = solve_triangular(A, left.T, lower=True).T
    inverse_root = solve_triangular(left, A, lower=True, trans=1)
    log_det = 2.0 * (np.log(np.diag(left)).sum() - np.log(np.diag(A)).sum())
    return root, inverse_root @ inverse_root.T, log_det


def draw_law(rng, gram, cross, square, n, scale, prior):
    """Draw (B, Q) given the data.

    Parameters
    ----------
    gram, cross, square : (k, k), (k, D), (D, D) float
        X'X, X'Y and Y'Y over n rows.
    scale : float or (k,) float
        Prior variance of the coefficients, V = diag(scale).
    prior : NoisePrior
    """
    k, D = cross.shape
    precision = gram + np.diag(np.broadcast_to(1.0 / np.asarray(scale, dtype=float), (k,)))
    left = cholesky(precision, lower=True)
    half = solve_triangular(left, cross, lower=True)
    rest = prior.scale * np.eye(D) + square - half.T @ half
    root, inverse, log_det = draw_noise(rng, rest, prior.df + n)
    B = solve_triangular(left, half + rng.standard_normal((k, D)) @ root.T, lower=True, trans=1)
    return Law(B, root, inverse, log_det)


def log_prior(law, scale, prior):
    """Log density of (B, Q) a priori."""
    k, D = law.B.shape
    scale = np.broadcast_to(np.asarray(scale, dtype=float), (k,))
    quadratic = np.einsum("ki,k,kj,ij->", law.B, 1.0 / scale, law.B, law.precision)
    normal = -0.5 * (
        k * D * np.log(2 * np.pi) + D * np.log(scale).sum() + k * law.log_det + quadratic
    )
    wishart = (
        0.5 * prior.df * D * np.log(prior.scale)
        - 0.5 * prior.df * D * np.log(2.0)
        - 0.25 * D * (D - 1) * np.log(np.pi)
        - gammaln(0.5 * (prior.df - np.arange(D))).sum()
        - 0.5 * (prior.df + D + 1) * law.log_det
        - 0.5 * prior.scale * np.trace(law.precision)
    )
    return normal + wishart
