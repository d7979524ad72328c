"""Draws of parameters as the likelihood itself has them, and not only its curvature: adaptive importance sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, IntArray

_WIDER = 1.1  # than the draws before, in standard deviations
_DF = 5.0  # of half of the proposals, whose tails must be heavier than those of a likelihood
_ROUNDS = 5
_LITTLE, _MUCH = (
    0.1,
    2.0,
)  # nats lost on both sides, on average, at what passes for a standard deviation
_MAX_DOUBLINGS = 40  # of a step that is to lose as much
_FLAT = 1e-3  # curvature, in units of such steps, that is taken for none
_MIN_PER_DIRECTION = 5.0  # draws that must count, before a proposal is moved to where they are


class Neighbourhood(NamedTuple):
    """Coordinates around an estimate, which is at zero.

    Parameters
    ----------
    params : callable
        From coordinates (p,) to parameters.
    gain : callable
        From coordinates to the log-likelihood, less that of the estimate; -inf where there is none.
    directions : (p, r) float
        Orthonormal, those that change what can be observed.
    """

    params: Callable[[FloatArray], Any]
    gain: Callable[[FloatArray], float]
    directions: np.ndarray


class WeightedDraws(NamedTuple):
    """Draws (k, r) and weights (k,) that sum to one; k is zero where no draw is possible."""

    draws: np.ndarray
    weights: np.ndarray


class _Proposal(NamedTuple):
    """Half a normal and half a multivariate t distribution, the first for what is near, the second for tails."""

    mean: np.ndarray  # (r,)
    root: np.ndarray  # (r, r) lower triangular, of its scale

    def draw(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        z = _WIDER * rng.standard_normal((n_draws, len(self.mean)))
        tail = np.sqrt(_DF / rng.chisquare(_DF, n_draws))
        tail[::2] = 1.0
        return self.mean + tail[:, None] * (z @ self.root.T)

    def log_density(self, z: FloatArray) -> FloatArray:
        r = len(self.mean)
        away = np.linalg.solve(_WIDER * self.root, (z - self.mean).T)
        size = (away**2).sum(axis=0)
        constant = gammaln(0.5 * (_DF + r)) - gammaln(0.5 * _DF) - 0.5 * r * np.log(_DF * np.pi)
        both = (
            constant - 0.5 * (_DF + r) * np.log1p(size / _DF),
            -0.5 * (size + r * np.log(2.0 * np.pi)),
        )
        return np.logaddexp(*both) - np.log(np.abs(np.diag(self.root))).sum()


def weighted_draws(
    log_density: Callable[[FloatArray], float],
    n_dimensions: int,
    n_draws: int,
    rng: np.random.Generator,
) -> WeightedDraws:
    """Draw from a density that is near a standard normal one around zero, and weight the draws by what it is.

    In rounds: each draws from a distribution with the mean and the covariance that the weighted draws before have
    (adaptive multiple importance sampling: Cornuet, Marin, Mira and Robert, Scand. J. Statist. 39, 2012). The draws of
    all rounds count, weighted by their mixture; weights are cut at their mean times the root of their number (Ionides,
    J. Comput. Graph. Stat. 17, 2008).

    Parameters
    ----------
    log_density : callable
        Of (r,) coordinates, up to a constant; -inf where it is none.
    n_dimensions : int
        r.
    n_draws : int
        In all rounds together.
    rng : numpy.random.Generator

    Returns
    -------
    WeightedDraws
        Those that are possible.
    """
    r, n = n_dimensions, n_draws // _ROUNDS
    proposals = [_Proposal(np.zeros(r), np.eye(r))]
    z, target = np.empty((0, r)), np.empty(0)
    log_weights = target
    for _ in range(_ROUNDS):
        new = proposals[-1].draw(n, rng)
        z, target = np.vstack([z, new]), np.append(target, [log_density(x) for x in new])
        mixture = logsumexp([q.log_density(z) for q in proposals], axis=0) - np.log(len(proposals))
        log_weights = target - mixture
        proposals.append(_moved(proposals[-1], z, log_weights))
    possible = np.isfinite(log_weights)
    if not possible.any():
        return WeightedDraws(np.empty((0, r)), np.empty(0))
    return WeightedDraws(z[possible], normalised(log_weights[possible]))


def normalised(log_weights: FloatArray) -> FloatArray:
    """Return weights (k,) that sum to one, cut at their mean times the root of their number."""
    weights = np.exp(log_weights - log_weights.max())
    weights = np.minimum(weights, weights.mean() * np.sqrt(len(weights)))
    return weights / weights.sum()


def _moved(old: _Proposal, z: FloatArray, log_weights: FloatArray) -> _Proposal:
    """Return a proposal with the moments of the weighted draws; weights are flattened until enough of them count."""
    possible = np.isfinite(log_weights)
    enough = _MIN_PER_DIRECTION * (z.shape[1] + 1)
    if possible.sum() < enough:
        return old
    z, log_weights = z[possible], log_weights[possible] - log_weights[possible].max()
    power, weights = 1.0, np.exp(log_weights)
    while weights.sum() ** 2 < enough * (weights**2).sum():
        power *= 0.8
        weights = np.exp(power * log_weights)
    weights /= weights.sum()
    mean = weights @ z
    away = z - mean
    scatter = (away * weights[:, None]).T @ away
    try:
        return _Proposal(mean, np.linalg.cholesky(scatter))
    except np.linalg.LinAlgError:
        return old


def reach_of(around: Neighbourhood) -> FloatArray:
    """Return directions (p, r) that are as long as a standard deviation along them, and hardly correlated.

    By second differences of the likelihood over steps of that size, and not by its curvature at the estimate, which at
    an edge, or where little is known, tells nothing.
    """
    V = around.directions * _lengths(around.gain, around.directions)
    r = V.shape[1]
    H, alone = np.zeros((r, r)), np.empty((r, 2))
    for i, v in enumerate(V.T):
        alone[i] = around.gain(v), around.gain(-v)
        H[i, i] = -alone[i].sum()
    for i in range(r):
        for j in range(i):
            both = around.gain(V[:, i] + V[:, j]) + around.gain(-V[:, i] - V[:, j])
            bend = -0.5 * (both - alone[i].sum() - alone[j].sum())
            H[i, j] = H[j, i] = bend if np.isfinite(bend) else 0.0
    w, U = np.linalg.eigh(np.where(np.isfinite(H), H, 0.0))
    turned = V @ (U / np.sqrt(np.maximum(w, _FLAT)))
    # No sign is better than the other, but draws of one seed should not depend on which it is.
    largest = turned[np.abs(turned).argmax(axis=0), np.arange(r)]
    return turned * np.where(largest < 0.0, -1.0, 1.0) * _lengths(around.gain, turned)


def _lengths(gain: Callable[[FloatArray], float], directions: FloatArray) -> FloatArray:
    """Return factors (r,) by which steps along directions (p, r) lose about half a nat."""
    size = np.ones(directions.shape[1])
    for k, v in enumerate(directions.T):
        for _ in range(_MAX_DOUBLINGS):
            lost = -0.5 * (gain(size[k] * v) + gain(-size[k] * v))
            if _LITTLE <= lost <= _MUCH:
                break
            size[k] *= 2.0 if lost < _LITTLE else 0.5
    return size


def resampled(
    weights: FloatArray, n_kept: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Choose at most `n_kept` of many weighted draws by systematic resampling: light ones mostly go.

    Parameters
    ----------
    weights : (k,) float
        They sum to one.
    n_kept : int
    rng : numpy.random.Generator

    Returns
    -------
    kept : (m,) int
        Which draws.
    weights : (m,) float
        How often each was taken, as a share; expectations stay what they were.
    """
    places = (rng.random() + np.arange(n_kept)) / n_kept
    taken = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
    kept, count = np.unique(taken, return_counts=True)
    return kept, count / n_kept


def weighted_quantile(values: FloatArray, weights: FloatArray, level: float) -> float:
    """Return a quantile of weighted values (k,), interpolated between the middles of their weights."""
    order = np.argsort(values)
    w = weights[order]
    return float(np.interp(level, np.cumsum(w) - 0.5 * w, values[order]))
