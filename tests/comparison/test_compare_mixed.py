"""When chains agree, and fillings against a complete table: by hand, by simulation, on the imputer itself."""

import math

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Walker

from tsinit import LinearGaussianSSM, TBayesMICE, compare
from tsinit.comparison.analysis import over_datasets
from tsinit.comparison.analysis.summary import mixed_median
from tsinit.comparison.plan import fillings
from tsinit.comparison.run.convergence import MOST_RHAT, mixed_after, scalars
from tsinit.result import rhat


def test_chains_agree_from_where_r_hat_stays_below(rng):
    chains = rng.normal(size=(4, 2000))
    chains[:, :150] += np.array([0.0, 5.0, 10.0, 15.0])[:, None]  # apart until 150
    found = mixed_after([chains])
    assert (
        280 <= found < 2000
    )  # the second half of what there is must have left all but a few of them behind
    assert rhat(chains[:, (found + 1) // 2 : found]) < MOST_RHAT
    assert mixed_after([rng.normal(size=(4, 2000))]) < found
    apart = chains + np.arange(4)[:, None]
    assert mixed_after([apart]) is None
    assert mixed_after([chains, apart]) is None  # the worst scalar decides
    assert mixed_after([chains[:1]]) is None  # one chain has nobody to agree with
    assert mixed_after([]) is None


class Pair(Walker):
    """Tells of two chains."""

    def fit_under(self, monitor, X, lengths=None):
        super().fit_under(monitor, X, lengths=lengths)
        rng = np.random.default_rng(self.random_state.spawn_key)
        far = 30.0 * float(self.start_.mean() > 10) * np.exp(-0.02 * np.arange(2001))
        self.trace_ = {"x": rng.normal(size=(2, 2001)) + np.stack([far, -far])}
        return self


def test_a_start_that_costs_iterations_is_found_out():
    def near(y, rng):
        return rng.integers(0, 2, len(y))

    def far(y, rng):
        return rng.integers(50, 60, len(y))

    X = np.zeros((10, 1))
    data = {f"d{i}": X + i for i in range(6)}
    result = compare(Pair(), data, {"far": far, "near": near}, n_seeds=6, progress=False)
    medians = result.summary().groupby("strategy")["median_n_mixed"].median()
    assert medians["near"] < medians["far"]
    row = result.across("n_mixed").iloc[0]
    assert (row["strategy"], row["rival"]) == ("far", "near")
    assert row["low"] > 0  # more iterations ...
    assert row["p_worse"] > 0.95  # ... are worse
    assert result.mean_ranks("n_mixed").ranks.index[0] == "near"
    assert "R-hat stays below 1.01 soonest from near, after" in result.verdict()
    assert "iterations until" in result.summary_text()


def test_a_run_that_never_agrees_counts_with_all_its_iterations():
    mixed = pd.array([20, None, None], "Int64")
    runs = pd.DataFrame({"dataset": "d", "model": "m", "strategy": "a", "replicate": range(3), "status": "ok",
                         "objective_final": 0.0, "n_iter": 100, "n_mixed": mixed})  # fmt: skip
    assert over_datasets._complete(runs, "n_mixed")["n_mixed"].tolist() == [20, 100, 100]
    assert mixed_median(runs)["a"] == math.inf


def test_the_crps_of_a_normal_is_that_of_its_draws(rng):
    from tsinit.metrics import crps

    error, spread = np.array([0.3, -2.0, 0.0]), np.array([1.0, 0.5, 0.0])
    draws = spread * rng.normal(size=(20_000, 3))
    for i, value in enumerate(fillings._normal_crps(error, spread)):
        assert value == pytest.approx(crps(error[i : i + 1], draws[:, i : i + 1]), abs=0.02)


@pytest.mark.parametrize(
    "model", [LinearGaussianSSM(1, max_iter=5), TBayesMICE(n_tune=20, n_draws=60, n_chains=2)]
)
def test_fillings_are_scored_by_what_the_model_says(model, rng):
    full = rng.normal(size=(80, 2)).cumsum(axis=0)
    holes = np.where(rng.random(full.shape) < 0.15, np.nan, full)
    strategy = "linear" if isinstance(model, TBayesMICE) else "uniform"
    result = compare(model, holes, [strategy], n_seeds=1, truth=full, progress=False)
    assert result.errors.empty
    run, cells = result.runs.iloc[0], np.isnan(holes)
    fitted = result.rerun(run["run_id"])
    mean = fitted.transform(holes) if isinstance(model, TBayesMICE) else fitted.impute(holes)
    assert run["score_rmse"] == pytest.approx(np.sqrt(np.mean((mean - full)[cells] ** 2)))
    assert 0.0 < run["score_crps"] < run["score_rmse"]
    assert 0.5 < run["score_coverage"] <= 1.0
    assert len(scalars(fitted)) == (7 if isinstance(model, TBayesMICE) else 0)
