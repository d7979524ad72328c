"""Samplers in a comparison: ends are means over draws, and no two of them are the same point."""

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker

from tsinit.comparison import compare
from tsinit.comparison.analysis.tables import settling
from tsinit.comparison.plan.checks import check_datasets
from tsinit.comparison.plan.data import stack

X = np.repeat([-1.0, 1.0], 20)[:, None] + 0.01 * np.arange(40)[:, None]


def _near(y, rng):
    return rng.integers(0, 2, len(y))


def _far(y, rng):
    return rng.integers(50, 60, len(y))


def _start(y, rng):
    return rng.uniform(0.2, 1.5)


@pytest.fixture(scope="module")
def result():
    return compare(Walker(), X, {"near": _near, "far": _far}, n_seeds=6, progress=False)


def test_a_run_ends_where_the_sampler_says_and_has_no_optimum(result):
    for run in result.runs.itertuples():
        trace = result.traces.loc[result.traces["run_id"] == run.run_id, "objective"]
        assert run.objective_start == trace.iloc[0]
        assert run.objective_final == pytest.approx(trace.tail(200).mean())
    assert result.runs[["monotone", "optimum"]].isna().all(axis=None)
    assert (result.runs["gap"] >= 0).all()
    assert set(result.runs["status"]) == {"ok"}


def test_what_a_sampler_tells_of_iterations_and_draws_becomes_columns(result):
    assert result.traces["n_states"].iloc[1] == 2.0
    assert result.traces.groupby("run_id")["n_states"].first().max() <= 10
    assert (result.runs["rhat"] == 1.002).all()
    assert (result.runs["ess_per_second"] == 50.0).all()
    names = list(result.runs)
    assert names[names.index("monotone") + 1 : names.index("init_seconds")] == [
        "rhat", "ess", "ess_per_second", "n_settle", "n_mixed",
    ]  # fmt: skip
    table = result.summary().set_index("strategy")
    assert (table["median_rhat"] == 1.002).all()
    assert table[["hits", "hit_rate"]].isna().all(axis=None)
    # From x = 54 at a rate of 0.9 an iteration, |x| < 3 takes 27.
    assert table.loc["far", "median_n_settle"] == pytest.approx(27, abs=8)
    assert table.loc["near", "median_n_settle"] <= 3


def test_settling_counts_to_the_first_visit_of_the_range_of_the_second_half(rng):
    still = rng.normal(size=1000)
    assert settling(np.concatenate([np.linspace(-500, -10, 50), still])) == 50 + np.argmax(
        np.abs(still) < 1.9
    )
    assert settling(np.arange(100.0)) > 50  # still rising at the end
    assert settling(np.zeros(5)) is None
    assert settling([np.nan] * 50) is None


def test_words_fit_a_sampler(result, tmp_path):
    words = result.verdict()
    assert "mean joint log density" in words
    assert "The chains of every run agree (R-hat at most 1.01)." in words
    assert "gives the most effective draws a second, 50 (median)" in words
    assert "best known optimum was reached" not in words
    text = result.summary_text()
    assert "R-hat" in text
    assert "best known optimum" not in text.replace("\n", " ")
    assert "joint log density" in result.report(tmp_path / "r.html").read_text()


def test_draws_that_still_tell_the_starts_apart_are_said_to():
    def further(y, rng):
        return rng.integers(5000, 6000, len(y))

    result = compare(
        Walker(n_tune=0, n_draws=60), X, {"near": _near, "far": further}, n_seeds=6, progress=False
    )
    assert "near beats far by" in result.verdict()
    assert "forgets its start; here the draws from near still differ." in result.verdict()


def test_beside_a_model_with_optima_each_keeps_its_own_columns_and_words():
    class Both(Walker):
        def fit_under(self, monitor, X, lengths=None):
            place = self.init
            self.init = lambda y, rng: place(y, rng) + rng.uniform(size=len(y))
            return super().fit_under(monitor, X, lengths=lengths)

    result = compare(
        {"hills": Hills(), "walk": Both()}, X, {"right": _start}, n_seeds=5, progress=False
    )
    by_model = result.runs.set_index("model")
    assert by_model.loc["hills", "optimum"].notna().all()
    assert by_model.loc["hills", ["rhat", "n_settle"]].isna().all(axis=None)
    assert by_model.loc["walk", "rhat"].notna().all()
    traces = result.traces.merge(result.runs[["run_id", "model"]])
    assert traces.loc[traces["model"] == "hills", "n_states"].isna().all()
    hills, walk = result.verdict().splitlines()[:2]
    assert "mean height" in hills
    assert "mean joint log density" in walk
    blocks = result.summary_text().split("\n\n")
    assert "R-hat" not in blocks[0]
    assert "R-hat" in blocks[1]
    assert "best known optimum" not in blocks[1].replace("\n", " ")
    assert result.objective_name == "objective"


