"""Gaussian observations with a full covariance of each state."""

from typing import NamedTuple

import numpy as np

from tsinit._validate import check_number
from tsinit.emissions import _checks
from tsinit.emissions import _normal_wishart as nw
from tsinit.emissions._normal_rows import fill_row, list_gaps, seen_in_part, seen_part, start_fill
from tsinit.emissions._scaling import column_scale
from tsinit.emissions.base import Bound, Emission
from tsinit.kernels._jit import entry
from tsinit.kernels.density import density

_ONES = np.empty(0)  # no weights


class GaussianParams(NamedTuple):
    """Mean and precision of each state, standardised."""

    mean: np.ndarray  # (K, D)
    whiten: np.ndarray  # (K, D, D) lower triangular W, precision W'W
    log_norm: np.ndarray  # (K,) log|W| - D/2 log(2 pi)


@density(GaussianParams)
def _log_density(params, data, t, k):
    square, log_norm, seen = seen_part(params, data, t, k)
    return (log_norm - 0.5 * square) * (seen > 0)


@entry
def _fill(rng, params, data, z, y):
    """Draw what is missing in rows of which something is seen."""
    D = y.shape[1]
    for t in range(z.size):
        if 0 < data.gap[t + 1] - data.gap[t] < D:
            fill_row(rng, params, data, t, z[t], 1.0, y)


class Gaussian(Emission):
    """Gaussian with a full covariance of each state, Normal-inverse-Wishart prior.

    Missing entries are integrated out of the density, and drawn given the seen ones of their row when the
    parameters are updated: exact, and free multiple imputations. Observations are standardised inside, so
    that units do not matter.

    Parameters
    ----------
    prior_mean : (D,) float, optional
        Prior mean of the means of the states; None is the mean of the data.
    prior_weight : float, default 0.05
        Rows that the prior mean is worth: means lie about 1 / sqrt(prior_weight) = 4.5 standard deviations of
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

    def __init__(self, prior_mean=None, prior_weight=0.05, prior_covariance=None, prior_df=None):
        self.prior_mean = prior_mean
        self.prior_weight = prior_weight
        self.prior_covariance = prior_covariance
        self.prior_df = prior_df

    def bind(self, y, offsets=None):
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        scale = column_scale(y)
        return GaussianBound(
            list_gaps(scale.apply(y)), wishart_prior(self, y.shape[1], scale), scale
        )


def wishart_prior(emission, D, scale, share=0.25):
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


class GaussianBound(Bound):
    """See `Gaussian`; `collapsed` unless a row is seen in part."""

    def __init__(self, data, prior, scale):
        super().__init__(data, prior, data.y.shape[1])
        self.scale = scale
        self.partial = seen_in_part(data)
        self.collapsed = not self.partial
        self.log_jacobian = scale.log_jacobian(data.y)

    def with_data(self, y):
        """See `Bound.with_data`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return GaussianBound(list_gaps(y), self.prior, self.scale)

    def latent(self, rng):
        """Observations with gaps filled by values seen in their column; None if no row is seen in part."""
        return start_fill(rng, self.data.y) if self.partial else None

    def draw(self, rng, z, K, latent):
        """See `Bound.draw`."""
        y = self.data.y if latent is None else latent
        return GaussianParams(*nw.draw(rng, self.prior, self.data.gap, y, _ONES, z, K))

    def augment(self, rng, z, params, latent):
        """Redraw the missing entries."""
        if self.partial:
            _fill(rng, params, self.data, z, latent)
        return latent

    def log_evidence(self, z, K, params, latent):
        """See `Bound.log_evidence`."""
        if self.collapsed:
            value = nw.log_evidence(self.prior, self.data.gap, self.data.y, z, K)
        else:
            value = self.joint_density(
                z, K, params, nw.log_prior(self.prior, params.mean, params.whiten)
            )
        return value + self.log_jacobian

    def means(self, params):
        """Mean of each state, (K, D)."""
        return self.scale.undo(params.mean)

    def covariances(self, params):
        """Covariance of each state, (K, D, D)."""
        root = self._root(params)
        return root @ root.transpose(0, 2, 1)

    def describe(self, params):
        """Mean and covariance of each state."""
        return {"mean": self.means(params), "covariance": self.covariances(params)}

    def simulate(self, rng, params, z):
        """See `Bound.simulate`."""
        e = rng.standard_normal((len(z), self.n_features))
        return self.means(params)[z] + np.einsum("tij,tj->ti", self._root(params)[z], e)

    def _root(self, params):
        return self.scale.scale[:, None] * np.linalg.inv(params.whiten)
