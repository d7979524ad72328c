"""What the chains of the imputer leave behind, and what a fitted imputer can be asked."""

from functools import partial

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from tsinit._validate import check_count, check_fitted
from tsinit._validate.imputing import check_level, check_n_imputations, check_rounded
from tsinit.models.base import lists_as_they_are, one_thread
from tsinit.models.imputation.prepared import given_rows
from tsinit.result import worst_mixing

#: Bytes that stored draws may take, and draws of the regressions kept for other rows, so many used however many rows.
_MOST_BYTES, _MOST_PARAMETERS, _LEAST_PARAMETERS = 1.2e8, 200, 20
#: Numbers that are sorted at once for quantiles.
_AT_ONCE = 200_000


class ImputedDraws:
    """Draws of the missing cells on the scale of the engine, and of the regressions, written as they come.

    Parameters
    ----------
    n_chains, n_draws, n_cells : int
        How many there will be at most.
    n_tables : int
        Draws of all chains together that are stored whatever they take, where there are as many.

    Attributes
    ----------
    cells : (chain, draw, cell) float32
        Every draw where memory allows, else one of `stride`; enough for the complete tables in any case.
    parameters : list
        Some draws of the regressions, for other rows.
    n_draws : int
        Draws of each chain, those that were not stored too.
    """

    def __init__(self, n_chains, n_draws, n_cells, n_tables=1):
        widest = max(n_draws // -(-n_tables // n_chains), 1)
        self.stride = min(
            int(np.ceil(4.0 * n_draws * n_chains * n_cells / _MOST_BYTES)) or 1, widest
        )
        self._rare = max(n_draws * n_chains // _MOST_PARAMETERS, 1)
        self.cells = np.empty((n_chains, -(-n_draws // self.stride), n_cells), dtype=np.float32)
        self._parameters: list[list] = [[] for _ in range(n_chains)]
        self._counts = np.zeros(n_chains, dtype=int)

    def recorder(self, c):
        """Return what writes a draw of chain `c` down."""
        return partial(self._record, c)

    def _record(self, c, chain):
        i = self._counts[c]
        self._counts[c] += 1
        if i % self.stride == 0:
            self.cells[c, i // self.stride] = chain.draw
        if i % self._rare == 0:
            self._parameters[c].append(chain.parameters())
        return i

    def close(self):
        """Forget what only some chains have."""
        self.n_draws = int(self._counts.min())
        self.cells = self.cells[:, : -(-self.n_draws // self.stride)]
        self.parameters = [draw for mine in self._parameters for draw in mine]

    @property
    def flat(self):
        """(chain x draw, cell) draws, one chain after the other."""
        chains, draws, cells = self.cells.shape
        return self.cells.reshape(chains * draws, cells)


@lists_as_they_are
class GapQueries(OneToOneFeatureMixin, TransformerMixin):
    """Methods of a fitted imputer; they need what `fit` keeps."""

    def transform(self, X, *, lengths=None):
        """Complete a table by the posterior means of its missing cells.

        Draws are brought back to the units of the data before they are averaged.

        Parameters
        ----------
        X, lengths
            As in :meth:`fit`. Other rows than those of `fit` are completed with the regressions that were drawn
            there; columns that are wholly missing are no obstacle then. Their dates tell where in the season they
            are; without dates, every sequence is taken to begin where in the season that of `fit` did.

        Returns
        -------
        (T, D) array or DataFrame, or list of those
            In the form of X, with the same rows; observed cells are the same to the last bit.

        Raises
        ------
        ValueError, TypeError
            X is unusable.
        """
        panel = self._read(X, lengths)
        rows, draws = self._draws_for(panel)
        return _hand_back(panel, self._completed(rows, lambda values: values.mean(axis=0), draws))

    def impute(self, n=None, *, rounded=None):
        """Complete tables for the rows of `fit`, which differ as much as the missing cells are uncertain.

        Analyse each, and pool the results with ``tsinit.pool``.

        Parameters
        ----------
        n : int or None
            How many; None is ``n_imputations``. They are draws as far apart as possible, from all chains.
        rounded : "auto", list of column names or None
            Columns whose drawn values are rounded to whole numbers; "auto" is those that were whole wherever they
            were observed. Draws of counts have fractions otherwise, and means over tables are right with them.

        Returns
        -------
        list of tables
            In the form of the X of `fit`.

        Raises
        ------
        ValueError
            n is not a whole number from 1 to the number of draws that were kept, or a column is unknown.
        """
        check_fitted(self)
        n = check_count("n", self.n_imputations if n is None else n)
        flat = self._fitted_draws.flat
        check_n_imputations(n, len(flat), self._fitted_draws.stride)
        # The middle of each of n equal parts: the same number from every chain where n is a multiple of chains.
        chosen = ((np.arange(n) + 0.5) * len(flat) / n).astype(int)
        panel, rows = self._fitted_panel, self._fitted_rows
        whole = check_rounded(rounded, list(panel.columns), rows.y)
        tables = [self._completed(rows, np.squeeze, flat[i : i + 1]) for i in chosen]
        return [
            _hand_back(panel, np.where(rows.missing & whole, np.rint(table), table))
            for table in tables
        ]

    def interval(self, level=0.95):
        """Interval of every cell of `fit` between two quantiles of the draws, as much outside on either side.

        Parameters
        ----------
        level : float
            Posterior probability of the interval.

        Returns
        -------
        lower, upper : tables
            In the form of the X of `fit`; both are the value itself where it was observed.

        Raises
        ------
        ValueError
            level is not strictly between 0 and 1.
        """
        check_fitted(self)
        level = check_level(level)
        flat, ends = self._fitted_draws.flat, [0.5 - level / 2, 0.5 + level / 2]
        size = max(_AT_ONCE // max(len(flat), 1), 1)
        quantiles = np.empty((2, flat.shape[1]))
        for i in range(0, flat.shape[1], size):
            quantiles[:, i : i + size] = np.quantile(flat[:, i : i + size], ends, axis=0)
        # Transforms are monotone: quantiles may be taken before they are undone.
        tables = [self._completed(self._fitted_rows, np.squeeze, row[None]) for row in quantiles]
        return tuple(_hand_back(self._fitted_panel, table) for table in tables)

    @property
    def draws_(self):
        """(chain, draw, cell) missing cells of the columns that vary, row by row, in the units of the data."""
        check_fitted(self)
        cells = self._fitted_draws.cells
        return self._fitted_scales.back(cells, self._cell_columns(self._fitted_rows))

    def sampler_summary(self):
        """Worst R-hat and smallest effective sample size of what `trace_` holds.

        Returns
        -------
        dict of str to float
            ``rhat`` and ``ess``, over the draws after the warm-up, and ``ess_per_second`` of the run.
        """
        check_fitted(self)
        scalars = [self._after_warm_up(self.trace_["log_density"])]
        columns = np.flatnonzero(self._incomplete())
        for name in ("noise", "imputed_mean", "imputed_sd"):
            scalars += [self._after_warm_up(self.trace_[name][..., j]) for j in columns]
        rhat, ess = worst_mixing(scalars)
        return {"rhat": rhat, "ess": ess, "ess_per_second": ess / self._fitted_seconds}

    def to_datatree(self):
        """All that was drawn, with the names that ArviZ knows.

        Group ``posterior`` holds the missing cells (``cell``), noise variances and the means and standard deviations
        of the drawn cells of each column on the scale of the engine; ``warmup_posterior`` the latter before the first
        draw.

        Returns
        -------
        xarray.DataTree
        """
        from tsinit import result

        check_fitted(self)
        names = ("noise", "imputed_mean", "imputed_sd")
        n_tune = self.n_iter_ - self._fitted_draws.n_draws
        stride = self._fitted_draws.stride
        after = {name: self._after_warm_up(self.trace_[name])[:, ::stride] for name in names}
        columns = [str(name) for name in self._fitted_scales.names]
        return result.to_datatree(
            posterior={"cell": self.draws_, **after},
            sample_stats={"lp": self._after_warm_up(self.trace_["log_density"])[:, ::stride]},
            warmup={name: self.trace_[name][:, 1 : n_tune + 1] for name in names},
            observed=self._fitted_rows.y[:, self._fitted_scales.active],
            coords={"feature": columns},
            dims={"cell": ("missing",), **{name: ("feature",) for name in names}},
            attrs={"model": type(self).__name__, "method": self.method_},
        )

    def to_arviz(self):
        """The draws in the container of the installed ArviZ: ``InferenceData`` before 1.0, ``DataTree`` since."""
        from tsinit import result

        return result.to_arviz(self.to_datatree())

    def _after_warm_up(self, trace):
        return trace[:, trace.shape[1] - self._fitted_draws.n_draws :]

    def _incomplete(self):
        return self._fitted_rows.missing[:, self._fitted_scales.active].any(axis=0)

    def _cell_columns(self, rows):
        return np.nonzero(rows.missing[:, self._fitted_scales.active])[1]

    def _completed(self, rows, summarise, draws):
        """Table with a summary of the draws in the units of the data, column by column."""
        columns = self._cell_columns(rows)
        values = np.empty(len(columns))
        for i, transform in enumerate(self._fitted_scales.transforms):
            mine = np.flatnonzero(columns == i)
            size = max(_AT_ONCE // max(len(draws), 1), 1)
            for part in np.split(mine, range(size, len(mine), size)):
                values[part] = summarise(transform.back(draws[:, part].astype(np.float64)))
        return self._fitted_scales.complete(rows, values)

    def _draws_for(self, panel):
        """Rows of a panel and draws of their missing cells: those of the fit where they are its rows."""
        rows = given_rows(panel)
        if _same(rows, self._fitted_rows):
            return rows, self._fitted_draws.flat
        if not rows.missing[:, self._fitted_scales.active].any():
            return rows, np.zeros((1, 0))
        problem = self._fitted_scales.problem(panel, rows)
        parameters, rng = self._fitted_draws.parameters, np.random.default_rng(self._fitted_seed)
        most = max(int(_MOST_BYTES / (8.0 * rows.missing.sum())), _LEAST_PARAMETERS)
        with one_thread():
            return rows, self._fitted_engine.complete(
                problem, parameters[:: -(-len(parameters) // most)], rng
            )

    def _diagnose(self, runs):
        """Table of how the chains mixed, for every incomplete column."""
        import pandas as pd

        counts = self._fitted_rows.missing[:, self._fitted_scales.active].sum(axis=0)
        acceptance, guarded = (
            np.broadcast_to(
                np.mean([getattr(run.chain, name) for run in runs], axis=0), counts.shape
            )
            for name in ("acceptance", "guarded")
        )
        table = {}
        for j in np.flatnonzero(self._incomplete()):
            traces = [
                self._after_warm_up(self.trace_[s][..., j])
                for s in ("noise", "imputed_mean", "imputed_sd")
            ]
            rhat, ess = worst_mixing(traces)
            table[self._fitted_scales.names[j]] = {
                "missing": int(counts[j]),
                "rhat": rhat,
                "ess": ess,
                "acceptance": acceptance[j],
                "guarded": guarded[j],
            }
        names = ["missing", "rhat", "ess", "acceptance", "guarded"]
        return pd.DataFrame.from_dict(table, orient="index", columns=names)


def _same(rows, others):
    return (
        rows.y.shape == others.y.shape
        and np.array_equal(rows.offsets, others.offsets)
        and np.array_equal(rows.steps, others.steps)
        and np.array_equal(rows.y, others.y, equal_nan=True)
    )


def _hand_back(panel, table):
    """Return a table of the given rows in the form in which they came."""
    if len(panel.rows) == len(panel.y):
        return panel.restore(table)
    spread = np.empty((len(panel.y), table.shape[1]))
    spread[panel.rows] = table
    return panel.restore(spread)
