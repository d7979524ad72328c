"""Restarts and targets, against enumeration, simulation and SciPy."""

import math

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills, Walker
from reference import comparison as twin

from tsinit.comparison import compare
from tsinit.comparison.analysis import restarts, statistics, targets

X = np.zeros((40, 2))


@pytest.fixture(scope="module")
def result():
    return compare(Hills(), X, ["wide", "right", "fixed"], n_seeds=9, progress=False)


@pytest.mark.parametrize("n_failed", [0, 1, 3])
def test_expected_best_is_that_of_all_choices(rng, n_failed):
    ends = rng.normal(size=8).round(1)
    ends[:n_failed] = np.nan
    for r in range(1, 9):
        assert restarts.expected_best(ends, r) == pytest.approx(
            twin.expected_best(ends, r), abs=1e-12
        )
    assert math.isnan(restarts.expected_best([np.nan, np.nan], 1))


def test_chance_of_a_success_is_that_of_all_choices():
    good = [True, False, False, True, False, False, False]
    for r in range(1, 8):
        assert restarts.chance_of_success(2, 7, r) == pytest.approx(
            twin.chance_of_success(good, r), abs=1e-12
        )


def test_best_of_lists_every_number_of_restarts(result):
    table = result.best_of()
    assert len(table) == 3 * 9
    wide = table[table["strategy"] == "wide"].set_index("r")
    runs = result.runs[result.runs["strategy"] == "wide"]
    assert wide.loc[1, "expected_best"] == pytest.approx(runs["objective_final"].mean())
    assert wide.loc[9, "expected_best"] == runs["objective_final"].max()
    assert (np.diff(wide["expected_best"]) >= -1e-9).all()
    assert wide.loc[1, "hit"] == pytest.approx((runs["optimum"] == 1).mean())
    assert wide.loc[4, "seconds"] == pytest.approx(
        4 * (runs["init_seconds"] + runs["fit_seconds"]).mean()
    )
    assert set(result.best_of(3)["r"]) == {3}
    assert (table["gap_low"] <= table["expected_gap"]).all()
    assert (table["expected_gap"] <= table["gap_high"]).all()
    assert (table["gap_low"] >= -1e-9).all()


def _runs(ends, seconds):
    """Runs with given ends; optimum 1 is within half a nat of the best."""
    best = max(max(values) for values in ends.values())
    return pd.DataFrame(
        [
            {"run_id": f"{s}{i}", "dataset": "d", "model": "m", "strategy": s, "replicate": i, "status": "ok",
             "objective_final": end, "optimum": 1 if end > best - 0.5 else 2, "start": f"{s}{i}",
             "init_seconds": 0.0, "fit_seconds": seconds[s]}
            for s, values in ends.items() for i, end in enumerate(values)
        ]
    )  # fmt: skip


def test_the_recommendation_depends_on_the_budget():
    # "lucky" is cheap and hits in one run of three; "sure" costs six times as much and always hits.
    runs = _runs(
        {"lucky": [-50.0, -90.0, -90.0] * 4, "sure": [-50.0] * 12}, {"lucky": 1.0, "sure": 6.0}
    )
    small, large = (restarts.recommend(runs, seconds).iloc[0] for seconds in (5.0, 20.0))
    assert (small["strategy"], small["r"]) == ("lucky", 5)
    assert (large["strategy"], large["r"]) == ("sure", 1)  # six of "lucky" may all miss
    assert large["advice"].startswith(
        "One run of sure (6 s): expected objective -50.0, reaches the best known optimum with"
    )
    nothing = restarts.recommend(runs, 0.5).iloc[0]
    assert (nothing["strategy"], nothing["r"]) == ("lucky", 1)
    assert nothing["advice"].startswith(
        "The budget is too small for any run; the cheapest is one run of lucky"
    )


def test_optima_are_counted_by_start(result):
    table = result.optima()
    runs = result.runs
    for row in table.itertuples():
        own = runs[(runs["strategy"] == row.strategy) & (runs["optimum"] == row.optimum)]
        assert row.n_runs == len(own)
        assert row.share == len(own) / 9
    assert table["n_runs"].sum() == len(runs)
    assert table.loc[table["optimum"] == 1, "objective"].iloc[0] == runs["objective_final"].max()


