"""The states behind a table under given parameters: draws, means, likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.kernels import state_paths
from tsinit.models.state_draws.table import lower_products

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.state_draws.parameters import StateParameters
    from tsinit.models.state_draws.table import StateTable


class StatePaths:
    """Distribution of the states given parameters and the observed cells of a table.

    Parameters
    ----------
    table : StateTable
    parameters : StateParameters

    Attributes
    ----------
    log_likelihood : float
        Of the observed cells, in nats; NaN where the precision of the states is not positive definite to rounding.
    """

    def __init__(self, table: StateTable, parameters: StateParameters) -> None:
        p, n, rows = parameters, len(parameters.A), table.rows
        self._offsets, T = table.offsets, table.n_rows
        self._model, log_q, log_v = p.precision()
        packed = np.zeros((T, n * (n + 1) // 2))
        packed[rows] = table.observed @ (lower_products(p.C) / p.r[:, None])
        self.L = np.empty((T, n, n))
        log_root = state_paths.factor(packed, self._model, self._offsets, self.L)
        self._u, self.log_likelihood = np.zeros((T, n)), np.nan
        if np.isnan(log_root):
            return
        e = (table.y - table.covariates @ p.G.T) * table.observed
        self._u[rows] = (e / p.r) @ p.C
        inside = self._model.first @ p.m
        self._u[self._offsets[:-1]] += inside
        square = state_paths.forward(self._u, self._model, self._offsets, self.L)
        counts, N = table.observed.sum(axis=0), len(self._offsets) - 1
        self.log_likelihood = float(
            -0.5 * (counts @ np.log(2.0 * np.pi * p.r) + (e**2).sum(axis=0) @ (1.0 / p.r) - square)
            - 0.5 * ((T - N) * log_q + N * (log_v + p.m @ inside))
            - log_root
        )

    def mean(self) -> FloatArray:
        """(T, n) means."""
        return self._back(self._u.copy())

    def draw(self, noise: FloatArray) -> FloatArray:
        """Turn standard normal noise (T, n) into a draw; minus the noise gives its mirror image at the mean."""
        return self._back(self._u + noise)

    def covariances(self) -> tuple[FloatArray, FloatArray]:
        """(T, n, n) covariance of each step, and the sum of those of each state with the one before."""
        T, n = self._u.shape
        P, lag = np.empty((T, n, n)), np.zeros((n, n))
        state_paths.covariances(self._model, self._offsets, self.L, P, lag)
        return P, lag

    def _back(self, x: FloatArray) -> FloatArray:
        state_paths.backward(x, self._model, self._offsets, self.L)
        return x
