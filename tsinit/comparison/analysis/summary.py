"""One line for each strategy: how good, how often the best, how dear."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from tsinit.comparison.analysis import statistics
from tsinit.comparison.analysis.tables import FAILED, end_tolerance, has_optima, usable


class Rival(NamedTuple):
    """How a strategy stands to the leader of its data set and model."""

    place: str  # "behind": the interval excludes 0; "level": the same end from every seed; "open"
    difference: statistics.Interval  # leader minus this, from the same seeds
    seeds: float  # replicates that would settle it


def summarise(runs):
    """Describe every data set x model x strategy; seeds of different data sets are never pooled.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.

    Returns
    -------
    DataFrame
        Best first within a data set and model, as :func:`ranking` puts them:

        ``n_runs, n_ok, n_failed``
            all runs, those that converged, those that gave no end (``error``, ``diverged``)
        ``n_starts``
            distinct starting points; 1 means that the strategy gives the same start whatever the seed
        ``best, mean, median, iqr``
            of the final objective
        ``median_gap``
            of the distance to the best known end
        ``difference, difference_low, difference_high``
            mean advantage over this strategy of the best one, over the seeds that both finished; 95 % BCa
            interval, widened for small and skewed samples, from five pairs on
        ``median_iter, median_seconds``
            iterations; seconds of start and fit together
        ``hits, hit_rate, hit_low, hit_high``
            runs that reached the best known end, their share of *all* runs, Wilson's 95 % interval; missing for
            samplers, whose ends are means over draws and never meet
        ``median_rhat, median_ess, ...``
            of each column in which samplers tell of their draws; ``median_n_settle`` of the iterations until a
            chain is within its stationary range; ``median_n_mixed`` of those until R-hat of the chains of a run is
            below 1.01, infinite where half of the runs do not get there
        ``median_score...``
            of each score column
    """
    rows = []
    for (dataset, model), cell in runs.groupby(["dataset", "model"], sort=False):
        ends = wide(cell, "objective_final")
        ranked = rank_ends(ends)
        leader = ranked[0] if ranked else None
        groups = dict(list(cell.groupby("strategy", sort=False)))
        for strategy in [*ranked, *(name for name in groups if name not in ranked)]:
            of_strategy = groups[strategy]
            rows.append(
                {"dataset": dataset, "model": model, "strategy": strategy}
                | _describe(of_strategy)
                | _versus(ends, leader, strategy)
            )
    table = pd.DataFrame(rows).astype({"hits": "Int64"})
    return table[_column_order(table)]


def sampler_columns(runs):
    """Name the columns in which samplers tell of their draws: they stand between monotone and init_seconds."""
    names = list(runs)
    if "monotone" not in names:
        return []
    return names[names.index("monotone") + 1 : names.index("init_seconds")]


def mixed_median(runs):
    """Median iterations until R-hat is below 1.01 by strategy, infinite where half of the runs do not get there."""
    done = usable(runs)
    times = (
        done["n_mixed"].astype(float).fillna(np.inf)
    )  # a run that never mixes must not drop out of the median
    return times.groupby(done["strategy"], sort=False).median()


def wide(cell, column):
    """Arrange a column of one data set and model as replicate x strategy, NaN where a run failed."""
    table = usable(cell).pivot(index="replicate", columns="strategy", values=column)
    return table.reindex(columns=list(dict.fromkeys(cell["strategy"])))


def rank_ends(ends):
    """Rank strategies by their final objectives; ends that nobody could tell apart are tied."""
    return ranking(ends, end_tolerance(ends.max(axis=None)))


def ranking(values, tolerance=0.0):
    """Order the strategies that have an end, best first.

    One strategy loses to another if its mean over the replicates that both finished is lower: a start that fails on
    the hard seeds must not win by the mean of the easy ones. The fewest losses come first, then the fewest failures,
    then the highest mean. Without failures this is the order of the means.

    The mean and not the median: a start that lands in a bad place on one seed out of three is a worse start, and the
    mean of paired differences, which the intervals are about, can then not contradict the order.

    Parameters
    ----------
    values : DataFrame
        Replicate x strategy, NaN where a run failed; higher is better.
    tolerance : float
        Two strategies that differ by no more than this in every replicate tie.

    Returns
    -------
    list of str
    """
    names = [name for name in values if values[name].notna().any()]
    table = values[names].to_numpy(dtype=float)
    lead = table[:, :, None] - table[:, None, :]  # replicate x strategy x rival
    shared = np.isfinite(lead)
    total = np.where(shared, lead, 0.0).sum(axis=0)
    apart = np.where(shared, np.abs(lead), 0.0).max(axis=0, initial=0.0) > tolerance
    losses = ((total < 0.0) & apart).sum(axis=1)
    failures = np.isnan(table).sum(axis=0)
    means = [values[name].mean() for name in names]
    return [
        names[i]
        for i in sorted(range(len(names)), key=lambda i: (losses[i], failures[i], -means[i]))
    ]


def paired(ends, leader, strategy):
    """Differences leader minus strategy over the replicates that both finished."""
    return (ends[leader] - ends[strategy]).dropna().to_numpy()


def standing(cell):
    """Compare all strategies with the best one, over the seeds that both finished.

    Parameters
    ----------
    cell : DataFrame
        The runs of one data set and model.

    Returns
    -------
    leader : str or None
        None if no run has an end.
    rivals : dict of str to Rival
        Strategies with at least one end.
    """
    ends = wide(cell, "objective_final")
    ranked = rank_ends(ends)
    if not ranked:
        return None, {}
    leader, tolerance = ranked[0], end_tolerance(ends.max(axis=None))
    others = [name for name in ends if name in ranked[1:]]
    return leader, {name: _rival(paired(ends, leader, name), tolerance) for name in others}


def _rival(differences, tolerance):
    interval = statistics.paired_difference(differences)
    level = differences.size > 0 and np.abs(differences).max() <= tolerance
    place = "level" if level else "behind" if interval.low > 0 else "open"
    # Where normal theory asks for no more seeds than there were, skewness left it open: more must decide.
    more = max(math.ceil(1.5 * differences.size), statistics.MIN_PAIRS)
    return Rival(place, interval, float(np.maximum(statistics.seeds_needed(differences), more)))


def _median(values):
    """Median of what is not missing; NaN, and no warning as from pandas before 3, where everything is."""
    seen = values.dropna()
    return float(seen.median()) if len(seen) else np.nan


def _describe(runs):
    done = usable(runs)
    ends = done["objective_final"]
    hits = int((done["optimum"] == 1).sum()) if has_optima(runs) else None
    rate = statistics.wilson(hits or 0, 0 if hits is None else len(runs))
    scores = {f"median_{name}": _median(runs[name]) for name in runs if name.startswith("score")}
    told = {f"median_{name}": _median(done[name].astype(float)) for name in sampler_columns(runs)}
    if "median_n_mixed" in told and done["n_mixed"].notna().any():
        told["median_n_mixed"] = mixed_median(runs).iloc[0]
    return {
        "n_runs": len(runs),
        "n_ok": int((runs["status"] == "ok").sum()),
        "n_failed": int(runs["status"].isin(FAILED).sum()),
        "n_starts": int(runs["start"].nunique()),
        "best": ends.max(),
        "mean": ends.mean(),
        "median": _median(ends),
        "iqr": ends.quantile(0.75) - ends.quantile(0.25),
        "median_gap": _median(done["gap"]),
        "median_iter": _median(done["n_iter"].astype(float)),
        "median_seconds": _median(done["init_seconds"] + done["fit_seconds"]),
        "hits": hits,
        "hit_rate": rate.estimate,
        "hit_low": rate.low,
        "hit_high": rate.high,
        **scores,
        **told,
    }


def _versus(ends, leader, strategy):
    empty = statistics.Interval(np.nan, np.nan, np.nan)
    interval = (
        empty if leader is None else statistics.paired_difference(paired(ends, leader, strategy))
    )
    return dict(zip(("difference", "difference_low", "difference_high"), interval, strict=True))


def _column_order(table):
    """Put the differences beside the gap."""
    names = [name for name in table if not name.startswith("difference")]
    at = names.index("median_gap") + 1
    return [*names[:at], "difference", "difference_low", "difference_high", *names[at:]]
