"""From results to the three tables: runs, traces, errors; and which rows of them have a final objective."""

import math

import numpy as np
import pandas as pd

from tsinit.comparison.plan import identity
from tsinit.comparison.plan.about import fit_kind
from tsinit.comparison.run.worker import is_monotone

#: What identifies a row for a reader.
KEYS = ["dataset", "model", "strategy", "replicate"]
#: States of a run that has no end to speak of.
FAILED = ("error", "diverged")
#: Shorter traces of a sampler have no half that could pass for its stationary part.
SHORTEST_TRACE = 20


def runs_table(tasks, results):
    """One row for each task, failed or not.

    ``gap`` and ``optimum`` compare a run with all others on its data set and model that did not fail, and are missing
    where the run itself failed; everything else depends on the run alone. ``start`` numbers the distinct starting
    points of a data set and model.

    Parameters
    ----------
    tasks : list of Task
    results : list of RunResult
        In the same order.

    Returns
    -------
    DataFrame
    """
    scores = dict.fromkeys(c for t in tasks for c in t.scoring.columns(t.data, t.estimator))
    told = dict.fromkeys(name for o in results for name in o.sampler)
    if any(fit_kind(t.estimator).sampler for t in tasks):
        told |= {"n_settle": None, "n_mixed": None}
    table = pd.DataFrame(
        [_row(t, o, list(scores), list(told)) for t, o in zip(tasks, results, strict=True)]
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
    table["optimum"] = ends.transform(lambda values: number_optima(values.to_numpy())).mask(
        walks, 0
    )
    table["start"] = cells["start"].transform(lambda prints: pd.factorize(prints)[0] + 1)
    whole = {"n_iter": "Int64", "optimum": "Int64", "start": "Int64", "replicate": "int64"}
    whole |= {name: "Int64" for name in ("n_settle", "n_mixed") if name in told}
    table = table.astype(whole | {"converged": "boolean", "monotone": "boolean"})
    for name in ("optimum", "start"):
        table[name] = table[name].mask(table[name] == 0)
    return _in_order(table, tasks)


def traces_table(tasks, results):
    """The objective at every iteration of every run, with the seconds since the run began.

    Returns
    -------
    DataFrame
        Columns run_id, iteration (0 is the start alone), seconds, objective, and what else the models told of
        every iteration, NaN for models that did not.
    """
    lengths = [len(o.objectives) for o in results]
    extras = dict.fromkeys(name for o in results for name in o.extras)
    return pd.DataFrame(
        {
            "run_id": pd.Series(np.repeat([o.run_id for o in results], lengths), dtype=str),
            "iteration": np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
            "seconds": np.concatenate([np.asarray(o.seconds, dtype=float) for o in results]),
            "objective": np.concatenate([np.asarray(o.objectives, dtype=float) for o in results]),
            **{name: np.concatenate([_extra(o, name) for o in results]) for name in extras},
        }
    )


def usable(runs):
    """Select the runs that have an end: not failed, objective finite."""
    return runs[~runs["status"].isin(FAILED) & np.isfinite(runs["objective_final"])]


def has_optima(runs):
    """Whether ends are points that can be told apart; those of samplers are not."""
    done = usable(runs)
    return bool(done.empty or done["optimum"].notna().any())


def end_tolerance(best):
    """Return how far apart two ends may lie and still count as the same optimum.

    Half a nat is a likelihood ratio of 1.6, which is no evidence. The relative part allows for iterations that stop
    on a small gain for each value while still some way from their optimum.

    Parameters
    ----------
    best : float
        The best known objective.
    """
    return 0.5 + 1e-5 * abs(best)


def number_optima(ends):
    """Number the distinct end points, 1 for the best.

    From the best end downwards, every end within :func:`end_tolerance` of the top of its group belongs to it;
    the first one below opens the next group. Ends are told apart by their objective only.

    Parameters
    ----------
    ends : (n,) float
        Final objectives, NaN for runs without one.

    Returns
    -------
    (n,) int
        Group of each run, 0 where there is no finite end.
    """
    ends = np.asarray(ends, dtype=float)
    groups = np.zeros(ends.size, dtype=int)
    finite = np.flatnonzero(np.isfinite(ends))
    if finite.size == 0:
        return groups
    tolerance, top, group = end_tolerance(ends[finite].max()), math.inf, 0
    for i in finite[np.argsort(-ends[finite], kind="stable")]:
        if ends[i] < top - tolerance:
            top, group = ends[i], group + 1
        groups[i] = group
    return groups


def settling(objectives):
    """Iterations until a chain is within its stationary range.

    The range is the central 95 % of the second half of the trace; the chain has settled once it first comes
    into it. A chain that still climbs at the end settles late by this count, after the middle of its trace.

    Parameters
    ----------
    objectives : (n_iter + 1,) float
        Joint log density of every sweep, the start first.

    Returns
    -------
    int or None
        None where the trace is shorter than 20 entries or not finite.
    """
    x = np.asarray(objectives, dtype=float)
    if x.size < SHORTEST_TRACE or not np.isfinite(x[x.size // 2 :]).all():
        return None
    low, high = np.quantile(x[x.size // 2 :], [0.025, 0.975])
    return int(np.flatnonzero((x >= low) & (x <= high))[0])


def _extra(result, name):
    """One value for each iteration; what was told later than the objective began has nothing for the start."""
    values = np.full(len(result.objectives), np.nan)
    told = result.extras.get(name, [])
    values[values.size - len(told) :] = told
    return values


def errors_table(runs, results):
    """The rows that failed or lack a score, with the end of the traceback."""
    tails = {o.run_id: o.error_trace for o in results}
    columns = ["run_id", *KEYS, "init_seed", "run_seed", "status", "error_type", "error_message"]
    failed = runs.loc[runs["error_type"] != "", columns].reset_index(drop=True)
    return failed.assign(
        traceback=pd.Series([tails[run_id] for run_id in failed["run_id"]], dtype=str)
    )


def _row(task, result, score_columns, told):
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    trace = result.objectives
    walks = fit_kind(task.estimator).sampler
    sampler = result.sampler | ({"n_settle": settling(trace)} if walks else {})
    return {
        "run_id": task.run_id,
        **dict(zip(KEYS, (*task.cell, task.replicate), strict=True)),
        "init_seed": identity.seed_text(seed, 0),
        "run_seed": identity.seed_text(seed, 1),
        "status": result.status,
        "error_type": result.error_type,
        "error_message": result.error_message,
        "objective_start": trace[0] if trace else np.nan,
        "objective_final": result.final,
        "gap": np.nan,
        **{name: result.scores.get(name, np.nan) for name in score_columns},
        "n_iter": result.n_iter,
        "converged": result.converged,
        "monotone": is_monotone(trace) if trace and not walks else None,
        **{name: sampler.get(name, np.nan) for name in told},
        "init_seconds": result.init_seconds,
        "fit_seconds": result.fit_seconds,
        "optimum": 0,
        "start": result.start,
        "versions": result.versions,
    }


def _in_order(table, tasks):
    """Sort as the user named things; runs took turns, a reader wants them together."""
    ranks = {}
    for position, name in enumerate(("dataset", "model", "strategy")):
        labels = list(dict.fromkeys(task.cell[position] for task in tasks))
        ranks[name] = table[name].map({label: i for i, label in enumerate(labels)})
    order = pd.DataFrame(ranks).assign(replicate=table["replicate"]).sort_values(list(KEYS)).index
    return table.loc[order].reset_index(drop=True)
