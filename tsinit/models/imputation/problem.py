"""The table to complete, in the units of the data, and the standardised problem that an engine is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.models.imputation.censored import NOTHING_CENSORED, CensoredCells, find_censored
from tsinit.models.imputation.censored_scales import SeenValues
from tsinit.models.imputation.class_columns import LatentClasses
from tsinit.models.imputation.open_gaps import open_cells

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit._validate import Panel


class ImputationTable(NamedTuple):
    """The table to complete, in the units of the data: the rows that were given, without those of skipped steps."""

    y: FloatArray  # (T, D), NaN where missing
    offsets: IntArray  # (N + 1,), where each sequence starts
    steps: IntArray  # (T,), clock step within the sequence
    missing: BoolArray  # (T, D)
    left_open: BoolArray  # (T, D), missing cells that stay so: they lie in gaps that are too long
    censored: CensoredCells = (
        NOTHING_CENSORED  # missing cells of which an interval is known, in units of the data
    )

    @classmethod
    def from_panel(
        cls, panel: Panel, max_gap: int | None = None, limits: FloatArray | None = None
    ) -> ImputationTable:
        """Take the rows that were given out of a `Panel`.

        Gaps of more than `max_gap` steps stay open. Values at or beyond the limits of detection (2, D) of their column
        are missing but for that, as are those of which the panel has intervals.
        """
        offsets = np.searchsorted(panel.rows, panel.offsets).astype(np.int64)
        first = np.repeat(panel.offsets[:-1], np.diff(offsets))
        y = panel.y if len(panel.rows) == len(panel.y) else panel.y[panel.rows]
        steps, censored = panel.rows - first, find_censored(panel, y, limits)
        known = censored.mask(y.shape)
        y = np.where(known, np.nan, y) if known.any() else y
        missing = np.isnan(y)
        left_open = open_cells(missing & ~known, offsets, steps, max_gap)
        return cls(y, offsets, steps, missing, left_open, censored)

    @property
    def shown(self) -> FloatArray:
        """(T, D) with a value of its interval in each censored cell."""
        y, cells = self.y.copy(), self.censored
        y[cells.row, cells.column] = SeenValues(cells.low, cells.high).typical
        return y

    @property
    def to_fill(self) -> BoolArray:
        """(T, D) missing cells that do not stay open."""
        return self.missing & ~self.left_open

    def equals(self, other: ImputationTable) -> bool:
        """Whether two tables have the same rows, sequences and observed values."""
        return (
            self.y.shape == other.y.shape
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.steps, other.steps)
            and np.array_equal(self.y, other.y, equal_nan=True)
            and self.censored.equals(other.censored)
        )


class ImputationProblem(NamedTuple):
    """What an engine is given: one standardised table with gaps, its clock and its priors.

    Every column is transformed, centred and scaled. Rows are the rows that were given: skipped steps of the clock have
    none, and show as jumps in `steps`.
    """

    z: FloatArray  # (T, D), NaN where missing; mean 0, standard deviation 1 over the observed cells
    offsets: IntArray  # (N + 1,), where each sequence starts
    steps: IntArray  # (T,), clock step of each row, increasing within a sequence
    covariates: FloatArray  # (T, F), terms of the season, complete, without an intercept
    lags: int  # L, steps before and after that a regression uses
    lag_features: str  # "all", lags of every column, or "own", lags of the column itself
    noise: str  # "normal" or "student_t"
    prior_scale: float  # variance of the coefficients of a regression a priori; of season and level where it is learned
    low: FloatArray  # (D,), limits at which draws are reflected, far outside what was observed
    high: FloatArray  # (D,)
    lower: FloatArray  # (D,), bounds of the user on this scale; -inf where there are none
    upper: FloatArray  # (D,), inf where there are none
    censored: CensoredCells = NOTHING_CENSORED  # cells of which an interval is known, on this scale
    learned_scale: bool = False  # whether chained equations learn that variance
    sequence_effects: bool = False  # whether sequences have levels of their own
    match: int = 0  # donors of predictive mean matching; 0 where cells are drawn
    # Columns of classes, whose latent columns have noise of variance 1.
    classes: tuple[LatentClasses, ...] = ()

    @property
    def missing(self) -> BoolArray:
        """(T, D) bool: cells whose draws are kept."""
        return np.isnan(self.z)

    @property
    def unknown(self) -> BoolArray:
        """(T, D) bool: missing cells of which no interval is known either."""
        return self.missing & ~self.censored.mask(self.z.shape)
