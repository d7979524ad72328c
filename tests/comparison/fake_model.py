"""A model so small that every number of a comparison can be checked by hand: hill climbing on two hills."""

import math

import numpy as np
from sklearn.base import BaseEstimator

from tsinit.models.base import FitKind
from tsinit.models.monitor import Monitor


def height(x):
    """Two hills, the one near +1 higher by about 1.2."""
    return 1000.0 - 10.0 * (x * x - 1.0) ** 2 + 0.6 * x


class Hills(BaseEstimator):
    """Climb from a start in one dimension; behaves like the package's estimators as far as ``compare`` sees."""

    fit_kind = FitKind(objective="height")

    def __init__(self, init="wide", max_iter=60, fail_with=None, random_state=None, verbose=0):
        self.init = init
        self.max_iter = max_iter
        self.fail_with = fail_with
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, lengths=None):
        return self.fit_under(Monitor(), X, lengths=lengths)

    def fit_under(self, monitor, X, lengths=None):
        seed = self.random_state
        start, run = (
            np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)) for i in (0, 1)
        )
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


class Walker(BaseEstimator):
    """A sampler of one number, standard normal, that begins at the mean of its labels."""

    fit_kind = FitKind("labels", "joint log density", sampler=True)

    def __init__(self, init=None, n_tune=100, n_draws=200, random_state=None, n_jobs=None):
        self.init = init
        self.n_tune = n_tune
        self.n_draws = n_draws
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit_under(self, monitor, X, lengths=None):
        seed = self.random_state
        start, run = (np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i)))
                      for i in (0, 1))  # fmt: skip
        monitor.start()
        self.start_ = np.asarray(self.init(X, start))
        x = float(self.start_.mean())
        monitor.run()
        monitor.record(-0.5 * x * x, n_states=len(np.unique(self.start_)))
        self.n_iter_ = monitor.max_iter(self.n_tune + self.n_draws)
        path = []
        for _ in range(self.n_iter_):
            x = 0.9 * x + math.sqrt(1 - 0.81) * run.standard_normal()
            path.append(x)
            monitor.record(-0.5 * x * x, n_states=2)
        monitor.final = float(np.mean(monitor.objectives[-self.n_draws :]))
        monitor.stop()
        self.converged_ = True
        self.labels_ = (np.asarray(X, dtype=float)[:, 0] > 0).astype(int)
        return self

    def sampler_summary(self):
        return {
            "rhat": 1.0 + 0.001 * self.n_draws / 100,
            "ess": self.n_draws / 19,
            "ess_per_second": 50.0,
        }

    def score(self, X, lengths=None):
        return 1.0
