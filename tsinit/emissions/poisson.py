"""Counts: independent Poisson columns in each state."""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from tsinit._validate import check_number
from tsinit.emissions import _checks
from tsinit.emissions._normal_em import MIN_WEIGHT
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.kernels._jit import entry, kernel_with_memory
from tsinit.kernels.density import density
from tsinit.kernels.random import log_gamma_draw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

_LARGE_RATE = (
    1e15  # from here on a count is a normal number to seven digits, and NumPy draws no other
)
_MIN_RATE = 1e-100  # where no prior keeps a state from having none


class PoissonData(NamedTuple):
    """Counts."""

    y: np.ndarray  # (T, D), NaN where missing
    log_factorial: np.ndarray  # (T,) sum of log y! over what is observed


class PoissonParams(NamedTuple):
    """Rates of each state and column."""

    rate: np.ndarray  # (K, D)
    log_rate: np.ndarray  # (K, D) of its own, because a rate may be too small for a double


class GammaPrior(NamedTuple):
    """Prior of the rate of each column: Gamma(a, rate b)."""

    a: float
    b: np.ndarray  # (D,)


@density(PoissonParams)
def _log_density(params: PoissonParams, data: PoissonData, t: int, k: int) -> float:
    total = -data.log_factorial[t]
    for i in range(data.y.shape[1]):
        y = data.y[t, i]
        if not np.isnan(y):
            total += y * params.log_rate[k, i] - params.rate[k, i]
    return total


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
    rng: np.random.Generator, prior: GammaPrior, y: FloatArray, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray]:
    n, log_rate = _sums(y, z, K)
    rate = np.empty((K, y.shape[1]))
    for k in range(K):
        for i in range(y.shape[1]):
            log_rate[k, i] = log_gamma_draw(rng, prior.a + log_rate[k, i]) - math.log(
                prior.b[i] + n[k, i]
            )
            rate[k, i] = math.exp(log_rate[k, i])
    return rate, log_rate


@entry
def _log_evidence(prior: GammaPrior, y: FloatArray, z: IntArray, K: int) -> float:
    """Sum of a log b - log G(a) + log G(a + sum) - (a + sum) log(b + n), without log y!."""
    n, s = _sums(y, z, K)
    total = 0.0
    for i in range(y.shape[1]):
        at_prior = prior.a * math.log(prior.b[i]) - math.lgamma(prior.a)
        for k in range(K):
            if n[k, i] > 0.0:
                a = prior.a + s[k, i]
                total += at_prior + math.lgamma(a) - a * math.log(prior.b[i] + n[k, i])
    return total


class Poisson(Emission):
    """Counts with a Poisson rate for each state and column, Gamma priors; missing entries are left out.

    Parameters
    ----------
    prior_mean : float or (D,) float, optional
        Prior mean of the rates; None is the mean of the column (half a count more in one row more, so that a
        column of zeros has a prior too).
    prior_shape : float, default 1.0
        Shape of the Gamma; its coefficient of variation is 1 / sqrt(prior_shape). One makes the rates spread
        as widely as their mean, and weighs as much as 1 / prior_mean rows.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 2.6.
    """

    def __init__(self, prior_mean: ArrayLike | None = None, prior_shape: float = 1.0) -> None:
        self.prior_mean = prior_mean
        self.prior_shape = prior_shape

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> PoissonOnData:
        """See `Emission.bind`."""
        y = _checks.counts(y)
        mean = (np.nansum(y, axis=0) + 0.5) / ((~np.isnan(y)).sum(axis=0) + 1.0)
        if self.prior_mean is not None:
            mean = _checks.per_column("prior_mean", self.prior_mean, y.shape[1], 0.0)
        a = check_number("prior_shape", self.prior_shape, above=0.0)
        return PoissonOnData(y, GammaPrior(a, a / mean))


