"""A table as its text, so that gaps can be filled and all else stays as it was written, to the last character."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsinit.tables.lines import spans

if TYPE_CHECKING:
    from tsinit.tables.lines import Span


_QUOTED = re.compile(r'\s*"(?:[^"]|"")*"\s*')


class CSVText:
    """The text of a table and the positions of its cells.

    Parameters
    ----------
    text : str
    separator : str
    first : int
        Lines above the first row.
    n_names : int
        Names of columns; an empty line is a row only where there is but one.

    Attributes
    ----------
    rows : list
        Every line that is a row: (start, end) of its fields in the text.
    """

    def __init__(self, text: str, separator: str, first: int = 1, n_names: int = 2) -> None:
        self.text = text
        self.separator = separator
        self.newline = "\r\n" if "\r\n" in self.text else "\n" if "\n" in self.text else "\r"
        lines = list(spans(self.text, separator))
        self.head = lines[:first]
        self.rows = [line for line in lines[first:] if n_names == 1 or self._is_filled(line)]

    def field(self, i: int, j: int) -> str:
        """Text of a field, empty where the line ends before it."""
        return self.text[slice(*self.rows[i][j])] if j < len(self.rows[i]) else ""

    def filled(
        self, cells: dict[tuple[int, int], str], inserted: Sequence[tuple[int, dict[int, str]]] = ()
    ) -> str:
        """Return the text with other fields, and with further lines.

        Parameters
        ----------
        cells : dict of (row, field) to str
        inserted : sequence of (row, dict of field to str)
            Lines to put behind rows, in this order.
        """
        pieces: list[str] = []
        at = 0
        behind: dict[int, list[dict[int, str]]] = {}
        for i, fields_of in inserted:
            behind.setdefault(i, []).append(fields_of)
        for i, j in sorted([*cells, *((i, 1 << 30) for i in behind)]):
            fields = self.rows[i]
            if j == 1 << 30:
                end = fields[-1][1]
                width = len(self.rows[i])
                lines = [
                    self.separator.join(self.quoted(line.get(k, "")) for k in range(width))
                    for line in behind[i]
                ]
                pieces += [self.text[at:end], "".join(self.newline + line for line in lines)]
            elif j < len(fields):
                start, end = fields[j]
                pieces += [self.text[at:start], self.quoted(cells[i, j])]
            else:  # the line is short: all that it lacks comes after its last field
                start = end = fields[-1][1]
                lacking = j - len(fields) + 1 - sum((i, k) in cells for k in range(len(fields), j))
                pieces += [self.text[at:start], self.separator * lacking + self.quoted(cells[i, j])]
            at = end
        return "".join([*pieces, self.text[at:]])

    def table(self, columns: dict[str, list[str]]) -> str:
        """Return the text of a new table in the manner of this one.

        Parameters
        ----------
        columns : dict of str to list of str
            Name of a column, and its text in every row.
        """
        mark = "\ufeff" if self.text.startswith("\ufeff") else ""
        lines = [columns.keys(), *zip(*columns.values(), strict=True)]
        return mark + "".join(
            self.separator.join(map(self.quoted, line)) + self.newline for line in lines
        )

    def _is_filled(self, line: list[Span]) -> bool:
        return len(line) > 1 or self.text[slice(*line[0])].strip(" \t") != ""

    def quoted(self, text: str) -> str:
        """Text of a field, in quotes where it needs them and has none."""
        if not re.search(f'[{re.escape(self.separator)}"\r\n]', text) or _QUOTED.fullmatch(text):
            return text
        return '"' + text.replace('"', '""') + '"'
