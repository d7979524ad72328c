"""Time to a target: when each run got there, what is known of those that did not, and what success costs."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsinit._typing import BoolArray, FloatArray
from tsinit._validate import check_number
from tsinit.comparison.analysis.statistics import Interval, wilson
from tsinit.comparison.analysis.tables import KEYS, cells_of, has_optima, optimum_tolerance, usable

#: A run that a limit stopped might still have arrived.
_STOPPED = ("not_converged", "timeout")


def reach_times(
    runs: pd.DataFrame, traces: pd.DataFrame, target: float | dict[str, float] | None = None
) -> pd.DataFrame:
    """Find when each run reached the target.

    Parameters
    ----------
    runs, traces : DataFrame
        Of a ``Comparison``.
    target : float, dict of str to float by data set, or None
        An objective; None takes the best known optimum of each data set and model less the tolerance within which
        optima are the same, and leaves out samplers, whose objective passes any such value by chance.

    Returns
    -------
    DataFrame
        ``run_id``, the keys, ``target``, ``reached``, ``never``, and ``iterations`` and ``seconds`` (start included)
        until the target, or until the run ended without it. A run stopped by a limit might have arrived later: its
        time is censored. One that converged elsewhere or failed would not: ``never`` is true.
    """
    by_run = {run_id: trace for run_id, trace in traces.groupby("run_id", sort=False)}
    rows = []
    for dataset, _, cell in cells_of(runs):
        level = _level(cell, dataset, target)
        if level is None:
            continue
        finished = set(usable(cell)["run_id"])
        run: Any  # a row
        for run in cell.itertuples():
            trace = by_run.get(run.run_id, traces.iloc[:0])
            there = np.flatnonzero((trace["objective"] >= level) & (run.run_id in finished))
            if there.size:
                at = there[0]
                times = (
                    True,
                    False,
                    int(trace["iteration"].iloc[at]),
                    run.init_seconds + trace["seconds"].iloc[at],
                )
            else:
                never = run.status not in _STOPPED
                times = (False, never, max(len(trace) - 1, 0), run.init_seconds + run.fit_seconds)
            rows.append((run.run_id, *(getattr(run, key) for key in KEYS), level, *times))
    return pd.DataFrame(
        rows, columns=["run_id", *KEYS, "target", "reached", "never", "iterations", "seconds"]
    )


def to_target(
    runs: pd.DataFrame, traces: pd.DataFrame, target: float | dict[str, float] | None = None
) -> pd.DataFrame:
    """Describe for every start how soon it reaches the target and what a success costs.

    Parameters
    ----------
    runs, traces, target
        As in :func:`reach_times`.

    Returns
    -------
    DataFrame
        ``dataset, model, strategy, target, n_runs, n_reached``; ``rate, rate_low, rate_high`` (Wilson);
        ``median_iterations, median_seconds`` from the Kaplan-Meier curve, NaN where fewer than half arrive;
        ``expected_iterations, expected_seconds``: the running time to be expected when runs follow each other until
        one arrives, all that was spent over the number of successes, infinite without one; and their 95 % intervals,
        ``expected_iterations_low, ..._high, expected_seconds_low, ..._high``
        (:func:`running_time_interval`).

    References
    ----------
    Hansen, Auger, Ros, Mersmann, Tušar and Brockhoff, Optimization Methods and Software 36 (2021), p. 114-144.
    Kaplan and Meier, Journal of the American Statistical Association 53 (1958), p. 457-481.
    """
    times = reach_times(runs, traces, target)
    rows = []
    for keys, group in times.groupby(["dataset", "model", "strategy", "target"], sort=False):
        reached = group["reached"].to_numpy(dtype=bool)
        rate = wilson(int(reached.sum()), len(group))
        medians = [median_time(waits(group, unit), reached) for unit in ("iterations", "seconds")]
        expected = [
            running_time_interval(group[unit], reached) for unit in ("iterations", "seconds")
        ]
        rows.append(
            (*keys, len(group), int(reached.sum()), *rate, *medians, *expected[0], *expected[1])
        )
    names = [
        "dataset",
        "model",
        "strategy",
        "target",
        "n_runs",
        "n_reached",
        "rate",
        "rate_low",
        "rate_high",
    ]
    names += ["median_iterations", "median_seconds"]
    names += [
        f"expected_{unit}{end}"
        for unit in ("iterations", "seconds")
        for end in ("", "_low", "_high")
    ]
    return pd.DataFrame(rows, columns=names)


def waits(times: pd.DataFrame, unit: str) -> FloatArray:
    """Take the times until the target or the end of the run; runs that never arrive wait for ever.

    Parameters
    ----------
    times : DataFrame
        Of :func:`reach_times`.
    unit : {"iterations", "seconds"}

    Returns
    -------
    (n,) float
    """
    return np.asarray(times[unit].astype(float).mask(times["never"], math.inf), dtype=np.float64)


def arrival_curve(times: npt.ArrayLike, reached: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Share of runs that have arrived by each time, where some were stopped before (Kaplan-Meier).

    Parameters
    ----------
    times : (n,) float
    reached : (n,) bool
        False where the run ended without arriving: all that is known is that it would have taken longer; an infinite
        time is one that never arrives.

    Returns
    -------
    t, share : (m,) float
        Distinct times of arrival, and the estimated share that arrives no later.
    """
    times, reached = np.asarray(times, dtype=float), np.asarray(reached, dtype=bool)
    t = np.unique(times[reached])
    arrived = np.array([np.count_nonzero(reached & (times == at)) for at in t])
    waiting = np.array([np.count_nonzero(times >= at) for at in t])
    return t, 1.0 - np.cumprod(1.0 - arrived / waiting)


