"""The table of runs, and everything that is read off it."""

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills

from tsinit.comparison import Comparison, compare
from tsinit.models import progress
from tsinit.models.monitor import Budget

X = np.zeros((40, 2))
STARTS = ["wide", "right", "fixed"]


@pytest.fixture(scope="module")
def result():
    return compare(Hills(), X, STARTS, n_seeds=8, progress=False)


def test_first_docstring_line_tells_starts_from_models():
    first = compare.__doc__.splitlines()[0]
    assert "starting points" in first
    assert "arviz.compare" in first


def test_runs_has_one_row_for_each_cell_and_replicate_with_the_columns_of_the_specification(result):
    runs = result.runs
    assert len(runs) == 3 * 8
    assert not runs.duplicated(["dataset", "model", "strategy", "replicate"]).any()
    assert runs["run_id"].is_unique
    assert list(runs.columns) == [
        "run_id",
        "dataset",
        "model",
        "strategy",
        "replicate",
        "init_seed",
        "run_seed",
        "status",
        "error_type",
        "error_message",
        "objective_start",
        "objective_final",
        "gap",
        "score",
        "n_iter",
        "converged",
        "monotone",
        "init_seconds",
        "fit_seconds",
        "optimum",
        "start",
        "versions",
    ]
    assert set(runs["status"]) == {"ok"}
    assert list(dict.fromkeys(runs["strategy"])) == STARTS
    assert "numba" in runs["versions"].iloc[0]


def test_traces_hold_every_objective_and_agree_with_the_rows(result):
    for run in result.runs.itertuples():
        trace = result.traces[result.traces["run_id"] == run.run_id]
        assert trace["iteration"].tolist() == list(range(run.n_iter + 1))
        assert trace["objective"].iloc[0] == run.objective_start
        assert trace["objective"].iloc[-1] == run.objective_final
        assert trace["seconds"].is_monotonic_increasing


def test_gap_and_optimum_refer_to_the_best_end_of_the_cell(result):
    runs = result.runs
    best = runs["objective_final"].max()
    np.testing.assert_allclose(runs["gap"], best - runs["objective_final"])
    # Two hills, the lower by about 1.2: ends on the higher are number 1.
    assert (runs["optimum"] == np.where(runs["gap"] < 0.6, 1, 2)).all()
    assert set(runs["optimum"]) == {1, 2}


def test_summary_counts_and_ranks(result):
    table = result.summary().set_index("strategy")
    runs = result.runs[result.runs["strategy"] == "wide"]
    wide = table.loc["wide"]
    assert wide["n_runs"] == wide["n_ok"] == 8
    assert wide["hits"] == (runs["optimum"] == 1).sum()
    assert wide["median"] == runs["objective_final"].median()
    assert wide["hit_low"] < wide["hit_rate"] < wide["hit_high"]
    assert table.index[-1] == "wide"
    assert table.loc["fixed", "n_starts"] == 1
    assert table.loc["right", "n_starts"] == 8


def test_rerun_refits_a_row_exactly(result):
    for run in result.runs.sample(4, random_state=0).itertuples():
        model = result.rerun(run.run_id)
        assert model.history_[-1] == run.objective_final
        assert model.history_[0] == run.objective_start
    with pytest.raises(KeyError, match="run_id must be one of"):
        result.rerun("nonsense")


