"""The M-step of autoregressive states with missing values.

EM maximises the likelihood that `own_past_log_densities` gives, the product of the densities of what is observed of
each row given what is observed before it. Rows with all of their values and past are regressions, whose products are
summed up once; those behind gaps have no closed form, and all are maximised together by a quasi-Newton method, in
coordinates in which the regressions alone would be round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, minimize

from tsinit.emissions import _regression_em as em
from tsinit.emissions._normal_em import MIN_VARIANCE, MIN_WEIGHT, lifted
from tsinit.emissions._own_past_slope import own_past_slope
from tsinit.emissions._regression import AutoregressiveParams

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.emissions._own_past_slope import RowsBehindGaps
    from tsinit.emissions._regression import AutoregressionPrior, RowsWithPast

LOG_2PI = math.log(2.0 * math.pi)
_MIN_SLOPE = (
    1e-5  # in coordinates of curvature 1: half its square is the gain that is left, in nats
)
_MAX_STEPS = 100
_FAR = 12.0  # a factor of exp(12) of a standard deviation in one step is no model any more


def guess(
    prior: AutoregressionPrior,
    data: RowsWithPast,
    full: FloatArray,
    behind: RowsBehindGaps,
    share: FloatArray,
    penalised: bool,
) -> AutoregressiveParams:
    """First parameters: regressions of rows without gaps; of states with few of these, of all rows filled in.

    full : (T, D) float
        Data with gaps interpolated.
    """
    plain, q = share.copy(), prior.weight.size
    plain[behind.row] = 0.0
    plain[data.n_before < (q - 1) // len(prior.Psi)] = 0.0
    few = plain.sum(axis=0) < 2 * q
    plain[:, few] = share[:, few]
    return em.maximise(prior, data._replace(y=full), plain, None, penalised)


def maximise(
    prior: AutoregressionPrior,
    data: RowsWithPast,
    behind: RowsBehindGaps,
    share: FloatArray,
    params: AutoregressiveParams,
    penalised: bool,
) -> AutoregressiveParams:
    """Maximise the weighted log densities of all states (and the log prior), from where the E-step was made."""
    coefficients, whiten = params.coefficients.copy(), params.whiten.copy()
    for k in range(share.shape[1]):
        if penalised or share[:, k].sum() > MIN_WEIGHT:
            one = _OneState(prior, data, behind, share[:, k], params, k, penalised)
            coefficients[k], whiten[k] = one.maximise()
    return em.with_whitened(coefficients, whiten)


class _OneState:
    """What a state has to maximise, in coordinates about where it is.

    B = B_0 + W_0^-1 Z L^-1 and W = F W_0, with L L' the products of the regressors and F lower triangular: Z and F are
    as uncertain in all directions alike, were there no gaps.
    """

    def __init__(
        self,
        prior: AutoregressionPrior,
        data: RowsWithPast,
        behind: RowsBehindGaps,
        weight: FloatArray,
        params: AutoregressiveParams,
        k: int,
        penalised: bool,
    ) -> None:
        self.prior, self.data, self.behind, self.penalised = prior, data, behind, penalised
        self.weight = np.ascontiguousarray(weight[behind.row])
        D, q = params.coefficients.shape[1:]
        self.plain, n = _triangle(prior, data, behind, weight, penalised)
        # Of log |W|, rows and prior.
        self.degrees = n
        if penalised:
            self.degrees += prior.df + q + (2.0 if prior.diagonal else D + 1.0)
        X = self.plain[:, :q]
        # Rows behind gaps are worth something, even if they are all there is.
        self.L = np.linalg.cholesky(X.T @ X + (self.weight.sum() + 1.0) * np.eye(q))
        self.B, self.W = params.coefficients[k], params.whiten[k]
        self.free = np.nonzero(np.eye(D) if prior.diagonal else np.tri(D))
        size = 1.0 / math.sqrt(self.degrees + self.weight.sum() + 1.0)
        self.size = np.where(self.free[0] == self.free[1], size / math.sqrt(2.0), size)

    def maximise(self) -> tuple[FloatArray, FloatArray]:
        """Coefficients and factor of the precision; those it began with where none are better."""
        n = self.B.size + self.size.size
        highest = np.full(n, np.inf)
        if not self.penalised:
            # No variance given the columns before below the floor; that of any direction is looked at afterwards.
            i, j = self.free
            room = -0.5 * math.log(MIN_VARIANCE) - np.log(np.diag(self.W))
            highest[self.B.size :][i == j] = room / self.size[i == j]
        found = minimize(
            self._negative,
            np.minimum(np.zeros(n), highest),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(-np.inf, highest),
            options={"gtol": _MIN_SLOPE, "ftol": 1e-14, "maxiter": _MAX_STEPS},
        )
        B, W = self._params(found.x)
        if not self.penalised:
            root = np.linalg.inv(W)
            raised = lifted((root @ root.T)[None])[0]
            W = np.tril(np.linalg.inv(np.linalg.cholesky(raised)))
        if not self._value(B, W)[0] > self._value(self.B, self.W)[0]:
            return self.B, self.W
        return B, W

    def _params(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        D, q = self.B.shape
        Z, F = x[: D * q].reshape(D, q), np.zeros((D, D))
        F[self.free] = self.size * x[D * q :]
        i = np.arange(D)
        F[i, i] = np.exp(np.clip(F[i, i], -_FAR, _FAR))
        B = self.B + np.linalg.solve(self.W, np.linalg.solve(self.L.T, Z.T).T)
        return B, F @ self.W

    def _negative(self, x: FloatArray) -> tuple[float, FloatArray]:
        B, W = self._params(x)
        value, of_B, of_W = self._value(B, W)
        of_Z = np.linalg.solve(self.L, np.linalg.solve(self.W.T, of_B).T).T
        of_F = of_W @ self.W.T
        i = np.arange(len(B))
        of_F[i, i] *= np.diag(W) / np.diag(self.W)
        return -value, -np.concatenate([of_Z.ravel(), of_F[self.free] * self.size])

    def _value(self, B: FloatArray, W: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """What is maximised, and its gradients in B and (lower triangle) W; constants of the prior left out."""
        q, i = B.shape[1], np.arange(len(B))
        e = self.plain[:, q:] - self.plain[:, :q] @ B.T
        white = e @ W.T
        value = self.degrees * float(np.log(np.diag(W)).sum()) - 0.5 * float((white**2).sum())
        of_B = W.T @ white.T @ self.plain[:, :q]
        of_W = -white.T @ e
        of_W[i, i] += self.degrees / np.diag(W)
        root = np.linalg.inv(W)
        noise = np.ascontiguousarray(root @ root.T)
        one = em.with_whitened(B[None], W[None])
        gain, slope, of_noise = own_past_slope(
            one, self.data, noise[None], self.behind, 0, self.weight
        )
        return value + gain, of_B + slope, np.tril(of_W - 2.0 * root.T @ of_noise @ noise)


def _triangle(
    prior: AutoregressionPrior,
    data: RowsWithPast,
    behind: RowsBehindGaps,
    weight: FloatArray,
    penalised: bool,
) -> tuple[FloatArray, float]:
    """Triangle R (.., q + D) whose products are those of all weighted (x_t, y_t) without gaps; and their weight.

    The prior counts as further rows.
    """
    q, D = prior.weight.size, len(prior.Psi)
    p = (q - 1) // D
    whole = data.n_before >= p
    whole[behind.row] = False
    rows = np.flatnonzero(whole & (weight > 0.0))
    past = [data.y[rows - lag] for lag in range(1, p + 1)]
    v = np.hstack([np.ones((len(rows), 1)), *past, data.y[rows]])
    parts = [v * np.sqrt(weight[rows])[:, None]]
    if penalised:
        root = np.zeros((q + D, q + D))
        root[:q, :q] = np.diag(np.sqrt(prior.weight))
        root[q:, q:] = np.linalg.cholesky(prior.Psi).T
        parts.append(root)
    return np.asarray(np.linalg.qr(np.vstack(parts), mode="r")), float(weight[rows].sum())
