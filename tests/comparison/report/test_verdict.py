"""The verdict: says who wins when the runs show it, and that it is open when they do not."""

import numpy as np
import pandas as pd
import pytest

from tsinit.comparison.analysis.summary import ranking, standings, summarise
from tsinit.comparison.report import verdict as words


def verdict(*arguments):
    return [f"{name}: {' '.join(sentences)}" for name, sentences in words.verdict(*arguments)]


def _runs(ends, dataset="data", seconds=None, failed=()):
    """A table of runs with given ends: {strategy: final objectives by replicate}."""
    from tsinit.comparison.analysis.tables import number_optima

    rows = [
        {
            "run_id": f"{dataset}{s}{i}",
            "dataset": dataset,
            "model": "m",
            "strategy": s,
            "replicate": i,
            "status": "error" if s in failed or np.isnan(end) else "ok",
            "error_type": "RuntimeError" if s in failed or np.isnan(end) else "",
            "objective_final": np.nan if s in failed else float(end),
            "n_iter": 10,
            "init_seconds": 0.0,
            "fit_seconds": (seconds or {}).get(s, 1.0),
            "start": i + 100 * k,
        }
        for k, (s, values) in enumerate(ends.items())
        for i, end in enumerate(values)
    ]
    runs = pd.DataFrame(rows)
    return runs.assign(optimum=number_optima(runs["objective_final"]))


def test_a_clear_winner_is_named_with_the_margin_and_the_cost(rng):
    noise = rng.normal(size=12)
    runs = _runs(
        {"a": -100 + noise, "b": -150 + noise + rng.normal(size=12)}, seconds={"a": 3.0, "b": 1.0}
    )
    (line,) = verdict(runs, "log-likelihood")
    assert line.startswith("data: a has the highest mean log-likelihood, -")
    assert "a beats b by " in line
    assert "95 % interval" in line
    assert "3.0 times the cheapest, b (1 s)" in line
    assert "inconclusive" not in line
    assert "The best known optimum was reached by a in " in line
    assert "in no run of the others" in line


def test_noise_is_called_inconclusive_with_the_seeds_it_would_take(rng):
    runs = _runs({"a": rng.normal(-100, 50, 10), "b": rng.normal(-101, 50, 10)})
    (line,) = verdict(runs)
    assert ": inconclusive. " in line
    assert "seeds needed" in line


def test_two_equal_starts_are_seldom_declared_different():
    # Under equality the interval of one pair misses 0 in 5 % of cases, plus the shortfall of its coverage (3
    # points): over 200 tables more than 8 % + 3 standard errors (1.9 points each) would be wrong.
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(200):
        _, others = standings(_runs({"a": rng.normal(size=10) * 9, "b": rng.normal(size=10) * 9}))
        wrong += any(other.verdict == "worse" for other in others.values())
    assert wrong / 200 <= 0.08 + 3 * 0.019


def test_equal_ends_are_level_and_the_cheaper_is_named():
    (line,) = verdict(_runs({"a": [-50.0] * 6, "b": [-50.04] * 6}, seconds={"a": 2.0, "b": 0.5}))
    assert "all starts reach the same optimum" in line
    assert "b takes 0.5 s" in line
    assert "the cheapest" in line


def test_starts_whose_runs_agree_seed_by_seed_in_different_optima_reach_no_one_optimum():
    ends = np.array([-10.0, -10.0, -20.0, -30.0, -20.0])
    (text,) = verdict(_runs({"a": ends, "b": ends}))
    assert "all starts come to the same level" in text
    assert "a in 2 of 5 runs and b in 2 of 5 runs" in text


def test_two_level_and_one_behind():
    (line,) = verdict(
        _runs({"a": [-50.0] * 6, "b": [-50.04] * 6, "c": [-90.0, -91, -92, -93, -94, -95]})
    )
    assert "a and b reach the same optimum" in line
    assert "a beats c by " in line


def test_few_seeds_are_not_enough():
    (line,) = verdict(_runs({"a": [-50.0, -50.5], "b": [-70.0, -75.0]}))
    assert "inconclusive" in line
    assert "22.2 nats on average): it takes 5 at least" in line


def test_failures_and_a_lonely_strategy_are_told():
    (line,) = verdict(_runs({"a": [-50.0] * 6, "b": [0.0] * 6}, failed=["b"]))
    assert "no other strategy to compare with" in line
    assert "Failed: b in 6 of 6 runs" in line


def _flaky(rng):
    """Ends of a start that is worse on every seed it finishes, and fails on the hard ones."""
    hard = np.repeat([0.0, -400.0], [6, 4])
    sure = hard + rng.normal(size=10)
    return {"flaky": np.where(hard < 0, np.nan, sure - 26.0 + rng.normal(size=10)), "sure": sure}


def test_a_start_that_fails_on_hard_seeds_is_not_crowned_for_the_easy_ones(rng):
    ends = _flaky(rng)
    assert np.nanmean(ends["flaky"]) > ends["sure"].mean()
    runs = _runs(ends)
    leader, others = standings(runs)
    assert leader == "sure"
    assert others["flaky"].verdict == "worse"
    (line,) = verdict(runs)
    assert line.startswith("data: sure has the highest mean objective, -")
    assert "sure beats flaky by 2" in line
    assert (
        "Failed: flaky in 4 of 10 runs; differences are over the seeds that both finished." in line
    )


