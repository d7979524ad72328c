"""Which engine suits a table: each fills cells that are hidden in the pattern of its own gaps, in a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit import metrics
from tsinit.models.imputation.engines import ENGINES, FAILURES, by_gaps, suitable
from tsinit.models.imputation.transforms import predictive_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray
    from tsinit.models.imputation.model import ImputerOptions
    from tsinit.models.imputation.problem import ImputationProblem

#: Share of the sweeps of a fit that the trial of an engine takes, and sweeps that it takes anyway.
_SHARE, _MIN_SWEEPS = 0.03, 20
#: Share of the observed cells of a column that are hidden at most, and how many cells a trial needs.
_MAX_HIDDEN, _MIN_HIDDEN = 0.2, 20
#: Times that the pattern of the gaps is moved until enough is hidden.
_MOVES = 20
#: Relative gain in CRPS from which another engine is taken than the gaps suggest: less may be chance.
_GAIN = 0.02
#: Level of the intervals whose coverage is reported.
_LEVEL = 0.9
#: R-hat of a trial up to which draws may have mixed, so few as they are: beyond, it counts against an engine.
_MIXED = 1.1
#: What to try first in place of an engine, where no trial said.
_NEXT = ("var", "state_space", "fcs")
#: What is said of an engine.
_SCORES = ("mae", "rmse", "crps", "coverage", "rhat")


class MethodChoice(NamedTuple):
    """The engine that was chosen, and what the trial said of each; None where there was nothing to choose."""

    method: str
    table: pd.DataFrame | None


def choose_method(
    problem: ImputationProblem,
    options: ImputerOptions,
    periods: Sequence[float],
    rng: np.random.Generator,
) -> MethodChoice:
    """Choose the engine that fills hidden cells best, by the CRPS of its draws and by how its chain mixes.

    R-hat is the factor by which draws may yet change in scale (Gelman and Rubin, Statistical Science 7, 1992): where it
    is above what so few draws have anyway, the CRPS is multiplied by it. What the gaps suggest is kept unless another
    is better by two percent. Nothing depends on the clock of the machine, so that equal seeds choose alike.

    Parameters
    ----------
    problem : ImputationProblem
    options : ImputerOptions
    periods : sequence of float
    rng : numpy.random.Generator
        Says which cells are hidden, and feeds the trials.

    Returns
    -------
    MethodChoice
        With a row for each engine: ``mae``, ``rmse`` and ``crps`` of the hidden cells, in standard deviations of the
        columns, ``coverage`` of 90 % intervals, ``rhat`` of the filled cells, and whether it was ``chosen``. Scores are
        NaN where an engine failed.
    """
    suggested = by_gaps(problem)
    names = [name for name in ENGINES if suitable(name, problem)]
    hidden = hide_like_gaps(problem, rng)
    if len(names) < 2 or hidden.sum() < _MIN_HIDDEN:
        return MethodChoice(suggested, None)
    trial = problem._replace(z=np.where(hidden, np.nan, problem.z))
    schedule = options.schedule
    n_sweeps = max(int(_SHARE * schedule.n_sweeps * options.n_chains), _MIN_SWEEPS)
    truth, rows = problem.z[hidden], {}
    for name, own in zip(names, rng.spawn(len(names)), strict=True):
        try:
            draws = _draws(name, trial, hidden, options, periods, own, n_sweeps)
        except FAILURES:
            rows[name] = dict.fromkeys(_SCORES, np.nan)
            continue
        rows[name] = _scores(truth, draws)
    return _chosen(rows, suggested)


def hide_like_gaps(problem: ImputationProblem, rng: np.random.Generator) -> BoolArray:
    """Choose observed cells to hide: those that are missing where the pattern of the gaps is moved along the rows.

    Gaps keep their lengths, and columns go missing together as they do. Where that would hide more than a fifth of
    what was observed of a column, it is done in some rows that follow one another only.

    Parameters
    ----------
    problem : ImputationProblem
    rng : numpy.random.Generator

    Returns
    -------
    (T, D) bool
    """
    missing = problem.missing
    observed = ~missing & ~problem.censored.mask(missing.shape)
    hidden, T = np.zeros_like(missing), len(missing)
    if not missing.any() or T < 2:
        return hidden
    room = (_MAX_HIDDEN * observed.sum(axis=0)).astype(int)
    wanted = np.minimum(room, missing.sum(axis=0))  # no more gaps than there are
    for _ in range(_MOVES):
        moved = observed & ~hidden & np.roll(missing, int(rng.integers(1, T)), axis=0)
        order = np.roll(np.arange(T), -int(rng.integers(T)))
        # The first rows from a random one on in which no column goes beyond its room.
        counts = hidden.sum(axis=0) + np.cumsum(moved[order], axis=0)
        n_rows = int(np.searchsorted((counts > room).any(axis=1), True))
        hidden[order[:n_rows]] |= moved[order[:n_rows]]
        if (hidden.sum(axis=0) >= wanted // 2).all():
            break
    return hidden


def _draws(
    name: str,
    trial: ImputationProblem,
    hidden: BoolArray,
    options: ImputerOptions,
    periods: Sequence[float],
    rng: np.random.Generator,
    n_sweeps: int,
) -> FloatArray:
    """(n, hidden cells) draws of one chain, after as many sweeps of warm-up."""
    chain = ENGINES[name](trial, options, periods, rng).chain(_lines(trial), rng, n_sweeps // 2)
    # A sweep that draws everything several times mixes as much better.
    n = max(n_sweeps // getattr(chain, "repeats", 1), _MIN_SWEEPS) // 2
    mine, draws = hidden[trial.missing], []
    for i in range(2 * n):
        chain.sweep()
        if i >= n:
            draws.append(chain.draw[mine])
    return np.array(draws)


def _lines(problem: ImputationProblem) -> FloatArray:
    """Complete a problem by straight lines over its rows, within the limits."""
    rows, z = np.arange(len(problem.z)), problem.z.copy()
    for column, gone in zip(z.T, problem.missing.T, strict=True):
        if not gone.all():
            column[gone] = np.interp(rows[gone], rows[~gone], column[~gone])
    return problem.censored.inside(np.clip(np.nan_to_num(z), problem.low, problem.high))


def another_engine(
    method: str, problem: ImputationProblem, table: pd.DataFrame | None
) -> str | None:
    """Name the engine to try where the chains of one do not mix: the next best of the trial, where there was one."""
    if table is None:
        return next((name for name in _NEXT if name != method and suitable(name, problem)), None)
    left = _weighed(table).drop(method).dropna()
    return None if left.empty else str(left.idxmin())


def pooled_rhat(draws: FloatArray) -> float:
    """Split R-hat of one chain over many cells: variances between and within its two halves, summed over the cells.

    Of a single cell, R-hat of some ten draws is chance; over many, it is not.

    Parameters
    ----------
    draws : (n, cells) float
        Of one chain, in the order in which they were drawn, four at least.

    Returns
    -------
    float
        Infinite where no cell moves within a half.
    """
    n = len(draws) // 2
    halves = np.array([draws[:n], draws[-n:]])
    if not np.ptp(halves, axis=1).any():
        return np.inf
    within = halves.var(axis=1, ddof=1).sum()
    between = halves.mean(axis=1).var(axis=0, ddof=1).sum()
    return float(np.sqrt((n - 1) / n + 2.0 * between / within))


def _scores(truth: FloatArray, draws: FloatArray) -> dict[str, float]:
    mean = draws.mean(axis=0)
    lower, upper = predictive_quantiles(draws, (0.5 - _LEVEL / 2, 0.5 + _LEVEL / 2))
    return {
        "mae": float(metrics.mae(truth, mean)),
        "rmse": float(metrics.rmse(truth, mean)),
        "crps": float(metrics.crps(truth, draws)),
        "coverage": float(metrics.coverage(truth, lower, upper)),
        "rhat": pooled_rhat(draws),
    }


def _weighed(table: pd.DataFrame) -> pd.Series:
    """CRPS of every engine, times R-hat where that is large."""
    return table["crps"] * np.maximum(table["rhat"] / _MIXED, 1.0)


def _chosen(rows: dict[str, dict[str, float]], suggested: str) -> MethodChoice:
    import pandas as pd

    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    weighed = _weighed(table)
    best = suggested if weighed.isna().all() else str(weighed.idxmin())
    kept = weighed.get(suggested, np.nan)
    method = best if not kept <= (1.0 + _GAIN) * weighed.min() else suggested
    table["chosen"] = table.index == method
    return MethodChoice(method, table)
