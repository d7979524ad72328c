"""Which cells of a file are gaps to fill, and how filled ones are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tsinit._cli.clock_text import clock_texts
from tsinit._cli.csv_text import CSVText
from tsinit._validate.kinds import CLASS_KINDS
from tsinit.tables.read import Options, Understood, understand

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray, StrPath
    from tsinit.tables.columns import Column

#: Share of missing cells of a column beyond which its values are little but a guess.
_NEARLY_EMPTY = 0.8
#: Digits of a filled cell beyond the first one of the column's standard deviation.
_DIGITS, _MAX_DECIMALS = 3, 15


class Gaps(NamedTuple):
    """A file, and the table of numbers that an imputer is to complete."""

    found: Understood
    text: CSVText | None  # None for Parquet
    missing: BoolArray  # (T, D) cells to fill: missing, or only known to be beyond a limit
    kinds: tuple[tuple[str, str], ...] = ()  # column and kind of those that are not continuous

    @property
    def frame(self) -> pd.DataFrame:
        """Sorted by sequence and time, which its index holds."""
        return self.found.frame

    @property
    def rows(self) -> IntArray:
        """Row of the file (T, D) of each cell; -1 where it has none."""
        return self.found.rows

    @property
    def notes(self) -> list[str]:
        return self.found.notes

    @property
    def keys(self) -> list[str]:
        """Columns that identify a row: sequence, then times, then the variable of a long table."""
        return [*self.found.keys, *([self.found.long.variable] if self.found.long else [])]

    @property
    def between(self) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """What cells beyond a limit lie above and below, in the form of the frame, NaN elsewhere; None without any."""
        cells = self.found.censored
        if not len(cells):
            return None
        ends = np.full((2, *self.frame.shape), np.nan)
        columns = self.frame.columns.get_indexer(pd.Index(cells["column"]))
        sides = (cells["side"] == "below").to_numpy(dtype=int)
        ends[sides, cells["row"].to_numpy(), columns] = cells["limit"]
        lower, upper = (
            pd.DataFrame(end, index=self.frame.index, columns=self.frame.columns) for end in ends
        )
        return lower, upper

    @property
    def counts(self) -> pd.Series:
        """Cells to fill of every column that has some."""
        counts = pd.Series(self.missing.sum(axis=0), self.frame.columns)
        return counts[counts > 0]

    def without_open(self, filled: pd.DataFrame) -> tuple[Gaps, int]:
        """The same without the cells that a table in the form of the frame left open, and how many these are."""
        still = self.missing & filled.isna().to_numpy()
        return self._replace(missing=self.missing & ~still), int(still.sum())

    def taken(self, kinds: pd.DataFrame) -> Gaps:
        """The same with what columns were taken for, which says how their values are written."""
        special = kinds["kind"][kinds["kind"] != "continuous"]
        return self._replace(kinds=tuple((str(name), str(kind)) for name, kind in special.items()))

    @property
    def classes(self) -> set[str]:
        """Columns of classes, which have no intervals."""
        return {name for name, kind in self.kinds if kind in CLASS_KINDS}

    @property
    def given(self) -> pd.DataFrame:
        """The frame with words in columns of classes, where it has their codes."""
        frame = self.frame.copy(deep=False)
        for name, levels in self.levels.items():
            codes = frame[name].fillna(-1).to_numpy(dtype=np.int64)
            frame[name] = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(levels)))
        return frame

    def coded(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table in the form of `given` with codes in the place of words, NaN where there are none."""
        table = table.copy(deep=False)
        for name, levels in self.levels.items():
            codes = pd.Categorical(table[name], categories=list(levels)).codes
            table[name] = np.where(codes < 0, np.nan, codes)
        return table

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """Words of the columns of classes."""
        found = self.found.columns
        return {column.name: column.levels for column in found if column.kind == "classes"}

    def column(self, name: str) -> Column:
        """What is known of the column of the file that holds a column of the frame."""
        if self.found.long:
            return self.found.columns[0]
        return next(column for column in self.found.columns if column.name == name)

    def field(self, name: str) -> int:
        """Field, in a line of the file, of a column of the frame."""
        return self.found.raw.fields[self.column(name).name]

    def cells(self, table: pd.DataFrame, bounds: Any = None) -> dict[tuple[int, int], str]:
        """Text for the cells to fill that have a row in the file, out of a complete table in the form of the frame.

        Parameters
        ----------
        table : (T, D) DataFrame
        bounds : None, pair, or dict of column name to pair
            What no rounding may cross.

        Returns
        -------
        dict of (row, field) of the file to str
        """
        return {(i, field): text for i, field, text, _ in self._texts(table, bounds) if i >= 0}

    def inserted(self, table: pd.DataFrame, bounds: Any = None) -> list[tuple[int, dict[int, str]]]:
        """Lines for the rows that the file lacks, each with the row that it comes behind."""
        absent = np.flatnonzero((self.rows < 0).all(axis=1))
        if not len(absent) or self.found.long:
            return []
        keys = clock_texts(self.found, absent)
        lines: dict[int, dict[int, str]] = {
            int(k): dict(texts) for k, texts in zip(absent, keys, strict=True)
        }
        for i, field, text, k in self._texts(table, bounds):
            if i < 0:
                lines[k][field] = text
        own = np.where(self.rows[:, 0] >= 0, np.arange(len(self.rows)), -1)
        before = self.rows[np.maximum.accumulate(own), 0]
        return [(int(before[k]), line) for k, line in lines.items()]

    def values(self, table: pd.DataFrame) -> dict[tuple[int, str], float]:
        """Numbers for the cells to fill that have a row in the file, by row and column of the file."""
        values = np.asarray(table, dtype=float)
        return {
            (int(self.rows[t, j]), self.column(str(self.frame.columns[j])).name): float(
                values[t, j]
            )
            for t, j in np.argwhere(self.missing & (self.rows >= 0))
        }

    def numbers(
        self, name: str, values: FloatArray, decimals: int
    ) -> tuple[dict[int, str], list[str]]:
        """Text of numbers (T,) beside filled cells of a column: by row of the file, and for each row that it lacks."""
        j = self.frame.columns.get_loc(name)
        sign = self.column(name).decimal
        texts = [
            f"{value:.{decimals}f}".replace(".", sign) if there else ""
            for value, there in zip(values.tolist(), self.missing[:, j], strict=True)
        ]
        own = self.rows[:, j]
        absent = np.flatnonzero((self.rows < 0).all(axis=1))
        return {int(own[t]): texts[t] for t in np.flatnonzero(own >= 0)}, [texts[t] for t in absent]

    def _texts(self, table: pd.DataFrame, bounds: Any) -> Iterator[tuple[int, int, str, int]]:
        """Row and field in the file, text, and row of the frame of every cell to fill."""
        between = self.between
        for name in self.counts.index:
            j, field = int(self.frame.columns.get_loc(name)), self.field(name)  # type: ignore[arg-type]
            at = np.flatnonzero(self.missing[:, j])
            limits = (bounds.get(name) if isinstance(bounds, dict) else bounds) or (None, None)
            ends = [
                np.full(len(at), free if limit is None else limit)
                for limit, free in zip(limits, (-np.inf, np.inf), strict=True)
            ]
            if between is not None:
                lower, upper = (side.to_numpy()[at, j] for side in between)
                ends = [np.fmax(ends[0], lower), np.fmin(ends[1], upper)]
            values = table.iloc[at, j].to_numpy(dtype=float)
            words = name in self.levels
            written = self._words(name, values) if words else self._written(name, values, *ends)
            for k, text in zip(at, written, strict=True):
                yield int(self.rows[k, j]), field, text, int(k)

    def _words(self, name: str, codes: FloatArray) -> Iterator[str]:
        """Write classes as the file has them where they first come; nothing where there is none."""
        assert self.text is not None  # words of Parquet are no classes here
        j, field = self.frame.columns.get_loc(name), self.field(name)
        observed = self.frame[name].to_numpy()
        for code in codes:
            at = np.flatnonzero(observed == code)
            first = int(self.rows[at, j].min()) if at.size else -1
            yield self.text.field(first, field).strip() if at.size else ""

    def _written(
        self, name: str, values: FloatArray, lower: FloatArray, upper: FloatArray
    ) -> Iterator[str]:
        """Write numbers with as many decimals as the column has, or as its spread asks for; more to stay inside."""
        column = self.column(name)
        given = max(
            (
                len(text.partition(column.decimal)[2])
                for text in self._observed(name, column.suffix)
            ),
            default=0,
        )
        short = any(name == one for one, _ in self.kinds)
        spread = self.frame[name].dropna().to_numpy().std()
        decimals = max(given, _DIGITS - int(np.floor(np.log10(spread)))) if spread > 0 else given
        for value, low, high in zip(values.tolist(), lower, upper, strict=True):
            text = f"{value:.{given}f}"
            # A zero of rain, a whole number, a class stay short.
            if not short or float(text) != value:
                text = f"{value:.{decimals}f}" if decimals <= _MAX_DECIMALS else repr(value)
            if not low <= float(text) <= high:
                text = repr(value)
            yield text.replace(".", column.decimal) + column.suffix

    def _observed(self, name: str, suffix: str) -> list[str]:
        """Text of some observed cells; numbers with an exponent have no decimals to count."""
        if self.text is None:
            return []
        rows = self.rows[
            np.flatnonzero(self.frame[name].notna().to_numpy())[:1000],
            self.frame.columns.get_loc(name),
        ]
        texts = (self.text.field(int(i), self.field(name)).strip(' "') for i in rows if i >= 0)
        return [
            text.removesuffix(suffix.strip()).strip() for text in texts if "e" not in text.lower()
        ]


def read_gaps(path: StrPath, options: Options | None = None) -> Gaps:
    """Read a file whose gaps are to be filled.

    Parameters
    ----------
    path : str or Path
    options : Options, optional

    Returns
    -------
    Gaps

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        The file is not there or no table, or something in it must be asked for.
    """
    found = understand(path, options or Options(), keep_gaps=True)
    text = None
    if (dialect := found.raw.dialect) is not None:
        text = CSVText(found.raw.source.text, dialect.separator, dialect.first, len(dialect.names))
        if len(text.rows) != len(dialect.rows):
            raise ValueError(
                f"'{path}' must have quotes that are closed; got lines that cannot be separated."
            )
    missing = found.frame.isna().to_numpy(copy=True)
    if len(found.censored):
        found.notes.append("Cells with a limit are filled by what lies beyond it.")
    if found.long and (n := int((found.rows < 0).sum())):
        found.notes.append(f"{n} of the missing cells have no row in the file, and get none.")
        missing &= found.rows >= 0
    for name in found.frame.columns[found.frame.isna().mean() > _NEARLY_EMPTY]:
        found.notes.append(f"Column {name!r} is nearly empty; --exclude leaves it alone.")
    return Gaps(found, text, missing)
