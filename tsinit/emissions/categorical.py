"""Categories: independent categorical columns in each state."""

from __future__ import annotations

import math
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
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray, IntArray

_ROWS_PER_CATEGORY = 0.5  # weight of Jeffreys' prior
_MIN_PROBABILITY = 1e-100  # where no prior keeps a state from never having a category


class CategoricalData(NamedTuple):
    """Categories, numbered from 0 in each column."""

    code: np.ndarray  # (T, D) int64, -1 where missing


class CategoricalParams(NamedTuple):
    """Probabilities of each state."""

    log_prob: np.ndarray  # (K, D, C), -inf beyond the categories of a column


class DirichletPrior(NamedTuple):
    """Prior of the probabilities of each column."""

    counts: np.ndarray  # (D, C), 0 beyond the categories of a column


@density(CategoricalParams)
def _log_density(params: CategoricalParams, data: CategoricalData, t: int, k: int) -> float:
    total = 0.0
    for i in range(data.code.shape[1]):
        code = data.code[t, i]
        if code >= 0:
            total += params.log_prob[k, i, code]
    return total


@kernel_with_memory
def _counts(code: IntArray, z: IntArray, K: int, C: int) -> FloatArray:
    """Count the categories of every state and column, (K, D, C)."""
    D = code.shape[1]
    n = np.zeros((K, D, C))
    for t in range(z.size):
        if z[t] < 0:
            continue
        for i in range(D):
            if code[t, i] >= 0:
                n[z[t], i, code[t, i]] += 1.0
    return n


@entry
def _draw(
    rng: np.random.Generator, prior: DirichletPrior, code: IntArray, z: IntArray, K: int
) -> FloatArray:
    """Log probabilities (K, D, C): Dirichlet by Gammas in logs, because small shapes underflow."""
    D, C = prior.counts.shape
    n = _counts(code, z, K, C)
    for k in range(K):
        for i in range(D):
            top = -np.inf
            for c in range(C):
                n[k, i, c] = log_gamma_draw(rng, n[k, i, c] + prior.counts[i, c])
                top = max(top, n[k, i, c])
            total = 0.0
            for c in range(C):
                total += math.exp(n[k, i, c] - top)
            top += math.log(total)
            for c in range(C):
                n[k, i, c] -= top
    return n


@entry
def _log_evidence(prior: DirichletPrior, code: IntArray, z: IntArray, K: int) -> float:
    """Sum over states and columns of the log Dirichlet-multinomial probability of the categories in order."""
    D, C = prior.counts.shape
    n = _counts(code, z, K, C)
    total = 0.0
    for i in range(D):
        weight = 0.0
        for c in range(C):
            weight += prior.counts[i, c]
        for k in range(K):
            rows = 0.0
            for c in range(C):
                if n[k, i, c] > 0.0:
                    rows += n[k, i, c]
                    total += math.lgamma(prior.counts[i, c] + n[k, i, c]) - math.lgamma(
                        prior.counts[i, c]
                    )
            if rows > 0.0:
                total += math.lgamma(weight) - math.lgamma(weight + rows)
    return total


class Categorical(Emission):
    """Categories with probabilities for each state and column, Dirichlet priors; missing ones are left out.

    Parameters
    ----------
    categories : sequence of int, optional
        The whole numbers that may occur, in any column; None are those that do, column by column.
    prior_weight : float, optional
        Weight of the prior, in rows; None is half a row for each category of the column, as in Jeffreys'
        prior. They are shared out as the categories are in the whole column (half a row more for each), so
        that a rare category is expected to be rare in a state.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 3.4.
    """

    def __init__(
        self, categories: Sequence[int] | None = None, prior_weight: float | None = None
    ) -> None:
        self.categories = categories
        self.prior_weight = prior_weight

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> CategoricalOnData:
        """See `Emission.bind`."""
        y = _checks.codes(y)
        if self.categories is None:
            values = [np.unique(column[~np.isnan(column)]) for column in y.T]
            values = [v if v.size else np.zeros(1) for v in values]
        else:
            values = [_checks.categories(self.categories)] * y.shape[1]
        code = _encoded(y, values)
        counts = np.zeros((len(values), max(v.size for v in values)))
        for i, v in enumerate(values):
            share = np.bincount(code[code[:, i] >= 0, i], minlength=v.size) + 0.5
            weight = _ROWS_PER_CATEGORY * v.size
            if self.prior_weight is not None:
                weight = check_number("prior_weight", self.prior_weight, above=0.0)
            counts[i, : v.size] = weight * share / share.sum()
        return CategoricalOnData(code, DirichletPrior(counts), values)


