"""A structure of a model in words: ``trend+seasonal:24``."""

from __future__ import annotations

import argparse
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit.structures import Structure

WORDS = "level, trend, smooth_trend, drift, seasonal:PERIOD, cycle, ar:ORDER, varying:INPUTS"
_RULE = f"must join some of {WORDS} by +, such as trend+seasonal:24"


def structure_text(text: str) -> Structure:
    """Read a structure.

    Parameters
    ----------
    text : str

    Returns
    -------
    Structure

    Raises
    ------
    argparse.ArgumentTypeError
        A part is unknown, or lacks its number.
    """
    return reduce(add, [_part(part.strip(), text) for part in text.split("+")])


def _part(part: str, text: str) -> Structure:
    from tsinit import structures

    word, _, number = part.partition(":")
    plain: dict[str, Callable[[], Structure]] = {
        "level": structures.local_level,
        "trend": structures.local_linear_trend,
        "smooth_trend": lambda: structures.local_linear_trend(smooth=True),
        "drift": lambda: structures.local_linear_trend(fixed_slope=True),
        "cycle": structures.cycle,
    }
    counted: dict[str, Callable[[int], Structure]] = {
        "seasonal": structures.seasonal,
        "ar": structures.ar,
        "varying": lambda k: structures.regression(k, time_varying=True),
    }
    if word in plain and not number:
        return plain[word]()
    if word in counted and number.isdigit():
        try:
            return counted[word](int(number))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"is wrong in {part!r}: {error}") from None
    raise argparse.ArgumentTypeError(f"{_RULE}; got {text!r}")
