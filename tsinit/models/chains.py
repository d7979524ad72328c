"""Chains of a sampler side by side: in rounds, so that a budget, a progress bar and Ctrl-C find their moment."""

from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

#: Seconds that a round should take: short beside a user's patience, long beside the cost of handing out work.
_ROUND, _ROUND_THREADS = 0.02, 0.2


class Schedule(NamedTuple):
    """Which sweeps of a chain are kept."""

    n_tune: int
    n_draws: int
    thin: int

    @property
    def n_sweeps(self):
        """Sweeps in all."""
        return self.n_tune + self.n_draws * self.thin

    def keeps(self, sweep):
        """Whether sweep number `sweep`, from 1, is a draw."""
        after = sweep - self.n_tune
        return after > 0 and after % self.thin == 0

    def within(self, limit):
        """Shrink to at most `limit` sweeps, in proportion, with one draw at least."""
        if limit >= self.n_sweeps:
            return self
        n_tune = limit * self.n_tune // self.n_sweeps
        thin = min(self.thin, max(limit - n_tune, 1))
        return Schedule(n_tune, max((limit - n_tune) // thin, 1), thin)


class Walk:
    """One chain and what it left behind.

    Parameters
    ----------
    chain : object
        With ``sweep()`` and the attributes named in `scalars`.
    schedule : Schedule
    scalars : dict of str to str
        What to note after every sweep: its name, and the attribute of the chain; entry 0 is the start.
    keep : callable
        ``keep(chain) -> record`` of a draw.

    Attributes
    ----------
    trace : dict of str to (sweeps + 1,) list
    draws : list
        One record for each draw.
    kept : list of int
        The sweeps they come from; the first is 1.
    failure : Exception or None
        Why the chain stopped.
    """

    def __init__(self, chain, schedule, scalars, keep):
        self.chain, self.schedule, self._keep = chain, schedule, keep
        self._scalars = scalars
        self.trace = {name: [getattr(chain, attribute)] for name, attribute in scalars.items()}
        self.draws: list[Any] = []
        self.kept: list[int] = []
        self.failure = None
        self._lock, self._leave = Lock(), False

    @property
    def n_sweeps(self):
        """Sweeps noted so far."""
        return len(next(iter(self.trace.values()))) - 1

    def advance(self, n_sweeps, failures):
        """Run some sweeps; one of the errors in `failures` ends this chain alone."""
        with self._lock:
            for _ in range(n_sweeps):
                if self._leave:
                    return
                try:
                    self.chain.sweep()
                except failures as error:
                    self.failure = error
                    return
                self._note()

    def _note(self):
        for name, attribute in self._scalars.items():
            self.trace[name].append(getattr(self.chain, attribute))
        if self.schedule.keeps(self.n_sweeps):
            self.keep()

    def keep(self):
        """Make the present state a draw."""
        self.draws.append(self._keep(self.chain))
        self.kept.append(self.n_sweeps)

    def leave(self):
        """End after the sweep under way, and wait for that."""
        self._leave = True
        with self._lock:
            pass


class _Terms(NamedTuple):
    """How a run is carried out, and what it tells."""

    threads: int
    failures: tuple  # of exception types: what ends a single chain
    objective: str  # scalars by name
    extras: tuple


def run(walks, n_sweeps, monitor, *, n_jobs=None, failures=(), objective, extras=()):
    """Advance all chains together, round by round.

    The draws of a chain depend on its own generator alone, hence neither on `n_jobs` nor on the size of rounds.

    Parameters
    ----------
    walks : list of Walk
        New, or all so far on their way that they have done the same number of sweeps.
    n_sweeps : int
        For every chain, those already done included.
    monitor : Monitor
        Gets the mean over chains of the scalar named `objective`, and of those named in `extras`, for every sweep.
    n_jobs : int or None
        Threads, as joblib counts them. Kernels release the interpreter lock.
    failures : tuple of exception types
        What ends a single chain.
    """
    from joblib import Parallel, effective_n_jobs

    terms = _Terms(min(effective_n_jobs(n_jobs), len(walks)), failures, objective, extras)
    monitor.extend(**_means(walks, 0, walks[0].n_sweeps + 1, terms))
    try:
        with Parallel(n_jobs=terms.threads, require="sharedmem") as pool:
            _rounds(walks, n_sweeps, monitor, pool, terms)
    except BaseException:
        for walk in walks:
            walk.leave()
        raise


def _rounds(walks, n_sweeps, monitor, pool, terms):
    from joblib import delayed

    done, size = walks[0].n_sweeps, 1
    while done < n_sweeps:
        size = min(size, n_sweeps - done)
        began = perf_counter()
        going = [walk for walk in walks if walk.failure is None]
        if terms.threads == 1:
            for walk in going:
                walk.advance(size, terms.failures)
        else:
            pool(delayed(walk.advance)(size, terms.failures) for walk in going)
        going = [walk for walk in going if walk.failure is None]
        if not going or not monitor.extend(**_means(going, done + 1, done + 1 + size, terms)):
            return
        done += size
        spent = max(perf_counter() - began, 1e-6)
        aim = _ROUND if terms.threads == 1 else _ROUND_THREADS
        # At most doubled: the first sweeps load compiled code and say little about those that follow.
        size = int(np.clip(size * aim / spent, 1, 2 * size))


def _means(walks, first, last, terms):
    """Means over chains of the sweeps from `first` up to `last`."""
    names = (terms.objective, *terms.extras)
    columns = {
        name: np.mean([walk.trace[name][first:last] for walk in walks], axis=0) for name in names
    }
    return {"objectives": columns.pop(terms.objective), **columns}
