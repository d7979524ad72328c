"""An emission of a user's own for EM: uniform from 0 to an end of each state. It has no coordinates."""

from typing import NamedTuple

import numpy as np

from tsinit.emissions import Emission, EmissionOnData
from tsinit.kernels.density import density


class Lengths(NamedTuple):
    y: np.ndarray  # (T, 1)


class Ends(NamedTuple):
    end: np.ndarray  # (K, 1)


@density(Ends)
def _log_density(params, data, t, k):
    y, end = data.y[t, 0], params.end[k, 0]
    inside = -np.log(end) if y <= end else -np.inf
    return 0.0 if np.isnan(y) else inside


class Span(Emission):
    def bind(self, y, offsets=None):
        return SpanOnData(y)


class SpanOnData(EmissionOnData):
    n_parameters = 1

    def __init__(self, y):
        super().__init__(Lengths(np.ascontiguousarray(y, dtype=float)), None, y.shape[1])

    def with_data(self, y):
        return SpanOnData(y)

    def maximise(self, responsibilities, params=None, penalised=True):
        y = self.data.y
        inside = (responsibilities[:, :, None] > 0.0) & ~np.isnan(y)[:, None, :]
        return Ends(np.max(np.where(inside, y[:, None, :], 1e-3), axis=0))

    def log_prior(self, params):
        return 0.0

    def draw(self, rng, z, K, latent):
        return self.maximise(np.eye(K)[z])

    def log_evidence(self, z, K, params, latent):
        return self.joint_density(z, K, params, np.zeros(K))

    def means(self, params):
        return params.end / 2

    def covariances(self, params):
        return np.eye(1) * params.end[:, None] ** 2 / 12

    def describe(self, params):
        return {"end": params.end}

    def simulate(self, rng, params, z):
        return rng.random((len(z), 1)) * params.end[z]
