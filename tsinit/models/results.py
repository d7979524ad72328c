"""What models hand back: samples, and the names of the rows after the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tsinit._validate import times_after

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel


class Sample(NamedTuple):
    """Simulated data.

    Parameters
    ----------
    y : (T, D) float, or list of those
        Observations.
    states : (T, n) float or (T,) int, or list of those
        The states behind them: of a state-space model vectors, of a hidden Markov model their numbers.
    """

    y: Any
    states: Any


class SeriesEnd(NamedTuple):
    """Where a series ends: what the rows after the data are called."""

    index: Any  # pandas index of the last sequence, None where it has none
    time_step: Any  # distance of two steps in that index
    columns: Any  # names of the columns, None where they have none

    @classmethod
    def of(cls, panel: Panel) -> SeriesEnd:
        """Return the end of the last sequence of a panel."""
        return cls(panel.last_index, panel.time_step, getattr(panel.parts[-1], "columns", None))

    def times(self, n_steps: int) -> pd.Index | None:
        """Return the times of the steps after the data, None where those have no times."""
        return None if self.index is None else times_after(self.index, self.time_step, n_steps)

    def label(self, values: FloatArray) -> FloatArray | pd.DataFrame:
        """Give values (n_steps, D) the times that follow, as a DataFrame; without times they stay as they are."""
        times = self.times(len(values))
        if times is None:
            return values
        import pandas as pd

        return pd.DataFrame(values, index=times, columns=self.columns)
