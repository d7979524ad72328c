"""An emission of one's own, in one file: waiting times, exponential with a Gamma prior of the rate."""

from typing import NamedTuple

import numpy as np

from tsinit.emissions import Emission, EmissionOnData
from tsinit.kernels.density import density


class Times(NamedTuple):
    y: np.ndarray  # (T, D)


class Rates(NamedTuple):
    rate: np.ndarray  # (K, D)


@density(Rates)
def _log_density(params, data, t, k):
    y, rate = data.y[t], params.rate[k]
    return np.sum(np.where(np.isnan(y), 0.0, np.log(rate) - rate * y))


class Exponential(Emission):
    """Plain NumPy: only the density has to be compiled."""

    def __init__(self, shape=0.5):
        self.shape = shape

    def bind(self, y, offsets=None):
        """See the base class."""
        return ExponentialOnData(y, (self.shape, self.shape * np.nanmean(y, axis=0)))


class ExponentialOnData(EmissionOnData):
    collapsed = False

    def __init__(self, y, prior):
        super().__init__(Times(np.ascontiguousarray(y, dtype=float)), prior, y.shape[1])

    def with_data(self, y):
        return ExponentialOnData(y, self.prior)

    def draw(self, rng, z, K, latent):
        a, b = self.prior
        rows = [self.data.y[: z.size][z == k] for k in range(K)]
        n = np.array([(~np.isnan(r)).sum(axis=0) for r in rows])
        return Rates(
            rng.standard_gamma(a + n) / (b + np.array([np.nansum(r, axis=0) for r in rows]))
        )

    def log_evidence(self, z, K, params, latent):
        a, b = self.prior
        return self.joint_density(
            z, K, params, np.sum((a - 1.0) * np.log(params.rate) - b * params.rate, axis=1)
        )

    def means(self, params):
        return 1.0 / params.rate

    def covariances(self, params):
        return np.eye(self.n_features) * self.means(params)[:, None] ** 2

    def describe(self, params):
        return {"rate": params.rate}

    def simulate(self, rng, params, z):
        return rng.standard_exponential((len(z), self.n_features)) / params.rate[z]
