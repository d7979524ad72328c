"""One run, in whatever process it lands: warm up, fit, score; every failure becomes a row."""

import functools
import math
import os
import platform
import traceback
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from tsinit import __version__
from tsinit.comparison.plan import identity
from tsinit.comparison.run.convergence import mixed_after, scalars
from tsinit.models.monitor import Budget, Monitor

#: An EM step may lose this share of the objective to rounding and still count as monotone.
_ROUNDING = 1e-8
_TRACEBACK_LINES = 12
#: The kind of error of a run that took its process with it.
KILLED = "WorkerKilled"

_warm: set[tuple] = set()  # cells this process has met, so that no clock ever sees a compiler
_prepared: set[int] = set()  # this process, once it works on one thread


class RunResult(NamedTuple):
    """What one run came to."""

    run_id: str
    status: str
    error_type: str
    error_message: str
    error_trace: str
    n_iter: int | None
    converged: bool | None
    init_seconds: float
    fit_seconds: float
    objectives: list[float]
    seconds: list[float]
    final: float  # the last objective, or what a sampler's draws come to
    extras: dict[str, list[float]]  # what else every iteration told
    sampler: dict[str, float]  # what a sampler says of its draws
    scores: dict[str, float]
    start: str | None  # fingerprint of the starting point
    versions: str  # of what computed it


def execute(task, comparison, parent):
    """Carry out one task in this process.

    Parameters
    ----------
    task : Task
    comparison : str
        Key of the comparison the task belongs to: a warm-up counts for one comparison.
    parent : str
        Name of the process that called ``compare``, which takes care of its own threads and warnings.

    Returns
    -------
    RunResult
    """
    _prepare_process(parent)
    warm_up(task, comparison)
    monitor = Monitor(task.budget)
    estimator, failure, scores, flaw, sampler = None, None, {}, None, {}
    try:
        estimator = fit(task, monitor)
        sampler = {name: float(value) for name, value in _sampler_summary(estimator).items()}
    except Exception as error:  # whatever a model or a strategy does wrong is a row of the table
        failure = error
    if failure is None and math.isfinite(_end(monitor)):
        scores, flaw = task.scoring.of(estimator, task.data)
    status = _status(monitor, failure, getattr(estimator, "converged_", None))
    return _result(task, monitor, estimator, status, failure or flaw, scores, sampler)


def killed(task, times):
    """Say of a run that the process died which carried it out.

    Parameters
    ----------
    task : Task
    times : int
        How often.

    Returns
    -------
    RunResult
    """
    text = f"the process that carried it out was killed each of {times} times; was there memory enough?"
    nothing = math.nan
    return RunResult(
        task.run_id, "error", KILLED, text, "", None, None, nothing, nothing, [], [], nothing, {}, {}, {}, None,
        versions(),
    )  # fmt: skip


def here():
    """Name this process among those of all machines that take part."""
    return f"{platform.node()}:{os.getpid()}"


@functools.cache
def versions():
    """Name the versions that compute here: Python, tsinit, NumPy, Numba."""
    import numba

    python = platform.python_version()
    return (
        f"python {python}, tsinit {__version__}, numpy {np.__version__}, numba {numba.__version__}"
    )


def fit(task, monitor):
    """Fit the model of a task from its start and seed; the fitted estimator comes back."""
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    settings = task.estimator.get_params(deep=False)
    # Runs share the cores among them: chains that ran side by side within one would be timed against each other.
    quiet = {name: value for name, value in (("verbose", 0), ("n_jobs", 1)) if name in settings}
    estimator = clone(task.estimator).set_params(init=task.init, random_state=seed, **quiet)
    estimator.fit_under(monitor, task.data.X)
    return estimator


def warm_up(task, comparison):
    """Fit once, briefly, the first time a process meets a kind of run.

    Loading compiled code takes as long as a short fit: a first run would look slower than its start is. The
    result is thrown away, and so is an error, which the run itself will meet again.
    """
    key = (comparison, *task.cell)
    if key in _warm:
        return
    _warm.add(key)
    seconds = None if task.budget is None else task.budget.seconds
    try:
        fit(task, Monitor(Budget(max_iter=1, seconds=seconds)))
    except Exception:
        return


def _prepare_process(parent):
    """Give a worker process one thread, and let the status column say what a warning would."""
    if here() == parent or os.getpid() in _prepared:
        return
    _prepared.add(os.getpid())
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    warnings.filterwarnings("ignore", category=ConvergenceWarning)


def _result(task, monitor, estimator, status, problem, scores, sampler):
    trace = [float(value) for value in monitor.objectives]
    # A start or a run that broke off never closed its clock.
    fit_seconds = monitor.fit_seconds or _last(monitor.seconds, 0.0)
    kind = message = tail = ""
    if problem is not None:
        kind, message = type(problem).__name__, str(problem)
        lines = traceback.format_exception(problem)
        tail = "\n".join("".join(lines).rstrip().splitlines()[-_TRACEBACK_LINES:])
    converged = getattr(estimator, "converged_", None)
    if status == "diverged":
        kind, message = (
            "NonFiniteObjective",
            f"the objective became {_end(monitor)} at iteration {len(trace) - 1}",
        )
    return RunResult(
        task.run_id,
        status,
        kind,
        message,
        tail,
        None if (n_iter := getattr(estimator, "n_iter_", None)) is None else int(n_iter),
        None if converged is None else bool(converged),
        monitor.init_seconds,
        fit_seconds,
        trace,
        [float(s) for s in monitor.seconds],
        _end(monitor),
        {name: [float(value) for value in values] for name, values in monitor.extras.items()},
        sampler,
        scores,
        identity.fingerprint(estimator.start_) if hasattr(estimator, "start_") else None,
        versions(),
    )


def _status(monitor, failure, converged):
    """Say how the fit went, whatever its scores did."""
    if failure is not None:
        return "error"
    if not math.isfinite(_end(monitor)):
        return "diverged"
    if monitor.timed_out:
        return "timeout"
    return "ok" if converged else "not_converged"


def is_monotone(objectives):
    """Whether no iteration lost more than rounding.

    Parameters
    ----------
    objectives : (n_iter + 1,) float

    Returns
    -------
    bool
    """
    x = np.asarray(objectives, dtype=float)
    return bool(np.all(np.diff(x) >= -_ROUNDING * np.maximum(np.abs(x[1:]), 1.0)))


def _sampler_summary(estimator):
    """Ask a sampler how well its draws mix; other models have nothing to say."""
    tell = getattr(estimator, "sampler_summary", None)
    if tell is None:
        return {}
    mixed = mixed_after(scalars(estimator))
    return tell() | ({} if mixed is None else {"n_mixed": mixed})


def _end(monitor):
    """What a run comes to: its last objective, unless the model says otherwise; NaN where there is nothing."""
    return float(_last(monitor.objectives) if monitor.final is None else monitor.final)


def _last(values, default=math.nan):
    return values[-1] if values else default
