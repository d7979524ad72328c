"""A start for the sampler: subspace identification and expectation maximisation, over several numbers of states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from tsinit.init._windows import fill_linear
from tsinit.init.factor_analysis import FactorAnalysis
from tsinit.init.subspace.strategy import Subspace
from tsinit.kernels import solve_lyapunov
from tsinit.metrics import spectral_radius
from tsinit.models.state_draws.parameters import StateParameters, residual_squares
from tsinit.models.state_draws.paths import StatePaths
from tsinit.models.state_draws.table import column_sums

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.state_draws.table import StateTable

#: Columns from which a start is made of principal components: a subspace identification grows with their square.
_WIDE = 30
#: EM steps of every number of states, and more of the best; smallest noise variance, on columns of variance 1.
_TRIAL, _FINISH, _FLOOR = 15, 25, 1e-5
#: Largest modulus of an eigenvalue of a start; variance of states is bounded by it.
_MAX_RADIUS = 0.9995


def start(
    table: StateTable,
    z: FloatArray,
    offsets: IntArray,
    orders: Sequence[int],
    rng: np.random.Generator,
) -> StateParameters:
    """Fit every number of states for some steps, and the one of smallest BIC further.

    Parameters
    ----------
    table : StateTable
    z : (T, D) float
        The table, NaN where missing, columns of variance 1.
    offsets : (N + 1,) int
        Where its sequences start.
    orders : sequence of int
        Numbers of states.
    rng : numpy.random.Generator

    Returns
    -------
    StateParameters
        In a basis in which states are uncorrelated, with variance 1.
    """
    left, effects = _without_covariates(table, z)
    best, smallest = None, np.inf
    n_rows = np.count_nonzero(table.observed.any(axis=1))
    for n in sorted(orders):
        parameters = _propose(left, effects, offsets, n, rng)
        parameters, reached = climb(table, parameters, _TRIAL)
        D, F = effects.shape
        free = D * n + n * n + D * F + D - n * (n - 1) // 2
        bic = free * np.log(n_rows) - 2.0 * reached
        if best is None or bic < smallest:
            best, smallest = parameters, bic
        elif len(parameters.A) > len(best.A) + 4:
            break  # two orders in a row were no better
    assert best is not None  # there is at least one order
    return normalised(climb(table, best, _FINISH)[0])


def orders_for(T: int, D: int) -> list[int]:
    """List numbers of states to choose from: few that are far apart, as shrinkage forgives some too many."""
    largest = max(min(20, 3 * D, T // 10), 1)
    return [n for n in (1, 2, 3, 4, 6, 8, 10, 12, 15, 20) if n <= largest]


def climb(
    table: StateTable, parameters: StateParameters, n_steps: int
) -> tuple[StateParameters, float]:
    """Run EM steps: the parameters, and the log-likelihood of those before the last step."""
    reached = -np.inf
    for _ in range(n_steps):
        paths = StatePaths(table, parameters)
        if not np.isfinite(paths.log_likelihood):
            break
        reached = paths.log_likelihood
        parameters = em_step(table, paths, parameters)
    return parameters, reached


def em_step(table: StateTable, paths: StatePaths, present: StateParameters) -> StateParameters:
    """Maximise the expected log-likelihood (Shumway and Stoffer, J. Time Ser. Anal. 3, 1982), first states included."""
    x = paths.mean()
    P, lag = paths.covariances()
    n, followed, first = x.shape[1], table.followed, table.offsets[:-1]
    i, j = np.tril_indices(n)
    U = np.column_stack([x[table.rows], table.covariates])
    sums = column_sums(table, U, P[table.rows][:, i, j])
    counts = np.maximum(table.observed.sum(axis=0), 1.0)
    gram = sums.gram + 1e-8 * np.eye(U.shape[1])
    B: FloatArray = np.linalg.solve(gram, sums.cross[..., None])[..., 0].astype(float)
    squares = (table.y**2).sum(axis=0)
    r = np.maximum(residual_squares(sums, squares, B) / counts, _FLOOR)
    before = x[followed].T @ x[followed] + P[followed].sum(axis=0)
    cross = x[followed + 1].T @ x[followed] + lag
    after = x[followed + 1].T @ x[followed + 1] + P[followed + 1].sum(axis=0)
    A, Q = present.A, present.Q
    if len(followed):
        A = np.linalg.solve(before + 1e-8 * np.eye(n), cross.T).T
        A = stable(A)
        Q = after - A @ cross.T - cross @ A.T + A @ before @ A.T
        Q = positive(Q / len(followed))
    m = x[first].mean(axis=0) * len(first) / (len(first) + 1.0)  # one more at zero
    V = x[first].T @ x[first] + P[first].sum(axis=0) - (len(first) + 1.0) * np.outer(m, m)
    V = positive((V + (n + 2) * np.eye(n)) / (len(first) + n + 2))  # few sequences say little
    return present._replace(A=A, Q=Q, C=B[:, :n], G=B[:, n:], r=r, m=m, V=V)


def normalised(parameters: StateParameters) -> StateParameters:
    """Change the basis to one in which stationary states are uncorrelated, with variance 1."""
    p, n = parameters, len(parameters.A)
    P = solve_lyapunov(np.ascontiguousarray(p.A), np.ascontiguousarray(p.Q))
    if not np.isfinite(P).all():
        P = p.Q
    T = cholesky(positive(P), lower=True)
    inverse = solve_triangular(T, np.eye(n), lower=True)
    C = p.C @ T
    return p._replace(
        A=inverse @ p.A @ T,
        Q=positive(inverse @ p.Q @ inverse.T),
        C=C,
        m=inverse @ p.m,
        V=positive(inverse @ p.V @ inverse.T),
        b=np.ones(n),
        s=1.0,
        loadings=np.maximum((C**2).mean(axis=0), 1e-3),
    )


def _without_covariates(table: StateTable, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The table less what the covariates explain, and their effects (D, F + 1)."""
    F = table.covariates
    sums = column_sums(table, F)
    ridge = np.full(F.shape[1], 1e-3)
    effects = np.linalg.solve(sums.gram + np.diag(ridge), sums.cross[..., None])[..., 0]
    return z - F @ effects.T, effects.astype(float)


