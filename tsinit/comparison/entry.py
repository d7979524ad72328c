"""The function that users call."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from tsinit.comparison import result
from tsinit.comparison.analysis.tables import FAILED
from tsinit.comparison.plan import checks
from tsinit.comparison.plan.tasks import Task, make_plan
from tsinit.comparison.report.display import listed
from tsinit.comparison.run.pool import run_tasks
from tsinit.comparison.run.store import RunStore
from tsinit.init.registry import is_bundled

if TYPE_CHECKING:
    from tsinit._typing import StrPath
    from tsinit.models.monitor import Budget


def compare(
    model: Any,
    data: Any,
    strategies: Any,
    *,
    n_seeds: int = 10,
    seed: int | None = 0,
    score: dict[str, Callable[[Any, Any], float]] | None = None,
    test: Any = None,
    inputs: Any = None,
    truth: Any = None,
    budget: "Budget | None" = None,
    n_jobs: int | None = None,
    store: "StrPath | None" = None,
    progress: bool = True,
) -> result.Comparison:
    """Compare starting points of a model; to compare models, use ``arviz.compare``.

    Every strategy runs from the same seeds on the same data, so differences are paired; every run is kept with its
    trace, also when it fails. Nothing is timed before everything is compiled, in every process that takes part.

    Parameters
    ----------
    model : estimator or dict of str to estimator
        Its ``init`` and ``random_state`` are replaced, the rest is kept.
    data : X, (X, lengths), function, or dict of these
        A function without arguments is called once and returns ``X`` or ``(X, lengths)``.
    strategies : list or dict
        Names, strategies, functions or ready starts; a dict names them, a list is named by what it holds.
    n_seeds : int
        Replicates of each data set x model x strategy.
    seed : int or None
        Entropy of all seeds; None draws one, which the table records. Adding a strategy or a data set changes no
        earlier run: the key of a run holds a checksum of the data set's name, and its replicate.
    score : dict of str to function, optional
        ``{name: function(estimator, X) -> float}`` gives columns ``score_<name>``; None takes the model's own
        ``score``, if it has one, as column ``score``. A score that raises an error leaves NaN, the status of the
        fit, and the message in the row and in ``errors``. A function with a parameter ``inputs`` is given the known
        inputs of X, where there are some.
    test : float, X, or dict of X, optional
        A share holds out the tail of every sequence, in time order: the model is fitted to the head, and the
        score of the tail is column ``score_test``. A dict is keyed by data set, or for one data set by a name that
        ends the column's.
    inputs : table, list of tables, function, or dict of these by data set, optional
        Known inputs beside the data, in their form and complete, for models whose ``fit`` takes them. What `test` cuts
        off takes its inputs with it; a table given as `test` looks them up by its times in a DataFrame. They are part
        of what a run is known by. A dict may leave data sets out, which are then fitted without.
    truth : LinearGaussianParams, complete table, array of labels, or dict of these by data set, optional
        Labels (one for each row, of any kind, missing where unknown) give ``score_ari`` (adjusted Rand index of
        ``model.labels_``), for models of labels. Parameters give ``score_eigenvalue_error`` (mean distance of matched
        eigenvalues); a complete table gives, on the values that the data miss and it has, ``score_rmse`` (root mean
        square error of the filling), and of models that say how sure they are ``score_crps`` (continuous ranked
        probability score) and ``score_coverage`` (share of the values within their 95 % intervals).
    budget : Budget, optional
        Iterations and seconds of each run; a run out of time is kept with status ``timeout``.
    n_jobs : int, optional
        As joblib has it; an enclosing ``joblib.parallel_config`` is honoured, so that Dask or Ray take the runs to
        other machines. Each worker uses one thread. What is sent to other processes must be something that cloudpickle
        can pickle: functions and classes of your own are, locks and open files are not. Runs whose process was killed
        are tried again, and become rows with ``error_type`` ``WorkerKilled`` if that does not help.
    store : str or Path, optional
        A folder that keeps every run as soon as it has finished. The same call finds them there, whatever ended the
        last one, and computes the others only. Several processes and several comparisons may share a folder. Runs are
        known by their settings and data; of your own functions and classes the code counts, but not what they call
        elsewhere: begin a new folder when you change that. A strategy, model or score that holds something without an
        identity (a lock, a generator, an open file) is not kept, with a warning.
    progress : bool
        Show a bar with the runs done and failed.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError, TypeError
        An argument that cannot be used, before anything runs.

    Warns
    -----
    UserWarning
        Some runs failed or lack a score (with the count of each distinct error), a strategy gave the same
        start for different seeds although it was handed a random generator, files of the store are damaged or of
        version 0.1, or runs cannot be kept in it because nothing identifies them.

    Examples
    --------
    >>> from tsinit import LinearGaussianSSM, compare, datasets  # doctest: +SKIP
    >>> air = datasets.load_new_york_air_quality()  # doctest: +SKIP
    >>> result = compare(LinearGaussianSSM(4), air, ["kmeans", "subspace", "uniform"])  # doctest: +SKIP
    >>> print(result.verdict())  # doctest: +SKIP
    """
    plan = make_plan(
        model,
        data,
        strategies,
        n_seeds=n_seeds,
        seed=seed,
        score=score,
        test=test,
        truth=truth,
        budget=budget,
        inputs=inputs,
    )
    folder = checks.check_store(store)
    kept = None if folder is None else RunStore(folder)
    tasks = plan.tasks()
    if kept is not None:
        _warn_of_unknown(tasks)
    results = run_tasks(tasks, n_jobs=n_jobs, progress=progress, store=kept)
    comparison = result.from_results(plan, tasks, results)
    _warn_of_failures(comparison.errors, len(tasks))
    _warn_of_equal_starts(comparison.runs, plan.strategies)
    return comparison


def _warn_of_unknown(tasks: list[Task]) -> None:
    """Say which runs the store cannot keep, because another call could not tell them from others."""
    unknown = list(dict.fromkeys(what for task in tasks for what in task.unknown))
    if unknown:
        n = sum(bool(task.unknown) for task in tasks)
        warnings.warn(
            f"{n} of {len(tasks)} runs are not kept in the store, because another call could not tell them from those "
            f"of other settings; what cannot be identified is in {listed(unknown)}.",
            UserWarning,
            stacklevel=3,
        )


def _warn_of_failures(errors: pd.DataFrame, n_runs: int) -> None:
    failed = errors["status"].isin(FAILED)
    _warn_of(errors[failed], n_runs, "failed")
    _warn_of(errors[~failed], n_runs, "lack a score")


def _warn_of(errors: pd.DataFrame, n_runs: int, what: str) -> None:
    if errors.empty:
        return
    counts: Any = (
        errors.groupby(["error_type", "error_message"], sort=False)
        .size()
        .sort_values(ascending=False)
    )
    listed = "; ".join(
        f"{n} x {kind}: {message.rstrip('.')}" for (kind, message), n in counts.head(5).items()
    )
    more = f"; and {len(counts) - 5} other errors" if len(counts) > 5 else ""
    how_many = f"all {n_runs} runs" if len(errors) == n_runs else f"{len(errors)} of {n_runs} runs"
    warnings.warn(
        f"{how_many} {what}: {listed}{more}. See .errors for the tracebacks.",
        UserWarning,
        stacklevel=4,
    )


def _warn_of_equal_starts(runs: pd.DataFrame, strategies: dict[str, Any]) -> None:
    """Point at a strategy whose seeds coincide.

    A strategy that always gives one start is deterministic: the summary and the verdict say so. For a user's
    function it may as well be a forgotten ``rng``. What comes with the package is known to use its generator, and may
    still come to the same clusters twice.
    """
    for strategy, init in strategies.items():
        if is_bundled(init):
            continue
        finished = runs["start"].notna() & ~runs["status"].isin(FAILED)
        of_strategy = runs[(runs["strategy"] == strategy) & finished]
        cells = of_strategy.groupby(["dataset", "model"])["start"].agg(["size", "nunique"])
        always = (cells["nunique"] == 1) & (cells["size"] > 1)
        partly = (cells["nunique"] < cells["size"]) & ~always
        own = callable(init) and not isinstance(init, type)
        if (own and always.any()) or partly.any():
            warnings.warn(
                f"{strategy!r} gave the same start for different seeds; runs that repeat a start say "
                "nothing about the spread. Does it use the generator it is given?",
                UserWarning,
                stacklevel=3,
            )
