"""The race of the state-space model: EM runs side by side, each left and taken up again where it stands."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from tsinit.init.race import candidates, first_round, seeds, starters
from tsinit.init.race_halving import halve, most_promising, recent_gain, rounds
from tsinit.models.monitor import Monitor
from tsinit.models.race import (
    Failure,
    RaceRecord,
    RaceRow,
    enter,
    failure_of,
    require_contender,
)

#: Iterations of the first round for each run of the budget; it takes an eighth of a run at most.
_FIRST, _SHARE = 2, 8
#: How far ahead a pace counts (`projected_objective`), and nats that are worth going on for: half a nat is no evidence.
_REACH, _MARGIN = 1.5, 0.5
#: A contender is taken up again if the budget lets it add a quarter of its iterations.
_LEAST = 4


class Contest(NamedTuple):
    """What a race has to know of the model."""

    ask: Callable  # (strategy, rng) -> start
    begin: Callable  # (entry, leg) -> climb, which returns (fit, None) or (None, why not)
    worth: Callable  # state -> what starts are compared by
    max_iter: int
    n_init: int  # contenders that are finished
    shift: float  # what the units of the data add to the objective


class Leg(Monitor):
    """The trace of one contender: its clock stands while others run, and the time of the whole race is noted too.

    Parameters
    ----------
    whole : Monitor
        Of the fit, whose seconds all contenders share.
    """

    def __init__(self, whole):
        super().__init__()
        self.whole, self.passed = whole, []
        self._stopped = perf_counter()

    def resume(self):
        """Let the clock run."""
        self._clock += perf_counter() - self._stopped

    def pause(self):
        """Stop the clock."""
        self._stopped = perf_counter()

    def extend(self, objectives, **extras):
        """Note iterations on both clocks; returns whether there is time for more."""
        super().extend(objectives, **extras)
        self.passed += [self.whole.elapsed()] * len(objectives)
        self.timed_out = self.whole.out_of_time()
        return not self.timed_out


class Climber:
    """A contender: one EM run that can be left and taken up again."""

    def __init__(self, entry, contest, monitor):
        self.entry, self.fit, self.finished, self.dropped = entry, None, False, False
        self.leg = Leg(monitor)
        self.leg.shift = contest.shift
        self.worths = []
        self._worth = contest.worth
        self._climb = contest.begin(entry, self.leg)

    @property
    def failed(self):
        """Whether it broke off."""
        return self.entry.failure is not None

    @property
    def n_iter(self):
        """Iterations done, -1 before the start has been looked at."""
        return len(self.worths) - 1

    def advance(self, target):
        """Go on up to this number of iterations, to the end, or until time is over; None is to the end."""
        self.leg.resume()
        try:
            while not self.finished and (target is None or self.n_iter < target):
                self._step()
        except Exception as error:  # whatever goes wrong in one run is a row of the race
            self.entry.failure = failure_of(error)
        finally:
            self.leg.pause()

    def _step(self):
        try:
            state = (
                next(self._climb) if not self.worths else self._climb.send(not self.leg.timed_out)
            )
            self.worths.append(self._worth(state))
            self.leg.record(state.objective)
        except StopIteration as end:
            self.finished = True
            self.fit, why_not = end.value
            if self.fit is None:
                self.entry.failure = Failure("ValueError", why_not, "")

    def row(self):
        """What the race keeps of it."""
        e, leg = self.entry, self.leg
        converged = self.fit is not None and self.fit.converged
        return RaceRow(
            e.candidate, e.replicate, e.seed, e.start, e.failure, e.n_rounds, max(self.n_iter, 0), converged,
            e.init_seconds, leg.seconds[-1] if leg.seconds else 0.0, leg.objectives, leg.seconds,
            leg.objectives[-1] if leg.objectives else float("nan"),
        )  # fmt: skip


def run_race(race, contest, seed, monitor):
    """Race, finish the best, and return its Fit with its trace and the record of the race.

    Parameters
    ----------
    race : Race
    contest : Contest
    seed : SeedSequence
    monitor : Monitor
        Of the whole fit.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        Every contender failed.
    """
    monitor.start()
    entries = enter(
        starters(race, "dynamics"), seeds(race, "dynamics"), seed, contest.ask, repeat=False
    )
    require_contender(entries)
    monitor.run()
    climbers = [Climber(entry, contest, monitor) for entry in entries]
    first = first_round(race, max(min(round(_FIRST * race.budget), contest.max_iter // _SHARE), 1))
    plan = rounds(
        len(climbers), first=first, limit=contest.max_iter, keep=race.keep, finalists=contest.n_init
    )
    advance = _in_turn(climbers, race.budget, contest.max_iter, monitor)
    left = halve(climbers, plan, advance, _choose, contest.n_init)
    for climber in left:
        # Out of time, one step more is the word that it may stop; who is not ahead by then will not be.
        climber.leg.callback = monitor.callback
        climber.advance(None)
        if monitor.out_of_time():
            break
    _second_wind(climbers, race.budget, monitor)
    require_contender(entries)
    winner, fit = max(
        ((c, c.fit) for c in climbers if c.fit is not None), key=lambda pair: pair[0].worths[-1]
    )
    if monitor.callback is not None:
        monitor.callback(winner.n_iter, winner.leg.objectives[-1])
    monitor.timed_out = monitor.out_of_time()
    monitor.stop()
    record = RaceRecord(candidates(race, "dynamics"), seed, [climber.row() for climber in climbers])
    return fit._replace(trace=(winner.leg.objectives, winner.leg.passed), race=record)


def _second_wind(climbers, budget, monitor):
    """Spend what is left of the budget on those that were dropped, the fastest first: some starts win late."""
    while (leader := _leader(climbers)) is not None:
        if monitor.out_of_time() and any(c.fit is not None for c in climbers):
            return
        waiting = [c for c in climbers if c.worths and not c.failed and not c.finished]
        if leader in waiting:
            leader.advance(None)
            continue
        left = int(budget * leader.n_iter) - _spent(climbers)
        fastest = max(waiting, key=lambda c: recent_gain(c.worths), default=None)
        if fastest is None or left < max(fastest.n_iter // _LEAST, 1):
            return
        fastest.entry.n_rounds += 1
        fastest.advance(fastest.n_iter + min(max(fastest.n_iter, 1), left))


def _in_turn(everybody, budget, max_iter, monitor):
    """Return the function that carries out a round."""

    def advance(climbers, target):
        for climber in climbers:
            climber.entry.n_rounds += 1
        for climber in climbers:  # after the first round by projected objective
            if climber.failed:
                continue
            if climber.worths:
                # The leader goes first: if it comes to its end soon, little may be spent on the others.
                _leader(climbers).advance(target)
                leader = _leader(climbers)
                step = target - climber.n_iter
                length = leader.n_iter if leader is not None and leader.finished else max_iter
                ahead = (
                    length - leader.n_iter if leader is not None and leader is not climber else 0
                )
                if step > 0 and _spent(everybody) + step + ahead > budget * length:
                    climber.dropped = climber is not leader
                    continue
            climber.advance(target)
            if monitor.out_of_time():
                return False
        if monitor.callback is not None and (begun := [c for c in climbers if c.worths]):
            monitor.callback(target, max(c.leg.objectives[-1] for c in begun))
        return True

    return advance


def _spent(climbers):
    return sum(max(c.n_iter, 0) for c in climbers)


def _leader(climbers):
    return max(
        (c for c in climbers if c.worths and not c.failed), key=lambda c: c.worths[-1], default=None
    )


def _choose(climbers, n):
    begun = [c for c in climbers if c.worths and not c.dropped]
    chosen = most_promising(
        [c.worths for c in begun], [c.finished for c in begun], n, _REACH, _MARGIN
    )
    return [begun[i] for i in chosen]
