"""Running: warm before the clock, the same table for any number of workers, the caller's backend honoured."""

import os
import subprocess
import sys
import textwrap
import time

import joblib
import numpy as np
import pytest
from comparison.fake_model import Hills

from tsinit.comparison import compare, running

X = np.zeros((40, 2))
CLOCK = ["init_seconds", "fit_seconds"]


class SlowFirst(Hills):
    """The first start in every process takes long, like loading compiled code."""

    def _start(self, X, rng):
        if os.environ.get("TSINIT_TEST_WARM") != str(os.getpid()):
            os.environ["TSINIT_TEST_WARM"] = str(os.getpid())
            time.sleep(0.3)
        return super()._start(X, rng)


class CountsThreads(Hills):
    def score(self, X, lengths=None):
        from threadpoolctl import threadpool_info

        np.linalg.inv(np.eye(3))
        return float(max([pool["num_threads"] for pool in threadpool_info()], default=1))


@pytest.fixture(scope="module")
def alone():
    return compare(Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, n_jobs=1, progress=False)


def test_two_processes_give_the_same_table(alone):
    pair = compare(Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, n_jobs=2, progress=False)
    assert pair.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))
    assert pair.traces.drop(columns="seconds").equals(alone.traces.drop(columns="seconds"))


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_the_callers_backend_is_honoured(alone, backend, monkeypatch):
    seen = []
    original = joblib.Parallel

    def watched(**options):
        parallel = original(**options)
        seen.append(type(parallel._backend).__name__)
        return parallel

    monkeypatch.setattr(running.joblib, "Parallel", watched)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        result = compare(Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, progress=False)
    assert seen == [f"{backend.title()}Backend"]
    assert result.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))


def test_a_backend_that_cannot_stream_gives_the_same_table(alone):
    from joblib._parallel_backends import ThreadingBackend

    class Silent(ThreadingBackend):
        supports_return_generator = False

    joblib.register_parallel_backend("silent", Silent)
    with joblib.parallel_config(backend="silent", n_jobs=2):
        result = compare(Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, progress=False)
    assert result.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_no_clock_sees_the_first_start_of_a_process(n_jobs, monkeypatch):
    monkeypatch.setenv("TSINIT_TEST_WARM", "nobody")
    runs = compare(SlowFirst(), X, ["wide"], n_seeds=6, n_jobs=n_jobs, progress=False).runs
    assert runs["init_seconds"].max() < 0.15


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_run_has_one_thread(n_jobs):
    runs = compare(CountsThreads(), X, ["wide"], n_seeds=4, n_jobs=n_jobs, progress=False).runs
    assert set(runs["score"]) == {1.0}


def test_ctrl_c_stops_the_workers_and_the_process_is_clean():
    code = textwrap.dedent("""
        import sys, threading, time, os, signal
        sys.path.insert(0, sys.argv[1])
        import numpy as np
        from comparison.slow_model import Slow
        from tsinit.comparison import compare
        threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            compare(Slow(), np.zeros((5, 1)), ["wide"], n_seeds=200, n_jobs=2, progress=False)
        except KeyboardInterrupt:
            print("interrupted")
    """)
    tests = os.path.dirname(os.path.dirname(__file__))
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, tests, "12"], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "interrupted", done.stderr
    assert done.returncode == 0
    assert time.monotonic() - began < 60  # 200 runs of 2 s on two workers would take 200 s
