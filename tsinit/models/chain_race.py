"""The race of the samplers: chains in warm-up, of which the best go on as the chains of the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate import child_seed
from tsinit.init.race import first_round, seeds, starters
from tsinit.init.race_halving import best_of_each_kind, count_rounds, halve, rounds
from tsinit.models.chains import ChainRun, ChainSchedule, Failures, SamplerChain, run_chains
from tsinit.models.monitor import Monitor
from tsinit.models.race import (
    RACE,
    RaceEntry,
    RaceRecord,
    RaceRow,
    enter,
    failure_of,
    require_contender,
    row_without_run,
)

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.init.race import Race
    from tsinit.init.registry import ResolvedStrategy

#: What a start may do wrong on data, besides what its model says.
_NUMERICAL: Failures = (ArithmeticError, ValueError)

#: Key of the stream that spreads equal starts, among the children of a contender's seed.
_SPREAD = 2


class ChainRace(NamedTuple):
    """What a race has to know of the model."""

    verb: str
    ask: Callable[[ResolvedStrategy, np.random.Generator], Any]  # -> start
    spread: Callable[
        [Any, np.random.Generator], Any
    ]  # -> start near it, for seeds that were given the same
    chain: Callable[[Any, np.random.Generator], SamplerChain]  # from a start
    scalars: dict[str, str]
    objective: str
    schedule: ChainSchedule
    n_chains: int
    n_jobs: int | None
    failures: Failures


class RacingChain(ChainRun):
    """A contender: a chain in its warm-up, which later may be one of the fit."""

    finished = False

    def __init__(self, entry: RaceEntry, contest: ChainRace) -> None:
        self.entry, self._objective, self._seconds = entry, contest.objective, [0.0]
        rng = np.random.default_rng(child_seed(entry.seed, 1, 0))
        super().__init__(contest.chain(entry.start, rng), contest.schedule, contest.scalars, None)

    @property
    def failed(self) -> bool:
        """Whether it broke off."""
        return self.entry.failure is not None

    @property
    def objectives(self) -> list[float]:
        """Objective of the start and after every sweep so far."""
        return self.trace[self._objective]

    @property
    def score(self) -> float:
        """Mean objective of the later half of the sweeps: a single one says little, and early ones too much."""
        return float(np.mean(self.objectives[len(self.objectives) // 2 :]))

    def advance(self, n_sweeps: int, failures: Failures) -> None:
        """Run some sweeps on the clock of this chain."""
        began, before = perf_counter(), self.n_sweeps
        super().advance(n_sweeps, failures)
        done = self.n_sweeps - before
        self._seconds += [
            self._seconds[-1] + (perf_counter() - began) * (i + 1) / done for i in range(done)
        ]

    def note_failure(self) -> None:
        """Note in the entry that the chain stopped, or has no density."""
        if self.failure is not None:
            self.entry.failure = failure_of(self.failure)
        elif self.n_sweeps > 0 and not np.isfinite(self.score):
            # Only after a sweep: a start alone may have no density yet.
            error = FloatingPointError(f"the objective must be finite; got {self.score}")
            self.entry.failure = failure_of(error)

    def row(self) -> RaceRow:
        """What the race keeps of it: the final objective of a chain of the fit is the mean over its draws."""
        e, of_draws = self.entry, [self.objectives[i] for i in self.draw_sweeps]
        return RaceRow(
            e.candidate, e.replicate, e.seed, e.start, e.failure, e.n_rounds, n_iter=self.n_sweeps,
            converged=bool(of_draws), init_seconds=e.init_seconds, fit_seconds=self._seconds[-1],
            objectives=list(self.objectives), seconds=list(self._seconds),
            final=float(np.mean(of_draws)) if of_draws else self.score,
        )  # fmt: skip


class Survivors(NamedTuple):
    """What a race hands to the sampler."""

    runs: list[RacingChain]  # n_chains of them, the best first
    contenders: list[RacingChain]  # all that began
    entries: list[RaceEntry]  # all

    @property
    def starts(self) -> FloatArray:
        """(n_chains, ...) where the chains of the fit began."""
        return np.array([run.entry.start for run in self.runs])

    def record(self, candidates: list[Any], seed: np.random.SeedSequence) -> RaceRecord:
        """Lay down what the race was, after the fit."""
        rows = {id(contender.entry): contender.row() for contender in self.contenders}
        return RaceRecord(
            candidates,
            seed,
            [rows.get(id(entry)) or row_without_run(entry) for entry in self.entries],
        )


def race_chains(
    race: Race, contest: ChainRace, seed: np.random.SeedSequence, monitor: Monitor
) -> Survivors:
    """Race chains through the first half of the warm-up; the survivors are left standing there.

    The second half is theirs to forget that they were chosen for a high density, so that the draws are what they would
    have been. No strategy has more than half of the survivors while another has a chain left: where all chains came
    from one start, R-hat could not tell whether they have left it.

    Parameters
    ----------
    race : Race
    contest : ChainRace
    seed : SeedSequence
    monitor : Monitor
        Of the fit; when this returns, its clock is that of the run.

    Returns
    -------
    Survivors

    Raises
    ------
    ValueError
        Every contender failed.
    """
    monitor.start()
    chosen = starters(race, contest.verb)
    n_seeds = max(seeds(race, contest.verb), -(-contest.n_chains // len(chosen)))
    entries = enter(chosen, n_seeds, seed, contest.ask, repeat=True)
    _spread_equal_starts(entries, contest)
    monitor.run()
    contenders = [begun for entry in entries if (begun := _begin(entry, contest)) is not None]
    require_contender(entries)
    limit = contest.schedule.n_tune // 2
    n_rounds = count_rounds(len(contenders), keep=race.keep, finalists=contest.n_chains)
    first = first_round(race, limit // 2 ** max(n_rounds - 1, 0))
    plan = rounds(
        len(contenders), first=first, limit=limit, keep=race.keep, finalists=contest.n_chains
    )
    advance = _round_runner(contest, monitor)
    left = halve(contenders, plan, advance, _choose, contest.n_chains)
    if not left:
        left = _taken_up_again(contenders, contest, advance, limit)
    require_contender(entries)
    left += _substitutes(left, contest, n_seeds, seed)
    known = {id(entry) for entry in entries}
    entries += [run.entry for run in left if id(run.entry) not in known]
    return Survivors(left, contenders + [run for run in left if run not in contenders], entries)


def _taken_up_again(
    contenders: Sequence[RacingChain],
    contest: ChainRace,
    advance: Callable[[Sequence[RacingChain], int], bool],
    target: int,
) -> list[RacingChain]:
    """Go on with contenders that were dropped, where all that were kept have broken off since."""
    left: list[RacingChain] = []
    while not left and (back := [one for one in contenders if not one.failed]):
        chosen = _choose(back, contest.n_chains)
        advance(chosen, target)
        left = [one for one in chosen if not one.failed]
    return left


def _spread_equal_starts(entries: Sequence[RaceEntry], contest: ChainRace) -> None:
    """Move the starts of a strategy that gives several seeds the same."""
    first: dict[int, Any] = {}
    for entry in entries:
        if entry.failure is not None:
            continue
        if entry.candidate not in first:
            first[entry.candidate] = entry.start
        elif np.array_equal(first[entry.candidate], entry.start):
            entry.start = _spread_start(entry, entry.start, contest)


def _spread_start(entry: RaceEntry, start: Any, contest: ChainRace) -> Any:
    return contest.spread(start, np.random.default_rng(child_seed(entry.seed, _SPREAD)))


def _begin(entry: RaceEntry, contest: ChainRace) -> RacingChain | None:
    """Set up a chain, None where that fails."""
    if entry.failure is None:
        try:
            return RacingChain(entry, contest)
        except contest.failures + _NUMERICAL as error:
            entry.failure = failure_of(error)
    return None


def _round_runner(
    contest: ChainRace, monitor: Monitor
) -> Callable[[Sequence[RacingChain], int], bool]:
    """Return the function that carries out a round."""

    def advance(contenders: Sequence[RacingChain], target: int) -> bool:
        budget = monitor.budget
        if budget.seconds is not None:
            budget = budget._replace(
                seconds=budget.seconds - monitor.fit_seconds - monitor.elapsed()
            )
        for contender in contenders:
            contender.entry.n_rounds += 1
        run_chains(
            contenders, target, Monitor(budget, monitor.callback), n_jobs=contest.n_jobs,
            failures=contest.failures + _NUMERICAL, objective=contest.objective,
        )  # fmt: skip
        for contender in contenders:
            contender.note_failure()
        return not monitor.out_of_time()

    return advance


def _choose(contenders: Sequence[RacingChain], n: int) -> list[RacingChain]:
    chosen = best_of_each_kind(
        [np.nan_to_num(one.score, nan=-np.inf) for one in contenders],
        [one.entry.candidate for one in contenders],
        n,
    )
    return [contenders[i] for i in chosen]


def _substitutes(
    left: Sequence[RacingChain], contest: ChainRace, n_seeds: int, seed: np.random.SeedSequence
) -> list[RacingChain]:
    """Begin further chains at the starts of the survivors where failures left fewer than the fit needs."""
    further = []
    for k in range(contest.n_chains - len(left)):
        like = left[k % len(left)].entry
        own = child_seed(seed, RACE, n_seeds + k)
        entry = RaceEntry(like.candidate, like.label, n_seeds + k, own)
        entry.start = _spread_start(entry, like.start, contest)
        run = RacingChain(entry, contest)
        run.advance(left[0].n_sweeps, contest.failures)
        further.append(run)
    return further
