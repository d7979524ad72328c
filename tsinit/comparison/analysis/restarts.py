"""Restart economics: what the best of several runs comes to, what it costs, and which start to spend a budget on."""

import math

import numpy as np
import pandas as pd

from tsinit.comparison.analysis.statistics import wilson
from tsinit.comparison.analysis.tables import end_tolerance, has_optima, usable


def expected_best(ends, r):
    """Mean of the highest of ``r`` ends drawn from these without replacement, exactly.

    Of n runs the i-th lowest is the highest of r in C(i - 1, r - 1) of the C(n, r) choices. A run without an end can
    be drawn too; the mean is over the choices that hold an end.

    Parameters
    ----------
    ends : (n,) float
        NaN for runs without an end.
    r : int
        From 1 to n.

    Returns
    -------
    float
        NaN where no run has an end.
    """
    ends = np.asarray(ends, dtype=float)
    x = np.sort(ends[np.isfinite(ends)])
    n_failed = ends.size - x.size
    chosen = [math.comb(i, r - 1) for i in range(n_failed, ends.size)]
    total = sum(chosen)
    return (
        float(sum(c / total * value for c, value in zip(chosen, x, strict=True)))
        if total
        else math.nan
    )


def best_of_interval(ends, r, worst, best):
    """Interval of the mean of the highest of ``r`` ends.

    With F(x) the share of runs that end no higher than x, the mean is ``best`` less the integral of F(x)^r from
    ``worst`` to ``best``. Wilson's interval of each share of the runs seen is put in its place. Ends that no run has
    shown are not thought of: that is what makes any statement possible where r comes near the number of runs.

    Parameters
    ----------
    ends : (n,) float
        NaN for runs without an end: drawn like others, and the mean is over the choices that hold an end.
    r : int
    worst, best : float
        Range of the ends: the lowest and the highest known on the data set and model.

    Returns
    -------
    low, high : float
        NaN where no run has an end.

    Notes
    -----
    Measured on ends at a plateau and below it, normal, exponential and on three levels, with two other starts to know
    the range from, r up to n / 2: 94 to 100 % at n = 10, 20 and 50 (a bootstrap over runs: 47 to 98 %). Beyond n / 2
    it falls to 82 %, and to 77 % at n = 5, where the best known end is likely to be surpassed.
    """
    ends = np.asarray(ends, dtype=float)
    x = np.sort(ends[np.isfinite(ends)])
    if x.size == 0:
        return math.nan, math.nan
    failed = 1.0 - x.size / ends.size
    shares = np.array([wilson(k, x.size) for k in range(x.size + 1)])[:, 1:]
    shares[0, 0], shares[-1, 1] = 0.0, 1.0
    steps = np.diff(np.concatenate([[worst], x, [best]]))
    # Failures are below all ends; where all of r fail there is no best to speak of.
    below = ((failed + (1.0 - failed) * shares) ** r - failed**r) / (1.0 - failed**r)
    high, low = best - steps @ below
    return float(low), float(high)


def chance_of_hit(hits, n, r):
    """Probability that ``r`` of ``n`` runs, drawn without replacement, hold one of ``hits`` good ones."""
    return 1.0 - math.comb(n - hits, r) / math.comb(n, r)


def best_of(runs, r=None):
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
        ``dataset, model, strategy, r``; ``expected_best`` and ``expected_gap``, its distance to the best known end;
        ``gap_low, gap_high``, the 95 % interval of that distance (`best_of_interval`),
        a point for a start that every seed gives the same;
        ``hit``, the probability that one of the r reaches the best known end; ``seconds``, r times the mean cost of
        a run (start and fit, failed runs included).
    """
    wanted = None if r is None else set(np.atleast_1d(r).tolist())
    rows = []
    for (dataset, model), cell in runs.groupby(["dataset", "model"], sort=False):
        if not has_optima(cell):
            continue
        worst, best = usable(cell)["objective_final"].agg(["min", "max"])
        for strategy, group in cell.groupby("strategy", sort=False):
            ends = (
                group["objective_final"]
                .where(group.index.isin(usable(group).index))
                .to_numpy(dtype=float)
            )
            hits = int((usable(group)["optimum"] == 1).sum())
            # A start without chance ends where it ends, however often it is run.
            fixed = len(group) > 1 and group["start"].nunique() == 1 and np.ptp(ends) == 0.0
            cost = _cost(group)
            for k in range(1, ends.size + 1):
                if wanted is None or k in wanted:
                    value = expected_best(ends, k)
                    chance = chance_of_hit(hits, ends.size, k)
                    low, high = (value, value) if fixed else best_of_interval(ends, k, worst, best)
                    # At r = n the estimate is the highest end, and the interval may begin just below it.
                    gaps = best - value, min(best - high, best - value), best - low
                    rows.append((dataset, model, strategy, k, value, *gaps, chance, k * cost))
    names = ["dataset", "model", "strategy", "r", "expected_best", "expected_gap", "gap_low", "gap_high", "hit",
             "seconds"]  # fmt: skip
    return pd.DataFrame(rows, columns=names).astype({"r": int} | dict.fromkeys(names[4:], float))


def recommend(runs, seconds):
    """Name the start and the number of restarts that make the most of a budget.

    Of all starts and numbers of restarts that the budget pays for, those whose expected best end is within the
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
    for _, choices in best_of(runs).groupby(["dataset", "model"], sort=False):
        choices = choices[np.isfinite(choices["expected_best"])]
        if choices.empty:
            continue
        paid = choices[choices["seconds"] <= seconds]
        short = paid.empty
        if short:
            paid = choices.nsmallest(1, "seconds")
        top = paid["expected_best"].max()
        as_good = paid[paid["expected_best"] >= top - end_tolerance(top)]
        row = as_good.loc[as_good["seconds"].idxmin()]
        rows.append({**row, "advice": _advice(row, short)})
    return pd.DataFrame(rows, columns=[*best_of(runs.iloc[:0]).columns, "advice"])


def optima(runs):
    """List the distinct ends, and how often each start reached them.

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
    sizes = runs.groupby(["dataset", "model", "strategy"], sort=False).size()
    rows = []
    for (dataset, model), cell in runs[runs["optimum"].notna()].groupby(
        ["dataset", "model"], sort=False
    ):
        tops = cell.groupby("optimum")["objective_final"].max()
        for (optimum, strategy), n in (
            cell.groupby(["optimum", "strategy"], sort=True).size().items()
        ):
            share = n / sizes[dataset, model, strategy]
            rows.append((dataset, model, int(optimum), tops[optimum], strategy, int(n), share))
    return pd.DataFrame(
        rows, columns=["dataset", "model", "optimum", "objective", "strategy", "n_runs", "share"]
    )


def _cost(runs):
    """Mean seconds of a run; failed runs cost as well."""
    return float((runs["init_seconds"] + runs["fit_seconds"]).mean())


def _advice(row, short):
    runs = "one run" if row["r"] == 1 else f"the best of {row['r']} runs"
    text = f"{runs} of {row['strategy']} ({row['seconds']:.2g} s): expected end {row['expected_best']:,.1f}, "
    text += f"reaches the best known end with probability {row['hit']:.2f}."
    return (
        f"The budget is too small for any run; the cheapest is {text}"
        if short
        else text[0].upper() + text[1:]
    )
