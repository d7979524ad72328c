"""What the draws agree on: their states matched with those of one partition, and votes on every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_rows
from tsinit.kernels import partitions as kernels
from tsinit.metrics._checks import check_draws, check_partition
from tsinit.partitions.losses import as_labels, compact
from tsinit.partitions.search import _MAX_DRAWS, estimate

if TYPE_CHECKING:
    import numpy.typing as npt
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray


class Consensus(NamedTuple):
    """What the draws agree on; states are 0, 1, ... in order of first appearance in `labels`."""

    labels: np.ndarray  # (T,) int64, most probable state
    probabilities: np.ndarray  # (T, K) float, rows add to 1
    unmatched: np.ndarray  # (T,) float, share of the draws whose state there has no counterpart
    pivot: (
        np.ndarray
    )  # (T,) int64, the estimate; its states that are nowhere most probable come after K - 1
    mapping: np.ndarray  # (M, K of the draws) int64, state of each state of each draw; -1 for none


def align(draws: ArrayLike, pivot: ArrayLike) -> IntArray:
    """Match the states of every draw with those of a pivot, so that together they share the most steps.

    Parameters
    ----------
    draws : (M, T) int
    pivot : (T,) int

    Returns
    -------
    (M, largest label of the draws + 1) int64
        State of the pivot for each state of each draw; -1 where a state has no counterpart.

    Raises
    ------
    ValueError
        If the draws and the pivot do not fit.
    """
    from scipy.optimize import linear_sum_assignment

    draws = check_draws(draws)
    pivot = check_partition("pivot", pivot, draws.shape[1]).astype(np.int64)
    K, L = int(draws.max()) + 1, int(pivot.max()) + 1
    mapping = np.full((len(draws), K), -1)
    shared = np.empty((K, L), dtype=np.int64)
    for row, z in zip(mapping, draws, strict=True):
        shared.fill(0)
        kernels.overlap(as_labels(z), pivot, shared)
        own, other = linear_sum_assignment(shared, maximize=True)
        some = shared[own, other] > 0
        row[own[some]] = other[some]
    return mapping


def marginal(
    draws: ArrayLike, pivot: ArrayLike, mapping: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Share of the draws that put each step in each state of the pivot.

    Parameters
    ----------
    draws : (M, T) int
    pivot : (T,) int
        Gets a step for itself where no draw has a state with a counterpart.
    mapping : (M, states) int
        From :func:`align`.

    Returns
    -------
    probabilities : (T, K) float
        Among the draws that have a counterpart there, so that rows add to 1.
    unmatched : (T,) float
        Share of the draws that have none.

    Raises
    ------
    ValueError
        If the draws and the pivot do not fit.
    """
    draws = check_draws(draws)
    pivot = check_partition("pivot", pivot, draws.shape[1]).astype(np.int64)
    T, K = len(pivot), int(pivot.max()) + 1
    votes, missed = np.zeros((T, K), dtype=np.int64), np.zeros(T, dtype=np.int64)
    mapping = np.ascontiguousarray(mapping, dtype=np.int64)
    for z, target in zip(draws, mapping, strict=True):
        kernels.tally(as_labels(z), target, votes, missed)
    alone = missed == len(draws)
    votes[alone, pivot[alone]] = 1
    return votes / votes.sum(axis=1, keepdims=True), missed / len(draws)


def consensus(
    draws: ArrayLike,
    *,
    loss: str = "vi",
    refine: bool = True,
    pivot: ArrayLike | None = None,
    max_draws: int = _MAX_DRAWS,
    rng: np.random.Generator | None = None,
) -> Consensus:
    """Let all draws vote on every step, after matching their states with those of an estimate.

    Parameters
    ----------
    draws : (M, T) int
    loss, refine, max_draws, rng
        As in :func:`estimate`, which gives the pivot.
    pivot : (T,) int or None
        A partition to take instead.

    Returns
    -------
    Consensus
        Only states that are somewhere the most probable are kept; what draws give to the others is unmatched.

    Raises
    ------
    ValueError
        If the draws and the pivot do not fit, or there is no such loss.
    """
    draws = check_draws(draws)
    if pivot is None:
        pivot = estimate(draws, loss, refine=refine, max_draws=max_draws, rng=rng)
    pivot = compact(check_partition("pivot", pivot, draws.shape[1]))
    mapping = align(draws, pivot)
    probabilities, unmatched = marginal(draws, pivot, mapping)
    labels = probabilities.argmax(axis=1)
    kept, first = np.unique(labels, return_index=True)
    kept = kept[np.argsort(first)]
    number = np.full(
        probabilities.shape[1] + 1, -1
    )  # the last stays -1, for states that had no counterpart
    number[kept] = np.arange(len(kept))
    lost = np.setdiff1d(np.arange(probabilities.shape[1]), kept)
    place = number[:-1].copy()
    place[lost] = np.arange(len(kept), len(place))
    mass = probabilities[:, kept]
    inside = mass.sum(axis=1)
    return Consensus(
        labels=number[labels],
        probabilities=mass / inside[:, None],
        unmatched=np.clip(1.0 - (1.0 - unmatched) * inside, 0.0, 1.0),
        pivot=place[pivot],
        mapping=number[mapping],
    )


def coclustering(draws: ArrayLike, rows: ArrayLike | None = None) -> npt.NDArray[np.float32]:
    """Share of the draws in which two time steps are in one state.

    Parameters
    ----------
    draws : (M, T) int
    rows : (m,) int or None
        Steps to compare; None is all of them.

    Returns
    -------
    (m, m) float32
        Takes 4 m^2 bytes.

    Raises
    ------
    ValueError
        If the draws are no table of whole numbers from 0, or there is no such row.
    """
    draws = check_draws(draws)
    T = draws.shape[1]
    draws = draws if rows is None else draws[:, check_rows("rows", rows, T, max(T, np.size(rows)))]
    # Bytes are compared many at a time.
    by_step = np.ascontiguousarray(draws.T, dtype=np.uint8 if draws.max() < 256 else np.int32)
    out = np.zeros((draws.shape[1],) * 2, dtype=np.float32)
    kernels.agreements(by_step, out)
    out /= len(draws)
    upper = np.triu_indices(len(out), 1)
    out[upper] = out.T[upper]
    return out
