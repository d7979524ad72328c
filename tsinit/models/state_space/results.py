"""What the state-space model hands back: states with their spread, and forecasts."""

from typing import Any, NamedTuple

import numpy as np

from tsinit._validate import times_after


class StateEstimate:
    """States of a series: means, covariances and the log-likelihood of the data.

    Unpacks as ``means, covariances, log_likelihood = model.smooth(X)``. After the filter has settled, and in all
    complete sequences, covariances repeat; they are kept once and spread out over time when they are asked for.

    Attributes
    ----------
    means : (T, n) array or DataFrame, or list of those
        In the form in which the data came.
    log_likelihood : float
        Of all the data, in nats and in the units of the data.
    """

    def __init__(self, panel, means, store, log_likelihood, names):
        self._panel, self._store, self._names = panel, store, names
        self.means = panel.restore(means, names)
        self.log_likelihood = log_likelihood

    @property
    def covariances(self) -> Any:
        """(T, n, n) float, or a list of those: covariance of the state at each row given."""
        values, index = self._store
        given = index[self._panel.rows] if len(self._panel.rows) < len(index) else index
        # Where every step has a covariance of its own, and in order, there is nothing to spread out.
        in_order = len(given) == len(values) and bool((np.diff(given) == 1).all())
        covariances = values if in_order else np.take(values, given, axis=0)
        return self._panel.split(covariances) if self._panel.form == "list" else covariances

    @property
    def standard_deviations(self) -> Any:
        """(T, n) array or DataFrame, or list of those: spread of each state, without building covariances."""
        spread = np.sqrt(np.maximum(np.einsum("sii->si", self._store.values), 0.0))
        return self._panel.restore(np.take(spread, self._store.index, axis=0), self._names)

    def __iter__(self):
        return iter((self.means, self.covariances, self.log_likelihood))

    def __repr__(self):
        n = self._store.values.shape[1]
        return f"StateEstimate({len(self._panel.rows)} steps, {n} states, log_likelihood={self.log_likelihood:.6g})"


class Forecast(NamedTuple):
    """Predictive distribution of the steps after the data, in the units of the data.

    Parameters
    ----------
    means : (steps, D) array or DataFrame
        With the times that follow, where the data had times.
    covariances : (steps, D, D) float
        Of the observations, noise included.
    """

    means: Any
    covariances: np.ndarray

    @property
    def standard_deviations(self):
        """(steps, D) float: spread of each column."""
        return np.sqrt(np.einsum("tii->ti", self.covariances))


class Sample(NamedTuple):
    """Simulated data.

    Parameters
    ----------
    y : (T, D) float, or list of those
        Observations.
    states : (T, n) float, or list of those
        The states behind them.
    """

    y: Any
    states: Any


def in_the_future(values, index, time_step, columns):
    """Values (steps, D) as a DataFrame of the times after an index; as they are where there is no index."""
    if index is None:
        return values
    import pandas as pd

    return pd.DataFrame(values, index=times_after(index, time_step, len(values)), columns=columns)
