"""One run, in whatever process it lands: warm up, fit, score; every failure becomes a row."""

import contextlib
import copy
import functools
import math
import multiprocessing
import os
import platform
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import joblib
import numpy as np

from tsinit import __version__
from tsinit.adapters import starting
from tsinit.comparison.plan import identity
from tsinit.comparison.plan.tasks import Task
from tsinit.comparison.run.convergence import mixed_after, scalars
from tsinit.comparison.run.segmentation import segmentation_of
from tsinit.models.base import one_thread
from tsinit.models.monitor import Budget, Monitor
from tsinit.models.race import FAILURES, failure_of

#: The kind of error of a run that took its process with it.
KILLED = "WorkerKilled"
#: How often a process looks whether its parent is there.
_LOOK_SECONDS = 0.5

#: States of a run that ended nowhere.
_NO_END = ("error", "diverged")

_warm: set[tuple] = set()  # cells this process has met, so that no clock ever sees a compiler
_prepared: set[int] = set()  # this process, once it works on one thread


class RunResult(NamedTuple):
    """What one run came to, in plain values."""

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
    extras: dict[str, list[float]]  # what else was reported of every iteration
    sampler: dict[str, float]  # what a sampler reports of its draws
    scores: dict[str, float]
    start: str | None  # fingerprint of the starting point
    versions: str  # of what computed it
    segmentation: str | None = None  # states of the rows, packed; runs stored earlier have none


