"""One line for each strategy: final objective, success rate, cost."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._typing import FloatArray
from tsinit.comparison.analysis import statistics
from tsinit.comparison.analysis.tables import (
    FAILED,
    cells_of,
    has_optima,
    names_of,
    tolerance_in,
    usable,
)

#: Fewer differences of one sign than this happen in more than one of twenty pairs of starts that are alike.
_MIN_DECISIVE = 6


class Standing(NamedTuple):
    """How a strategy stands to the leader of its data set and model.

    Over all strategies at once, one that is no worse than the leader is called so in 5 % of comparisons at most.
    """

    verdict: (
        str  # "worse": the interval excludes 0; "equal": the same optimum from every seed; "open"
    )
    difference: statistics.Interval  # leader minus this, from the same seeds; all hold together
    n_seeds: float  # replicates that would settle it; NaN where there are too few to tell
    n_pairs: int  # seeds that both finished


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
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
            all runs, those that converged, those that failed (``error``, ``diverged``)
        ``n_starts``
            distinct starting points; 1 means that the strategy gives the same start whatever the seed
        ``best, mean, median, iqr``
            of the final objective
        ``median_gap``
            of the distance to the best known optimum
        ``difference, difference_low, difference_high``
            mean advantage over this strategy of the best one, over the seeds that both finished; BCa interval,
            widened for small and skewed samples, from five pairs on: 95 % with two strategies, and with more of them
            at the level at which the intervals of all pairs hold together in 95 % of cases (Bonferroni)
        ``median_iter, median_seconds``
            iterations; seconds of start and fit together
        ``hits, hit_rate, hit_low, hit_high``
            runs that reached the best known optimum, their share of *all* runs, Wilson's 95 % interval of each
            strategy by itself; missing for
            samplers, whose final objectives are means over draws and never meet
        ``median_rhat, median_ess, ...``
            of each column in which samplers report on their draws; ``median_n_settle`` of the iterations until a
            chain is within its stationary range; ``median_n_mixed`` of those until R-hat of the chains of a run is
            below 1.01, infinite where half of the runs do not get there
        ``median_score...``
            of each score column
    """
    rows = []
    for dataset, model, cell in cells_of(runs):
        final = wide(cell, "objective_final")
        ranked = rank_final(final)
        leader = ranked[0] if ranked else None
        level, fixed = family_level(cell), fixed_starts(cell)
        groups = {str(name): group for name, group in cell.groupby("strategy", sort=False)}
        for strategy in best_first(cell):
            of_strategy = groups[strategy]
            rows.append(
                {"dataset": dataset, "model": model, "strategy": strategy}
                | _describe(of_strategy)
                | _versus(final, leader, strategy, level, fixed)
            )
    table = pd.DataFrame(rows).astype({"hits": "Int64"})
    return table[_column_order(table)]


def best_first(cell: pd.DataFrame) -> list[str]:
    """List the strategies of one data set and model as tables and pictures show them: the best first, failed ones last.

    Parameters
    ----------
    cell : DataFrame
        The runs of one data set and model.
    """
    ranked = rank_final(wide(cell, "objective_final"))
    return [*ranked, *(name for name in dict.fromkeys(cell["strategy"]) if name not in ranked)]


def sampler_columns(runs: pd.DataFrame) -> list[str]:
    """Name the columns in which samplers report on their draws: they stand between monotone and init_seconds."""
    names = names_of(runs)
    if "monotone" not in names:
        return []
    return names[names.index("monotone") + 1 : names.index("init_seconds")]


def median_n_mixed(runs: pd.DataFrame) -> pd.Series:
    """Median iterations until R-hat is below 1.01 by strategy, infinite where half of the runs do not get there."""
    done = usable(runs)
    # A run that never mixes must not drop out of the median.
    times = done["n_mixed"].astype(float).fillna(np.inf)
    return times.groupby(done["strategy"], sort=False).median()


def wide(cell: pd.DataFrame, column: str) -> pd.DataFrame:
    """Arrange a column of one data set and model as replicate x strategy, NaN where a run failed."""
    table = usable(cell).pivot(index="replicate", columns="strategy", values=column)
    return table.reindex(columns=list(dict.fromkeys(cell["strategy"])))


def rank_final(final: pd.DataFrame) -> list[str]:
    """Rank strategies by their final objectives, (replicate, strategy); those at the same optima are tied."""
    return ranking(final, tolerance_in(final))


