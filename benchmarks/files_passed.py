"""Files that a fit passes through: how many a reader has to open who follows one call down to the kernels.

Four roads are traced: fit and smooth a state-space model; fit an infinite hidden Markov model and read its labels; fit
the imputer and draw complete tables; load a table, compare three starts on it and write the report. A file of the
package counts once a Python frame in it is called, in whatever thread; depth is the largest number of frames of the
package that are on the stack of one thread at once. Each road is travelled once before it is traced, so that frames
of imports and of compilation do not count; nor do compiled kernels, which have no frames, nor what the standard
library makes (methods of named tuples). Comprehensions and generator expressions have frames of their own before
Python 3.12: compare depths of one version of Python.

All settings are the defaults, but for shorter chains and fewer seeds; everything runs in one process.

python -W ignore benchmarks/files_passed.py [--list]
"""

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

import tsinit
from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, compare

_PACKAGE = str(Path(tsinit.__file__).parent) + os.sep
_SWEEPS = {"n_tune": 10, "n_draws": 10, "random_state": 0, "n_jobs": 1}


class Trace:
    """A profile function that keeps the files of the package and the deepest stack.

    Attributes
    ----------
    files : set of str
        Relative to the package.
    deepest : list of str
        Functions of the package on the stack where it was deepest, the caller first.
    """

    def __init__(self):
        self.files = set()
        self.deepest = []

    def __call__(self, frame, event, argument):
        if event != "call" or not frame.f_code.co_filename.startswith(_PACKAGE):
            return
        self.files.add(_place(frame))
        stack = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(_PACKAGE):
                stack.append(frame)
            frame = frame.f_back
        if len(stack) > len(self.deepest):
            self.deepest = [f"{_place(frame)}: {frame.f_code.co_name}" for frame in reversed(stack)]


def state_space(walk):
    LinearGaussianSSM(n_states=2, random_state=0).fit(walk).smooth(walk)


def hidden_markov(walk):
    return InfiniteHMM(**_SWEEPS).fit(walk).labels_


def imputation(walk):
    TBayesMICE(**_SWEEPS).fit(walk).impute()


def comparison(_):
    air = tsinit.datasets.load_new_york_air_quality()
    strategies = ["kmeans", "subspace", "uniform"]
    done = compare(
        LinearGaussianSSM(n_states=2), air, strategies, n_seeds=3, n_jobs=1, progress=False
    )
    with tempfile.TemporaryDirectory() as folder:
        done.report(Path(folder) / "report.html")


#: What a road does, and the number of files that would do.
ROADS = {
    "state space: fit, smooth": (state_space, 40),
    "infinite hidden Markov: fit, labels_": (hidden_markov, 37),
    "imputer: fit, impute": (imputation, 32),
    "comparison: load, compare, report": (comparison, 80),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--list", action="store_true", help="also the files of every road, and its deepest stack"
    )
    options = parser.parse_args()
    walk = np.random.default_rng(0).standard_normal((200, 3)).cumsum(axis=0)
    walk[::7, 1] = np.nan
    traces = {}
    print("| road | files | target | depth |\n|---|---|---|---|")
    for name, (road, target) in ROADS.items():
        road(walk)
        traces[name] = trace = _traced(road, walk)
        print(f"| {name} | {len(trace.files)} | {target} | {len(trace.deepest)} |", flush=True)
    if options.list:
        for name, trace in traces.items():
            print(f"\n{name}: {len(trace.files)} files", *sorted(trace.files), sep="\n  ")
            print(f"{name}: {len(trace.deepest)} deep", *trace.deepest, sep="\n  ")


def _traced(road, data):
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        road(data)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return trace


def _place(frame):
    return frame.f_code.co_filename.removeprefix(_PACKAGE)


if __name__ == "__main__":
    main()
