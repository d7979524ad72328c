"""One line for each strategy: how good, how often the best, how dear."""

import numpy as np
import pandas as pd

from tsinit.comparison import statistics
from tsinit.comparison.tables import FAILED


def summarise(runs):
    """Describe every data set x model x strategy; seeds of different data sets are never pooled.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.

    Returns
    -------
    DataFrame
        Best mean first within a data set and model:

        ``n_runs, n_ok, n_failed``
            all runs, those that converged, those that gave no end (``error``, ``diverged``)
        ``n_starts``
            distinct starting points; 1 means that the strategy gives the same start whatever the seed
        ``best, mean, median, iqr``
            of the final objective
        ``median_gap``
            of the distance to the best known end
        ``difference, difference_low, difference_high``
            mean advantage over this strategy, from the same seed, of the strategy with the best mean; 95 % BCa
            interval from five pairs on
        ``median_iter, median_seconds``
            iterations; seconds of start and fit together
        ``hits, hit_rate, hit_low, hit_high``
            runs that reached the best known end, their share of *all* runs, Wilson's 95 % interval
        ``median_score...``
            of each score column
    """
    rows = []
    for (dataset, model), cell in runs.groupby(["dataset", "model"], sort=False):
        ends = wide(cell, "objective_final")
        leader = best_strategy(ends)
        for strategy, of_strategy in cell.groupby("strategy", sort=False):
            rows.append(
                {"dataset": dataset, "model": model, "strategy": strategy}
                | _describe(of_strategy)
                | _versus(ends, leader, strategy)
            )
    table = pd.DataFrame(rows)
    order = {name: i for i, name in enumerate(dict.fromkeys(zip(table["dataset"], table["model"], strict=True)))}
    table["_cell"] = [order[key] for key in zip(table["dataset"], table["model"], strict=True)]
    table = table.sort_values(["_cell", "mean"], ascending=[True, False], kind="stable", na_position="last")
    return table.drop(columns="_cell").reset_index(drop=True)[_column_order(table)]


def usable(runs):
    """Select the runs that have an end: not failed, objective finite."""
    return runs[~runs["status"].isin(FAILED) & np.isfinite(runs["objective_final"])]


def wide(cell, column):
    """Arrange a column of one data set and model as replicate x strategy, NaN where a run failed."""
    table = usable(cell).pivot(index="replicate", columns="strategy", values=column)
    return table.reindex(columns=list(dict.fromkeys(cell["strategy"])))


def best_strategy(values):
    """Name the strategy with the best mean, or None if all runs failed.

    The mean and not the median: a start that lands in a bad place on one seed out of three is a worse start, and the
    mean of paired differences, which the intervals are about, can then not contradict the order.
    """
    means = values.mean()
    return None if means.isna().all() else means.idxmax()


def paired(ends, leader, strategy):
    """Differences leader minus strategy over the replicates that both finished."""
    return (ends[leader] - ends[strategy]).dropna().to_numpy()


def _describe(runs):
    done = usable(runs)
    ends = done["objective_final"]
    hits = int((done["optimum"] == 1).sum())
    rate = statistics.wilson(hits, len(runs))
    scores = {f"median_{name}": runs[name].median() for name in runs if name.startswith("score")}
    return {
        "n_runs": len(runs),
        "n_ok": int((runs["status"] == "ok").sum()),
        "n_failed": int(runs["status"].isin(FAILED).sum()),
        "n_starts": int(runs["start"].nunique()),
        "best": ends.max(),
        "mean": ends.mean(),
        "median": ends.median(),
        "iqr": ends.quantile(0.75) - ends.quantile(0.25),
        "median_gap": done["gap"].median(),
        "median_iter": float(done["n_iter"].astype(float).median()),
        "median_seconds": (done["init_seconds"] + done["fit_seconds"]).median(),
        "hits": hits,
        "hit_rate": rate.estimate,
        "hit_low": rate.low,
        "hit_high": rate.high,
        **scores,
    }


def _versus(ends, leader, strategy):
    empty = statistics.Interval(np.nan, np.nan, np.nan)
    interval = empty if leader is None else statistics.paired_difference(paired(ends, leader, strategy))
    return dict(zip(("difference", "difference_low", "difference_high"), interval, strict=True))


def _column_order(table):
    """Put the differences beside the gap."""
    names = [name for name in table if not name.startswith("difference") and name != "_cell"]
    at = names.index("median_gap") + 1
    return [*names[:at], "difference", "difference_low", "difference_high", *names[at:]]