class PoissonOnData(EmissionOnData):
    """See `Poisson`."""

    leaves_rows_out = True

    def __init__(self, y: FloatArray, prior: GammaPrior) -> None:
        super().__init__(PoissonData(y, np.nansum(gammaln(y + 1.0), axis=1)), prior, y.shape[1])
        self._constant = -float(self.data.log_factorial.sum())

    def with_data(self, y: ArrayLike) -> PoissonOnData:
        """See `EmissionOnData.with_data`."""
        return PoissonOnData(_checks.counts(y, self.n_features), self.prior)

    def draw(self, rng: np.random.Generator, z: IntArray, K: int, latent: None) -> PoissonParams:
        """See `EmissionOnData.draw`."""
        return PoissonParams(*_draw(rng, self.prior, self.data.y, z, K))

    def log_evidence(self, z: IntArray, K: int, params: PoissonParams, latent: None) -> float:
        """See `EmissionOnData.log_evidence`."""
        return _log_evidence(self.prior, self.data.y, z, K) + self._constant

    def means(self, params: PoissonParams) -> FloatArray:
        """Rate of each state and column, (K, D)."""
        return params.rate.copy()

    def covariances(self, params: PoissonParams) -> FloatArray:
        """Covariance of each state, (K, D, D): the rates on the diagonal."""
        return np.eye(self.n_features) * params.rate[:, None, :]

    def describe(self, params: PoissonParams) -> dict[str, FloatArray]:
        """Rate of each state and column."""
        return {"rate": params.rate.copy()}

    def simulate(self, rng: np.random.Generator, params: PoissonParams, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        rate = params.rate[z]
        large = rate > _LARGE_RATE
        y = rng.poisson(np.where(large, 0.0, rate)).astype(np.float64)
        if large.any():
            y[large] = np.rint(rng.normal(rate[large], np.sqrt(rate[large])))
        return y

    @property
    def n_parameters(self) -> int:
        """Rates."""
        return self.n_features

    def without(self, rows: IntArray, columns: IntArray) -> PoissonOnData:
        """Give the same with these entries, of zeros, missing."""
        on_data = copy(self)
        y = self.data.y.copy()
        y[rows, columns] = np.nan
        on_data.data = self.data._replace(y=y)
        return on_data

    def maximise(
        self,
        responsibilities: FloatArray,
        params: PoissonParams | None = None,
        penalised: bool = True,
    ) -> PoissonParams:
        """See `EmissionOnData.maximise`."""
        return self.maximise_without(responsibilities, 0.0, params, penalised)

    def maximise_without(
        self,
        responsibilities: FloatArray,
        fewer_zeros: FloatArray | float,
        params: PoissonParams | None,
        penalised: bool,
    ) -> PoissonParams:
        """Run an M-step in which the zeros of each state and column have less weight, (K, D) in all."""
        observed = ~np.isnan(self.data.y)
        n = responsibilities.T @ observed.astype(np.float64) - fewer_zeros
        s = responsibilities.T @ np.where(observed, self.data.y, 0.0)
        if penalised:
            return _as_params(np.log(self.prior.a + s) - np.log(self.prior.b + n))
        before = self.prior.a / self.prior.b if params is None else params.rate
        rate = np.where(n > MIN_WEIGHT, s / np.where(n > MIN_WEIGHT, n, 1.0), before)
        return _as_params(np.log(np.maximum(rate, _MIN_RATE)))

    def log_prior(self, params: PoissonParams) -> float:
        """See `EmissionOnData.log_prior`: of the logarithms of the rates."""
        return float(np.sum(self.log_priors(params)))

    def log_priors(self, params: PoissonParams) -> FloatArray:
        """Of each state and column, (K, D)."""
        a, b = self.prior
        return a * (np.log(b) + params.log_rate) - math.lgamma(a) - b * params.rate

    def coordinates(self, params: PoissonParams) -> FloatArray:
        """Logarithms of the rates."""
        return params.log_rate.ravel()

    def from_coordinates(
        self, vector: FloatArray, like: PoissonParams, penalised: bool = True
    ) -> PoissonParams:
        """See `EmissionOnData.from_coordinates`."""
        lowest = -np.inf if penalised else math.log(_MIN_RATE)
        with np.errstate(over="ignore"):
            params = _as_params(np.maximum(vector, lowest).reshape(like.rate.shape))
        if not np.isfinite(params.rate).all():
            raise FloatingPointError("A rate must be finite.")
        return params


def _as_params(log_rate: FloatArray) -> PoissonParams:
    return PoissonParams(np.exp(log_rate), log_rate)
