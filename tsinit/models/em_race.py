"""Races of EM runs: side by side, each left and taken up again where it stands.

Who goes on is decided in turn, and in one order. Threads only look ahead: they take the next steps of runs that are
likely to be asked for them, so that a race is the same for any number of threads.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tsinit.init.race import candidates, first_round, runs_of_budget, seeds, starters
from tsinit.init.race_halving import halve, most_promising, recent_gain, rounds
from tsinit.kernels._threads import side_by_side
from tsinit.models.em_run import EMRace, EMRun
from tsinit.models.monitor import Monitor
from tsinit.models.race import (
    RaceRecord,
    enter,
    require_contender,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from tsinit.init.race import Race
    from tsinit.models.em_run import Callback

#: Iterations of the first round for each run of the budget; it takes an eighth of a run at most.
_FIRST, _SHARE = 2, 8
#: How far ahead a pace counts (`projected_objective`), and nats that are worth going on for: half a nat is no evidence.
_REACH, _MARGIN = 1.5, 0.5
#: A contender is taken up again if the budget lets it add a quarter of its iterations.
_MIN_SHARE = 4


def run_race(race: Race, model: EMRace, seed: np.random.SeedSequence, monitor: Monitor) -> Any:
    """Race, finish the best, and return its fit with its trace and the record of the race.

    Parameters
    ----------
    race : Race
    model : EMRace
    seed : SeedSequence
    monitor : Monitor
        Of the whole fit.

    Returns
    -------
    NamedTuple
        What the iterations of the winner returned, with its `trace` and the `race`.

    Raises
    ------
    ValueError
        Every contender failed.
    """
    monitor.start()
    entries = enter(
        starters(race, model.verb), seeds(race, model.verb), seed, model.propose, repeat=False
    )
    require_contender(entries)
    monitor.run()
    runs = [EMRun(entry, model, monitor) for entry in entries]
    budget = runs_of_budget(race, model.work)
    first = first_round(race, max(min(round(_FIRST * budget), model.max_iter // _SHARE), 1))
    plan = rounds(
        len(runs), first=first, limit=model.max_iter, keep=race.keep, finalists=model.n_init
    )
    pace = Pace(budget, model.max_iter, model.n_threads)
    advance = _in_turn(runs, pace, monitor)
    finalists = halve(runs, plan, advance, _choose, model.n_init)
    is_told = _look_ahead_to_the_end(finalists, runs, pace, monitor.callback)
    for run in finalists:
        # Out of time, a run needs one more step to stop; whichever is not ahead by then will not be.
        run.clock.callback = None if is_told else monitor.callback
        run.advance(None)
        if monitor.out_of_time():
            break
    _spend_leftover_budget(runs, pace, monitor)
    require_contender(entries)
    winner, fit = max(
        ((r, r.fit) for r in runs if r.fit is not None), key=lambda pair: pair[0].scores[-1]
    )
    if monitor.callback is not None:
        monitor.callback(winner.n_iter, winner.clock.objectives[-1])
    monitor.timed_out = monitor.out_of_time()
    monitor.stop()
    record = RaceRecord(candidates(race, model.verb), seed, [run.row() for run in runs])
    return fit._replace(trace=(winner.clock.objectives, winner.clock.passed), race=record)


class Pace(NamedTuple):
    """How far runs may go, and how many of them at the same time."""

    budget: float  # in runs
    max_iter: int
    n_threads: int

    def look_ahead(
        self, runs: Sequence[tuple[EMRun, int | None]], tell: Callback | None = None
    ) -> bool:
        """Let runs take steps up to their targets in threads, where there are several of both; returns whether.

        Those that go to their ends tell of their steps, in the threads that take them.
        """
        going = [(run, target) for run, target in runs if not (run.failed or run.finished)]
        if self.n_threads <= 1 or len(going) <= 1:
            return False
        stopping = threading.Event()
        calls = [
            partial(run.look_ahead, target, stopping, tell if target is None else None)
            for run, target in going
        ]
        side_by_side(calls, self.n_threads, stopping.set)
        return True

    def ahead_of(self, leader: EMRun | None) -> tuple[int, int]:
        """How many iterations the leader takes in all and has before it, as far as is known."""
        length = leader.n_iter if leader is not None and leader.finished else self.max_iter
        return length, length - leader.n_iter if leader is not None else 0


def _spend_leftover_budget(runs: list[EMRun], pace: Pace, monitor: Monitor) -> None:
    """Spend what is left of the budget on those that were dropped, the fastest first: some starts win late."""
    while (leader := _leader(runs)) is not None:
        if monitor.out_of_time() and any(r.fit is not None for r in runs):
            return
        waiting = _waiting(runs)
        if leader in waiting:
            leader.advance(None)
            continue
        left = int(pace.budget * leader.n_iter) - _n_spent(runs)
        if not waiting or left < max(waiting[0].n_iter // _MIN_SHARE, 1):
            return
        fastest = waiting[0]
        pace.look_ahead(_affordable(waiting, left))
        fastest.entry.n_rounds += 1
        fastest.advance(fastest.n_iter + min(max(fastest.n_iter, 1), left))


def _waiting(runs: list[EMRun]) -> list[EMRun]:
    """Runs that were left on the way, the fastest first."""
    waiting = [r for r in runs if r.scores and not r.failed and not r.finished]
    return sorted(waiting, key=lambda r: -recent_gain(r.scores))


def _affordable(waiting: list[EMRun], left: int) -> list[tuple[EMRun, int | None]]:
    """Who may double its iterations while the budget lasts."""
    chosen: list[tuple[EMRun, int | None]] = []
    for run in waiting:
        step = min(max(run.n_iter, 1), left)
        if step < max(run.n_iter // _MIN_SHARE, 1):
            break
        chosen.append((run, run.n_iter + step))
        left -= step
    return chosen


def _look_ahead_to_the_end(
    finalists: list[EMRun], runs: list[EMRun], pace: Pace, tell: Callback | None
) -> bool:
    """Let threads end the finalists, and those that are left free begin with what comes after; returns whether."""
    n_free = pace.n_threads - len(finalists)
    if n_free > 0:
        length, ahead = pace.ahead_of(_leader(finalists))
        left = int(pace.budget * length) - _n_spent(runs) - ahead
        others = _affordable([r for r in _waiting(runs) if r not in finalists], left)[:n_free]
    else:
        others = []
    return pace.look_ahead([*((run, None) for run in finalists), *others], tell)


def _in_turn(
    everybody: list[EMRun], pace: Pace, monitor: Monitor
) -> Callable[[list[EMRun], int], bool]:
    """Return the function that carries out a round."""

    def too_dear(run: EMRun, leader: EMRun | None, target: int, spent: int) -> bool:
        length, ahead = pace.ahead_of(leader)
        step = target - run.n_iter
        return step > 0 and spent + step + (0 if leader is run else ahead) > pace.budget * length

    def likely(runs: list[EMRun], target: int) -> list[tuple[EMRun, int | None]]:
        """Who will be let go on, as far as one can tell before the round."""
        leader, spent = _leader(runs), _n_spent(everybody)
        chosen: list[tuple[EMRun, int | None]] = []
        for run in sorted(runs, key=lambda r: r is not leader):
            if not run.scores or not too_dear(run, leader, target, spent):
                chosen.append((run, target))
                spent += max(target - run.n_iter, 0) if run is not leader else 0
        return chosen

    def advance(runs: list[EMRun], target: int) -> bool:
        for run in runs:
            run.entry.n_rounds += 1
        pace.look_ahead(likely(runs, target))
        for run in runs:  # after the first round in order of promise
            if run.failed:
                continue
            if run.scores and (leader := _leader(runs)) is not None:
                # The leader goes first: if it comes to its end soon, little may be spent on the others.
                leader.advance(target)
                leader = _leader(runs)
                if too_dear(run, leader, target, _n_spent(everybody)):
                    run.dropped = run is not leader
                    continue
            run.advance(target)
            if monitor.out_of_time():
                return False
        if monitor.callback is not None and (begun := [r for r in runs if r.scores]):
            monitor.callback(target, max(r.clock.objectives[-1] for r in begun))
        return True

    return advance


def _n_spent(runs: list[EMRun]) -> int:
    return sum(max(r.n_iter, 0) for r in runs)


def _leader(runs: list[EMRun]) -> EMRun | None:
    return max(
        (r for r in runs if r.scores and not r.failed), key=lambda r: r.scores[-1], default=None
    )


def _choose(runs: list[EMRun], n: int) -> list[EMRun]:
    begun = [r for r in runs if r.scores and not r.dropped]
    chosen = most_promising(
        [r.scores for r in begun], [r.finished for r in begun], n, _REACH, _MARGIN
    )
    return [begun[i] for i in chosen]
