"""Running the tasks: what is in the store first, then warm, then in parallel by joblib, results as they come.

A process that dies costs its own runs a second try, and no other.
"""

import contextlib
import itertools
import uuid
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import joblib
from joblib.externals.loky.backend.reduction import dumps
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

from tsinit._interrupt import interruptible
from tsinit._validate import check_jobs
from tsinit.comparison.plan.tasks import Task
from tsinit.comparison.run import cluster
from tsinit.comparison.run.store import RunStore
from tsinit.comparison.run.worker import (
    KILLED,
    RunResult,
    execute,
    here,
    ignore_convergence_warnings,
    killed,
    warm_up,
)
from tsinit.models.progress import progress_bar

#: Runs whose process died this often are called killed; the last try they have alone, with all the memory.
_MAX_DEATHS = 2
#: Runs for each worker in one portion, where a backend gives results all at once.
_PORTION = 4
#: What the backends raise when a process is gone: loky and the standard library, Ray.
_DEATHS = {"BrokenExecutor", "WorkerCrashedError", "RayActorError"}


def run_tasks(
    tasks: list[Task],
    n_jobs: Any = None,
    progress: bool = True,
    store: RunStore | None = None,
) -> list[RunResult]:
    """Carry out tasks and return their results in the order of the tasks.

    Parameters
    ----------
    tasks : list of Task
    n_jobs : int or None
        As joblib has it; an enclosing ``joblib.parallel_config`` is honoured.
    progress : bool
        Show a bar with the runs done and failed.
    store : RunStore or None
        Where finished runs are found, and kept as soon as they are known.

    Raises
    ------
    TypeError
        What a run needs cannot be sent to another process, and some would be.
    """
    comparison, n_jobs = uuid.uuid4().hex, check_jobs(n_jobs)
    known = {task.run_id for task in tasks if not task.unknown}
    done = {} if store is None else store.load(known)
    left = [task for task in tasks if task.run_id not in done]
    _require_portable(left, n_jobs)
    # Threads and warnings belong to the whole process: set here once, for every run in this process. One BLAS
    # thread also keeps sums in one order, so that the table does not depend on n_jobs.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
        interruptible(),
        progress_bar(len(tasks), "compiling", "run", progress) as bar,
    ):
        ignore_convergence_warnings()
        _warm_models(left, comparison)
        bar.set_description("compare", refresh=False)
        bar.reset()  # the time left is for runs, not for the compiler or those in the store
        bar.n = bar.initial = len(done)
        bar.refresh()
        failed = 0
        with contextlib.closing(carry_out(left, comparison, n_jobs)) as results:
            for result in results:
                done[result.run_id] = result
                # Who kills a process is not in the seeds: the next call may try again.
                if store is not None and result.run_id in known and result.error_type != KILLED:
                    store.save(result)
                failed += result.status in ("error", "diverged")
                bar.set_postfix(failed=failed, refresh=False)
                bar.update()
    if store is not None:
        store.warn_of_refused()
    return [done[task.run_id] for task in tasks]


def _require_portable(tasks: list[Task], n_jobs: int | None) -> None:
    """Refuse what cannot be sent to other processes of this machine; joblib would give up half-way, naming nothing."""
    if type(_backend()).__name__ != "LokyBackend" or joblib.effective_n_jobs(n_jobs) == 1:
        return
    needed = {("score", ""): tasks[0].scoring} if tasks else {}
    for task in tasks:
        needed |= {("strategies", task.strategy): task.init, ("model", task.model): task.estimator}
    for (argument, name), value in needed.items():
        try:
            dumps(value)
        except Exception as error:  # whatever an object of the user does when it is asked
            what = f"{argument} {name!r}" if name else argument
            raise TypeError(
                f"{what} must be something that can be sent to other processes where n_jobs is not 1; got "
                f"{type(error).__name__}: {str(error).rstrip('.')}. Use n_jobs=1."
            ) from None


