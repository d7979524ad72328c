"""Imputers on public tables, all on the same masks: errors, calibration and cost, losses included.

    python benchmarks/public_tables.py run DATA results.jsonl --tables etth1 --masks 10
    python benchmarks/public_tables.py run DATA results.jsonl --tables etth1 --pypots PYTHON
    python benchmarks/public_tables.py run DATA results.jsonl --tables series --masks 3
    python benchmarks/public_tables.py table results.jsonl
    python benchmarks/public_tables.py figure results.jsonl docs/images/public_tables.png

DATA holds `series/` and `air_quality/`. Results are lines of JSON, one for each mask and contender; what is there is
not run again, so that a run can be stopped, resumed and extended. PYTHON is that of an environment with PyPOTS, for
SAITS and BRITS; without it they are left out.

Protocol of ETT_h1 and ItalyAir: TSI-Bench (Du et al., arXiv 2406.12747). Cells of training, validation and test windows
are hidden in the same pattern; a contender learns once and fills the test windows of every mask, each window by itself.
Errors are of hidden test cells, in standard deviations of the training rows. The other tables are filled where they are
learned from. Compilation is not counted: every contender first runs on a few windows.
"""

# ruff: noqa: E402

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import sys
import time
import warnings
from pathlib import Path

import _records
import numpy as np
from _public_data import SERIES, TABLE_PATTERNS, WINDOW_PATTERNS, etth1, italy_air, series
from _public_imputers import contenders
from _public_report import draw_figure, print_tables
from scipy.stats import norm

from tsinit import metrics

LEVEL = 0.9


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    jobs = parser.add_subparsers(dest="job", required=True)
    one = jobs.add_parser("run")
    one.add_argument("data", type=Path)
    one.add_argument("results", type=Path)
    one.add_argument(
        "--tables",
        nargs="+",
        default=["etth1"],
        help="etth1, italy_air, series, or names of the series",
    )
    one.add_argument("--only", nargs="+", choices=SERIES, help="of the series, these")
    one.add_argument("--patterns", nargs="+", help="default: all of the table")
    one.add_argument("--contenders", nargs="+", help="default: all")
    one.add_argument("--masks", type=int, default=10)
    one.add_argument("--pypots", help="a Python that has PyPOTS")
    jobs.add_parser("table").add_argument("results", type=Path)
    figure = jobs.add_parser("figure")
    figure.add_argument("results", type=Path)
    figure.add_argument("image", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # R-hat is in the results
    if args.job == "run":
        run(args)
        return
    rows = _records.read(args.results)
    print_tables(rows) if args.job == "table" else draw_figure(rows, args.image)


def run(args):
    """Run what is asked for and not there yet, the cheapest contenders of each job first."""
    done = set(map(_key, _records.read(args.results)))
    chosen = contenders(args.pypots)
    if args.contenders:
        chosen = {name: chosen[name] for name in args.contenders}
    warm = set()
    for table in [
        t for name in args.tables for t in ((args.only or SERIES) if name == "series" else [name])
    ]:
        windows = {"etth1": etth1, "italy_air": italy_air}.get(table)
        # The series `etth1` is the same table as the windows: it is asked for as one of `series`.
        whole = table if windows is None or "series" in args.tables else None
        for pattern in args.patterns or (TABLE_PATTERNS if whole else WINDOW_PATTERNS):
            for name, contender in chosen.items():
                label = f"series {whole}" if whole else table
                masks = [m for m in range(args.masks) if (label, pattern, m, name) not in done]
                found = (
                    series(whole, args.data, pattern, masks)
                    if whole
                    else windows(args.data, pattern, masks)
                )
                for numbers, job in found if masks else ():
                    if name not in warm:
                        contender(_small(job))
                        warm.add(name)
                    _write(args.results, label, pattern, numbers, name, job, contender)


def _write(path, table, pattern, masks, name, job, contender):
    """Run one contender on one job, and append a line for each mask."""
    began = time.perf_counter()
    try:
        result = contender(job)
    except Exception as error:  # a contender may fail in any way: that is a result
        result, failed = None, f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    else:
        failed = "" if result else "not for this table"
    rows = []
    for i, mask in enumerate(masks):
        row = {"table": table, "pattern": pattern, "mask": mask, "contender": name}
        if result is None:
            row["failed"] = failed
        else:
            row |= scores(job.tests[i], job.truth, result.filled[i])
            row["fit_seconds"] = round(result.fit_seconds, 3)
            row["fill_seconds"] = round(result.fill_seconds / len(masks), 4)
            row["note"] = result.note
        rows.append(row)
    _records.append(path, *rows)
    said = failed or f"MAE {row['mae']:.3f}, fit {result.fit_seconds:.1f} CPU-s"
    took = time.perf_counter() - began
    print(f"{table}, {pattern}, {name}: {said} ({took:.0f} s)", file=sys.stderr, flush=True)


def scores(test, truth, filled):
    """Errors, CRPS and coverage over the cells that were hidden and are known."""
    truth = np.array(truth)
    hidden = np.isnan(np.array(test)) & ~np.isnan(truth)
    true, mean = truth[hidden], np.asarray(filled.mean)[hidden]
    found = {
        "cells": int(hidden.sum()),
        "mae": float(np.abs(mean - true).mean()),
        "mse": float(((mean - true) ** 2).mean()),
    }
    tail = 0.5 + LEVEL / 2
    if filled.sd is not None:
        sd = np.maximum(np.asarray(filled.sd)[hidden], 1e-9)
        z = (true - mean) / sd
        found["crps"] = float(
            (sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))).mean()
        )
        found["coverage"] = float((np.abs(z) <= norm.ppf(tail)).mean())
    elif filled.draws is not None:
        draws = filled.draws[:, hidden]
        lower, upper = np.quantile(draws, [1 - tail, tail], axis=0)
        found["crps"] = float(metrics.crps(true, draws))
        found["coverage"] = float(((lower <= true) & (true <= upper)).mean())
    return found


def _small(job):
    """A few windows of a job, or the first rows of its table, to compile on."""
    if job.validation:
        return job._replace(
            train=job.train[:20], validation=job.validation[:5],
            validation_truth=job.validation_truth[:5], tests=[job.tests[0][:5]],
        )  # fmt: skip
    rows = [job.train[0][:200]]
    return job._replace(train=rows, tests=[rows])


def _key(row):
    return row["table"], row["pattern"], row["mask"], row["contender"]


if __name__ == "__main__":
    main()
