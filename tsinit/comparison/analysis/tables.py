"""From outcomes to the three tables: runs, traces, errors."""

import numpy as np
import pandas as pd

from tsinit.comparison.analysis import statistics
from tsinit.comparison.plan import identity
from tsinit.comparison.plan.about import fit_kind
from tsinit.comparison.run.worker import is_monotone

#: What identifies a row for a reader.
KEYS = ["dataset", "model", "strategy", "replicate"]
#: States of a run that has no end to speak of.
FAILED = ("error", "diverged")


def runs_table(tasks, outcomes):
    """One row for each task, failed or not.

    ``gap`` and ``optimum`` compare a run with all others on its data set and model that did not fail, and are missing
    where the run itself failed; everything else depends on the run alone. ``start`` numbers the distinct starting
    points of a data set and model.

    Parameters
    ----------
    tasks : list of Task
    outcomes : list of Outcome
        In the same order.

    Returns
    -------
    DataFrame
    """
    scores = dict.fromkeys(c for t in tasks for c in t.scoring.columns(t.data, t.estimator))
    told = dict.fromkeys(name for o in outcomes for name in o.sampler)
    if any(fit_kind(t.estimator).sampler for t in tasks):
        told |= {"n_settle": None, "n_mixed": None}
    table = pd.DataFrame(
        [_row(t, o, list(scores), list(told)) for t, o in zip(tasks, outcomes, strict=True)]
    )
    cells = table.groupby(["dataset", "model"], sort=False)
    # A run that broke off was somewhere, but has no end: neither the best known one nor any other.
    ended = np.isfinite(table["objective_final"]) & ~table["status"].isin(FAILED)
    ends = (
        table["objective_final"]
        .where(ended)
        .groupby([table["dataset"], table["model"]], sort=False)
    )
    table["gap"] = ends.transform("max") - table["objective_final"].where(ended)
    # The mean over draws is never twice the same: a sampler has no distinct ends to number.
    walks = table["model"].isin({t.model for t in tasks if fit_kind(t.estimator).sampler})
    table["optimum"] = ends.transform(
        lambda values: statistics.number_optima(values.to_numpy())
    ).mask(walks, 0)
    table["start"] = cells["start"].transform(lambda prints: pd.factorize(prints)[0] + 1)
    whole = {"n_iter": "Int64", "optimum": "Int64", "start": "Int64", "replicate": "int64"}
    whole |= {name: "Int64" for name in ("n_settle", "n_mixed") if name in told}
    table = table.astype(whole | {"converged": "boolean", "monotone": "boolean"})
    for name in ("optimum", "start"):
        table[name] = table[name].mask(table[name] == 0)
    return _in_order(table, tasks)


def traces_table(tasks, outcomes):
    """The objective at every iteration of every run, with the seconds since the run began.

    Returns
    -------
    DataFrame
        Columns run_id, iteration (0 is the start alone), seconds, objective, and what else the models told of
        every iteration, NaN for models that did not.
    """
    lengths = [len(o.objectives) for o in outcomes]
    extras = dict.fromkeys(name for o in outcomes for name in o.extras)
    return pd.DataFrame(
        {
            "run_id": pd.Series(np.repeat([o.run_id for o in outcomes], lengths), dtype=str),
            "iteration": np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
            "seconds": np.concatenate([np.asarray(o.seconds, dtype=float) for o in outcomes]),
            "objective": np.concatenate([np.asarray(o.objectives, dtype=float) for o in outcomes]),
            **{name: np.concatenate([_extra(o, name) for o in outcomes]) for name in extras},
        }
    )


def _extra(outcome, name):
    """One value for each iteration; what was told later than the objective began has nothing for the start."""
    values = np.full(len(outcome.objectives), np.nan)
    told = outcome.extras.get(name, [])
    values[values.size - len(told) :] = told
    return values


def errors_table(runs, outcomes):
    """The rows that failed or lack a score, with the end of the traceback."""
    tails = {o.run_id: o.error_trace for o in outcomes}
    columns = ["run_id", *KEYS, "init_seed", "run_seed", "status", "error_type", "error_message"]
    failed = runs.loc[runs["error_type"] != "", columns].reset_index(drop=True)
    return failed.assign(
        traceback=pd.Series([tails[run_id] for run_id in failed["run_id"]], dtype=str)
    )


def _row(task, outcome, score_columns, told):
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    trace = outcome.objectives
    walks = fit_kind(task.estimator).sampler
    sampler = outcome.sampler | ({"n_settle": statistics.settling(trace)} if walks else {})
    return {
        "run_id": task.run_id,
        **dict(zip(KEYS, (*task.cell, task.replicate), strict=True)),
        "init_seed": identity.seed_text(seed, 0),
        "run_seed": identity.seed_text(seed, 1),
        "status": outcome.status,
        "error_type": outcome.error_type,
        "error_message": outcome.error_message,
        "objective_start": trace[0] if trace else np.nan,
        "objective_final": outcome.final,
        "gap": np.nan,
        **{name: outcome.scores.get(name, np.nan) for name in score_columns},
        "n_iter": outcome.n_iter,
        "converged": outcome.converged,
        "monotone": is_monotone(trace) if trace and not walks else None,
        **{name: sampler.get(name, np.nan) for name in told},
        "init_seconds": outcome.init_seconds,
        "fit_seconds": outcome.fit_seconds,
        "optimum": 0,
        "start": outcome.start,
        "versions": outcome.versions,
    }


def _in_order(table, tasks):
    """Sort as the user named things; runs took turns, a reader wants them together."""
    ranks = {}
    for position, name in enumerate(("dataset", "model", "strategy")):
        labels = list(dict.fromkeys(task.cell[position] for task in tasks))
        ranks[name] = table[name].map({label: i for i, label in enumerate(labels)})
    order = pd.DataFrame(ranks).assign(replicate=table["replicate"]).sort_values(list(KEYS)).index
    return table.loc[order].reset_index(drop=True)
