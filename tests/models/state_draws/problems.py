"""Tables and parameters for tests of the sampler of the state-space model."""

import numpy as np

from tsinit.kernels import LinearGaussianParams
from tsinit.models.state_draws.parameters import StateParameters
from tsinit.models.state_draws.table import lay_out


def table_of(y, offsets=None, covariates=None):
    offsets = np.array([0, len(y)] if offsets is None else offsets)
    steps = np.concatenate([np.arange(n) for n in np.diff(offsets)])
    return lay_out(y, offsets, steps, np.zeros((len(y), 0)) if covariates is None else covariates)


def parameters(rng, n, D, F=0):
    A = rng.standard_normal((n, n))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    Q, V = (M @ M.T + 0.1 * np.eye(n) for M in rng.standard_normal((2, n, n)))
    return StateParameters(
        A, Q, rng.standard_normal((D, n)), rng.standard_normal((D, F + 1)),
        rng.uniform(0.2, 1.0, D), rng.standard_normal(n), V, np.ones(n), 1.0, np.ones(n),
    )  # fmt: skip


def true_model(rng, D, n):
    """A stable model whose states have variance 1."""
    turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = turn @ np.diag(rng.uniform(0.6, 0.98, n)) @ turn.T
    C = rng.standard_normal((D, n)) / np.sqrt(n)
    R = np.diag(0.25 * rng.uniform(0.5, 1.5, D))
    return LinearGaussianParams(A, C, np.eye(n) - A @ A.T, R, np.zeros(n), np.eye(n), np.zeros(D))


def simulate(rng, p, T):
    """T rows of a model whose first state is stationary."""
    n, root = len(p.A), np.linalg.cholesky(p.Q)
    x = np.zeros((T, n))
    x[0] = rng.standard_normal(n)
    for t in range(1, T):
        x[t] = p.A @ x[t - 1] + root @ rng.standard_normal(n)
    return x @ p.C.T + rng.standard_normal((T, len(p.C))) * np.sqrt(np.diag(p.R))


def gaps(rng, shape, kind):
    """Single cells, outages of one column, or of all."""
    T, D = shape
    if kind == "points":
        return rng.random(shape) < 0.2
    hidden = np.zeros(shape, dtype=bool)
    for columns in np.arange(D) if kind == "outages" else [slice(None)]:
        for start in rng.integers(0, T - 30, max(T // 100, 1)):
            hidden[start : start + rng.integers(5, 30), columns] = True
    return hidden