def test_the_arrival_curve_is_that_of_scipy(rng):
    from scipy.stats import CensoredData, ecdf

    times, reached = rng.integers(1, 12, 40).astype(float), rng.random(40) < 0.6
    ours = targets.arrival_curve(times, reached)
    theirs = ecdf(CensoredData.right_censored(times, ~reached)).cdf
    for t, share in zip(*ours, strict=True):
        assert share == pytest.approx(theirs.evaluate(t), abs=1e-12)


def test_a_run_that_converged_elsewhere_is_not_taken_for_one_that_was_stopped():
    times, reached = np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, False, False, True])
    np.testing.assert_allclose(targets.arrival_curve(times, reached)[1], [0.25, 1.0])
    times[1:3] = np.inf
    np.testing.assert_allclose(targets.arrival_curve(times, reached)[1], [0.25, 0.5])
    assert targets.median_time(times, reached) == 3.0


def test_expected_time_is_that_of_runs_in_a_row(rng):
    times, reached = (
        np.array([3.0, 8.0, 8.0, 1.0, 8.0]),
        np.array([True, False, False, True, False]),
    )
    mean, error = twin.running_time(rng, times, reached, 40_000)
    expected = targets.running_time_interval(times, reached)
    assert abs(expected.estimate - mean) < 4 * error
    assert expected.low < expected.estimate < expected.high
    never = targets.running_time_interval(times, np.zeros(5, dtype=bool))
    assert never.estimate == never.high == math.inf
    # Wilson's upper limit of 0 successes in 5 runs is 0.434: (1 - p) / p failures and a success, each 5.6 on average.
    assert never.low == pytest.approx(5.6 / 0.4345, rel=1e-3)


def test_a_certain_success_costs_what_a_run_costs():
    expected = targets.running_time_interval(np.full(9, 2.0), np.ones(9, dtype=bool))
    assert expected.estimate == expected.low == 2.0
    assert expected.high == pytest.approx(2.0 / statistics.wilson(9, 9).low)


@pytest.mark.parametrize(
    "n", [10, pytest.param(5, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.slow)]
)
def test_the_interval_of_the_running_time_covers_what_it_says(n):
    # Counts are whole, so coverage jumps with the rate: nominal within 3 points on average over rates.
    rng, covered, rates = np.random.default_rng(3), [], (0.1, 0.3, 0.5, 0.7, 0.9)
    for p in rates:
        for spread, dearer in ((0.0, 1.0), (0.5, 2.0), (1.0, 0.5)):
            truth = 1.0 + (1 - p) / p * dearer
            for _ in range(60):
                reached = rng.random(n) < p
                noise = rng.gamma(1 / spread**2, spread**2, n) if spread else np.ones(n)
                _, low, high = targets.running_time_interval(
                    np.where(reached, 1.0, dearer) * noise, reached
                )
                covered.append(low - 1e-9 <= truth <= high + 1e-9)
    error = math.sqrt(0.05 * 0.95 / len(covered))
    assert abs(np.mean(covered) - 0.95) < 0.03 + 3 * error


def test_the_interval_of_the_best_of_two_ends_is_that_of_the_hit_rate(rng):
    # 3 of 10 runs end at 0 and 7 at -50: the best of r misses with probability (1 - p)^r.
    ends = rng.permutation([0.0] * 3 + [-50.0] * 7)
    _, low_rate, high_rate = statistics.wilson(3, 10)
    for r in (1, 2, 5):
        low, high = restarts.best_of_interval(ends, r, -50.0, 0.0)
        assert low == pytest.approx(-50.0 * (1 - low_rate) ** r)
        assert high == pytest.approx(-50.0 * (1 - high_rate) ** r)


def test_the_interval_of_the_best_holds_the_estimate_also_where_runs_failed(rng):
    for n_failed in (0, 2, 5):
        ends = rng.normal(size=9)
        ends[:n_failed] = np.nan
        low, high = restarts.best_of_interval(ends, 1, np.nanmin(ends), np.nanmax(ends))
        assert low < restarts.expected_best(ends, 1) < high
    assert all(map(math.isnan, restarts.best_of_interval([np.nan], 1, 0.0, 1.0)))