def carry_out(
    tasks: list[Task], comparison: str, n_jobs: int | None = None
) -> Generator[RunResult]:
    """Yield the results of tasks as they come.

    Where a process dies (out of memory, for one), the runs under way are tried again after all others, each alone, so
    that it is known whose fault it was.

    Parameters
    ----------
    tasks : list of Task
    comparison : str
        Key of the comparison, for the workers.
    n_jobs : int or None
        As joblib has it.
    """
    if type(_backend()).__name__ == "DaskDistributedBackend":
        yield from cluster.carry_out(_backend().client, tasks, comparison, here())
        return
    n_jobs = _all_of_ray(n_jobs)
    left = {task.run_id: task for task in tasks}
    deaths: Counter[str] = Counter()
    while left:
        calm = [task for task in left.values() if deaths[task.run_id] < _MAX_DEATHS - 1]
        batch = calm or list(left.values())[:1]
        handed: dict[str, Task] = {}
        try:
            with _stream(
                _noted(batch, handed), comparison, n_jobs if calm else _alone(n_jobs)
            ) as results:
                for result in results:
                    del left[result.run_id]
                    yield result
        except Exception as error:
            if not _is_death(error):
                raise
            for run_id in handed.keys() & left.keys():
                deaths[run_id] += 1
                if deaths[run_id] >= _MAX_DEATHS:
                    del left[run_id]
                    yield killed(handed[run_id], deaths[run_id])


def _all_of_ray(n_jobs: int | None) -> int | None:
    """Take all workers of a Ray cluster unless a number is given: joblib would take one, and that is this process."""
    backend, n_configured = get_active_backend()
    unset = n_jobs is None and n_configured is None
    return -1 if unset and type(backend).__name__ == "RayBackend" else n_jobs


def _noted(tasks: list[Task], handed: dict[str, Task]) -> Generator[Task]:
    """Note which tasks have been given to the workers."""
    for task in tasks:
        handed[task.run_id] = task
        yield task


def _alone(n_jobs: int | None) -> int | None:
    """Two workers for a single task: with one, joblib would run it in this process, and that must not die."""
    return 2 if n_jobs is not None else None


def _is_death(error: Exception) -> bool:
    return any(kind.__name__ in _DEATHS for kind in type(error).__mro__)


@contextlib.contextmanager
def _stream(
    tasks: Iterable[Task], comparison: str, n_jobs: int | None
) -> Generator[Generator[RunResult]]:
    """Outcomes as they come; leaving early (Ctrl-C) stops the workers."""
    with _one_thread_each():
        # "list" where the backend cannot hand out single results (Ray).
        return_as = "generator_unordered" if _backend().supports_return_generator else "list"
        # Runs one by one: each is kept as soon as it ends, and few are lost with a process.
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as=return_as, batch_size=1)
        at_once = _PORTION * joblib.effective_n_jobs(n_jobs)
    caller = here()
    calls = (joblib.delayed(execute)(task, comparison, caller) for task in tasks)
    results = _portions(parallel, calls, at_once) if return_as == "list" else parallel(calls)
    try:
        yield results
    finally:
        results.close()


def _portions(
    parallel: joblib.Parallel, calls: Iterator[Any], at_once: int
) -> Generator[RunResult]:
    """Carry out some calls at a time, so that results come before all is done."""
    while portion := list(itertools.islice(calls, at_once)):
        yield from parallel(portion)


@contextlib.contextmanager
def _one_thread_each() -> Generator[None]:
    """Start worker processes on one thread; only loky takes such a number, and a user's own stands."""
    backend = _backend()
    chosen = getattr(backend, "inner_max_num_threads", None) is not None
    if type(backend).__name__ != "LokyBackend" or chosen:
        yield
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield


def _backend() -> Any:
    return get_active_backend()[0]


def _warm_models(tasks: list[Task], comparison: str) -> None:
    """Compile everything once before a worker starts; else all workers would compile the same."""
    met: set[tuple[str, str]] = set()
    for task in tasks:
        if (task.model, task.strategy) not in met:
            met.add((task.model, task.strategy))
            warm_up(task, comparison)
