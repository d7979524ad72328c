"""The partition of least expected loss: the best draw, and greedy moves from there."""

from typing import NamedTuple

import numpy as np

from tsinit._validate import check_count
from tsinit.kernels import partitions as kernels
from tsinit.metrics._checks import check_draws, check_loss, check_partition
from tsinit.partitions.losses import (
    compact,
    expected,
    runs_of,
    runs_of_draws,
    scale,
    sums_over_states,
    table,
)

#: Draws that the search looks at. Expected losses over 300 draws are known to 6 % of their spread over draws,
#: and the time to compare all pairs grows with the square.
_MOST_DRAWS = 300
#: Draws from which the greedy search starts: the best ones, fewer where there are more labels than this.
_N_STARTS = 4
_MANY = 8_000_000
#: A round of moves that lowers the loss by a smaller share is the last: long series never run out of moves.
_LEAST_GAIN = 1e-4
#: States kept empty in a sweep, for steps that are better off alone.
_N_SPARE = 2


class BestDraw(NamedTuple):
    """The draw of least expected loss."""

    labels: np.ndarray  # (T,) int64, 0, 1, ... in order of first appearance
    draw: int  # which of the draws
    loss: float  # expected loss over the draws looked at


def best_draw(draws, loss="vi", *, max_draws=_MOST_DRAWS):
    """Find the draw of least expected loss.

    Parameters
    ----------
    draws : (M, T) int
    loss : {"vi", "binder"}
    max_draws : int
        Of more draws than this, so many are looked at, evenly spaced.

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


def refine(labels, draws, loss="vi", *, max_sweeps=50, max_draws=_MOST_DRAWS, rng=None):
    """Lower the expected loss of a partition by greedy moves until none helps.

    Single steps and whole runs go to the state, old or new, where the loss is least; two states become one
    where that is better. No move increases the expected loss over the draws looked at.

    Parameters
    ----------
    labels : (T,) int
        Where to start.
    draws : (M, T) int
    loss : {"vi", "binder"}
    max_sweeps : int
        Rounds of moves; a handful is the rule, and one that gains less than 1e-4 of the loss is the last.
    max_draws : int
        Of more draws than this, so many are looked at, evenly spaced.
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
    return _refine(labels, _by_step(draws), table(check_loss(loss), len(labels)), max_sweeps, rng)


def estimate(draws, loss="vi", *, refine=True, max_sweeps=50, max_draws=_MOST_DRAWS, rng=None):
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
    by_step, f = _by_step(draws), table(loss, draws.shape[1])
    n_starts = min(_N_STARTS, max(1, _MANY // draws.size))
    starts = [compact(draws[i]) for i in first[:n_starts]]
    # Where draws share little, one state is hard to beat and far from all of them.
    starts.append(np.zeros(draws.shape[1], dtype=np.int64))
    ends = [_refine(start, by_step, f, max_sweeps, rng) for start in starts]
    return ends[int(np.argmin([expected(end, draws, loss) for end in ends]))]


def _losses_of_draws(draws, loss):
    """Expected loss (M,) of each draw over all of them."""
    M, T = draws.shape
    f, runs = table(loss, T), runs_of_draws(draws)
    shared = np.zeros((M, M))
    for i in range(M):
        kernels.shared_sums(runs, i, f, shared[i])
    own = sums_over_states(runs, f)
    np.fill_diagonal(shared, own / 2.0)  # a draw shares all with itself
    total = own * M + own.sum() - 2.0 * (shared + shared.T).sum(axis=1)
    return total / M / scale(loss, T)


def _refine(labels, by_step, f, max_sweeps, rng):
    """Move steps, move runs and merge states until that gains next to nothing; `labels` are compact."""
    before = _loss_of(_counts(labels, by_step), f)
    for _ in range(max_sweeps):
        for sweep, parts in ((kernels.sweep_steps, _steps), (kernels.sweep_runs, _runs_of)):
            labels = compact(labels)
            order = parts(labels) if rng is None else rng.permutation(parts(labels))
            sweep(labels, order, by_step, _counts(labels, by_step), f)
        labels = _merge(compact(labels), by_step, f)
        after = _loss_of(_counts(labels, by_step), f)
        if before - after <= _LEAST_GAIN * after:
            break
        before = after
    return compact(labels)


def _loss_of(counts, f):
    """Expected loss, up to its scale."""
    of_draws = counts.shared.sum(axis=2)
    return f[counts.size].sum() + (f[of_draws].sum() - 2.0 * f[counts.shared].sum()) / len(of_draws)


def _merge(labels, by_step, f):
    """Make one state of two as long as that lowers the expected loss."""
    while True:
        counts = _counts(labels, by_step)
        gains = np.zeros((counts.size.size,) * 2)
        kernels.merge_gains(counts, f, gains)
        k, j = np.unravel_index(gains.argmin(), gains.shape)
        if gains[k, j] >= -1e-12 * f[-1]:
            return labels
        labels = compact(np.where(labels == j, k, labels))


def _counts(labels, by_step):
    K, J = int(labels.max()) + 1 + _N_SPARE, int(by_step.max()) + 1
    shared = np.zeros((by_step.shape[1], J, K), dtype=np.int64)
    counts = kernels.Counts(np.zeros(K, dtype=np.int64), shared)
    kernels.count(labels, by_step, counts)
    return counts


def _steps(labels):
    return np.arange(len(labels))


def _runs_of(labels):
    """First step and step after the last of every run, (R, 2)."""
    cuts = np.flatnonzero(np.diff(labels)) + 1
    return np.column_stack([np.concatenate([[0], cuts]), np.concatenate([cuts, [len(labels)]])])


def _by_step(draws):
    """The draws as (T, M) int32, states renumbered from 0 within each."""
    by_draw = np.empty(draws.shape, dtype=np.int32)
    for z, runs in zip(by_draw, map(runs_of, draws), strict=True):
        z[:] = np.repeat(runs.states, np.diff(runs.ends, prepend=0))
    return np.ascontiguousarray(by_draw.T)


def _thin(draws, max_draws):
    """At most so many draws, evenly spaced, and which they are."""
    max_draws = check_count("max_draws", max_draws)
    chosen = np.unique(
        np.linspace(0, len(draws) - 1, min(len(draws), max_draws)).round().astype(np.int64)
    )
    return chosen, draws[chosen]
