"""What the first minute costs: import, first fit with nothing compiled, first fit with a warm compile cache.

Each case is a fresh process; CPU seconds count from its birth, interpreter and imports included. "Done" is when the
code has run and a user sees the answer, "gone" when the interpreter has cleared up too. Python's own byte code is in
place, as pip leaves it: a first run, not timed, writes what is missing to a folder of this benchmark.
"""

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


def main(repeats=5):
    with tempfile.TemporaryDirectory() as folder:
        _all(folder, repeats)


def _all(byte_code, repeats):
    python = {"PYTHONPYCACHEPREFIX": byte_code, "PYTHONDONTWRITEBYTECODE": ""}
    print("| fresh process | CPU s, done | CPU s, gone | wall s |\n|---|---|---|---|")
    _line("python -c pass", "", python, repeats)
    _line("import tsinit", "import tsinit", python, repeats)
    _line(
        "import tsinit and its estimator", "from tsinit import LinearGaussianSSM", python, repeats
    )
    with tempfile.TemporaryDirectory() as folder:
        cache = {**python, "NUMBA_CACHE_DIR": folder}
        _line("first fit, empty compile cache", FIT, cache, 1)
        _line("first fit, warm compile cache", FIT, cache, repeats)
    for peer in (
        "statsmodels.api",
        "pykalman",
        "filterpy.kalman",
        "dynamax.linear_gaussian_ssm",
        "cuthbert",
    ):
        _line(f"import {peer}", f"import {peer}", python, repeats)


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
