"""Moves among segmentations: which states to merge, which to split and how, and what normal fits expect of it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsinit._typing import BoolArray, FloatArray, IntArray

_MAX_FULL = 12  # columns from which covariances are taken as diagonal
_PRIOR = (
    0.1  # of the variance of a column, as one more observation: few rows do not look like a point
)
_CUTS = 9  # places tried to cut early from late rows
_STEPS = 20  # of the assignments to two clusters, and of the power method
_TINY = 1e-12


class Move(NamedTuple):
    """Labels after a move, and by how many nats normal fits of the states gain from it."""

    gain: float
    labels: np.ndarray


class _Split(NamedTuple):
    gain: float
    rows: np.ndarray  # that leave


def moves(rows: FloatArray, z: IntArray, n_states: int, offsets: IntArray) -> list[Move]:
    """List the moves from a segmentation.

    Parameters
    ----------
    rows : (T, D) float
        Complete, in standard units.
    z : (T,) int
        Labels 0 .. K - 1, all of which occur.
    n_states : int
        As many states as there may be; with fewer than that, splits alone.
    offsets : (N + 1,) int
        Where each sequence starts.

    Returns
    -------
    list of Move
    """
    K, n_columns = int(z.max()) + 1, min(rows.shape[1], _MAX_FULL)
    members = [np.flatnonzero(z == k) for k in range(K)]
    costs = [_cost(rows[own]) for own in members]

    def splits(own: IntArray, cost: float) -> list[_Split]:
        ways = _ways(rows[own], _run_of(own, offsets))
        large = [w for w in ways if min(w.sum(), (~w).sum()) >= n_columns + 2]
        return [
            _Split(cost - _cost(rows[own[way]]) - _cost(rows[own[~way]]), own[way]) for way in large
        ]

    of_state = [splits(own, cost) for own, cost in zip(members, costs, strict=True)]
    if n_states > K:
        return [Move(s.gain, _moved(z, s.rows, K)) for found in of_state for s in found]
    out = []
    for a, b in combinations(range(K), 2):
        both = np.sort(np.concatenate([members[a], members[b]]))
        together = _cost(rows[both])
        merged = np.where(z == b, a, z)
        others = [s for c in range(K) if c not in (a, b) for s in of_state[c]]
        for split in others + splits(both, together):
            gain = split.gain - (together - costs[a] - costs[b])
            out.append(Move(gain, _moved(merged, split.rows, b)))
    return out


def _moved(z: IntArray, rows: IntArray, state: int) -> IntArray:
    z = z.copy()
    z[rows] = state
    return z


def _cost(x: FloatArray) -> float:
    """Negative log-likelihood of rows under a normal fit of their own, but for a constant of each row."""
    n, D = x.shape
    centred = x - x.mean(axis=0)
    if D > _MAX_FULL:
        variances = ((centred**2).sum(axis=0) + _PRIOR) / (n + 1)
        return float(0.5 * n * np.log(variances).sum())
    covariance = (centred.T @ centred + _PRIOR * np.eye(D)) / (n + 1)
    return float(0.5 * n * np.linalg.slogdet(covariance)[1])


def _run_of(own: IntArray, offsets: IntArray) -> IntArray:
    """Number the runs of consecutive rows; none crosses the start of a sequence."""
    begins = np.isin(own, offsets)
    begins[1:] |= np.diff(own) > 1
    begins[0] = True
    return np.cumsum(begins) - 1


def _ways(x: FloatArray, run: IntArray) -> Iterator[BoolArray]:
    """Cut rows in two: True for those of one part."""
    squares = ((x - x.mean(axis=0)) ** 2 / (x.var(axis=0) + _TINY)).sum(axis=1)
    yield _two_clusters(x)
    yield _two_clusters(np.log(squares + _TINY)[:, None])
    yield _late(x)
    n = np.bincount(run)
    if len(n) > 1:
        means = np.stack([np.bincount(run, column) for column in x.T], axis=1) / n[:, None]
        spread = np.bincount(run, squares) / n
        yield _two_clusters(means)[run]
        yield (spread > np.median(spread))[run]


def _late(x: FloatArray) -> BoolArray:
    """Rows after the best of a few cuts."""
    position = np.arange(len(x))
    cuts = np.unique(np.linspace(0, len(x), _CUTS + 1).astype(int)[1:-1])
    cuts = cuts[(cuts > 0) & (cuts < len(x))]
    if not cuts.size:
        return position >= 0
    best = min(cuts, key=lambda cut: _cost(x[:cut]) + _cost(x[cut:]))
    return np.asarray(position >= best)


def _two_clusters(x: FloatArray) -> BoolArray:
    """Two clusters by Lloyd's algorithm, from the halves along the first principal component."""
    centred = x - x.mean(axis=0)
    axis = np.zeros(x.shape[1])
    axis[x.var(axis=0).argmax()] = 1.0
    for _ in range(_STEPS):
        axis = centred.T @ (centred @ axis)
        length = np.linalg.norm(axis)
        if not length > _TINY:
            return np.zeros(len(x), dtype=bool)
        axis /= length
    along = centred @ axis
    part = np.asarray(along > np.median(along))
    for _ in range(_STEPS):
        if part.all() or not part.any():
            break
        one, other = x[part].mean(axis=0), x[~part].mean(axis=0)
        nearer = ((x - one) ** 2).sum(axis=1) < ((x - other) ** 2).sum(axis=1)
        if (nearer == part).all():
            break
        part = nearer
    return part
