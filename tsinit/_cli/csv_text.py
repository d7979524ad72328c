"""A CSV file as its text, so that gaps can be filled and all else stays as it was written, to the last character."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tsinit._typing import StrPath

#: Start and end of a field in the text.
Span: TypeAlias = tuple[int, int]


class CSVText:
    """The text of a CSV file and the positions of its cells.

    Parameters
    ----------
    path : str or Path
        A file that pandas has read.
    separator : str

    Attributes
    ----------
    rows : list
        Every further line that is a row: (start, end) of its fields in the text.
    n_lines : int
        Lines that pandas takes for rows, empty ones at the end among them.
    """

    def __init__(self, path: StrPath, separator: str) -> None:
        with Path(path).expanduser().open(encoding="utf-8", newline="") as file:
            self.text = file.read()
        self.separator = separator
        self.newline = "\r\n" if "\r\n" in self.text else "\n"
        # An empty line is a row only where there is but one column, as `_csv.parse` has it.
        lines = list(_lines(self.text, separator))
        is_one = len(lines[0]) == 1
        keep = lines[1:] if is_one else [line for line in lines[1:] if self._is_filled(line)]
        self.n_lines = len(keep)
        while keep and not any(map(str.strip, self._fields(keep[-1]))):  # spreadsheets leave such
            keep.pop()
        self.rows = keep

    def field(self, i: int, j: int) -> str:
        """Text of a field, empty where the line ends before it."""
        return self.text[slice(*self.rows[i][j])] if j < len(self.rows[i]) else ""

    def filled(self, cells: dict[tuple[int, int], str]) -> str:
        """Return the text with other fields.

        Parameters
        ----------
        cells : dict of (row, field) to str
        """
        pieces: list[str] = []
        at = 0
        for i, j in sorted(cells):
            fields = self.rows[i]
            if j < len(fields):
                start, end = fields[j]
                pieces += [self.text[at:start], cells[i, j]]
            else:  # the line is short: all that it lacks comes after its last field
                start = end = fields[-1][1]
                lacking = j - len(fields) + 1 - sum((i, k) in cells for k in range(len(fields), j))
                pieces += [self.text[at:start], self.separator * lacking + cells[i, j]]
            at = end
        return "".join([*pieces, self.text[at:]])

    def table(self, keys: dict[str, int], columns: dict[str, list[str]]) -> str:
        """Return the text of a new table, beginning with some columns of this one.

        Parameters
        ----------
        keys : dict of str to int
            Name of a column, and its field.
        columns : dict of str to list of str
            Name of a column, and its text in every row.
        """
        head = [self._quoted(str(name)) for name in [*keys, *columns]]
        body = (
            [self.field(i, j) for j in keys.values()] + [texts[i] for texts in columns.values()]
            for i in range(len(self.rows))
        )
        return "".join(self.separator.join(line) + self.newline for line in [head, *body])

    def _fields(self, line: list[Span]) -> list[str]:
        return [self.text[a:b] for a, b in line]

    def _is_filled(self, line: list[Span]) -> bool:
        return len(line) > 1 or self.text[slice(*line[0])].strip(" \t") != ""

    def _quoted(self, name: str) -> str:
        return (
            '"' + name.replace('"', '""') + '"'
            if re.search(f'[{re.escape(self.separator)}"\r\n]', name)
            else name
        )


def _lines(text: str, separator: str) -> Iterator[list[Span]]:
    """Cut a text into lines of fields; quotes count where a field begins with one."""
    s = re.escape(separator)
    blank = "[ \t]*" if separator != "\t" else "[ ]*"
    cut = re.compile(rf'({blank}"(?:[^"]|"")*"[^{s}\r\n]*|[^{s}\r\n]*)({s}|\r\n|\r|\n|\Z)')
    line: list[Span] = []
    for found in cut.finditer(text):
        if found.start() == len(text) and not line:
            return  # behind the end of the last line there is nothing
        line.append(found.span(1))
        if found.group(2) != separator:
            yield line
            line = []
