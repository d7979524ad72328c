"""Runs on a Dask cluster, for callers of ``joblib.parallel_config(backend="dask")``.

The runs go to the scheduler directly: joblib itself waits for ever for a task whose workers were killed (joblib 1.6,
``DaskDistributedBackend._collect`` calls nobody back on an error).
"""

import itertools
import uuid
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from tsinit.comparison.plan.data import Dataset
from tsinit.comparison.plan.identity import fingerprint
from tsinit.comparison.plan.tasks import Task
from tsinit.comparison.run.worker import RunResult, execute, killed

if TYPE_CHECKING:
    from distributed import Client, Future

#: Stands for the data of a task, which travel by themselves.
_NO_DATA = Dataset(None, {}, None, "")
#: Runs that wait at each thread of the cluster, so that none has to wait for the next.
_AHEAD = 2


def carry_out(
    client: "Client", tasks: list[Task], comparison: str, caller: str
) -> Generator[RunResult]:
    """Yield the results of tasks as they come.

    The scheduler retries what a lost worker was doing, and gives up on a run that has seen several workers die. Such
    a run is tried once more when nothing else is under way, so that no other run can be the one to blame.

    Parameters
    ----------
    client : distributed.Client
    tasks : list of Task
    comparison : str
        Key of the comparison, for the workers.
    caller : str
        Name of this process.
    """
    suspects = []
    for task, result in _flow(client, iter(tasks), comparison, caller, at_once=_n_at_once(client)):
        if result is None:
            suspects.append(task)
        else:
            yield result
    for task, result in _flow(client, iter(suspects), comparison, caller, at_once=1):
        yield killed(task, 2) if result is None else result


def _flow(
    client: "Client", tasks: Iterator[Task], comparison: str, caller: str, at_once: int
) -> Generator[tuple[Task, RunResult | None]]:
    """Keep some runs under way, and pair each with its result, None where its workers were killed."""
    from distributed import KilledWorker, as_completed

    data: dict[str, Future] = {}
    under_way: dict[Future, Task] = {}

    def submit(task: Task) -> "Future":
        name = f"{fingerprint(task.dataset, task.data.digest)}-{comparison}"
        # A task of its own, not a copy with every run; unlike scattered data it outlives the worker that holds it.
        if name not in data:
            data[name] = client.submit(_as_it_is, task.data, key=f"data-{name}", pure=False)
        key = f"run-{task.run_id}-{uuid.uuid4().hex}"
        future = client.submit(
            _execute,
            task._replace(data=_NO_DATA),
            data[name],
            comparison,
            caller,
            key=key,
            pure=False,
        )
        under_way[future] = task
        return future

    done = as_completed([submit(task) for task in itertools.islice(tasks, at_once)])
    try:
        for future in done:
            task, error = under_way.pop(future), future.exception()
            for following in itertools.islice(tasks, 1):
                done.add(submit(following))
            if error is not None and not isinstance(error, KilledWorker):
                raise error
            yield task, None if error is not None else future.result()
    finally:
        client.cancel(list(under_way))


def _n_at_once(client: "Client") -> int:
    return _AHEAD * max(sum(client.ncores().values()), 1)


def _as_it_is(data: Dataset) -> Dataset:
    return data


def _execute(task: Task, data: Dataset, comparison: str, caller: str) -> RunResult:
    return execute(task._replace(data=data), comparison, caller)
