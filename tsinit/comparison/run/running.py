"""Running the tasks: what is in the store first, then warm, then in parallel, results as they come."""

import contextlib
import uuid
import warnings

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tsinit._validate import check_jobs
from tsinit.comparison.plan.tasks import Task
from tsinit.comparison.run.pool import carry_out
from tsinit.comparison.run.store import Store
from tsinit.comparison.run.worker import KILLED, Outcome, warm_up
from tsinit.models.interrupt import interruptible


def run_tasks(
    tasks: list[Task], n_jobs=None, progress=True, store: Store | None = None
) -> list[Outcome]:
    """Carry out tasks and return their outcomes in the order of the tasks.

    Parameters
    ----------
    tasks : list of Task
    n_jobs : int or None
        As joblib has it; an enclosing ``joblib.parallel_config`` is honoured.
    progress : bool
        Show a bar with the runs done and failed.
    store : Store or None
        Where finished runs are found, and kept as soon as they are known.
    """
    comparison, n_jobs = uuid.uuid4().hex, check_jobs(n_jobs)
    done = {} if store is None else store.load([task.run_id for task in tasks])
    left = [task for task in tasks if task.run_id not in done]
    # Threads and warnings belong to the whole process: set here once, for every run in this process. One BLAS
    # thread also keeps sums in one order, so that the table does not depend on n_jobs.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(),
        interruptible(),
        _bar(len(tasks), progress) as bar,
    ):
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        _warm_models(left, comparison)
        bar.set_description("compare", refresh=False)
        bar.reset()  # the time left is for runs, not for the compiler or those in the store
        bar.n = bar.initial = len(done)
        bar.refresh()
        failed = 0
        with contextlib.closing(carry_out(left, comparison, n_jobs)) as outcomes:
            for outcome in outcomes:
                done[outcome.run_id] = outcome
                # Who kills a process is not in the seeds: the next call may try again.
                if store is not None and outcome.error_type != KILLED:
                    store.save(outcome)
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
def _bar(total, progress):
    """A tqdm bar of the runs done and failed."""
    if progress:
        from tqdm.auto import tqdm
    else:  # the notebook's bar would ask for widgets even where it is not shown
        from tqdm import tqdm

    with tqdm(total=total, disable=not progress, desc="compiling", unit="run") as bar:
        yield bar