def test_a_folder_may_lie_in_the_home_folder(result, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert result.to_csv("~/tables") == tmp_path / "tables"
    assert (tmp_path / "tables" / "runs.csv").is_file()


def test_csv_brings_every_number_back(result, tmp_path):
    folder = result.to_csv(tmp_path / "new" / "folder")
    # As text, because not every pandas reads the last digit.
    back = pd.read_csv(folder / "runs.csv", keep_default_na=False, dtype=str)
    assert [float(text) for text in back["objective_final"]] == result.runs[
        "objective_final"
    ].tolist()
    assert back["init_seed"].tolist() == result.runs["init_seed"].tolist()
    assert len(pd.read_csv(folder / "traces.csv")) == len(result.traces)
    assert len(pd.read_csv(folder / "errors.csv")) == 0


def test_repr_and_html_speak(result):
    assert "24 runs (24 ok)" in repr(result)
    assert result.verdict() in repr(result)
    shown = result._repr_html_()
    assert "<table" in shown
    assert "median_gap" not in shown  # the columns of summary() are for programs
    assert isinstance(result, Comparison)


def test_a_dozen_kinds_of_arguments_name_themselves():
    from sklearn.base import BaseEstimator

    class Fancy(BaseEstimator):
        def __init__(self, depth=1):
            self.depth = depth

        def __call__(self, y, rng):
            return rng.uniform(0.2, 1.0)

    def mine(y, rng):
        return rng.uniform(0.2, 1.0)

    strategies = ["wide", Fancy(depth=3), Fancy(), mine, mine, lambda y, rng: rng.uniform(0.1, 1.0)]
    result = compare(Hills(), X, strategies, n_seeds=2, progress=False)
    assert list(dict.fromkeys(result.runs["strategy"])) == [
        "wide",
        "Fancy(depth=3)",
        "Fancy()",
        "mine",
        "mine (2)",
        "function",
    ]
    named = compare(
        {"short": Hills(max_iter=5), "long": Hills()},
        {"one": X, "two": lambda: X + 1},
        {"anywhere": "wide"},
        n_seeds=2,
        progress=False,
    )
    assert set(named.runs["model"]) == {"short", "long"}
    assert set(named.runs["dataset"]) == {"one", "two"}
    assert set(named.runs["strategy"]) == {"anywhere"}
    assert compare(Hills(), X, "wide", n_seeds=2, progress=False).runs["strategy"].eq("wide").all()


def test_models_stay_as_they_were():
    model = Hills(init="right", random_state=3, verbose=1)
    compare(model, X, ["wide"], n_seeds=2, progress=False)
    assert model.get_params() == Hills(init="right", random_state=3, verbose=1).get_params()
    assert not hasattr(model, "history_")


def test_a_budget_of_iterations_ends_runs_unconverged():
    result = compare(Hills(), X, ["wide"], n_seeds=3, budget=Budget(max_iter=2), progress=False)
    assert set(result.runs["status"]) == {"not_converged"}
    assert (result.runs["n_iter"] <= 2).all()


def test_a_budget_of_seconds_ends_runs_with_status_timeout():
    result = compare(Hills(), X, ["wide"], n_seeds=3, budget=Budget(seconds=0.0), progress=False)
    assert set(result.runs["status"]) == {"timeout"}
    assert np.isfinite(result.runs["objective_final"]).all()


def test_progress_shows_runs_done_and_failed(capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    with pytest.warns(UserWarning, match="2 of 4 runs failed"):
        compare(Hills(), X, ["wide", "singular"], n_seeds=2)
    shown = capsys.readouterr().err
    assert "compare: 4 of 4 runs" in shown
    assert "\r" not in shown
    assert "failed=2" in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": Hills}, "model must be a tsinit estimator"),
        ({"model": 3}, "model must be a tsinit estimator"),
        ({"model": {}}, "at least one estimator"),
        ({"data": {}}, "data must hold at least one data set"),
        ({"data": "X"}, "data set 'data': "),
        ({"data": np.full((3, 2), np.inf)}, "data set 'data': X must be finite"),
        ({"data": (X, [10, 10])}, "data set 'data': lengths must sum to the 40 rows"),
        ({"test": {"later": X[:, :0]}}, "test 'later': "),
        ({"data": {1: X}}, "data set names must be non-empty text"),
        ({"strategies": []}, "strategies must hold at least one"),
        ({"strategies": None}, "strategies must be a list"),
        ({"n_seeds": 0}, "n_seeds must be a whole number of at least 1; got 0"),
        ({"n_seeds": 2.5}, "n_seeds must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"score": len}, "score must be None or a dict of functions"),
        ({"test": 1.5}, "test must be a number above 0 and below 1"),
        ({"budget": 10}, "budget must be tsinit.Budget"),
        (
            {"budget": Budget(max_iter=-5)},
            "budget.max_iter must be a whole number of at least 0, or None; got -5",
        ),
        (
            {"budget": Budget(max_iter="3")},
            "budget.max_iter must be a whole number of at least 0, or None; got '3'",
        ),
        ({"budget": Budget(seconds=-5)}, "budget.seconds must be a number of at least 0; got -5"),
        ({"budget": Budget(seconds="1")}, "budget.seconds must be a number of at least 0; got '1'"),
        ({"truth": np.zeros((3, 2))}, "truth must have the shape of data set 'data'"),
        ({"truth": X}, "at least one value that data set 'data' misses"),
        ({"truth": {"other": X}}, "truth must be keyed by data sets"),
    ],
)
def test_bad_arguments_get_one_sentence_before_anything_runs(change, message):
    arguments = {"model": Hills(), "data": X, "strategies": ["wide"], "n_seeds": 2} | change
    with pytest.raises((ValueError, TypeError), match=message):
        compare(**arguments, progress=False)
