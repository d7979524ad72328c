"""Restart economics: what the best of several runs comes to, what it costs, and which start to spend a budget on."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsinit.comparison.analysis.statistics import wilson
from tsinit.comparison.analysis.tables import cells_of, has_optima, optimum_tolerance, usable


def expected_best(objectives: npt.ArrayLike, r: int) -> float:
    """Mean of the highest of ``r`` final objectives drawn from these without replacement, exactly.

    Of n runs the i-th lowest is the highest of r in C(i - 1, r - 1) of the C(n, r) choices. A run that failed can
    be drawn too; the mean is over the choices that hold one that did not.

    Parameters
    ----------
    objectives : (n,) float
        NaN for runs that failed.
    r : int
        From 1 to n.

    Returns
    -------
    float
        NaN where every run failed.
    """
    values = np.asarray(objectives, dtype=float)
    x = np.sort(values[np.isfinite(values)])
    n_failed = values.size - x.size
    choices = [math.comb(i, r - 1) for i in range(n_failed, values.size)]
    total = sum(choices)
    if not total:
        return math.nan
    return float(sum(c / total * value for c, value in zip(choices, x, strict=True)))


def best_of_interval(
    objectives: npt.ArrayLike, r: int, worst: float, best: float
) -> tuple[float, float]:
    """Interval of the mean of the highest of ``r`` final objectives.

    With F(x) the share of runs that come no higher than x, the mean is ``best`` less the integral of F(x)^r from
    ``worst`` to ``best``. Wilson's interval of each share of the runs observed is put in its place. Objectives that no
    run has shown are left out: that is what makes any statement possible where r comes near the number of runs.

    Parameters
    ----------
    objectives : (n,) float
        NaN for runs that failed: drawn like others, and the mean is over the choices that hold one that did not.
    r : int
    worst, best : float
        Their range: the lowest and the highest known on the data set and model.

    Returns
    -------
    low, high : float
        NaN where every run failed.

    Notes
    -----
    Measured on objectives at a plateau and below it, normal, exponential and on three levels, with two other starts to
    know the range from, r up to n / 2: 94 to 100 % at n = 10, 20 and 50 (a bootstrap over runs: 47 to 98 %). Beyond
    n / 2 it falls to 82 %, and to 77 % at n = 5, where the best known optimum is likely to be surpassed.
    """
    values = np.asarray(objectives, dtype=float)
    x = np.sort(values[np.isfinite(values)])
    if x.size == 0:
        return math.nan, math.nan
    failed = 1.0 - x.size / values.size
    shares = np.array([wilson(k, x.size) for k in range(x.size + 1)])[:, 1:]
    shares[0, 0], shares[-1, 1] = 0.0, 1.0
    steps = np.diff(np.concatenate([[worst], x, [best]]))
    # Failures are below all others; where all of r fail there is no best to speak of.
    below = ((failed + (1.0 - failed) * shares) ** r - failed**r) / (1.0 - failed**r)
    high, low = best - steps @ below
    return float(low), float(high)


def chance_of_success(n_reached: int, n: int, r: int) -> float:
    """Probability that ``r`` of ``n`` runs, drawn without replacement, hold one of ``n_reached`` successes."""
    return 1.0 - math.comb(n - n_reached, r) / math.comb(n, r)


def best_of(runs: pd.DataFrame, r: int | list[int] | None = None) -> pd.DataFrame:
    """Tabulate what the best of r restarts comes to, for every start.

    Samplers are left out: to pick the chain of the highest density would spoil the draws.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    r : int, list of int or None
        Numbers of restarts, up to the number of runs; None takes all of them.

    Returns
    -------
    DataFrame
        ``dataset, model, strategy, r``; ``expected_best`` and ``expected_gap``, its distance to the best known optimum;
        ``gap_low, gap_high``, the 95 % interval of that distance (`best_of_interval`),
        a point for a start that every seed gives the same;
        ``hit``, the probability that one of the r reaches the best known optimum; ``seconds``, r times the mean cost of
        a run (start and fit, failed runs included).
    """
    wanted = None if r is None else set(np.atleast_1d(r).tolist())
    rows = []
    for dataset, model, cell in cells_of(runs):
        if not has_optima(cell):
            continue
        worst, best = usable(cell)["objective_final"].agg(["min", "max"])
        for strategy, group in cell.groupby("strategy", sort=False):
            counted = group.index.isin(usable(group).index)
            final = group["objective_final"].where(counted).to_numpy(dtype=float)
            n_reached = int((usable(group)["optimum"] == 1).sum())
            # A start without chance comes to the same, however often it is run.
            fixed = len(group) > 1 and group["start"].nunique() == 1 and np.ptp(final) == 0.0
            cost = _mean_seconds(group)
            for k in range(1, final.size + 1):
                if wanted is None or k in wanted:
                    value = expected_best(final, k)
                    chance = chance_of_success(n_reached, final.size, k)
                    low, high = (value, value) if fixed else best_of_interval(final, k, worst, best)
                    # At r = n the estimate is the highest of all, and the interval may begin just below it.
                    gaps = best - value, min(best - high, best - value), best - low
                    rows.append((dataset, model, strategy, k, value, *gaps, chance, k * cost))
    names = ["dataset", "model", "strategy", "r", "expected_best", "expected_gap", "gap_low", "gap_high", "hit",
             "seconds"]  # fmt: skip
    return pd.DataFrame(rows, columns=names).astype({"r": int} | dict.fromkeys(names[4:], float))


def recommend(runs: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """Name the start and the number of restarts that make the most of a budget.

    Of all starts and numbers of restarts that the budget pays for, those whose expected best objective is within the
    tolerance of an optimum of the highest are as good as it; the cheapest of these is named.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    seconds : float
        On one thread.

    Returns
    -------
    DataFrame
        One row for each data set and model: that of :func:`best_of`, and ``advice``, a sentence. Where the budget
        does not pay for a single run of any start, the cheapest single run is named.
    """
    rows = []
    for _, _, choices in cells_of(best_of(runs)):
        choices = choices[np.isfinite(choices["expected_best"])]
        if choices.empty:
            continue
        paid = choices[choices["seconds"] <= seconds]
        short = paid.empty
        if short:
            paid = choices.nsmallest(1, "seconds")
        top = paid["expected_best"].max()
        as_good = paid[paid["expected_best"] >= top - optimum_tolerance(top)]
        row = as_good.loc[as_good["seconds"].idxmin()]
        rows.append({**row, "advice": _advice(row, short)})
    return pd.DataFrame(rows, columns=[*best_of(runs.iloc[:0]).columns, "advice"])


def optima(runs: pd.DataFrame) -> pd.DataFrame:
    """List the distinct optima, and how often each start reached them.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.

    Returns
    -------
    DataFrame
        ``dataset, model, optimum, objective`` (the highest of the group), ``strategy, n_runs, share`` (of all runs of
        the strategy).
    """
    sizes: Any = runs.groupby(["dataset", "model", "strategy"], sort=False).size()
    rows = []
    for dataset, model, cell in cells_of(runs[runs["optimum"].notna()]):
        tops = cell.groupby("optimum")["objective_final"].max()
        counts: Any = cell.groupby(["optimum", "strategy"], sort=True).size()
        for (optimum, strategy), n in counts.items():
            share = n / sizes[dataset, model, strategy]
            rows.append((dataset, model, int(optimum), tops[optimum], strategy, int(n), share))
    return pd.DataFrame(
        rows, columns=["dataset", "model", "optimum", "objective", "strategy", "n_runs", "share"]
    )


def _mean_seconds(runs: pd.DataFrame) -> float:
    """Mean seconds of a run; failed runs cost as well."""
    return float((runs["init_seconds"] + runs["fit_seconds"]).mean())


def _advice(row: pd.Series, short: bool) -> str:
    runs = "one run" if row["r"] == 1 else f"the best of {row['r']} runs"
    text = f"{runs} of {row['strategy']} ({row['seconds']:.2g} s): expected objective {row['expected_best']:,.1f}, "
    text += f"reaches the best known optimum with probability {row['hit']:.2f}, as estimated from its runs here."
    return (
        f"The budget is too small for any run; the cheapest is {text}"
        if short
        else text[0].upper() + text[1:]
    )
