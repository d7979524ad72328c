"""When the chains of a run agree: by hand and by simulation."""

import math

import numpy as np
import pandas as pd
from comparison.fake_model import Walker

from tsinit import compare
from tsinit.comparison.analysis import over_datasets
from tsinit.comparison.analysis.summary import median_n_mixed
from tsinit.comparison.run.convergence import MAX_RHAT, mixed_after
from tsinit.result import rhat


def test_chains_agree_from_where_r_hat_stays_below(rng):
    chains = rng.normal(size=(4, 2000))
    chains[:, :150] += np.array([0.0, 5.0, 10.0, 15.0])[:, None]  # apart until 150
    found = mixed_after([chains])
    assert (
        280 <= found < 2000
    )  # the second half of what there is must have left all but a few of them behind
    assert rhat(chains[:, (found + 1) // 2 : found]) < MAX_RHAT
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
    assert median_n_mixed(runs)["a"] == math.inf
