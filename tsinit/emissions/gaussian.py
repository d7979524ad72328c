"""Gaussian observations with a full covariance of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

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
from tsinit.kernels._jit import entry
from tsinit.kernels.density import density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray
    from tsinit.emissions._normal_em import NormalShape
    from tsinit.emissions._normal_rows import RowsWithGaps
    from tsinit.emissions._normal_wishart import NormalWishart
    from tsinit.emissions._scaling import ColumnScale
    from tsinit.emissions.student_t import StudentT

_ONES = np.empty(0)  # no weights


class GaussianParams(NamedTuple):
    """Mean and precision of each state, standardised."""

    mean: np.ndarray  # (K, D)
    whiten: np.ndarray  # (K, D, D) lower triangular W, precision W'W
    log_norm: np.ndarray  # (K,) log|W| - D/2 log(2 pi)


@density(GaussianParams)
def _log_density(params: GaussianParams, data: RowsWithGaps, t: int, k: int) -> float:
    square, log_norm, n_observed = observed_part(params, data, t, k)
    return (log_norm - 0.5 * square) * (n_observed > 0)


@entry
def _fill(
    rng: np.random.Generator, params: GaussianParams, data: RowsWithGaps, z: IntArray, y: FloatArray
) -> None:
    """Draw what is missing in rows that are partly observed."""
    D = y.shape[1]
    for t in range(z.size):
        if 0 < data.gap[t + 1] - data.gap[t] < D:
            fill_row(rng, params, data, t, z[t], 1.0, y)


class Gaussian(Emission):
    """Gaussian with a full covariance of each state, Normal-inverse-Wishart prior.

    Missing entries are integrated out of the density, and drawn given the observed ones of their row when the
    parameters are updated: exact, and free multiple imputations. Observations are standardised inside, so
    that units do not matter.

    Parameters
    ----------
    prior_mean : (D,) float, optional
        Prior mean of the means of the states; None is the mean of the data.
    prior_weight : float, default 0.05
        Weight of the prior mean, in rows: means lie about 1 / sqrt(prior_weight) = 4.5 standard deviations of
        a state around it, wide enough not to pull on a state of a few rows.
    prior_covariance : (D, D) float, optional
        Prior expectation of the covariance of a state; None is a quarter of the variances of the columns,
        without correlation: states explain most of the variance, or there would be no point in having them.
    prior_df : float, optional
        Degrees of freedom behind `prior_covariance`, above D + 1; None is D + 3, the fewest (in whole
        numbers) for which the covariance has an expectation and its inverse a finite variance around it.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed., 2013), section 3.6.
    """

    def __init__(
        self,
        prior_mean: ArrayLike | None = None,
        prior_weight: float = 0.05,
        prior_covariance: ArrayLike | None = None,
        prior_df: float | None = None,
    ) -> None:
        self.prior_mean = prior_mean
        self.prior_weight = prior_weight
        self.prior_covariance = prior_covariance
        self.prior_df = prior_df

    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> GaussianOnData:
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        scale = column_scale(y)
        return GaussianOnData(
            list_gaps(scale.apply(y)), wishart_prior(self, y.shape[1], scale), scale
        )


def wishart_prior(
    emission: Gaussian | StudentT, D: int, scale: ColumnScale, share: float = 0.25
) -> NormalWishart:
    """Settle a Normal-inverse-Wishart prior, standardised; share : of the variance, expected of a state."""
    mean, covariance = emission.prior_mean, emission.prior_covariance
    m = np.zeros(D) if mean is None else scale.apply(_checks.per_column("prior_mean", mean, D))
    df = (
        D + 3.0
        if emission.prior_df is None
        else check_number("prior_df", emission.prior_df, above=D + 1)
    )
    S = share * np.eye(D)
    if covariance is not None:
        S = _checks.covariance("prior_covariance", covariance, D) / np.outer(
            scale.scale, scale.scale
        )
    weight = check_number("prior_weight", emission.prior_weight, above=0.0)
    return nw.normal_wishart(m, weight, df, np.ascontiguousarray(S * (df - D - 1.0)))


class GaussianOnData(NormalEM):
    """See `Gaussian`; `collapsed` unless a row is partly observed."""

    leaves_rows_out = True

    def __init__(self, data: RowsWithGaps, prior: NormalWishart, scale: ColumnScale) -> None:
        super().__init__(data, prior, data.y.shape[1])
        self.scale = scale
        self.partial = is_partly_observed(data)
        self.collapsed = not self.partial
        self.log_jacobian = scale.log_jacobian(data.y)

    def with_data(self, y: ArrayLike) -> GaussianOnData:
        """See `EmissionOnData.with_data`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return GaussianOnData(list_gaps(y), self.prior, self.scale)

    def latent(self, rng: np.random.Generator) -> FloatArray | None:
        """Observations with gaps filled by values observed in their column; None if no row is partly observed."""
        return start_fill(rng, self.data.y) if self.partial else None

    def draw(
        self, rng: np.random.Generator, z: IntArray, K: int, latent: FloatArray | None
    ) -> GaussianParams:
        """See `EmissionOnData.draw`."""
        y = self.data.y if latent is None else latent
        return GaussianParams(*nw.draw(rng, self.prior, self.data.gap, y, _ONES, z, K))

    def augment(
        self,
        rng: np.random.Generator,
        z: IntArray,
        params: GaussianParams,
        latent: FloatArray | None,
    ) -> FloatArray | None:
        """Redraw the missing entries."""
        if self.partial:
            _fill(rng, params, self.data, z, latent)
        return latent

    def log_marginal(self, z: IntArray, K: int, latent: FloatArray | None) -> float:
        """See `EmissionOnData.log_marginal`; of what is observed and what is filled in."""
        y = self.data.y if latent is None else latent
        return nw.log_evidence(self.prior, self.data.gap, y, _ONES, z, K)

    def log_evidence(
        self, z: IntArray, K: int, params: GaussianParams, latent: FloatArray | None
    ) -> float:
        """See `EmissionOnData.log_evidence`."""
        if self.collapsed:
            value = self.log_marginal(z, K, None)
        else:
            value = self.joint_density(
                z, K, params, nw.log_prior(self.prior, params.mean, params.whiten)
            )
        return value + self.log_jacobian

    def means(self, params: GaussianParams) -> FloatArray:
        """Mean of each state, (K, D)."""
        return self.scale.undo(params.mean)

    def covariances(self, params: GaussianParams) -> FloatArray:
        """Covariance of each state, (K, D, D)."""
        root = self._root(params)
        return root @ root.transpose(0, 2, 1)

    def describe(self, params: GaussianParams) -> dict[str, FloatArray]:
        """Mean and covariance of each state."""
        return {"mean": self.means(params), "covariance": self.covariances(params)}

    def simulate(self, rng: np.random.Generator, params: GaussianParams, z: IntArray) -> FloatArray:
        """See `EmissionOnData.simulate`."""
        e = rng.standard_normal((len(z), self.n_features))
        return self.means(params)[z] + np.einsum("tij,tj->ti", self._root(params)[z], e)

    def _with_shape(self, shape: NormalShape) -> GaussianParams:
        return GaussianParams(*shape)

    def _root(self, params: GaussianParams) -> FloatArray:
        return self.scale.scale[:, None] * np.linalg.inv(params.whiten)
