"""Ray gives the same table, from its own processes, also when one of them is killed on the way."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from comparison.fragile_model import Fragile, KillsWorkerOnce

from tsinit.comparison import compare

ray = pytest.importorskip("ray")

X = np.zeros((40, 2))
CLOCK = ["init_seconds", "fit_seconds"]
#: Ray and its bridge to joblib warn of what they leave open and of what is old: not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    from ray.util.joblib import register_ray

    # The models of these tests have to be found by the workers.
    found = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2])}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=found)
    register_ray()
    yield
    ray.shutdown()


def _on_ray(model, n_seeds, **more):
    with joblib.parallel_config(backend="ray"):
        return compare(model, X, ["wide", "right"], n_seeds=n_seeds, progress=False, **more)


def test_the_same_call_on_ray_gives_the_same_table(cluster, tmp_path):
    log = tmp_path / "log"
    there = _on_ray(Fragile(log=str(log)), 6, store=tmp_path / "runs")
    workers = {int(line.split()[1]) for line in log.read_text().splitlines()} - {os.getpid()}
    assert workers  # without a number of jobs, joblib would have stayed in this process
    here = compare(Fragile(log=str(log)), X, ["wide", "right"], n_seeds=6, progress=False)
    assert there.runs.drop(columns=CLOCK).equals(here.runs.drop(columns=CLOCK))
    assert there.traces.drop(columns="seconds").equals(here.traces.drop(columns="seconds"))
    assert len(list((tmp_path / "runs").glob("*.run"))) == 12


def test_a_worker_killed_once_costs_nothing(cluster, tmp_path):
    model = KillsWorkerOnce(marker=str(tmp_path / "killed"), caller=os.getpid())
    there = _on_ray(model, 6)
    assert (tmp_path / "killed").exists()
    here = compare(model, X, ["wide", "right"], n_seeds=6, progress=False)
    assert there.runs.drop(columns=CLOCK).equals(here.runs.drop(columns=CLOCK))


class KillsEveryWorker(KillsWorkerOnce):
    """One replicate kills whatever process carries it out, but for the caller's."""

    def fit_under(self, monitor, X, lengths=None):
        if os.getpid() != self.caller and self.random_state.spawn_key[1] == 3:
            os._exit(1)
        return super(KillsWorkerOnce, self).fit_under(monitor, X, lengths=lengths)


def test_a_run_that_kills_every_worker_becomes_a_row(cluster):
    runs = _on_ray(KillsEveryWorker(caller=os.getpid()), 5).runs.set_index("replicate")
    assert set(runs.loc[3, "error_type"]) == {"WorkerKilled"}
    assert set(runs.drop(index=3)["status"]) == {"ok"}
