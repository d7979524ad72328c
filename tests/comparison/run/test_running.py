"""Running: warm before the clock, the same table for any number of workers, the caller's backend honoured."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from comparison.fake_model import Hills

from tsinit.comparison import compare
from tsinit.comparison.run import pool

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


class AsksForAllOfSixteenCores(Hills):
    """A model whose start and score want a thread or process on every core of a machine with sixteen."""

    def _start(self, X, rng):
        self.met_ = self._met()
        return super()._start(X, rng)

    def score(self, X, lengths=None):
        return float(max(self.met_, self._met()))

    @staticmethod
    def _met():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(joblib._parallel_backends, "cpu_count", lambda: 16)
            patch.setattr(joblib.parallel, "cpu_count", lambda: 16)
            calls = [joblib.delayed(_where)() for _ in range(32)]
            used = len(set(joblib.Parallel(n_jobs=-1)(calls)))
            return max(joblib.effective_n_jobs(-1), joblib.effective_n_jobs(8), used)


def _where():
    time.sleep(0.001)  # long enough that another thread would take the next call
    return os.getpid(), threading.get_ident()


@pytest.fixture(scope="module")
def alone():
    return compare(
        Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, n_jobs=1, progress=False
    )


def test_two_processes_give_the_same_table(alone):
    pair = compare(
        Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, n_jobs=2, progress=False
    )
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

    monkeypatch.setattr(pool.joblib, "Parallel", watched)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        result = compare(
            Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, progress=False
        )
    assert seen == [f"{backend.title()}Backend"]
    assert result.runs.drop(columns=CLOCK).equals(alone.runs.drop(columns=CLOCK))


def test_a_backend_that_cannot_stream_gives_the_same_table(alone):
    from joblib._parallel_backends import ThreadingBackend

    class Silent(ThreadingBackend):
        supports_return_generator = False

    joblib.register_parallel_backend("silent", Silent)
    with joblib.parallel_config(backend="silent", n_jobs=2):
        result = compare(
            Hills(), {"a": X, "b": X + 1}, ["wide", "fixed"], n_seeds=5, progress=False
        )
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


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, "loky"), (2, "loky"), (2, "threading")])
def test_no_run_takes_more_than_its_share_of_the_cores(n_jobs, backend):
    model = AsksForAllOfSixteenCores()
    with joblib.parallel_config(backend=backend):
        runs = compare(model, X, ["wide"], n_seeds=3, n_jobs=n_jobs, progress=False).runs
    assert set(runs["score"]) == {1.0}


def test_an_interrupt_lost_in_a_callback_is_sent_again():
    import ctypes

    sort = ctypes.CDLL(None).qsort
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    class Deaf(Hills):
        """Meets Ctrl-C where an exception cannot leave, as in a compiler that calls back."""

        def _start(self, X, rng):
            def interrupted(a, b):
                raise KeyboardInterrupt

            items = (ctypes.c_int * 2)(1, 2)
            sort(items, 2, ctypes.sizeof(ctypes.c_int), compare_type(interrupted))
            until = time.monotonic() + 5.0
            while time.monotonic() < until:
                pass
            return super()._start(X, rng)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        compare(Deaf(), X, ["wide"], n_seeds=1, progress=False)
    assert time.monotonic() - began < 4.0


def test_ctrl_c_stops_the_workers_and_the_process_is_clean(tmp_path):
    code = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        import numpy as np
        from comparison.slow_model import Slow
        from tsinit.comparison import compare
        try:
            compare(Slow(marker=sys.argv[2]), np.zeros((5, 1)), ["wide"], n_seeds=200, n_jobs=2, progress=False)
        except KeyboardInterrupt:
            print("interrupted")
    """)
    tests, marker = Path(__file__).parents[2], tmp_path / "running"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tests), str(marker)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, error = process.communicate(timeout=60)
    assert out.strip() == "interrupted", error
    assert process.returncode == 0
    assert time.monotonic() - began < 30  # the runs left would have taken 200 s on two workers
