"""Over data sets: only they generalise, so each counts once, however many seeds it was run from."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tsinit._validate import check_count, check_number
from tsinit.comparison.analysis import statistics
from tsinit.comparison.analysis.checks import LOWER, MIN_DATASETS, check_differences
from tsinit.comparison.analysis.summary import paired, wide
from tsinit.comparison.analysis.tables import tolerance_in

_POSTERIOR_DRAWS = 50_000


class SignedRankPosterior(NamedTuple):
    """Probabilities that one start is better, that both are practically the same, that the other is better."""

    better: float
    same: float
    worse: float


class MeanRanks(NamedTuple):
    """Mean ranks of the starts over data sets, 1 the best."""

    ranks: pd.Series  # by strategy, best first
    critical_difference: float  # ranks further apart than this differ at the 5 % level (Nemenyi)
    p_value: float  # that no start is better than another (Friedman)
    n_datasets: int

    def groups(self) -> list[list[str]]:
        """List the starts that cannot be told apart: the longest runs of ranks within the critical difference.

        Returns
        -------
        list of list of str
            Best first; a start that differs from all others is in none.
        """
        values, names = self.ranks.to_numpy(), list(self.ranks.index)
        last = [int(np.flatnonzero(values - low <= self.critical_difference)[-1]) for low in values]
        # A run that ends where the one before it ended is part of that one.
        return [
            names[i : j + 1] for i, j in enumerate(last) if j > i and (i == 0 or last[i - 1] < j)
        ]


def hierarchical_difference(groups: Sequence[npt.ArrayLike]) -> statistics.Interval:
    """Mean over data sets of the mean paired difference, with a 95 % interval from a bootstrap over data sets.

    Data sets are drawn with replacement and bring their seeds with them. Drawing the seeds anew within each data
    set as well would count their spread twice, because the means of data sets hold it already: measured, that
    covered 98 to 99 % where seeds vary more than data sets. The interval is widened for small and skewed samples of
    data sets as :func:`tsinit.comparison.analysis.statistics.paired_difference` says, with the coverage given there.

    Parameters
    ----------
    groups : list of (n_i,) float
        Paired differences of each data set.

    Returns
    -------
    statistics.Interval
        Without limits below six data sets.

    Raises
    ------
    ValueError
        If a group is no sequence of numbers, or holds NaN.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8: of resampling both levels and
    the upper one only, the second has the right variance.
    """
    checked = [check_differences(group, f"groups[{i}]") for i, group in enumerate(groups)]
    means = np.array([group.mean() for group in checked if len(group)])
    if means.size >= MIN_DATASETS:
        return statistics.paired_difference(means)
    estimate = float(means.mean()) if means.size else math.nan
    return statistics.Interval(estimate, math.nan, math.nan)


def signed_rank(
    differences: npt.ArrayLike, rope: float = 0.0, n_draws: int = _POSTERIOR_DRAWS
) -> SignedRankPosterior:
    """Bayesian signed-rank test: how probable it is that one start is better on a data set yet to come.

    The distribution of differences has a Dirichlet process prior of strength 1/2 at 0, so that its posterior puts
    random weights w on 0 and on the differences z; better is the weight of the pairs with z_i + z_j > 2 rope.

    Parameters
    ----------
    differences : (n,) float
        One for each data set.
    rope : float
        Half-width of the region of practical equivalence.
    n_draws : int
        Draws of the posterior.

    Returns
    -------
    SignedRankPosterior
        Shares of the posterior in which each of the three outcomes is the most probable one.

    Raises
    ------
    ValueError
        If the differences are no sequence of numbers, one is NaN, or `rope` or `n_draws` is not allowed.

    References
    ----------
    Benavoli, Mangili, Corani, Zaffalon and Ruggeri, ICML (2014), on the prior; Benavoli, Corani, Demšar and
    Zaffalon, JMLR 18 (2017), section 4.3, on the region.
    """
    rope, n_draws = check_number("rope", rope, 0.0), check_count("n_draws", n_draws)
    z = np.concatenate([[0.0], check_differences(differences)])
    strength = np.concatenate([[0.5], np.ones(z.size - 1)])
    weights = np.random.default_rng(0).dirichlet(strength, n_draws)
    sums = z[:, None] + z[None, :]
    # A pair exactly on the border counts half to either side.
    above = np.heaviside(sums - 2.0 * rope, 0.5)
    below = np.heaviside(-sums - 2.0 * rope, 0.5)
    better = np.einsum("si,ij,sj->s", weights, above, weights, optimize=True)
    worse = np.einsum("si,ij,sj->s", weights, below, weights, optimize=True)
    if rope == 0.0:
        ahead = float(np.mean(np.heaviside(better - worse, 0.5)))
        return SignedRankPosterior(ahead, 0.0, 1.0 - ahead)
    winner = np.argmax([better, 1.0 - better - worse, worse], axis=0)
    return SignedRankPosterior(*(np.bincount(winner, minlength=3) / n_draws).tolist())


def pairs_over_datasets(
    runs: pd.DataFrame, column: str = "objective_final", rope: float | None = None
) -> pd.DataFrame:
    """Compare all pairs of starts over the data sets of each model.

    Parameters
    ----------
    runs : DataFrame
        ``Comparison.runs``.
    column : str
        What is compared; higher is better, but for those in ``LOWER``.
    rope : float or None
        Differences up to this are practically none; None takes, for objectives, the tolerance within which optima
        are the same, and 0 for other columns.

    Returns
    -------
    DataFrame
        ``model, strategy, rival, n_datasets, difference, low, high, p_better, p_same, p_worse``: the mean over data
        sets of strategy minus rival from the same seeds with its interval, and the Bayesian signed-rank test of who is
        better, which in a column of ``LOWER`` is the one below.
    """
    rows, sign = [], -1.0 if column in LOWER else 1.0
    runs = _complete(runs, column)
    for model, of_model in runs.groupby("model", sort=False):
        tables = [wide(cell, column) for _, cell in of_model.groupby("dataset", sort=False)]
        names = list(dict.fromkeys(of_model["strategy"]))
        for strategy, rival in itertools.combinations(names, 2):
            groups = [paired(table, strategy, rival) for table in tables]
            groups = [group for group in groups if group.size]
            if groups:
                interval = hierarchical_difference(groups)
                width = _tolerance(column, tables) if rope is None else rope
                chances = signed_rank([sign * group.mean() for group in groups], width)
                rows.append((model, strategy, rival, len(groups), *interval, *chances))
    names = [
        "model",
        "strategy",
        "rival",
        "n_datasets",
        "difference",
        "low",
        "high",
        "p_better",
        "p_same",
        "p_worse",
    ]
    return pd.DataFrame(rows, columns=names)


def mean_ranks(runs: pd.DataFrame, column: str = "objective_final") -> MeanRanks:
    """Rank the starts on every data set by their mean, and average the ranks.

    Parameters
    ----------
    runs : DataFrame
        Runs of one model on six data sets at least.
    column : str
        What is ranked; higher is better, but for those in ``LOWER``. A start all of whose runs failed on a data
        set comes last there.

    Returns
    -------
    MeanRanks

    References
    ----------
    Demšar, Journal of Machine Learning Research 7 (2006), p. 1-30.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    names = list(dict.fromkeys(runs["strategy"]))
    runs, sign = _complete(runs, column), -1.0 if column in LOWER else 1.0
    cells = [
        sign * wide(cell, column)[names].mean() for _, cell in runs.groupby("dataset", sort=False)
    ]
    ranks = np.array([rankdata(-cell.fillna(-math.inf).to_numpy()) for cell in cells])
    n, k = ranks.shape
    difference = (
        studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2.0) * math.sqrt(k * (k + 1) / (6.0 * n))
    )
    # Everywhere the same rank: nothing to test, and 0 / 0 in the formula.
    alike = bool((ranks == ranks[:, :1]).all())
    p_value = 1.0 if alike else float(friedmanchisquare(*ranks.T).pvalue) if k > 2 else math.nan
    means = pd.Series(ranks.mean(axis=0), index=names, name="mean_rank").sort_values(kind="stable")
    return MeanRanks(means, float(difference), p_value, n)


def _complete(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """Count a run whose chains did not come to agree as one that took all its iterations: it took more."""
    if column != "n_mixed":
        return runs
    return runs.assign(n_mixed=runs["n_mixed"].astype(float).fillna(runs["n_iter"].astype(float)))


def _tolerance(column: str, tables: list[pd.DataFrame]) -> float:
    """Half a nat and a little more where objectives are large, as for distinct optima."""
    if column not in ("objective_final", "gap"):
        return 0.0
    return float(np.nanmean([tolerance_in(table) for table in tables]))