def median_time(times: FloatArray, reached: BoolArray) -> float:
    """First time by which half have arrived on the curve, NaN where it never gets there."""
    t, share = arrival_curve(times, reached)
    there = share >= 0.5 - 1e-12
    return float(t[there][0]) if there.any() else math.nan


def running_time_interval(costs: npt.ArrayLike, reached: npt.ArrayLike) -> Interval:
    """Running time to be expected until a run succeeds, all that was spent over the successes, with its interval.

    The time is the mean cost of a success and, for every success, (1 - p) / p failures at their mean cost. Wilson's
    interval of p gives one part of the uncertainty, the spread of the costs the other; they are joined as Zou and
    Donner join intervals.

    Parameters
    ----------
    costs : (n,) float
        What each run took.
    reached : (n,) bool
        Which runs succeeded.

    Returns
    -------
    Interval
        Without a success the estimate and the upper limit are infinite; the lower limit is not.

    Notes
    -----
    Measured for success rates from 0.05 to 0.95, equal costs and costs with a variation of 0.5 and 1, 5 to 50 runs: 91
    to 98 %, 94.3 % on average (a bootstrap over runs: 21 to 98 %).

    References
    ----------
    Zou and Donner, Statistics in Medicine 27 (2008), p. 1693-1702.
    """
    from scipy.special import stdtrit

    costs, reached = np.asarray(costs, dtype=float), np.asarray(reached, dtype=bool)
    n, k = costs.size, int(reached.sum())
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    # A kind of run that was never observed is taken to cost what the others cost.
    success = costs[reached].mean() if k else costs.mean()
    failure = costs[~reached].mean() if k < n else costs.mean()
    _, low_rate, high_rate = wilson(k, n)
    low, high = (_expected_time(rate, success, failure) for rate in (high_rate, low_rate))
    if k == 0:
        return Interval(math.inf, low, math.inf)
    estimate = float(costs.sum() / k)
    rest = costs - np.where(reached, success, failure)
    spread = (
        0.0 if n < 3 else float(stdtrit(n - 1, 0.975) ** 2 * (rest @ rest) / (n - 2) * n / k**2)
    )
    below = math.sqrt((estimate - low) ** 2 + spread)
    above = math.sqrt((high - estimate) ** 2 + spread) if math.isfinite(high) else math.inf
    return Interval(estimate, max(estimate - below, float(costs.min())), estimate + above)


def _expected_time(rate: float, success: float, failure: float) -> float:
    return float(success + (1.0 - rate) / rate * failure) if rate > 0.0 else math.inf


def _level(
    cell: pd.DataFrame, dataset: str, target: float | dict[str, float] | None
) -> float | None:
    if isinstance(target, dict):
        return target.get(dataset)
    if target is not None:
        return check_number("target", target)
    best = usable(cell)["objective_final"].max()
    return best - optimum_tolerance(best) if has_optima(cell) and np.isfinite(best) else None