def test_chains_run_one_by_one_within_a_run(result):
    assert result.rerun(result.runs["run_id"].iloc[0]).n_jobs == 1


def test_a_strategy_without_the_verb_is_refused_in_one_sentence():
    with pytest.raises((TypeError, ValueError), match="labels"):
        compare(Walker(), X, ["linear_nonsense"], n_seeds=1, progress=False)


LABELS = np.repeat(["low", "high"], 20)


@pytest.mark.parametrize(
    "truth", [LABELS, pd.Series(LABELS), LABELS.tolist(), np.repeat([3, 7], 20)]
)
def test_true_labels_give_the_adjusted_rand_index(truth):
    runs = compare(Walker(), X, {"near": _near}, n_seeds=1, truth=truth, progress=False).runs
    assert runs["score_ari"].tolist() == [1.0]


def test_unknown_labels_are_left_out_and_tails_are_cut_alike():
    truth = pd.Series(LABELS, dtype=object)
    truth[:3] = None
    runs = compare(
        Walker(), X, {"near": _near}, n_seeds=1, truth=truth, test=0.25, progress=False
    ).runs
    assert runs["score_ari"].tolist() == [1.0]


def test_labels_of_several_sequences_follow_their_data():
    codes = np.arange(40)
    index = pd.MultiIndex.from_product([["a", "b"], range(20)])
    for data, kind in (
        ((X, [10, 30]), list),
        ([X[:10], X[10:]], list),
        (pd.DataFrame(X, index), pd.Series),
    ):
        built = check_datasets(data, 0.2, codes)["data"]
        assert isinstance(built.truth, kind)
        flat = (
            np.concatenate([np.asarray(part) for part in built.truth])
            if kind is list
            else built.truth.to_numpy()
        )
        np.testing.assert_array_equal(X[flat.astype(int)], stack(built.X))


def test_labels_score_the_models_that_give_labels_and_leave_the_others_empty():
    class Blind(Walker):
        fit_kind = Walker.fit_kind._replace(verb=None)

    runs = compare(
        {"a": Walker(), "b": Blind()}, X, {"near": _near}, n_seeds=1, truth=LABELS, progress=False
    ).runs
    ari = runs.set_index("model")["score_ari"]
    assert ari["a"] == 1.0
    assert np.isnan(ari["b"])


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (LABELS[:5], "truth must have one label for each row of data set 'data', 40; got 5"),
        (np.full(40, np.nan), "truth must know at least one label"),
    ],
)
def test_labels_that_do_not_fit_are_refused(truth, message):
    with pytest.raises(ValueError, match=message):
        compare(Walker(), X, {"near": _near}, n_seeds=1, truth=truth, progress=False)


def test_labels_need_a_model_that_gives_labels():
    with pytest.raises(TypeError, match="got labels, one for each row, but Hills has no labels_"):
        compare(Hills(), X, ["wide"], n_seeds=1, truth=LABELS, progress=False)


def test_runs_from_each_start_may_agree_where_all_together_do_not(result):
    together = result.mixing().set_index("strategy")["rhat"]
    assert together["all starts"] < 1.1  # the second halves have forgotten their starts

    class Stuck(Walker):
        def fit_under(self, monitor, X, lengths=None):
            super().fit_under(monitor, X, lengths=lengths)
            monitor.objectives[:] = [
                value + float(self.start_.mean()) for value in monitor.objectives
            ]
            return self

    stuck = compare(Stuck(), X, {"near": _near, "far": _far}, n_seeds=6, progress=False).mixing()
    rhat = stuck.set_index("strategy")["rhat"]
    assert rhat["all starts"] > 2
    assert rhat["all starts"] > rhat["near"]
    assert stuck["n_runs"].tolist() == [6, 6, 12]
