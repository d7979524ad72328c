"""Student-t observations with a full scale matrix of each state: Gaussians with a weight on every row."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from tsinit._validate import check_number
from tsinit.emissions import _checks
from tsinit.emissions import _normal_wishart as nw
from tsinit.emissions._normal_rows import fill_row, list_gaps, seen_in_part, seen_part, start_fill
from tsinit.emissions._scaling import column_scale
from tsinit.emissions.base import Bound, Emission
from tsinit.emissions.gaussian import wishart_prior
from tsinit.kernels._jit import entry
from tsinit.kernels.density import density

_ONES = np.empty(0)  # no weights


class StudentTData(NamedTuple):
    """Standardised observations and their gaps, see `tsinit.emissions._normal_rows.Rows`."""

    y: np.ndarray
    gap: np.ndarray
    column: np.ndarray
    constant: (
        np.ndarray
    )  # (D + 1,) log density less that of a Gaussian, at the centre, by entries seen


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
def _log_density(params, data, t, k):
    square, log_norm, seen = seen_part(params, data, t, k)
    df = params.df[k]
    return (log_norm + data.constant[seen] - 0.5 * (df + seen) * math.log1p(square / df)) * (
        seen > 0
    )


@entry
def _augment(rng, params, data, z, y, weight):
    """Redraw the weights, given what is seen, and then what is missing, given the weights.

    w ~ Ga(df/2, df/2) and s seen entries of square d: w | y_o ~ Ga((df + s) / 2, (df + d) / 2). A row never
    seen has no say in the parameters and keeps its weight.
    """
    D = y.shape[1]
    for t in range(z.size):
        missing = data.gap[t + 1] - data.gap[t]
        if missing < D:
            k = z[t]
            df = params.df[k]
            square, _, seen = seen_part(params, data, t, k)
            weight[t] = rng.standard_gamma(0.5 * (df + seen)) / (0.5 * (df + square))
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
        self, df=4.0, prior_mean=None, prior_weight=0.05, prior_covariance=None, prior_df=None
    ):
        self.df = df
        self.prior_mean = prior_mean
        self.prior_weight = prior_weight
        self.prior_covariance = prior_covariance
        self.prior_df = prior_df

    def bind(self, y, offsets=None):
        """See `Emission.bind`."""
        y = _checks.real_table(y)
        df, scale = check_number("df", self.df, above=0.0), column_scale(y)
        share = 0.25 * max((df - 2.0) / df, 0.25)
        prior = wishart_prior(self, y.shape[1], scale, share)
        return StudentTBound(scale.apply(y), df, prior, scale)


class StudentTBound(Bound):
    """See `StudentT`."""

    collapsed = False

    def __init__(self, y, df, prior, scale):
        rows, seen = list_gaps(y), np.arange(y.shape[1] + 1.0)
        constant = gammaln(0.5 * (df + seen)) - gammaln(0.5 * df) - 0.5 * seen * math.log(0.5 * df)
        super().__init__(StudentTData(y, rows.gap, rows.column, constant), prior, y.shape[1])
        self.df = df
        self.scale = scale
        self.partial = seen_in_part(rows)
        self.log_jacobian = scale.log_jacobian(y)

    def with_data(self, y):
        """See `Bound.with_data`."""
        y = self.scale.apply(_checks.real_table(y, self.n_features))
        return StudentTBound(y, self.df, self.prior, self.scale)

    def latent(self, rng):
        """Weights of one, and every gap filled by a value seen in its column."""
        y = start_fill(rng, self.data.y) if self.partial else self.data.y
        return StudentTLatent(y, np.ones(len(y)))

    def draw(self, rng, z, K, latent):
        """See `Bound.draw`."""
        y, weight = (self.data.y, _ONES) if latent is None else latent
        mean, whiten, log_norm = nw.draw(rng, self.prior, self.data.gap, y, weight, z, K)
        return StudentTParams(mean, whiten, log_norm, np.full(K, self.df))

    def augment(self, rng, z, params, latent):
        """Redraw the weights and the missing entries."""
        _augment(rng, params, self.data, z, latent.y, latent.weight)
        return latent

    def log_evidence(self, z, K, params, latent):
        """See `Bound.log_evidence`."""
        log_prior = nw.log_prior(self.prior, params.mean, params.whiten)
        return self.joint_density(z, K, params, log_prior) + self.log_jacobian

    def means(self, params):
        """Location of each state, (K, D): its mean where df > 1."""
        return self.scale.undo(params.mean)

    def covariances(self, params):
        """Covariance of each state, (K, D, D); for df <= 2 variances are infinite, covariances NaN."""
        if self.df > 2.0:
            return self._scales(params) * self.df / (self.df - 2.0)
        return np.tile(
            np.where(np.eye(self.n_features) > 0.0, np.inf, np.nan), (len(params.mean), 1, 1)
        )

    def describe(self, params):
        """Location, scale matrix and degrees of freedom of each state."""
        return {
            "location": self.means(params),
            "scale": self._scales(params),
            "df": params.df.copy(),
        }

    def simulate(self, rng, params, z):
        """See `Bound.simulate`."""
        e = rng.standard_normal((len(z), self.n_features))
        e /= np.sqrt(rng.chisquare(self.df, len(z)) / self.df)[:, None]
        return self.means(params)[z] + np.einsum("tij,tj->ti", self._root(params)[z], e)

    def _root(self, params):
        return self.scale.scale[:, None] * np.linalg.inv(params.whiten)

    def _scales(self, params):
        root = self._root(params)
        return root @ root.transpose(0, 2, 1)
