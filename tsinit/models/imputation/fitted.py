"""What a fitted imputer answers: completed tables, intervals, probabilities of classes, and its draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from tsinit._validate import check_between, check_count, check_fitted, check_number
from tsinit._validate.censoring import check_detection_limits
from tsinit._validate.imputing import check_n_imputations
from tsinit._validate.imputing_columns import check_class_column, check_rounded
from tsinit.models.base import SeriesEstimator, one_thread
from tsinit.models.imputation.class_columns import probability_table
from tsinit.models.imputation.open_gaps import steps_of
from tsinit.models.imputation.posterior import column_scalars, spread_out
from tsinit.models.imputation.problem import ImputationTable
from tsinit.models.imputation.season import step_of
from tsinit.result import CONVERGED_RHAT, worst_mixing

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import xarray

    from tsinit._typing import FloatArray, SeedLike, SeriesLike, TableLike
    from tsinit._validate import Panel
    from tsinit._validate.kinds import ColumnKinds
    from tsinit.models.imputation.posterior import ImputationPosterior

Bounds: TypeAlias = "tuple[float | None, float | None]"  # lower, upper
Intervals: TypeAlias = "tuple[SeriesLike | None, SeriesLike | None]"  # lower, upper


class FittedImputer(OneToOneFeatureMixin, TransformerMixin, SeriesEstimator):
    """A posterior of the missing cells of a table, and questions to it."""

    # Parameters that decide what is filled in new rows.
    n_imputations: int
    max_gap: Any
    censored: dict[Any, Bounds] | None

    # Results of a fit.
    posterior_: ImputationPosterior
    trace_: dict[str, FloatArray]
    method_: str
    _fitted_kinds: ColumnKinds
    _fitted_engine: Any  # one of `engines.ENGINES`
    _fitted_seed: SeedLike
    _fitted_seconds: float

    def transform(
        self,
        X: SeriesLike,
        *,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> TableLike:
        """Complete a table by the posterior means of its missing cells, or by the most probable class.

        Draws are brought back to the units of the data before they are averaged.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`. Other rows than those of `fit` are completed with the regressions that were drawn
            there; columns that are wholly missing are no obstacle then. Their dates give their place in the season;
            without dates, every sequence is taken to begin where in the season that of `fit` did.
        between
            As in :meth:`fit`, of these rows. Those of `fit` need not be told of again.

        Returns
        -------
        (T, D) array or DataFrame, or list of those
            In the form of X, with the same rows; observed cells are the same to the last bit, gaps longer than
            `max_gap` as open as they were. Censored cells hold their mean, which lies in their interval.

        Raises
        ------
        ValueError, TypeError
            X is unusable.
        """
        panel = self._told(self._read(X, lengths), between)
        table, draws = self._draws_for(panel)
        mean = self.posterior_.scales.completed(table, draws, mean=True)
        return self._restored(panel, mean)

    def impute(
        self,
        n: int | None = None,
        *,
        rounded: str | Sequence[Any] | None = None,
        X: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> list[TableLike]:
        """Return a list of complete tables, which differ as much as is uncertain.

        Analyse each, and pool the results with ``tsinit.pool``.

        Parameters
        ----------
        n : int or None
            How many; None is ``n_imputations``. They are draws as far apart as possible, from all chains.
        rounded : "auto", list of column names or None
            Columns whose drawn values are rounded to whole numbers; "auto" is those that were whole wherever they
            were observed. Draws of counts have fractions otherwise, and means over tables are right with them.
        X, lengths, between
            Rows to complete, as in :meth:`transform`; None is those of `fit`. Of other rows there are as many draws as
            memory allows, at most some 200.

        Returns
        -------
        list of tables
            In the form of X, or of the X of `fit`.

        Raises
        ------
        ValueError, TypeError
            n is not a whole number from 1 to the number of draws that there are, a column is unknown, or X is unusable.
        """
        check_fitted(self)
        n = check_count("n", self.n_imputations if n is None else n)
        scales, stored = self.posterior_.scales, self.posterior_.stored
        panel, table, flat = self._rows(X, lengths, between)
        check_n_imputations(n, len(flat), stored.stride if X is None else 1)
        whole = table.to_fill & check_rounded(rounded, self.posterior_.names, table.y)
        tables = [scales.completed(table, flat[i : i + 1]) for i in spread_out(n, len(flat))]
        return [self._restored(panel, np.where(whole, scales.rounded(y), y)) for y in tables]

    def interval(
        self,
        level: float = 0.95,
        *,
        X: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
        between: Intervals | None = None,
    ) -> tuple[TableLike, TableLike]:
        """Interval of every cell between two quantiles of the draws, as much outside on either side.

        Parameters
        ----------
        level : float
            Posterior probability of the interval: that of one more draw to lie within, however few there are.
        X, lengths, between
            Rows, as in :meth:`transform`; None is those of `fit`. Of other rows there are some 200 draws at most, and
            40 of many, so that the ends of 95 % intervals are a little rough.

        Returns
        -------
        lower, upper : tables
            In the form of X, or of the X of `fit`; both are the value itself where it was observed. Ends of ordered
            classes are classes; unordered ones have none, and are missing: see :meth:`class_probabilities`.

        Raises
        ------
        ValueError, TypeError
            level is not strictly between 0 and 1, or X is unusable.
        """
        check_fitted(self)
        level = check_number("level", level, above=0.0, below=1.0)
        scales, tails = self.posterior_.scales, [0.5 - level / 2, 0.5 + level / 2]
        panel, table, flat = self._rows(X, lengths, between)
        quantiles = scales.quantiles(table, flat, tails)
        # Transforms are monotone: quantiles may be taken before they are undone.
        lower, upper = (scales.completed(table, row[None]) for row in quantiles)
        return self._restored(panel, lower), self._restored(panel, upper)

    def class_probabilities(
        self, column: Any, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None
    ) -> pd.DataFrame:
        """Probabilities of the classes of every cell that was filled in a column of classes.

        Parameters
        ----------
        column : column name
        X, lengths
            As in :meth:`transform`; None is the rows of `fit`.

        Returns
        -------
        DataFrame
            A row for each filled cell and class: ``time``, or what the index is called, or ``row``, of several
            sequences ``sequence``, and ``class`` and ``probability``, the share of the draws.

        Raises
        ------
        ValueError, TypeError
            The column holds no classes, or X is unusable.
        """
        check_fitted(self)
        j = check_class_column(column, self._fitted_kinds.columns)
        posterior, taken = self.posterior_, self._fitted_kinds.columns[j]
        panel = posterior.panel if X is None else self._read(X, lengths)
        table, draws = self._draws_for(panel)
        dtype = getattr(panel.parts[0], "dtypes", None)
        rows = np.flatnonzero(table.to_fill[:, j])
        mine = self.posterior_.scales.codes(j, table, draws)
        return probability_table(
            panel, rows, mine, taken.levels, None if dtype is None else dtype.iloc[j]
        )

    @property
    def kinds_(self) -> pd.DataFrame:
        """The dtype of every column of `fit`, and what it was taken for."""
        check_fitted(self)
        return self._fitted_kinds.table()

    @property
    def draws_(self) -> FloatArray:
        """(chain, draw, cell) cells to fill of the columns that vary, row by row, in the units of the data."""
        check_fitted(self)
        return self.posterior_.draws

    @property
    def converged_(self) -> bool:
        """Whether R-hat of log density, noise, means and spreads of drawn cells is below 1.05."""
        return bool(self.sampler_summary()["rhat"] < CONVERGED_RHAT)

    def sampler_summary(self) -> dict[str, float]:
        """Worst R-hat and smallest effective sample size of what `trace_` holds.

        Returns
        -------
        dict of str to float
            ``rhat`` and ``ess``, over the draws after the warm-up, and ``ess_per_second`` of the run.
        """
        check_fitted(self)
        scalars = [self.posterior_.stored.after_warm_up(self.trace_["log_density"])]
        by_column = column_scalars(self.posterior_, self.trace_).values()
        for same in zip(*by_column, strict=True):
            scalars += same
        rhat, ess = worst_mixing(scalars)
        return {"rhat": rhat, "ess": ess, "ess_per_second": ess / self._fitted_seconds}

    def to_datatree(self) -> xarray.DataTree:
        """All that was drawn, with the names that ArviZ uses.

        Group ``posterior`` holds the missing cells (``cell``), each by the name of its column and its time or row
        number, noise variances, and the means and standard deviations of the drawn cells of each column with gaps on
        the scale of the engine; ``warmup_posterior`` noise and moments before the first draw.

        Returns
        -------
        xarray.DataTree
        """
        from tsinit import result

        check_fitted(self)
        names, posterior = ("noise", "imputed_mean", "imputed_sd"), self.posterior_
        stored, n_warmup = posterior.stored, posterior.n_warmup
        kept = {
            name: stored.after_warm_up(self.trace_[name])[:, :: stored.stride]
            for name in ("log_density", *names)
        }
        warmup = {name: self.trace_[name][:, 1 : n_warmup + 1] for name in names}
        columns = np.array(posterior.scales.names, dtype=object)
        # Columns without a drawn cell have no moments of any.
        filled = np.isin(posterior.drawn, posterior.cells[:, 1])
        for group in (kept, warmup):
            group |= {name: group[name][..., filled] for name in ("imputed_mean", "imputed_sd")}
        return result.to_datatree(
            posterior={"cell": self.draws_, **{name: kept[name] for name in names}},
            sample_stats={"lp": kept["log_density"]},
            warmup=warmup,
            observed=posterior.table.y[:, posterior.drawn],
            coords={
                "feature": [str(name) for name in columns],
                "column": [str(name) for name in columns[filled]],
                "missing": posterior.cell_names(),
            },
            dims={
                "cell": ("missing",),
                "noise": ("feature",),
                "imputed_mean": ("column",),
                "imputed_sd": ("column",),
            },
            attrs={"model": type(self).__name__, "method": self.method_},
        )

    def to_arviz(self) -> Any:
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _restored(self, panel: Panel, y: FloatArray) -> TableLike:
        """Hand back a table of the given rows in the form and the dtypes in which they came."""
        if len(panel.rows) < len(panel.y):
            spread = np.empty((len(panel.y), y.shape[1]))
            spread[panel.rows] = y
            y = spread
        return self._fitted_kinds.restored(panel, y)

    def _rows(
        self, X: SeriesLike | None, lengths: Sequence[int] | None, between: Intervals | None
    ) -> tuple[Panel, ImputationTable, npt.NDArray[np.floating]]:
        """Rows that a user names, or those of the fit, and draws of their missing cells."""
        posterior = self.posterior_
        if X is None:
            return posterior.panel, posterior.table, posterior.stored.flat
        panel = self._told(self._read(X, lengths), between)
        return panel, *self._draws_for(panel, for_mean=False)

    def _told(self, panel: Panel, between: Intervals | None) -> Panel:
        """Put intervals beside rows; those of the fit need not be told of again."""
        if between is not None:
            return check_between(between, panel)
        fitted = self.posterior_.panel
        return panel._replace(between=fitted.between) if _same_rows(panel, fitted) else panel

    def _draws_for(
        self, panel: Panel, for_mean: bool = True
    ) -> tuple[ImputationTable, npt.NDArray[np.floating]]:
        """Rows of a panel and draws of their missing cells: those of the fit where they are its rows.

        For means of other rows, draws are as few as leave the mean a good one.
        """
        posterior = self.posterior_
        scales, table = posterior.scales, self._table(panel, posterior.scales.step)
        if table.equals(posterior.table):
            return table, posterior.stored.flat
        if not scales.active_to_fill(table).any():
            return table, np.zeros((1, 0))
        problem = scales.problem(panel, table)
        parameters = posterior.stored.parameters_for(table.missing.sum(), for_mean)
        rng = np.random.default_rng(self._fitted_seed)
        with one_thread():
            draws = self._fitted_engine.complete(problem, parameters, rng, for_mean)
        chosen = scales.active_to_fill(table)[scales.active_missing(table)]
        return table, draws if chosen.all() else draws[:, chosen]

    def _table(self, panel: Panel, fitted_step: Any = None) -> ImputationTable:
        """Rows of a panel, and which of their gaps stay open."""
        step = step_of(panel)
        steps = steps_of(self.max_gap, fitted_step if step is None else step)
        limits = check_detection_limits(self.censored, list(panel.columns))
        return ImputationTable.from_panel(panel, steps, limits)


def _same_rows(panel: Panel, fitted: Panel) -> bool:
    """Whether two panels hold the same values at the same steps."""
    pairs = [(getattr(panel, name), getattr(fitted, name)) for name in ("y", "offsets", "rows")]
    return all(np.array_equal(*pair, equal_nan=True) for pair in pairs)
