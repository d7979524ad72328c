"""Subspace identification with known inputs: the future without what future inputs do, projected on the past of both.

Notation of Van Overschee and De Moor, "Subspace identification for linear systems" (Kluwer, 1996), chapter 4. A and C
come from the shift structure of the extended observability matrix, which no input enters; B and D are least squares
given those; the noises are those of the outputs without the response to the inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate.values import warn
from tsinit.init._assemble import stabilise
from tsinit.init._inputs import fit_inputs, least_squares, regress_out
from tsinit.init._scaling import standardise, unscale
from tsinit.init.subspace.hankel import hankel_factor
from tsinit.init.subspace.identify import best, pad, raised_noise, to_params
from tsinit.init.subspace.realise import StateSubspace, decompose, with_noise
from tsinit.init.subspace.views import views
from tsinit.kernels import Kalman

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.init.subspace.hankel import HankelFactor
    from tsinit.init.subspace.strategy import Subspace
    from tsinit.kernels import LinearGaussianParams

_RANK_TOLERANCE = 1e-6  # of inputs whose past says what they will be
_MIN_NOISE = 0.05  # of the variance of a column, where states explain what columns share
_AXES_STEPS = 50
_MAX_NORM = 0.9  # of their dynamics
_COMPARED = 50_000  # rows on which candidates are compared


class StandardInputs(NamedTuple):
    """Inputs on a standard scale, and what they act on."""

    u: np.ndarray  # (T, m)
    effect: str  # "both", "state" or "output"


def best_dynamics(
    strategy: Subspace,
    z: FloatArray,
    inputs: StandardInputs,
    offsets: IntArray,
    n_states: int,
    loadings: FloatArray,
) -> LinearGaussianParams:
    """Identify the dynamics beside known inputs in several ways, and keep the likeliest.

    Parameters
    ----------
    strategy : Subspace
        Says what is allowed.
    z : (T, D) float
        Standardised observations, NaN where missing.
    inputs : StandardInputs
    offsets : (N + 1,) int64
        Where each sequence starts.
    n_states : int
    loadings : (D, n_states) float
        Of states beyond what the data can carry.

    Returns
    -------
    LinearGaussianParams
        For standardised data, without B and D, which the data's own units may fit again.
    """
    z = np.ascontiguousarray(z)
    T = min(len(z), _COMPARED)
    kalman = Kalman(z[:T], n_states, np.minimum(offsets, T), np.ascontiguousarray(inputs.u[:T]))
    found = [_without_inputs(strategy, z, inputs, offsets, n_states, loadings)]
    found += _projected(strategy, z, inputs, offsets, n_states, loadings)
    # Fewer states than columns may be what columns share at once, which past and future do not show. Noise that is
    # correlated would explain it too, but EM starts from independent noises, and with hardly any state noise it stands
    # still: candidates are compared as it will see them.
    shared = n_states < z.shape[1]
    if shared:
        found.append(_factors(found[0], n_states))
    likeliest, best_score = found[0], -np.inf
    for params in found:
        whole = fit_inputs(params, z, inputs.u, offsets, inputs.effect)
        if shared:
            whole = whole._replace(R=np.diag(np.diag(whole.R)))
        score = kalman.log_likelihood(whole)
        if score > best_score:
            likeliest, best_score = params, score
    return likeliest


def _without_inputs(
    strategy: Subspace,
    z: FloatArray,
    inputs: StandardInputs,
    offsets: IntArray,
    n_states: int,
    loadings: FloatArray,
) -> LinearGaussianParams:
    """Regress the inputs' own past out, and identify what is left."""
    left, loc, scale = standardise(regress_out(z, inputs.u, offsets))
    return unscale(best(strategy, left, offsets, n_states, loadings).params, loc, scale)


def _factors(params: LinearGaussianParams, n_states: int) -> LinearGaussianParams:
    """Explain what the outputs of a model share at a step by states of variance one, by principal axes.

    Their loadings and the noises make up the covariance of the outputs; A is what their covariance one step apart says.
    """
    outputs = params.C @ params.P0
    S = outputs @ params.C.T + params.R
    noise = 0.5 * np.diag(S)
    for _ in range(_AXES_STEPS):
        w, U = np.linalg.eigh(S - np.diag(noise))
        C = U[:, -n_states:] * np.sqrt(np.maximum(w[-n_states:], _MIN_NOISE * np.trace(S)))
        noise = np.maximum(np.diag(S) - (C**2).sum(axis=1), _MIN_NOISE * np.diag(S))
    back = np.linalg.pinv(C)
    A = back @ (params.C @ params.A @ params.P0 @ params.C.T) @ back.T
    A *= _MAX_NORM / max(float(np.linalg.norm(A, 2)), _MAX_NORM)
    n = len(A)
    return params._replace(
        A=A, C=C, Q=np.eye(n) - A @ A.T, R=np.diag(noise), m0=np.zeros(n), P0=np.eye(n)
    )


