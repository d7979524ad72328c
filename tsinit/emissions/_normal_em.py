"""The M-step of normal and Student-t states with full covariances, and their parameters as a vector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.emissions import _normal_wishart as nw
from tsinit.emissions._normal_rows import RowsWithGaps
from tsinit.emissions._weighted_moments import column_moments, complete_moments, normal_moments
from tsinit.emissions.base import EmissionOnData
from tsinit.kernels.density import fill_log_densities
from tsinit.kernels.hidden_markov.normal import log_densities

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._normal_wishart import NormalWishart

#: On columns of variance 1, in every direction, where no prior keeps a state from collapsing on a few rows.
MIN_VARIANCE = 1e-6
#: Rows of a state below which it keeps its parameters.
MIN_WEIGHT = 1e-8
LOG_2PI = math.log(2.0 * math.pi)


class NormalShape(NamedTuple):
    """Parameters that normal and Student-t states share, as the densities want them."""

    mean: FloatArray  # (K, D)
    whiten: FloatArray  # (K, D, D)
    log_norm: FloatArray  # (K,)


def shape_of(mean: FloatArray, cov: FloatArray) -> NormalShape:
    """Factor covariances (K, D, D)."""
    whiten = np.tril(np.linalg.inv(np.linalg.cholesky(cov)))
    return _with_norm(mean, whiten)


def _with_norm(mean: FloatArray, whiten: FloatArray) -> NormalShape:
    log_det = np.log(np.diagonal(whiten, axis1=1, axis2=2)).sum(axis=1)
    mean, whiten = np.ascontiguousarray(mean), np.ascontiguousarray(whiten)
    return NormalShape(mean, whiten, log_det - 0.5 * mean.shape[1] * LOG_2PI)


def lifted(cov: FloatArray) -> FloatArray:
    """Raise eigenvalues of covariances (K, D, D) to the floor: the maximum of the likelihood under that constraint."""
    values, vectors = np.linalg.eigh(cov)
    if values.min() >= MIN_VARIANCE:
        return cov
    raised = (vectors * np.maximum(values, MIN_VARIANCE)[:, None, :]) @ vectors.transpose(0, 2, 1)
    return (raised + raised.transpose(0, 2, 1)) / 2


def guess_columns(share: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights, means and variances (K, D) of what was observed; about the mean first found, so that nothing cancels.

    Columns of which a state has nothing are those of all rows of standardised data: mean 0, variance 1.
    """
    mean = np.zeros((share.shape[1], y.shape[1]))
    for _ in range(2):
        n, s, q = column_moments(share, y, mean)
        some = n > MIN_WEIGHT
        n_or_one = np.where(some, n, 1.0)
        step = np.where(some, s / n_or_one, 0.0)
        variance = np.where(some, q / n_or_one - step * step, 1.0)
        mean = mean + step
    return n, mean, np.maximum(variance, MIN_VARIANCE)


