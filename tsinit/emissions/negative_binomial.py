"""Counts that vary more than Poisson counts do: independent negative binomial columns in each state."""

from __future__ import annotations

import math
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import betaln, gammaln

from tsinit._validate import check_number
from tsinit.emissions import _checks, _size, _size_mode
from tsinit.emissions._normal_em import MIN_WEIGHT
from tsinit.emissions._size_mode import HIGHEST
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.kernels._jit import entry, kernel_with_memory
from tsinit.kernels.density import density
from tsinit.kernels.random import log_gamma_draw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

_MIN_LOG_MEAN = -230.0  # where no prior keeps a state from having none
_KIND, _LARGEST = "negative binomial", 1e12  # sums of larger counts have no digits left for a size


class NegativeBinomialData(NamedTuple):
    """Counts."""

    y: np.ndarray  # (T, D), NaN where missing
    log_factorial: np.ndarray  # (T,) sum of log y! over what is observed


class NegativeBinomialParams(NamedTuple):
    """Mean m and size r of each state and column, and what the density needs of them."""

    log_mean: np.ndarray  # (K, D)
    log_size: np.ndarray  # (K, D)
    size: np.ndarray  # (K, D)
    log_zero: np.ndarray  # (K, D) log probability of no event, r log(r / (r + m))
    slope: np.ndarray  # (K, D) log(m / (r + m)); with log r added where r is large
    base: np.ndarray  # (K, D) log_zero; without log G(r) where r is small


class NegativeBinomialPrior(NamedTuple):
    """Prior of each column, see `_size`."""

    a: float
    c: np.ndarray  # (D,)
    x0: np.ndarray  # (D,) log of the prior size
    e: float


class CountTable(NamedTuple):
    """Counts by their place among the different counts of their column."""

    place: np.ndarray  # (T, D) -1 where missing
    value: np.ndarray  # (D, V) in ascending order, filled up with 0


@density(NegativeBinomialParams)
def _log_density(
    params: NegativeBinomialParams, data: NegativeBinomialData, t: int, k: int
) -> float:
    total = -data.log_factorial[t]
    for i in range(data.y.shape[1]):
        y, r = data.y[t, i], params.size[k, i]
        if y == 0.0:
            total += params.log_zero[k, i]
        elif y > 0.0:
            total += params.base[k, i] + y * params.slope[k, i]
            if r < _size.LARGE:
                total += math.lgamma(r + y)
            else:
                total += _size.excess(r, y)
    return total


@kernel_with_memory
def _rows_by_state(z: IntArray, K: int) -> tuple[IntArray, IntArray]:
    """Rows in the order of their states, and where each state starts (K + 1,); those of no state come last."""
    start, rows = np.zeros(K + 1, np.int64), np.empty(z.size, np.int64)
    for t in range(z.size):
        if z[t] >= 0:
            start[z[t] + 1] += 1
    for k in range(K):
        start[k + 1] += start[k]
    following = start.copy()
    for t in range(z.size):
        if z[t] >= 0:
            rows[following[z[t]]] = t
            following[z[t]] += 1
    return rows, start


@kernel_with_memory
def _summary(
    prior: NegativeBinomialPrior, table: CountTable, i: int, rows: IntArray, often: FloatArray
) -> _size.SizeSummary:
    """Count the different values of column i in these rows; often (V,) is zero, and is so again afterwards."""
    value, weight = np.empty(rows.size), np.empty(rows.size)
    n, S, n_values = 0.0, 0.0, np.int64(0)
    for t in rows:
        if table.place[t, i] >= 0:
            often[table.place[t, i]] += 1.0
    for t in rows:
        v = table.place[t, i]
        if v >= 0 and often[v] > 0.0:
            value[n_values], weight[n_values] = table.value[i, v], often[v]
            n += often[v]
            S += often[v] * table.value[i, v]
            often[v] = 0.0
            n_values += 1
    return _size.SizeSummary(
        value, weight, int(n_values), n, S, prior.a, prior.c[i], prior.x0[i], prior.e
    )


