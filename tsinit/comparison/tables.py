"""From outcomes to the three tables: runs, traces, errors."""

import platform

import numpy as np
import pandas as pd

from tsinit import __version__
from tsinit.comparison import identity, statistics
from tsinit.comparison.worker import is_monotone

#: What identifies a row for a reader.
KEYS = ["dataset", "model", "strategy", "replicate"]
#: States of a run that has no end to speak of.
FAILED = ("error", "diverged")


def versions():
    """Name the versions that produced a table: Python, tsinit, NumPy, Numba."""
    import numba

    return (
        f"python {platform.python_version()}, tsinit {__version__}, numpy {np.__version__}, numba {numba.__version__}"
    )


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
    columns = [c for t in tasks for c in t.scoring.columns(t.data)]
    made_with = versions()
    table = pd.DataFrame(
        [_row(t, o, list(dict.fromkeys(columns)), made_with) for t, o in zip(tasks, outcomes, strict=True)]
    )
    cells = table.groupby(["dataset", "model"], sort=False)
    # A run that broke off was somewhere, but has no end: neither the best known one nor any other.
    ended = np.isfinite(table["objective_final"]) & ~table["status"].isin(FAILED)
    ends = table["objective_final"].where(ended).groupby([table["dataset"], table["model"]], sort=False)
    table["gap"] = ends.transform("max") - table["objective_final"].where(ended)
    table["optimum"] = ends.transform(lambda values: statistics.number_optima(values.to_numpy()))
    table["start"] = cells["start"].transform(lambda prints: pd.factorize(prints)[0] + 1)
    whole = {"n_iter": "Int64", "optimum": "Int64", "start": "Int64", "replicate": "int64"}
    table = table.astype(whole | {"converged": "boolean", "monotone": "boolean"})
    for name in ("optimum", "start"):
        table[name] = table[name].mask(table[name] == 0)
    return _in_order(table, tasks)


def traces_table(tasks, outcomes):
    """The objective at every iteration of every run, with the seconds since the run began.

    Returns
    -------
    DataFrame
        Columns run_id, iteration (0 is the start alone), seconds, objective.
    """
    lengths = [len(o.objectives) for o in outcomes]
    return pd.DataFrame(
        {
            "run_id": pd.Series(np.repeat([o.run_id for o in outcomes], lengths), dtype=str),
            "iteration": np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
            "seconds": np.concatenate([np.asarray(o.seconds, dtype=float) for o in outcomes]),
            "objective": np.concatenate([np.asarray(o.objectives, dtype=float) for o in outcomes]),
        }
    )


def errors_table(runs, outcomes):
    """The rows that failed or lack a score, with the end of the traceback."""
    tails = {o.run_id: o.error_trace for o in outcomes}
    columns = ["run_id", *KEYS, "init_seed", "run_seed", "status", "error_type", "error_message"]
    failed = runs.loc[runs["error_type"] != "", columns].reset_index(drop=True)
    return failed.assign(traceback=[tails[run_id] for run_id in failed["run_id"]])


def _row(task, outcome, score_columns, made_with):
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    trace = outcome.objectives
    return {
        "run_id": task.run_id,
        **dict(zip(KEYS, (*task.cell, task.replicate), strict=True)),
        "init_seed": identity.seed_text(seed, 0),
        "run_seed": identity.seed_text(seed, 1),
        "status": outcome.status,
        "error_type": outcome.error_type,
        "error_message": outcome.error_message,
        "objective_start": trace[0] if trace else np.nan,
        "objective_final": trace[-1] if trace else np.nan,
        "gap": np.nan,
        **{name: outcome.scores.get(name, np.nan) for name in score_columns},
        "n_iter": outcome.n_iter,
        "converged": outcome.converged,
        "monotone": is_monotone(trace) if trace else None,
        "init_seconds": outcome.init_seconds,
        "fit_seconds": outcome.fit_seconds,
        "optimum": 0,
        "start": outcome.start,
        "versions": made_with,
    }


def _in_order(table, tasks):
    """Sort as the user named things; runs took turns, a reader wants them together."""
    ranks = {}
    for position, name in enumerate(("dataset", "model", "strategy")):
        labels = list(dict.fromkeys(task.cell[position] for task in tasks))
        ranks[name] = table[name].map({label: i for i, label in enumerate(labels)})
    order = pd.DataFrame(ranks).assign(replicate=table["replicate"]).sort_values(list(KEYS)).index
    return table.loc[order].reset_index(drop=True)