class NormalEM(EmissionOnData):
    """The M-step for parameters with the fields of `NormalShape`; `_inverse_df` is 0 for normal states."""

    _inverse_df = 0.0

    def _with_shape(self, shape: NormalShape) -> Any:
        """Parameters of the emission."""
        raise NotImplementedError

    def _add_tails(self, density: FloatArray, rows: IntArray, log_norm: FloatArray) -> None:
        """Turn normal log densities of complete rows into those of the emission, in place, where they are others."""

    @property
    def n_parameters(self) -> int:
        """Mean and covariance."""
        return self.n_features + self.n_features * (self.n_features + 1) // 2

    def maximise(
        self, responsibilities: FloatArray, params: Any | None = None, penalised: bool = True
    ) -> Any:
        """See `EmissionOnData.maximise`."""
        data, share = RowsWithGaps(*self.data[:3]), responsibilities
        if params is None:
            _, mean, variance = guess_columns(share, data.y)
            now = shape_of(mean, np.eye(self.n_features) * variance[:, None, :])
        else:
            now = NormalShape(params.mean, params.whiten, params.log_norm)
        n, w, s, S = self._moments(data, share, now)
        step = s / np.where(w > MIN_WEIGHT, w, 1.0)[:, None]
        S = np.tril(S) + np.tril(S, -1).transpose(0, 2, 1) - _outer(step) * w[:, None, None]
        if penalised:
            mean, cov = _posterior_mode(self.prior, n, w, now.mean + step, S)
        else:
            kept = n <= MIN_WEIGHT
            L = np.linalg.inv(now.whiten)
            cov = S / np.where(kept, 1.0, n)[:, None, None]
            cov = np.where(kept[:, None, None], L @ L.transpose(0, 2, 1), cov)
            mean, cov = now.mean + np.where(kept[:, None], 0.0, step), lifted(cov)
        return self._with_shape(shape_of(mean, cov))

    def _moments(
        self, data: RowsWithGaps, share: FloatArray, now: NormalShape
    ) -> tuple[FloatArray, ...]:
        """Moments as `normal_moments` gives them, of complete rows by a faster way."""
        complete, partial = rows_by_gaps(data)
        params, share = _gaussian(now), np.ascontiguousarray(share)
        found: Any = complete_moments(complete, share, params, self._inverse_df, data.y)
        if len(partial):
            more = normal_moments(partial, share, params, self._inverse_df, data)
            found = tuple(a + b for a, b in zip(found, more, strict=True))
        return found

    def log_densities(self, params: Any, K: int) -> FloatArray:
        """See `EmissionOnData.log_densities`."""
        data = RowsWithGaps(*self.data[:3])
        complete, partial = rows_by_gaps(data)
        out = np.zeros((len(data.y), K))
        mean, whiten, log_norm = (np.ascontiguousarray(values[:K]) for values in params[:3])
        columns = np.arange(self.n_features)
        log_densities(data.y, complete, columns, mean, whiten, log_norm, out)
        self._add_tails(out, complete, log_norm)
        if len(partial):
            fill_log_densities(params, self.data, partial, out)
        return out

    def log_prior(self, params: Any) -> float:
        """See `EmissionOnData.log_prior`."""
        return float(nw.log_prior(self.prior, params.mean, params.whiten).sum())

    def coordinates(self, params: Any) -> FloatArray:
        """Means, and the factors of the precisions with their diagonals in logarithms."""
        W, i = params.whiten.copy(), np.arange(self.n_features)
        W[:, i, i] = np.log(W[:, i, i])
        lower = np.tril_indices(self.n_features)
        return np.concatenate([params.mean.ravel(), W[:, lower[0], lower[1]].ravel()])

    def from_coordinates(self, vector: FloatArray, like: Any, penalised: bool = True) -> Any:
        """See `EmissionOnData.from_coordinates`."""
        K, D = like.mean.shape
        lower, i = np.tril_indices(D), np.arange(D)
        W = np.zeros((K, D, D))
        W[:, lower[0], lower[1]] = vector[K * D :].reshape(K, -1)
        with np.errstate(over="ignore"):
            W[:, i, i] = np.exp(W[:, i, i])
        if not np.isfinite(W).all() or W[:, i, i].min() == 0.0:
            raise FloatingPointError("A covariance must be finite and positive definite.")
        mean = vector[: K * D].reshape(K, D)
        if penalised:
            return self._with_shape(_with_norm(mean, W))
        L = np.linalg.inv(W)
        try:
            return self._with_shape(shape_of(mean, lifted(L @ L.transpose(0, 2, 1))))
        except np.linalg.LinAlgError as error:
            raise FloatingPointError("A covariance must be positive definite.") from error


def rows_by_gaps(data: RowsWithGaps) -> tuple[IntArray, IntArray]:
    """Rows without gaps, and rows that are partly observed."""
    missing = np.diff(data.gap)
    partial = (missing > 0) & (missing < data.y.shape[1])
    return np.flatnonzero(missing == 0), np.flatnonzero(partial)


def _gaussian(shape: NormalShape) -> Any:
    from tsinit.emissions.gaussian import GaussianParams

    return GaussianParams(*shape)


def _posterior_mode(
    prior: NormalWishart, n: FloatArray, w: FloatArray, centre: FloatArray, S: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mode of the density of mean and covariance, S (K, D, D) being the weighted squares about `centre` (K, D)."""
    away = centre - prior.m
    share = (w / (prior.k + w))[:, None]
    Psi = prior.Psi + S + prior.k * share[:, :, None] * _outer(away)
    degrees = prior.df + n + len(prior.m) + 2.0
    return prior.m + share * away, Psi / degrees[:, None, None]


def _outer(x: FloatArray) -> FloatArray:
    return x[:, :, None] * x[:, None, :]
