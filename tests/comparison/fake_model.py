"""A model so small that every number of a comparison can be checked by hand: hill climbing on two hills."""

import math

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.models.monitor import Monitor


def height(x):
    """Two hills, the one near +1 higher by about 1.2."""
    return 1000.0 - 10.0 * (x * x - 1.0) ** 2 + 0.6 * x


class Hills(BaseEstimator):
    """Climb from a start in one dimension; behaves like the package's estimators as far as ``compare`` sees."""

    _objective_name = "height"

    def __init__(self, init="wide", max_iter=60, fail_with=None, random_state=None, verbose=0):
        self.init = init
        self.max_iter = max_iter
        self.fail_with = fail_with
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, lengths=None):
        return self._fit(X, lengths=lengths)

    def _fit(self, X, lengths=None, monitor=None):
        monitor = Monitor() if monitor is None else monitor
        seed = self.random_state
        start, run = (np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in (0, 1))
        monitor.start()
        x = start_x = self._start(X, np.random.default_rng(start))
        monitor.run()
        going = monitor.record(height(x))
        self.converged_ = False
        n_iter, limit = 0, monitor.max_iter(self.max_iter)
        while going and not self.converged_ and n_iter < limit:
            n_iter += 1
            step = 0.01 * (-40.0 * x * (x * x - 1.0) + 0.6)
            x += step
            going = monitor.record(height(x))
            self.converged_ = abs(step) < 1e-6
        monitor.stop()
        self.n_iter_ = n_iter
        self.start_ = np.array([start_x])
        self.x_ = x
        self.noise_ = float(np.random.default_rng(run).standard_normal())
        self.history_ = np.array(monitor.objectives)
        return self

    def _start(self, X, rng):
        if callable(self.init):
            return float(self.init(X, rng))
        if self.init == "fixed":
            return 0.5
        if self.init == "wide":
            return rng.uniform(-1.5, 1.5)
        if self.init == "right":
            return rng.uniform(0.2, 1.5)
        if self.init == "nan":
            return math.nan
        if self.init == "singular":
            raise np.linalg.LinAlgError("Singular matrix")
        raise ValueError(f"init must be known; got {self.init!r}.")

    def score(self, X, lengths=None):
        return float(height(self.x_) - np.nanmean(np.asarray(X, dtype=float)))

    def impute(self, X):
        return np.where(np.isnan(X), self.x_, X)
