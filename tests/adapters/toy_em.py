"""A library of one model, two normal means with unit variance by EM, and its adapter; importable by workers."""

import numpy as np

from tsinit.adapters import SteppedAdapter


class TwoMeans:
    """Half the rows from each of two normal distributions."""

    n_states = 2

    def __init__(self, forgetful=False):
        self.means, self.forgetful = None, forgetful

    def densities(self, y):
        return np.exp(-0.5 * (y - self.means) ** 2) / np.sqrt(8 * np.pi)

    def step(self, y):
        shares = self.densities(y) / self.densities(y).sum(axis=1, keepdims=True)
        self.means = (shares * y).sum(axis=0) / shares.sum(axis=0)


class TwoMeansAdapter(SteppedAdapter):
    model_class = TwoMeans
    library, version = "toy", "1.0"

    def begin_native(self, model, data, rng):
        model.means = rng.choice(data.ravel(), 2)

    def begin_at(self, model, start, data, rng):
        model.means = np.array([data[start == k].mean() for k in (0, 1)])

    def parameters(self, model):
        return model.means

    def step(self, model, data):
        model.step(data)

    def objective(self, model, data):
        return float(np.log(model.densities(data).sum(axis=1)).sum())

    def run(self, model, data, monitor):
        if model.forgetful:
            model.means = np.zeros(2)
        return super().run(model, data, monitor)
