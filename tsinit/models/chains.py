"""Chains of a sampler side by side: in rounds, so that a budget, a progress bar and Ctrl-C find their moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from joblib import Parallel

    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor

#: Seconds that a round should take: short beside a user's patience, long beside the cost of handing out work.
_ROUND, _ROUND_THREADS = 0.02, 0.2

#: Exception types that end a single chain.
Failures = tuple[type[Exception], ...]
#: Makes a record of the present state of a chain.
Recorder = Callable[[Any], Any]


class SamplerChain(Protocol):
    """A Markov chain; besides this method it has the attributes that are traced."""

    def sweep(self) -> None:
        """Redraw everything once."""


class ChainSchedule(NamedTuple):
    """Which sweeps of a chain are kept as draws."""

    n_tune: int
    n_draws: int
    thin: int

    @property
    def n_sweeps(self) -> int:
        """Sweeps in all."""
        return self.n_tune + self.n_draws * self.thin

    def is_draw(self, sweep: int) -> bool:
        """Whether sweep number `sweep`, from 1, is a draw."""
        after = sweep - self.n_tune
        return after > 0 and after % self.thin == 0

    def within(self, limit: int) -> ChainSchedule:
        """Shrink to at most `limit` sweeps, in proportion, with one draw at least."""
        if limit >= self.n_sweeps:
            return self
        n_tune = limit * self.n_tune // self.n_sweeps
        thin = min(self.thin, max(limit - n_tune, 1))
        return ChainSchedule(n_tune, max((limit - n_tune) // thin, 1), thin)


class ChainRun:
    """The run of one chain: its trace and its draws so far.

    Parameters
    ----------
    chain : SamplerChain
        With the attributes named in `scalars`.
    schedule : ChainSchedule
    scalars : dict of str to str
        What to trace after every sweep: its name, and the attribute of the chain; entry 0 is the start.
    recorder : callable or None
        ``recorder(chain) -> record`` of a draw; None where it is set before the first draw.

    Attributes
    ----------
    trace : dict of str to (sweeps + 1,) list
    draws : list
        One record for each draw.
    draw_sweeps : list of int
        The sweeps they come from; the first is 1.
    failure : Exception or None
        Why the chain stopped.
    """

    def __init__(
        self,
        chain: SamplerChain,
        schedule: ChainSchedule,
        scalars: Mapping[str, str],
        recorder: Recorder | None,
    ) -> None:
        self.chain, self.schedule, self.recorder = chain, schedule, recorder
        self._scalars = scalars
        self.trace: dict[str, list[Any]] = {
            name: [getattr(chain, attribute)] for name, attribute in scalars.items()
        }
        self.draws: list[Any] = []
        self.draw_sweeps: list[int] = []
        self.failure: Exception | None = None
        self._lock, self._stopping = Lock(), False

    @property
    def n_sweeps(self) -> int:
        """Sweeps traced so far."""
        return len(next(iter(self.trace.values()))) - 1

    def advance(self, n_sweeps: int, failures: Failures) -> None:
        """Run some sweeps; one of the errors in `failures` ends this chain alone."""
        with self._lock:
            for _ in range(n_sweeps):
                if self._stopping:
                    return
                try:
                    self.chain.sweep()
                except failures as error:
                    self.failure = error
                    return
                for name, attribute in self._scalars.items():
                    self.trace[name].append(getattr(self.chain, attribute))
                if self.schedule.is_draw(self.n_sweeps):
                    self.record_draw()

    def record_draw(self) -> None:
        """Make the present state a draw."""
        assert self.recorder is not None
        self.draws.append(self.recorder(self.chain))
        self.draw_sweeps.append(self.n_sweeps)

    def stop(self) -> None:
        """End after the sweep under way, and wait for that."""
        self._stopping = True
        with self._lock:
            pass


class _RoundSettings(NamedTuple):
    """How rounds are carried out, and which scalars the monitor gets."""

    n_threads: int
    failures: Failures
    objective: str
    extras: tuple[str, ...]


def run_chains(
    runs: Sequence[ChainRun],
    n_sweeps: int,
    monitor: Monitor,
    *,
    n_jobs: int | None = None,
    failures: Failures = (),
    objective: str,
    extras: tuple[str, ...] = (),
) -> None:
    """Advance all chains together, round by round.

    The draws of a chain depend on its own generator alone, hence neither on `n_jobs` nor on the size of rounds.

    Parameters
    ----------
    runs : sequence of ChainRun
        New, or all after the same number of sweeps.
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

    settings = _RoundSettings(min(effective_n_jobs(n_jobs), len(runs)), failures, objective, extras)
    monitor.extend(**_means(runs, 0, runs[0].n_sweeps + 1, settings))
    try:
        with Parallel(n_jobs=settings.n_threads, require="sharedmem") as pool:
            _run_rounds(runs, n_sweeps, monitor, pool, settings)
    except BaseException:
        for run in runs:
            run.stop()
        raise


def _run_rounds(
    runs: Sequence[ChainRun],
    n_sweeps: int,
    monitor: Monitor,
    pool: Parallel,
    settings: _RoundSettings,
) -> None:
    from joblib import delayed

    done, size = runs[0].n_sweeps, 1
    while done < n_sweeps:
        size = min(size, n_sweeps - done)
        began = perf_counter()
        active = [run for run in runs if run.failure is None]
        if settings.n_threads == 1:
            for run in active:
                run.advance(size, settings.failures)
        else:
            pool(delayed(run.advance)(size, settings.failures) for run in active)
        active = [run for run in active if run.failure is None]
        if not active or not monitor.extend(**_means(active, done + 1, done + 1 + size, settings)):
            return
        done += size
        spent = max(perf_counter() - began, 1e-6)
        target = _ROUND if settings.n_threads == 1 else _ROUND_THREADS
        # At most doubled: the first sweeps load compiled code and say little about those that follow.
        size = int(np.clip(size * target / spent, 1, 2 * size))


def _means(
    runs: Sequence[ChainRun], first: int, last: int, settings: _RoundSettings
) -> dict[str, FloatArray]:
    """Means over chains of the sweeps from `first` up to `last`."""
    names = (settings.objective, *settings.extras)
    columns = {
        name: np.mean([run.trace[name][first:last] for run in runs], axis=0) for name in names
    }
    return {"objectives": columns.pop(settings.objective), **columns}
