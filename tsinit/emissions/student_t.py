"""Student-t observations with a full scale matrix of each state: Gaussians with a weight on every row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from tsinit._validate import check_number
from tsinit.emissions import _checks
from tsinit.emissions import _normal_wishart as nw
from tsinit.emissions._normal_em import NormalEM
from tsinit.emissions._normal_rows import (
    fill_row,
    is_partly_observed,
    list_gaps,
    observed_part,
    start_fill,
)
from tsinit.emissions._scaling import column_scale
from tsinit.emissions.base import Emission
from tsinit.emissions.gaussian import wishart_prior
from tsinit.kernels._jit import entry
from tsinit.kernels.density import density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._normal_em import NormalShape
    from tsinit.emissions._normal_wishart import NormalWishart
    from tsinit.emissions._scaling import ColumnScale

_ONES = np.empty(0)  # no weights


class StudentTData(NamedTuple):
    """Standardised observations and their gaps, see `tsinit.emissions._normal_rows.RowsWithGaps`."""

    y: np.ndarray
    gap: np.ndarray
    column: np.ndarray
    constant: (
        np.ndarray
    )  # (D + 1,) log density less that of a Gaussian, at the centre, by entries observed


class StudentTParams(NamedTuple):
    """Location and inverse scale matrix of each state, standardised."""

    mean: np.ndarray  # (K, D)
    whiten: np.ndarray  # (K, D, D) lower triangular W, inverse scale matrix W'W
    log_norm: np.ndarray  # (K,) log|W| - D/2 log(2 pi)
    df: np.ndarray  # (K,) degrees of freedom


class StudentTLatent(NamedTuple):
    """What makes the rows Gaussian: y | weight ~ N(mean, Sigma / weight)."""

    y: np.ndarray  # (T, D) gaps filled in
    weight: np.ndarray  # (T,)


@density(StudentTParams)
def _log_density(params: StudentTParams, data: StudentTData, t: int, k: int) -> float:
    square, log_norm, n_observed = observed_part(params, data, t, k)
    df = params.df[k]
    return (
        log_norm + data.constant[n_observed] - 0.5 * (df + n_observed) * math.log1p(square / df)
    ) * (n_observed > 0)


@entry
def _augment(
    rng: np.random.Generator,
    params: StudentTParams,
    data: StudentTData,
    z: IntArray,
    y: FloatArray,
    weight: FloatArray,
) -> None:
    """Redraw the weights, given what is observed, and then what is missing, given the weights.

    w ~ Ga(df/2, df/2) and s observed entries of square d: w | y_o ~ Ga((df + s) / 2, (df + d) / 2). A row of
    which nothing is observed does not inform the parameters and keeps its weight.
    """
    D = y.shape[1]
    for t in range(z.size):
        missing = data.gap[t + 1] - data.gap[t]
        if missing < D:
            k = z[t]
            df = params.df[k]
            square, _, n_observed = observed_part(params, data, t, k)
            weight[t] = rng.standard_gamma(0.5 * (df + n_observed)) / (0.5 * (df + square))
            if missing > 0:
                fill_row(rng, params, data, t, k, weight[t], y)


class StudentT(Emission):
    """Student-t with a full scale matrix of each state: a Gaussian that forgives outliers.

    Each row is a Gaussian whose precision is scaled by a Gamma weight; the sampler redraws the weights, and
    its density has them integrated out. Missing entries are integrated out too. The scale matrix has a
    Normal-inverse-Wishart prior with the mean. Observations are standardised inside, so that units do not
    matter.

    Parameters
    ----------
    df : float, default 4.0
        Degrees of freedom of the observations, the same in every state; small is heavy-tailed, 30 nearly
        Gaussian.
    prior_mean, prior_weight, prior_df
        As in `Gaussian`.
    prior_covariance : (D, D) float, optional
        Prior expectation of the scale matrix of a state (its covariance is df / (df - 2) times that); None is
        a quarter of the variances of the columns times (df - 2) / df, at least a quarter of it, on the
        diagonal.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 17.2.
    """

    def __init__(
        self,
        df: float = 4.0,
        prior_mean: ArrayLike | None = None,
        prior_weight: float = 0.05,
        prior_covariance: ArrayLike | None = None,
        prior_df: float | None = None,
    ) -> None:
        self.df = df
        self.prior_mean = prior_mean
        self.prior_weight = prior_weight
        self.prior_covariance = prior_covariance
        self.prior_df = prior_df

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> StudentTOnData:
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        df, scale = check_number("df", self.df, above=0.0), column_scale(y)
        share = 0.25 * max((df - 2.0) / df, 0.25)
        prior = wishart_prior(self, y.shape[1], scale, share)
        return StudentTOnData(scale.apply(y), df, prior, scale)


class StudentTOnData(NormalEM):
    """See `StudentT`."""

    collapsed = False
    leaves_rows_out = True

    def __init__(self, y: FloatArray, df: float, prior: NormalWishart, scale: ColumnScale) -> None:
        rows, n_observed = list_gaps(y), np.arange(y.shape[1] + 1.0)
        constant = gammaln(0.5 * (df + n_observed)) - gammaln(0.5 * df)
        constant -= 0.5 * n_observed * math.log(0.5 * df)
        super().__init__(StudentTData(y, rows.gap, rows.column, constant), prior, y.shape[1])
        self.df, self._inverse_df = df, 1.0 / df
        self.scale = scale
        self.partial = is_partly_observed(rows)
        self.log_jacobian = scale.log_jacobian(y)

    def with_data(self, y: ArrayLike) -> StudentTOnData:
        """See `EmissionOnData.with_data`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return StudentTOnData(y, self.df, self.prior, self.scale)

    def latent(self, rng: np.random.Generator) -> StudentTLatent:
        """Weights of one, and every gap filled by a value observed in its column."""
        y = start_fill(rng, self.data.y) if self.partial else self.data.y
        return StudentTLatent(y, np.ones(len(y)))

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: StudentTLatent | None
    ) -> StudentTParams:
        """See `EmissionOnData.draw`."""
        y, weight = (self.data.y, _ONES) if latent is None else latent
        mean, whiten, log_norm = nw.draw(rng, self.prior, self.data.gap, y, weight, z, K)
        return StudentTParams(mean, whiten, log_norm, np.full(K, self.df))

    def augment(
        self,
        rng: np.random.Generator,
        z: IntArray,
        params: StudentTParams,
        latent: StudentTLatent,
    ) -> StudentTLatent:
        """Redraw the weights and the missing entries."""
        _augment(rng, params, self.data, z, latent.y, latent.weight)
        return latent

    def log_marginal(self, z: IntArray, K: int, latent: StudentTLatent) -> float:
        """See `EmissionOnData.log_marginal`; of the rows and their weights."""
        return nw.log_evidence(self.prior, self.data.gap, latent.y, latent.weight, z, K)

    def log_evidence(
        self, z: IntArray, K: int, params: StudentTParams, latent: StudentTLatent | None
    ) -> float:
        """See `EmissionOnData.log_evidence`."""
        log_prior = nw.log_prior(self.prior, params.mean, params.whiten)
        return self.joint_density(z, K, params, log_prior) + self.log_jacobian

    def means(self, params: StudentTParams) -> FloatArray:
        """Location of each state, (K, D): its mean where df > 1."""
        return self.scale.undo(params.mean)

    def covariances(self, params: StudentTParams) -> FloatArray:
        """Covariance of each state, (K, D, D); for df <= 2 variances are infinite, covariances NaN."""
        if self.df > 2.0:
            return self._scales(params) * self.df / (self.df - 2.0)
        return np.tile(
            np.where(np.eye(self.n_features) > 0.0, np.inf, np.nan), (len(params.mean), 1, 1)
        )

    def describe(self, params: StudentTParams) -> dict[str, FloatArray]:
        """Location, scale matrix and degrees of freedom of each state."""
        return {
            "location": self.means(params),
            "scale": self._scales(params),
            "df": params.df.copy(),
        }

    def simulate(self, rng: np.random.Generator, params: StudentTParams, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        e = rng.standard_normal((len(z), self.n_features))
        e /= np.sqrt(rng.chisquare(self.df, len(z)) / self.df)[:, None]
        return self.means(params)[z] + np.einsum("tij,tj->ti", self._root(params)[z], e)

    def _with_shape(self, shape: NormalShape) -> StudentTParams:
        return StudentTParams(*shape, np.full(len(shape.mean), self.df))

    def _add_tails(self, density: FloatArray, rows: IntArray, log_norm: FloatArray) -> None:
        D, df = self.n_features, self.df
        square = np.maximum(2.0 * (log_norm - density[rows]), 0.0)
        tails = 0.5 * (df + D) * np.log1p(square / df)
        density[rows] = log_norm + self.data.constant[D] - tails

    def _root(self, params: StudentTParams) -> FloatArray:
        return self.scale.scale[:, None] * np.linalg.inv(params.whiten)

    def _scales(self, params: StudentTParams) -> FloatArray:
        root = self._root(params)
        return root @ root.transpose(0, 2, 1)