def _propose(
    z: FloatArray, effects: FloatArray, offsets: IntArray, n: int, rng: np.random.Generator
) -> StateParameters:
    """Ask for dynamics of the rows given, and what else there is to begin with."""
    D = z.shape[1]
    found = None
    if D < _WIDE:
        for strategy in (Subspace(), FactorAnalysis()):
            try:
                found = strategy.dynamics(z, rng, n, offsets)
                break
            except ValueError:  # of sequences that are too short
                continue
    if found is None:
        A, C, Q, r = _components(z, offsets, n, rng)
    else:
        A, C, Q, r = found.A, found.C, found.Q, np.diag(found.R)
        if found.d is not None:
            effects[:, -1] += found.d
    begin = StateParameters(
        stable(A), positive(Q), C, effects, np.maximum(r, 1e-3), np.zeros(n), np.eye(n),
        np.ones(n), 1.0, np.ones(n),
    )  # fmt: skip
    return normalised(begin)


def _components(
    z: FloatArray, offsets: IntArray, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Principal components of the interpolated table as states, with an autoregression of their own."""
    full = fill_linear(z, offsets)
    left, sd, right = np.linalg.svd(full - full.mean(axis=0), full_matrices=False)
    k = min(n, len(sd))
    X, C = np.zeros((len(z), n)), 0.1 * rng.standard_normal((z.shape[1], n))
    X[:, :k], C[:, :k] = left[:, :k] * np.sqrt(len(z)), right[:k].T * sd[:k] / np.sqrt(len(z))
    followed = np.setdiff1d(np.arange(len(z) - 1), offsets[1:] - 1)
    A = np.zeros((n, n))
    if len(followed):
        gram = X[followed].T @ X[followed] + np.eye(n)
        A = stable(np.linalg.solve(gram, X[followed].T @ X[followed + 1]).T.astype(float))
    r = (full - full.mean(axis=0) - X @ C.T).var(axis=0)
    return A, C, np.eye(n) - 0.9 * A @ A.T, r


def stable(A: FloatArray) -> FloatArray:
    """Shrink dynamics whose spectral radius is 1 or nearly so."""
    radius = float(spectral_radius(A))
    return A * (_MAX_RADIUS / radius) if radius > _MAX_RADIUS else A


def positive(M: FloatArray) -> FloatArray:
    """Nearest covariance that is not singular to rounding."""
    w, U = np.linalg.eigh(0.5 * (M + M.T))
    return (U * np.maximum(w, 1e-8 * max(w[-1], 1e-8))) @ U.T
