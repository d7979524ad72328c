"""Numbers as people write them: decimal commas, thousands signs, per cent, limits of detection."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from tsinit._typing import BoolArray, FloatArray

#: Spellings of a missing value that nobody has to name.
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "?", "-", ".", "#N/A", "#NA", "<NA>",
     "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "#DIV/0!", "#VALUE!", "#NV"]
)  # fmt: skip
_SPACE = "[ \u00a0\u202f']"
_UNITS = r"(?:\s?(?P<unit>%|‰|°C|°F|°|K)|\s(?P<word>[A-Za-zµμ°/%³²0-9^·-]{1,10}))?"
_LIMIT = r"(?P<limit>[<>≤≥]=?)?\s*"
_EXPONENT = r"(?:[eE][+-]?\d+)?"


def _pattern(point: str, thousands: str) -> re.Pattern[str]:
    p = re.escape(point)
    grouped = rf"\d{{1,3}}(?:{thousands}\d{{3}})+(?:{p}\d*)?"
    return re.compile(
        rf"{_LIMIT}(?P<number>[+-]?(?:{grouped}|\d+{p}?\d*|{p}\d+){_EXPONENT}){_UNITS}"
    )


_PATTERNS = {
    ".": _pattern(".", f"(?:,|{_SPACE})"),
    ",": _pattern(",", f"(?:\\.|{_SPACE})"),
}
_NUMBER = re.compile(
    r"[+-]?(?:\d+[.,]?\d*|[.,]\d+|\d{1,3}(?:[,.]\d{3})+(?:[.,]\d*)?)(?:[eE][+-]?\d+)?\s?%?"
)
_UNIT = r"(?:\s?[%‰°][CF]?|\s[A-Za-zµμ°/%³²0-9^·-]{1,10})?"
_COMMA = re.compile(
    rf"[<>≤≥]?=?\s*[+-]?(?:\d{{1,3}}(?:\.\d{{3}})+,\d*|\d*,\d+(?:[eE][+-]?\d+)?){_UNIT}"
)
_POINT = re.compile(
    rf"[<>≤≥]?=?\s*[+-]?(?:\d{{1,3}}(?:,\d{{3}})+\.\d*|\d*\.\d+(?:[eE][+-]?\d+)?|\d{{1,3}}(?:,\d{{3}}){{2,}}){_UNIT}"
)
_EITHER = re.compile(rf"[<>≤≥]?=?\s*[+-]?[1-9]\d{{0,2}},\d{{3}}{_UNIT}")


class Numbers(NamedTuple):
    """A column of text as numbers."""

    values: FloatArray  # (n,) NaN where missing, censored or odd
    limits: FloatArray  # (n,) limit of a cell such as <0.5; NaN elsewhere
    above: BoolArray  # (n,) whether the cell is above its limit
    odd: BoolArray  # (n,) whether it is neither a number nor missing
    suffix: str  # what stands behind every number
    decimal: str


def is_number(text: str) -> bool:
    """Whether a text is a number in some spelling."""
    return _NUMBER.fullmatch(text.strip().replace("\u2212", "-")) is not None


def looks_like_number(text: str) -> bool:
    """Whether a text is a number in some spelling, perhaps with a unit or a limit."""
    text = text.strip().replace("\u2212", "-")
    return any(pattern.fullmatch(text) for pattern in _PATTERNS.values())


def decimal_of(texts: Iterable[str]) -> tuple[str | None, str | None]:
    """Tell the decimal sign that texts show.

    Returns
    -------
    sign : "." or ",", or None
        None where nothing shows it.
    doubtful : str or None
        A text that is one number with a decimal comma and another with a thousands comma, where no other text tells.
    """
    comma = point = False
    doubtful = None
    for text in texts:
        text = text.replace("\u2212", "-")
        if _EITHER.fullmatch(text):
            doubtful = doubtful or text
        elif _COMMA.fullmatch(text):
            comma = True
        elif _POINT.fullmatch(text):
            point = True
    if comma:
        return ",", None
    return ("." if point else None), (None if point else doubtful)


def read_numbers(column: pd.Series, decimal: str) -> Numbers:
    """Read a column of text.

    Parameters
    ----------
    column : (n,) Series
        Of text; NaN where missing.
    decimal : "." or ","

    Returns
    -------
    Numbers
    """
    import pandas as pd

    codes, texts = pd.factorize(column.astype(object))
    found = [
        _PATTERNS[decimal].fullmatch(str(text).strip().replace("\u2212", "-")) for text in texts
    ]
    missing = np.array([str(text).strip() in MISSING for text in texts] + [True])
    units = [match["unit"] or match["word"] or "" for match in found if match]
    named = {unit for unit in units if unit}
    # Behind some numbers only, a sign is a mark of the value and no unit.
    is_unit = len(named) == 1 and 2 * units.count("") <= len(units)
    suffix = named.pop() if is_unit else ""
    values, limits = np.full(len(texts) + 1, np.nan), np.full(len(texts) + 1, np.nan)
    above, odd = np.zeros(len(texts) + 1, bool), ~missing
    for k, match in enumerate(found):
        if match is None or ((match["unit"] or match["word"]) and not is_unit):
            continue
        odd[k] = False
        number = _float(match["number"], decimal)
        if match["limit"]:
            limits[k], above[k] = number, match["limit"][0] in ">≥"
        else:
            values[k] = number
    blank = ""
    if suffix:
        written = next(
            str(t) for t, m in zip(texts, found, strict=True) if m and (m["unit"] or m["word"])
        )
        blank = " " if written.strip().removesuffix(suffix).endswith(" ") else ""
    return Numbers(values[codes], limits[codes], above[codes], odd[codes], blank + suffix, decimal)


def _float(text: str, decimal: str) -> float:
    other = "." if decimal == "," else ","
    text = re.sub(_SPACE, "", text).replace(other, "")
    return float(text.replace(decimal, "."))
