"""EM runs under a monitor, and races of them: side by side, each left and taken up again where it stands.

Who goes on is decided in turn, and in one order. Threads only look ahead: they take the next steps of runs that are
likely to be asked for them, so that a race is the same for any number of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from tsinit._interrupt import raise_if_interrupted
from tsinit.init.race import candidates, first_round, runs_of_budget, seeds, starters
from tsinit.init.race_halving import halve, most_promising, recent_gain, rounds
from tsinit.kernels._threads import side_by_side
from tsinit.models.monitor import Monitor
from tsinit.models.race import (
    Failure,
    RaceEntry,
    RaceRecord,
    RaceRow,
    enter,
    failure_of,
    require_contender,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np

    from tsinit._typing import FloatArray
    from tsinit.init.race import Race

    Callback: TypeAlias = Callable[[int, float], None]
    EMStates: TypeAlias = Generator[Any, bool, tuple[Any | None, str | None]]

#: Iterations of the first round for each run of the budget; it takes an eighth of a run at most.
_FIRST, _SHARE = 2, 8
#: How far ahead a pace counts (`projected_objective`), and nats that are worth going on for: half a nat is no evidence.
_REACH, _MARGIN = 1.5, 0.5
#: A contender is taken up again if the budget lets it add a quarter of its iterations.
_MIN_SHARE = 4

_Result = TypeVar("_Result")


def run_monitored(states: Generator[Any, bool, _Result], monitor: Monitor) -> _Result:
    """Run iterations to their end under a monitor that records them, and return what they return."""
    try:
        state = next(states)
        while True:
            state = states.send(monitor.record(state.objective))
    except StopIteration as end:
        return end.value


class EMRace(NamedTuple):
    """What a race has to know of the model."""

    verb: str  # what it asks strategies for
    propose: Callable[..., Any]  # (strategy, rng) -> start
    begin: Callable[
        ..., EMStates
    ]  # (entry, clock) -> states, in the end (fit, None) or (None, why not)
    selection_score: Callable[[Any], float]  # (state) -> what starts are compared by
    max_iter: int
    n_init: int  # contenders that are finished
    shift: float  # what the units of the data add to the objective
    work: float  # multiplications of a run to `max_iter`, roughly
    n_threads: int = 1  # runs that may look ahead at the same time


class RunClock(Monitor):
    """The trace of one contender: its clock stands while others run, and the time of the whole race is noted too.

    Parameters
    ----------
    whole : Monitor
        Of the fit, whose seconds all contenders share.
    stopping : threading.Event or None
        Set by another thread where all runs have to end, whatever becomes of them.
    """

    def __init__(self, whole: Monitor, stopping: threading.Event | None = None) -> None:
        super().__init__()
        self.whole, self._stopping = whole, stopping
        self.passed: list[float] = []  # seconds of the whole race at every entry
        self._stopped = perf_counter()

    def resume(self) -> None:
        """Let the clock run."""
        self._clock += perf_counter() - self._stopped

    def pause(self) -> None:
        """Stop the clock."""
        self._stopped = perf_counter()

    def note(self, objective: float, seconds: float, passed: float) -> None:
        """Note an iteration that was done when the clocks said this."""
        self.objectives.append(float(objective) + self.shift)
        self.seconds.append(seconds)
        self.passed.append(passed)
        if self.callback is not None:
            self.callback(len(self.objectives) - 1, self.objectives[-1])
        self.timed_out = self.whole.out_of_time()

    def extend(
        self, objectives: Sequence[float] | FloatArray, **extras: Sequence[float] | FloatArray
    ) -> bool:
        """Note iterations on both clocks; returns whether there is time for more."""
        super().extend(objectives, **extras)
        self.passed += [self.whole.elapsed()] * len(objectives)
        stopping = self._stopping is not None and self._stopping.is_set()
        self.timed_out = stopping or self.whole.out_of_time()
        return not self.timed_out


class EMStep(NamedTuple):
    """What a race keeps of an iteration."""

    score: float  # what starts are compared by
    objective: float
    seconds: float  # of the run, when it was done
    passed: float  # of the whole race


class EMRun:
    """A contender: one EM run that can be left and taken up again.

    Attributes
    ----------
    scores : list of float
        Selection score of the start and after every iteration.
    fit : NamedTuple or None
        Once it has finished.
    """

    def __init__(self, entry: RaceEntry, race: EMRace, monitor: Monitor) -> None:
        self.entry, self.finished, self.dropped = entry, False, False
        self.fit: Any = None
        self.clock = RunClock(monitor)
        self.clock.shift = race.shift
        self.scores: list[float] = []
        self._score = race.selection_score
        self._states = race.begin(entry, self.clock)
        self._begun = False
        self._ahead: deque[EMStep] = deque()  # steps done that nobody has asked for yet
        self._end: tuple[Any | None, str | None] | Exception | None = None  # after these

    @property
    def failed(self) -> bool:
        """Whether it broke off."""
        return self.entry.failure is not None

    @property
    def n_iter(self) -> int:
        """Iterations done, -1 before the start has been evaluated."""
        return len(self.scores) - 1

    def advance(self, target: int | None) -> None:
        """Go on up to this number of iterations, to the end, or until time is over; None is to the end."""
        self.clock.resume()
        try:
            while not (self.finished or self.failed) and (target is None or self.n_iter < target):
                self._step()
        finally:
            self.clock.pause()

    def look_ahead(
        self, target: int | None, stopping: threading.Event, tell: Callback | None = None
    ) -> None:
        """Take the steps up to this number of iterations, for :meth:`advance` to find done.

        Parameters
        ----------
        target : int or None
            None is to the end.
        stopping : threading.Event
            Once set, no further step is taken.
        tell : callable or None
            Told of every step, which `advance` is not to tell again.
        """
        self.clock.resume()
        try:
            while (
                self._end is None and not stopping.is_set() and not self.clock.whole.out_of_time()
            ):
                n_iter = self.n_iter + len(self._ahead)
                if target is not None and n_iter >= target:
                    break
                self._take(going=True)
                if tell is not None and self._end is None:
                    tell(n_iter + 1, self._ahead[-1].objective + self.clock.shift)
        finally:
            self.clock.pause()

    def _take(self, going: bool) -> None:
        """Take one step further than all so far."""
        raise_if_interrupted()
        try:
            state = self._states.send(going) if self._begun else next(self._states)
            score = self._score(state)
        except StopIteration as end:
            self._end = end.value
        except Exception as error:  # whatever goes wrong in one run is a row of the race
            self._end = error
        else:
            self._begun = True
            clock = self.clock
            self._ahead.append(
                EMStep(score, state.objective, clock.elapsed(), clock.whole.elapsed())
            )

    def _step(self) -> None:
        if not self._ahead and self._end is None:
            self._take(going=not self.clock.timed_out)
        if self._ahead:
            score, *noted = self._ahead.popleft()
            self.scores.append(score)
            self.clock.note(*noted)
        elif isinstance(self._end, Exception):
            self.entry.failure = failure_of(self._end)
        elif self._end is not None:
            self.finished = True
            self.fit, why_not = self._end
            if self.fit is None:
                self.entry.failure = Failure("ValueError", why_not or "", "")

    def row(self) -> RaceRow:
        """What the race keeps of it."""
        e, clock = self.entry, self.clock
        converged = self.fit is not None and self.fit.converged
        return RaceRow(
            e.candidate, e.replicate, e.seed, e.start, e.failure, e.n_rounds, max(self.n_iter, 0), converged,
            e.init_seconds, clock.seconds[-1] if clock.seconds else 0.0, clock.objectives, clock.seconds,
            clock.objectives[-1] if clock.objectives else float("nan"),
        )  # fmt: skip


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
