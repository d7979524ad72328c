"""A comparison written and read again is the same, bit for bit."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker

from tsinit.comparison import compare, read_comparison
from tsinit.models.monitor import Budget

X = np.zeros((40, 2))


def _labels(y, rng):
    return rng.random(len(y))


@pytest.fixture(scope="module")
def hills():
    with pytest.warns(UserWarning, match="runs failed"):
        return compare(Hills(), {"NaN": X, 'a "b", c': X + 1}, ["wide", "singular", "nan"], n_seeds=3,
                       seed=2**100, budget=Budget(max_iter=50), progress=False)  # fmt: skip


@pytest.fixture(scope="module")
def walk():
    return compare(Walker(), X, {"start": _labels}, n_seeds=3, progress=False)


@pytest.fixture(params=["csv", "parquet"])
def kind(request):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return request.param


@pytest.fixture(scope="module")
def pages(hills, walk, tmp_path_factory):
    """The report on each of them, whose pictures take seconds."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        name: result.report(folder / f"{name}.html").read_text()
        for name, result in {"hills": hills, "walk": walk}.items()
    }


@pytest.mark.parametrize("name", ["hills", "walk"])
def test_what_was_written_is_read_again(name, kind, pages, request, tmp_path):
    result = request.getfixturevalue(name)
    folder = getattr(result, f"to_{kind}")(tmp_path / "new" / "folder")
    back = read_comparison(str(folder))
    for table in ("runs", "traces", "errors"):
        pd.testing.assert_frame_equal(
            getattr(back, table), getattr(result, table), check_exact=True
        )
    assert back.about == result.about
    assert back.verdict() == result.verdict()
    assert back.summary_text() == result.summary_text()
    assert back.report(tmp_path / "back.html").read_text() == pages[name]


def test_without_models_no_run_can_be_fitted_again(hills, tmp_path):
    back = read_comparison(hills.to_csv(tmp_path))
    with pytest.raises(KeyError, match="read from files"):
        back.rerun(back.runs["run_id"].iloc[0])


def test_a_second_kind_replaces_the_first(hills, walk, tmp_path):
    pytest.importorskip("pyarrow")
    hills.to_parquet(tmp_path)
    walk.to_csv(tmp_path)
    assert read_comparison(tmp_path).about == walk.about
    hills.to_parquet(tmp_path)
    assert read_comparison(tmp_path).about == hills.about


def test_another_folder_is_refused(hills, tmp_path):
    with pytest.raises(ValueError, match="lacks runs, traces and errors"):
        read_comparison(tmp_path)
    (hills.to_csv(tmp_path) / "about.json").unlink()
    with pytest.raises(ValueError, match=r"lacks about\.json"):
        read_comparison(tmp_path)


def test_without_pyarrow_parquet_says_what_to_install(hills, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        hills.to_parquet(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_settings_are_plain_json(hills, tmp_path):
    about = json.loads((hills.to_csv(tmp_path) / "about.json").read_text())
    assert about["entropy"] == str(2**100)
    assert about["max_iter"] == 50
    assert about["models"]["Hills"]["objective"] == "height"


def test_what_is_no_path_is_refused(hills):
    for write in (hills.to_csv, hills.to_parquet, hills.report, read_comparison):
        with pytest.raises(TypeError, match=r"^(path|folder) must be a string or a Path; got 3\.$"):
            write(3)
