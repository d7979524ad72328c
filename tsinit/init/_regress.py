"""From a guessed path of states to the parameters that would have made it, by ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit.init._assemble import assemble, stabilise
from tsinit.init._windows import fill_linear, longest, project, window_ends
from tsinit.kernels.state_space.lyapunov import solve_lyapunov

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.kernels import LinearGaussianParams


Q_JITTER = 1e-3  # of the mean state noise: a direction without noise would stay without it under EM
R_FLOOR = 1e-4  # of the variance of the data: EM cannot leave R = 0 either
_ENOUGH = 30  # complete windows per state; with fewer, windows at least half observed are taken too


def delay_windows(
    z: FloatArray, offsets: IntArray | None, n_delays: int | None, n_states: int
) -> tuple[FloatArray, int, IntArray]:
    """Fill the gaps linearly, settle how many delays a window can have, and find the windows to learn from.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    offsets : (N + 1,) int or None
        Where each sequence starts.
    n_delays : int or None
        None is ceil(n_states / D) + 4, which is n_states + 4 for one variable.
    n_states : int
        States that the windows must carry.

    Returns
    -------
    full : (T, D) float
        Without gaps.
    n_delays : int
        Not more than half the longest sequence, so that there are windows at all.
    ends : (M,) int
        Last row of each window of n_delays + 1 rows, one more than the states need: a window and its next.
    """
    T, D = z.shape
    wanted = -(-n_states // D) + 4 if n_delays is None else n_delays
    n_delays = max(1, min(wanted, longest(T, offsets) // 2))
    return (
        fill_linear(z, offsets),
        n_delays,
        window_ends(z, offsets, n_delays + 1, enough=_ENOUGH * n_states),
    )


def learn_dynamics(
    z: FloatArray,
    full: FloatArray,
    ends: IntArray,
    weights: FloatArray,
    n_states: int,
    rng: np.random.Generator,
) -> LinearGaussianParams:
    """Take projections of delay windows for the states and regress on them.

    The state at time t is the projection of the window around t. A comes from the pairs of consecutive
    windows, C from the observed values alone, Q and R from what is left over, Q scaled so that stationary
    states vary as the path does. The ridge is that of one more observation of zero in every direction. States
    that the windows cannot carry are added by `pad_states`.

    Parameters
    ----------
    z : (T, D) float
        Standardised observations, NaN where missing.
    full : (T, D) float
        The same without gaps.
    ends : (M,) int
        Last row of windows of n_delays + 1 rows.
    weights : (n_delays * D, k) float
        Projection to k <= n_states states, rows ordered as `take` orders them.
    n_states : int
        States of the result.
    rng : numpy.random.Generator
        For the states that are added.

    Returns
    -------
    LinearGaussianParams
        For standardised data.
    """
    D = z.shape[1]
    x0, x1 = project(full, ends - 1, weights), project(full, ends, weights)
    x0, x1 = _standard_states(x0, x1)
    k = x1.shape[1]
    A = stabilise(ridge(x0, x1)) if k else np.zeros((0, 0))
    left = x1 - x0 @ A.T
    Q = left.T @ left / max(len(ends), 1)
    Q += max(Q_JITTER * np.trace(Q) / max(k, 1), Q_JITTER**2) * np.eye(k)
    # The states have variance 1: so shall those of the model, whatever the errors of A do to it near a pole.
    size = np.trace(solve_lyapunov(np.ascontiguousarray(A), Q))
    Q *= k / size if k and np.isfinite(size) else 1.0
    middle = (weights.shape[0] // D) // 2
    C, R = _outputs(x1, z[ends - middle])
    A, C, Q = pad_states(A, C, Q, n_states, rng)
    return assemble(A, C, Q, np.diag(R))


def pad_states(
    A: FloatArray, C: FloatArray, Q: FloatArray, n_states: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Add independent states until there are n_states.

    Each forgets at its own rate and shows a little in every output: a state that shows in none would never
    be moved by EM, and two alike would stay alike.

    Parameters
    ----------
    A : (k, k) float
        Transition.
    C : (D, k) float
        Observation matrix, in standard units.
    Q : (k, k) float
        Covariance of the state noise.
    n_states : int
        States wanted, at least k.
    rng : numpy.random.Generator
        Draws the added entries; untouched if none is needed.

    Returns
    -------
    A : (n_states, n_states) float
    C : (D, n_states) float
    Q : (n_states, n_states) float
    """
    k, D = A.shape[0], C.shape[0]
    if k == n_states:
        return A, C, Q
    decay = rng.uniform(0.2, 0.8, n_states - k)
    bigger_A, bigger_Q = np.zeros((2, n_states, n_states))
    bigger_A[:k, :k], bigger_Q[:k, :k] = A, Q
    bigger_A[range(k, n_states), range(k, n_states)] = decay
    bigger_Q[range(k, n_states), range(k, n_states)] = 1.0 - decay**2  # variance 1
    faint = 0.1 * rng.standard_normal((D, n_states - k))
    return bigger_A, np.hstack([C, faint]), bigger_Q


def ridge(x: FloatArray, y: FloatArray) -> FloatArray:
    """Coefficients B of y = B x + e, with one pseudo-observation of zero in each direction of x.

    Parameters
    ----------
    x : (M, k) float
        Regressors of variance about 1.
    y : (M, ...) float
        Targets.

    Returns
    -------
    (..., k) float
    """
    B = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
    return np.asarray(B, dtype=np.float64).T


def principal(cov: FloatArray, k: int) -> FloatArray:
    """Find the k leading eigenvectors of a covariance as columns, signs fixed by their largest entries.

    All of them are asked for where k is the size of cov: the identity then does as well and mixes nothing.
    """
    if k == len(cov):
        return np.eye(k)
    vectors = np.linalg.eigh(cov)[1][:, ::-1][:, :k]
    return vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(k)])


def _standard_states(x0: FloatArray, x1: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centre the states, scale them to variance 1 and drop those that never move."""
    if len(x1) == 0:
        return x0[:, :0], x1[:, :0]
    mean, sd = x1.mean(axis=0), x1.std(axis=0)
    moving = sd > 1e-8
    return ((x0 - mean)[:, moving] / sd[moving], (x1 - mean)[:, moving] / sd[moving])


def _outputs(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Regress each output on the states at the times it was observed."""
    D, k = y.shape[1], x.shape[1]
    C, R = np.zeros((D, k)), np.ones(D)
    for i, column in enumerate(y.T):
        observed = ~np.isnan(column)
        if observed.any():
            C[i] = ridge(x[observed], column[observed])
            R[i] = np.mean((column[observed] - x[observed] @ C[i]) ** 2)
    return C, np.maximum(R, R_FLOOR)
