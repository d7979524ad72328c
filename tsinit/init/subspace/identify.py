"""One subspace identification, and the best of several views of the data and numbers of block rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import block_diag

from tsinit.init._assemble import nearest_psd
from tsinit.init.subspace.hankel import HankelFactor
from tsinit.init.subspace.independent_noise import to_independent_noise
from tsinit.init.subspace.realise import (
    Realisation,
    StateSubspace,
    largest_order,
    realise,
    weighted_states,
)
from tsinit.init.subspace.views import smoothed_view, views
from tsinit.kernels import Kalman, LinearGaussianParams, solve_lyapunov

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.init.subspace.strategy import Subspace

_COMPARED = 50_000  # rows on which candidates are compared: enough to choose, and a long series costs no more
_STATE_NOISE = 1e-4  # noise of a state, at least in units of its variance
_LOST = 0.5  # share of the variance of the data below which the states have too little noise
_RADIUS = 0.5  # of states beyond what the data can carry: short-lived


class IdentifiedModel(NamedTuple):
    """A model and what it was read off."""

    factor: HankelFactor
    states: StateSubspace
    params: LinearGaussianParams


def best(
    strategy: Subspace, z: FloatArray, offsets: IntArray, n_states: int, loadings: FloatArray
) -> IdentifiedModel:
    """Identify from every view of the data and number of block rows, and keep the likeliest.

    Parameters
    ----------
    strategy : Subspace
        Says what is allowed.
    z : (T, D) float
        Standardised data, NaN where missing.
    offsets : (N + 1,) int64
        Where each sequence starts.
    n_states : int
    loadings : (D, n_states) float
        Of states beyond what the data can carry.

    Returns
    -------
    IdentifiedModel
    """
    z = np.ascontiguousarray(z)
    found = views(z, offsets, n_states, strategy.n_block_rows, strategy.gaps)
    kalman = Kalman(z[:_COMPARED], n_states, np.minimum(offsets, _COMPARED))

    def scored(factor: HankelFactor, name: str) -> tuple[float, IdentifiedModel]:
        fit = _fit(strategy, factor, n_states, loadings, name)
        return _likeliest(kalman, fit)

    if len(found) == len(found[0].choices) == 1 and found[0].name != "smooth":
        fit = _fit(
            strategy, found[0].factor(found[0].choices[0]), n_states, loadings, found[0].name
        )
        return fit if raised_noise(fit.params) is None else _likeliest(kalman, fit)[1]

    likeliest = {
        view.name: max((scored(view.factor(rows), view.name) for rows in view.choices), key=_score)
        for view in found
    }
    if "smooth" in likeliest:
        fit = likeliest["smooth"][1]
        again = smoothed_view(z, offsets, fit.params, fit.factor.n_block_rows)
        if again is not None:
            likeliest["smooth again"] = scored(again, "smooth")
    return max(likeliest.values(), key=_score)[1]


def white(D: int) -> LinearGaussianParams:
    """Parameters of D standardised variables without states."""
    none = np.zeros((0, 0))
    return LinearGaussianParams(
        none, np.zeros((D, 0)), none, np.eye(D), np.zeros(0), none, np.zeros(D)
    )


def pad(params: LinearGaussianParams, n_states: int, loadings: FloatArray) -> LinearGaussianParams:
    """Add short-lived states of variance 1 that hardly show in the output, up to ``n_states``."""
    missing = n_states - len(params.A)
    if missing == 0:
        return params
    eye = np.eye(missing)
    return params._replace(
        A=block_diag(params.A, _RADIUS * eye),
        C=np.hstack([params.C, loadings[:, :missing]]),
        Q=block_diag(params.Q, (1 - _RADIUS**2) * eye),
        m0=np.zeros(n_states),
        P0=block_diag(params.P0, eye),
    )


def _fit(
    strategy: Subspace, factor: HankelFactor, n_states: int, loadings: FloatArray, view: str
) -> IdentifiedModel:
    # Covariances from pairs are too rough to be whitened by.
    weights = "n4sid" if view == "pairs" and strategy.weights == "cva" else strategy.weights
    states = weighted_states(factor, weights)
    order = min(n_states, largest_order(factor, states))
    params = _identify(strategy, factor, states, order, weights) if order else white(len(loadings))
    return IdentifiedModel(factor, states, pad(params, n_states, loadings))


def _identify(
    strategy: Subspace, factor: HankelFactor, states: StateSubspace, order: int, weights: str
) -> LinearGaussianParams:
    """Identify one order on standardised data."""
    model = realise(factor, states, order, weights, strategy.max_radius)
    return to_params(strategy, factor, model)


def to_params(strategy: Subspace, factor: HankelFactor, model: Realisation) -> LinearGaussianParams:
    """Give an identified model the noises that the strategy asks for."""
    model = model._replace(R=model.R + _overfit(factor) * np.eye(len(model.R)))
    if strategy.independent_noise:
        Q, R = to_independent_noise(model, strategy.noise_floor)
    else:
        Q, R = nearest_psd(model.Q), nearest_psd(model.R, minimum=strategy.noise_floor)
    Q = Q + _little_noise(strategy, model)
    return LinearGaussianParams(
        model.A, model.C, Q, R, np.zeros(len(Q)), solve_lyapunov(model.A, Q), np.zeros(len(R))
    )


def _likeliest(kalman: Kalman, fit: IdentifiedModel) -> tuple[float, IdentifiedModel]:
    """Score a model, and with more state noise where its own leaves most of the variance unexplained."""
    score, raised = kalman.log_likelihood(fit.params), raised_noise(fit.params)
    if raised is not None and (better := kalman.log_likelihood(raised)) > score:
        return better, fit._replace(params=raised)
    return score, fit


def raised_noise(params: LinearGaussianParams) -> LinearGaussianParams | None:
    """Raise the state noise until outputs have the variance of the data; None where they have half of it anyway.

    A decay without noise is a transient: next to none of its variance comes from the state noise that is identified.
    A stationary prior of that size excludes the data, and a white model with a wrong A would be likelier.
    """
    own = float(np.trace(params.C @ params.P0 @ params.C.T))
    wanted = len(params.C) - float(np.trace(params.R))
    if not 0.0 < own < _LOST * wanted:
        return None
    gain = wanted / own
    return params._replace(Q=gain * params.Q, P0=gain * params.P0)


def _little_noise(strategy: Subspace, model: Realisation) -> FloatArray:
    """Noise for every state, because EM never leaves a singular Q; it must hardly show in the outputs."""
    variance = np.diag(model.P)
    noise = np.diag(_STATE_NOISE * np.maximum(variance, _STATE_NOISE * variance.max()))
    output_variance = np.diag(model.C @ solve_lyapunov(model.A, noise) @ model.C.T).max()
    return noise * (strategy.noise_floor / max(output_variance, strategy.noise_floor))


def _score(scored: tuple[float, IdentifiedModel]) -> float:
    return scored[0]


def _overfit(factor: HankelFactor) -> float:
    """Share of the outputs' variance to count as noise, because the past explains it by its size alone.

    A past of i D rows fits any future of j <= i D columns exactly and leaves no residual to estimate noise
    from. Zero from j = 2 i D on.
    """
    past = len(factor.L) // 2
    return float(np.clip(2 * past / factor.n_columns - 1, 0.0, 1.0))
