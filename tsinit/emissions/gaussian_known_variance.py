"""Gaussian observations of a variance that is known and the same in every state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.emissions import _checks
from tsinit.emissions._normal_em import MIN_WEIGHT
from tsinit.emissions._scaling import column_scale
from tsinit.emissions._weighted_moments import column_moments
from tsinit.emissions.base import Emission
from tsinit.emissions.gaussian_diag import (
    LOG_2PI,
    DiagonalGaussianData,
    DiagonalGaussianOnData,
    DiagonalGaussianParams,
)
from tsinit.kernels._jit import entry, kernel_with_memory

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray


class KnownVariance(NamedTuple):
    """Variance of the observations, and Normal prior of the mean of a state, by column."""

    variance: np.ndarray  # (D,)
    m: np.ndarray  # (D,)
    v: np.ndarray  # (D,)


@kernel_with_memory
def _sums(y: FloatArray, z: IntArray, K: int) -> tuple[FloatArray, FloatArray]:
    """Per state and column: values n, and their sum."""
    D = y.shape[1]
    n, s = np.zeros((K, D)), np.zeros((K, D))
    for t in range(z.size):
        k = z[t]
        if k < 0:
            continue
        for i in range(D):
            if not np.isnan(y[t, i]):
                n[k, i] += 1.0
                s[k, i] += y[t, i]
    return n, s


@entry
def _draw(
    rng: np.random.Generator, prior: KnownVariance, y: FloatArray, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    D = y.shape[1]
    n, s = _sums(y, z, K)
    precision, log_norm = np.empty((K, D)), np.empty((K, D))
    for k in range(K):
        for i in range(D):
            w = 1.0 / prior.variance[i]
            total = 1.0 / prior.v[i] + n[k, i] * w
            s[k, i] = (
                prior.m[i] / prior.v[i] + s[k, i] * w
            ) / total + rng.standard_normal() / math.sqrt(total)
            precision[k, i] = w
            log_norm[k, i] = 0.5 * (math.log(w) - LOG_2PI)
    return s, precision, log_norm


@entry
def _log_evidence(prior: KnownVariance, y: FloatArray, z: IntArray, K: int) -> float:
    """Sum of the log marginals: values of one state and column are N(m, variance I + v 11').

    That matrix has the determinant variance^n (1 + n v / variance), and by Sherman and Morrison the square is
    sum x^2 / variance - (sum x)^2 v / (variance (variance + n v)), x = y - m.
    """
    n, s = _sums(y, z, K)
    total = 0.0
    for t in range(z.size):
        for i in range(y.shape[1]):
            x = y[t, i] - prior.m[i]
            if not np.isnan(x):
                total -= 0.5 * (x * x / prior.variance[i] + math.log(prior.variance[i]) + LOG_2PI)
    for k in range(K):
        for i in range(y.shape[1]):
            x = s[k, i] - n[k, i] * prior.m[i]
            spread = prior.variance[i] + n[k, i] * prior.v[i]
            total += 0.5 * x * x * prior.v[i] / (prior.variance[i] * spread)
            total -= 0.5 * math.log(spread / prior.variance[i])
    return total


class KnownVarianceGaussian(Emission):
    """Gaussian of known variance, the same in every state, with a Normal prior of the means.

    The model of the published code of the beam sampler's authors and of the study, for any number of
    independent columns. Missing entries are left out: exact. Observations are standardised inside, so that
    units do not matter.

    Parameters
    ----------
    variance : float or (D,) float, optional
        Variance of an observation; None is a quarter of the variance of the column, what `Gaussian` expects
        of a state. The number of states depends on it: too small a variance splits states.
    prior_mean : float or (D,) float, optional
        Prior mean of the means of the states; None is the mean of the data.
    prior_variance : float or (D,) float, optional
        Prior variance of the means of the states; None is the variance of the column, which the means cannot
        exceed.

    References
    ----------
    Van Gael, Saatci, Teh and Ghahramani, Beam sampling for the infinite hidden Markov model, ICML 2008.
    """

    def __init__(
        self,
        variance: ArrayLike | None = None,
        prior_mean: ArrayLike | None = None,
        prior_variance: ArrayLike | None = None,
    ) -> None:
        self.variance = variance
        self.prior_mean = prior_mean
        self.prior_variance = prior_variance

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> KnownVarianceGaussianOnData:
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        D, scale = y.shape[1], column_scale(y)
        m, square = np.zeros(D), scale.scale**2
        if self.prior_mean is not None:
            m = scale.apply(_checks.per_column("prior_mean", self.prior_mean, D))
        variance, v = np.full(D, 0.25), np.ones(D)
        if self.variance is not None:
            variance = _checks.per_column("variance", self.variance, D, 0.0) / square
        if self.prior_variance is not None:
            v = _checks.per_column("prior_variance", self.prior_variance, D, 0.0) / square
        return KnownVarianceGaussianOnData(
            DiagonalGaussianData(scale.apply(y)), KnownVariance(variance, m, v), scale
        )


class KnownVarianceGaussianOnData(DiagonalGaussianOnData):
    """See `KnownVarianceGaussian`; parameters and compiled sampler are those of `DiagonalGaussian`."""

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: None
    ) -> DiagonalGaussianParams:
        """See `EmissionOnData.draw`."""
        return DiagonalGaussianParams(*_draw(rng, self.prior, self.data.y, z, K))

    def log_evidence(
        self, z: IntArray, K: int, params: DiagonalGaussianParams, latent: None
    ) -> float:
        """See `EmissionOnData.log_evidence`."""
        return _log_evidence(self.prior, self.data.y, z, K) + self.log_jacobian

    @property
    def n_parameters(self) -> int:
        """Means."""
        return self.n_features

    def maximise(
        self,
        responsibilities: FloatArray,
        params: DiagonalGaussianParams | None = None,
        penalised: bool = True,
    ) -> DiagonalGaussianParams:
        """See `EmissionOnData.maximise`."""
        mean, _ = self._centre(responsibilities, params)
        n, s, _ = column_moments(responsibilities, self.data.y, mean)
        mean = mean + s / np.where(n > MIN_WEIGHT, n, 1.0)
        if penalised:
            prior = self.prior
            share = n * prior.v / (prior.variance + n * prior.v)
            mean = prior.m + share * (mean - prior.m)
        return self._with_mean(mean)

    def log_prior(self, params: DiagonalGaussianParams) -> float:
        """See `EmissionOnData.log_prior`."""
        x = params.mean - self.prior.m
        return float(-0.5 * np.sum(x * x / self.prior.v + np.log(self.prior.v) + LOG_2PI))

    def coordinates(self, params: DiagonalGaussianParams) -> FloatArray:
        """Means."""
        return params.mean.ravel()

    def from_coordinates(
        self, vector: FloatArray, like: DiagonalGaussianParams, penalised: bool = True
    ) -> DiagonalGaussianParams:
        """See `EmissionOnData.from_coordinates`."""
        if not np.isfinite(vector).all():
            raise FloatingPointError("A mean must be finite.")
        return self._with_mean(vector.reshape(like.mean.shape).copy())

    def _with_mean(self, mean: FloatArray) -> DiagonalGaussianParams:
        precision = np.tile(1.0 / self.prior.variance, (len(mean), 1))
        return DiagonalGaussianParams(mean, precision, 0.5 * (np.log(precision) - LOG_2PI))
