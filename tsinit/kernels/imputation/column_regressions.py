"""Regressions of all columns of a table: the Gram matrices of its windows, and one redraw from these.

The window of row t is v_t = [W[t - L], ..., W[t + L], F[t]]: every predictor of every column's regression at t, and
the columns themselves at lag 0. One matrix S = sum v_t v_t' for each pattern of available lags therefore serves the
regressions of all columns.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import _interpreted
from tsinit.kernels._jit import blas, blend, blend_with_memory, entry, kernel
from tsinit.kernels.dense import _address, _data
from tsinit.kernels.imputation.regression import (
    GIBBS,
    HALF_CAUCHY_SHAPE,
    MALA,
    RegressionPrior,
    RegressionTarget,
    adapted,
    draw_rate,
    draw_scale,
    factor,
    first_step,
    gibbs_step,
    identity,
    mala_step,
    residual_sum,
    rwm_step,
    solve_lower,
    solve_upper,
    times,
)

CHUNK = 256  # windows gathered at once: they stay in the cache until they are multiplied

_dsyrk = blas("dsyrk", 10, _interpreted.dsyrk)


class ColumnRegressions(NamedTuple):
    """Coefficients and noise of all regressions; k counts patterns of lags, j columns."""

    # (K, D, M) coefficients by place in the window, 0 where the regression has none
    theta: np.ndarray
    tau2: np.ndarray  # (K, D) noise variances
    rate: np.ndarray  # (K, D) rates of their inverse gammas, drawn too
    scale: np.ndarray  # (K, D) prior variances of the coefficients of other columns and of lags


class ColumnPrior(NamedTuple):
    """Prior of all regressions: theta ~ N(0, scale I), and tau half-Cauchy.

    Where the scale is learned, its root is half-Cauchy; the coefficients of season and level have a fixed one.
    """

    level: float  # variance of the coefficients of season and level, and of all where the scale is not learned
    spread: float  # median of tau
    shrinkage: float  # median of the root of a learned scale; 0 where it is not


class RegressionDesign(NamedTuple):
    """Which predictors and which rows each regression has."""

    index: np.ndarray  # (K, D, m) int64, places of the predictors in the window
    size: np.ndarray  # (K, D) int64, how many there are
    own: np.ndarray  # (D,) int64, place of each column itself in the window
    member: np.ndarray  # (K, Q) bool, patterns whose rows inform it
    counts: np.ndarray  # (Q,) float, rows of each pattern
    n_level: int  # predictors of season and level, the last of each regression


class SamplerSettings(NamedTuple):
    """How coefficients are drawn."""

    kind: int  # GIBBS, MALA or RWM
    n_steps: int  # in each redraw
    precondition: bool  # shape proposals by the curvature
    adapt: bool  # tune step sizes: during the warm-up only


class RegressionSampler(NamedTuple):
    """The sampler of all regressions, and how its proposals have fared."""

    settings: SamplerSettings
    shape_tau2: np.ndarray  # (K, D) noise variance that shapes proposals, fixed after the warm-up
    step: np.ndarray  # (K, D) step sizes, 0 before the first
    tries: np.ndarray  # (K, D) steps since counting began
    accepted: np.ndarray  # (K, D) sum of their acceptance probabilities


@blend
def _add_products(n, X, S):
    """S += X'X of the first n rows of X, its lower triangle."""
    m = X.shape[1]
    _dsyrk(
        _address(np.uint8(ord("U"))), _address(np.uint8(ord("N"))), _address(np.int32(m)), _address(np.int32(n)),
        _address(1.0), _data(X), _address(np.int32(m)), _address(1.0), _data(S), _address(np.int32(m)),
    )  # fmt: skip


@blend_with_memory
def _window(W, F, L, t, i, X):
    """X[i] <- v_t."""
    D = W.shape[1]
    n = (2 * L + 1) * D
    w, x = W.ravel(), X.ravel()
    start, at = (t - L) * D, i * X.shape[1]
    for k in range(n):
        x[at + k] = w[start + k]
    for k in range(F.shape[1]):
        X[i, n + k] = F[t, k]