class CategoricalOnData(EmissionOnData):
    """See `Categorical`."""

    numeric = False
    leaves_rows_out = True

    def __init__(self, code: IntArray, prior: DirichletPrior, values: list[FloatArray]) -> None:
        super().__init__(CategoricalData(code), prior, len(values))
        self._sets = values
        # Categories of all columns side by side; what a column lacks has no probability.
        self.values = np.array([np.pad(v, (0, prior.counts.shape[1] - v.size)) for v in values])

    def with_data(self, y: ArrayLike) -> CategoricalOnData:
        """See `EmissionOnData.with_data`."""
        return CategoricalOnData(
            _encoded(_checks.codes(y, self.n_features), self._sets), self.prior, self._sets
        )

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: None
    ) -> CategoricalParams:
        """See `EmissionOnData.draw`."""
        return CategoricalParams(_draw(rng, self.prior, self.data.code, z, K))

    def log_evidence(self, z: IntArray, K: int, params: CategoricalParams, latent: None) -> float:
        """See `EmissionOnData.log_evidence`."""
        return _log_evidence(self.prior, self.data.code, z, K)

    def means(self, params: CategoricalParams) -> FloatArray:
        """Mean of the numbers of the categories, (K, D): of categories 0 and 1 the probability of 1."""
        return np.sum(np.exp(params.log_prob) * self.values, axis=2)

    def covariances(self, params: CategoricalParams) -> FloatArray:
        """Covariance of the numbers of the categories, (K, D, D), diagonal."""
        distance = self.values - self.means(params)[:, :, None]
        return (
            np.eye(self.n_features)
            * np.sum(np.exp(params.log_prob) * distance**2, axis=2)[:, None, :]
        )

    def describe(self, params: CategoricalParams) -> dict[str, FloatArray]:
        """Probabilities (K, D, C) of the categories of each column in ascending order, 0 beyond the last."""
        return {"probability": np.exp(params.log_prob)}

    def simulate(
        self, rng: np.random.Generator, params: CategoricalParams, z: IntArray
    ) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        cumulative = np.cumsum(np.exp(params.log_prob), axis=2)[z]
        uniform = rng.random((len(z), self.n_features)) * cumulative[:, :, -1]
        code = np.sum(uniform[:, :, None] >= cumulative, axis=2)
        last = np.array([v.size - 1 for v in self._sets])  # rounding may have reached the total
        return self.values[np.arange(self.n_features), np.minimum(code, last)]

    @property
    def n_parameters(self) -> int:
        """Probabilities less one in each column."""
        return sum(v.size - 1 for v in self._sets)

    def maximise(
        self,
        responsibilities: FloatArray,
        params: CategoricalParams | None = None,
        penalised: bool = True,
    ) -> CategoricalParams:
        """See `EmissionOnData.maximise`."""
        n = self._weighted_counts(responsibilities)
        total = n.sum(axis=2, keepdims=True)
        known = self.prior.counts > 0.0
        if penalised:
            n, total = n + self.prior.counts, total + self.prior.counts.sum(axis=1)[:, None]
            return _as_params(n / total, known)
        weight = self.prior.counts / self.prior.counts.sum(axis=1)[:, None]
        before = weight if params is None else np.exp(params.log_prob)
        some = total > MIN_WEIGHT
        return _as_params(np.where(some, n / np.where(some, total, 1.0), before), known)

    def _weighted_counts(self, share: FloatArray) -> FloatArray:
        """Expected counts of the categories of every state and column, (K, D, C)."""
        D, C = self.prior.counts.shape
        n = np.empty((share.shape[1], D, C))
        for k, weight in enumerate(share.T):
            for i, code in enumerate(self.data.code.T):
                # Missing ones, of code -1, are counted in place 0 and left out.
                n[k, i] = np.bincount(code + 1, weight, C + 1)[1:]
        return n

    def log_prior(self, params: CategoricalParams) -> float:
        """See `EmissionOnData.log_prior`: of the logarithms of odds."""
        counts = self.prior.counts
        known = counts > 0.0
        constant = gammaln(counts.sum(axis=1)).sum() - gammaln(counts[known]).sum()
        exponent = np.where(known, counts * np.where(known, params.log_prob, 0.0), 0.0)
        return float(len(params.log_prob) * constant + exponent.sum())

    def coordinates(self, params: CategoricalParams) -> FloatArray:
        """Logarithms of the probabilities of the categories that a column has."""
        return params.log_prob[:, self.prior.counts > 0.0].ravel()

    def from_coordinates(
        self, vector: FloatArray, like: CategoricalParams, penalised: bool = True
    ) -> CategoricalParams:
        """See `EmissionOnData.from_coordinates`; what is no probability is made one by its sum."""
        if not np.isfinite(vector).all():
            raise FloatingPointError("A logarithm of odds must be finite.")
        known = self.prior.counts > 0.0
        log_prob = np.full(like.log_prob.shape, -np.inf)
        log_prob[:, known] = vector.reshape(len(log_prob), -1)
        odds = np.exp(log_prob - log_prob.max(axis=2, keepdims=True))
        return _as_params(odds / odds.sum(axis=2, keepdims=True), known)


def _as_params(prob: FloatArray, known: BoolArray) -> CategoricalParams:
    """Take logarithms; categories of a column keep a trace, and what it does not have has none."""
    prob = np.where(known, np.maximum(prob, _MIN_PROBABILITY), 1.0)
    return CategoricalParams(np.where(known, np.log(prob), -np.inf))


def _encoded(y: FloatArray, values: list[FloatArray]) -> IntArray:
    """Number the categories of each column from 0, -1 where missing."""
    code = np.full(y.shape, -1, np.int64)
    for i, known in enumerate(values):
        observed = ~np.isnan(y[:, i])
        _checks.known_categories(y[observed, i], known, i)
        code[observed, i] = np.searchsorted(known, y[observed, i])
    return code
