"""A text cut into lines of fields, all at once: where each begins, how many fields it has."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import IntArray

_QUOTE = ord('"')
#: Start and end of a field in the text.
Span: TypeAlias = tuple[int, int]


class Lines(NamedTuple):
    """The lines of a text; one that is quoted goes on over several lines of the file."""

    data: bytes  # UTF-8
    starts: IntArray  # (n,) first byte of each
    ends: IntArray  # (n,) behind its last byte, without the line's end
    numbers: IntArray  # (n,) in the file, from 1
    counts: IntArray  # (n,) fields

    def text(self, i: int) -> str:
        """Text of a line."""
        return self.data[self.starts[i] : self.ends[i]].decode().rstrip("\r")

    def fields(self, i: int, separator: str) -> list[str]:
        """Texts of the fields of a line, without quotes and blanks around them."""
        found = next(
            csv.reader(
                io.StringIO(self.text(i), newline=""), delimiter=separator, skipinitialspace=True
            ),
            [],
        )
        return [field.strip() for field in found]

    def is_blank(self, i: int) -> bool:
        """Whether a line holds blanks only."""
        return self.text(i).strip(" ") == ""


def cut(data: bytes, separator: str) -> Lines:
    """Cut a text at line ends outside quotes, and count separators outside quotes.

    Parameters
    ----------
    data : bytes
        Text in UTF-8.
    separator : str
        One character of ASCII.

    Returns
    -------
    Lines
    """
    codes = np.frombuffer(data, np.uint8)
    end = ord("\n") if b"\n" in data else ord("\r")
    stops, marks = np.flatnonzero(codes == end), np.flatnonzero(codes == ord(separator))
    numbers = np.arange(1, len(stops) + 2)
    quotes = np.flatnonzero(codes == _QUOTE)
    if len(quotes):
        outside = np.searchsorted(quotes, stops) % 2 == 0
        stops, numbers = stops[outside], np.concatenate([[1], numbers[1:][outside]])
        marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    starts = np.concatenate([[0], stops + 1])
    ends = np.concatenate([stops, [len(codes)]])
    if starts[-1] == len(codes):  # behind the end of the last line there is nothing
        starts, ends, numbers = starts[:-1], ends[:-1], numbers[:-1]
    counts = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    return Lines(data, starts, ends, numbers, counts)


def spans(text: str, separator: str) -> Iterator[list[Span]]:
    """Cut a text into lines of fields; quotes count where a field begins with one."""
    s = re.escape(separator)
    blank = "[ \t]*" if separator != "\t" else "[ ]*"
    cut_at = re.compile(rf'({blank}"(?:[^"]|"")*"[^{s}\r\n]*|[^{s}\r\n]*)({s}|\r\n|\r|\n|\Z)')
    line: list[Span] = []
    for found in cut_at.finditer(text):
        if found.start() == len(text) and not line:
            return  # behind the end of the last line there is nothing
        line.append(found.span(1))
        if found.group(2) != separator:
            yield line
            line = []
