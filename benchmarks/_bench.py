"""Timing side by side: interleaved runs, one thread each, medians, ratios to tsinit.

Import this module before NumPy, so that the thread limits hold.
"""

# ruff: noqa: E402

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    # JAX sizes its pools by the processors it may use: one leaves no room for a second thread.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

OURS = "tsinit"


class Contender(NamedTuple):
    """One implementation, ready to run.

    Parameters
    ----------
    name : str
    run : callable
        Does the whole job once and returns the answer.
    units : int
        How many of the counted jobs one run does (EM iterations, say).
    answer : callable, optional
        Gives the answer to check where `run` does not.
    """

    name: str
    run: Callable[[], Any]
    units: int = 1
    answer: Callable[[], Any] | None = None


class Timing(NamedTuple):
    cpu: float  # seconds per unit, median
    wall: float  # seconds per unit, median
    first: float  # CPU seconds that the first run took longer than the median one: compilation
    rounds: int


class Row(NamedTuple):
    """A line of the table: a timing, or why there is none."""

    name: str
    timing: Timing | None = None
    note: str = ""


def arguments(description, **sizes):
    """Parse the command line that all benchmarks share; `sizes` gives the default of ``--sizes``."""
    parser = argparse.ArgumentParser(description=description)
    for name, default in sizes.items():
        parser.add_argument(
            f"--{name}", nargs="+", default=default, help=f"default: {' '.join(default)}"
        )
    parser.add_argument("--peers", nargs="+", default=None, help="only these contenders")
    parser.add_argument("--seconds", type=float, default=3.0, help="time per contender and case")
    return parser.parse_args()


def sizes_of(texts):
    """Turn "4,2,1e4" into (4, 2, 10000)."""
    return [tuple(int(float(part)) for part in text.split(",")) for text in texts]


def prepare(makers, wanted, check=None):
    """Build the contenders and see that each gives the right answer, outside the timing.

    Parameters
    ----------
    makers : dict of name -> (module, function)
        The function builds a `Contender`, given that the module can be imported.
    wanted : list of str or None
        Names to keep; None for all.
    check : callable, optional
        Gets an answer, returns what is wrong with it or an empty string.

    Returns
    -------
    contenders : list of (Contender, float)
        With the CPU seconds of the run that gave the checked answer, which includes compilation.
    rows : list of Row
        One per contender that cannot be timed, with the reason.
    """
    ready, rows = [], []
    for name, (module, make) in makers.items():
        if wanted is not None and name not in wanted:
            continue
        try:
            import_module(module)
        except ImportError:
            rows.append(Row(name, note="missing: not installed"))
            continue
        try:
            contender = make()
            start = time.process_time()
            answer = contender.run()
            first = time.process_time() - start
            answer = contender.answer() if contender.answer else answer
            fault = check(answer) if check else ""
        except Exception as error:  # a peer may fail in any way: name it and go on
            rows.append(
                Row(name, note=f"failed: {type(error).__name__}: {str(error).splitlines()[0][:90]}")
            )
            continue
        if fault:
            rows.append(Row(name, note=f"wrong: {fault}"))
        else:
            ready.append((contender, first))
    return ready, rows


def race(ready, seconds=3.0, least=3, most=50):
    """Time contenders in turn, round after round, so that a busy machine hits all alike.

    Each gets as many rounds as fit into `seconds` (CPU), within `least` and `most`; runs of more than
    two seconds get two.
    """
    quota, spent = {}, {contender.name: [] for contender, _ in ready}
    for contender, _ in ready:
        once = _once(contender)
        spent[contender.name].append(once)
        fit_in = int(seconds / max(once[0], 1e-9))
        quota[contender.name] = 2 if once[0] > 2.0 else min(most, max(least, fit_in))
    for turn in range(1, max(quota.values(), default=0)):
        for contender, _ in ready:
            if turn < quota[contender.name]:
                spent[contender.name].append(_once(contender))
    rows = []
    for contender, first in ready:
        cpu, wall = (statistics.median(times) for times in zip(*spent[contender.name], strict=True))
        timing = Timing(
            cpu / contender.units,
            wall / contender.units,
            max(0.0, first - cpu),
            len(spent[contender.name]),
        )
        rows.append(Row(contender.name, timing))
    return rows


def show(title, rows, unit="ms"):
    """Print a Markdown table with ratios to tsinit, the fastest peer first."""
    scale = {"ms": 1e3, "s": 1.0}[unit]
    ours = next((row.timing.cpu for row in rows if row.name == OURS and row.timing), None)
    rows = sorted(rows, key=lambda row: row.timing.cpu if row.timing else float("inf"))
    print(f"\n### {title}\n")
    print(f"| | CPU {unit} | wall {unit} | times {OURS} | first run, extra CPU s | rounds |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        if row.timing is None:
            print(f"| {row.name} | {row.note} | | | | |")
            continue
        t = row.timing
        ratio = f"{t.cpu / ours:.1f}" if ours else ""
        print(
            f"| {row.name} | {t.cpu * scale:.4g} | {t.wall * scale:.4g} | {ratio} | {t.first:.2f} "
            f"| {t.rounds} |"
        )
    peers = [row for row in rows if row.timing and not row.name.startswith(OURS)]
    if ours and peers:
        print(
            f"\n{OURS} is {peers[0].timing.cpu / ours:.1f} times as fast as the fastest right peer, "
            f"{peers[0].name}.",
            flush=True,
        )


def markdown(table, digits=3):
    """Write a table for a README."""
    table = table.reset_index() if table.index.name else table
    rows = [
        [f"{v:.{digits}f}" if isinstance(v, float) else str(v) for v in row]
        for row in table.to_numpy().tolist()
    ]
    lines = [[str(c) for c in table.columns], ["---"] * len(table.columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def versions(*packages):
    """Print what is compared."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    print(
        "Versions: " + ", ".join(found) + ". One thread each; CPU time; compilation apart.",
        flush=True,
    )


def _once(contender):
    wall, cpu = time.perf_counter(), time.process_time()
    contender.run()
    return time.process_time() - cpu, time.perf_counter() - wall
