"""A file as pandas reads it, before anything is made of its columns, and the line of each row."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from tsinit.tables.dialect import Dialect, find_dialect
from tsinit.tables.numbers import MISSING, decimal_of, looks_like_number
from tsinit.tables.source import Source, load

if TYPE_CHECKING:
    from tsinit._typing import StrPath

_SAMPLE = 200


class Raw(NamedTuple):
    """A table as it stands in its file."""

    source: Source
    dialect: Dialect | None  # None for Parquet
    frame: pd.DataFrame  # columns of numbers, or of text; rows are numbered from 0
    decimal: str
    fields: dict[str, int]  # of each column, its field in a line
    notes: list[str]

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return names_of(self.frame)

    def place(self, row: int) -> str:
        """Say where a row is, as people count."""
        if self.dialect is None:
            return f"row {row + 1}"
        return f"line {self.dialect.lines.numbers[self.dialect.rows[row]]}"


def read_raw(path: StrPath, encoding: str | None = None, decimal: str | None = None) -> Raw:
    """Read a file.

    Parameters
    ----------
    path : str or Path
        Text, packed or not, or Parquet.
    encoding, decimal : str, optional
        Found without them.

    Returns
    -------
    Raw

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        The file is not there, is no table, or a number in it can be read in two ways.
    """
    if decimal not in (None, ".", ","):
        raise ValueError(f"--decimal must be . or , ; got {decimal!r}.")
    source = load(path, encoding)
    if source.is_parquet:
        return _parquet(source)
    dialect = find_dialect(source.body, source.path)
    sign = decimal or _sampled(dialect) or "."
    frame = _parsed(dialect, sign)
    if decimal is None and (other := _seen(frame, sign, dialect)) != sign:
        sign, frame = other, _parsed(dialect, other)
    fields = {name: j for j, name in enumerate(dialect.names)}
    return Raw(
        source,
        dialect,
        _without_spares(frame, dialect),
        sign,
        fields,
        [*source.notes, *dialect.notes],
    )


def _parsed(dialect: Dialect, decimal: str) -> pd.DataFrame:
    lines, names = dialect.lines, dialect.names
    body = lines.data[lines.starts[dialect.first] :]
    frame = pd.read_csv(
        io.BytesIO(body), sep=dialect.separator, decimal=decimal, header=None, names=names, index_col=False,
        usecols=range(len(names)), na_values=[*MISSING], skipinitialspace=True, skip_blank_lines=len(names) > 1,
        encoding="utf-8", low_memory=False,
    )  # fmt: skip
    if len(frame) != len(dialect.rows):
        raise ValueError(
            "The file must have quotes that are closed; got lines that cannot be separated."
        )
    return frame


def _sampled(dialect: Dialect) -> str | None:
    """Decimal sign of the first rows, so that few files are read twice."""
    fields = (dialect.lines.fields(int(row), dialect.separator) for row in dialect.rows[:_SAMPLE])
    return decimal_of(field for line in fields for field in line)[0]


def _seen(frame: pd.DataFrame, sign: str, dialect: Dialect) -> str:
    """Decimal sign of all texts.

    Raises
    ------
    ValueError
        A number can be read in two ways.
    """
    texts, names = [], []
    for name, column in _texts(frame):
        values = column.dropna()
        if any(looks_like_number(str(text)) for text in values.iloc[:: max(1, len(values) // 20)]):
            texts.append(str_uniques(values))
            names.append(name)
    floats = any(
        pd.api.types.is_float_dtype(frame[name]) and (frame[name] % 1 > 0).any()
        for name in names_of(frame)
    )
    found, doubtful = decimal_of(text for part in texts for text in part)
    if found == "," or (found == "." and sign == "."):
        return found
    if doubtful and sign == "." and not floats:
        name = next(name for name, part in zip(names, texts, strict=True) if doubtful in part)
        row = int((frame[name] == doubtful).argmax())
        line = dialect.lines.numbers[dialect.rows[row]]
        one, other = doubtful.replace(",", ""), doubtful.replace(",", ".")
        raise ValueError(
            f"column {name!r} must hold numbers that can be read one way only; got {doubtful!r} in line {line}: {one} "
            f"or {other}? Say which with --decimal=. or --decimal=, ."
        )
    return sign


def names_of(frame: pd.DataFrame) -> list[str]:
    """Names of the columns of a table, which are texts."""
    return [str(name) for name in frame.columns]


def str_uniques(values: pd.Series) -> list[str]:
    """Distinct texts, without blanks around them."""
    return [str(text).strip() for text in pd.unique(values.astype(object))]


def _texts(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    return [
        (name, frame[name])
        for name in names_of(frame)
        if not pd.api.types.is_numeric_dtype(frame[name])
    ]


def _parquet(source: Source) -> Raw:
    try:
        frame = pd.read_parquet(source.path)
    except ImportError:
        raise ImportError(
            f"'{source.path}' must be read with pyarrow, which is not installed; pip install tsinit[parquet]."
        ) from None
    except Exception as error:  # pyarrow has errors of its own kind
        raise ValueError(
            f"'{source.path}' must be a whole Parquet file; got {str(error).splitlines()[0]}."
        ) from None
    if any(name is not None for name in frame.index.names) or not isinstance(
        frame.index, pd.RangeIndex
    ):
        frame = frame.reset_index()
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    for name in frame:
        dtype = frame[name].dtype
        if pd.api.types.is_extension_array_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype):
            frame[name] = frame[name].astype(float)
        elif isinstance(dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(object)
    if frame.empty:
        raise ValueError(f"'{source.path}' must hold at least one row; got no rows.")
    return Raw(
        source,
        None,
        frame,
        ".",
        {name: j for j, name in enumerate(names_of(frame))},
        ["Read as Parquet."],
    )


def _without_spares(table: pd.DataFrame, dialect: Dialect) -> pd.DataFrame:
    """Drop the lines and columns of separators that spreadsheets leave at the end.

    In the middle, an empty line is a time without values.
    """
    filled = table.notna().any(axis=1).to_numpy()
    last = len(table)
    while (
        last > 1
        and not filled[last - 1]
        and not any(dialect.lines.fields(int(dialect.rows[last - 1]), dialect.separator))
    ):
        last -= 1
    spares = [
        name for name in names_of(table) if name.startswith("Unnamed") and table[name].isna().all()
    ]
    return table.iloc[:last].drop(columns=spares)
