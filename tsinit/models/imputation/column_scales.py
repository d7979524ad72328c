"""Scales of the columns of a fit: there and back between the units of the data and those of the draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.censoring import check_enough_exact
from tsinit._validate.imputing import check_fillable, check_matched_are_values
from tsinit._validate.imputing_columns import (
    check_bounds,
    check_domain,
    check_no_classes,
    check_transforms,
)
from tsinit._validate.kinds import NEVER_NEGATIVE, check_values_of_kind
from tsinit.models.imputation import latent_kinds, season, transforms
from tsinit.models.imputation.censored import CensoredCells
from tsinit.models.imputation.censored_scales import SeenValues
from tsinit.models.imputation.class_columns import ClassScale, LatentClasses, class_scales, codes_of
from tsinit.models.imputation.problem import ImputationProblem, ImputationTable

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate import Panel
    from tsinit.models.imputation.model import ImputerOptions

#: Numbers that are brought back to the units of the data at once.
_CHUNK = 200_000
#: Standard deviations of a column that a value beyond a limit of detection may lie away from the mean.
_FAR = 8.0


class ColumnScales:
    """What a fit learns of the columns: transforms, limits, which are constant, and the season.

    Parameters
    ----------
    panel : Panel
    table : ImputationTable
    options : ImputerOptions
        Of these, transforms, bounds, period, harmonics, lags, lag_features, noise and prior_scale.

    Attributes
    ----------
    active : (A,) int
        Columns that the engine is given, one of unordered classes once for each of its latent columns. Constant ones
        are filled by their value and predict nothing.
    first : (A,) bool
        Whether it is the first latent column of its column, which holds the draws.
    names : list
        Of the active columns.
    transforms : list of Transform or ClassScale
        Of the active columns.
    constants : (D,) float
        Value of each constant column, NaN for the others.
    periods : list of float
        Seasons, in steps.
    """

    def __init__(self, panel: Panel, table: ImputationTable, options: ImputerOptions) -> None:
        names, y = list(panel.columns), table.y
        taken, classes = options.kinds.columns, options.kinds.classes
        check_no_classes("transforms", options.transforms, taken)
        check_no_classes("bounds", options.bounds, taken)
        told = {names[j]: None for j in np.unique(table.censored.column)}
        check_no_classes("censored or between", told, taken)
        check_enough_exact(y, table.censored.mask(y.shape), names)
        varies = check_fillable(y, names, taken)
        kinds = check_transforms(options.transforms, transforms.KINDS, names)
        numbers = table.shown
        numbers[:, sorted(classes)] = np.nan
        bounds = check_bounds(options.bounds, names, numbers)
        self.constants = np.where(varies, np.nan, np.nanmin(y, axis=0))
        active = np.flatnonzero(varies) if varies.any() else np.arange(1)
        self.transforms: list[transforms.Transform | ClassScale] = []
        self._options, columns, limits = options, [], []
        for j in active.tolist():
            observed = y[~table.missing[:, j], j]
            if j in classes and varies[j]:
                latent = class_scales(
                    observed, len(taken[j].levels), taken[j].kind != "categorical"
                )
                self.transforms += latent
                columns += [j] * len(latent)
                limits += [(-np.inf, np.inf) * 2] * len(latent)
                continue
            kind = taken[j].kind
            check_values_of_kind(kind, observed, names[j])
            if kind != "count":  # of which the logarithm is taken of what lies above zero
                check_domain(kinds[j], observed, names[j])
            lower, upper = bounds[:, j]
            if kind in NEVER_NEGATIVE:  # what is below zero is seen as zero
                lower, bounds[0, j] = max(lower, 0.0), lower if lower > 0.0 else -np.inf
            seen = _seen(table, j, kind)
            if seen is None:
                estimated = transforms.estimate(observed, kinds[j])
            else:
                estimated = latent_kinds.estimate(kind, seen, kinds[j])
            transform = estimated._replace(lower=lower, upper=upper)
            if options.match:
                transform = transforms.of_observed(transform, observed)
            self.transforms.append(transform)
            columns.append(j)
            limits.append(_scaled_limits(transform, observed, bounds[:, j], seen))
        self.active = np.array(columns)
        self.first = np.diff(self.active, prepend=-1) > 0
        self.names = [names[j] for j in self.active]
        self._limits = np.array(limits).T
        self._season = season.learn(panel, table, options.period, options.harmonics)
        self.periods = self._season.periods

    @property
    def step(self) -> Any:
        """Distance of two rows of the fit: a pandas offset, Timedelta or number; None without times."""
        return self._season.step

    @property
    def levels(self) -> list[tuple[Any, ...]]:
        """(D,) classes of all columns, in the order of their codes; of numbers none."""
        return [column.levels for column in self._options.kinds.columns]

    @property
    def limits(self) -> FloatArray:
        """(2, A) smallest and largest value that a cell may have on the scale of the engine."""
        return self._limits[:2]

    def problem(self, panel: Panel, table: ImputationTable) -> ImputationProblem:
        """State the problem of these rows, those of the fit or others, on the scale of the fit.

        Raises
        ------
        ValueError
            Other rows have values that a transform is not defined on.
        """
        for t, j, name in zip(self.transforms, self.active, self.names, strict=True):
            observed, kind = table.y[~table.missing[:, j], j], self._kind(j)
            check_values_of_kind(kind, observed, name)
            if kind != "count":
                check_domain(t.kind, observed, name)
        z, censored, classes = (
            self._forward(table.y),
            self._intervals(table),
            self._classes(table.y),
        )
        z = np.where(np.isnan(z), z, censored.inside(z))
        covariates, steps = self._season.terms(panel, table.steps), self._season.steps(panel, table)
        o = self._options
        low, high, lower, upper = np.ascontiguousarray(self._limits)
        if o.match:
            check_matched_are_values(censored.row.size)
        intervals = [censored, *(one.censored() for one in classes)]
        return ImputationProblem(
            np.ascontiguousarray(z), table.offsets, steps, covariates, o.lags, o.lag_features, o.noise,
            o.prior_scale, low, high, lower, upper, CensoredCells.joined(intervals), learned_scale=o.learned_scale,
            sequence_effects=o.sequence_effects, match=o.match, classes=tuple(classes),
        )  # fmt: skip

    def _intervals(self, table: ImputationTable) -> CensoredCells:
        """Intervals of cells of the active columns on the scale of the engine, within the limits of their column.

        Those of censored cells, and of observed ones in columns that are looks at a latent one.
        """
        cells, (low, high), parts = table.censored, self.limits, []
        for i, (t, j) in enumerate(zip(self.transforms, self.active, strict=True)):
            if isinstance(t, ClassScale):
                continue
            mine, seen = cells.column == j, self._looks(table, int(j))
            rows = np.append(cells.row[mine], seen.rows)
            ends = [
                t.ends(np.append(one[mine], other)).clip(low[i], high[i])
                for one, other in ((cells.low, seen.low), (cells.high, seen.high))
            ]
            parts.append((rows, np.full(len(rows), i), *ends))
        return CensoredCells.joined(parts)

    def _kind(self, j: int) -> str:
        """What column j was taken for."""
        return self._options.kinds.columns[j].kind

    def _looks(self, table: ImputationTable, j: int) -> latent_kinds.Looks:
        return latent_kinds.looks(self._kind(j), table.y[:, j])

    def forward(self, y: FloatArray) -> FloatArray:
        """Bring a complete table (T, D) to the scale of the engine, (T, A), within its limits."""
        low, high = self.limits
        return np.clip(self._forward(y), low, high)

    def _forward(self, y: FloatArray) -> FloatArray:
        columns = []
        for t, j in zip(self.transforms, self.active, strict=True):
            own = y[:, j]
            if self._kind(j) == "count":  # zero is what lies below a half
                own = np.maximum(own, 0.25)
            columns.append(t.forward(own))
        return np.column_stack(columns)

    def _classes(self, y: FloatArray) -> list[LatentClasses]:
        """Columns of classes, as the engine has them, and the classes that were observed."""
        found = []
        for i in np.flatnonzero(self.first).tolist():
            scale = self.transforms[i]
            if isinstance(scale, ClassScale):
                codes = y[:, self.active[i]]
                rows = np.flatnonzero(~np.isnan(codes))
                columns = tuple(np.flatnonzero(self.active == self.active[i]).tolist())
                found.append(
                    LatentClasses(columns, scale.ordered, scale.cuts, rows, codes[rows].astype(int))
                )
        return found

    def codes(self, j: int, table: ImputationTable, draws: npt.NDArray[np.floating]) -> FloatArray:
        """Draws (draw, gaps) of the cells to fill of one column of classes, of all draws (draw, cell)."""
        n = int(table.to_fill[:, j].sum())
        if not np.isnan(self.constants[j]):
            return np.full((max(len(draws), 1), n), self.constants[j])
        columns = self.active[np.nonzero(self.active_to_fill(table))[1]]
        return draws[:, columns == j].astype(np.float64)

    def with_whole_classes(self, y: FloatArray) -> FloatArray:
        """Replace what a strategy filled into columns of classes, of a complete table (T, D), by the nearest codes."""
        for transform, j in zip(self.transforms, self.active, strict=True):
            if isinstance(transform, ClassScale):
                y[:, j] = transform.nearest(y[:, j])
        return y

    def coded(self, z: FloatArray) -> FloatArray:
        """Replace latent columns of a table (T, A) by codes, by the first cut points."""
        classes = self._classes(np.empty((0, len(self.constants))))
        return codes_of(classes, [one.cuts for one in classes], z) if classes else z

    def active_missing(self, table: ImputationTable) -> BoolArray:
        """(T, A) missing cells of the active columns."""
        return table.missing[:, self.active]

    def active_to_fill(self, table: ImputationTable) -> BoolArray:
        """(T, A) cells of the active columns that are filled, those of several latent columns in the first."""
        return table.to_fill[:, self.active] & self.first

    def back(self, values: npt.NDArray[np.floating], table: ImputationTable) -> FloatArray:
        """Bring draws (..., cells) of the cells to fill of a table, row by row, back to the units of the data."""
        cells = self.active_to_fill(table)
        out = self._back(values, cells)
        if not table.censored.row.size:
            return out
        rows, columns = np.nonzero(cells)
        low, high = table.censored.ends(table.y.shape)
        place = rows, self.active[columns]
        return np.clip(out, low[place], high[place])

    def _back(self, values: npt.NDArray[np.floating], cells: BoolArray) -> FloatArray:
        columns, out = np.nonzero(cells)[1], np.empty(values.shape)
        for i, transform in enumerate(self.transforms):
            mine = columns == i
            out[..., mine] = transform.back(values[..., mine].astype(np.float64))
        return out

    def completed(
        self,
        table: ImputationTable,
        draws: npt.NDArray[np.floating],
        mean: bool = False,
    ) -> FloatArray:
        """Complete a table by a summary of draws in the units of the data, column by column.

        Parameters
        ----------
        table : ImputationTable
        draws : (draw, cell) float
            Of its cells to fill in active columns, row by row, on the scale of the engine.
        mean : bool
            Of all draws, or the most probable class; without it there is one draw, which is taken as it is.

        Returns
        -------
        (T, D) float
            NaN in gaps that stay open.
        """
        values = np.empty(draws.shape[1])
        for transform, part in self._pieces(table, len(draws)):
            back = transform.back(draws[:, part].astype(np.float64))
            values[part] = transform.held(transform.centre_of(back) if mean else back[0])
        return self._filled(table, values, table.to_fill)

    def quantiles(
        self,
        table: ImputationTable,
        draws: npt.NDArray[np.floating],
        probabilities: Sequence[float],
    ) -> FloatArray:
        """Quantiles (probabilities, cell) of draws (draw, cell) of the cells to fill, on the scale of the engine."""
        out = np.empty((len(probabilities), draws.shape[1]))
        for transform, part in self._pieces(table, len(draws)):
            out[:, part] = transform.quantiles(draws[:, part], probabilities)
        return out

    def _pieces(
        self, table: ImputationTable, n_draws: int
    ) -> Iterator[tuple[transforms.Transform | ClassScale, IntArray]]:
        """Cells to fill, by number, of one column each and as many as are brought back at once; their transforms."""
        columns = np.nonzero(self.active_to_fill(table))[1]
        size = max(_CHUNK // max(n_draws, 1), 1)
        for i, transform in enumerate(self.transforms):
            mine = np.flatnonzero(columns == i)
            for part in np.split(mine, range(size, len(mine), size)):
                yield transform, part

    def rounded(self, y: FloatArray) -> FloatArray:
        """Round a table in the units of the data (T, D) to whole numbers, within the bounds of the user."""
        y = y.copy()
        for transform, j in zip(self.transforms, self.active, strict=True):
            y[:, j] = transform.rounded(y[:, j])
        return y

    def _filled(self, table: ImputationTable, values: FloatArray, to_fill: BoolArray) -> FloatArray:
        """Put values of such cells (T, D) of the active columns, row by row, into a copy of the table."""
        y = table.y.copy()
        for j in np.flatnonzero(~np.isnan(self.constants)):
            y[to_fill[:, j], j] = self.constants[j]
        cells = np.zeros_like(to_fill)
        cells[:, self.active] = to_fill[:, self.active]
        if np.isnan(self.constants).any():
            y[cells] = values
        # Draws may have left their intervals by rounding, here or where they were stored.
        return table.censored.inside(y) if table.censored.row.size else y

    def with_cells(self, table: ImputationTable, z: FloatArray) -> FloatArray:
        """Complete a table by the missing cells of one (T, A) on the scale of the engine, with codes for classes."""
        missing = self.active_missing(table) & self.first
        return self._filled(table, self._back(z[missing], missing), table.missing)


def _scaled_limits(
    transform: transforms.Transform,
    observed: FloatArray,
    bounds: FloatArray,
    seen: SeenValues | None,
) -> tuple[float, float, float, float]:
    """Limits of reflection and bounds of the user on the scale of the engine."""
    low, high = transforms.limits(transform, observed if seen is None else seen.typical)
    if seen is not None:  # what lies beyond a limit may lie far beyond
        first, last = transforms.support(transform)
        if (
            transform.lower == 0.0 and bounds[0] < 0.0
        ):  # below zero the scale goes on as far as need be
            first = -np.inf
        low = max(min(low, -_FAR), first) if np.isneginf(seen.low).any() else low
        high = min(max(high, _FAR), last) if np.isposinf(seen.high).any() else high
    lower, upper = (transform.bound(b) for b in bounds)
    return max(low, lower), min(high, upper), lower, upper


def _seen(table: ImputationTable, j: int, kind: str) -> SeenValues | None:
    """What was seen of a column; None where all of it is exact."""
    mine = table.censored.column == j
    if not mine.any() and kind not in latent_kinds.LATENT:
        return None
    low, high = latent_kinds.intervals(kind, table.y[~table.missing[:, j], j])
    return SeenValues(
        np.append(low, table.censored.low[mine]), np.append(high, table.censored.high[mine])
    )