ENDS = {
    "plateau": lambda rng, n: np.where(rng.random(n) < 0.3, 0.0, rng.normal(-50.0, 10.0, n)),
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: -rng.exponential(size=n),
    "levels": lambda rng, n: rng.choice([0.0, -10.0, -100.0], n, p=[0.1, 0.4, 0.5]),
}


@pytest.mark.parametrize(
    "n", [10, pytest.param(20, marks=pytest.mark.slow), pytest.param(50, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", ENDS)
def test_the_interval_of_the_best_covers_at_least_what_it_says(kind, n):
    # Up to half the number of runs; two other starts tell the range. At least nominal less 3 points; it is cautious.
    rng, draw = np.random.default_rng(5), ENDS[kind]
    for r in (1, 3, n // 2):
        truth = draw(rng, (20_000, r)).max(axis=1).mean()
        covered = []
        for _ in range(200):
            known = draw(rng, 3 * n)
            low, high = restarts.best_of_interval(known[:n], r, known.min(), known.max())
            covered.append(low <= truth <= high)
        assert np.mean(covered) > 0.92 - 3 * math.sqrt(0.05 * 0.95 / 200)


def test_times_to_the_target_are_those_of_the_traces(result):
    times = targets.reach_times(result.runs, result.traces)
    runs = result.runs.set_index("run_id")
    assert (times.set_index("run_id")["reached"] == (runs["optimum"] == 1)).all()
    for row in times.itertuples():
        trace = result.traces[result.traces["run_id"] == row.run_id].reset_index(drop=True)
        if row.reached:
            at = np.argmax(trace["objective"] >= row.target)
            assert row.iterations == trace["iteration"][at]
            assert row.seconds == runs.loc[row.run_id, "init_seconds"] + trace["seconds"][at]
        else:
            assert row.iterations == trace["iteration"].iloc[-1]
            assert row.never  # all runs converged
    table = result.to_target().set_index("strategy")
    assert table.loc["wide", "n_reached"] == (times[times["strategy"] == "wide"]["reached"]).sum()
    summary = result.summary().set_index("strategy")
    for name in ("expected_seconds", "expected_seconds_low", "expected_seconds_high"):
        assert summary[name].to_dict() == table[name].to_dict()
    nowhere = result.to_target(1e9)
    assert nowhere["median_seconds"].isna().all()
    assert np.isinf(nowhere["expected_seconds"]).all()
    assert (result.to_target({"data": 0.0})["n_reached"] > 0).all()


def test_failed_runs_cost_time_and_reach_nothing():
    with pytest.warns(UserWarning, match="runs failed"):
        result = compare(Hills(), X, ["wide", "singular"], n_seeds=4, progress=False)
    table = result.to_target().set_index("strategy")
    assert table.loc["singular", "n_reached"] == 0
    assert math.isnan(result.best_of(1).set_index("strategy").loc["singular", "expected_best"])
    assert result.recommend(100.0)["strategy"].tolist() == ["wide"]


def test_samplers_are_not_restarted_for_a_high_density():
    result = compare(
        Walker(), np.ones((5, 1)), {"a": lambda y, rng: rng.random(5)}, n_seeds=2, progress=False
    )
    for ask in (result.best_of, result.to_target, lambda: result.recommend(1.0)):
        with pytest.raises(ValueError, match="got samplers only"):
            ask()
    assert result.optima().empty


@pytest.mark.parametrize(("r", "seconds"), [(0, 1.0), (1, -1.0)])
def test_numbers_asked_for_are_checked(result, r, seconds):
    with pytest.raises(ValueError, match="must be a"):
        (result.best_of(r), result.recommend(seconds))


def test_a_start_without_chance_has_no_interval():
    result = compare(Hills(), np.zeros((40, 2)), ["fixed", "wide"], n_seeds=4, progress=False)
    table = result.best_of().set_index(["strategy", "r"]).loc["fixed"]
    assert (table["gap_low"] == table["expected_gap"]).all()
    assert (table["gap_high"] == table["expected_gap"]).all()
