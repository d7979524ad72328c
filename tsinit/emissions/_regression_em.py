"""The M-step of autoregressive states on complete rows, their parameters as a vector, and what they lead to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsinit.emissions._normal_em import MIN_WEIGHT, lifted
from tsinit.emissions._regression import AutoregressiveParams

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._regression import AutoregressionPrior, RowsWithPast

LOG_2PI = math.log(2.0 * math.pi)


def with_whitened(B: FloatArray, W: FloatArray) -> AutoregressiveParams:
    """Parameters of coefficients (K, D, q) and factors of precisions (K, D, D)."""
    B, W = np.ascontiguousarray(B), np.ascontiguousarray(W)
    log_det = np.log(np.diagonal(W, axis1=1, axis2=2)).sum(axis=1)
    return AutoregressiveParams(B, W, log_det - 0.5 * W.shape[1] * LOG_2PI, W @ B)


def maximise(
    prior: AutoregressionPrior,
    data: RowsWithPast,
    share: FloatArray,
    params: AutoregressiveParams | None,
    penalised: bool,
) -> AutoregressiveParams:
    """Weighted regressions of all states, with the mode of the posterior or the maximum of the likelihood."""
    q, D = prior.weight.size, len(prior.Psi)
    rows = np.flatnonzero(data.n_before >= (q - 1) // D)
    past = [data.y[rows - lag] for lag in range(1, (q - 1) // D + 1)]
    v = np.hstack([np.ones((len(rows), 1)), *past, data.y[rows]])
    fits = []
    for k in range(share.shape[1]):
        weight = share[rows, k]
        if not penalised and weight.sum() <= MIN_WEIGHT:
            if params is not None:
                W = np.linalg.inv(params.whiten[k])
                fits.append((params.coefficients[k], W @ W.T))
                continue
            weight = np.ones(len(rows))
        fits.append(_regress(prior, v, weight, penalised))
    cov = np.array([one for _, one in fits])
    if not penalised:
        cov = lifted(cov)
    W = np.tril(np.linalg.inv(np.linalg.cholesky(cov)))
    return with_whitened(np.array([B for B, _ in fits]), W)


def _regress(
    prior: AutoregressionPrior, v: FloatArray, weight: FloatArray, penalised: bool
) -> tuple[FloatArray, FloatArray]:
    """Coefficients (D, q) and covariance (D, D) of weighted rows v (n, q + D)."""
    q, D = prior.weight.size, len(prior.Psi)
    S, n = (v * weight[:, None]).T @ v, float(weight.sum())
    XX, XY = S[:q, :q], S[:q, q:]
    B = np.empty((D, q))
    if penalised:
        B[:] = np.linalg.solve(XX + np.diag(prior.weight), XY).T
    else:
        B[:] = np.linalg.lstsq(XX, XY, rcond=None)[0].T
    # About the regression itself: nothing cancels.
    e = v[:, q:] - v[:, :q] @ B.T
    left = (e * weight[:, None]).T @ e
    degrees = max(n, MIN_WEIGHT)
    if penalised:
        left = left + prior.Psi + (B * prior.weight) @ B.T
        degrees = prior.df + n + q + (2.0 if prior.diagonal else D + 1.0)
    if prior.diagonal:
        left = np.diag(np.diag(left))
    return B, (left + left.T) / (2.0 * degrees)


def coordinates(prior: AutoregressionPrior, params: AutoregressiveParams) -> FloatArray:
    """Coefficients, and the factors of the precisions with their diagonals in logarithms."""
    W, i = params.whiten.copy(), np.arange(len(prior.Psi))
    W[:, i, i] = np.log(W[:, i, i])
    return np.concatenate([params.coefficients.ravel(), W[:, *_free(prior)].ravel()])


def from_coordinates(
    prior: AutoregressionPrior, vector: FloatArray, like: AutoregressiveParams, penalised: bool
) -> AutoregressiveParams:
    """See `EmissionOnData.from_coordinates`."""
    n, i = like.coefficients.size, np.arange(len(prior.Psi))
    W = np.zeros_like(like.whiten)
    W[:, *_free(prior)] = vector[n:].reshape(len(W), -1)
    with np.errstate(over="ignore"):
        W[:, i, i] = np.exp(W[:, i, i])
    if not np.isfinite(vector).all() or not np.isfinite(W).all() or W[:, i, i].min() == 0.0:
        raise FloatingPointError("Coefficients and covariances must be finite.")
    B = vector[:n].reshape(like.coefficients.shape)
    if not penalised:
        root = np.linalg.inv(W)
        try:
            cov = lifted(root @ root.transpose(0, 2, 1))
            W = np.tril(np.linalg.inv(np.linalg.cholesky(cov)))
        except np.linalg.LinAlgError as error:
            raise FloatingPointError("A covariance must be positive definite.") from error
    return with_whitened(B, W)


def _free(prior: AutoregressionPrior) -> tuple[IntArray, IntArray]:
    """Rows and columns of the factor that may move."""
    i, j = np.nonzero(np.eye(len(prior.Psi)) if prior.diagonal else np.tri(len(prior.Psi)))
    return i, j


def moments_after(
    dynamics: tuple[FloatArray, FloatArray, FloatArray],
    now: FloatArray,
    P: FloatArray,
    last: FloatArray,
    n_steps: int,
) -> tuple[FloatArray, FloatArray]:
    """Means (n, D) and covariances (n, D, D) of rows to come, exact: moments of past and state are followed together.

    Parameters
    ----------
    dynamics : intercepts (K, p D), companion matrices (K, p D, p D), covariances of the noise (K, D, D)
    now : (K,)
        Probabilities of the present state.
    P : (K, K)
    last : (p or fewer, D)
        Rows before; with fewer than p, rows up to the p-th of the sequence are standard normal.
    n_steps : int
    """
    intercept, companion, noise = dynamics
    (K, size), D = intercept.shape, noise.shape[1]
    start = np.zeros(size)
    start[: last.size] = last[::-1].ravel()
    m, M = now[:, None] * start, now[:, None, None] * np.outer(start, start)
    Q = np.zeros((K, size, size))
    Q[:, :D, :D] = noise
    means, covariances = np.empty((n_steps, D)), np.empty((n_steps, D, D))
    for step in range(n_steps):
        c, F, R = intercept, companion, Q
        if len(last) + step < size // D:
            c, F, R = np.zeros_like(c), F.copy(), np.zeros_like(R)
            F[:, :D], R[:, :D, :D] = 0.0, np.eye(D)
        now = now @ P
        m, M = P.T @ m, np.einsum("jk,jab->kab", P, M)
        Fm = np.einsum("kab,kb->ka", F, m)
        cross = Fm[:, :, None] * c[:, None, :]
        M = F @ M @ F.transpose(0, 2, 1) + cross + cross.transpose(0, 2, 1)
        M = M + now[:, None, None] * (c[:, :, None] * c[:, None, :] + R)
        m = Fm + now[:, None] * c
        means[step] = m[:, :D].sum(axis=0)
        covariances[step] = M[:, :D, :D].sum(axis=0) - np.outer(means[step], means[step])
    return means, covariances
