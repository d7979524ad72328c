"""States that are regressions of a row on a constant and on the rows before it, with a conjugate prior.

y_t = B x_t + e with x_t = (1, y_{t-1}, ..., y_{t-p}) of q entries and e ~ N(0, Sigma). The prior is matrix-normal
inverse-Wishart, Sigma ~ IW(df, Psi) and B | Sigma ~ N(0; Sigma, diag(weight)^-1); where it is diagonal, every variance
is inverse gamma (df/2, Psi_ii/2). Rows with fewer than p rows of their sequence before them count nowhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from tsinit.emissions._normal_wishart import factor, whitener
from tsinit.kernels._jit import blend, entry, kernel, kernel_with_memory

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

LOG_2PI = math.log(2.0 * math.pi)


class RowsWithPast(NamedTuple):
    """Standardised observations, and how many rows of their sequence stand before each."""

    y: np.ndarray  # (T, D)
    n_before: np.ndarray  # (T,) int64


class AutoregressiveParams(NamedTuple):
    """Coefficients and precision of the noise of each state, standardised."""

    coefficients: np.ndarray  # (K, D, q) B: intercept, then lag after lag
    whiten: np.ndarray  # (K, D, D) lower triangular W, precision of the noise W'W
    log_norm: np.ndarray  # (K,) log|W| - D/2 log(2 pi)
    whitened: np.ndarray  # (K, D, q) W B


class AutoregressionPrior(NamedTuple):
    """Prior of coefficients and noise of a state."""

    weight: np.ndarray  # (q,) of zero for every coefficient, in squares of what it multiplies
    df: float
    Psi: np.ndarray  # (D, D), diagonal where `diagonal`
    diagonal: bool
    log_norm: float  # terms of df and Psi in the density of Sigma, powers of 2 and pi left out


def regression_prior(
    weight: FloatArray, df: float, Psi: FloatArray, diagonal: bool
) -> AutoregressionPrior:
    """Make a prior."""
    D = len(Psi)
    log_gamma = D * gammaln(0.5 * df) if diagonal else gammaln(0.5 * (df - np.arange(D))).sum()
    log_det = np.log(np.diag(np.linalg.cholesky(Psi))).sum()
    return AutoregressionPrior(weight, df, Psi, diagonal, float(df * log_det - log_gamma))


@blend
def square(params: AutoregressiveParams, y: FloatArray, t: int, k: int) -> float:
    """Squared length of W (y_t - B x_t), all values there."""
    D, q = y.shape[1], params.whitened.shape[2]
    total = 0.0
    for i in range(D):
        r = -params.whitened[k, i, 0]
        for j in range(i + 1):
            r += params.whiten[k, i, j] * y[t, j]
        h, s = 1, t
        while h < q:
            s -= 1
            for j in range(D):
                r -= params.whitened[k, i, h + j] * y[s, j]
            h += D
        total += r * r
    return total


@kernel_with_memory
def _products(
    prior: AutoregressionPrior, data: RowsWithPast, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray]:
    """Rows of each state, and the lower half of the sum of (x_t, y_t)(x_t, y_t)' with the prior's share in it."""
    y, n_before = data
    D, q = prior.Psi.shape[0], prior.weight.size
    p = (q - 1) // D
    n, S, v = np.zeros(K), np.zeros((K, q + D, q + D)), np.empty(q + D)
    for k in range(K):
        for h in range(q):
            S[k, h, h] = prior.weight[h]
        for i in range(D):
            for j in range(i + 1):
                S[k, q + i, q + j] = prior.Psi[i, j]
    v[0] = 1.0
    for t in range(z.size):
        if n_before[t] < p or z[t] < 0:
            continue
        k = z[t]
        n[k] += 1.0
        for i in range(D):
            v[q + i] = y[t, i]
            for j in range(p):
                v[1 + j * D + i] = y[t - 1 - j, i]
        for i in range(q + D):
            for j in range(i + 1):
                S[k, i, j] += v[i] * v[j]
    return n, S


@kernel
def _variance(S: FloatArray, k: int, q: int, i: int) -> float:
    """Sum of squares that the regression leaves of column i, from the factor in S[k]."""
    total = 0.0
    for j in range(i + 1):
        total += S[k, q + i, q + j] * S[k, q + i, q + j]
    return total


@entry
def draw(
    rng: np.random.Generator, prior: AutoregressionPrior, data: RowsWithPast, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Draw what `AutoregressiveParams` holds.

    With L the factor of the products, in blocks of q and D: the posterior mean of B is L_21 L_11^-1, its precision
    L_11 L_11', and the posterior Psi L_22 L_22'. Nothing is inverted.
    """
    n, S = _products(prior, data, z, K)
    D, q = prior.Psi.shape[0], prior.weight.size
    B, WB = np.zeros((K, D, q)), np.zeros((K, D, q))
    W, log_norm = np.zeros((K, D, D)), np.empty(K)
    root, V, e = np.zeros((K, D, D)), np.empty((D, D)), np.empty(D)
    for k in range(K):
        factor(S, k, q + D)
        if prior.diagonal:
            log_det = 0.0
            for i in range(D):
                gamma = rng.standard_gamma(0.5 * (prior.df + n[k]))
                W[k, i, i] = math.sqrt(gamma / (0.5 * _variance(S, k, q, i)))
                log_det += math.log(W[k, i, i])
        else:
            for i in range(D):
                for j in range(i + 1):
                    root[k, i, j] = S[k, q + i, q + j]
            log_det = whitener(rng, prior.df + n[k], root, k, V, W)
        log_norm[k] = log_det - 0.5 * D * LOG_2PI
        # B L_11 = L_21 + W^-1 E, column after column from the last.
        for h in range(q - 1, -1, -1):
            for i in range(D):
                x = rng.standard_normal()
                for j in range(i):
                    x -= W[k, i, j] * e[j]
                e[i] = x / W[k, i, i]
            for i in range(D):
                x = S[k, q + i, h] + e[i]
                for g in range(h + 1, q):
                    x -= B[k, i, g] * S[k, g, h]
                B[k, i, h] = x / S[k, h, h]
        for i in range(D):
            for h in range(q):
                for j in range(i + 1):
                    WB[k, i, h] += W[k, i, j] * B[k, j, h]
    return B, W, log_norm, WB


