"""What `read_table` costs beside `pandas.read_csv`: 100,000 rows of ten columns and a time, in two dialects.

CPU seconds, medians of interleaved rounds in one process. pandas leaves the times as text; `read_table` also finds
separator, decimals, times, their step, gaps and numbers that stand for missing values.

python -W ignore benchmarks/read_table.py [--rows 100000] [--rounds 5]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tsinit

DIALECTS = {
    "ISO dates, commas": ({}, {}),
    "day first, semicolons, decimal commas": (
        {"sep": ";", "decimal": ",", "date_format": "%d.%m.%Y %H:%M"},
        {"sep": ";", "decimal": ","},
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    hours = pd.date_range("2000-01-01", periods=options.rows, freq="h", name="time")
    walks = rng.normal(size=(options.rows, 10)).cumsum(axis=0).round(3)
    table = pd.DataFrame(walks, index=hours, columns=[f"x{j}" for j in range(10)])
    table = table.mask(rng.random(table.shape) < 0.05)
    with tempfile.TemporaryDirectory() as folder:
        for name, (writing, reading) in DIALECTS.items():
            path = Path(folder) / "table.csv"
            table.to_csv(path, **writing)
            seconds = {"pandas": [], "tsinit": []}
            for _ in range(options.rounds + 1):  # the first warms up
                seconds["pandas"].append(_cpu(pd.read_csv, path, **reading))
                seconds["tsinit"].append(_cpu(tsinit.read_table, path))
            theirs, ours = (statistics.median(taken[1:]) for taken in seconds.values())
            print(
                f"{name}: pandas.read_csv {theirs:.2f} s, read_table {ours:.2f} s; bar {1.5 * theirs + 1:.2f} s"
            )


def _cpu(function, *arguments, **options):
    began = time.process_time()
    function(*arguments, **options)
    return time.process_time() - began


if __name__ == "__main__":
    main()
