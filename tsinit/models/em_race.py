"""EM runs under a monitor, and races of them: side by side, each left and taken up again where it stands."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from tsinit.init.race import candidates, first_round, seeds, starters
from tsinit.init.race_halving import halve, most_promising, recent_gain, rounds
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
    import threading
    from collections.abc import Callable, Generator, Sequence

    import numpy as np

    from tsinit._typing import FloatArray
    from tsinit.init.race import Race

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

    def extend(
        self, objectives: Sequence[float] | FloatArray, **extras: Sequence[float] | FloatArray
    ) -> bool:
        """Note iterations on both clocks; returns whether there is time for more."""
        super().extend(objectives, **extras)
        self.passed += [self.whole.elapsed()] * len(objectives)
        stopping = self._stopping is not None and self._stopping.is_set()
        self.timed_out = stopping or self.whole.out_of_time()
        return not self.timed_out


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
            while not self.finished and (target is None or self.n_iter < target):
                self._step()
        except Exception as error:  # whatever goes wrong in one run is a row of the race
            self.entry.failure = failure_of(error)
        finally:
            self.clock.pause()

    def _step(self) -> None:
        try:
            going = not self.clock.timed_out
            state = self._states.send(going) if self.scores else next(self._states)
            self.scores.append(self._score(state))
            self.clock.record(state.objective)
        except StopIteration as end:
            self.finished = True
            self.fit, why_not = end.value
            if self.fit is None:
                self.entry.failure = Failure("ValueError", why_not, "")

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
    first = first_round(race, max(min(round(_FIRST * race.budget), model.max_iter // _SHARE), 1))
    plan = rounds(
        len(runs), first=first, limit=model.max_iter, keep=race.keep, finalists=model.n_init
    )
    advance = _in_turn(runs, race.budget, model.max_iter, monitor)
    for run in halve(runs, plan, advance, _choose, model.n_init):
        # Out of time, a run needs one more step to stop; whichever is not ahead by then will not be.
        run.clock.callback = monitor.callback
        run.advance(None)
        if monitor.out_of_time():
            break
    _spend_leftover_budget(runs, race.budget, monitor)
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


def _spend_leftover_budget(runs: list[EMRun], budget: float, monitor: Monitor) -> None:
    """Spend what is left of the budget on those that were dropped, the fastest first: some starts win late."""
    while (leader := _leader(runs)) is not None:
        if monitor.out_of_time() and any(r.fit is not None for r in runs):
            return
        waiting = [r for r in runs if r.scores and not r.failed and not r.finished]
        if leader in waiting:
            leader.advance(None)
            continue
        left = int(budget * leader.n_iter) - _n_spent(runs)
        fastest = max(waiting, key=lambda r: recent_gain(r.scores), default=None)
        if fastest is None or left < max(fastest.n_iter // _MIN_SHARE, 1):
            return
        fastest.entry.n_rounds += 1
        fastest.advance(fastest.n_iter + min(max(fastest.n_iter, 1), left))


def _in_turn(
    everybody: list[EMRun], budget: float, max_iter: int, monitor: Monitor
) -> Callable[[list[EMRun], int], bool]:
    """Return the function that carries out a round."""

    def advance(runs: list[EMRun], target: int) -> bool:
        for run in runs:
            run.entry.n_rounds += 1
        for run in runs:  # after the first round in order of promise
            if run.failed:
                continue
            if run.scores and (leader := _leader(runs)) is not None:
                # The leader goes first: if it comes to its end soon, little may be spent on the others.
                leader.advance(target)
                leader = _leader(runs)
                step = target - run.n_iter
                length = leader.n_iter if leader is not None and leader.finished else max_iter
                ahead = length - leader.n_iter if leader is not None and leader is not run else 0
                if step > 0 and _n_spent(everybody) + step + ahead > budget * length:
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