def test_a_leader_that_fails_is_said_to():
    (line,) = verdict(
        _runs({"a": [1.0, 2, 3, 4, 5, 6, np.nan], "b": [-50.0, -51, -52, -53, -54, -57, -56]})
    )
    assert "a has the highest mean objective, 3.5 over the 6 of 7 runs that did not fail." in line


def test_the_order_is_that_of_the_means_and_ties_go_to_the_start_that_fails_less(rng):
    values = pd.DataFrame(rng.normal(size=(9, 6)), columns=list("abcdef"))
    assert ranking(values) == values.mean().sort_values(ascending=False).index.tolist()
    assert ranking(pd.DataFrame({"a": [3.0, np.nan], "b": [3.0, 1.0], "c": [np.nan] * 2})) == [
        "b",
        "a",
    ]
    assert ranking(pd.DataFrame({"a": [3.1, np.nan], "b": [3.0, 1.0]}), tolerance=0.5) == ["b", "a"]
    assert ranking(pd.DataFrame({"a": [3.1, np.nan], "b": [3.0, 1.0]})) == ["a", "b"]
    assert ranking(pd.DataFrame({"a": [np.nan], "b": [np.nan]})) == []


def test_summary_verdict_and_held_out_part_rank_alike(rng):
    ends = _flaky(rng)
    runs = _runs(ends).assign(gap=0.0)
    runs["score_test"] = runs["objective_final"] / 100
    table = summarise(runs)
    assert table["strategy"].tolist() == ["sure", "flaky"]
    np.testing.assert_allclose(table["difference"], [0.0, np.nanmean(ends["sure"] - ends["flaky"])])
    assert "held-out" not in verdict(runs)[0]


def test_a_score_that_failed_is_told_and_costs_no_place():
    runs = _runs({"a": [-50.0] * 6, "b": [-90.0] * 6})
    runs.loc[runs["strategy"] == "a", "error_type"] = "ZeroDivisionError"
    (line,) = verdict(runs)
    assert "a has the highest mean objective" in line
    assert "A score could not be computed: a in 6 of 6 runs." in line
    assert "Failed" not in line


def test_data_sets_are_counted_and_never_pooled(rng):
    noise = rng.normal(size=8)
    runs = pd.concat(
        [
            _runs({"a": -100 + noise, "b": -150 - noise}, "one"),
            _runs({"a": -300 + noise, "b": -200 - noise}, "two"),
            _runs({"a": -100 + 20 * noise, "b": -100 - 20 * noise}, "three"),
        ]
    )
    lines = verdict(runs)
    assert len(lines) == 4
    assert lines[-1] == (
        "over all 3 comparisons: a wins 1, b wins 1 and 1 has no single winner. "
        "Each speaks for its own data only."
    )


def test_runs_cut_short_and_held_out_preferences_are_told(rng):
    runs = _runs({"a": -100 + rng.normal(size=8), "b": -150 + rng.normal(size=8)})
    runs["score_test"] = np.where(runs["strategy"] == "b", -3.9, -4.0) + 0.001 * rng.normal(size=16)
    runs.loc[0, "status"] = "not_converged"
    (line,) = verdict(runs)
    assert "On the held-out part b is better than a, by 0.0995 (95 % interval " in line
    assert "1 of 16 runs ended before converging." in line


@pytest.mark.parametrize(
    ("seconds", "text"), [(2e-5, "0.02 ms"), (0.05, "50 ms"), (2.34, "2.3 s"), (125.0, "125 s")]
)
def test_times_are_readable(seconds, text):
    (line,) = verdict(
        _runs({"a": [-50.0] * 5, "b": [-90.0] * 5}, seconds={"a": seconds, "b": 999.0})
    )
    assert f"a takes {text} and 10 iterations" in line


def _with_agreement(ends, starts, agreement):
    runs = _runs({"a": ends})
    return runs.assign(start=starts, agreement=agreement)


def test_ends_that_are_as_good_from_other_starts_have_the_same_states_or_not():
    same = _with_agreement([-10.0, -10.1, -20.0], [1, 2, 3], [0.98, 0.98, np.nan])
    (line,) = verdict(same)
    assert (
        "Those that reach it from different starts have the same states (adjusted Rand index 0.98 on "
        "average)." in line
    )
    (line,) = verdict(same.assign(agreement=[0.6, 0.6, np.nan]))
    assert (
        "do not have the same states (adjusted Rand index 0.60 on average): the data have several answers "
        "as good." in line
    )


def test_a_start_that_came_twice_is_no_witness_for_itself():
    runs = _with_agreement([-10.0, -10.0, -10.1, -30.0], [1, 1, 2, 3], [0.5, 0.5, 0.5, np.nan])
    (line,) = verdict(runs)
    assert "adjusted Rand index 0.50 on average" in line
    alone = _with_agreement([-10.0, -10.0, -20.0, -30.0], [1, 1, 2, 3], [np.nan] * 4)
    (line,) = verdict(alone)
    assert (
        "One start alone reached it: whether another that does as well has the same states is not known."
        in line
    )


def test_of_runs_without_labels_nothing_is_said_of_states():
    (line,) = verdict(_with_agreement([-10.0, -10.1], [1, 2], [np.nan, np.nan]))
    assert "states" not in line
    (line,) = verdict(_runs({"a": [-10.0, -10.1]}))
    assert "states" not in line
