"""Autoregressive observations: a state is known by how a row follows from those before it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_discrete_lyapunov

from tsinit._validate import check_choice, check_count, check_number
from tsinit.emissions import _checks
from tsinit.emissions import _missing_past as gaps
from tsinit.emissions import _own_past_em as gapped
from tsinit.emissions import _regression as regression
from tsinit.emissions import _regression_em as em
from tsinit.emissions._own_past import own_past_log_densities
from tsinit.emissions._own_past_slope import rows_behind_gaps
from tsinit.emissions._regression import AutoregressiveParams, RowsWithPast
from tsinit.emissions._scaling import column_scale
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.emissions.gaussian import Gaussian
from tsinit.emissions.gaussian_diag import DiagonalGaussian
from tsinit.kernels.density import density, sum_log_density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._regression import AutoregressionPrior
    from tsinit.emissions._scaling import ColumnScale

LOG_2PI = math.log(2.0 * math.pi)
_SHARE = 0.25  # of what one regression of all rows leaves, expected of the noise of a state
_MIN_NOISE = 1e-8  # of the variance of a column


@density(AutoregressiveParams)
def _log_density(params: AutoregressiveParams, data: RowsWithPast, t: int, k: int) -> float:
    D = data.y.shape[1]
    if data.n_before[t] * D + 1 < params.whitened.shape[2]:
        value = D * LOG_2PI
        for i in range(D):
            value += data.y[t, i] * data.y[t, i]
        value = -0.5 * value
    else:
        value = params.log_norm[k] - 0.5 * regression.square(params, data.y, t, k)
    return value


class Autoregressive(Emission):
    """Vector autoregression of each state: y_t = b_k + sum_j A_kj y_{t-j} + e, e ~ N(0, Sigma_k).

    States are told apart by their dynamics, not only by their levels. Coefficients and noise have a conjugate prior,
    matrix-normal inverse-Wishart, or inverse gamma for each column. Columns are standardised inside, so that units do
    not matter.

    Nothing is looked up across the start of a sequence. Its first `order` rows, which lack a part of their past, are
    normal with the mean and the variances of all the data in every state alike: they say nothing of their states,
    which the rows after them tell, and the posterior is that given these rows.

    A missing value stands in its own row and in the past of others, whose states differ. The sampler draws all
    missing values together, given states and parameters, by one banded factor: exact, for gaps of any length, and free
    multiple imputations. States inside long gaps move slowly. In `InfiniteHMM.predict` and `score`, and wherever else
    there is no sampler to fill them in, missing values before a row are integrated out as if the state of the row had
    been there since they began: exact where the states did not change in between. EM (`HiddenMarkovModel`) maximises
    the likelihood in which they are; its M-step has no closed form behind gaps and is some ten to hundred times slower
    there.

    Parameters
    ----------
    order : int, default 1
        Rows p that a row looks back; 0 is `Gaussian` or `DiagonalGaussian`.
    covariance : {"full", "diag"}, default "full"
        Of the noise. Any column may follow from the past of any other in both.
    prior_weight : float, default 0.05
        Of the prior of intercept and coefficients. These lie about 1 / sqrt(4 prior_weight) = 2.2 around 0 for
        standardised columns in a state with the expected noise: wide enough not to pull on a state of a few rows.
    prior_noise : (D, D) or (D,) float, optional
        Prior expectation of the covariance of the noise, or with "diag" (also one number) of its variances; None is a
        quarter, without correlation, of what one autoregression of all rows leaves of the variances.
    prior_df : float, optional
        Degrees of freedom behind `prior_noise`, above D + 1, or with "diag" above 2; None is D + 3, or with "diag" 4.

    References
    ----------
    Fox, Sudderth, Jordan and Willsky, "Bayesian nonparametric inference of switching dynamic linear models" (IEEE
    Transactions on Signal Processing 59, 2011); Karlsson, "Forecasting with Bayesian vector autoregression" (Handbook
    of Economic Forecasting 2, 2013), section 3.2, for the prior.
    """

    def __init__(
        self,
        order: int = 1,
        covariance: str = "full",
        prior_weight: float = 0.05,
        prior_noise: ArrayLike | None = None,
        prior_df: float | None = None,
    ) -> None:
        self.order = order
        self.covariance = covariance
        self.prior_weight = prior_weight
        self.prior_noise = prior_noise
        self.prior_df = prior_df

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> EmissionOnData:
        """See `Emission.bind`; rows never look across a start in `offsets`."""
        order = check_count("order", self.order, 0)
        full = check_choice("covariance", self.covariance, ("full", "diag")) == "full"
        if order == 0:
            return self._without_past(full).bind(y, offsets)
        y = _checks.real_table(y)
        D, scale = y.shape[1], column_scale(y)
        data = _with_past(scale.apply(y), offsets)
        weight = check_number("prior_weight", self.prior_weight, above=0.0)
        df = 4.0 if not full else D + 3.0
        if self.prior_df is not None:
            df = check_number("prior_df", self.prior_df, above=D + 1.0 if full else 2.0)
        if self.prior_noise is None:
            noise = np.diag(_SHARE * _left_by_one(data, order))
        elif full:
            noise = _checks.covariance("prior_noise", self.prior_noise, D)
            noise = noise / np.outer(scale.scale, scale.scale)
        else:
            noise = np.diag(_checks.per_column("prior_noise", self.prior_noise, D, 0.0))
            noise = noise / scale.scale**2
        # As far around zero whatever the noise: its size, not its square root, then does not matter.
        size = weight * float(np.exp(np.log(np.diag(noise)).mean())) / _SHARE
        Psi = np.ascontiguousarray(noise * (df - (D + 1.0 if full else 2.0)))
        prior = regression.regression_prior(np.full(1 + order * D, size), df, Psi, not full)
        return AutoregressiveOnData(data, prior, scale, order)

    def _without_past(self, full: bool) -> Gaussian | DiagonalGaussian:
        if full:
            return Gaussian(None, self.prior_weight, self.prior_noise, self.prior_df)
        df = 4.0 if self.prior_df is None else self.prior_df
        return DiagonalGaussian(None, self.prior_weight, self.prior_noise, df)


def _with_past(y: FloatArray, offsets: IntArray | None) -> RowsWithPast:
    rows = np.arange(len(y))
    if offsets is None:
        return RowsWithPast(y, rows)
    starts = np.asarray(offsets, dtype=np.int64)[:-1]
    return RowsWithPast(y, rows - starts[np.searchsorted(starts, rows, side="right") - 1])


def _left_by_one(data: RowsWithPast, order: int) -> FloatArray:
    """Variances (D,) that one regression of all complete rows leaves; one of each column where these are few."""
    y, n_before = data
    D, q = y.shape[1], 1 + order * y.shape[1]
    whole = ~np.isnan(y).any(axis=1)
    rows = np.flatnonzero(n_before >= order)
    for lag in range(order + 1):
        rows = rows[whole[rows - lag]]
    if len(rows) <= 2 * q:
        return np.ones(D)
    X = np.hstack([np.ones((len(rows), 1)), *[y[rows - lag] for lag in range(1, order + 1)]])
    left = y[rows] - X @ np.linalg.lstsq(X, y[rows], rcond=None)[0]
    return np.clip((left**2).sum(axis=0) / (len(rows) - q), _MIN_NOISE, None)


class AutoregressiveOnData(EmissionOnData):
    """See `Autoregressive`; `collapsed` where nothing is missing."""

    leaves_rows_out = True

    def __init__(
        self, data: RowsWithPast, prior: AutoregressionPrior, scale: ColumnScale, order: int
    ) -> None:
        super().__init__(data, prior, data.y.shape[1])
        self.scale = scale
        self.order = order
        self.missing = gaps.list_missing(data.y, data.n_before, order)
        self.behind = rows_behind_gaps(data, order)
        self.collapsed = self.missing.row.size == 0
        self.log_jacobian = scale.log_jacobian(data.y)

    def with_data(self, y: ArrayLike) -> AutoregressiveOnData:
        """See `EmissionOnData.with_data`; one sequence."""
        return self.with_sequences(y, None)

    def with_sequences(self, y: ArrayLike, offsets: IntArray | None) -> AutoregressiveOnData:
        """See `EmissionOnData.with_sequences`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return AutoregressiveOnData(_with_past(y, offsets), self.prior, self.scale, self.order)

    def latent(self, rng: np.random.Generator) -> FloatArray | None:
        """Observations with gaps interpolated within their sequence; None if nothing is missing."""
        return None if self.collapsed else _interpolated(self.data)

    def data_given(self, latent: FloatArray | None) -> RowsWithPast:
        """See `EmissionOnData.data_given`."""
        return self.data if latent is None else RowsWithPast(latent, self.data.n_before)

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: FloatArray | None
    ) -> AutoregressiveParams:
        """See `EmissionOnData.draw`."""
        return AutoregressiveParams(
            *regression.draw(rng, self.prior, self.data_given(latent), z, K)
        )

    def augment(
        self,
        rng: np.random.Generator,
        z: IntArray,
        params: AutoregressiveParams,
        latent: FloatArray | None,
    ) -> FloatArray | None:
        """Redraw all missing values together."""
        if latent is not None:
            gaps.fill(rng, params, self.data_given(latent), self.missing, z)
        return latent

    def log_marginal(self, z: IntArray, K: int, latent: FloatArray | None) -> float:
        """See `EmissionOnData.log_marginal`; of what is observed and what is filled in."""
        return regression.log_evidence(self.prior, self.data_given(latent), z, K)

    def log_evidence(
        self, z: IntArray, K: int, params: AutoregressiveParams, latent: FloatArray | None
    ) -> float:
        """See `EmissionOnData.log_evidence`; missing values are integrated out given the states."""
        if self.collapsed:
            value = self.log_marginal(z, K, None)
            first = self.data.y[self.data.n_before < self.order]
            value -= 0.5 * float((first**2).sum() + first.size * LOG_2PI)
        else:
            full = self.data_given(_interpolated(self.data) if latent is None else latent)
            value = sum_log_density(params, full, z)
            value += gaps.log_gain(params, full, self.missing, z)
            occupied = np.bincount(z, minlength=K) > 0
            value += float(regression.log_prior(self.prior, params)[occupied].sum())
        return value + self.log_jacobian

    @property
    def n_parameters(self) -> int:
        """Coefficients, and covariance or variances of the noise."""
        D = self.n_features
        return D * self.prior.weight.size + (D if self.prior.diagonal else D * (D + 1) // 2)

    def maximise(
        self,
        responsibilities: FloatArray,
        params: AutoregressiveParams | None = None,
        penalised: bool = True,
    ) -> AutoregressiveParams:
        """See `EmissionOnData.maximise`; weighted regressions, and with missing values maximised numerically."""
        if self.collapsed:
            return em.maximise(self.prior, self.data, responsibilities, params, penalised)
        if params is None:
            full = _interpolated(self.data)
            return gapped.guess(
                self.prior, self.data, full, self.behind, responsibilities, penalised
            )
        return gapped.maximise(
            self.prior, self.data, self.behind, responsibilities, params, penalised
        )

    def log_prior(self, params: AutoregressiveParams) -> float:
        """See `EmissionOnData.log_prior`."""
        return float(regression.log_prior(self.prior, params).sum())

    def coordinates(self, params: AutoregressiveParams) -> FloatArray:
        """See `EmissionOnData.coordinates`."""
        return em.coordinates(self.prior, params)

    def from_coordinates(
        self, vector: FloatArray, like: AutoregressiveParams, penalised: bool = True
    ) -> AutoregressiveParams:
        """See `EmissionOnData.from_coordinates`."""
        return em.from_coordinates(self.prior, vector, like, penalised)

    def log_densities(self, params: AutoregressiveParams, K: int) -> FloatArray:
        """See `EmissionOnData.log_densities`; what is missing is filled in by the own dynamics of each state."""
        if self.collapsed:
            return super().log_densities(params, K)
        return own_past_log_densities(params, self.data, self._noise(params))

    def means(self, params: AutoregressiveParams) -> FloatArray:
        """Mean that the dynamics of each state have in the long run, (K, D); NaN where they are not stationary."""
        out = np.full((len(params.coefficients), self.n_features), np.nan)
        for k, (b, companion) in enumerate(zip(*self._dynamics(params), strict=True)):
            if _is_stationary(companion):
                out[k] = np.linalg.solve(np.eye(len(b)) - companion, b)[: self.n_features]
        return self.scale.undo(out)

    def average_means(self, means: FloatArray) -> FloatArray:
        """Median over the draws that have the state and are stationary: near a unit root means have no expectation."""
        lacking = np.isnan(means).all(axis=0)
        out = np.full(means.shape[1:], np.nan)
        out[~lacking] = np.nanmedian(means[:, ~lacking], axis=0)
        return out

    def covariances(self, params: AutoregressiveParams) -> FloatArray:
        """Covariance of rows in the long run, (K, D, D); NaN where a state is not stationary."""
        D = self.n_features
        out = np.full((len(params.coefficients), D, D), np.nan)
        noise, (_, companions) = self._noise(params), self._dynamics(params)
        for k, companion in enumerate(companions):
            if _is_stationary(companion):
                Q = np.zeros_like(companion)
                Q[:D, :D] = noise[k]
                out[k] = solve_discrete_lyapunov(companion, Q)[:D, :D]
        return out * np.outer(self.scale.scale, self.scale.scale)

    def describe(self, params: AutoregressiveParams) -> dict[str, FloatArray]:
        """Intercept (K, D), coefficients (K, order, D, D) and covariance of the noise of each state."""
        D, s = self.n_features, self.scale.scale
        A = params.coefficients[:, :, 1:].reshape(-1, D, self.order, D).transpose(0, 2, 1, 3)
        A = A * (s[:, None] / s)
        b = self.scale.undo(params.coefficients[:, :, 0]) - A.sum(axis=1) @ self.scale.loc
        return {
            "intercept": b,
            "coefficients": A,
            "noise_covariance": self._noise(params) * np.outer(s, s),
        }

    def simulate(
        self,
        rng: np.random.Generator,
        params: AutoregressiveParams,
        z: IntArray,
        offsets: IntArray | None = None,
    ) -> FloatArray:
        """See `EmissionOnData.simulate`; offsets : (N + 1,) where sequences start, None for one."""
        y, n_before = _with_past(rng.standard_normal((len(z), self.n_features)), offsets)
        root = np.linalg.inv(params.whiten)
        for t in np.flatnonzero(n_before >= self.order):
            k = z[t]
            past = y[t - self.order : t][::-1].ravel()
            B = params.coefficients[k]
            y[t] = B[:, 0] + B[:, 1:] @ past + root[k] @ y[t]
        return self.scale.undo(y)

    def simulate_after(
        self, rng: np.random.Generator, params: AutoregressiveParams, z: IntArray, past: FloatArray
    ) -> FloatArray:
        """See `EmissionOnData.simulate_after`; the last rows of `past`, as many as are looked back at, are complete."""
        last = self.scale.apply(_checks.complete_end(past, self.order))
        S, n = z.shape
        y = np.concatenate(
            [np.tile(last, (S, 1, 1)), rng.standard_normal((S, n, self.n_features))], axis=1
        )
        root = np.linalg.inv(params.whiten)
        # The first rows of a sequence have no past.
        for step in range(max(self.order - len(last), 0), n):
            t, k = len(last) + step, z[:, step]
            lags = y[:, t - self.order : t][:, ::-1].reshape(S, -1)
            B = params.coefficients[k]
            noise = np.einsum("sij,sj->si", root[k], y[:, t])
            y[:, t] = B[:, :, 0] + np.einsum("sij,sj->si", B[:, :, 1:], lags) + noise
        return self.scale.undo(y[:, len(last) :])

    def moments_after(
        self,
        params: AutoregressiveParams,
        now: FloatArray,
        P: FloatArray,
        ahead: FloatArray,
        past: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """See `EmissionOnData.moments_after`; the last rows of `past`, as many as are looked back at, are complete."""
        last = self.scale.apply(_checks.complete_end(past, self.order))
        dynamics = (*self._dynamics(params), self._noise(params))
        means, covariances = em.moments_after(dynamics, now, P, last, len(ahead))
        return self.scale.undo(means), covariances * np.outer(self.scale.scale, self.scale.scale)

    def _noise(self, params: AutoregressiveParams) -> FloatArray:
        root = np.linalg.inv(params.whiten)
        return np.ascontiguousarray(root @ root.transpose(0, 2, 1))

    def _dynamics(self, params: AutoregressiveParams) -> tuple[FloatArray, FloatArray]:
        """Intercepts (K, p D) and companion matrices (K, p D, p D), standardised."""
        K, D, q = params.coefficients.shape
        companion = np.zeros((K, q - 1, q - 1))
        companion[:, :D] = params.coefficients[:, :, 1:]
        companion[:, D:, : q - 1 - D] = np.eye(q - 1 - D)
        intercept = np.zeros((K, q - 1))
        intercept[:, :D] = params.coefficients[:, :, 0]
        return intercept, companion


def _is_stationary(companion: FloatArray) -> bool:
    return bool(np.abs(np.linalg.eigvals(companion)).max() < 1.0)


def _interpolated(data: RowsWithPast) -> FloatArray:
    """Fill gaps linearly within each sequence, holding the ends; 0, the mean, where a sequence has no value."""
    y = data.y.copy()
    bounds = np.append(np.flatnonzero(data.n_before == 0), len(y))
    for a, b in pairwise(bounds):
        for column in y[a:b].T:
            gap = np.isnan(column)
            if gap.all():
                column[:] = 0.0
            elif gap.any():
                seen = np.flatnonzero(~gap)
                column[gap] = np.interp(np.flatnonzero(gap), seen, column[seen])
    return y