def execute(task: Task, comparison: str, parent: str) -> RunResult:
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
    with one_core():
        return _execute(task, comparison)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Hold a run to one core, whatever it calls: workers share the cores of a machine among them.

    BLAS and OpenMP have one thread, and ``n_jobs`` of anything that asks joblib for workers of its own (models,
    strategies, scores) comes to one, as in a process that runs alone, so that clocks can be compared.
    """
    with one_thread(), joblib.parallel_config(backend="sequential"):
        yield


def _execute(task: Task, comparison: str) -> RunResult:
    warm_up(task, comparison)
    monitor = Monitor(task.budget)
    estimator, failure, sampler = None, None, {}
    try:
        estimator = fit(task, monitor)
        if monitor.final is None:
            monitor.final = float(task.adapter.objective(estimator, task.data.X))
        _require_bounded(task, estimator)
        sampler = {name: float(value) for name, value in _sampler_summary(estimator).items()}
    except FAILURES as error:
        failure = error
    scores: dict[str, float] = {}
    score_failure = None
    if failure is None and math.isfinite(_final(monitor)):
        scores, score_failure = task.scoring.of(estimator, task.data, task.adapter)
    status = _status(monitor, failure, _converged(monitor, estimator))
    return _result(task, monitor, estimator, status, failure or score_failure, scores, sampler)


def killed(task: Task, times: int) -> RunResult:
    """Say of a run that the process died which carried it out, and how often."""
    text = f"the process that carried it out was killed each of {times} times; was there memory enough?"
    nothing = math.nan
    return RunResult(
        task.run_id, "error", KILLED, text, "", None, None, nothing, nothing, [], [], nothing, {}, {}, {}, None,
        versions(),
    )  # fmt: skip


def here() -> str:
    """Name this process among those of all machines that take part."""
    return f"{platform.node()}:{os.getpid()}"


@functools.cache
def versions() -> str:
    """Name the versions that compute here: Python, tsinit, NumPy, Numba."""
    import numba

    python = platform.python_version()
    return (
        f"python {python}, tsinit {__version__}, numpy {np.__version__}, numba {numba.__version__}"
    )


def fit(task: Task, monitor: Monitor) -> Any:
    """Fit the model of a task from its start and seed; the fitted estimator comes back."""
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    adapter, X = task.adapter, task.data.X
    inputs = task.data.inputs
    more = {} if inputs is None else {"inputs": inputs.fitted}
    # As in every worker, so that no sum depends on where it was computed; a warm-up too.
    with one_core():
        begun, start = starting.begin(adapter, task.estimator, task.init, X, seed)
        asked = None if start is None else copy.deepcopy(adapter.start_of(begun))
        fitted = adapter.run(begun, X, monitor, **more)
    starting.require_kept(adapter, asked, fitted)
    return fitted


def warm_up(task: Task, comparison: str) -> None:
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
    except FAILURES:
        return


def _prepare_process(parent: str) -> None:
    """Give a worker process one thread, and let the status column say what a warning would."""
    if here() == parent or os.getpid() in _prepared:
        return
    _prepared.add(os.getpid())
    from threadpoolctl import threadpool_limits

    _end_with(parent)
    threadpool_limits(1)
    ignore_convergence_warnings()


class _ByName(type):
    def __subclasscheck__(cls, kind: type) -> bool:
        return any(base.__name__ == "ConvergenceWarning" for base in kind.__mro__)


class AnyConvergenceWarning(Warning, metaclass=_ByName):
    """Stands for the class of this name in whatever library; they have no other base in common."""


def ignore_convergence_warnings() -> None:
    """Show none: what they would say of a run is in its row, as ``status`` and ``converged``."""
    warnings.filterwarnings("ignore", category=AnyConvergenceWarning)


def _end_with(caller: str) -> None:
    """End this process when the one ends that called ``compare`` and began it, however that ends.

    A process of joblib waits for more work, and finishes what it has, long after nobody is there to take the result.
    Processes of a cluster have keepers of their own, and are no children of the caller.
    """
    node, _, pid = caller.rpartition(":")
    if node != platform.node():
        return
    if os.getppid() == int(pid):
        threading.Thread(target=_wait_for_end_of, args=(int(pid),), daemon=True).start()
    elif type(multiprocessing.current_process()).__name__ == "LokyProcess":
        os._exit(1)  # it has ended already, while this one began


def _wait_for_end_of(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _result(
    task: Task,
    monitor: Monitor,
    estimator: Any,
    status: str,
    problem: BaseException | None,
    scores: dict[str, float],
    sampler: dict[str, float],
) -> RunResult:
    trace = [float(value) for value in monitor.objectives]
    kind, message, tail = ("", "", "") if problem is None else failure_of(problem)
    if status == "diverged" and problem is None:
        kind = "NonFiniteObjective"
        message = f"the objective became {_final(monitor)} at iteration {len(trace) - 1}"
    # A lone surrogate is in no file; what a model says of itself may hold one.
    kind, message, tail = (
        text.encode(errors="backslashreplace").decode() for text in (kind, message, tail)
    )
    n_iter = getattr(estimator, "n_iter_", None)
    n_iter = monitor.n_iter if n_iter is None else n_iter
    converged = _converged(monitor, estimator)
    start = None if estimator is None else task.adapter.start_of(estimator)
    return RunResult(
        run_id=task.run_id,
        status=status,
        error_type=kind,
        error_message=message,
        error_trace=tail,
        n_iter=None if n_iter is None else int(n_iter),
        converged=None if converged is None else bool(converged),
        init_seconds=monitor.init_seconds,
        # A start or a run that broke off never closed its clock, and so do programs that bring their own loop.
        fit_seconds=monitor.fit_seconds or _last(monitor.seconds, 0.0),
        objectives=trace,
        seconds=[float(s) for s in monitor.seconds],
        final=_final(monitor),
        extras={
            name: [float(value) for value in values] for name, values in monitor.extras.items()
        },
        sampler=sampler,
        scores=scores,
        start=None if start is None else _print_of(start),
        versions=versions() + _library(task),
        segmentation=None if status in _NO_END else segmentation_of(task, estimator),
    )


def _converged(monitor: Monitor, estimator: Any) -> Any:
    """What the program that ran said of its end, else what the model has."""
    said = monitor.converged
    return getattr(estimator, "converged_", None) if said is None else said


def _library(task: Task) -> str:
    """Name the library of a model and its version, where that is another."""
    about = task.adapter.describe(task.estimator)
    return "" if about["library"] == "tsinit" else f", {about['library']} {about['version']}"


class UnboundedObjective(ArithmeticError):
    """A run came to where its objective has no maximum; what it ends with says nothing."""


def _require_bounded(task: Task, estimator: Any) -> None:
    """Ask the adapter whether a fit has run away, as a variance on rows that are alike does."""
    why = getattr(task.adapter, "runaway", None)
    text = "" if why is None else why(estimator, task.data.X)
    if text:
        raise UnboundedObjective(text)


def _print_of(start: Any) -> str | None:
    """Name a start by its content; None where two that differ could get the same name."""
    key, unknown = identity.identify(start)
    return None if unknown else key


def _status(monitor: Monitor, failure: BaseException | None, converged: bool | None) -> str:
    """Say how the fit went, whatever its scores did."""
    if isinstance(failure, UnboundedObjective):
        return "diverged"
    if failure is not None:
        return "error"
    if not math.isfinite(_final(monitor)):
        return "diverged"
    if monitor.timed_out:
        return "timeout"
    return "ok" if converged else "not_converged"


def _sampler_summary(estimator: Any) -> dict[str, float]:
    """Ask a sampler how well its draws mix; of other models there is nothing to report."""
    report = getattr(estimator, "sampler_summary", None)
    if report is None:
        return {}
    mixed = mixed_after(scalars(estimator))
    return report() | ({} if mixed is None else {"n_mixed": mixed})


def _final(monitor: Monitor) -> float:
    """What a run comes to: its last objective, unless the model says otherwise; NaN where there is nothing."""
    return float(_last(monitor.objectives, math.nan) if monitor.final is None else monitor.final)


def _last(values: list[float], default: float) -> float:
    return values[-1] if values else default
