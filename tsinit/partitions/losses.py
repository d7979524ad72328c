"""Losses of partitions, expected over draws; how draws are brought into the form of the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import xlogy

from tsinit.kernels import partitions as kernels
from tsinit.metrics._checks import check_draws, check_partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

#: Labels whose runs are found together: runs take more memory than labels of one byte.
_MAX_LABELS = 10_000_000


def expected_vi(labels: ArrayLike, draws: ArrayLike) -> float:
    """Mean variation of information between a partition and draws, in nats.

    Parameters
    ----------
    labels : (T,) int
    draws : (M, T) int

    Returns
    -------
    float
    """
    return expected(labels, draws, "vi")


def expected_binder(labels: ArrayLike, draws: ArrayLike) -> float:
    """Mean share of pairs of time steps on which a partition and draws disagree.

    Parameters
    ----------
    labels : (T,) int
    draws : (M, T) int

    Returns
    -------
    float
    """
    return expected(labels, draws, "binder")


def compact(labels: ArrayLike) -> IntArray:
    """Renumber labels 0, 1, ... in order of first appearance.

    Parameters
    ----------
    labels : (T,) int

    Returns
    -------
    (T,) int64
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def expected(labels: ArrayLike, draws: ArrayLike, loss: str) -> float:
    """Mean loss between a partition (T,) and draws (M, T)."""
    draws = check_draws(draws)
    labels = compact(check_partition("labels", labels, draws.shape[1]))
    T = len(labels)
    f, total = loss_table(loss, T), 0.0
    for piece in np.array_split(draws, -(-draws.size // _MAX_LABELS)):
        runs = runs_of_draws([labels, *piece])
        own, shared = sums_over_states(runs, f), np.empty(len(piece) + 1)
        kernels.shared_sums(runs, 0, f, shared)
        total += (own[0] + own[1:] - 2.0 * shared[1:]).sum()
    # Rounding may leave a trace of -1e-17 where partitions are equal.
    return max(0.0, float(total / len(draws) / loss_scale(loss, T)))


def runs_of_draws(draws: Iterable[np.ndarray]) -> kernels.PartitionRuns:
    """The runs of every draw."""
    each = [runs_of(z) for z in draws]
    offsets = np.cumsum([0, *(runs.ends.size for runs in each)])
    ends, states, _, n_states = (np.concatenate(part) for part in zip(*each, strict=True))
    return kernels.PartitionRuns(ends, states, offsets, n_states)


def runs_of(z: np.ndarray) -> kernels.PartitionRuns:
    """The runs of one partition (T,)."""
    z = as_labels(z)
    ends, states = np.empty(z.size, dtype=np.int64), np.empty(z.size, dtype=np.int64)
    n, K = kernels.find_runs(z, np.empty(z.max() + 1, dtype=np.int64), ends, states)
    # Copies, so that what was too long can go.
    return kernels.PartitionRuns(
        ends[:n].copy(), states[:n].copy(), np.array([0, n]), np.array([K])
    )


def sums_over_states(runs: kernels.PartitionRuns, f: FloatArray) -> FloatArray:
    """Sum of f over the sizes of the states of each partition, (M,)."""
    lengths = np.diff(runs.ends, prepend=0)
    lengths[runs.offsets[1:-1]] = runs.ends[
        runs.offsets[1:-1]
    ]  # the first run of a partition starts at 0
    partition = np.repeat(np.arange(len(runs.n_states)), np.diff(runs.offsets))
    first = np.cumsum(np.append(0, runs.n_states))
    sizes = np.bincount(first[partition] + runs.states, weights=lengths, minlength=first[-1])
    return np.add.reduceat(f[sizes.astype(np.int64)], first[:-1])


def loss_table(loss: str, T: int) -> FloatArray:
    """f[0..T] of a loss, see `tsinit.kernels.partitions`."""
    n = np.arange(T + 1, dtype=float)
    return xlogy(n, n) if loss == "vi" else n * n


def loss_scale(loss: str, T: int) -> int:
    """By what to divide sums of f."""
    return T if loss == "vi" else max(T * (T - 1), 1)


def as_labels(z: np.ndarray) -> IntArray:
    """One partition in the one type that kernels are compiled for."""
    return np.ascontiguousarray(z, dtype=np.int64)
