"""Known inputs in comparisons: they go wherever the data go, and make another run."""

import re

import numpy as np
import pandas as pd
import pytest

from tsinit import HiddenMarkovModel, LinearGaussianSSM, compare
from tsinit.adapters import adapter_of
from tsinit.comparison.plan.data import make_dataset
from tsinit.comparison.plan.identity import identify
from tsinit.comparison.plan.inputs import KnownInputs

T = 120
MODEL = LinearGaussianSSM(1, max_iter=4)
QUIET = {"n_seeds": 2, "n_jobs": 1, "progress": False}


@pytest.fixture(scope="module")
def air():
    rng = np.random.default_rng(1)
    times = pd.date_range("2024-01-01", periods=T, freq="h")
    U = pd.DataFrame(rng.standard_normal((T, 2)), times, ["temp", "wind"])
    x, y = 0.0, np.empty((T, 2))
    for t in range(T):
        y[t] = [x, -x] + U.to_numpy()[t] + 0.3 * rng.standard_normal(2)
        x = 0.8 * x + U["temp"].iloc[t] + 0.3 * rng.standard_normal()
    return pd.DataFrame(y, times, ["no2", "co"]), U


def all_equal(a, b):
    same = ["strategy", "replicate", "objective_start", "objective_final", "n_iter"]
    pd.testing.assert_frame_equal(a[same], b[same])


@pytest.fixture(scope="module")
def result(air, tmp_path_factory):
    X, U = air
    folder = tmp_path_factory.mktemp("runs")
    done = compare(
        MODEL, X, ["subspace", "kmeans", "auto"], inputs=U, test=0.25, store=folder, **QUIET
    )
    return done, folder


def test_a_run_is_the_fit_to_data_and_inputs(result, air):
    (X, U), (done, _) = air, result
    assert set(done.runs["status"]) <= {"ok", "not_converged"}
    head, tail = X.iloc[:90], X.iloc[90:]
    run = done.runs[done.runs["strategy"] == "subspace"].iloc[0]
    alone = LinearGaussianSSM(1, max_iter=4, init="subspace").fit(head, inputs=U)
    assert alone.log_likelihood_ == pytest.approx(run["objective_final"], rel=1e-10)
    assert alone.score(head, inputs=U) == pytest.approx(run["score"], rel=1e-10)
    assert alone.score(tail, inputs=U) == pytest.approx(run["score_test"], rel=1e-10)
    best = done.best_model()
    assert best.input_names_in_ == ["temp", "wind"]
    assert best.log_likelihood_ == done.runs["objective_final"].max()
    pd.testing.assert_frame_equal(done.inputs["data"], U.iloc[:90])


def test_every_form_of_inputs_is_cut_with_the_data(result, air):
    (X, U), (done, _) = air, result
    longer = pd.concat([U, U.set_axis(U.index + pd.Timedelta(days=90))])
    for inputs in (U.to_numpy(), longer, lambda: U, {"data": U}):
        other = compare(MODEL, X, ["subspace", "kmeans"], inputs=inputs, test=0.25, **QUIET)
        expected = done.runs[done.runs["strategy"] != "auto"].reset_index(drop=True)
        all_equal(other.runs, expected)
        np.testing.assert_allclose(other.runs["score_test"], expected["score_test"], rtol=1e-12)


@pytest.mark.parametrize("form", ["list", "lengths", "levels", "shared"])
def test_sequences_have_theirs(air, form):
    X, U = air
    parts, known = [X.iloc[:50], X.iloc[50:]], [U.iloc[:50], U.iloc[50:]]
    data, inputs = {
        "list": (parts, known),
        "lengths": ((X.to_numpy(), [50, 70]), U.to_numpy()),
        "levels": (pd.concat(parts, keys=["a", "b"]), pd.concat(known, keys=["a", "b"]).to_numpy()),
        "shared": (parts, pd.concat([U, U.iloc[:7].set_axis(U.index[:7] - pd.Timedelta(days=9))])),
    }[form]
    done = compare(MODEL, data, ["subspace"], inputs=inputs, test=0.2, **QUIET)
    heads = [X.iloc[:40], X.iloc[50:106]]
    model = LinearGaussianSSM(1, max_iter=4).fit(heads, inputs=[U.iloc[:40], U.iloc[50:106]])
    run = done.runs.iloc[0]
    assert run["objective_final"] == pytest.approx(model.log_likelihood_, rel=1e-9)
    tails = [X.iloc[40:50], X.iloc[106:]]
    score = model.score(tails, inputs=[U.iloc[40:50], U.iloc[106:]])
    assert run["score_test"] == pytest.approx(score, rel=1e-9)


def test_the_store_tells_inputs_apart(result, air):
    (X, U), (done, folder) = air, result
    again = compare(MODEL, X, ["subspace"], inputs=U, test=0.25, store=folder, **QUIET)
    assert set(again.runs["run_id"]) <= set(done.runs["run_id"])
    pd.testing.assert_series_equal(
        again.runs["fit_seconds"],
        done.runs.loc[done.runs["strategy"] == "subspace", "fit_seconds"].reset_index(drop=True),
    )
    for other in (U + 0.1 * U.shift(1, fill_value=0.0), U[["temp"]], None):
        changed = compare(MODEL, X, ["subspace"], inputs=other, test=0.25, store=folder, **QUIET)
        assert not set(changed.runs["run_id"]) & set(done.runs["run_id"])
        assert changed.runs["objective_final"].iloc[0] != again.runs["objective_final"].iloc[0]


