"""The race of a fit as a comparison: its rows in the tables that all comparisons have."""

from typing import Any

from tsinit.adapters import adapter_of
from tsinit.comparison.plan import naming
from tsinit.comparison.plan.data import UNNAMED, Dataset
from tsinit.comparison.plan.identity import fingerprint
from tsinit.comparison.plan.scores import Scoring
from tsinit.comparison.plan.tasks import Plan, Task
from tsinit.comparison.result import Comparison, from_results
from tsinit.comparison.run.worker import RunResult, versions
from tsinit.models.race import RaceRecord, RaceRow


def comparison_of(estimator: Any, record: RaceRecord) -> Comparison:
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
    model, adapter = type(estimator).__name__, adapter_of(estimator)
    scoring, data = Scoring({}), Dataset(None, {}, None, "")
    entropy: Any = record.seed.entropy
    tasks, results = [], []
    for row in record.rows:
        name, candidate = names[row.candidate], record.candidates[row.candidate]
        run_id = fingerprint(model, name, row.replicate, row.seed)
        key: Any = (row.seed.entropy, row.seed.spawn_key)
        tasks.append(
            Task(
                run_id, UNNAMED, model, name, row.replicate, adapter, estimator, candidate, data, key, None, scoring
            )
        )  # fmt: skip
        results.append(_result(run_id, row))
    strategies = dict(zip(names, record.candidates, strict=True))
    n_seeds = 1 + max(row.replicate for row in record.rows)
    plan = Plan(
        {model: estimator}, {model: adapter}, {UNNAMED: data}, strategies, n_seeds, entropy, None, scoring
    )  # fmt: skip
    tables = from_results(plan, tasks, results)
    runs = tables.runs.drop(columns="score", errors="ignore")  # nobody asked for one
    return Comparison(runs, tables.traces, tables.errors, tables.about)


def _result(run_id: str, row: RaceRow) -> RunResult:
    kind, message, trace = row.failure or ("", "", "")
    status = "error" if row.failure else "ok" if row.converged else "not_converged"
    return RunResult(
        run_id=run_id, status=status, error_type=kind, error_message=message, error_trace=trace, n_iter=row.n_iter,
        converged=row.converged, init_seconds=row.init_seconds, fit_seconds=row.fit_seconds,
        objectives=row.objectives, seconds=row.seconds, final=row.final, extras={},
        sampler={"rounds": float(row.n_rounds)}, scores={},
        start=None if row.start is None else fingerprint(row.start), versions=versions(),
    )  # fmt: skip
