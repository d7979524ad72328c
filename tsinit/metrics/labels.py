"""How far two partitions of the same time steps are apart.

What the labels are called does not matter, and of two Series only the order counts, not the index. Nothing
here is of size T x T: all follows from how many steps each pair of states shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.metrics._checks import check_pair

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import IntArray


class _Overlaps(NamedTuple):
    size_a: IntArray  # (states of a,)
    size_b: IntArray  # (states of b,)
    shared: IntArray  # (pairs of states that meet,)
    pairs: IntArray  # (2, pairs of states that meet)


def adjusted_rand_index(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Agreement of two partitions, corrected for chance (Hubert and Arabie, J. Classification 2, 1985).

    Parameters
    ----------
    a, b : (T,) int, or any labels
        Series too.

    Returns
    -------
    float
        1 for equal partitions, 0 on average for random ones of the same sizes; negative below that.

    Raises
    ------
    ValueError
        If the labels have gaps or differ in number.
    """
    counts = _overlaps(a, b)
    return adjusted_rand_of_counts(counts.shared, counts.size_a, counts.size_b)


def adjusted_rand_of_counts(shared: IntArray, size_a: IntArray, size_b: IntArray) -> float:
    """Adjusted Rand index of two partitions whose states have been counted.

    Parameters
    ----------
    shared : int array, of any shape
        Time steps that each pair of states has in common.
    size_a, size_b : int arrays
        Time steps of each state.

    Returns
    -------
    float
    """
    in_both, in_a, in_b = (_n_pairs(part) for part in (shared, size_a, size_b))
    if in_both == in_a == in_b:
        return 1.0
    chance = in_a * in_b / _n_pairs(size_a.sum())
    return float((in_both - chance) / (0.5 * (in_a + in_b) - chance))


def variation_of_information(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Distance of two partitions: what each leaves open of the other, H(a | b) + H(b | a), in nats.

    A metric (Meilă, Journal of Multivariate Analysis 98, 2007).

    Parameters
    ----------
    a, b : (T,) int, or any labels
        Series too.

    Returns
    -------
    float
        Between 0 and log T.

    Raises
    ------
    ValueError
        If the labels have gaps or differ in number.
    """
    counts = _overlaps(a, b)
    T = counts.size_a.sum()
    i, j = counts.pairs
    n = counts.shared
    # Each term is at least 0, so that equal partitions have a distance of exactly 0.
    return float((n / T * (np.log(counts.size_a[i] / n) + np.log(counts.size_b[j] / n))).sum())


def binder_loss(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Share of pairs of steps on which two partitions disagree: together in one, apart in the other.

    1 minus the Rand index.

    Parameters
    ----------
    a, b : (T,) int, or any labels
        Series too.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the labels have gaps or differ in number.
    """
    counts = _overlaps(a, b)
    apart = _n_pairs(counts.size_a) + _n_pairs(counts.size_b) - 2.0 * _n_pairs(counts.shared)
    return float(apart / max(_n_pairs(counts.size_a.sum()), 1.0))


def matched_accuracy(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Share of steps on which two partitions agree once each state of one is matched with one of the other.

    The matching is the one that makes the share largest (Hungarian algorithm); states without a counterpart
    count as errors.

    Parameters
    ----------
    a, b : (T,) int, or any labels
        Series too.

    Returns
    -------
    float
        Above 0, at most 1.

    Raises
    ------
    ValueError
        If the labels have gaps or differ in number.
    """
    from scipy.optimize import linear_sum_assignment

    counts = _overlaps(a, b)
    table = np.zeros((counts.size_a.size, counts.size_b.size), dtype=np.int64)
    table[tuple(counts.pairs)] = counts.shared
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / counts.size_a.sum())


def _overlaps(one: npt.ArrayLike, other: npt.ArrayLike) -> _Overlaps:
    a, b = check_pair(one, other)
    K = int(b.max()) + 1
    # Only the pairs that meet: two fine partitions have more pairs of states than fit in memory.
    cells, shared = np.unique(a * K + b, return_counts=True)
    return _Overlaps(np.bincount(a), np.bincount(b), shared, np.array(np.divmod(cells, K)))


def _n_pairs(sizes: npt.ArrayLike) -> float:
    n = np.asarray(sizes, dtype=float)
    return float((n * (n - 1.0) / 2.0).sum())
