"""An EM run under a monitor, and one that can be left and taken up again."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from tsinit._interrupt import raise_if_interrupted
from tsinit.models.monitor import Monitor
from tsinit.models.race import Failure, RaceEntry, RaceRow, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tsinit._typing import FloatArray

    Callback: TypeAlias = Callable[[int, float], None]
    EMStates: TypeAlias = Generator[Any, bool, tuple[Any | None, str | None]]

_Result = TypeVar("_Result")


def run_monitored(states: Generator[Any, bool, _Result], monitor: Monitor) -> _Result:
    """Run iterations to their end under a monitor that records them, and return what they return."""
    try:
        state = next(states)
        while True:
            state = states.send(monitor.record(state.objective))
    except StopIteration as end:
        return end.value


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
