"""The race of the samplers: chains in warm-up, of which the best go on as the chains of the fit."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from tsinit._validate import child_seed
from tsinit.init.race import first_round, seeds, starters
from tsinit.init.race_halving import best_mixed, count_rounds, halve, rounds
from tsinit.models import chains
from tsinit.models.monitor import Monitor
from tsinit.models.race import RACE, Entry, Record, Row, absent, enter, require_some, told

#: What a start may do wrong on data, besides what its model says.
_NUMERICAL = (ArithmeticError, ValueError)

#: Key of the stream that spreads equal starts, among the children of a contender's seed.
_SPREAD = 2


class Contest(NamedTuple):
    """What a race has to know of the model."""

    verb: str
    ask: Callable  # (strategy, rng) -> start
    spread: Callable  # (start, rng) -> start near it, for seeds to which a strategy gives the same
    chain: Callable  # (start, rng) -> chain
    scalars: dict[str, str]
    objective: str
    schedule: chains.Schedule
    n_chains: int
    n_jobs: int | None
    failures: tuple[type[Exception], ...]


class Runner(chains.Walk):
    """A contender: a chain in its warm-up, which later may be one of the fit."""

    finished = False

    def __init__(self, entry, contest):
        self.entry, self._objective, self._seconds = entry, contest.objective, [0.0]
        rng = np.random.default_rng(child_seed(entry.seed, 1, 0))
        super().__init__(contest.chain(entry.start, rng), contest.schedule, contest.scalars, None)

    @property
    def failed(self):
        """Whether it broke off."""
        return self.entry.failure is not None

    @property
    def values(self):
        """Objective of the start and after every sweep so far."""
        return self.trace[self._objective]

    @property
    def score(self):
        """Mean objective of the later half of the sweeps: a single one says little, and early ones too much."""
        return float(np.mean(self.values[len(self.values) // 2 :]))

    def advance(self, n_sweeps, failures):
        """Run some sweeps on the clock of this chain."""
        began, before = perf_counter(), self.n_sweeps
        super().advance(n_sweeps, failures)
        done = self.n_sweeps - before
        self._seconds += [
            self._seconds[-1] + (perf_counter() - began) * (i + 1) / done for i in range(done)
        ]

    def note_failure(self):
        """Tell the entry whether the chain stopped, or has no density."""
        if self.failure is not None:
            self.entry.failure = told(self.failure)
        elif self.n_sweeps > 0 and not np.isfinite(
            self.score
        ):  # a start alone may have no density yet
            self.entry.failure = told(
                FloatingPointError(f"the objective must be finite; got {self.score}")
            )

    def keep_by(self, keep):
        """Say how draws are kept, once there are any."""
        self._keep = keep

    def row(self):
        """What the race keeps of it: the end of a chain of the fit is the mean over its draws."""
        e, kept = self.entry, [self.values[i] for i in self.kept]
        return Row(
            e.candidate, e.replicate, e.seed, e.start, e.failure, e.n_rounds, self.n_sweeps, bool(kept),
            e.init_seconds, self._seconds[-1], list(self.values), list(self._seconds),
            float(np.mean(kept)) if kept else self.score,
        )  # fmt: skip


class Survivors(NamedTuple):
    """What a race hands to the sampler."""

    walks: list[Runner]  # n_chains of them, the best first
    runners: list[Runner]  # all that began
    entries: list[Entry]  # all

    @property
    def starts(self):
        """(n_chains, ...) where the chains of the fit began."""
        return np.array([walk.entry.start for walk in self.walks])

    def record(self, candidates, seed):
        """Lay down what the race was, after the fit."""
        rows = {id(runner.entry): runner.row() for runner in self.runners}
        return Record(
            candidates, seed, [rows.get(id(entry)) or absent(entry) for entry in self.entries]
        )


def run(race, contest, seed, monitor):
    """Race chains through the first half of the warm-up; the survivors are left standing there.

    The second half is theirs to forget that they were chosen for a high density, so that the draws are what they would
    have been. No strategy has more than half of the survivors while another has a chain left: where all chains came
    from one start, R-hat could not tell whether they have left it.

    Parameters
    ----------
    race : Race
    contest : Contest
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
    _spread(entries, contest)
    monitor.run()
    runners = [runner for entry in entries if (runner := _begin(entry, contest)) is not None]
    require_some(entries)
    limit = contest.schedule.n_tune // 2
    n_rounds = count_rounds(len(runners), keep=race.keep, finalists=contest.n_chains)
    first = first_round(race, limit // 2 ** max(n_rounds - 1, 0))
    plan = rounds(
        len(runners), first=first, limit=limit, keep=race.keep, finalists=contest.n_chains
    )
    left = halve(runners, plan, _together(contest, monitor), _choose, contest.n_chains)
    require_some(entries)
    left += _substitutes(left, contest, n_seeds, seed)
    known = {id(entry) for entry in entries}
    entries += [walk.entry for walk in left if id(walk.entry) not in known]
    return Survivors(left, runners + [walk for walk in left if walk not in runners], entries)


def _spread(entries, contest):
    """Move the starts of a strategy that gives several seeds the same."""
    first: dict[int, Any] = {}
    for entry in entries:
        if entry.failure is not None:
            continue
        if entry.candidate not in first:
            first[entry.candidate] = entry.start
        elif np.array_equal(first[entry.candidate], entry.start):
            entry.start = contest.spread(
                entry.start, np.random.default_rng(child_seed(entry.seed, _SPREAD))
            )


def _begin(entry, contest):
    """Set up a chain, None where that fails."""
    if entry.failure is None:
        try:
            return Runner(entry, contest)
        except (*contest.failures, *_NUMERICAL) as error:
            entry.failure = told(error)
    return None


def _together(contest, monitor):
    """Return the function that carries out a round."""

    def advance(runners, target):
        budget = monitor.budget
        if budget.seconds is not None:
            budget = budget._replace(
                seconds=budget.seconds - monitor.fit_seconds - monitor.elapsed()
            )
        for runner in runners:
            runner.entry.n_rounds += 1
        chains.run(
            runners, target, Monitor(budget, monitor.callback), n_jobs=contest.n_jobs,
            failures=(*contest.failures, *_NUMERICAL), objective=contest.objective,
        )  # fmt: skip
        for runner in runners:
            runner.note_failure()
        return not monitor.out_of_time()

    return advance


def _choose(runners, n):
    chosen = best_mixed(
        [np.nan_to_num(r.score, nan=-np.inf) for r in runners],
        [r.entry.candidate for r in runners],
        n,
    )
    return [runners[i] for i in chosen]


def _substitutes(left, contest, n_seeds, seed):
    """Begin further chains at the starts of the survivors where failures left fewer than the fit needs."""
    further = []
    for k in range(contest.n_chains - len(left)):
        like = left[k % len(left)].entry
        entry = Entry(like.candidate, like.label, n_seeds + k, child_seed(seed, RACE, n_seeds + k))
        entry.start = contest.spread(
            like.start, np.random.default_rng(child_seed(entry.seed, _SPREAD))
        )
        walk = Runner(entry, contest)
        walk.advance(left[0].n_sweeps, contest.failures)
        further.append(walk)
    return further