def _projected(
    strategy: Subspace,
    z: FloatArray,
    inputs: StandardInputs,
    offsets: IntArray,
    n_states: int,
    loadings: FloatArray,
) -> list[LinearGaussianParams]:
    """Identify from the joint Hankel matrix of inputs and outputs, for every view and number of block rows."""
    m, D = inputs.u.shape[1], z.shape[1]
    joint = np.hstack([inputs.u, z])
    out = []
    for view in views(joint, offsets, n_states, strategy.n_block_rows, strategy.gaps):
        for n_block_rows in view.choices:
            if not _excites(inputs.u, offsets, n_block_rows):
                continue
            factor = view.factor(n_block_rows)
            weights = "n4sid" if view.name == "pairs" else strategy.weights
            states = _states(factor, m, weights)
            rank = int((states.singular_values > 1e-9 * states.singular_values[0]).sum())
            order = min(n_states, rank, (factor.n_block_rows - 1) * D)
            if order < 1:
                continue
            gamma = states.basis[:, :order]
            A = np.linalg.lstsq(gamma[:-D], gamma[D:], rcond=None)[0]
            found = _with_noise_left(strategy, z, inputs, offsets, factor.n_block_rows, A, gamma)
            out += [pad(params, n_states, loadings) for params in found]
    if not out:
        _warn_of_inputs(inputs.u, offsets)
    return out


def _excites(u: FloatArray, offsets: IntArray, n_block_rows: int) -> bool:
    """Whether inputs vary enough, over windows of 2 i rows, to be told from what the states do."""
    s = np.linalg.svd(hankel_factor(u, offsets, n_block_rows).L, compute_uv=False)
    return bool(s[-1] > _RANK_TOLERANCE * s[0])


def _warn_of_inputs(u: FloatArray, offsets: IntArray) -> None:
    """Name the inputs that are too regular."""
    m = u.shape[1]
    still = [j for j in range(m) if not _excites(u[:, j : j + 1], offsets, 2)]
    which = f"column {', '.join(map(str, still or range(m)))} of the inputs"
    together = "" if still else ", taken together,"
    warn(
        f"What {which}{together} will be follows from what was: that does not excite the dynamics, so effects are read "
        "off a regression on lags. Give inputs that vary more, or fewer of them."
    )


def _states(factor: HankelFactor, m: int, weights: str) -> StateSubspace:
    """Decompose the future outputs, along the future inputs, on the past of inputs and outputs."""
    half, i = len(factor.L) // 2, factor.n_block_rows
    width = half // i
    future_inputs = half + _block_rows(half, i, 0, m)
    future_outputs = half + _block_rows(half, i, m, width)
    order = np.concatenate([future_inputs, np.arange(half), future_outputs])
    L = np.asarray(np.linalg.qr(factor.L[order].T, mode="r")).T
    outputs = L[len(future_inputs) + half :, len(future_inputs) :]
    return decompose(outputs, half, weights)


def _block_rows(size: int, n_blocks: int, begin: int, end: int) -> IntArray:
    """Rows begin .. end of each of the blocks."""
    width = size // n_blocks
    return (np.arange(n_blocks)[:, None] * width + np.arange(begin, end)).ravel()


def _with_noise_left(
    strategy: Subspace,
    z: FloatArray,
    inputs: StandardInputs,
    offsets: IntArray,
    n_block_rows: int,
    A: FloatArray,
    gamma: FloatArray,
) -> list[LinearGaussianParams]:
    """Read the noises off the outputs without their response to the inputs, of dynamics that are given."""
    D, out = z.shape[1], []
    A, C = stabilise(A, strategy.max_radius), np.ascontiguousarray(gamma[:D])
    effects = least_squares(A, C, np.ones(D), z, inputs.u, offsets, inputs.effect)
    left = z - effects.outputs
    for view in views(left, offsets, len(A), n_block_rows, strategy.gaps):
        factor = view.factor(view.choices[0])
        if len(factor.L) != 2 * len(gamma):
            continue
        model = with_noise(factor, A, C, gamma, strategy.max_radius)
        params = to_params(strategy, factor, model)
        more = raised_noise(params)
        out += [params] if more is None else [params, more]
    return out
