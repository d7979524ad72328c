"""What a finished comparison can be asked beyond its summary: restarts, targets, optima, other data sets, mixing."""

from typing import Any

from tsinit._validate import check_count, check_number
from tsinit.comparison.analysis import checks_after, mixing, over_datasets, restarts, targets


class Questions:
    """Methods of a ``Comparison`` that answer with a table."""

    runs: Any
    traces: Any

    def best_of(self, r=None):
        """Tell what the best of r restarts of each start comes to, exactly from the order statistics of the runs.

        Parameters
        ----------
        r : int or None
            Number of restarts; None lists every number up to that of the runs.

        Returns
        -------
        DataFrame
            ``dataset, model, strategy, r, expected_best, expected_gap, gap_low, gap_high, hit, seconds``; see
            :func:`tsinit.comparison.analysis.restarts.best_of`.

        Raises
        ------
        ValueError
            If all models are samplers: to keep the chain of the highest density would spoil the draws.
        """
        checks_after.check_optima(self.runs)
        return restarts.best_of(self.runs, None if r is None else check_count("r", r))

    def recommend(self, seconds):
        """Name the start and the number of restarts that make the most of a budget.

        Parameters
        ----------
        seconds : float
            Time to spend on one thread.

        Returns
        -------
        DataFrame
            ``dataset, model, strategy, r, ..., advice``, the last a sentence; see
            :func:`tsinit.comparison.analysis.restarts.recommend`.
        """
        checks_after.check_optima(self.runs)
        return restarts.recommend(self.runs, check_number("seconds", seconds, 0.0))

    def optima(self):
        """List the distinct ends and how often each start reached them.

        Returns
        -------
        DataFrame
            ``dataset, model, optimum, objective, strategy, n_runs, share``.
        """
        return restarts.optima(self.runs)

    def to_target(self, target=None):
        """Tell how soon each start reaches an objective, and the running time to be expected until a success.

        Parameters
        ----------
        target : float, dict of str to float by data set, or None
            None takes the best known end, less the tolerance within which ends are the same.

        Returns
        -------
        DataFrame
            See :func:`tsinit.comparison.analysis.targets.to_target`. Runs that never arrive are censored, not left out.
        """
        if target is None:
            checks_after.check_optima(self.runs)
        return targets.to_target(self.runs, self.traces, target)

    def across(self, column="objective_final", rope=None):
        """Compare all pairs of starts over data sets, each of which counts once.

        Parameters
        ----------
        column : str
            ``"objective_final"``, a score, of which more is better (of ``"score_rmse"``, ``"score_crps"`` and
            ``"score_eigenvalue_error"`` less), or iterations: ``"n_iter"``, and of samplers ``"n_settle"`` and
            ``"n_mixed"``, where a run that does not mix counts with all its iterations.
        rope : float or None
            Half-width of the region of practical equivalence; None takes half a nat for objectives, 0 for scores.

        Returns
        -------
        DataFrame
            ``model, strategy, rival, n_datasets, difference, low, high`` (hierarchical bootstrap, from six data
            sets on), ``p_better, p_same, p_worse`` (Bayesian signed-rank test).

        Raises
        ------
        ValueError
            With a single data set, which cannot speak for others.
        """
        checks_after.check_several_datasets(self.runs)
        checks_after.check_column(self.runs, column)
        rope = None if rope is None else check_number("rope", rope, 0.0)
        return over_datasets.pairs_over_datasets(self.runs, column, rope)

    def mean_ranks(self, column="objective_final", model=None):
        """Average the ranks of the starts over data sets, with the critical difference.

        Parameters
        ----------
        column : str
            ``"objective_final"``, a score, of which more is better (of ``"score_rmse"``, ``"score_crps"`` and
            ``"score_eigenvalue_error"`` less), or iterations: ``"n_iter"``, and of samplers ``"n_settle"`` and
            ``"n_mixed"``, where a run that does not mix counts with all its iterations.
        model : str or None
            Which model; not needed where there is one.

        Returns
        -------
        MeanRanks
            ``ranks, critical_difference, p_value, n_datasets``.

        Raises
        ------
        ValueError
            With fewer than six data sets, on which ranks cannot tell anything from chance.
        """
        runs = checks_after.check_ranks(self.runs, model)
        checks_after.check_column(self.runs, column)
        return over_datasets.mean_ranks(runs, column)

    def mixing(self):
        """Tell of samplers whether runs from one start, and from all starts, have come to the same distribution.

        Returns
        -------
        DataFrame
            ``dataset, model, strategy, n_runs, rhat``; empty without samplers.
        """
        return mixing.agreement(self.runs, self.traces)
