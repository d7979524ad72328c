"""A cluster of worker processes gives the same table, also when one of them is killed on the way."""

import os
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from comparison.fragile_model import Fragile, KillsWorkerOnce

from tsinit.comparison import compare

distributed = pytest.importorskip("distributed")

X = np.zeros((40, 2))
CLOCK = ["init_seconds", "fit_seconds"]
#: Cluster and client warn of ports, of event loops and of what they leave to the collector: not ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def client():
    import dask

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"distributed.scheduler.allowed-failures": 1}
        with (
            dask.config.set(settings),
            distributed.LocalCluster(
                2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            # The models of these tests have to be found by the workers.
            client.run(_find, [str(Path(__file__).parents[2])])
            yield client


def _find(paths):
    sys.path[:0] = paths


def _on_the_cluster(model, n_seeds, **more):
    with joblib.parallel_config(backend="dask"):
        return compare(model, X, ["wide", "right"], n_seeds=n_seeds, progress=False, **more)


def test_the_same_call_on_a_cluster_gives_the_same_table(client, tmp_path):
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids
    log = tmp_path / "log"
    there = _on_the_cluster(Fragile(log=str(log)), 10, store=tmp_path / "runs")
    workers = {int(line.split()[1]) for line in log.read_text().splitlines()} - {os.getpid()}
    assert workers <= pids
    assert workers
    here = compare(Fragile(log=str(log)), X, ["wide", "right"], n_seeds=10, progress=False)
    assert there.runs.drop(columns=CLOCK).equals(here.runs.drop(columns=CLOCK))
    assert there.traces.drop(columns="seconds").equals(here.traces.drop(columns="seconds"))
    assert len(list((tmp_path / "runs").glob("*.run"))) == 20


def test_a_worker_killed_in_the_middle_loses_only_its_own_runs(client, tmp_path):
    model = KillsWorkerOnce(marker=str(tmp_path / "killed"), caller=os.getpid())
    before = set(client.run(os.getpid).values())
    there = _on_the_cluster(model, 20)
    assert (tmp_path / "killed").exists()
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != before
    here = compare(model, X, ["wide", "right"], n_seeds=20, progress=False)
    assert there.runs.drop(columns=CLOCK).equals(here.runs.drop(columns=CLOCK))


def test_a_run_that_kills_every_worker_becomes_a_row(client):
    client.wait_for_workers(2, timeout=60)
    with (
        pytest.warns(UserWarning, match="1 of 8 runs failed: 1 x WorkerKilled"),
        joblib.parallel_config("dask"),
    ):
        runs = compare(Fragile(fates=((5, "killed"),)), X, ["wide"], n_seeds=8, progress=False).runs
    assert runs.set_index("replicate")["status"].to_dict() == {
        i: "error" if i == 5 else "ok" for i in range(8)
    }


def test_a_model_of_another_library_travels_with_its_adapter(client, monkeypatch):
    from adapters.toy_em import TwoMeans, TwoMeansAdapter

    from tsinit.adapters import base, register

    monkeypatch.setattr(base, "_ADAPTERS", list(base._ADAPTERS))
    register(TwoMeansAdapter)  # in this process only
    client.wait_for_workers(2, timeout=60)
    y = np.random.default_rng(0).normal(size=(60, 1)) + 3.0 * (np.arange(60) % 2)[:, None]
    call = {"n_seeds": 3, "progress": False}
    with joblib.parallel_config(backend="dask"):
        there = compare(TwoMeans(), y, ["native", "kmeans"], **call)
    here = compare(TwoMeans(), y, ["native", "kmeans"], **call)
    assert set(here.runs["status"]) == {"ok"}
    assert there.runs.drop(columns=CLOCK).equals(here.runs.drop(columns=CLOCK))
