"""Successive halving: which contenders of a race go on, told by their objectives alone."""

import math
from typing import NamedTuple


class Round(NamedTuple):
    """One round of a race."""

    target: int  # iterations that every contender has done at its end
    n_kept: int  # how many go on


def rounds(n, *, first, limit, keep=0.5, finalists=1):
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
    list of Round
    """
    plan: list[Round] = []
    target = min(max(first, 0), limit)
    while True:
        n = _left(n, keep, finalists)
        if target >= limit:
            return [*plan, Round(limit, min(n, finalists))]
        plan.append(Round(target, n))
        target = min(max(2 * target, 1), limit)


def count_rounds(n, *, keep, finalists):
    """Count the rounds that it takes from `n` contenders to the finalists."""
    count = 0
    while n > finalists:
        n, count = _left(n, keep, finalists), count + 1
    return count


def _left(n, keep, finalists):
    return max(finalists, min(math.ceil(keep * n), n - 1)) if n > finalists else n


def halve(contenders, plan, advance, choose, least=1):
    """Race the contenders: advance all to the target of a round, choose who goes on, until `least` are left.

    Parameters
    ----------
    contenders : list
        With attributes ``failed`` and ``finished``.
    plan : list of Round
    advance : callable
        ``advance(contenders, target) -> bool``: bring each to that many iterations, as far as it goes; False ends the
        race (out of time).
    choose : callable
        ``choose(contenders, n) -> contenders``: at most n of them, the best first.
    least : int
        With so few left, the race is over.

    Returns
    -------
    list
        Those that are left, the best first; empty where all failed.
    """
    alive = [c for c in contenders if not c.failed]
    for i, (target, n_kept) in enumerate(plan):
        # Even one without a rival has to begin.
        if (i > 0 and len(alive) <= least) or all(c.finished for c in alive):
            break
        going = advance(alive, target)
        alive = [c for c in alive if not c.failed]
        alive = choose(alive, max(n_kept, least) if going else least)
        if not going:
            break
    return choose(alive, len(alive))


def promise(trace, reach):
    """Guess where a climb is bound for: where it is, plus its recent pace kept up for `reach` times its length so far.

    The pace is that of the last quarter of its iterations. Early on, the leader of a race is often the one that is
    about to stall, and the later winner still behind but fast.

    Parameters
    ----------
    trace : sequence of float
        Objectives so far, that of the start included.
    reach : float

    Returns
    -------
    float
    """
    n = len(trace) - 1
    return trace[-1] + reach * n * recent_gain(trace) / max(1, n // 4)


def recent_gain(trace):
    """Return what the last quarter of the iterations gained, the last one at least; nothing before the first."""
    n = len(trace) - 1
    return trace[-1] - trace[-1 - max(1, n // 4)] if n > 0 else 0.0


def best_climbers(traces, finished, n, reach, margin):
    """Choose among climbs: the `n` of most promise, less those that cannot be expected to matter.

    A climb whose promise is not `margin` above the best objective reached by any would change nothing; the one that is
    ahead stays in any case.

    Parameters
    ----------
    traces : list of sequence of float
    finished : list of bool
        Which have come to their end: they promise what they have.
    n : int
    reach : float
    margin : float

    Returns
    -------
    list of int
        Positions, in order of promise.
    """
    if not traces:
        return []
    promised = [
        t[-1] if done else promise(t, reach) for t, done in zip(traces, finished, strict=True)
    ]
    ahead = max(range(len(traces)), key=lambda i: traces[i][-1])
    order = sorted(range(len(traces)), key=lambda i: -promised[i])[:n]
    if ahead not in order:
        order[-1] = ahead
    return [i for i in order if i == ahead or promised[i] > traces[ahead][-1] + margin]


def best_mixed(scores, kinds, n):
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
    most = math.ceil(n / 2)
    taken: list[int] = []
    spare: list[int] = []
    for i in order:
        crowded = sum(kinds[j] == kinds[i] for j in taken) >= most
        (spare if crowded else taken).append(i)
    chosen = (taken[:n] + spare)[:n]
    return sorted(chosen, key=order.index)
