"""From results to the three tables: runs, traces, errors; and which rows of them have a final objective."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsinit._typing import FloatArray, IntArray
from tsinit.comparison.analysis.segmentations import agreement_among
from tsinit.comparison.plan import seeds
from tsinit.comparison.plan.tasks import Task
from tsinit.comparison.run.worker import RunResult

#: What identifies a row for a reader.
KEYS = ["dataset", "model", "strategy", "replicate"]
#: States of a run that has no final objective to speak of.
FAILED = ("error", "diverged")
#: Shorter traces of a sampler have no half that could pass for its stationary part.
MIN_TRACE = 20
#: An EM step may lose this share of the objective to rounding and still count as monotone.
_ROUNDING = 1e-8


def runs_table(tasks: list[Task], results: list[RunResult]) -> pd.DataFrame:
    """One row for each task, failed or not.

    ``gap`` and ``optimum`` compare a run with all others on its data set and model that did not fail, and are missing
    where the run itself failed; everything else depends on the run alone. ``start`` numbers the distinct starting
    points of a data set and model, and ``agreement`` is there where models have labels (`agreement_among`).

    Parameters
    ----------
    tasks : list of Task
    results : list of RunResult
        In the same order.

    Returns
    -------
    DataFrame
    """
    scores = list(
        dict.fromkeys(c for t in tasks for c in t.scoring.columns(t.data, t.estimator, t.adapter))
    )
    reported = dict.fromkeys(name for r in results for name in r.sampler)
    if any(_samples(t) for t in tasks):
        reported |= {"n_settle": None, "n_mixed": None}
    table = pd.DataFrame(
        [_row(t, r, scores, list(reported)) for t, r in zip(tasks, results, strict=True)]
    )
    # A run that broke off was somewhere, but is no optimum: neither the best known one nor any other.
    finished = np.isfinite(table["objective_final"]) & ~table["status"].isin(FAILED)
    keys = [table["dataset"], table["model"]]
    final = table["objective_final"].where(finished).groupby(keys, sort=False)
    table["gap"] = final.transform("max") - table["objective_final"].where(finished)
    # The mean over draws is never twice the same: a sampler has no distinct optima to number.
    samplers = table["model"].isin({t.model for t in tasks if _samples(t)})
    numbers = final.transform(lambda values: number_optima(values.to_numpy()))
    table["optimum"] = numbers.mask(samplers, 0)
    prints = table["start"].groupby(keys, sort=False)
    table["start"] = prints.transform(lambda values: pd.factorize(values)[0] + 1)
    whole = {"n_iter": "Int64", "optimum": "Int64", "start": "Int64", "replicate": "int64"}
    whole |= {name: "Int64" for name in ("n_settle", "n_mixed") if name in reported}
    table = table.astype(whole | {"converged": "boolean", "monotone": "boolean"})
    for name in ("optimum", "start"):
        table[name] = table[name].mask(table[name] == 0)
    packed = {r.run_id: r.segmentation for r in results if r.segmentation is not None}
    if packed:
        table["agreement"] = agreement_among(table, packed)
    return _in_order(table, tasks)


def traces_table(results: list[RunResult]) -> pd.DataFrame:
    """The objective at every iteration of every run, with the seconds since the run began.

    Returns
    -------
    DataFrame
        Columns run_id, iteration (0 is the start alone), seconds, objective, and what else the models reported of
        every iteration, NaN for models that did not.
    """
    lengths = [len(r.objectives) for r in results]
    extras = dict.fromkeys(name for r in results for name in r.extras)
    return pd.DataFrame(
        {
            "run_id": pd.Series(np.repeat([r.run_id for r in results], lengths), dtype=str),
            "iteration": np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
            "seconds": np.concatenate([np.asarray(r.seconds, dtype=float) for r in results]),
            "objective": np.concatenate([np.asarray(r.objectives, dtype=float) for r in results]),
            **{name: np.concatenate([_extra(r, name) for r in results]) for name in extras},
        }
    )


def errors_table(runs: pd.DataFrame, results: list[RunResult]) -> pd.DataFrame:
    """The rows that failed or lack a score, with the end of the traceback."""
    tails = {r.run_id: r.error_trace for r in results}
    columns = ["run_id", *KEYS, "init_seed", "run_seed", "status", "error_type", "error_message"]
    failed = runs.loc[runs["error_type"] != "", columns].reset_index(drop=True)
    return failed.assign(
        traceback=pd.Series([tails[run_id] for run_id in failed["run_id"]], dtype=str)
    )


def cells_of(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """List the data sets and models of a table, with the rows of each."""
    groups: Any = table.groupby(["dataset", "model"], sort=False)
    return [(dataset, model, rows) for (dataset, model), rows in groups]


def names_of(table: pd.DataFrame) -> list[str]:
    """List the columns of a table."""
    return [str(name) for name in table]


def usable(runs: pd.DataFrame) -> pd.DataFrame:
    """Select the runs that count: not failed, final objective finite."""
    return runs[~runs["status"].isin(FAILED) & np.isfinite(runs["objective_final"])]


def has_optima(runs: pd.DataFrame) -> bool:
    """Whether runs end at points that can be told apart; those of samplers do not."""
    done = usable(runs)
    return bool(done.empty or done["optimum"].notna().any())


def optimum_tolerance(best: float) -> float:
    """Return how far apart two final objectives may lie and still count as the same optimum.

    Half a nat is a likelihood ratio of 1.6, which is no evidence. The relative part allows for iterations that stop
    on a small gain for each value while still some way from their optimum.

    Parameters
    ----------
    best : float
        The best known objective.
    """
    return 0.5 + 1e-5 * abs(best)


def tolerance_in(objectives: pd.DataFrame) -> float:
    """Take the :func:`optimum_tolerance` at the highest value of a table; NaN where there is none."""
    highest: Any = objectives.max(axis=None)
    return optimum_tolerance(highest)


def number_optima(objectives: npt.ArrayLike) -> IntArray:
    """Number the distinct optima, 1 for the best.

    From the best final objective downwards, every one within :func:`optimum_tolerance` of the highest of its group
    belongs to it; the first one below opens the next group. Optima are told apart by their objective only.

    Parameters
    ----------
    objectives : (n,) float
        Final objectives, NaN for runs without one.

    Returns
    -------
    (n,) int
        Group of each run, 0 where there is no finite objective.
    """
    x = np.asarray(objectives, dtype=float)
    groups = np.zeros(x.size, dtype=int)
    finite = np.flatnonzero(np.isfinite(x))
    if finite.size == 0:
        return groups
    tolerance, top, group = optimum_tolerance(x[finite].max()), math.inf, 0
    for i in finite[np.argsort(-x[finite], kind="stable")]:
        if x[i] < top - tolerance:
            top, group = x[i], group + 1
        groups[i] = group
    return groups


def settling(objectives: npt.ArrayLike) -> int | None:
    """Iterations until a chain is within its stationary range.

    The range is the central 95 % of the second half of the trace; the chain has settled once it first comes
    into it. A chain that still rises at the end settles late by this count, after the middle of its trace.

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
    if x.size < MIN_TRACE or not np.isfinite(x[x.size // 2 :]).all():
        return None
    low, high = np.quantile(x[x.size // 2 :], [0.025, 0.975])
    return int(np.flatnonzero((x >= low) & (x <= high))[0])


def is_monotone(objectives: npt.ArrayLike) -> bool:
    """Whether no iteration lost more than rounding; `objectives` is (n_iter + 1,) float."""
    x = np.asarray(objectives, dtype=float)
    return bool(np.all(np.diff(x) >= -_ROUNDING * np.maximum(np.abs(x[1:]), 1.0)))


def _samples(task: Task) -> bool:
    return task.adapter.kind == "samples"


def _extra(result: RunResult, name: str) -> FloatArray:
    """One value for each iteration; what was reported later than the objective began has nothing for the start."""
    values = np.full(len(result.objectives), np.nan)
    reported = result.extras.get(name, [])
    values[values.size - len(reported) :] = reported
    return values


def _row(task: Task, result: RunResult, score_columns: list[str], reported: list[str]) -> dict:
    entropy, key = task.seed
    seed = np.random.SeedSequence(entropy=entropy, spawn_key=key)
    trace, samples = result.objectives, _samples(task)
    sampler = result.sampler | ({"n_settle": settling(trace)} if samples else {})
    return {
        "run_id": task.run_id,
        **dict(zip(KEYS, (*task.cell, task.replicate), strict=True)),
        "init_seed": seeds.seed_text(seed, 0),
        "run_seed": seeds.seed_text(seed, 1),
        "status": result.status,
        "error_type": result.error_type,
        "error_message": result.error_message,
        "objective_start": trace[0] if trace else np.nan,
        "objective_final": result.final,
        "gap": np.nan,
        **{name: result.scores.get(name, np.nan) for name in score_columns},
        "n_iter": result.n_iter,
        "converged": result.converged,
        "monotone": is_monotone(trace) if trace and not samples else None,
        **{name: sampler.get(name, np.nan) for name in reported},
        "init_seconds": result.init_seconds,
        "fit_seconds": result.fit_seconds,
        "optimum": 0,
        "start": result.start,
        "versions": result.versions,
    }


def _in_order(table: pd.DataFrame, tasks: list[Task]) -> pd.DataFrame:
    """Sort as the user named things; runs took turns, a reader wants them together."""
    ranks = {}
    for position, name in enumerate(("dataset", "model", "strategy")):
        labels = list(dict.fromkeys(task.cell[position] for task in tasks))
        ranks[name] = table[name].map({label: i for i, label in enumerate(labels)})
    order = pd.DataFrame(ranks).assign(replicate=table["replicate"]).sort_values(list(KEYS)).index
    return table.loc[order].reset_index(drop=True)
