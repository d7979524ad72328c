"""The result of a comparison: tables, words, plots, a report."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tsinit._validate import check_count, check_number
from tsinit._validate.values import short
from tsinit.comparison import files
from tsinit.comparison.analysis import (
    checks,
    mixing,
    over_datasets,
    restarts,
    summary,
    tables,
    targets,
)
from tsinit.comparison.analysis.best import best_run
from tsinit.comparison.plan import seeds
from tsinit.comparison.plan.about import About, describe
from tsinit.comparison.plan.tasks import Plan, Task
from tsinit.comparison.report import display, verdict
from tsinit.comparison.run.worker import RunResult, fit
from tsinit.models.monitor import Monitor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tsinit._typing import StrPath
    from tsinit.comparison.analysis.over_datasets import MeanRanks


class Comparison:
    """Every run of a comparison of starting points, and what follows from them.

    Made by :func:`tsinit.compare`.

    Attributes
    ----------
    runs : DataFrame
        One row for each data set x model x strategy x replicate, also where the run failed: ``run_id``, the four keys,
        ``init_seed`` and ``run_seed`` (:meth:`seed` rebuilds them), ``status`` (``ok``, ``not_converged``,
        ``diverged``, ``timeout``, ``error``), ``error_type`` and ``error_message``, ``objective_start``,
        ``objective_final``, ``gap`` (best known optimum on this data set and model minus this objective), ``score...``
        (NaN, with the error in ``error_type`` and ``error_message``, where a score failed), ``n_iter``, ``converged``,
        ``monotone`` (no iteration lost objective), ``init_seconds`` and ``fit_seconds`` (compilation never counted),
        ``optimum`` (which distinct one, 1 the best), ``start`` (which distinct starting point), ``versions``; of models
        that climb from labels also ``agreement``, mean adjusted Rand index of the states with those of the runs that
        reach the best known optimum from other starts, missing for runs that do not, or where there is no other.
        Samplers: ``objective_final`` is the mean over the draws kept, ``monotone`` and ``optimum`` are missing, and
        before ``init_seconds`` stand what the model reports of its draws (``rhat``, ``ess``, ...), ``n_settle``,
        the iterations until the chain is within the central 95 % of the second half of its trace, and ``n_mixed``,
        those until R-hat of all that its chains report is below 1.01 for good, missing where it is not at the end or
        there is one chain. The status of a sampler is ``ok`` where R-hat is below 1.05.
    traces : DataFrame
        ``run_id``, ``iteration`` (0 is the start alone), ``seconds``, ``objective``, and what else a model
        reports of each iteration (``n_states`` of the infinite hidden Markov model).
    errors : DataFrame
        The rows that failed or lack a score, with the end of the traceback.
    about : About
        Entropy, budget, and of each model its text, what it maximises and whether it is a sampler.
    plot : PlotAccessor
        ``result.plot.traces()``, ``.strip()``, ``.waterfall()``, ``.time_to_target()``, ``.pairs()``, ``.best_of()``,
        and over six data sets or more ``.critical_difference()``.
    """

    def __init__(
        self,
        runs: pd.DataFrame,
        traces: pd.DataFrame,
        errors: pd.DataFrame,
        about: About,
        tasks: list[Task] | None = None,
    ) -> None:
        self.runs = runs
        self.traces = traces
        self.errors = errors
        self.about = about
        # Listed once: a strategy may keep something of its runs, and would be called otherwise afterwards.
        self._tasks = tasks

    @property
    def plot(self) -> PlotAccessor:
        """Plots of the runs; each takes ``ax=`` and returns Axes."""
        return PlotAccessor(self)

    @property
    def data(self) -> dict[str, Any] | None:
        """What was fitted, by data set, without what was held out; None where it was read from files or is a race."""
        if self._tasks is None:
            return None
        return {task.dataset: task.data.X for task in self._tasks}

    @property
    def inputs(self) -> dict[str, Any] | None:
        """Known inputs of what was fitted, by data set, of those that have some; None as for `data`."""
        if self._tasks is None:
            return None
        known = {task.dataset: task.data.inputs for task in self._tasks}
        return {name: both.fitted for name, both in known.items() if both is not None}

    @property
    def adapters(self) -> dict[str, Any] | None:
        """What ran each model, by its name; None where it was read from files or is a race."""
        if self._tasks is None:
            return None
        return {task.model: task.adapter for task in self._tasks}

    @property
    def objective_name(self) -> str:
        """What the runs maximise; ``"objective"`` where models differ in it."""
        return self.about.objective

    def summary(self) -> pd.DataFrame:
        """Describe every strategy on every data set, with intervals; the best comes first.

        Returns
        -------
        DataFrame
            Columns as :func:`tsinit.comparison.analysis.summary.summarise` lists them, and ``expected_seconds,
            expected_seconds_low, expected_seconds_high``: the time to be expected, runs after each other, until one
            reaches the best known optimum, with its 95 % interval; missing for samplers.
        """
        table, keys = summary.summarise(self.runs), ["dataset", "model", "strategy"]
        times = targets.to_target(self.runs, self.traces)
        expected = [name for name in tables.names_of(times) if name.startswith("expected_seconds")]
        return table.merge(times[[*keys, *expected]], on=keys, how="left")

    def verdict(self) -> str:
        """Say in words which start wins on each data set, by how much and at what cost, or that it is open.

        Returns
        -------
        str
            One paragraph for each data set and model.
        """
        paragraphs = verdict.verdict(self.runs, self.about.objectives)
        return "\n".join(f"{name}: {' '.join(sentences)}" for name, sentences in paragraphs)

    def summary_text(self, brief: bool = False) -> str:
        """Write the summary for a terminal: aligned columns, a block for each data set and model.

        Parameters
        ----------
        brief : bool
            Leave out what seldom matters, to fit a window of 100 characters.

        Returns
        -------
        str
        """
        blocks = display.summary_rows(self.runs, self.about.objectives, brief)
        return "\n\n".join(
            f"{name}\n{display.text_table(header, rows)}" for name, header, rows in blocks
        )

    def best_of(self, r: int | None = None) -> pd.DataFrame:
        """Give what the best of r restarts of each start comes to, exactly from the order statistics of the runs.

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
        checks.check_optima(self.runs)
        return restarts.best_of(self.runs, None if r is None else check_count("r", r))

    def recommend(self, seconds: float) -> pd.DataFrame:
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
        checks.check_optima(self.runs)
        return restarts.recommend(self.runs, check_number("seconds", seconds, 0.0))

    def optima(self) -> pd.DataFrame:
        """List the distinct optima and how often each start reached them.

        Returns
        -------
        DataFrame
            ``dataset, model, optimum, objective, strategy, n_runs, share``.
        """
        return restarts.optima(self.runs)

    def to_target(self, target: float | dict[str, float] | None = None) -> pd.DataFrame:
        """Give how soon each start reaches an objective, and the running time to be expected until a success.

        Parameters
        ----------
        target : float, dict of str to float by data set, or None
            None takes the best known optimum, less the tolerance within which optima are the same.

        Returns
        -------
        DataFrame
            See :func:`tsinit.comparison.analysis.targets.to_target`. Runs that never arrive are censored, not left out.
        """
        if target is None:
            checks.check_optima(self.runs)
        return targets.to_target(self.runs, self.traces, target)

    def across(self, column: str = "objective_final", rope: float | None = None) -> pd.DataFrame:
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
            sets on; 95 % of each pair by itself), ``p_better, p_same, p_worse`` (Bayesian signed-rank test).

        Raises
        ------
        ValueError
            With a single data set, which cannot speak for others.
        """
        checks.check_several_datasets(self.runs)
        checks.check_column(self.runs, column)
        rope = None if rope is None else check_number("rope", rope, 0.0)
        return over_datasets.pairs_over_datasets(self.runs, column, rope)

    def mean_ranks(self, column: str = "objective_final", model: str | None = None) -> MeanRanks:
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
        runs = checks.check_ranks(self.runs, model)
        checks.check_column(self.runs, column)
        return over_datasets.mean_ranks(runs, column)

    def mixing(self) -> pd.DataFrame:
        """Say of samplers whether runs from one start, and from all starts, have come to the same distribution.

        Returns
        -------
        DataFrame
            ``dataset, model, strategy, n_runs, rhat``; empty without samplers.
        """
        return mixing.agreement(self.runs, self.traces)

    def rerun(self, run_id: str) -> Any:
        """Fit one row again and return the fitted model.

        The result is exactly that of the row, unless the seconds of a budget end the run: where they do depends on
        the speed of the machine, and the fit may stop at an earlier or a later iteration.

        Parameters
        ----------
        run_id : str
            As in ``runs["run_id"]``.

        Returns
        -------
        estimator
            Fitted; an error of the row is raised again.

        Raises
        ------
        KeyError
            No run has this id, or the comparison was read from files, which do not hold the models.
        """
        if self._tasks is None:
            raise KeyError(
                "run_id must be of a comparison that compare() returned; got one read from files or a race, "
                "which hold no models. Call compare() again with a store to have both."
            )
        for task in self._tasks:
            if task.run_id == run_id:
                return fit(task, Monitor(task.budget))
        raise KeyError(f"run_id must be one of the column runs['run_id']; got {short(run_id)}.")

    def best_model(self, dataset: str | None = None, model: str | None = None) -> Any:
        """Fit the best run again and return the fitted model, an object of the library it is from.

        The best run is that of the highest objective; of samplers, where that would be no sample, the run of the best
        start whose chains agree best.

        Parameters
        ----------
        dataset, model : str or None
            Which ones; not needed where there is one.

        Returns
        -------
        object
            Exactly what that run ended with, as :meth:`rerun` has it: nothing of it was kept, so this takes as long as
            the run did.

        Raises
        ------
        ValueError
            There are several data sets or models and none is named, or no run could be fitted.
        KeyError
            There is none of that name, or the comparison was read from files, which do not hold the models.
        """
        cell = checks.check_cell(self.runs, dataset, model)
        run = best_run(cell)
        if run is None:
            raise ValueError(
                f"best_model needs a run that could be fitted; got {len(cell)} that failed. See .errors."
            )
        return self.rerun(run["run_id"])

    @staticmethod
    def seed(text: str) -> np.random.SeedSequence:
        """Rebuild a seed from the text in column ``init_seed`` or ``run_seed``.

        Parameters
        ----------
        text : str
            For example ``"0:2271034571,3,0"``: entropy, and key of the stream.

        Returns
        -------
        numpy.random.SeedSequence
            ``numpy.random.default_rng`` of it is the generator that the start or the run was given.
        """
        return seeds.seed_from_text(text)

    def report(
        self,
        path: StrPath,
        *,
        title: str = "Comparison of starting points",
        figures: dict[str, Figure | Axes] | None = None,
        fits: bool | None = None,
    ) -> Path:
        """Write one self-contained HTML file: data, best fits, verdict, tables, plots, how it was computed.

        Parameters
        ----------
        path : str or Path
        title : str
        figures : dict of str to matplotlib Figure or Axes, optional
            More pictures by their captions, shown after those of the fits.
        fits : bool or None
            Whether to fit the best run of each data set and model once more and draw what it says of the data:
            smoothed series, regimes or filled gaps. None does so as long as these runs take a minute together, and
            at least for the first.

        Returns
        -------
        Path
            The file written.
        """
        from tsinit.comparison.report.report import write_report

        return write_report([("", self, figures or {})], path, title=title, fits=fits)

    def to_csv(self, folder: StrPath) -> Path:
        """Write ``runs.csv``, ``traces.csv``, ``errors.csv`` and ``about.json``; :func:`read_comparison` reads them.

        However it is interrupted, the folder holds the comparison that was there before, or this one. A text that a
        spreadsheet would compute (it begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return) gets an
        apostrophe in front, which :func:`read_comparison` takes off again.

        Parameters
        ----------
        folder : str or Path
            Made if it does not exist.

        Returns
        -------
        Path
            The folder.
        """
        return files.write_csv(self, folder)

    def to_parquet(self, folder: StrPath) -> Path:
        """Write the tables of :meth:`to_csv` as Parquet files; this needs pyarrow.

        Parameters
        ----------
        folder : str or Path
            Made if it does not exist.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ImportError
            pyarrow is not installed.
        """
        return files.write_parquet(self, folder)

    def __repr__(self) -> str:
        counts = self.runs["status"].value_counts()
        states = ", ".join(f"{n} {status}" for status, n in counts.items())
        return f"Comparison of {len(self.runs)} runs ({states})\n{self.verdict()}"

    def _repr_html_(self) -> str:
        """Verdict and brief summary; the whole table is ``summary()``, everything else in ``report()``."""
        words = "".join(f"<p>{html.escape(line)}</p>" for line in self.verdict().splitlines())
        blocks = display.summary_rows(self.runs, self.about.objectives, brief=True)
        return words + "".join(
            f"<p><b>{html.escape(name)}</b></p>{display.html_table(header, rows)}"
            for name, header, rows in blocks
        )


class PlotAccessor:
    """The plots of one comparison; see :mod:`tsinit.plots` for their parameters."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def traces(self, **options: Any) -> Any:
        """Objective against iteration; see :func:`tsinit.plots.traces`."""
        from tsinit import plots

        return plots.traces(self._comparison, **options)

    def trace_ranks(self, **options: Any) -> Any:
        """Ranks of the traces of samplers; see :func:`tsinit.plots.trace_ranks`."""
        from tsinit import plots

        return plots.trace_ranks(self._comparison, **options)

    def strip(self, **options: Any) -> Any:
        """Final objectives of each strategy; see :func:`tsinit.plots.strip`."""
        from tsinit import plots

        return plots.strip(self._comparison, **options)

    def waterfall(self, **options: Any) -> Any:
        """Sorted final objectives of each strategy; see :func:`tsinit.plots.waterfall`."""
        from tsinit import plots

        return plots.waterfall(self._comparison, **options)

    def time_to_target(self, **options: Any) -> Any:
        """Share of runs at the target by time; see :func:`tsinit.plots.time_to_target`."""
        from tsinit import plots

        return plots.time_to_target(self._comparison, **options)

    def pairs(self, **options: Any) -> Any:
        """Wins, ties and losses of starts against each other; see :func:`tsinit.plots.pairs`."""
        from tsinit import plots

        return plots.pairs(self._comparison, **options)

    def best_of(self, **options: Any) -> Any:
        """Expected best of r restarts; see :func:`tsinit.plots.best_of`."""
        from tsinit import plots

        return plots.best_of(self._comparison, **options)

    def critical_difference(self, **options: Any) -> Axes:
        """Mean ranks over data sets with their critical difference; see :func:`tsinit.plots.critical_difference`."""
        from tsinit import plots

        return plots.critical_difference(self._comparison, **options)


def read_comparison(path: StrPath) -> Comparison:
    """Read a comparison that ``Comparison.to_csv`` or ``Comparison.to_parquet`` wrote.

    Every file is held to the checksum that was written with it; folders of version 0.1 have none and are read as
    they are.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    Comparison
        With everything but :meth:`Comparison.rerun`: files do not hold the models.

    Raises
    ------
    ValueError
        The folder does not hold a comparison, or one of its files is not as it was written.
    ImportError
        The files are Parquet, and pyarrow is not installed.
    """
    return Comparison(*files.read_tables(path))


def from_results(plan: Plan, tasks: list[Task], results: list[RunResult]) -> Comparison:
    """Build the tables of a finished comparison."""
    runs = tables.runs_table(tasks, results)
    traces, errors = tables.traces_table(results), tables.errors_table(runs, results)
    return Comparison(runs, traces, errors, describe(plan), tasks)
