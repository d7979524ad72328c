"""From labels to the parameters of statsmodels' Markov switching models: a regression for each regime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters._moments import transition_shares
from tsinit.adapters._statsmodels_series import own_series
from tsinit.adapters.library import Rows

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Rows' worth of pull towards the regression of all rows, and share of the variance below which no regime begins.
_PULL, _FLOOR = 1e-3, 1e-3
#: Largest root of an autoregression, which the library takes inside the unit circle only.
_RADIUS = 0.98


def unconstrained_start(model: Any, labels: IntArray, rng: np.random.Generator) -> FloatArray:
    """Turn labels into parameters, on the scale of the optimiser."""
    K, order = model.k_regimes, model.order
    y = own_series(model)[:, 0]
    exog = getattr(model, "orig_exog", model.exog)
    exog = np.empty((len(y), 0)) if exog is None else np.asarray(exog)
    params = np.zeros(model.k_params)
    params[model.parameters["regime_transition"]] = 0.0 if model.tvtp else 1.0 / K
    drawn = _drawn_rows(labels, K, rng)
    coefficients = _regressions(y, exog, model.switching_coeffs, labels, drawn)
    rest, of_rest = y - (exog * coefficients[labels]).sum(axis=1), labels
    for k in range(K if exog.shape[1] else 0):
        params[model.parameters[k, "exog"]] = coefficients[k]
    if hasattr(model, "exog_ar") and order:
        lags = np.column_stack([rest[order - j : -j] for j in range(1, order + 1)])
        rest, of_rest = rest[order:], labels[order:]
        inner = {k: np.maximum(rows - order, 0) for k, rows in drawn.items()}
        inner |= _drawn_rows(of_rest, K, rng) | inner
        ar = _stationary(_regressions(rest, lags, model.switching_ar, of_rest, inner), model)
        rest = rest - (lags * ar[of_rest]).sum(axis=1)
        for k in range(K):
            params[model.parameters[k, "autoregressive"]] = ar[k]
    params[model.parameters["variance"]] = _variances(
        rest, of_rest, y, model, coefficients.shape[1]
    )
    x = np.asarray(model.untransform_params(params))
    # Written as they are: the library looks for them by a root finder.
    shares = transition_shares(Rows(y[:, None], np.array([0, len(y)]), None), labels, K)
    for k in range(K):
        odds = np.log(shares[k, :-1] / shares[k, -1])
        x[model.parameters[k, "regime_transition"]] = _with_exog(odds, model.exog_tvtp)
    return x


def _regressions(
    y: FloatArray, X: FloatArray, switching: Any, labels: IntArray, drawn: dict[int, IntArray]
) -> FloatArray:
    """Regress the rows of each regime, those drawn for a regime without rows: (K, p).

    What does not switch is estimated jointly. Coefficients are pulled a little towards those of all rows, in units of
    their columns, so that a regime with few rows has those of all where its own say nothing.
    """
    K = int(max([labels.max(), *drawn])) + 1
    rows = np.concatenate([np.arange(len(y)), *drawn.values()])
    states = np.concatenate([labels, *(np.full(len(at), k) for k, at in drawn.items())])
    X_all, switches = X[rows], np.asarray(switching, dtype=bool)
    pooled = np.linalg.lstsq(X, y, rcond=None)[0]
    own = [np.where((states == k)[:, None], X_all[:, switches], 0.0) for k in range(K)]
    design = np.hstack([X_all[:, ~switches], *own])
    sizes = np.sqrt(_PULL * np.mean(X**2, axis=0))
    pull = np.diag(np.concatenate([sizes[~switches], *[sizes[switches]] * K]))
    target = np.concatenate([y[rows] - X_all @ pooled, np.zeros(len(pull))])
    moves = np.linalg.lstsq(np.vstack([design, pull]), target, rcond=None)[0]
    coefficients = np.tile(pooled, (K, 1))
    fixed = np.count_nonzero(~switches)
    coefficients[:, ~switches] += moves[:fixed]
    coefficients[:, switches] += moves[fixed:].reshape(K, -1)
    return coefficients


def _drawn_rows(labels: IntArray, n_states: int, rng: np.random.Generator) -> dict[int, IntArray]:
    """Draw a stretch of rows for every regime without any; two that begin alike would stay so."""
    T = len(labels)
    size = max(T // (2 * n_states), 1)
    empty = np.setdiff1d(np.arange(n_states), labels)
    return {int(k): int(rng.integers(T - size + 1)) + np.arange(size) for k in empty}


def _stationary(ar: FloatArray, model: Any) -> FloatArray:
    """Draw the roots of autoregressions into the unit circle; all alike where they share coefficients."""
    largest = [np.abs(np.roots([1.0, *-phi])).max(initial=_RADIUS) for phi in ar]
    shrink = _RADIUS / np.array(largest)
    if not all(model.switching_ar):
        shrink[:] = shrink.min()
    return ar * shrink[:, None] ** np.arange(1, ar.shape[1] + 1)


def _variances(
    rest: FloatArray, labels: IntArray, y: FloatArray, model: Any, n_coefficients: int
) -> Any:
    """Mean squares of what is left, by regime where the variance switches; few rows have that of all."""
    floor = _FLOOR * (np.var(y) or 1.0)
    pooled = np.mean(rest**2) + floor
    if not model.switching_variance:
        return pooled
    variances = np.full(model.k_regimes, pooled)
    counts = np.bincount(labels, minlength=model.k_regimes)
    for k in np.flatnonzero(counts > n_coefficients + 1):
        variances[k] = np.mean(rest[labels == k] ** 2) + floor
    return variances


def _with_exog(odds: FloatArray, exog: Any) -> FloatArray:
    """Log odds of the transitions as coefficients of what they depend on: constant, as far as it allows."""
    if exog is None:
        return odds
    constant = np.linalg.lstsq(np.asarray(exog), np.ones(len(exog)), rcond=None)[0]
    return np.outer(odds, constant).ravel()
