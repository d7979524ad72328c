"""One redraw of all regressions of a table from the Gram matrices of its windows."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.imputation.regression import (
    GIBBS,
    MALA,
    Target,
    adapted,
    factor,
    first_step,
    gibbs_step,
    identity,
    mala_step,
    residual_sum,
    rwm_step,
    times,
)


class Fits(NamedTuple):
    """Regressions as the chain holds them; k counts patterns of lags, j columns."""

    theta: (
        np.ndarray
    )  # (K, D, M) coefficients by place in the window, 0 where the regression has none
    tau2: np.ndarray  # (K, D) noise variances
    shape_tau2: (
        np.ndarray
    )  # (K, D) noise variance that proposals are shaped by, fixed after the warm-up
    step: np.ndarray  # (K, D) step sizes, 0 before the first
    tries: np.ndarray  # (K, D) steps since counting began
    accepted: np.ndarray  # (K, D) sum of their acceptance probabilities


class Design(NamedTuple):
    """Which predictors and which rows each regression has."""

    index: np.ndarray  # (K, D, m) int64, places of the predictors in the window
    size: np.ndarray  # (K, D) int64, how many there are
    member: np.ndarray  # (K, Q) bool, patterns whose rows inform it
    counts: np.ndarray  # (Q,) float, rows of each pattern


class How(NamedTuple):
    """The sampler of the regressions."""

    sampler: int  # GIBBS, MALA or RWM
    n_steps: int  # in each redraw
    precondition: bool  # shape proposals by the curvature
    adapt: bool  # tune step sizes: during the warm-up only


@kernel
def _load(S, design, k, j, own, target):
    """Sum Gram matrices over the patterns of regression k and pick its predictors; return (y'y, n)."""
    s = min(j, S.shape[0] - 1)
    d, yy, n = target.d, 0.0, 0.0
    for a in range(d):
        target.g[a] = 0.0
        for b in range(a + 1):
            target.G[a, b] = 0.0
    for q in range(design.member.shape[1]):
        if not design.member[k, q]:
            continue
        n += design.counts[q]
        yy += S[s, q, own, own]
        for a in range(d):
            row = design.index[k, j, a]
            target.g[a] += S[s, q, row, own]
            for b in range(a + 1):
                target.G[a, b] += S[s, q, row, design.index[k, j, b]]
    for a in range(d):
        for b in range(a):
            target.G[b, a] = target.G[a, b]
    return yy, n


@kernel
def _walk(rng, target, prior, how, w, fits, k, j):
    """Take the steps of one redraw; w.theta holds the coefficients."""
    tau2, step = fits.tau2[k, j], fits.step[k, j]
    if step == 0.0:
        step = first_step(how.sampler, target.d)
    if how.adapt:
        fits.shape_tau2[k, j] = tau2
    if how.precondition:
        factor(target, fits.shape_tau2[k, j], prior, w.root)
    else:
        identity(target.d, w.root)
    times(target.d, target.G, w.theta, w.Gtheta)
    for _ in range(how.n_steps):
        if how.sampler == MALA:
            tau2, p = mala_step(rng, target, prior, w, tau2, step)
        else:
            tau2, p = rwm_step(rng, target, prior, w, tau2, step)
        fits.tries[k, j] += 1.0
        fits.accepted[k, j] += p
        if how.adapt:
            step = adapted(how.sampler, step, p, fits.tries[k, j])
    fits.tau2[k, j], fits.step[k, j] = tau2, step


@kernel
def _update(rng, target, prior, how, w, fits, index, k, j):
    for a in range(target.d):
        w.theta[a] = fits.theta[k, j, index[k, j, a]]
    if how.sampler == GIBBS:
        fits.tau2[k, j] = gibbs_step(rng, target, prior, w, fits.tau2[k, j])
    else:
        _walk(rng, target, prior, how, w, fits, k, j)
    for a in range(target.d):
        fits.theta[k, j, index[k, j, a]] = w.theta[a]


@entry
def regress(rng, S, L, design, columns, fits, prior, how, w, room):
    """Redraw the coefficients and the noise variance of the regressions of some columns.

    S : (1 or D, Q, M, M) Gram matrices; room : (G, g) as large as the largest regression.

    Returns
    -------
    float
        Log density of the rows of the first pattern's regressions, summed over columns.
    """
    K, D = design.size.shape
    total = 0.0
    for k in range(K):
        for j in columns:
            empty = Target(design.size[k, j], room[0], room[1], 0.0, 0.0)
            yy, n = _load(S, design, k, j, L * D + j, empty)
            target = Target(design.size[k, j], room[0], room[1], yy, n)
            _update(rng, target, prior, how, w, fits, design.index, k, j)
            if k == 0:
                rss = residual_sum(target, w.theta, w.Gtheta)
                total -= 0.5 * (n * np.log(2.0 * np.pi * fits.tau2[k, j]) + rss / fits.tau2[k, j])
    return total


@entry
def sample(rng, target, prior, how, w, step, theta, tau2):
    """Run one chain on fixed statistics from (w.theta, tau2[0]), which it fills.

    theta : (draws + 1, d); tau2 : (draws + 1,). Proposals are shaped by tau2[0].

    Returns
    -------
    step, acceptance : float
    """
    d = target.d
    total = 0.0
    if how.precondition:
        factor(target, tau2[0], prior, w.root)
    else:
        identity(d, w.root)
    times(d, target.G, w.theta, w.Gtheta)
    for i in range(1, tau2.size):
        p = 1.0
        if how.sampler == GIBBS:
            tau2[i] = gibbs_step(rng, target, prior, w, tau2[i - 1])
        elif how.sampler == MALA:
            tau2[i], p = mala_step(rng, target, prior, w, tau2[i - 1], step)
        else:
            tau2[i], p = rwm_step(rng, target, prior, w, tau2[i - 1], step)
        if how.adapt:
            step = adapted(how.sampler, step, p, float(i))
        total += p
        for a in range(d):
            theta[i, a] = w.theta[a]
    return step, total / max(tau2.size - 1, 1)