@entry
def _draw(
    rng: np.random.Generator, prior: NegativeBinomialPrior, table: CountTable, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray]:
    """Logs of means and sizes (K, D)."""
    D = table.place.shape[1]
    log_mean, log_size = np.empty((K, D)), np.empty((K, D))
    rows, start = _rows_by_state(z, K)
    often, work = np.zeros(table.value.shape[1]), np.empty((2, 2 * _size.ROOM + 1))
    for k in range(K):
        for i in range(D):
            of_state = _summary(prior, table, i, rows[start[k] : start[k + 1]], often)
            x = _size.draw(rng, of_state, work)
            b = 1.0 + (of_state.c + of_state.n) * math.exp(x)
            log_odds = log_gamma_draw(rng, of_state.a + of_state.S) - log_gamma_draw(rng, b)
            log_mean[k, i], log_size[k, i] = x + log_odds, x
    return log_mean, log_size


@entry
def _log_evidence(prior: NegativeBinomialPrior, table: CountTable, z: IntArray, K: int) -> float:
    """Log p(y | z) without y!."""
    rows, start = _rows_by_state(z, K)
    often, work = np.zeros(table.value.shape[1]), np.empty((1, 2 * _size.ROOM + 1))
    total = 0.0
    for k in range(K):
        for i in range(table.place.shape[1]):
            of_state = _summary(prior, table, i, rows[start[k] : start[k + 1]], often)
            if of_state.n > 0.0:
                total += _size.log_marginal(of_state, work)
    return total


class NegativeBinomial(Emission):
    """Overdispersed counts: a negative binomial mean and size for each state and column; missing entries are left out.

    The variance of a count with mean m and size r is m + m^2 / r: the smaller the size, the more counts vary beyond
    those of a Poisson distribution, which a large size comes near. With `Poisson`, counts that vary more than their
    mean within a state are explained by further states.

    Parameters
    ----------
    prior_mean : float or (D,) float, optional
        Prior mean of the means, whatever the size; None is the mean of the column (half a count more in one row
        more, so that a column of zeros has a prior too).
    prior_shape : float, default 1.0
        Means are sizes times BetaPrime(prior_shape, 1 + prior_shape * size / prior_mean); where sizes are large, this
        is the Gamma prior of `Poisson`.
    prior_size : float or (D,) float, optional
        Prior median of the sizes; None is where the variance beyond the mean is a quarter of that of the column, of
        which at least a tenth of the mean is taken to be there.
    prior_size_shape : float, default 2.0
        Sizes are `prior_size` times the ratio of two Gamma variables of this shape, at least 1; with 2, nine tenths of
        them are between a sixth and six times `prior_size`.

    References
    ----------
    Zhou and Carin, Negative binomial process count and mixture modeling, IEEE Trans. PAMI 37 (2015), for the model;
    here the size is drawn with the mean integrated out.
    """

    def __init__(
        self,
        prior_mean: ArrayLike | None = None,
        prior_shape: float = 1.0,
        prior_size: ArrayLike | None = None,
        prior_size_shape: float = 2.0,
    ) -> None:
        self.prior_mean = prior_mean
        self.prior_shape = prior_shape
        self.prior_size = prior_size
        self.prior_size_shape = prior_size_shape

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> NegativeBinomialOnData:
        """See `Emission.bind`."""
        y = _checks.counts(y, None, _KIND, _LARGEST)
        n = (~np.isnan(y)).sum(axis=0)
        mean = of_column = (np.nansum(y, axis=0) + 0.5) / (n + 1.0)
        variance = np.nansum((y - of_column) ** 2, axis=0) / np.maximum(n, 1)
        size = 4.0 * of_column**2 / np.maximum(variance - of_column, 0.1 * of_column)
        if self.prior_mean is not None:
            mean = _checks.per_column("prior_mean", self.prior_mean, y.shape[1], 0.0)
        if self.prior_size is not None:
            size = _checks.per_column("prior_size", self.prior_size, y.shape[1], 0.0)
        a = check_number("prior_shape", self.prior_shape, above=0.0)
        e = check_number("prior_size_shape", self.prior_size_shape, 1.0)
        return NegativeBinomialOnData(y, NegativeBinomialPrior(a, a / mean, np.log(size), e))


