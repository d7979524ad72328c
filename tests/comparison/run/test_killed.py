"""Processes that die: every run still has its row, and the innocent ones are whole."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from comparison.fragile_model import Fragile, KillsWorkerOnce

from tsinit.comparison import compare
from tsinit.models.monitor import Budget

X = np.zeros((40, 2))
CLOCK = ["init_seconds", "fit_seconds"]
KINDS = {
    "exception": ("error", "RuntimeError"),
    "nan": ("diverged", "NonFiniteObjective"),
    "singular": ("error", "LinAlgError"),
    "slow": ("timeout", ""),
    "killed": ("error", "WorkerKilled"),
}
#: Every death costs new processes, and each of them loads the libraries again.
TWENTY = {"exception": 5, "nan": 5, "singular": 4, "slow": 4, "killed": 2}
SIX = {"exception": 2, "nan": 1, "singular": 1, "slow": 1, "killed": 1}


@pytest.mark.parametrize(
    ("n_seeds", "times"), [(30, SIX), pytest.param(200, TWENTY, marks=pytest.mark.slow)]
)
def test_many_runs_with_failures_of_five_kinds(n_seeds, times, tmp_path):
    kinds = [kind for kind, number in times.items() for _ in range(number)]
    places = 1 + np.random.default_rng(0).permutation(n_seeds - 1)[: len(kinds)]
    fates = tuple(zip(places.tolist(), kinds, strict=True))
    log, store = tmp_path / "log", tmp_path / "runs"
    model = Fragile(fates=fates, log=str(log))
    budget, failed = Budget(seconds=0.5), len(kinds) - times["slow"]
    with pytest.warns(UserWarning, match=f"{failed} of {n_seeds} runs failed"):
        result = compare(
            model,
            X,
            ["wide"],
            n_seeds=n_seeds,
            n_jobs=2,
            budget=budget,
            store=store,
            progress=False,
        )
    runs = result.runs.set_index("replicate")
    assert sorted(runs.index) == list(range(n_seeds))
    wrong = dict(fates)
    for replicate, run in runs.iterrows():
        expected = KINDS.get(wrong.get(replicate), ("ok", ""))
        assert (run["status"], run["error_type"]) == expected, replicate
    whole = compare(Fragile(), X, ["wide"], n_seeds=n_seeds, progress=False).runs
    whole = whole.set_index("replicate")
    good = [replicate for replicate in range(n_seeds) if replicate not in wrong]
    columns = ["init_seed", "objective_start", "objective_final", "n_iter"]
    assert runs.loc[good, columns].equals(whole.loc[good, columns])
    assert runs.loc[[r for r, kind in fates if kind == "killed"], "objective_final"].isna().all()
    assert "was killed each of 2 times" in result.errors["error_message"].str.cat()
    # Killed runs are not kept in the store: here, where nothing kills them, they are computed.
    assert len(list(store.glob("*.run"))) == n_seeds - times["killed"]
    n_fits = len(log.read_text().splitlines())
    with pytest.warns(UserWarning, match=f"{failed - times['killed']} of {n_seeds} runs failed"):
        again = compare(
            model, X, ["wide"], n_seeds=n_seeds, budget=budget, store=store, progress=False
        ).runs.set_index("replicate")
    assert set(again.loc[[r for r, kind in fates if kind == "killed"], "status"]) == {"ok"}
    # And one warm-up.
    assert len(log.read_text().splitlines()) - n_fits == times["killed"] + 1


def test_a_worker_killed_once_costs_nothing(tmp_path):
    model = KillsWorkerOnce(marker=str(tmp_path / "killed"), caller=os.getpid())
    result = compare(model, X, ["wide"], n_seeds=20, n_jobs=2, progress=False)
    assert (tmp_path / "killed").exists()
    assert set(result.runs["status"]) == {"ok"}
    whole = compare(model, X, ["wide"], n_seeds=20, progress=False)
    assert result.runs.drop(columns=CLOCK).equals(whole.runs.drop(columns=CLOCK))


def test_what_is_no_death_is_raised():
    class Unsendable(Fragile):
        def __reduce__(self):
            raise TypeError("cannot be sent")

    with pytest.raises(Exception, match=r"cannot be sent|pickle"):
        compare(Unsendable(), X, ["wide"], n_seeds=3, n_jobs=2, progress=False)


def test_a_backend_without_streaming_works_in_portions(monkeypatch):
    from joblib._parallel_backends import ThreadingBackend

    class Mute(ThreadingBackend):
        supports_return_generator = False

    joblib.register_parallel_backend("mute", Mute)
    seen = []
    original = joblib.Parallel.__call__
    monkeypatch.setattr(
        joblib.Parallel, "__call__", lambda self, calls: original(self, seen.append(calls) or calls)
    )
    with joblib.parallel_config(backend="mute", n_jobs=2):
        runs = compare(Fragile(), X, ["wide"], n_seeds=20, progress=False).runs
    assert [len(portion) for portion in seen] == [8, 8, 4]
    assert len(runs) == 20


_PARENT = textwrap.dedent("""
    import multiprocessing
    import sys
    sys.path.insert(0, sys.argv[1])
    import numpy as np
    from comparison.fragile_model import Fragile
    from tsinit.comparison import compare

    class Slow(Fragile):
        def fit_under(self, monitor, X, lengths=None):
            in_worker = multiprocessing.current_process().name != "MainProcess"
            self.seconds = float(sys.argv[3]) if in_worker else 0.0
            return super().fit_under(monitor, X, lengths=lengths)

    compare(Slow(log=sys.argv[2]), np.zeros((40, 2)), ["wide"], n_seeds=500, n_jobs=2, progress=False)
""")


def _is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("seconds", [0.05, 60.0])
def test_workers_end_with_their_parent_whatever_they_are_at(tmp_path, seconds):
    log = tmp_path / "log"
    arguments = [str(Path(__file__).parents[2]), str(log), str(seconds)]
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, *arguments])

    def workers():
        lines = log.read_text().splitlines() if log.exists() else []
        return {int(line.split()[1]) for line in lines} - {parent.pid}

    try:
        assert _wait_until(lambda: len(workers()) == 2, 60)
    finally:
        parent.kill()
    assert _wait_until(lambda: not any(map(_is_running, workers())), 2.0)
    parent.wait()
