"""Running the tasks: warm first, then in parallel, results as they come."""

import contextlib
import os
import uuid
import warnings
from collections.abc import Iterable, Iterator

import joblib
from joblib.parallel import get_active_backend
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tsinit.comparison.plan import Task
from tsinit.comparison.worker import Outcome, execute, warm_up
from tsinit.models.interrupt import interruptible


def run_tasks(tasks: list[Task], n_jobs=None, progress=True) -> list[Outcome]:
    """Carry out tasks and return their outcomes in the order of the tasks.

    Parameters
    ----------
    tasks : list of Task
    n_jobs : int or None
        As joblib has it; an enclosing ``joblib.parallel_config`` is honoured.
    progress : bool
        Show a bar with the runs done and failed.
    """
    comparison = uuid.uuid4().hex
    done = {}
    # Threads and warnings belong to the whole process: set here once, for every run in this process. One BLAS
    # thread also keeps sums in one order, so that the table does not depend on n_jobs.
    with threadpool_limits(1), warnings.catch_warnings(), interruptible(), _bar(len(tasks), progress) as bar:
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        _warm_models(tasks, comparison)
        bar.set_description("compare", refresh=False)
        bar.reset()  # the time left is for runs, not for the compiler
        failed = 0
        with _stream(tasks, comparison, n_jobs) as outcomes:
            for outcome in outcomes:
                done[outcome.run_id] = outcome
                failed += outcome.status in ("error", "diverged")
                bar.set_postfix(failed=failed, refresh=False)
                bar.update()
    return [done[task.run_id] for task in tasks]


def _warm_models(tasks, comparison):
    """Compile everything once before a worker starts; else all workers would compile the same."""
    met = set()
    for task in tasks:
        if (task.model, task.strategy) not in met:
            met.add((task.model, task.strategy))
            warm_up(task, comparison)


@contextlib.contextmanager
def _stream(tasks, comparison, n_jobs) -> Iterator[Iterable[Outcome]]:
    """Outcomes as they come; leaving early (Ctrl-C) stops the workers."""
    with _one_thread_each():
        # "list" where the backend cannot hand out single results (Ray).
        return_as = "generator_unordered" if _backend().supports_return_generator else "list"
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as=return_as)
    outcomes = parallel(joblib.delayed(execute)(task, comparison, os.getpid()) for task in tasks)
    try:
        yield outcomes
    finally:
        if return_as != "list":
            outcomes.close()


@contextlib.contextmanager
def _one_thread_each():
    """Start worker processes on one thread; only loky can be told, and a user's own number stands."""
    backend = _backend()
    told = getattr(backend, "inner_max_num_threads", None) is not None
    if type(backend).__name__ != "LokyBackend" or told:
        yield
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield


def _backend():
    return get_active_backend()[0]


@contextlib.contextmanager
def _bar(total, progress):
    """A tqdm bar of the runs done and failed."""
    if progress:
        from tqdm.auto import tqdm
    else:  # the notebook's bar would ask for widgets even where it is not shown
        from tqdm import tqdm

    with tqdm(total=total, disable=not progress, desc="compiling", unit="run") as bar:
        yield bar
