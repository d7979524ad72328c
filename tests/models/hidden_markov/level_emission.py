"""The smallest emission: one variable, Gaussian with known variance, mean ~ N(0, tau^2), closed form."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry
from tsinit.kernels.density import density


class Level(NamedTuple):
    mean: np.ndarray  # (K,)
    precision: np.ndarray  # (K,) the same for all


class Rows(NamedTuple):
    y: np.ndarray  # (T, 1)


@density(Level)
def _log_density(params, data, t, k):
    e = data.y[t, 0] - params.mean[k]
    if np.isnan(e):
        return 0.0
    return 0.5 * np.log(params.precision[k] / (2.0 * np.pi)) - 0.5 * params.precision[k] * e * e


@entry
def _sums(y, z, K):
    count, total, square = np.zeros(K), np.zeros(K), 0.0
    for t in range(z.size):
        if not np.isnan(y[t, 0]):
            count[z[t]] += 1.0
            total[z[t]] += y[t, 0]
            square += y[t, 0] ** 2
    return count, total, square


class LevelOnData:
    """An emission on data by hand: y (T, 1), noise sd, sd of the means."""

    collapsed = True

    def __init__(self, y, sd=1.0, tau=2.0):
        self.data, self.sd, self.tau, self.n_features = (
            Rows(np.ascontiguousarray(y, dtype=float)),
            sd,
            tau,
            1,
        )

    def with_data(self, y):
        return LevelOnData(y, self.sd, self.tau)

    def latent(self, rng):
        return None

    def augment(self, rng, z, params, latent):
        return latent

    def draw(self, rng, z, K, latent):
        count, total, _ = _sums(self.data.y, z, K)
        precision = count / self.sd**2 + self.tau**-2
        mean = total / self.sd**2 / precision + rng.standard_normal(K) / np.sqrt(precision)
        return Level(mean, np.full(K, self.sd**-2))

    def prior_params(self, rng, K):
        return Level(self.tau * rng.standard_normal(K), np.full(K, self.sd**-2))

    def simulate(self, rng, params, z):
        return (params.mean[z] + self.sd * rng.standard_normal(len(z)))[:, None]

    def log_evidence(self, z, K, params, latent):
        count, total, square = _sums(self.data.y, z, K)
        precision = count / self.sd**2 + self.tau**-2
        constant = -0.5 * count.sum() * np.log(2.0 * np.pi * self.sd**2) - 0.5 * square / self.sd**2
        return constant - 0.5 * np.sum(
            np.log(self.tau**2 * precision) - (total / self.sd**2) ** 2 / precision
        )
