"""The race of a fit as a comparison: its rows in the tables that all comparisons have."""

from tsinit.comparison.plan import naming
from tsinit.comparison.plan.data import UNNAMED, Dataset
from tsinit.comparison.plan.identity import fingerprint
from tsinit.comparison.plan.scores import Scoring
from tsinit.comparison.plan.tasks import Plan, Task
from tsinit.comparison.result import Comparison, from_results
from tsinit.comparison.run.worker import RunResult, versions


def comparison_of(estimator, record):
    """Lay a race out as a `Comparison`.

    Parameters
    ----------
    estimator : estimator
        That raced, fitted or not.
    record : RaceRecord

    Returns
    -------
    Comparison
        With a column ``rounds``, and without the means to run its rows again.
    """
    names = list(naming.name_strategies(record.candidates))
    model = type(estimator).__name__
    scoring, data = Scoring({}), Dataset(None, {}, None, "")
    tasks, results = [], []
    for row in record.rows:
        seed = row.seed
        run_id = fingerprint(model, names[row.candidate], row.replicate, seed)
        tasks.append(
            Task(
                run_id,
                UNNAMED,
                model,
                names[row.candidate],
                row.replicate,
                estimator,
                record.candidates[row.candidate],
                data,
                (seed.entropy, seed.spawn_key),
                None,
                scoring,
            )
        )
        results.append(_result(run_id, row))
    strategies = dict(zip(names, record.candidates, strict=True))
    n_seeds = 1 + max(row.replicate for row in record.rows)
    plan = Plan(
        {model: estimator}, {UNNAMED: data}, strategies, n_seeds, record.seed.entropy, None, scoring
    )
    tables = from_results(plan, tasks, results)
    runs = tables.runs.drop(columns="score", errors="ignore")  # nobody asked for one
    return Comparison(runs, tables.traces, tables.errors, tables.about)


def _result(run_id, row):
    kind, message, trace = row.failure or ("", "", "")
    status = "error" if row.failure else "ok" if row.converged else "not_converged"
    return RunResult(
        run_id=run_id, status=status, error_type=kind, error_message=message, error_trace=trace, n_iter=row.n_iter,
        converged=row.converged, init_seconds=row.init_seconds, fit_seconds=row.fit_seconds,
        objectives=row.objectives, seconds=row.seconds, final=row.final, extras={},
        sampler={"rounds": float(row.n_rounds)}, scores={},
        start=None if row.start is None else fingerprint(row.start), versions=versions(),
    )  # fmt: skip
