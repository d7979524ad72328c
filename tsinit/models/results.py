"""What models hand back: samples, and the names of the rows after the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tsinit._validate import times_after

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import FloatArray
    from tsinit._validate import Panel


#: Steps that may lie between the data and rows that are to follow them.
_MAX_SKIPPED = 2**20


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

    def steps_before(self, panel: Panel) -> int:
        """Count the steps between the end and the first row of a panel that comes after, by their times.

        Raises
        ------
        ValueError
            The panel does not come after the end, or is not on its clock.
        """
        first = getattr(panel.parts[0], "index", None)
        if self.index is None or first is None or self.time_step is None:
            return 0
        if not first[0] > self.index[-1]:
            raise ValueError(
                f"new_rows must come after the last row, at {self.index[-1]}; got {first[0]}."
            )
        n = 1
        while n <= _MAX_SKIPPED:
            times = times_after(self.index, self.time_step, n)
            if times[-1] >= first[0]:
                break
            n *= 2
        place = times.get_indexer(first[:1])[0]
        if place < 0:
            raise ValueError(
                f"new_rows must be on the clock of the data, whose last rows are {self.time_step} apart; got "
                f"{first[0]} after {self.index[-1]}."
            )
        return int(place)

    def extended(self, panel: Panel) -> SeriesEnd:
        """Return the end after the rows of a panel that comes after."""
        last = panel.last_index
        if self.index is None:
            return self
        if last is None:
            last = self.times(len(panel.y))
        step = self.time_step if panel.time_step is None or len(last) == 1 else panel.time_step
        return self._replace(index=last, time_step=step)

    def label(self, values: FloatArray) -> FloatArray | pd.DataFrame:
        """Give values (n_steps, D) the times that follow, as a DataFrame; without times they stay as they are."""
        times = self.times(len(values))
        if times is None:
            return values
        import pandas as pd

        return pd.DataFrame(values, index=times, columns=self.columns)