@kernel
def _clear(S):
    for i in range(S.shape[0]):
        for j in range(i + 1):
            S[i, j] = 0.0


@kernel
def _mirror(S):
    for i in range(S.shape[0]):
        for j in range(i):
            S[j, i] = S[i, j]


@entry
def grams(W, F, L, rows, starts, X, S):
    """Write S[0, q] = sum of v_t v_t' over rows[starts[q]:starts[q + 1]].

    W : (Tp, D) table; F : (Tp, F) covariates; X : (CHUNK, M) scratch; S : (1, Q, M, M).
    """
    for q in range(starts.size - 1):
        Sq = S[0, q]
        _clear(Sq)
        for first in range(starts[q], starts[q + 1], CHUNK):
            n = min(CHUNK, starts[q + 1] - first)
            for i in range(n):
                _window(W, F, L, rows[first + i], i, X)
            _add_products(n, X, Sq)
        _mirror(Sq)


@kernel
def _scale_row(X, i, weight):
    root = np.sqrt(weight)
    for k in range(X.shape[1]):
        X[i, k] *= root


@entry
def weighted_grams(W, F, L, rows, starts, X, S, weights):
    """Write S[j, q] = sum of weights[t, j] v_t v_t', one matrix for each column j."""
    for j in range(W.shape[1]):
        for q in range(starts.size - 1):
            Sq = S[j, q]
            _clear(Sq)
            for first in range(starts[q], starts[q + 1], CHUNK):
                n = min(CHUNK, starts[q + 1] - first)
                for i in range(n):
                    t = rows[first + i]
                    _window(W, F, L, t, i, X)
                    _scale_row(X, i, weights[t, j])
                _add_products(n, X, Sq)
            _mirror(Sq)


@kernel
def _load(S, design, k, j, w):
    """Sum Gram matrices over the patterns of regression k into w.G and w.g; return (y'y, n)."""
    s, own = min(j, S.shape[0] - 1), design.own[j]
    d, yy, n = design.size[k, j], 0.0, 0.0
    for a in range(d):
        w.g[a] = 0.0
        for b in range(a + 1):
            w.G[a, b] = 0.0
    for q in range(design.member.shape[1]):
        if not design.member[k, q]:
            continue
        n += design.counts[q]
        yy += S[s, q, own, own]
        for a in range(d):
            row = design.index[k, j, a]
            w.g[a] += S[s, q, row, own]
            for b in range(a + 1):
                w.G[a, b] += S[s, q, row, design.index[k, j, b]]
    for a in range(d):
        for b in range(a):
            w.G[b, a] = w.G[a, b]
    return yy, n


@kernel
def _shape_proposals(target, tau2, precondition, w):
    """Write the root of the precision that proposals are shaped by, and G theta."""
    if precondition:
        factor(target, tau2, w.root)
    else:
        identity(target.d, w.root)
    times(target.d, target.G, w.theta, w.Gtheta)


@kernel
def _propose(rng, target, sampler, w, tau2, k, j):
    """Take the Metropolis-Hastings steps of one redraw; w.theta holds the coefficients; return tau2."""
    settings, step = sampler.settings, sampler.step[k, j]
    if step == 0.0:
        step = first_step(settings.kind, target.d)
    if settings.adapt:
        sampler.shape_tau2[k, j] = tau2
    _shape_proposals(target, sampler.shape_tau2[k, j], settings.precondition, w)
    for _ in range(settings.n_steps):
        if settings.kind == MALA:
            tau2, p = mala_step(rng, target, w, tau2, step)
        else:
            tau2, p = rwm_step(rng, target, w, tau2, step)
        sampler.tries[k, j] += 1.0
        sampler.accepted[k, j] += p
        if settings.adapt:
            step = adapted(settings.kind, step, p, sampler.tries[k, j])
    sampler.step[k, j] = step
    return tau2


@kernel
def _update(rng, target, index, fits, sampler, w, k, j):
    for a in range(target.d):
        w.theta[a] = fits.theta[k, j, index[k, j, a]]
    if sampler.settings.kind == GIBBS:
        fits.tau2[k, j] = gibbs_step(rng, target, w, fits.tau2[k, j])
    else:
        fits.tau2[k, j] = _propose(rng, target, sampler, w, fits.tau2[k, j], k, j)
    for a in range(target.d):
        fits.theta[k, j, index[k, j, a]] = w.theta[a]


@entry
def regress(rng, S, design, columns, fits, prior, sampler, w):
    """Redraw the coefficients and the noise variance of the regressions of some columns.

    S : (1 or D, Q, M, M) Gram matrices; w : workspace as large as the largest regression.

    Returns
    -------
    float
        Log density of the rows of the first pattern's regressions, summed over columns.
    """
    total = 0.0
    for k in range(design.size.shape[0]):
        for j in columns:
            yy, n = _load(S, design, k, j, w)
            d = design.size[k, j]
            given = RegressionPrior(
                fits.scale[k, j], HALF_CAUCHY_SHAPE, fits.rate[k, j], prior.level
            )
            target = RegressionTarget(d, w.G, w.g, yy, n, given, d - design.n_level)
            _update(rng, target, design.index, fits, sampler, w, k, j)
            fits.rate[k, j] = draw_rate(rng, prior.spread, fits.tau2[k, j])
            if prior.shrinkage > 0.0:
                spread = prior.shrinkage / np.sqrt(max(target.n_scaled, 1))
                rate = draw_rate(rng, spread, fits.scale[k, j])
                fits.scale[k, j] = draw_scale(rng, target.n_scaled, w.theta, rate)
            if k == 0:
                rss = residual_sum(target, w.theta, w.Gtheta)
                total -= 0.5 * (n * np.log(2.0 * np.pi * fits.tau2[k, j]) + rss / fits.tau2[k, j])
    return total


@entry
def estimate(S, design, columns, fits, prior, w, out):
    """Write the means of the coefficients of some columns given noise and scales of `fits` to `out` (K, D, M)."""
    for k in range(design.size.shape[0]):
        for j in columns:
            yy, n = _load(S, design, k, j, w)
            d, tau2 = design.size[k, j], fits.tau2[k, j]
            given = RegressionPrior(
                fits.scale[k, j], HALF_CAUCHY_SHAPE, fits.rate[k, j], prior.level
            )
            target = RegressionTarget(d, w.G, w.g, yy, n, given, d - design.n_level)
            factor(target, tau2, w.root)
            for a in range(d):
                w.theta[a] = w.g[a] / tau2
            solve_lower(d, w.root, w.theta)
            solve_upper(d, w.root, w.theta)
            for a in range(d):
                out[k, j, design.index[k, j, a]] = w.theta[a]


@entry
def sample(rng, target, settings, w, step, theta, tau2):
    """Run one chain on fixed statistics from (w.theta, tau2[0]), which it fills.

    theta : (draws + 1, d); tau2 : (draws + 1,). Proposals are shaped by tau2[0].

    Returns
    -------
    step, acceptance : float
    """
    total = 0.0
    _shape_proposals(target, tau2[0], settings.precondition, w)
    for i in range(1, tau2.size):
        p = 1.0
        if settings.kind == GIBBS:
            tau2[i] = gibbs_step(rng, target, w, tau2[i - 1])
        elif settings.kind == MALA:
            tau2[i], p = mala_step(rng, target, w, tau2[i - 1], step)
        else:
            tau2[i], p = rwm_step(rng, target, w, tau2[i - 1], step)
        if settings.adapt:
            step = adapted(settings.kind, step, p, float(i))
        total += p
        for a in range(target.d):
            theta[i, a] = w.theta[a]
    return step, total / max(tau2.size - 1, 1)