class NegativeBinomialOnData(EmissionOnData):
    """See `NegativeBinomial`."""

    leaves_rows_out = True

    def __init__(self, y: FloatArray, prior: NegativeBinomialPrior) -> None:
        log_factorial = np.nansum(gammaln(y + 1.0), axis=1)
        super().__init__(NegativeBinomialData(y, log_factorial), prior, y.shape[1])
        self._constant = -float(log_factorial.sum())
        self._table = _tabulate(y)

    def with_data(self, y: ArrayLike) -> NegativeBinomialOnData:
        """See `EmissionOnData.with_data`."""
        y = _checks.counts(y, self.n_features, _KIND, _LARGEST)
        return NegativeBinomialOnData(y, self.prior)

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: None
    ) -> NegativeBinomialParams:
        """See `EmissionOnData.draw`."""
        return _as_params(*_draw(rng, self.prior, self._table, z, K))

    def log_evidence(
        self, z: IntArray, K: int, params: NegativeBinomialParams, latent: None
    ) -> float:
        """See `EmissionOnData.log_evidence`."""
        return _log_evidence(self.prior, self._table, z, K) + self._constant

    def means(self, params: NegativeBinomialParams) -> FloatArray:
        """Mean of each state and column, (K, D)."""
        return np.exp(params.log_mean)

    def covariances(self, params: NegativeBinomialParams) -> FloatArray:
        """Covariance of each state, (K, D, D): mean + mean^2 / size on the diagonal."""
        mean = np.exp(params.log_mean)
        variance = mean + np.exp(2.0 * params.log_mean - params.log_size)
        return np.eye(self.n_features) * variance[:, None, :]

    def describe(self, params: NegativeBinomialParams) -> dict[str, FloatArray]:
        """Mean and size of each state and column."""
        return {"mean": self.means(params), "size": params.size.copy()}

    def simulate(
        self, rng: np.random.Generator, params: NegativeBinomialParams, z: IntArray
    ) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        rate = np.exp(params.log_mean - params.log_size)[z] * rng.standard_gamma(params.size[z])
        return np.minimum(rng.poisson(np.minimum(rate, _LARGEST)).astype(np.float64), _LARGEST)

    @property
    def n_parameters(self) -> int:
        """Means and sizes."""
        return 2 * self.n_features

    def without(self, rows: IntArray, columns: IntArray) -> NegativeBinomialOnData:
        """Give the same with these entries, of zeros, missing where parameters are drawn."""
        on_data = copy(self)
        place = self._table.place.copy()
        place[rows, columns] = -1
        on_data._table = self._table._replace(place=place)
        return on_data

    def maximise(
        self,
        responsibilities: FloatArray,
        params: NegativeBinomialParams | None = None,
        penalised: bool = True,
    ) -> NegativeBinomialParams:
        """See `EmissionOnData.maximise`."""
        fewer = np.zeros((responsibilities.shape[1], self.n_features))
        return self.maximise_without(responsibilities, fewer, params, penalised)

    def maximise_without(
        self,
        responsibilities: FloatArray,
        fewer_zeros: FloatArray,
        params: NegativeBinomialParams | None,
        penalised: bool,
    ) -> NegativeBinomialParams:
        """Run an M-step in which the zeros of each state and column have less weight, (K, D) in all."""
        shape = (responsibilities.shape[1], self.n_features)
        a, c, x0, e = self.prior
        log_mean, log_size = np.empty(shape), np.empty(shape)
        for i in range(self.n_features):
            counts = self._weighted(responsibilities, i, fewer_zeros[:, i])
            x = np.full(shape[0], x0[i]) if params is None else params.log_size[:, i]
            if penalised:
                log_mean[:, i], log_size[:, i] = _size_mode.most_probable(
                    counts, a, c[i], x0[i], e, x
                )
            else:
                some = counts.n > MIN_WEIGHT
                counts = counts._replace(n=np.where(some, counts.n, 1.0))
                log_size[:, i] = np.where(some, _size_mode.most_likely(counts, x), x)
                before = math.log(a / c[i]) if params is None else params.log_mean[:, i]
                with np.errstate(divide="ignore"):
                    log_mean[:, i] = np.where(some, np.log(counts.S / counts.n), before)
        return _as_params(
            np.maximum(log_mean, _MIN_LOG_MEAN) if not penalised else log_mean, log_size
        )

    def log_prior(self, params: NegativeBinomialParams) -> float:
        """See `EmissionOnData.log_prior`: of the logarithms of means and sizes."""
        return float(np.sum(self.log_priors(params)))

    def log_priors(self, params: NegativeBinomialParams) -> FloatArray:
        """Of each state and column, (K, D)."""
        a, c, x0, e = self.prior
        log_odds, b = params.log_mean - params.log_size, 1.0 + c * params.size
        total = a * log_odds - (a + b) * np.log1p(np.exp(log_odds)) - betaln(a, b)
        away = np.abs(params.log_size - x0)
        total += -e * (away + 2.0 * np.log1p(np.exp(-away))) - betaln(e, e)
        return total

    def coordinates(self, params: NegativeBinomialParams) -> FloatArray:
        """Logarithms of means and sizes."""
        return np.concatenate([params.log_mean.ravel(), params.log_size.ravel()])

    def from_coordinates(
        self, vector: FloatArray, like: NegativeBinomialParams, penalised: bool = True
    ) -> NegativeBinomialParams:
        """See `EmissionOnData.from_coordinates`."""
        log_mean, log_size = vector.reshape(2, *like.log_mean.shape)
        if not penalised:
            log_mean = np.maximum(log_mean, _MIN_LOG_MEAN)
            log_size = np.clip(log_size, -HIGHEST, HIGHEST)
        with np.errstate(over="ignore", invalid="ignore"):
            params = _as_params(log_mean, log_size)
        if not all(np.isfinite(values).all() for values in params):
            raise FloatingPointError("A mean and a size must be finite.")
        return params

    def _weighted(
        self, responsibilities: FloatArray, i: int, fewer_zeros: FloatArray
    ) -> _size_mode.WeightedCounts:
        place, value = self._table.place[:, i], self._table.value[i]
        observed = place >= 0
        weight = np.column_stack(
            [np.bincount(place[observed], w[observed], len(value)) for w in responsibilities.T]
        ).astype(np.float64, copy=False)
        if fewer_zeros.any():  # there are some then, in front
            weight[0] = np.maximum(weight[0] - fewer_zeros, 0.0)
        return _size_mode.WeightedCounts(value, weight, weight.sum(axis=0), value @ weight)


def _tabulate(y: FloatArray) -> CountTable:
    place, values = np.full(y.shape, -1), []
    for i, column in enumerate(y.T):
        observed = ~np.isnan(column)
        different, place[observed, i] = np.unique(column[observed], return_inverse=True)
        values.append(different)
    table = np.zeros((y.shape[1], max(map(len, values))))
    for row, different in zip(table, values, strict=True):
        row[: len(different)] = different
    return CountTable(place, table)


def _as_params(log_mean: FloatArray, log_size: FloatArray) -> NegativeBinomialParams:
    size, log_odds = np.exp(log_size), log_mean - log_size
    log_ratio = np.log1p(np.exp(log_odds))  # log((r + m) / r)
    log_zero, large = -size * log_ratio, size >= _size.LARGE
    slope = np.where(large, log_mean, log_odds) - log_ratio
    base = np.where(large, log_zero, log_zero - gammaln(size))
    return NegativeBinomialParams(log_mean, log_size, size, log_zero, slope, base)
