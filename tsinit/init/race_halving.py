"""Successive halving: which contenders of a race go on, by their objectives alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


class HalvingRound(NamedTuple):
    """One round of a race."""

    target: int  # iterations that every contender has done at its end
    n_kept: int  # how many go on


def rounds(
    n: int, *, first: int, limit: int, keep: float = 0.5, finalists: int = 1
) -> list[HalvingRound]:
    """Plan the rounds of a race; from round to round the iterations done double.

    Parameters
    ----------
    n : int
        Contenders.
    first, limit : int
        Iterations at the end of the first round, and of the last.
    keep : float
        Share of the contenders that a round leaves, at least one fewer while there are more than `finalists`.
    finalists : int
        The last round leaves no more than these.

    Returns
    -------
    list of HalvingRound
    """
    plan: list[HalvingRound] = []
    target = min(max(first, 0), limit)
    while True:
        n = _n_left(n, keep, finalists)
        if target >= limit:
            return [*plan, HalvingRound(limit, min(n, finalists))]
        plan.append(HalvingRound(target, n))
        target = min(max(2 * target, 1), limit)


def count_rounds(n: int, *, keep: float, finalists: int) -> int:
    """Count the rounds that it takes from `n` contenders to the finalists."""
    count = 0
    while n > finalists:
        n, count = _n_left(n, keep, finalists), count + 1
    return count


def _n_left(n: int, keep: float, finalists: int) -> int:
    return max(finalists, min(math.ceil(keep * n), n - 1)) if n > finalists else n


def halve(
    contenders: list[Any],
    plan: list[HalvingRound],
    advance: Callable[[list[Any], int], bool],
    choose: Callable[[list[Any], int], list[Any]],
    finalists: int = 1,
) -> list[Any]:
    """Race the contenders: advance all to the target of a round, choose who goes on, until the finalists are left.

    Parameters
    ----------
    contenders : list
        With attributes ``failed`` and ``finished``.
    plan : list of HalvingRound
    advance : callable
        ``advance(contenders, target) -> bool``: bring each to that many iterations, as far as it goes; False ends the
        race (out of time).
    choose : callable
        ``choose(contenders, n) -> contenders``: at most n of them, the best first.
    finalists : int
        With so few left, the race is over.

    Returns
    -------
    list
        Those that are left, the best first; empty where all failed.
    """
    alive = [c for c in contenders if not c.failed]
    for i, (target, n_kept) in enumerate(plan):
        # Even one without a rival has to begin.
        if (i > 0 and len(alive) <= finalists) or all(c.finished for c in alive):
            break
        going = advance(alive, target)
        alive = [c for c in alive if not c.failed]
        alive = choose(alive, max(n_kept, finalists) if going else finalists)
        if not going:
            break
    return choose(alive, len(alive))


def projected_objective(trace: Sequence[float], horizon: float) -> float:
    """Extrapolate a run: its objective, plus its recent pace kept up for `horizon` times its length so far.

    The pace is that of the last quarter of its iterations. Early on, the leader of a race is often the one that is
    about to stall, and the later winner still behind but fast.

    Parameters
    ----------
    trace : sequence of float
        Objectives so far, that of the start included.
    horizon : float

    Returns
    -------
    float
    """
    n = len(trace) - 1
    return trace[-1] + horizon * n * recent_gain(trace) / max(1, n // 4)


def recent_gain(trace: Sequence[float]) -> float:
    """Return what the last quarter of the iterations gained, the last one at least; nothing before the first."""
    n = len(trace) - 1
    return trace[-1] - trace[-1 - max(1, n // 4)] if n > 0 else 0.0


def most_promising(
    traces: list[Sequence[float]], finished: list[bool], n: int, horizon: float, margin: float
) -> list[int]:
    """Choose among runs: the `n` of highest projected objective, less those that cannot be expected to matter.

    A run whose projection is not `margin` above the best objective reached by any would change nothing; the leader
    stays in any case.

    Parameters
    ----------
    traces : list of sequence of float
    finished : list of bool
        Which have come to their end: their projection is what they have.
    n : int
    horizon : float
        As in `projected_objective`.
    margin : float

    Returns
    -------
    list of int
        Positions, in order of projected objective.
    """
    if not traces:
        return []
    projected = [
        t[-1] if done else projected_objective(t, horizon)
        for t, done in zip(traces, finished, strict=True)
    ]
    leader = max(range(len(traces)), key=lambda i: traces[i][-1])
    order = sorted(range(len(traces)), key=lambda i: -projected[i])[:n]
    if leader not in order:
        order[-1] = leader
    return [i for i in order if i == leader or projected[i] > traces[leader][-1] + margin]


def best_of_each_kind(scores: list[float], kinds: Sequence[Hashable], n: int) -> list[int]:
    """Choose the `n` of highest score, no kind taking more than half of the places while another is left.

    Parameters
    ----------
    scores : list of float
    kinds : list
        What each is an example of.
    n : int

    Returns
    -------
    list of int
        Positions, the best first.
    """
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    maximum = math.ceil(n / 2)
    taken: list[int] = []
    spare: list[int] = []
    for i in order:
        crowded = sum(kinds[j] == kinds[i] for j in taken) >= maximum
        (spare if crowded else taken).append(i)
    chosen = (taken[:n] + spare)[:n]
    return sorted(chosen, key=order.index)
