"""From the LQ factor of the Hankel matrix to (A, C) and the noise covariances of one order.

Notation of Van Overschee and De Moor, "Subspace identification for linear systems" (Kluwer, 1996): i block
rows per half, Gamma the extended observability matrix [C; C A; ...], X the states that the past predicts.
Everything is in the coordinates of the orthonormal rows Q of the LQ factor, so states are matrices with
(i + 1) D columns whatever the length of the series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.init._assemble import stabilise
from tsinit.kernels import solve_lyapunov

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.init.subspace.hankel import HankelFactor

_RANK_TOLERANCE = 1e-9
_WORSE_CONDITION = 2.0


class StateSubspace(NamedTuple):
    """Singular vectors that span the states, for all orders at once.

    Parameters
    ----------
    basis : (i D, r) float
        W1^{-1} U sqrt(s): its first n columns are Gamma of order n.
    singular_values : (r,) float
        Of the weighted projection, decreasing; canonical correlations where the weights are ``"cva"``.
    """

    basis: np.ndarray
    singular_values: np.ndarray


class Realisation(NamedTuple):
    """An identified model with correlated noises.

    x[t+1] = A x[t] + w, y[t] = C x[t] + v, cov([w; v]) = [[Q, S], [S', R]], positive semi-definite. P is the
    covariance of the states that the data show.
    """

    A: np.ndarray  # (n, n)
    C: np.ndarray  # (D, n)
    Q: np.ndarray  # (n, n)
    S: np.ndarray  # (n, D)
    R: np.ndarray  # (D, D)
    P: np.ndarray  # (n, n)


def weighted_states(factor: HankelFactor, weights: str) -> StateSubspace:
    """Decompose the weighted projection of the future on the past.

    Parameters
    ----------
    factor : HankelFactor
        LQ factor.
    weights : {"cva", "n4sid", "moesp"}
        ``"cva"`` weights with cov(future)^{-1/2}, so that the singular values are canonical correlations;
        the others do not weight (without inputs they span the same space).

    Returns
    -------
    StateSubspace
    """
    half = len(factor.L) // 2
    return decompose(factor.L[half:], half, weights)


def decompose(future: FloatArray, n_past: int, weights: str) -> StateSubspace:
    """Decompose the weighted part of the future that the past explains.

    Parameters
    ----------
    future : (i D, k) float
        Future outputs in orthonormal coordinates, of which the first span the past.
    n_past : int
        How many of them.
    weights : {"cva", "n4sid", "moesp"}

    Returns
    -------
    StateSubspace
    """
    half = n_past
    if weights != "cva":
        U, s, _ = np.linalg.svd(future[:, :half])
        return StateSubspace(U * np.sqrt(s), s)
    # With future = U_f s_f V_f', any square root of cov(future) serves: take U_f s_f, whose inverse cancels
    # s_f. Directions in which the future does not vary are left out: an inverse would amplify rounding there.
    U_f, s_f, V_f = np.linalg.svd(future, full_matrices=False)
    kept = s_f > _RANK_TOLERANCE * s_f[0]
    U, s, _ = np.linalg.svd(V_f[kept, :half], full_matrices=False)
    s = np.minimum(s, 1.0)
    return StateSubspace((U_f * s_f)[:, kept] @ U * np.sqrt(s), s)


def largest_order(factor: HankelFactor, states: StateSubspace) -> int:
    """Find how many states the factor can carry: its numerical rank, and the (i - 1) D rows left by a shift.

    Parameters
    ----------
    factor : HankelFactor
    states : StateSubspace

    Returns
    -------
    int
    """
    s = states.singular_values
    rank = int((s > _RANK_TOLERANCE * max(1.0, s[0])).sum())
    half = len(factor.L) // 2
    return min(rank, half - half // factor.n_block_rows)


def realise(
    factor: HankelFactor,
    states: StateSubspace,
    n_states: int,
    weights: str,
    max_radius: float = 0.999,
) -> Realisation:
    """Read the model of one order off the factor.

    A and C come from regressing the next states and the outputs on the states, or for ``"moesp"`` from the
    shift structure of Gamma. A is then made stable, Gamma and the states are computed again from (A, C), and
    the noise covariances are those of the residuals: positive semi-definite by construction (stochastic
    algorithm 3, with the second state sequence of the robust combined algorithm). Where A had to be changed,
    the state noise is raised to keep the variance of the outputs.

    Parameters
    ----------
    factor : HankelFactor
    states : StateSubspace
        Of the same factor.
    n_states : int
        Order n, at most `largest_order`.
    weights : {"cva", "n4sid", "moesp"}
    max_radius : float
        Largest modulus of an eigenvalue of A.

    Returns
    -------
    Realisation
    """
    i, half = factor.n_block_rows, len(factor.L) // 2
    D = half // i
    gamma = states.basis[:, :n_states]
    output = factor.L[half : half + D, : half + D]
    if weights == "moesp":
        A, C = _solve(gamma[:-D], gamma[D:]), gamma[:D]
    else:
        now, following = _state_sequences(factor.L, gamma, D)
        AC = _solve(now.T, np.vstack([following, output]).T).T
        A, C = AC[:n_states], AC[n_states:]
    return with_noise(factor, A, C, gamma, max_radius)


def with_noise(
    factor: HankelFactor,
    A: FloatArray,
    C: FloatArray,
    gamma: FloatArray,
    max_radius: float = 0.999,
) -> Realisation:
    """Make dynamics stable, and read the covariances of their noises off the factor.

    Parameters
    ----------
    factor : HankelFactor
    A : (n, n) float
    C : (D, n) float
    gamma : (i D, n) float
        Extended observability matrix that the data show.
    max_radius : float
        Largest modulus of an eigenvalue of A.

    Returns
    -------
    Realisation
    """
    i, half = factor.n_block_rows, len(factor.L) // 2
    D = half // i
    output = factor.L[half : half + D, : half + D]
    identified, A = A, np.ascontiguousarray(stabilise(A, max_radius))
    again = observability(A, C, i)
    # Where the model can hardly see a state, its own Gamma would blow that state up: keep the data's then.
    if np.linalg.cond(again) < _WORSE_CONDITION * np.linalg.cond(gamma):
        gamma = again
    now, following = _state_sequences(factor.L, gamma, D)
    residual = np.vstack([following - A @ now, output - C @ now])
    noise, n = residual @ residual.T, len(A)
    if np.any(identified != A):
        noise[:n] *= (gain := _lost_amplitude(A, C, noise[:n, :n], now))
        noise[:, :n] *= gain
    return Realisation(
        A,
        np.ascontiguousarray(C),
        noise[:n, :n].copy(),
        noise[:n, n:],
        noise[n:, n:].copy(),
        now @ now.T,
    )


def observability(A: FloatArray, C: FloatArray, n_blocks: int) -> FloatArray:
    """Stack [C; C A; ...; C A^(n_blocks - 1)]: (n_blocks D, n)."""
    blocks = [C]
    for _ in range(n_blocks - 1):
        blocks.append(blocks[-1] @ A)
    return np.vstack(blocks)


def _lost_amplitude(A: FloatArray, C: FloatArray, Q: FloatArray, now: FloatArray) -> float:
    """Factor for the state noise of a model whose A was made stable.

    States that kept going by themselves now fade, and the small noise that was left for them would give
    outputs of far less variance than the data's (a sinusoid without noise: none at all).
    """
    kept = np.trace(C @ solve_lyapunov(A, np.ascontiguousarray(Q)) @ C.T)
    shown = np.trace(C @ (now @ now.T) @ C.T)
    return float(np.sqrt(max(1.0, shown / kept))) if kept > 0 else 1.0


def _state_sequences(L: FloatArray, gamma: FloatArray, D: int) -> tuple[FloatArray, FloatArray]:
    """States that i and i + 1 block rows of past predict: each (n, (i + 1) D)."""
    half = len(L) // 2
    now = np.zeros((gamma.shape[1], half + D))
    now[:, :half] = _solve(gamma, L[half:, :half])
    return now, _solve(gamma[:-D], L[half + D :, : half + D])


def _solve(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(a, b, rcond=None)[0], dtype=np.float64)
