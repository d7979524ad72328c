"""From a table in the units of the user to the problem of an engine, and back."""

from typing import NamedTuple

import numpy as np

from tsinit._validate.imputing import check_bounds, check_domain, check_fillable, check_transforms
from tsinit.models.imputation import season, transforms
from tsinit.models.imputation.problem import Problem


class Rows(NamedTuple):
    """The rows that were given, without those of skipped steps."""

    y: np.ndarray  # (T, D) float, NaN where missing
    offsets: np.ndarray  # (N + 1,) int64
    steps: np.ndarray  # (T,) int64, clock step within the sequence
    missing: np.ndarray  # (T, D) bool


def given_rows(panel):
    """Take the rows that were given out of a `Panel`."""
    offsets = np.searchsorted(panel.rows, panel.offsets).astype(np.int64)
    first = np.repeat(panel.offsets[:-1], np.diff(offsets))
    y = panel.y if len(panel.rows) == len(panel.y) else panel.y[panel.rows]
    return Rows(y, offsets, panel.rows - first, np.isnan(y))


class Scales:
    """What a fit learns of the columns: transforms, limits, which are constant, and the season.

    Parameters
    ----------
    panel : Panel
    rows : Rows
    options : NamedTuple
        With transforms, bounds, period, lags, lag_features, noise, prior_scale.

    Attributes
    ----------
    active : (A,) int
        Columns that the engine sees. Constant ones are filled by their value and predict nothing.
    """

    def __init__(self, panel, rows, options):
        names, y = list(panel.columns), rows.y
        varies = check_fillable(y, names)
        kinds = check_transforms(options.transforms, transforms.KINDS, names)
        bounds = check_bounds(options.bounds, names, y)
        self.constants = np.where(varies, np.nan, np.nanmin(y, axis=0))
        self.active = np.flatnonzero(varies) if varies.any() else np.arange(1)
        self.names = [names[j] for j in self.active]
        self.transforms, self._options = [], options
        self._limits = np.empty((4, len(self.active)))
        for i, j in enumerate(self.active):
            seen = y[~rows.missing[:, j], j]
            check_domain(kinds[j], seen, names[j])
            self.transforms.append(transforms.estimate(seen, kinds[j]))
            self._limits[:, i] = self._on_scale(self.transforms[i], seen, bounds[:, j])
        self._season = season.learn(panel, rows, options.period)
        self.periods = self._season.periods

    @property
    def limits(self):
        """(2, A) least and largest value that a cell may have on the scale of the engine."""
        return self._limits[:2]

    @staticmethod
    def _on_scale(transform, seen, bounds):
        """Limits of the guard and bounds of the user on the scale of the engine."""
        low, high = transforms.limits(transform, seen)
        lower, upper = (transform.bound(b) for b in bounds)
        return max(low, lower), min(high, upper), lower, upper

    def problem(self, panel, rows):
        """State the problem of these rows, those of the fit or others, on the scale of the fit.

        Raises
        ------
        ValueError
            Other rows have values that a transform is not defined on.
        """
        for t, j, name in zip(self.transforms, self.active, self.names, strict=True):
            check_domain(t.kind, rows.y[~rows.missing[:, j], j], name)
        z = np.column_stack(
            [t.forward(rows.y[:, j]) for t, j in zip(self.transforms, self.active, strict=True)]
        )
        covariates, steps = self._season.terms(panel, rows.steps), self._season.steps(panel, rows)
        o = self._options
        low, high, lower, upper = np.ascontiguousarray(self._limits)
        return Problem(
            np.ascontiguousarray(z), rows.offsets, steps, covariates, o.lags, o.lag_features, o.noise,
            o.prior_scale, low, high, lower, upper,
        )  # fmt: skip

    def forward(self, table):
        """Bring a complete table (T, D) to the scale of the engine, (T, A), within its limits."""
        columns = [
            t.forward(table[:, j]) for t, j in zip(self.transforms, self.active, strict=True)
        ]
        low, high = self.limits
        return np.clip(np.column_stack(columns), low, high)

    def back(self, values, columns):
        """Bring draws (..., cells) back to the units of the data; `columns` (cells,) counts the active ones."""
        out = np.empty(values.shape)
        for i, transform in enumerate(self.transforms):
            mine = columns == i
            out[..., mine] = transform.back(values[..., mine].astype(np.float64))
        return out

    def complete(self, rows, values):
        """Put values of the missing cells of the active columns, row by row, into a copy of the table."""
        table = rows.y.copy()
        for j in np.flatnonzero(~np.isnan(self.constants)):
            table[rows.missing[:, j], j] = self.constants[j]
        cells = np.zeros_like(rows.missing)
        cells[:, self.active] = rows.missing[:, self.active]
        if np.isnan(self.constants).any():
            table[cells] = values
        return table
