"""What stands for a missing value: words that the user names, and numbers that give themselves away."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray

#: "keep", a value, several of them, or values by column.
MissingOption: TypeAlias = "str | float | Sequence[str | float] | Mapping[str, Any] | None"

#: Numbers that people and loggers write where they have none.
_KNOWN = np.array(
    [s * v for s in (-1.0, 1.0) for v in (99.0, 999.0, 9999.0, 99999.0, 999999.0, 99.9, 999.9, 9999.9, 99.99, 999.99,
                                          888.0, 8888.0, 777.0, 7777.0, 1e20, 1e30, 1e36, 32767.0, 6999.0)]
    + [-1.0, -9.0, -200.0, -32768.0, 65535.0, 9.96920996838687e36, 1.70141e38, 2147483647.0, -2147483648.0],
)  # fmt: skip
_MIN_OTHERS = 3
#: How far beyond all others, in ranges of the others: a known one, a negative one, one that comes often, any number.
_FAR, _FAR_BELOW, _FAR_OFTEN, _FAR_UNKNOWN = 1.0, 0.5, 0.25, 2.0
_FAR_OF_SIZE = 0.1  # and of the size of the numbers: 999 is an ordinary one beside 1000
_OFTEN, _OFTEN_UNKNOWN = 3, 5
_SPIKE = 5  # times as often as any other, among numbers that hardly repeat


class Missing(NamedTuple):
    """What the user said of missing values."""

    words: frozenset[str]
    by_column: dict[str, frozenset[str]]
    keep: bool  # numbers that look like missing values are data

    @classmethod
    def read(cls, option: MissingOption, columns: Iterable[str] = ()) -> Missing:
        """Understand an option: "keep", values, "column=value", or values by column."""
        columns = list(columns)
        by_column: dict[str, set[str]] = {}
        words: set[str] = set()
        if isinstance(option, Mapping):
            for name, values in option.items():
                if name not in columns:
                    raise ValueError(
                        f"--missing must name columns of the file, {columns}; got {name!r}."
                    )
                by_column.setdefault(name, set()).update(map(_text, _listed(values)))
            option = None
        for word in map(_text, _listed(option)):
            name, equals, value = word.rpartition("=")
            if equals and name in columns:
                by_column.setdefault(name, set()).add(value)
            else:
                words.add(word)
        return cls(
            frozenset(words - {"keep"}),
            {name: frozenset(v) for name, v in by_column.items()},
            "keep" in words,
        )

    def of(self, name: str) -> frozenset[str]:
        """Words for missing values in a column."""
        return self.words | self.by_column.get(name, frozenset())

    def mask(self, column: pd.Series) -> BoolArray:
        """Which cells of a column are one of the words."""
        words = self.of(str(column.name))
        found = np.zeros(len(column), bool)
        if not words:
            return found
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            return np.isin(
                values, [number for word in words if (number := _number(word)) is not None]
            )
        return (
            column.astype(object)
            .map(lambda cell: isinstance(cell, str) and cell.strip() in words)
            .to_numpy(bool)
        )

    def of_numbers(self, values: FloatArray, name: str) -> BoolArray:
        """Which of the numbers of a column that was text are one of the words."""
        return self.mask(pd.Series(values, name=name))


class Sentinel(NamedTuple):
    """A number that seems to stand for a missing value."""

    value: float
    columns: dict[str, int]  # and how often it comes there
    elsewhere: bool  # whether it is an ordinary value of another column
    row: int  # of the first

    def __str__(self) -> str:
        often = sum(self.columns.values())
        names = ", ".join(map(repr, self.columns))
        where = f"column{'s' if len(self.columns) > 1 else ''} {names}"
        return f"{self.value:g} stands far from all other values of {where} ({often} time{'s' if often > 1 else ''})"

    @property
    def option(self) -> str:
        """The option that takes it for missing."""
        if self.elsewhere:
            return ",".join(in_list(f"{name}={self.value:g}") for name in self.columns)
        return f"{self.value:g}"


def find_sentinels(frame: pd.DataFrame) -> list[Sentinel]:
    """Find numbers that stand far from all others, and zeros in columns that are never near zero.

    A known one (-999) is far when it lies farther from the others than they spread, or, where it comes three times
    and oftener than any other number, a quarter of that.

    Parameters
    ----------
    frame : (T, D) DataFrame
        Of floats.

    Returns
    -------
    list of Sentinel
    """
    found: dict[float, dict[str, int]] = {}
    rows: dict[float, int] = {}
    for name in frame:
        values = frame[name].to_numpy(dtype=float)
        for value in _sentinels(values):
            at = np.flatnonzero(values == value)
            found.setdefault(value, {})[str(name)] = len(at)
            rows[value] = min(rows.get(value, int(at[0])), int(at[0]))
    return [
        Sentinel(
            value,
            columns,
            bool((frame.drop(columns=list(columns)) == value).any(axis=None)),
            rows[value],
        )
        for value, columns in found.items()
    ]


def _sentinels(values: FloatArray) -> list[float]:
    """Numbers of one column that seem to stand for missing ones."""
    infinite = [float(value) for value in np.unique(values[np.isinf(values)])]
    values = values[np.isfinite(values)]
    distinct, counts = np.unique(values, return_counts=True)
    counts = counts.astype(np.int64)
    if len(distinct) < 2:
        return infinite
    # Several of them may hide each other: first all that lie outside are taken away, then each is looked at.
    low, high = 0, len(distinct)
    while low < high - 1 and _may_be(distinct[low], counts[low]):
        low += 1
    while high > low + 1 and _may_be(distinct[high - 1], counts[high - 1]):
        high -= 1
    while True:
        others, times = distinct[low:high], counts[low:high]
        outside = [k for k in (*range(low), *range(high, len(distinct)))]
        wrong = [k for k in outside if not _is_far(distinct[k], int(counts[k]), others, times)]
        if not wrong:
            break
        # What is no sentinel is an ordinary value, and so is all between it and the others.
        low, high = min([low, *wrong]), max([high, *(k + 1 for k in wrong)])
    far = [float(distinct[k]) for k in outside]
    return [
        *infinite,
        *far,
        *_spikes(distinct[low:high], counts[low:high]),
        *_zeros(values, distinct, counts),
    ]


def _spikes(distinct: FloatArray, counts: IntArray) -> list[float]:
    """Known ones in the midst of numbers that hardly repeat."""
    if 2 * len(distinct) < counts.sum() or len(counts) < 2:
        return []
    first, second = np.sort(counts)[::-1][:2]
    value = float(distinct[counts.argmax()])
    known = abs(value) > 90 and np.isclose(_KNOWN, value, rtol=1e-6, atol=0).any()
    return [value] if known and first >= _OFTEN_UNKNOWN and first >= _SPIKE * second else []


def _may_be(value: float, count: int) -> bool:
    return bool(np.isclose(_KNOWN, value, rtol=1e-6, atol=0).any()) or count >= _OFTEN_UNKNOWN


def _is_far(value: float, count: int, others: FloatArray, times: IntArray) -> bool:
    if times.sum() < _MIN_OTHERS:
        return False
    spread = float(np.ptp(others))
    gap = float(np.abs(others - value).min())
    often = count > 2 * times.max() and len(others) > 2
    if not np.isclose(_KNOWN, value, rtol=1e-6, atol=0).any():
        return bool(
            often and count >= _OFTEN_UNKNOWN and gap > _FAR_UNKNOWN * spread and value != 0
        )
    # -1 and -9 are ordinary numbers, unless they come often, or all others are large.
    large = others[0] > 0 and gap > spread
    if abs(value) < 10 and not (large or (count >= _OFTEN and often)):
        return False
    if value < 0 and (others[0] >= 0 or gap > _FAR_BELOW * spread):
        return True
    if gap > _FAR * spread and gap > _FAR_OF_SIZE * max(abs(value), np.abs(others).max()):
        return True
    return bool(often and count >= _OFTEN and gap > _FAR_OFTEN * spread)


def _zeros(values: FloatArray, distinct: FloatArray, counts: IntArray) -> list[float]:
    """Zeros in a column that otherwise is far above or below: no sensor falls there and comes back at once."""
    others = distinct[distinct != 0]
    n_zeros = int(counts[distinct == 0].sum())
    if not n_zeros or len(others) < 5 or (others[0] < 0 < others[-1]):
        return []
    zero = values == 0
    near, steps = np.abs(others).min(), np.abs(np.diff(values[~zero]))
    in_a_run = bool((zero[1:] & zero[:-1]).any()) or near > np.ptp(others)
    usual = np.quantile(steps, 0.95) if len(steps) else 0.0
    far = near > 0.25 * np.ptp(others) and near > 2.0 * usual and len(others) > 10
    return [0.0] if far and (in_a_run or n_zeros >= _OFTEN) else []


def refuse(sentinels: list[Sentinel], place: str) -> ValueError:
    """Return the error that asks what numbers far from all others are."""
    words = ",".join(sentinel.option for sentinel in sentinels)
    return ValueError(
        f"{'; '.join(map(str, sentinels))}, first in {place}. If that stands for a missing value, use "
        f"--missing={shlex.quote(words)}; "
        "if it was measured, --missing keep (in Python, missing=)."
    )


def in_list(word: str) -> str:
    """Write a word for an option that takes several with commas between them."""
    quotes = "," in word or word.startswith('"')
    return '"' + word.replace('"', '""') + '"' if quotes else word


def _listed(option: Any) -> list[Any]:
    if option is None:
        return []
    return (
        [option]
        if isinstance(option, (str, bytes)) or not isinstance(option, Iterable)
        else list(option)
    )


def _text(word: Any) -> str:
    return (
        word.strip()
        if isinstance(word, str)
        else f"{word:g}"
        if isinstance(word, float)
        else str(word)
    )


def _number(word: str) -> float | None:
    try:
        return float(word.replace(",", "."))
    except ValueError:
        return None
