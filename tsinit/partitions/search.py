"""The partition of least expected loss: the best draw, and greedy moves from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_count
from tsinit.kernels import partitions as kernels
from tsinit.metrics._checks import check_draws, check_loss, check_partition
from tsinit.partitions.losses import (
    compact,
    expected,
    loss_scale,
    loss_table,
    runs_of,
    runs_of_draws,
    sums_over_states,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, IntArray

#: Draws that the search uses. Expected losses over 300 draws are known to 6 % of their spread over draws,
#: and the time to compare all pairs grows with the square.
_MAX_DRAWS = 300
#: Labels that it holds, of four bytes each: of long series fewer draws are used, but so many at least.
_MAX_LABELS_HELD, _MIN_DRAWS = 100_000_000, 32
#: Draws that are turned at a time.
_N_TURNED = 16
#: Draws from which the greedy search starts: the best ones, fewer where all draws have more labels than this.
_N_STARTS = 4
_MAX_LABELS_REFINED = 8_000_000
#: A round of moves that lowers the loss by a smaller share is the last: long series never run out of moves.
_MIN_GAIN = 1e-4
#: States kept empty in a sweep, for steps that are better off alone.
_N_SPARE = 2


class BestDraw(NamedTuple):
    """The draw of least expected loss."""

    labels: np.ndarray  # (T,) int64, 0, 1, ... in order of first appearance
    draw: int  # which of the draws
    loss: float  # expected loss over the draws used


def best_draw(draws: ArrayLike, loss: str = "vi", *, max_draws: int = _MAX_DRAWS) -> BestDraw:
    """Find the draw of least expected loss.

    Parameters
    ----------
    draws : (M, T) int
    loss : {"vi", "binder"}
    max_draws : int
        Of more draws than this, so many are used, evenly spaced; of more than 300,000 steps fewer, 100 of a million.

    Returns
    -------
    BestDraw

    Raises
    ------
    ValueError
        If the draws are no table of whole numbers from 0, there is no such loss, or a count is none.
    """
    chosen, draws = _thin(check_draws(draws), max_draws)
    losses = _losses_of_draws(draws, check_loss(loss))
    best = int(losses.argmin())
    return BestDraw(compact(draws[best]), int(chosen[best]), float(losses[best]))


def refine(
    labels: ArrayLike,
    draws: ArrayLike,
    loss: str = "vi",
    *,
    max_sweeps: int = 50,
    max_draws: int = _MAX_DRAWS,
    rng: np.random.Generator | None = None,
) -> IntArray:
    """Lower the expected loss of a partition by greedy moves until none helps.

    Single steps and whole runs go to the state, old or new, where the loss is smallest; two states become one
    where that is better. No move increases the expected loss over the draws used.

    Parameters
    ----------
    labels : (T,) int
        Where to start.
    draws : (M, T) int
    loss : {"vi", "binder"}
    max_sweeps : int
        Rounds of moves; a handful is the rule, and one that gains less than 1e-4 of the loss is the last.
    max_draws : int
        Of more draws than this, so many are used, evenly spaced; of more than 300,000 steps fewer, 100 of a million.
    rng : numpy.random.Generator or None
        Visits steps and runs in random order instead of the order of time.

    Returns
    -------
    (T,) int64
        0, 1, ... in order of first appearance.

    Raises
    ------
    ValueError
        If the labels and the draws do not fit, there is no such loss, or a count is none.
    """
    max_sweeps, draws = (
        check_count("max_sweeps", max_sweeps, 0),
        _thin(check_draws(draws), max_draws)[1],
    )
    labels = compact(check_partition("labels", labels, draws.shape[1]))
    return _refine(
        labels, _by_step(draws), loss_table(check_loss(loss), len(labels)), max_sweeps, rng
    )


def estimate(
    draws: ArrayLike,
    loss: str = "vi",
    *,
    refine: bool = True,
    max_sweeps: int = 50,
    max_draws: int = _MAX_DRAWS,
    rng: np.random.Generator | None = None,
) -> IntArray:
    """Estimate the partition of least expected loss.

    Parameters
    ----------
    draws : (M, T) int
    loss : {"vi", "binder"}
        Binder's loss is known to split too finely: small states cost it little.
    refine : bool
        Start greedy searches from the best draws (four, or one where T is large) and from one state for all;
        otherwise return the best draw.
    max_sweeps, max_draws, rng
        As in :func:`refine`.

    Returns
    -------
    (T,) int64
        0, 1, ... in order of first appearance.

    Raises
    ------
    ValueError
        If the draws are no table of whole numbers from 0, there is no such loss, or a count is none.
    """
    max_sweeps, draws = (
        check_count("max_sweeps", max_sweeps, 0),
        _thin(check_draws(draws), max_draws)[1],
    )
    losses = _losses_of_draws(draws, check_loss(loss))
    if not refine:
        return compact(draws[losses.argmin()])
    # Equal draws have equal losses; rounding keeps one of them.
    _, first = np.unique(np.round(losses, 12), return_index=True)
    by_step, f = _by_step(draws), loss_table(loss, draws.shape[1])
    n_starts = min(_N_STARTS, max(1, _MAX_LABELS_REFINED // draws.size))
    starts = [compact(draws[i]) for i in first[:n_starts]]
    # Where draws share little, one state is hard to beat and far from all of them.
    starts.append(np.zeros(draws.shape[1], dtype=np.int64))
    refined = [_refine(start, by_step, f, max_sweeps, rng) for start in starts]
    return refined[int(np.argmin([expected(labels, draws, loss) for labels in refined]))]


def _losses_of_draws(draws: np.ndarray, loss: str) -> FloatArray:
    """Expected loss (M,) of each draw over all of them."""
    M, T = draws.shape
    f, runs = loss_table(loss, T), runs_of_draws(draws)
    shared = np.zeros((M, M))
    for i in range(M):
        kernels.shared_sums(runs, i, f, shared[i])
    own = sums_over_states(runs, f)
    np.fill_diagonal(shared, own / 2.0)  # a draw shares all with itself
    total = own * M + own.sum() - 2.0 * (shared + shared.T).sum(axis=1)
    return total / M / loss_scale(loss, T)


def _refine(
    labels: IntArray,
    by_step: npt.NDArray[np.int32],
    f: FloatArray,
    max_sweeps: int,
    rng: np.random.Generator | None,
) -> IntArray:
    """Move steps, move runs and merge states until that gains next to nothing; `labels` are compact."""
    before = _loss_of(_counts(labels, by_step), f)
    for _ in range(max_sweeps):
        for sweep, parts in ((kernels.sweep_steps, _steps), (kernels.sweep_runs, _runs_of)):
            labels = compact(labels)
            order = parts(labels) if rng is None else rng.permutation(parts(labels))
            sweep(labels, order, by_step, _counts(labels, by_step), f)
        labels = _merge(compact(labels), by_step, f)
        after = _loss_of(_counts(labels, by_step), f)
        if before - after <= _MIN_GAIN * after:
            break
        before = after
    return compact(labels)


def _loss_of(counts: kernels.OverlapCounts, f: FloatArray) -> float:
    """Expected loss, up to its scale."""
    of_draws = counts.shared.sum(axis=2)
    return f[counts.size].sum() + (f[of_draws].sum() - 2.0 * f[counts.shared].sum()) / len(of_draws)


def _merge(labels: IntArray, by_step: npt.NDArray[np.int32], f: FloatArray) -> IntArray:
    """Make one state of two as long as that lowers the expected loss."""
    while True:
        counts = _counts(labels, by_step)
        gains = np.zeros((counts.size.size,) * 2)
        kernels.merge_gains(counts, f, gains)
        k, j = np.unravel_index(gains.argmin(), gains.shape)
        if gains[k, j] >= -1e-12 * f[-1]:
            return labels
        labels = compact(np.where(labels == j, k, labels))


def _counts(labels: IntArray, by_step: npt.NDArray[np.int32]) -> kernels.OverlapCounts:
    K, J = int(labels.max()) + 1 + _N_SPARE, int(by_step.max()) + 1
    shared = np.zeros((by_step.shape[1], J, K), dtype=np.int64)
    counts = kernels.OverlapCounts(np.zeros(K, dtype=np.int64), shared)
    kernels.count(labels, by_step, counts)
    return counts


def _steps(labels: IntArray) -> IntArray:
    return np.arange(len(labels))


def _runs_of(labels: IntArray) -> IntArray:
    """First step and step after the last of every run, (R, 2)."""
    cuts = np.flatnonzero(np.diff(labels)) + 1
    return np.column_stack([np.concatenate([[0], cuts]), np.concatenate([cuts, [len(labels)]])])


def _by_step(draws: np.ndarray) -> npt.NDArray[np.int32]:
    """The draws as (T, M) int32, states renumbered from 0 within each."""
    M, T = draws.shape
    by_step = np.empty((T, M), dtype=np.int32)
    # A few draws at a time: of long series the table is large, and there is none beside it.
    some = np.empty((min(M, _N_TURNED), T), dtype=np.int32)
    for first in range(0, M, _N_TURNED):
        piece = draws[first : first + _N_TURNED]
        for z, runs in zip(some, map(runs_of, piece), strict=False):
            z[:] = np.repeat(runs.states, np.diff(runs.ends, prepend=0))
        by_step[:, first : first + len(piece)] = some[: len(piece)].T
    return by_step


def _thin(draws: np.ndarray, max_draws: int) -> tuple[IntArray, np.ndarray]:
    """At most so many draws, fewer of long series, evenly spaced, and which they are."""
    max_draws = check_count("max_draws", max_draws)
    n = min(len(draws), max_draws, max(_MAX_LABELS_HELD // draws.shape[1], _MIN_DRAWS))
    chosen = np.unique(np.linspace(0, len(draws) - 1, n).round().astype(np.int64))
    return chosen, draws[chosen]