@entry
def log_evidence(prior: AutoregressionPrior, data: RowsWithPast, z: IntArray, K: int) -> float:
    """Log density of the rows that have all of their past, given labels; parameters integrated out."""
    n, S = _products(prior, data, z, K)
    D, q = prior.Psi.shape[0], prior.weight.size
    at_prior = prior.log_norm
    for h in range(q):
        at_prior += 0.5 * D * math.log(prior.weight[h])
    total = 0.0
    for k in range(K):
        if n[k] == 0.0:
            continue
        df = prior.df + n[k]
        factor(S, k, q + D)
        total += at_prior - 0.5 * D * n[k] * math.log(math.pi)
        for h in range(q):
            total -= D * math.log(S[k, h, h])
        for i in range(D):
            if prior.diagonal:
                total += math.lgamma(0.5 * df) - 0.5 * df * math.log(_variance(S, k, q, i))
            else:
                total += math.lgamma(0.5 * (df - i)) - df * math.log(S[k, q + i, q + i])
    return total


def log_prior(prior: AutoregressionPrior, params: AutoregressiveParams) -> FloatArray:
    """Log density of coefficients and noise covariance (or variances) of each state under the prior, (K,)."""
    D, q = prior.Psi.shape[0], prior.weight.size
    log_det = np.log(np.diagonal(params.whiten, axis1=1, axis2=2)).sum(axis=1)
    trace = np.einsum("kij,kil,jl->k", params.whiten, params.whiten, prior.Psi)
    of_noise = prior.log_norm - 0.5 * D * prior.df * math.log(2.0) - 0.5 * trace
    if prior.diagonal:
        of_noise = of_noise + (prior.df + 2.0) * log_det
    else:
        of_noise = of_noise - 0.25 * D * (D - 1) * math.log(math.pi)
        of_noise = of_noise + (prior.df + D + 1.0) * log_det
    squares = np.einsum("kih,h->k", params.whitened**2, prior.weight)
    of_coefficients = 0.5 * D * (np.log(prior.weight).sum() - q * LOG_2PI) + q * log_det
    return of_noise + of_coefficients - 0.5 * squares
