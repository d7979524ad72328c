"""A table as it was understood: a DataFrame with times for its index, and notes on every decision."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd


class Table(pd.DataFrame):
    """A DataFrame of numbers over time that knows how it was read.

    What is derived from it (a choice of rows, a sum) is a plain DataFrame.

    Attributes
    ----------
    notes : list of str
        Sentences on what was found and decided.
    censored : DataFrame
        Cells such as ``<0.5``: row and column of the table, ``limit``, and ``side``, "below" or "above" it. They are
        NaN in the table.
    columns_found : DataFrame
        One row for each column of the file: name, kind, numbers, missing, lowest, highest.
    sentinels : list of str
        Numbers that seem to stand for missing values; empty where they were settled.
    step : object
        Distance of two rows: a pandas offset, a Timedelta or a number; None without times, or where they are irregular.
    n_absent : int
        Steps without a row.
    """

    _metadata: ClassVar[list[str]] = [
        "notes",
        "censored",
        "columns_found",
        "sentinels",
        "step",
        "n_absent",
    ]
    notes: list[str]
    censored: pd.DataFrame
    columns_found: pd.DataFrame
    sentinels: list[str]
    step: object
    n_absent: int

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame
