"""What the first minute costs: import, first fits and the demonstration, with nothing compiled and with a warm cache.

Each case is a fresh process; CPU seconds count from its birth, interpreter and imports included. "Done" is when the
code has run and a user sees the answer, "gone" when the interpreter has cleared up too. Python's own byte code is in
place, as pip leaves it: a first run, not timed, writes what is missing to a folder of this benchmark.

    python benchmarks/startup.py                     # all: some minutes
    python benchmarks/startup.py --only finite       # cases whose names begin so (finite, demo, imputer, ...)
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

FIT = """
import numpy as np
from tsinit import LinearGaussianSSM
y = np.random.default_rng(0).standard_normal((200, 3)).cumsum(axis=0)
y[::7, 1] = np.nan
LinearGaussianSSM(n_states=2, random_state=0).fit(y)
"""

INFINITE = """
import numpy as np
from tsinit import InfiniteHMM
z = np.repeat([0, 1, 0, 1], 50)
y = np.random.default_rng(0).normal(4.0 * z[:, None], size=(200, 2))
InfiniteHMM(n_tune=20, n_draws=20, random_state=0, n_jobs=1).fit(y)
"""
IMPUTER = """
import numpy as np
from tsinit import TBayesMICE
y = np.random.default_rng(0).standard_normal((200, 3)).cumsum(axis=0)
y[::7, 1] = np.nan
TBayesMICE(n_tune=20, n_draws=20, random_state=0, n_jobs=1).fit(y)
"""
#: As a user types it: processes side by side, one for each core.
DEMO = """
import tempfile
from tsinit import cli
with tempfile.TemporaryDirectory() as folder:
    cli.main(["demo", "--output", f"{folder}/demo.html", "--quiet"])
"""

FINITE = """
import numpy as np
from tsinit import HiddenMarkovModel
z = np.repeat([0, 1, 0, 1], 50)
y = np.random.default_rng(0).{numbers}
HiddenMarkovModel(2, emission={emission!r}, random_state=0).fit(y.astype(float))
"""

LEVELS, COUNTS = "normal(4.0 * z[:, None], size=(200, 2))", "poisson(2.0 + 6.0 * z[:, None])"
#: Emissions of the finite model, and the data of their first fits.
EMISSIONS = {
    "gaussian": LEVELS,
    "gaussian_diag": LEVELS,
    "student_t": LEVELS,
    "autoregressive": LEVELS,
    "poisson": COUNTS,
    "negative_binomial": COUNTS,
    "zero_inflated_poisson": COUNTS,
    "von_mises": "vonmises(2.0 * z[:, None] - 1.0, 4.0)",
}

PEERS = (
    "statsmodels.api",
    "pykalman",
    "filterpy.kalman",
    "dynamax.linear_gaussian_ssm",
    "cuthbert",
)

#: Code by the name of a case, and whether it compiles.
CASES = {
    "import: python -c pass": ("", False),
    "import: import tsinit": ("import tsinit", False),
    "import: import tsinit and its estimator": ("from tsinit import LinearGaussianSSM", False),
    "states: first fit": (FIT, True),
    "infinite: first fit": (INFINITE, True),
    "imputer: first fit": (IMPUTER, True),
    "imputer: first fit after one of the states": (FIT + IMPUTER, True),
    "demo: tsinit demo": (DEMO, True),
    **{
        f"finite, {emission}: first fit": (FINITE.format(emission=emission, numbers=numbers), True)
        for emission, numbers in EMISSIONS.items()
    },
    **{f"peer: import {peer}": (f"import {peer}", False) for peer in PEERS},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases whose names begin so")
    parser.add_argument("--repeats", type=int, default=5, help="runs, of which the median is shown")
    arguments = parser.parse_args()
    chosen = {
        name: case
        for name, case in CASES.items()
        if arguments.only is None or name.startswith(tuple(arguments.only))
    }
    with tempfile.TemporaryDirectory() as folder:
        _all(chosen, folder, arguments.repeats)


def _all(cases, byte_code, repeats):
    python = {"PYTHONPYCACHEPREFIX": byte_code, "PYTHONDONTWRITEBYTECODE": ""}
    print("| fresh process | CPU s, done | CPU s, gone | wall s |\n|---|---|---|---|", flush=True)
    for name, (code, compiles) in cases.items():
        if not compiles:
            _line(name, code, python, repeats)
            continue
        with tempfile.TemporaryDirectory() as folder:
            cache = {**python, "NUMBA_CACHE_DIR": folder}
            _line(f"{name}, empty compile cache", code, cache, 1)
            _line(f"{name}, warm compile cache", code, cache, repeats)


def _line(title, code, environment, repeats):
    _run(code if repeats > 1 else "import numba, numpy.random, tsinit.models", environment)
    times = [_run(code, environment) for _ in range(repeats)]
    if times[0] is None:
        print(f"| {title} | missing or failed | | |", flush=True)
        return
    done, gone, wall = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"| {title} | {done:.2f} | {gone:.2f} | {wall:.2f} |", flush=True)


def _run(code, environment):
    before, start = _children(), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment}
    code += "\nimport time; print(time.process_time())"
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, check=False)
    if run.returncode:
        sys.stderr.write(run.stderr.decode().splitlines()[-1] + "\n")
        return None
    return float(run.stdout.split()[-1]), _children() - before, time.perf_counter() - start


def _children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