def ranking(values: pd.DataFrame, tolerance: float = 0.0) -> list[str]:
    """Order the strategies that have a value, best first.

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
    names = [name for name in names_of(values) if values[name].notna().any()]
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


def paired(values: pd.DataFrame, leader: str, strategy: str) -> FloatArray:
    """Differences leader minus strategy over the replicates that both finished."""
    return (values[leader] - values[strategy]).dropna().to_numpy()


def standings(cell: pd.DataFrame) -> tuple[str | None, dict[str, Standing]]:
    """Compare all strategies with the best one, over the seeds that both finished.

    Parameters
    ----------
    cell : DataFrame
        The runs of one data set and model.

    Returns
    -------
    leader : str or None
        None if every run failed.
    others : dict of str to Standing
        The other strategies of which a run did not fail.
    """
    final = wide(cell, "objective_final")
    ranked = rank_final(final)
    if not ranked:
        return None, {}
    leader, tolerance = ranked[0], tolerance_in(final)
    level, fixed = family_level(cell), fixed_starts(cell)
    others = [name for name in names_of(final) if name in ranked[1:]]
    return leader, {
        name: _standing(
            paired(final, leader, name), tolerance, level, alike={leader, name} <= fixed
        )
        for name in others
    }


def family_level(cell: pd.DataFrame) -> float:
    """Return the level at which the intervals of all pairs of the strategies of a cell hold together.

    The verdict names a pair by its objective and may name another by its score on held-out data.
    """
    n = usable(cell)["strategy"].nunique()
    return statistics.simultaneous_level(n, 2 if "score_test" in cell else 1)


def fixed_starts(cell: pd.DataFrame) -> set[str]:
    """Name the strategies that give one start for every seed."""
    starts: Any = usable(cell).groupby("strategy", sort=False)["start"].agg(["size", "nunique"])
    return set(starts.index[(starts["nunique"] == 1) & (starts["size"] > 1)])


def difference(
    differences: FloatArray, level: float, alike: bool, tolerance: float = 0.0
) -> statistics.Interval:
    """Return the mean of paired differences and its interval.

    Where starts reach one of a few optima, differences take a few values, which no formula for means expects. Two or
    three equal ones are no interval of no width, unless both starts are without chance. And among several starts an
    interval has 0 in it where most seeds tie and fewer than six decide: a sign test finds no evidence in five.

    Parameters
    ----------
    differences : (n,) float
    level : float
    alike : bool
        Whether both starts are the same for every seed.
    tolerance : float
        A difference up to this is a tie.
    """
    estimate, low, high = statistics.paired_difference(differences, level)
    n_decisive = int((np.abs(differences) > tolerance).sum())
    if differences.size < statistics.MIN_PAIRS and not alike:
        low = high = np.nan
    elif level > 0.95 and n_decisive < min(_MIN_DECISIVE, differences.size):
        low, high = min(low, 0.0), max(high, 0.0)
    return statistics.Interval(estimate, low, high)


def _standing(differences: FloatArray, tolerance: float, level: float, alike: bool) -> Standing:
    n, interval = differences.size, difference(differences, level, alike, tolerance)
    equal = n > 0 and np.abs(differences).max() <= tolerance
    verdict = "equal" if equal else "worse" if interval.low > 0 else "open"
    # Where normal theory asks for no more seeds than there were, skewness left it open: more must decide. From fewer
    # pairs than carry an interval nothing is forecast: their spread is hardly known.
    more = math.ceil(1.5 * n) if n >= statistics.MIN_PAIRS else np.nan
    needed = float(np.maximum(statistics.seeds_needed(differences, level), more))
    return Standing(verdict, interval, needed, n)


def _median(values: pd.Series) -> float:
    """Median of what is not missing; NaN, and no warning as from pandas before 3, where everything is."""
    observed = values.dropna()
    return float(observed.median()) if len(observed) else np.nan


def _describe(runs: pd.DataFrame) -> dict[str, Any]:
    done = usable(runs)
    final = done["objective_final"]
    hits = int((done["optimum"] == 1).sum()) if has_optima(runs) else None
    rate = statistics.wilson(hits or 0, 0 if hits is None else len(runs))
    scores = {
        f"median_{name}": _median(runs[name]) for name in names_of(runs) if name.startswith("score")
    }
    sampler = {
        f"median_{name}": _median(done[name].astype(float)) for name in sampler_columns(runs)
    }
    if "median_n_mixed" in sampler and done["n_mixed"].notna().any():
        sampler["median_n_mixed"] = median_n_mixed(runs).iloc[0]
    return {
        "n_runs": len(runs),
        "n_ok": int((runs["status"] == "ok").sum()),
        "n_failed": int(runs["status"].isin(FAILED).sum()),
        "n_starts": int(runs["start"].nunique()),
        "best": final.max(),
        "mean": final.mean(),
        "median": _median(final),
        "iqr": final.quantile(0.75) - final.quantile(0.25),
        "median_gap": _median(done["gap"]),
        "median_iter": _median(done["n_iter"].astype(float)),
        "median_seconds": _median(done["init_seconds"] + done["fit_seconds"]),
        "hits": hits,
        "hit_rate": rate.estimate,
        "hit_low": rate.low,
        "hit_high": rate.high,
        **scores,
        **sampler,
    }


def _versus(
    final: pd.DataFrame, leader: str | None, strategy: str, level: float, fixed: set[str]
) -> dict[str, float]:
    interval = statistics.Interval(np.nan, np.nan, np.nan)
    if leader is not None:
        alike = leader == strategy or {leader, strategy} <= fixed
        d = paired(final, leader, strategy)
        interval = difference(d, level, alike, tolerance_in(final))
    return dict(zip(("difference", "difference_low", "difference_high"), interval, strict=True))


def _column_order(table: pd.DataFrame) -> list[str]:
    """Put the differences beside the gap."""
    names = [name for name in names_of(table) if not name.startswith("difference")]
    at = names.index("median_gap") + 1
    return [*names[:at], "difference", "difference_low", "difference_high", *names[at:]]
