"""Runs that reach the best known optimum are compared by the states they give to rows, kept with the run."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from models.hidden_markov.test_finite import levels

from tsinit import HiddenMarkovModel, LinearGaussianSSM, compare
from tsinit.comparison.analysis.segmentations import agreement_among
from tsinit.comparison.run.segmentation import labels_in, segmentation_of
from tsinit.metrics import adjusted_rand_index


def packed(labels, kind="climbs", verb="labels"):
    task = SimpleNamespace(adapter=SimpleNamespace(kind=kind, verb=verb))
    return segmentation_of(task, SimpleNamespace(labels_=labels))


def test_labels_come_back(rng):
    z = rng.integers(0, 300, 4_000)
    expected = np.unique(z, return_inverse=True)[1]
    np.testing.assert_array_equal(labels_in(packed(z)), expected)
    assert len(labels_in(packed(np.arange(20_000) // 100))) == 5_000
    assert packed(z, kind="samples") is None
    assert packed(z, verb="fill") is None
    assert packed(np.zeros(0)) is None
    assert packed(["a", None]) is None or len(labels_in(packed(["a", None]))) == 2


@pytest.mark.parametrize("text", ["", "?", "abc", "é" * 8, packed(np.arange(9))[:-3]])
def test_what_is_no_segmentation_is_refused(text):
    with pytest.raises(ValueError):
        labels_in(text)


def test_only_the_best_and_every_start_once(rng):
    z = rng.integers(0, 3, (5, 60))
    runs = pd.DataFrame(
        {
            "run_id": list("abcdef"),
            "dataset": "data",
            "model": "m",
            "optimum": pd.array([1, 1, 1, 1, 2, None], dtype="Int64"),
            "start": pd.array([1, 1, 2, None, 3, 4], dtype="Int64"),
        }
    )
    z = [z[0], z[0], z[1], z[2], z[3], z[4]]
    found = agreement_among(
        runs, {name: packed(one) for name, one in zip("abcdef", z, strict=True)}
    )
    ab, ac, bc = (
        adjusted_rand_index(z[i], z[j]) for i, j in ((0, 2), (0, 3), (2, 3))
    )  # fmt: skip
    expected = [(ab + ac) / 2, (ab + ac) / 2, (ab + bc) / 2, (ac + bc) / 2, np.nan, np.nan]
    np.testing.assert_allclose(found, expected)
    assert agreement_among(runs, {"a": packed(z[0])}).isna().all()


@pytest.fixture
def table(rng):
    y, _ = levels(rng)
    return y


def test_compare_says_whether_another_start_agrees(table, tmp_path):
    model = HiddenMarkovModel(3, tol=1e-5)
    options = {"n_seeds": 3, "progress": False, "store": tmp_path}
    result = compare(model, table, ["kmeans", "uniform"], **options)
    best = result.runs[result.runs["optimum"] == 1]
    assert best["start"].nunique() > 1
    np.testing.assert_allclose(best["agreement"], 1.0)
    assert "from different starts have the same states (adjusted Rand index 1.00" in str(
        result.verdict()
    )
    again = compare(model, table, ["kmeans", "uniform"], **options)
    pd.testing.assert_series_equal(again.runs["agreement"], result.runs["agreement"])


def test_runs_that_an_older_version_stored_are_opened_without_states(table, tmp_path):
    model = HiddenMarkovModel(3, tol=1e-5)
    options = {"n_seeds": 2, "progress": False, "store": tmp_path}
    first = compare(model, table, ["uniform"], **options)
    paths = list(tmp_path.glob("*.run"))
    assert len(paths) == 2
    for path in paths:
        body = json.loads(path.read_bytes().partition(b"\n")[2])
        assert labels_in(body.pop("segmentation")).shape == (150,)
        text = json.dumps(body).encode()
        path.write_bytes(f"tsinit-run-2 {hashlib.sha256(text).hexdigest()}\n".encode() + text)
    again = compare(model, table, ["uniform"], **options)
    assert "agreement" not in again.runs
    pd.testing.assert_frame_equal(again.runs, first.runs.drop(columns="agreement"))
    assert "same states" not in str(again.verdict()) or "One start alone" in str(again.verdict())


def test_models_without_labels_have_no_such_column(table):
    result = compare(
        LinearGaussianSSM(1, max_iter=2), table, ["factor_analysis"], n_seeds=1, progress=False
    )
    assert "agreement" not in result.runs
