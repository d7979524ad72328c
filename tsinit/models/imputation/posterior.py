"""What a fit of the imputer leaves behind: the draws of the missing cells, and how its chains mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.result import rhat, worst_mixing

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate import Panel
    from tsinit.models.imputation.class_columns import ClassScale
    from tsinit.models.imputation.column_scales import ColumnScales
    from tsinit.models.imputation.problem import ImputationTable
    from tsinit.models.imputation.transforms import Transform

#: Bytes that stored draws may take; draws of the regressions kept for other rows, and so many used however many rows.
_MAX_BYTES, _MAX_PARAMETERS, _MIN_PARAMETERS = 1.2e8, 200, 20
#: Cells of other rows that are drawn, over all draws, as long as that leaves so many draws: a mean over 40 has an error
#: of a sixth of the standard deviation, which adds one percent to the error of what it estimates.
_MAX_DRAWN, _FOR_MEAN = 2e6, 40
#: Columns of `TBayesMICE.diagnostics_`.
_DIAGNOSTICS = ["missing", "censored", "left_open", "rhat", "ess", "acceptance", "guarded"]


class ImputedDraws:
    """Draws of the missing cells on the scale of the engine, and of the regressions, written as they come.

    Parameters
    ----------
    n_chains, n_draws, n_cells : int
        How many there will be at most.
    n_tables : int
        Draws of all chains together that are stored whatever they take, where there are as many.
    chosen : (missing cells,) bool, optional
        Which of the missing cells are stored, `n_cells` of them; all without it.

    Attributes
    ----------
    cells : (chain, draw, cell) float32
        Every draw where memory allows, else one of `stride`; enough for the complete tables in any case.
    parameters : list
        Some draws of the regressions, for other rows.
    n_draws : int
        Draws of each chain, those that were not stored too.
    """

    def __init__(
        self,
        n_chains: int,
        n_draws: int,
        n_cells: int,
        n_tables: int = 1,
        chosen: BoolArray | None = None,
    ) -> None:
        self._chosen = slice(None) if chosen is None or chosen.all() else chosen
        longest = max(n_draws // -(-n_tables // n_chains), 1)
        self.stride = min(
            int(np.ceil(4.0 * n_draws * n_chains * n_cells / _MAX_BYTES)) or 1, longest
        )
        self._parameter_stride = max(n_draws * n_chains // _MAX_PARAMETERS, 1)
        self.cells = np.empty((n_chains, -(-n_draws // self.stride), n_cells), dtype=np.float32)
        self._parameters: list[list[Any]] = [[] for _ in range(n_chains)]
        self._counts = np.zeros(n_chains, dtype=int)

    def recorder(self, c: int) -> Callable[[Any], int]:
        """Return what writes a draw of chain `c` down."""
        return partial(self._record, c)

    def _record(self, c: int, chain: Any) -> int:
        i = int(self._counts[c])
        self._counts[c] += 1
        if i % self.stride == 0:
            self.cells[c, i // self.stride] = chain.draw[self._chosen]
        if i % self._parameter_stride == 0:
            self._parameters[c].append(chain.parameter_draw())
        return i

    def close(self) -> None:
        """Forget what only some chains have."""
        self.n_draws = int(self._counts.min())
        self.cells = self.cells[:, : -(-self.n_draws // self.stride)]
        self.parameters = [draw for mine in self._parameters for draw in mine]

    @property
    def flat(self) -> npt.NDArray[np.float32]:
        """(chain x draw, cell) draws, one chain after the other."""
        chains, draws, cells = self.cells.shape
        return self.cells.reshape(chains * draws, cells)

    def parameters_for(self, n_cells: int, for_mean: bool) -> list[Any]:
        """Draws of the regressions to complete so many cells of other rows with.

        As many as memory allows; for means no more than are worth their time.
        """
        n = max(int(_MAX_BYTES / (8.0 * n_cells)), _MIN_PARAMETERS)
        if for_mean:
            n = min(n, max(int(_MAX_DRAWN / n_cells), _FOR_MEAN))
        return self.parameters[:: -(-len(self.parameters) // n)]

    def after_warm_up(self, trace: FloatArray) -> FloatArray:
        """Cut a trace (chain, sweep, ...) to the sweeps that ended in draws, those that were not stored too."""
        return trace[:, trace.shape[1] - self.n_draws :]


class ImputationPosterior:
    """The table of a fit and the draws of its missing cells, in the units of the data: what plots and reports read.

    Parameters
    ----------
    panel : Panel
        The data of the fit, as checked.
    table : ImputationTable
        The rows that were given: ``y`` (T, D), NaN where missing, ``missing`` and ``to_fill`` (T, D), ``offsets``
        (N + 1,), the first row of each sequence, and ``steps`` (T,), the clock within it.
    scales : ColumnScales
    stored : ImputedDraws
    n_warmup : int
        Sweeps before the first draw.

    Attributes
    ----------
    names : list
        All columns.
    drawn : list
        Columns whose missing cells were drawn, by position: those that vary. Arrays of the estimator's ``trace_`` count
        these.
    cells : (n, 2) int64
        Row and column of each cell that was drawn to be filled, row by row.
    draws : (chain, draw, n) float
        Values of these cells.
    levels : list of tuple
        Classes of all columns, in the order of their codes, which tables and draws hold; of numbers none.
    transforms : dict of column name to Transform
        From the units of the data to the scale of the fit, of columns that vary.
    sequences : list
        Labels of the sequences, or their numbers.

    Examples
    --------
    >>> from tsinit import TBayesMICE
    >>> from tsinit.datasets import load_new_york_air_quality
    >>> air = load_new_york_air_quality()
    >>> posterior = TBayesMICE(n_draws=50, n_chains=2, random_state=0).fit(air).posterior_
    >>> posterior.draws.shape, posterior.cells.shape
    ((2, 50, 44), (44, 2))
    >>> posterior.column_draws(posterior.names.index("Solar.R")).shape
    (100, 7)
    """

    def __init__(
        self,
        panel: Panel,
        table: ImputationTable,
        scales: ColumnScales,
        stored: ImputedDraws,
        n_warmup: int,
    ) -> None:
        self.panel, self.table, self.scales = panel, table, scales
        self.stored, self.n_warmup = stored, n_warmup

    @property
    def names(self) -> list[Any]:
        """All columns."""
        return list(self.panel.columns)

    @property
    def drawn(self) -> list[int]:
        """Columns whose missing cells were drawn, by position."""
        return self.scales.active.tolist()

    @property
    def levels(self) -> list[tuple[Any, ...]]:
        """Classes of all columns, in the order of their codes; of numbers none."""
        return self.scales.levels

    @property
    def transforms(self) -> dict[Any, Transform | ClassScale]:
        """From the units of the data to the scale of the fit, by column."""
        return dict(zip(self.scales.names, self.scales.transforms, strict=True))

    @property
    def cells(self) -> IntArray:
        """(n, 2) row and column of each cell that was drawn to be filled, row by row."""
        rows, columns = np.nonzero(self.scales.active_to_fill(self.table))
        return np.column_stack([rows, self.scales.active[columns]])

    @property
    def draws(self) -> FloatArray:
        """(chain, draw, n) values of the drawn cells."""
        return self.scales.back(self.stored.cells, self.table)

    @property
    def sequences(self) -> list[Any]:
        """Labels of the sequences, or their numbers."""
        index, n = self._frame_index(), len(self.table.offsets) - 1
        return (
            list(index.get_level_values(0).unique())
            if getattr(index, "nlevels", 1) > 1
            else list(range(n))
        )

    def index_of(self, sequence: int) -> pd.Index | None:
        """Times of one sequence, by its number; None where it has none."""
        if self.panel.form == "list":
            part = self.panel.parts[sequence]
            return part.index if hasattr(part, "iloc") else None
        index = self._frame_index()
        if index is None:
            return None
        first, stop = self.table.offsets[sequence : sequence + 2]
        return (index.get_level_values(1) if index.nlevels > 1 else index)[first:stop]

    def cell_names(self) -> list[str]:
        """Name each drawn cell by its column and its time, or the number of its row; after its sequence, of several."""
        offsets = self.table.offsets
        sequences = [f"{name}, " for name in self.sequences] if len(offsets) > 2 else [""]
        rows: list[str] = []
        for i, (first, stop) in enumerate(pairwise(offsets)):
            index = self.index_of(i)
            labels = [*range(stop - first)] if index is None else index.astype(str)
            rows += [f"{sequences[i]}{label}" for label in labels]
        return [f"{self.names[column]}, {rows[row]}" for row, column in self.cells]

    def _frame_index(self) -> Any:
        return self.panel.parts[0].index if self.panel.form == "frame" else None

    def column_draws(self, j: int, rows: IntArray | None = None) -> FloatArray:
        """Draws of the missing cells of one column, without those left open, one chain after the other.

        Parameters
        ----------
        j : int
            Position of the column.
        rows : (n,) int, optional
            Of these rows only.

        Returns
        -------
        (chain x draw, gaps) float
            A column that never varies has its value in all of them.
        """
        return self._back(j, self._scaled(j, rows), rows)

    def class_shares(self, j: int, rows: IntArray | None = None) -> FloatArray:
        """Probabilities (classes, gaps) of the missing cells of one column; parameters as of `column_draws`.

        A column of numbers has no classes.
        """
        draws = self.column_draws(j, rows)
        codes = np.arange(len(self.levels[j]))
        return np.array([(draws == k).mean(axis=0) for k in codes]).reshape(
            len(codes), draws.shape[1]
        )

    def column_quantiles(
        self, j: int, probabilities: Sequence[float], rows: IntArray | None = None
    ) -> FloatArray:
        """Quantiles (probabilities, gaps) of the missing cells of one column; parameters as of `column_draws`.

        Transforms are monotone: they are undone after the quantiles were taken, as ``TBayesMICE.interval`` does.
        """
        scaled = self._scaled(j, rows)
        if not np.isnan(self.scales.constants[j]):
            return np.quantile(scaled, probabilities, axis=0)
        scale = self.scales.transforms[self.drawn.index(j)]
        return self._back(j, scale.quantiles(scaled, probabilities), rows)

    def _scaled(self, j: int, rows: IntArray | None) -> FloatArray:
        """Draws of a column on the scale of the fit; of a constant one in the units of the data."""
        rows = np.arange(len(self.table.y)) if rows is None else rows
        flat, constant = self.stored.flat, self.scales.constants[j]
        if not np.isnan(constant):
            return np.full((len(flat), int(self.table.to_fill[rows, j].sum())), constant)
        cells = self.scales.active_to_fill(self.table)
        number = np.cumsum(cells.ravel()).reshape(cells.shape) - 1  # of each cell, row by row
        i = self.drawn.index(j)
        return flat[:, number[rows[cells[rows, i]], i]].astype(np.float64)

    def _back(self, j: int, values: FloatArray, rows: IntArray | None) -> FloatArray:
        if not np.isnan(self.scales.constants[j]):
            return values
        values, cells = (
            self.scales.transforms[self.drawn.index(j)].back(values),
            self.table.censored,
        )
        if not (cells.column == j).any():
            return values
        own = slice(None) if rows is None else rows
        low, high = (end[own, j] for end in cells.ends(self.table.y.shape))
        filled = self.table.to_fill[own, j]
        return np.clip(values, low[filled], high[filled])


def spread_out(n: int, n_draws: int) -> IntArray:
    """Choose n of the draws, as far apart as possible: the middle of each of n equal parts.

    That is the same number from every chain where n is a multiple of chains.
    """
    return ((np.arange(n) + 0.5) * n_draws / max(n, 1)).astype(int)


def column_scalars(
    posterior: ImputationPosterior, trace: dict[str, FloatArray]
) -> dict[int, list[FloatArray]]:
    """Traces after the warm-up by which a column is judged, by position of each column with drawn cells."""
    names, after = ("noise", "imputed_mean", "imputed_sd"), posterior.stored.after_warm_up
    incomplete = posterior.scales.active_missing(posterior.table).any(axis=0)
    return {
        int(j): [after(trace[name][..., j]) for name in names] for j in np.flatnonzero(incomplete)
    }


def worst_scalar(posterior: ImputationPosterior, trace: dict[str, FloatArray]) -> tuple[float, str]:
    """R-hat of the scalar on which the chains agree least, and what it is."""
    found = [(rhat(posterior.stored.after_warm_up(trace["log_density"])), "the log density")]
    kinds = ("noise variance", "mean of the drawn cells", "spread of the drawn cells")
    for j, scalars in column_scalars(posterior, trace).items():
        name = posterior.scales.names[j]
        column = name.item() if isinstance(name, np.generic) else name
        found += [
            (rhat(scalar), f"the {kind} of column {column!r}")
            for kind, scalar in zip(kinds, scalars, strict=True)
        ]
    return max(found, key=lambda one: -np.inf if np.isnan(one[0]) else one[0])


def diagnostics(
    posterior: ImputationPosterior, trace: dict[str, FloatArray], chains: Sequence[Any]
) -> pd.DataFrame:
    """Table of how the chains mixed, for every column with gaps; of a constant one there is nothing to say."""
    import pandas as pd

    active, table = posterior.scales.active, posterior.table
    acceptance, reflected = (
        np.broadcast_to(np.mean([getattr(chain, name) for chain in chains], axis=0), active.shape)
        for name in ("acceptance", "reflected")
    )
    mixed, judged = {}, column_scalars(posterior, trace)
    for j in {int(active[i]) for i in judged}:
        if np.isnan(posterior.scales.constants[j]):
            own = [
                i for i in judged if active[i] == j
            ]  # several latent columns of unordered classes
            scalars = [scalar for i in own for scalar in judged[i]]
            mixed[j] = (*worst_mixing(scalars), acceptance[own].mean(), reflected[own].mean())
    rows = {}
    for j in np.flatnonzero(table.missing.any(axis=0)).tolist():
        n_censored = int((table.censored.column == j).sum())
        counts = int(table.missing[:, j].sum()), n_censored, int(table.left_open[:, j].sum())
        values = *counts, *mixed.get(j, [np.nan] * 4)
        rows[posterior.names[j]] = dict(zip(_DIAGNOSTICS, values, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index", columns=_DIAGNOSTICS)
