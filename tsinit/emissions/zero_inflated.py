"""Counts with more zeros than their distribution has: with some probability a zero, else a count."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import betaln, expit

from tsinit._validate import check_number
from tsinit.emissions import _checks, _size
from tsinit.emissions._normal_em import MIN_WEIGHT
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.emissions.negative_binomial import (
    NegativeBinomial,
    NegativeBinomialData,
    NegativeBinomialOnData,
    NegativeBinomialParams,
)
from tsinit.emissions.poisson import GammaPrior, Poisson, PoissonData, PoissonOnData, PoissonParams
from tsinit.kernels._jit import entry
from tsinit.kernels.density import density, sum_log_density
from tsinit.kernels.random import log_gamma_draw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

_INNER = {"poisson": Poisson, "negative_binomial": NegativeBinomial}
_FIRST_ROUNDS = 5  # of the first M-step, which knows no inflation yet
_HIGHEST = 230.0  # of log odds that no prior keeps from growing


class ZeroInflatedPoissonParams(NamedTuple):
    """Probability w of an extra zero, and the parameters of `PoissonParams`."""

    log_odds: np.ndarray  # (K, D) log(w / (1 - w))
    log_zero: np.ndarray  # (K, D) log probability of a zero of either kind
    log_rest: np.ndarray  # (K, D) log(1 - w)
    rate: np.ndarray
    log_rate: np.ndarray


class ZeroInflatedNegativeBinomialParams(NamedTuple):
    """Probability w of an extra zero, and the parameters of `NegativeBinomialParams`."""

    log_odds: np.ndarray  # (K, D) log(w / (1 - w))
    log_zero: np.ndarray  # (K, D) log probability of a zero of either kind
    log_rest: np.ndarray  # (K, D) log(1 - w)
    log_mean: np.ndarray
    log_size: np.ndarray
    size: np.ndarray
    log_inner_zero: np.ndarray
    slope: np.ndarray
    base: np.ndarray


class ZeroInflatedPrior(NamedTuple):
    """w ~ Beta(a, b), and the prior of the counts."""

    a: float
    b: float
    inner: Any


@density(ZeroInflatedPoissonParams)
def _poisson_log_density(
    params: ZeroInflatedPoissonParams, data: PoissonData, t: int, k: int
) -> float:
    total = -data.log_factorial[t]
    for i in range(data.y.shape[1]):
        y = data.y[t, i]
        if y == 0.0:
            total += params.log_zero[k, i]
        elif y > 0.0:
            total += params.log_rest[k, i] + y * params.log_rate[k, i] - params.rate[k, i]
    return total


@density(ZeroInflatedNegativeBinomialParams)
def _negative_binomial_log_density(
    params: ZeroInflatedNegativeBinomialParams, data: NegativeBinomialData, t: int, k: int
) -> float:
    total = -data.log_factorial[t]
    for i in range(data.y.shape[1]):
        y, r = data.y[t, i], params.size[k, i]
        if y == 0.0:
            total += params.log_zero[k, i]
        elif y > 0.0:
            total += params.log_rest[k, i] + params.base[k, i] + y * params.slope[k, i]
            if r < _size.LARGE:
                total += math.lgamma(r + y)
            else:
                total += _size.excess(r, y)
    return total


@entry
def _log_odds_draw(rng: np.random.Generator, a: FloatArray, b: FloatArray) -> FloatArray:
    """Logs of the odds of Beta(a, b) draws, (K, D)."""
    out = np.empty(a.shape)
    for k in range(a.shape[0]):
        for i in range(a.shape[1]):
            out[k, i] = log_gamma_draw(rng, a[k, i]) - log_gamma_draw(rng, b[k, i])
    return out


@entry
def _log_poisson_evidence(
    a: float, b: float, counts: GammaPrior, y: FloatArray, z: IntArray, K: int
) -> float:
    """Log p(y | z) without y!: the sum over how many of the zeros of a state and column are extra ones.

    Its term m, with n counts of which z are zeros and S their sum, is C(z, m) Beta(a + m, b + n - m) / Beta(a, b) times
    the evidence of n - m Poisson counts. Terms follow from one another by their ratio.
    """
    D, total = y.shape[1], 0.0
    for i in range(D):
        n, zeros, S = np.zeros(K), np.zeros(K), np.zeros(K)
        for t in range(z.size):
            if not np.isnan(y[t, i]):
                n[z[t]] += 1.0
                S[z[t]] += y[t, i]
                zeros[z[t]] += y[t, i] == 0.0
        shape, rate = counts.a, counts.b[i]
        constant = shape * math.log(rate) - math.lgamma(shape)
        constant += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        for k in range(K):
            if n[k] == 0.0:
                continue
            power = shape + S[k]
            term = constant + math.lgamma(power) - power * math.log(rate + n[k])
            term += math.lgamma(a) + math.lgamma(b + n[k]) - math.lgamma(a + b + n[k])
            top, scaled = term, 1.0
            for m in range(int(zeros[k])):
                left = n[k] - m - 1.0
                term += math.log((zeros[k] - m) * (a + m) / ((m + 1.0) * (b + left)))
                term += power * math.log1p(1.0 / (rate + left))
                if term > top:
                    scaled = scaled * math.exp(top - term) + 1.0
                    top = term
                else:
                    scaled += math.exp(term - top)
            total += top + math.log(scaled)
    return total


class ZeroInflated(Emission):
    """Counts with extra zeros: with a probability of each state and column a zero, else a Poisson or other count.

    Days without rain, hours without a call, animals that are not there: where zeros are more frequent than counts of
    the mean that the others have would make them, they have a probability of their own. Missing entries are left out.

    The sampler draws which zeros are extra ones with the rest (data augmentation); densities have them summed over.

    Parameters
    ----------
    inner : {"poisson", "negative_binomial"}, Poisson or NegativeBinomial
        Distribution of the other counts, which may be 0 as well; by name, or with priors of your own.
    prior_inflation : float, default 0.5
        Prior mean of the probability of an extra zero, above 0 and below 1.
    prior_weight : float, default 2.0
        Weight of `prior_inflation`, in rows: a Beta distribution, by default a uniform one.

    References
    ----------
    Lambert, Zero-inflated Poisson regression, with an application to defects in manufacturing, Technometrics 34
    (1992), for the model and its EM algorithm.
    """

    def __init__(
        self,
        inner: str | Poisson | NegativeBinomial = "poisson",
        prior_inflation: float = 0.5,
        prior_weight: float = 2.0,
    ) -> None:
        self.inner = inner
        self.prior_inflation = prior_inflation
        self.prior_weight = prior_weight

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> ZeroInflatedOnData:
        """See `Emission.bind`."""
        _checks.counting(self.inner, _INNER)
        inner = _INNER[self.inner]() if isinstance(self.inner, str) else self.inner
        share = check_number("prior_inflation", self.prior_inflation, above=0.0, below=1.0)
        weight = check_number("prior_weight", self.prior_weight, above=0.0)
        return ZeroInflatedOnData(inner.bind(y, offsets), weight * share, weight * (1.0 - share))


class ZeroInflatedOnData(EmissionOnData):
    """See `ZeroInflated`; `collapsed` for Poisson counts.

    Parameters
    ----------
    inner : PoissonOnData or NegativeBinomialOnData
    a, b : float
        Of the prior of the probability of an extra zero.
    """

    def __init__(self, inner: PoissonOnData | NegativeBinomialOnData, a: float, b: float) -> None:
        super().__init__(inner.data, ZeroInflatedPrior(a, b, inner.prior), inner.n_features)
        self.inner = inner
        self.collapsed = isinstance(inner, PoissonOnData)
        self._observed = ~np.isnan(inner.data.y)
        self._zero = inner.data.y == 0.0
        self._zeros = np.nonzero(self._zero)

    def with_data(self, y: ArrayLike) -> ZeroInflatedOnData:
        """See `EmissionOnData.with_data`."""
        return ZeroInflatedOnData(self.inner.with_data(y), self.prior.a, self.prior.b)

    def latent(self, rng: np.random.Generator) -> IntArray:
        """Which zeros (rows, columns of them in order) are extra ones, 1 or 0; half of them at first."""
        return rng.integers(0, 2, len(self._zeros[0]))

    def augment(
        self, rng: np.random.Generator, z: IntArray, params: Any, latent: IntArray
    ) -> IntArray:
        """Redraw which zeros are extra ones."""
        rows, columns = self._zeros
        extra = np.exp(_log_extra(params))[z[rows], columns]
        latent[:] = rng.random(len(rows)) < extra
        return latent

    def draw(self, rng: np.random.Generator, z: IntArray, K: int, latent: IntArray | None) -> Any:
        """See `EmissionOnData.draw`; None for `latent`: no zero is an extra one."""
        n, extra, inner = self._divided(z, K, latent)
        log_odds = _log_odds_draw(rng, self.prior.a + extra, self.prior.b + n - extra)
        return _as_params(log_odds, inner.draw(rng, z, K, None))

    def _divided(
        self, z: IntArray, K: int, latent: IntArray | None
    ) -> tuple[FloatArray, FloatArray, PoissonOnData | NegativeBinomialOnData]:
        """Values and extra zeros of each state and column, (K, D), and the counts without these zeros."""
        D = self.n_features
        n: FloatArray = np.zeros((K, D))
        extra: FloatArray = np.zeros((K, D))
        inner = self.inner
        if len(z):
            for i, observed in enumerate(self._observed.T):
                n[:, i] = np.bincount(z[observed], minlength=K)
            if latent is not None:
                rows, columns = (at[latent > 0] for at in self._zeros)
                extra = (
                    np.bincount(z[rows] * D + columns, minlength=K * D).reshape(K, D).astype(float)
                )
                inner = inner.without(rows, columns)
        return n, extra, inner

    def log_marginal(self, z: IntArray, K: int, latent: IntArray) -> float:
        """See `EmissionOnData.log_marginal`; given which zeros are extra ones."""
        n, extra, inner = self._divided(z, K, latent)
        a, b = self.prior.a, self.prior.b
        of_zeros = betaln(a + extra, b + n - extra) - betaln(a, b)
        return float(of_zeros.sum()) + inner.log_marginal(z, K, None)

    def log_evidence(self, z: IntArray, K: int, params: Any, latent: IntArray | None) -> float:
        """See `EmissionOnData.log_evidence`; which zeros are extra ones is summed over."""
        if self.collapsed:
            a, b, counts = self.prior
            value = _log_poisson_evidence(a, b, counts, self.data.y, z, K)
            return value - float(self.data.log_factorial.sum())
        occupied = np.bincount(z, minlength=K) > 0
        prior = self._log_priors(params)[occupied].sum()
        return sum_log_density(params, self.data, z) + float(prior)

    def means(self, params: Any) -> FloatArray:
        """Mean of each state and column, (K, D), zeros of both kinds included."""
        return expit(-params.log_odds) * self.inner.means(_inner(params))

    def covariances(self, params: Any) -> FloatArray:
        """Covariance of each state, (K, D, D), diagonal."""
        inner = _inner(params)
        mean = self.inner.means(inner)
        variance = np.diagonal(self.inner.covariances(inner), axis1=1, axis2=2)
        variance = expit(-params.log_odds) * (variance + expit(params.log_odds) * mean**2)
        return np.eye(self.n_features) * variance[:, None, :]

    def describe(self, params: Any) -> dict[str, FloatArray]:
        """Probability of an extra zero of each state and column, and the parameters of the other counts."""
        return {"zero_inflation": expit(params.log_odds), **self.inner.describe(_inner(params))}

    def simulate(self, rng: np.random.Generator, params: Any, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        y = self.inner.simulate(rng, _inner(params), z)
        return np.where(rng.random(y.shape) < expit(params.log_odds)[z], 0.0, y)

    @property
    def n_parameters(self) -> int:
        """Probabilities of extra zeros, and the parameters of the other counts."""
        return self.n_features + self.inner.n_parameters

    def maximise(
        self, responsibilities: FloatArray, params: Any | None = None, penalised: bool = True
    ) -> Any:
        """See `EmissionOnData.maximise`; how many zeros are extra ones is expected under `params`."""
        n = responsibilities.T @ self._observed.astype(np.float64)
        zeros = responsibilities.T @ self._zero.astype(np.float64)
        rounds = 1
        if params is None:
            inner = self.inner.maximise_without(responsibilities, 0.5 * zeros, None, penalised)
            params = _as_params(np.zeros(n.shape), inner)
            rounds = _FIRST_ROUNDS
        for _ in range(rounds):
            extra = np.exp(_log_extra(params)) * zeros
            log_odds = self._log_odds(extra, n, params, penalised)
            inner = self.inner.maximise_without(responsibilities, extra, _inner(params), penalised)
            params = _as_params(log_odds, inner)
        return params

    def _log_odds(
        self, extra: FloatArray, n: FloatArray, params: Any, penalised: bool
    ) -> FloatArray:
        others = np.maximum(n - extra, 0.0)
        if penalised:
            return np.log(self.prior.a + extra) - np.log(self.prior.b + others)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_odds = np.clip(np.log(extra) - np.log(others), -_HIGHEST, _HIGHEST)
        return np.where(n > MIN_WEIGHT, log_odds, params.log_odds)

    def log_prior(self, params: Any) -> float:
        """See `EmissionOnData.log_prior`: of the logarithms of odds."""
        return float(self._log_priors(params).sum())

    def _log_priors(self, params: Any) -> FloatArray:
        """Of each state, (K,)."""
        a, b, _ = self.prior
        log_odds = params.log_odds
        total = -a * np.logaddexp(0.0, -log_odds) - b * np.logaddexp(0.0, log_odds) - betaln(a, b)
        return (total + self.inner.log_priors(_inner(params))).sum(axis=1)

    def coordinates(self, params: Any) -> FloatArray:
        """Logarithms of odds, and the coordinates of the other counts."""
        return np.concatenate([params.log_odds.ravel(), self.inner.coordinates(_inner(params))])

    def from_coordinates(self, vector: FloatArray, like: Any, penalised: bool = True) -> Any:
        """See `EmissionOnData.from_coordinates`."""
        n = like.log_odds.size
        log_odds = vector[:n].reshape(like.log_odds.shape)
        if not np.isfinite(log_odds).all():
            raise FloatingPointError("The odds of a zero must be finite.")
        if not penalised:
            log_odds = np.clip(log_odds, -_HIGHEST, _HIGHEST)
        inner = self.inner.from_coordinates(vector[n:], _inner(like), penalised)
        return _as_params(log_odds, inner)


def _as_params(log_odds: FloatArray, inner: PoissonParams | NegativeBinomialParams) -> Any:
    poisson = isinstance(inner, PoissonParams)
    kind: Any = ZeroInflatedPoissonParams if poisson else ZeroInflatedNegativeBinomialParams
    log_rest = -np.logaddexp(0.0, log_odds)
    log_zero = np.logaddexp(log_odds + log_rest, log_rest + _log_inner_zero(inner))
    return kind(log_odds, log_zero, log_rest, *inner)


def _inner(params: Any) -> Any:
    """Parameters of the other counts."""
    kind: Any = (
        PoissonParams if isinstance(params, ZeroInflatedPoissonParams) else NegativeBinomialParams
    )
    return kind(*params[3:])


def _log_inner_zero(inner: PoissonParams | NegativeBinomialParams) -> FloatArray:
    return -inner.rate if isinstance(inner, PoissonParams) else inner.log_zero


def _log_extra(params: Any) -> FloatArray:
    """Log probability (K, D) that a zero is an extra one."""
    return params.log_odds + params.log_rest - params.log_zero
