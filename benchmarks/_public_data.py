"""The tables that `public_tables.py` hides cells of, and how: each pattern of gaps is one function."""

from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

#: Rows that a table of the series has at most, so that every contender is done in minutes.
MAX_ROWS = 1000
SERIES = (
    "airq", "bafu", "chlorine", "drift", "economy", "eeg_alcohol", "electricity", "etth1", "guangzhou", "meteo",
    "motion", "soccer", "solar", "traffic",
)  # fmt: skip
WINDOW_PATTERNS = ("point 10", "point 50", "point 90", "sub-sequence 50", "block 50")
TABLE_PATTERNS = ("point 10", "point 50", "outages", "blackouts")


class Job(NamedTuple):
    """What a contender is given: where it learns, where it may stop or choose, and what it fills.

    Several masks of the same test windows are one job, so that a contender learns once. A table that is filled where
    it is learned from has one mask and no validation.
    """

    train: list  # (T, D) arrays, NaN where hidden or missing
    validation: list
    validation_truth: list
    tests: list  # for each mask, a list of (T, D) arrays
    truth: list  # (T, D) arrays that the tests are scored against, NaN where nobody knows
    period: int | None  # steps of a season that the clock is known to have


def rng_of(*names):
    """Give every mask a generator of its own, whatever else is run."""
    return np.random.default_rng([crc32(str(name).encode()) for name in names])


def etth1(folder, pattern, masks):
    """ETT_h1 as TSI-Bench has it: 14 months to learn from, 5 to validate, the rest to test; z-scores of the first."""
    table = pd.read_csv(folder / "series" / "etth1.csv.gz")
    months = pd.date_range("2016-07-01", periods=len(table), freq="h").to_period("M")
    kinds = np.searchsorted([14, 19], months.factorize()[0], side="right")
    return _windows(table.to_numpy(float), kinds, 48, "etth1", pattern, masks, period=24)


def italy_air(folder, pattern, masks):
    """ItalyAir: 60, 20 and 20 % of the hours in windows of 12; -200 marks what is missing, and stays missing."""
    table = pd.read_csv(folder / "air_quality" / "AirQualityUCI.csv", sep=";", decimal=",")
    y = table.iloc[:, 2:15].dropna(how="all").replace(-200, np.nan).to_numpy(float)
    part = round(0.2 * len(y))
    kinds = np.repeat([0, 1, 2], [len(y) - 2 * part, part, part])
    return _windows(y, kinds, 12, "italy_air", pattern, masks, period=None)


def series(name, folder, pattern, masks):
    """One of the fourteen tables, its first rows: a job for each mask."""
    y = pd.read_csv(Path(folder) / "series" / f"{name}.csv.gz").to_numpy(float)[:MAX_ROWS]
    y = y[:, y.std(axis=0) > 0]
    z = (y - y.mean(axis=0)) / y.std(axis=0)
    for mask in masks:
        hidden = hide(z[None], pattern, rng_of(name, pattern, mask))[0]
        table = np.where(hidden, np.nan, z)
        yield [mask], Job([table], [], [], [[table]], [z], _period(table))


def _windows(y, kinds, n_steps, name, pattern, masks, period):
    """Cut into windows, one after the other, and hide cells of all three parts in the same pattern."""
    mean, sd = np.nanmean(y[kinds == 0], axis=0), np.nanstd(y[kinds == 0], axis=0)
    parts = []
    for kind in range(3):
        z = ((y - mean) / sd)[kinds == kind]
        parts.append(z[: len(z) // n_steps * n_steps].reshape(-1, n_steps, z.shape[1]))
    train, validation, test = parts
    learned, chosen = (
        np.where(hide(part, pattern, rng_of(name, pattern, use)), np.nan, part)
        for part, use in ((train, "train"), (validation, "validation"))
    )
    tests = [np.where(hide(test, pattern, rng_of(name, pattern, m)), np.nan, test) for m in masks]
    yield (
        masks,
        Job(
            list(learned),
            list(chosen),
            list(validation),
            [list(t) for t in tests],
            list(test),
            period,
        ),
    )


def hide(windows, pattern, rng):
    """Cells to hide of windows (N, T, D).

    * ``point p``: each cell by itself.
    * ``sub-sequence 50``: of two thirds of all columns of windows, 36 steps from a start drawn uniformly.
    * ``block 50``: in all, .36 of the cells over 36 blocks of 6 steps by 6 columns, placed uniformly and with
      replacement, so that they overlap and about half of the cells are hidden.
    * ``outages``: of every column, runs of 20 to 100 steps, a tenth of the table at most, until a fifth is hidden.
    * ``blackouts``: of all columns, runs of 5 to 30 steps until a tenth is hidden.
    """
    kind, _, share = pattern.partition(" ")
    N, T, D = windows.shape
    hidden = np.zeros(windows.shape, dtype=bool)
    if kind == "point":
        return rng.random(windows.shape) < float(share) / 100
    if kind == "sub-sequence":
        length = 36 * T // 48
        n = int(np.ceil(N * D * 0.5 * T / length))
        for place in rng.choice(N * D, n, replace=False):
            first = rng.integers(T - length + 1)
            hidden[place // D, first : first + length, place % D] = True
    elif kind == "block":
        for _ in range(int(np.ceil(N * (D - 5) * 0.36 * T * D / 36))):
            i, first, left = rng.integers(N), rng.integers(T - 5), rng.integers(D - 5)
            hidden[i, first : first + 6, left : left + 6] = True
    elif kind == "outages":
        for j in range(D):
            _runs(hidden[0], [j], (min(20, T // 20), min(100, T // 10)), 0.2, rng)
    elif kind == "blackouts":
        _runs(hidden[0], slice(None), (5, 30), 0.1, rng)
    else:
        raise ValueError(
            f"pattern must be one of {WINDOW_PATTERNS + TABLE_PATTERNS}; got {pattern!r}."
        )
    return hidden


def _runs(hidden, columns, lengths, share, rng):
    """Hide runs of rows of some columns until a share of them is hidden."""
    T, first_column = len(hidden), 0 if isinstance(columns, slice) else columns[0]
    while hidden[:, first_column].mean() < share:
        length = rng.integers(lengths[0], lengths[1] + 1)
        first = rng.integers(T - length + 1)
        hidden[first : first + length, columns] = True


def _period(table):
    """Lag of the highest peak of the mean autocorrelation of what is observed, None where it is below .3."""
    observed = ~np.isnan(table)
    z = np.where(observed, table - np.nanmean(table, axis=0), 0.0)
    n = 2 * len(z)
    products, counts = (
        np.fft.irfft(np.abs(np.fft.rfft(part, n, axis=0)) ** 2, n, axis=0).sum(axis=1)
        for part in (z, observed.astype(float))
    )
    rho = products[: len(z) // 4] / np.maximum(counts[: len(z) // 4], 1.0)
    rho /= rho[0]
    peaks = [k for k in range(4, len(rho) - 1) if rho[k - 1] < rho[k] >= rho[k + 1]]
    best = max(peaks, key=lambda k: rho[k], default=None)
    return best if best is not None and rho[best] > 0.3 else None
