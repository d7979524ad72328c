"""Gaussian observations whose columns are independent in each state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_number
from tsinit.emissions import _checks
from tsinit.emissions._normal_em import MIN_VARIANCE, MIN_WEIGHT, guess_columns
from tsinit.emissions._scaling import column_scale
from tsinit.emissions._weighted_moments import column_moments, take_column
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.kernels._jit import blend, entry, kernel, kernel_with_memory
from tsinit.kernels.density import density
from tsinit.kernels.hidden_markov.normal import _BLOCK

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._scaling import ColumnScale
    from tsinit.emissions.gaussian_known_variance import KnownVariance

LOG_2PI = math.log(2.0 * math.pi)


class DiagonalGaussianData(NamedTuple):
    """Standardised observations."""

    y: np.ndarray  # (T, D), NaN where missing


class DiagonalGaussianParams(NamedTuple):
    """Mean and precision of each state and column, standardised."""

    mean: np.ndarray  # (K, D)
    precision: np.ndarray  # (K, D)
    log_norm: np.ndarray  # (K, D) log(precision)/2 - log(2 pi)/2


class NormalGamma(NamedTuple):
    """Prior of each column: variance ~ inverse gamma(a, b), mean | variance ~ N(m, variance / k)."""

    m: np.ndarray  # (D,)
    k: float
    a: float
    b: np.ndarray  # (D,)


@density(DiagonalGaussianParams)
def _log_density(
    params: DiagonalGaussianParams, data: DiagonalGaussianData, t: int, k: int
) -> float:
    total = 0.0
    for i in range(data.y.shape[1]):
        x = data.y[t, i] - params.mean[k, i]
        if not np.isnan(x):
            total += params.log_norm[k, i] - 0.5 * params.precision[k, i] * x * x
    return total


@blend
def _add_densities(
    params: DiagonalGaussianParams,
    k: int,
    i: int,
    x: FloatArray,
    gaps: bool,
    seen: FloatArray,
    out: FloatArray,
) -> None:
    """Add the log densities of a block of values of a column (n,); without gaps there is nothing to be seen."""
    mean, half, norm = params.mean[k, i], -0.5 * params.precision[k, i], params.log_norm[k, i]
    if gaps:
        for b in range(x.size):
            away = x[b] - mean
            out[k, b] += seen[b] * (norm + half * away * away)
    else:
        for b in range(x.size):
            away = x[b] - mean
            out[k, b] += norm + half * away * away


@entry
def _log_densities(y: FloatArray, params: DiagonalGaussianParams) -> FloatArray:
    """`_log_density` of all rows, (T, K), a block of them at a time."""
    T, K = y.shape[0], params.mean.shape[0]
    out = np.empty((T, K))
    x, seen, block = np.zeros(_BLOCK), np.zeros(_BLOCK), np.empty((K, _BLOCK))
    for first in range(0, T, _BLOCK):
        n = min(_BLOCK, T - first)
        for k in range(K):
            for b in range(_BLOCK):
                block[k, b] = 0.0
        for i in range(y.shape[1]):
            gaps = take_column(y, first, n, i, x, seen)
            for k in range(K):
                _add_densities(params, k, i, x, gaps, seen, block)
        for b in range(n):
            for k in range(K):
                out[first + b, k] = block[k, b]
    return out


@kernel_with_memory
def _sums(
    y: FloatArray, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Per state and column: values n, first value c, sums of y - c and of (y - c)^2.

    About a value of the state itself: about the origin they would cancel where the spread within a state is
    small against its distance from there.
    """
    D = y.shape[1]
    n, c, s, q = np.zeros((K, D)), np.zeros((K, D)), np.zeros((K, D)), np.zeros((K, D))
    for t in range(z.size):
        k = z[t]
        if k < 0:
            continue
        for i in range(D):
            value = y[t, i]
            if np.isnan(value):
                continue
            if n[k, i] == 0.0:
                c[k, i] = value
            x = value - c[k, i]
            n[k, i] += 1.0
            s[k, i] += x
            q[k, i] += x * x
    return n, c, s, q


@kernel
def _posterior(
    prior: NormalGamma, i: int, n: float, c: float, s: float, q: float
) -> tuple[float, float]:
    """Mean and b of the posterior of column i, from its sums in one state."""
    if n == 0.0:
        return prior.m[i], prior.b[i]
    a = c + s / n - prior.m[i]
    share = n / (prior.k + n)
    square = max(q - s * s / n, 0.0) + prior.k * share * a * a
    return prior.m[i] + share * a, prior.b[i] + 0.5 * square


@entry
def _draw(
    rng: np.random.Generator, prior: NormalGamma, y: FloatArray, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n, c, s, q = _sums(y, z, K)
    D = y.shape[1]
    precision, log_norm = np.empty((K, D)), np.empty((K, D))
    for k in range(K):
        for i in range(D):
            mean, b = _posterior(prior, i, n[k, i], c[k, i], s[k, i], q[k, i])
            w = rng.standard_gamma(prior.a + 0.5 * n[k, i]) / b
            precision[k, i] = w
            log_norm[k, i] = 0.5 * (math.log(w) - LOG_2PI)
            s[k, i] = mean + rng.standard_normal() / math.sqrt(w * (prior.k + n[k, i]))
    return s, precision, log_norm


@entry
def _log_evidence(prior: NormalGamma, y: FloatArray, z: IntArray, K: int) -> float:
    """Sum over states and columns of the log marginal of their values, a product of Student-t densities."""
    n, c, s, q = _sums(y, z, K)
    total = 0.0
    for i in range(y.shape[1]):
        at_prior = prior.a * math.log(prior.b[i]) - math.lgamma(prior.a)
        for k in range(K):
            m = n[k, i]
            if m > 0.0:
                _, b = _posterior(prior, i, m, c[k, i], s[k, i], q[k, i])
                a = prior.a + 0.5 * m
                total += at_prior + math.lgamma(a) - a * math.log(b)
                total += 0.5 * (math.log(prior.k / (prior.k + m)) - m * LOG_2PI)
    return total


class DiagonalGaussian(Emission):
    """Gaussian with independent columns in each state, Normal-inverse-gamma priors.

    Missing entries are left out: exact, because the columns are independent. Observations are standardised
    inside, so that units do not matter.

    Parameters
    ----------
    prior_mean : float or (D,) float, optional
        Prior mean of the means of the states; None is the mean of the data.
    prior_weight : float, default 0.05
        Weight of the prior mean, in values: means lie about 1 / sqrt(prior_weight) = 4.5 standard deviations
        of a state around it, wide enough not to pull on a state of a few rows.
    prior_variance : float or (D,) float, optional
        Prior expectation of the variance of a state; None is a quarter of the variance of the column: states
        explain most of it, or there would be no point in having them.
    prior_df : float, default 4.0
        Degrees of freedom behind `prior_variance`, above 2: the same prior as that of `Gaussian` for one column.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 3.3.
    """

    def __init__(
        self,
        prior_mean: ArrayLike | None = None,
        prior_weight: float = 0.05,
        prior_variance: ArrayLike | None = None,
        prior_df: float = 4.0,
    ) -> None:
        self.prior_mean = prior_mean
        self.prior_weight = prior_weight
        self.prior_variance = prior_variance
        self.prior_df = prior_df

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> DiagonalGaussianOnData:
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        D, scale = y.shape[1], column_scale(y)
        m, v = np.zeros(D), np.full(D, 0.25)
        if self.prior_mean is not None:
            m = scale.apply(_checks.per_column("prior_mean", self.prior_mean, D))
        if self.prior_variance is not None:
            v = _checks.per_column("prior_variance", self.prior_variance, D, 0.0) / scale.scale**2
        a = 0.5 * check_number("prior_df", self.prior_df, above=2.0)
        prior = NormalGamma(
            m, check_number("prior_weight", self.prior_weight, above=0.0), a, v * (a - 1.0)
        )
        return DiagonalGaussianOnData(DiagonalGaussianData(scale.apply(y)), prior, scale)


class DiagonalGaussianOnData(EmissionOnData):
    """See `DiagonalGaussian`."""

    leaves_rows_out = True

    def __init__(
        self, data: DiagonalGaussianData, prior: NormalGamma | KnownVariance, scale: ColumnScale
    ) -> None:
        super().__init__(data, prior, data.y.shape[1])
        self.scale = scale
        self.log_jacobian = scale.log_jacobian(data.y)

    def with_data(self, y: ArrayLike) -> DiagonalGaussianOnData:
        """See `EmissionOnData.with_data`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return type(self)(DiagonalGaussianData(y), self.prior, self.scale)

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

    def means(self, params: DiagonalGaussianParams) -> FloatArray:
        """Mean of each state, (K, D)."""
        return self.scale.undo(params.mean)

    def covariances(self, params: DiagonalGaussianParams) -> FloatArray:
        """Covariance of each state, (K, D, D), diagonal."""
        return np.eye(self.n_features) * self._variances(params)[:, None, :]

    def describe(self, params: DiagonalGaussianParams) -> dict[str, FloatArray]:
        """Mean and variance of each state and column."""
        return {"mean": self.means(params), "variance": self._variances(params)}

    def simulate(
        self, rng: np.random.Generator, params: DiagonalGaussianParams, z: IntArray
    ) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        e = rng.standard_normal((len(z), self.n_features))
        return self.means(params)[z] + np.sqrt(self._variances(params))[z] * e

    @property
    def n_parameters(self) -> int:
        """Means and variances."""
        return 2 * self.n_features

    def maximise(
        self,
        responsibilities: FloatArray,
        params: DiagonalGaussianParams | None = None,
        penalised: bool = True,
    ) -> DiagonalGaussianParams:
        """See `EmissionOnData.maximise`."""
        mean, variance = self._centre(responsibilities, params)
        n, s, q = column_moments(responsibilities, self.data.y, mean)
        step = s / np.where(n > MIN_WEIGHT, n, 1.0)
        square = np.maximum(q - n * step * step, 0.0)
        if penalised:
            prior, share = self.prior, n / (self.prior.k + n)
            away = mean + step - prior.m
            b = prior.b + 0.5 * (square + prior.k * share * away * away)
            return _as_params(prior.m + share * away, b / (prior.a + 0.5 * n + 1.5))
        kept = n <= MIN_WEIGHT
        variance = np.where(kept, variance, square / np.where(kept, 1.0, n))
        return _as_params(mean + np.where(kept, 0.0, step), np.maximum(variance, MIN_VARIANCE))

    def _centre(
        self, share: FloatArray, params: DiagonalGaussianParams | None
    ) -> tuple[FloatArray, FloatArray]:
        """Means and variances of `params`, or those of the columns."""
        if params is None:
            return guess_columns(share, self.data.y)[1:]
        return params.mean, 1.0 / params.precision

    def log_densities(self, params: DiagonalGaussianParams, K: int) -> FloatArray:
        """See `EmissionOnData.log_densities`."""
        return _log_densities(
            self.data.y, DiagonalGaussianParams(*(np.ascontiguousarray(v[:K]) for v in params))
        )

    def log_prior(self, params: DiagonalGaussianParams) -> float:
        """See `EmissionOnData.log_prior`: of means and variances."""
        (m, k, a, b), w = self.prior, params.precision
        gamma = a * np.log(b) - math.lgamma(a) + (a + 1.0) * np.log(w) - b * w
        normal = 0.5 * (np.log(k * w) - LOG_2PI - k * w * (params.mean - m) ** 2)
        return float(np.sum(gamma + normal))

    def coordinates(self, params: DiagonalGaussianParams) -> FloatArray:
        """Means, and logarithms of the precisions."""
        return np.concatenate([params.mean.ravel(), np.log(params.precision).ravel()])

    def from_coordinates(
        self, vector: FloatArray, like: DiagonalGaussianParams, penalised: bool = True
    ) -> DiagonalGaussianParams:
        """See `EmissionOnData.from_coordinates`."""
        mean, log_precision = vector.reshape(2, *like.mean.shape)
        with np.errstate(over="ignore"):
            variance = np.exp(-log_precision)
        variance = variance if penalised else np.maximum(variance, MIN_VARIANCE)
        if not np.isfinite(vector).all() or not (0.0 < variance.min() <= variance.max() < np.inf):
            raise FloatingPointError("A variance must be finite and positive.")
        return _as_params(mean.copy(), variance)

    def _variances(self, params: DiagonalGaussianParams) -> FloatArray:
        return self.scale.scale**2 / params.precision


def _as_params(mean: FloatArray, variance: FloatArray) -> DiagonalGaussianParams:
    precision = 1.0 / variance
    return DiagonalGaussianParams(mean, precision, 0.5 * (np.log(precision) - LOG_2PI))