def test_runs_without_inputs_are_known_as_before(air):
    X, U = air
    plain = make_dataset(X, {}, None)
    assert plain.digest == identify(X, {}, None).key
    assert make_dataset(X, {}, None, KnownInputs(U, {})).digest != plain.digest


def test_worker_processes_have_them(result, air):
    (X, U), (done, _) = air, result
    runs = compare(MODEL, X, ["subspace", "kmeans"], inputs=U, test=0.25, n_seeds=2, n_jobs=2,
                   progress=False).runs  # fmt: skip
    expected = done.runs[done.runs["strategy"] != "auto"].reset_index(drop=True)
    assert runs["run_id"].tolist() == expected["run_id"].tolist()
    all_equal(runs, expected)


def test_hidden_cells_and_own_scores_are_scored_with_inputs(air):
    X, U = air
    hidden = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)

    def bic(model, X, inputs):
        assert inputs.shape == (T, 2)
        return -model.bic()

    def plain(model, X):
        return len(X)

    scores = {"bic": bic, "plain": plain}
    done = compare(MODEL, hidden, ["subspace"], inputs=U, truth=X, score=scores, **QUIET)
    model = done.best_model()
    error = (model.impute(hidden, inputs=U) - X).to_numpy()[hidden.isna().to_numpy()]
    run = done.runs.iloc[0]
    assert run["score_rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert run["score_bic"] == -model.bic()
    assert run["score_plain"] == T
    assert not done.errors.size


def test_a_table_held_out_looks_its_inputs_up(air):
    X, U = air
    head, tail = X.iloc[:80], X.iloc[80:]
    done = compare(MODEL, head, ["subspace"], inputs=U, test={"later": tail}, **QUIET)
    score = done.best_model().score(tail, inputs=U)
    assert done.runs["score_later"].iloc[0] == pytest.approx(score)
    with pytest.raises(ValueError, match="inputs must be one DataFrame that has the times of test"):
        compare(MODEL, head.to_numpy(), ["subspace"], inputs=U.to_numpy()[:80], test=tail, **QUIET)
    counted = [table.reset_index(drop=True) for table in (head, U, tail)]
    with pytest.raises(ValueError, match="got rows that are counted from 0"):
        compare(MODEL, counted[0], ["subspace"], inputs=counted[1], test=counted[2], **QUIET)
    with pytest.raises(ValueError, match="test 'test': inputs must have every time of X"):
        compare(MODEL, head, ["subspace"], inputs=U.iloc[:80], test=tail, **QUIET)


def test_a_dict_may_leave_a_data_set_without(air):
    X, U = air
    done = compare(MODEL, {"a": X, "b": X}, ["subspace"], inputs={"a": U}, **QUIET)
    assert list(done.inputs) == ["a"]
    a, b = (done.best_model(dataset=name) for name in "ab")
    assert a.params_.n_inputs == 2
    assert not b.params_.n_inputs


def test_the_page_names_them_and_draws_the_fit(result, tmp_path):
    text = result[0].report(tmp_path / "page.html").read_text()
    assert "Beside them 2 known inputs: temp, wind." in text
    assert "could not be shown" not in text
    assert re.search(r"no2: smoothed", text)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"model": HiddenMarkovModel(2)}, TypeError,
         "^inputs must go with models that take them, such as LinearGaussianSSM; got HiddenMarkovModel"),
        ({"model": {"a": MODEL, "b": HiddenMarkovModel(2)}}, TypeError, "; got b"),
        ({"inputs": {"other": 1}}, ValueError, "inputs must be keyed by data sets, .'data'.; got"),
        ({"inputs": np.ones((T, 1))}, ValueError, "data set 'data': inputs must vary in every column"),
        ({"inputs": np.ones((T - 1, 1))}, ValueError, "data set 'data': inputs must have the 120 rows"),
        ({"inputs": np.full((T, 1), np.nan)}, ValueError, "data set 'data': inputs must be complete"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_runs(air, options, kind, message):
    X, U = air
    given = {"model": MODEL, "inputs": U} | options
    with pytest.raises(kind, match=message):
        compare(given["model"], X, ["subspace"], inputs=given["inputs"], **QUIET)


def test_rows_that_skip_steps_are_cut_by_times_only(air):
    X, U = air
    gappy = X.drop(X.index[[5, 6, 100]])
    done = compare(MODEL, gappy, ["subspace"], inputs=U, test=0.25, **QUIET)
    cut = len(gappy) - round(0.25 * len(gappy))
    model = LinearGaussianSSM(1, max_iter=4).fit(gappy.iloc[:cut], inputs=U)
    assert done.runs["objective_final"].iloc[0] == pytest.approx(model.log_likelihood_)
    score = model.score(gappy.iloc[cut:], inputs=U)
    assert done.runs["score_test"].iloc[0] == pytest.approx(score)
    with pytest.raises(
        ValueError, match="inputs must have the 117 rows of X to be cut by test; got 120"
    ):
        compare(MODEL, gappy, ["subspace"], inputs=U.to_numpy(), test=0.25, **QUIET)


def test_only_models_whose_fit_has_them_take_inputs():
    for model, takes in ((MODEL, True), (HiddenMarkovModel(2), False)):
        assert adapter_of(model).takes_inputs(model) is takes
