"""One fit of one order: EM from several starts, or from the winner of a race; the best is kept."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsinit import _validate
from tsinit.init.race import Race
from tsinit.init.registry import resolve, strategy_of
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.kernels._threads import side_by_side
from tsinit.models.em_race import run_race
from tsinit.models.em_run import EMRace, RunClock
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.fit_data import EMFit, StateSpaceData
from tsinit.models.state_space.m_step import EMState
from tsinit.models.state_space.one_start import fit_from, iterate
from tsinit.models.state_space.starts import different_starts, propose_start

if TYPE_CHECKING:
    from tsinit.init.registry import ResolvedStrategy
    from tsinit.models.em_run import EMStates
    from tsinit.models.race import RaceEntry

#: Multiplications of an E-step, roughly, from which runs gain by threads. Below, most of a step is Python, of which one
#: thread runs at a time: two took 1.3 to 1.5 times as long as one (150 to 600 rows, four states).
_WORTH_THREADS = 3e6


def fit_order(
    data: StateSpaceData, n_states: int, seed: np.random.SeedSequence, monitor: Monitor
) -> EMFit:
    """Fit one order from `n_init` starts and keep the best fit."""
    options, kalman = data.options, data.kalman(n_states)
    race = strategy_of(options.init, Race)
    if race is not None:
        return _fit_by_race(data, kalman, race, seed, monitor)
    strategy = resolve(options.init, "dynamics")
    monitor.start()
    starts = different_starts(data, kalman, strategy, seed)
    monitor.run()
    results = _run_side_by_side(data, kalman, starts, strategy.label, monitor)
    monitor.timed_out = monitor.out_of_time()
    monitor.stop()
    fits = [fit for fit, _ in results if fit is not None]
    if not fits:
        raise _validate.unusable_start(next((why for _, why in results if why), None))
    # The first of several that are as good.
    best = max(fits, key=lambda fit: options.selection_score(fit.log_likelihood, fit.objective))
    if monitor.callback is not None and options.n_threads > 1:
        monitor.callback(len(best.trace[0]) - 1, best.trace[0][-1])
    return best


def _run_side_by_side(
    data: StateSpaceData,
    kalman: Kalman,
    starts: list[LinearGaussianParams],
    label: str,
    monitor: Monitor,
) -> list[tuple[EMFit | None, str | None]]:
    """Fit from every start, as many at a time as there may be threads: pairs as of `fit_from`, with traces."""
    n_threads, alone = _n_threads(data, kalman), len(starts) == 1
    at_once = min(n_threads, len(starts))
    max_iter, stopping = monitor.max_iter(data.options.max_iter), threading.Event()
    finished: list[None] = []

    def run(start: LinearGaussianParams) -> tuple[EMFit | None, str | None]:
        if monitor.out_of_time() and finished:
            return None, None
        # Each has memory of its own, and none inherits what another has met.
        own = kalman if alone else kalman.sibling()
        own.n_threads = max(n_threads // at_once, 1)
        clock = RunClock(monitor, stopping)
        clock.shift, clock.callback = data.shift, monitor.callback
        clock.resume()
        fit, why_not = fit_from(data, own, start, label, clock, max_iter)
        finished.append(None)
        if fit is not None:
            fit = fit._replace(trace=(clock.objectives, clock.seconds))
        return fit, why_not

    return side_by_side([partial(run, start) for start in starts], n_threads, stopping.set)


def _fit_by_race(
    data: StateSpaceData, kalman: Kalman, race: Race, seed: np.random.SeedSequence, monitor: Monitor
) -> EMFit:
    """Fit one order from the start that wins a race."""
    options = data.options
    max_iter = monitor.max_iter(options.max_iter)

    def propose(strategy: ResolvedStrategy, rng: np.random.Generator) -> LinearGaussianParams:
        return propose_start(data, kalman, strategy, rng)

    # Many sequences keep the threads busy already, without the memory of several runs.
    n_threads = 1 if kalman.is_cut else _n_threads(data, kalman)

    def begin(entry: RaceEntry, clock: Monitor) -> EMStates:
        own = kalman.sibling(own_memory=n_threads > 1)
        own.n_threads = options.n_threads if kalman.is_cut else 1
        return iterate(data, own, entry.start, entry.label, clock, max_iter)

    def selection_score(state: EMState) -> float:
        return options.selection_score(state.smoothed.log_likelihood, state.objective)

    work = _work(data, kalman) * max_iter * options.n_init
    contest = EMRace(
        "dynamics", propose, begin, selection_score, max_iter, options.n_init, data.shift, work, n_threads
    )  # fmt: skip
    return run_race(race, contest, seed, monitor)


def _n_threads(data: StateSpaceData, kalman: Kalman) -> int:
    """How many threads the runs of a fit may have; the size of the problem decides, and no clock."""
    is_worth = kalman.is_cut or _work(data, kalman) >= _WORTH_THREADS
    return data.options.n_threads if is_worth else 1


def _work(data: StateSpaceData, kalman: Kalman) -> float:
    """Multiplications of an E-step, roughly."""
    (T, D), n = data.z.shape, kalman.n_states
    return float(T) * (n * n * (n + D) + 20)
