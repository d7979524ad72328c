"""Draws from a state-space model: sequences, what may follow the data, and the states behind data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_finite_likelihood
from tsinit.kernels import Kalman
from tsinit.kernels.state_space.diffuse import diffuse_states, proper
from tsinit.models.results import Sample

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels.params import LinearGaussianParams


def simulate(
    params: LinearGaussianParams,
    n_steps: int,
    rng: np.random.Generator,
    inputs: FloatArray | None = None,
) -> Sample:
    """Draw one sequence of a model, under inputs (n_steps, m) where it has some."""
    A, C, Q, R, m0, P0 = params[:6]
    d: Any = params.d  # fitted parameters have one
    if diffuse_states(params).any():
        raise ValueError(
            "A first state must have a distribution to be drawn from; got diffuse states, of which nothing is known. "
            "Draw what follows the data: simulate(n_steps)."
        )
    n = len(A)
    states = np.empty((n_steps, n))
    noise = rng.standard_normal((n_steps, n))
    root = _root(Q)
    states[0] = m0 + _root(P0) @ noise[0]
    for t in range(1, n_steps):
        states[t] = A @ states[t - 1] + root @ noise[t]
        if params.B is not None and inputs is not None:
            states[t] += params.B @ inputs[t - 1]
    y = params.seen_through(states, inputs) + d
    y += rng.standard_normal((n_steps, len(C))) @ _root(R).T
    if params.D is not None and inputs is not None:
        y += inputs @ params.D.T
    return Sample(y, states)


def simulate_after(
    params: LinearGaussianParams,
    state: tuple[FloatArray, FloatArray],
    n_steps: int,
    n_paths: int,
    rng: np.random.Generator,
    inputs: FloatArray | None = None,
) -> Sample:
    """Draw paths (n_paths, n_steps, D) of what may follow a state.

    Parameters
    ----------
    params : LinearGaussianParams
    state : (n,) float, (n, n) float
        Mean and covariance of the state at the last step.
    n_steps, n_paths : int
    rng : numpy.random.Generator
    inputs : (n_steps + 1, m) float, optional
        From the last step on.

    Returns
    -------
    Sample
        States (n_paths, n_steps, n).
    """
    A, C, Q, R = params[:4]
    d: Any = params.d  # fitted parameters have one
    n, D = len(A), len(C)
    mean, P = state
    x = mean + rng.standard_normal((n_paths, n)) @ _root(P).T
    states, root = np.empty((n_paths, n_steps, n)), _root(Q)
    for k in range(n_steps):
        x = x @ A.T + rng.standard_normal((n_paths, n)) @ root.T
        if params.B is not None and inputs is not None:
            x = x + params.B @ inputs[k]
        states[:, k] = x
    if params.C_inputs is None or inputs is None:
        y = states @ C.T + d
    else:
        y = np.einsum("tdn,ptn->ptd", params.loadings(inputs[1:]), states) + d
    y += rng.standard_normal((n_paths, n_steps, D)) @ _root(R).T
    if params.D is not None and inputs is not None:
        y += inputs[1:] @ params.D.T
    return Sample(y, states)


def sample_states(
    kalman: Kalman, params: LinearGaussianParams, n_draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw state paths (n_draws, T, n) from their joint distribution given all the data.

    Simulation smoother of Durbin and Koopman (Biometrika 89, 2002): a path and data with the same gaps are simulated,
    and the path is moved by the difference of what the smoother makes of the data and of the simulated ones.

    Parameters
    ----------
    kalman : Kalman
        The sequences.
    params : LinearGaussianParams
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    (n_draws, T, n) float

    Raises
    ------
    ValueError
        The data have no density under the parameters.
    """
    done = kalman.smooth(params)
    check_finite_likelihood(done.succeeded)
    out = np.empty((n_draws, *done.means.shape))
    # Noise alone: means, and what inputs do, are in the smoothed states of the data. Diffuse first states may begin
    # anywhere, as the smoother takes away where they began.
    noise = params._replace(m0=np.zeros_like(params.m0), d=np.zeros(len(params.C)), B=None, D=None)
    begin = proper(noise)
    for draw in out:
        y = np.empty_like(kalman.y)
        for start, stop in zip(kalman.offsets[:-1], kalman.offsets[1:], strict=True):
            if stop > start:
                u = None if kalman.u is None else kalman.u[start:stop]
                y[start:stop], draw[start:stop] = simulate(begin, stop - start, rng, u)
        y[~kalman.observed] = np.nan
        draw -= Kalman(y, kalman.n_states, kalman.offsets, kalman.u).smooth(noise).means
        draw += done.means
    return out


def _root(V: FloatArray) -> FloatArray:
    w, U = np.linalg.eigh(V)
    return U * np.sqrt(np.maximum(w, 0.0))
