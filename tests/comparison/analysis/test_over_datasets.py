"""Statements over data sets: coverage by simulation, the signed-rank test by baycomp's numbers, ranks by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from comparison.fake_model import Hills
from reference import comparison as twin

from tsinit.comparison import compare
from tsinit.comparison.analysis import over_datasets

X = np.zeros((40, 2))


BETWEEN = {
    "normal": lambda rng, n: rng.normal(0.0, 1.0, n),
    "skewed": lambda rng, n: rng.exponential(1.0, n) - 1.0,
}


def _coverage(n_datasets, n_seeds, between, within, n_tables, seed, shape="normal"):
    rng = np.random.default_rng(seed)
    covered = 0
    for _ in range(n_tables):
        centres = between * BETWEEN[shape](rng, n_datasets)
        _, low, high = over_datasets.hierarchical_difference(
            [rng.normal(c, within, n_seeds) for c in centres]
        )
        covered += low <= 0.0 <= high
    return covered / n_tables


@pytest.mark.parametrize("shape", BETWEEN)
def test_the_interval_over_data_sets_covers_what_it_says(shape):
    # Nominal within 3 points in the long run; three standard errors of a rate near 0.95 over 300 tables are 0.038.
    assert abs(_coverage(10, 8, 1.0, 1.0, 300, 0, shape) - 0.95) < 0.03 + 0.038


@pytest.mark.slow
@pytest.mark.parametrize(("between", "within"), [(1.0, 0.1), (1.0, 1.0), (1.0, 5.0), (0.01, 1.0)])
@pytest.mark.parametrize("shape", BETWEEN)
@pytest.mark.parametrize("n_datasets", [6, 10, 20])
def test_coverage_whatever_varies_more(n_datasets, shape, between, within):
    assert abs(_coverage(n_datasets, 10, between, within, 1000, 1, shape) - 0.95) < 0.03 + 3 * 0.007


def test_few_data_sets_have_a_mean_and_no_interval():
    interval = over_datasets.hierarchical_difference([[1.0, 2.0], [3.0], [4.0, 4.0], []])
    assert interval.estimate == pytest.approx((1.5 + 3.0 + 4.0) / 3)
    assert math.isnan(interval.low)


EIGHT = [0.3, 1.2, -0.4, 2.0, 0.9, 0.1, 1.5, -0.2]
SIX = [-3.0, -1.0, 0.2, 0.4, -2.5, -0.7]
TWELVE = [0.05, -0.02, 0.7, 1.1, -0.6, 0.3, 0.2, -0.9, 0.4, 2.2, -0.1, 0.6]
#: (better, same, worse) of baycomp 1.0.3, SignedRankTest.probs with 200,000 draws.
BAYCOMP = [
    (EIGHT, 0.0, (0.9756, 0.0, 0.0244)),
    (EIGHT, 0.25, (0.9157, 0.0811, 0.0032)),
    (EIGHT, 0.5, (0.6742, 0.3258, 0.0)),
    (SIX, 0.0, (0.0374, 0.0, 0.9626)),
    (SIX, 0.25, (0.0159, 0.0459, 0.9382)),
    (SIX, 0.5, (0.0, 0.2681, 0.7319)),
    (TWELVE, 0.0, (0.9277, 0.0, 0.0723)),
    (TWELVE, 0.25, (0.7322, 0.2275, 0.0404)),
    (TWELVE, 0.5, (0.1329, 0.8670, 0.0001)),
]


@pytest.mark.parametrize(("z", "rope", "theirs"), BAYCOMP)
def test_signed_rank_is_that_of_baycomp(z, rope, theirs):
    # Four standard errors of a share over 50,000 draws, and of theirs over 200,000.
    error = 4 * 0.5 * math.sqrt(1 / 50_000 + 1 / 200_000)
    np.testing.assert_allclose(over_datasets.signed_rank(z, rope), theirs, atol=error)


def test_signed_rank_is_that_of_its_definition(rng):
    twice = twin.signed_rank(SIX, 0.25, 3000, rng)
    np.testing.assert_allclose(
        over_datasets.signed_rank(SIX, 0.25), twice, atol=4 * 0.5 / math.sqrt(3000)
    )


def test_signed_rank_knows_no_side():
    z = np.array(EIGHT)
    there, back = over_datasets.signed_rank(z, 0.1), over_datasets.signed_rank(-z, 0.1)
    np.testing.assert_allclose(there, back[::-1], atol=1e-12)
    assert over_datasets.signed_rank([0.0, 0.0]) == (0.5, 0.0, 0.5)


def _table(n_datasets, lead, rng, strategies=("a", "b", "c")):
    rows = [
        {"dataset": f"d{d}", "model": "m", "strategy": s, "replicate": i, "status": "ok", "optimum": 1,
         "objective_final": -100.0 + lead.get(s, 0.0) + rng.normal(), "score": rng.normal()}
        for d in range(n_datasets) for s in strategies for i in range(5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_pairs_hold_each_data_set_once(rng):
    runs = _table(7, {"a": 20.0}, rng)
    table = over_datasets.pairs_over_datasets(runs).set_index(["strategy", "rival"])
    ends = runs.pivot_table(index="dataset", columns="strategy", values="objective_final")
    row = table.loc[("a", "b")]
    assert row["difference"] == pytest.approx((ends["a"] - ends["b"]).mean())
    assert row["low"] > 15
    assert row["n_datasets"] == 7
    assert row["p_better"] > 0.99
    assert table.loc[("b", "c"), ["p_better", "p_same", "p_worse"]].sum() == pytest.approx(1.0)


def test_mean_ranks_and_critical_difference_by_hand(rng):
    runs = _table(8, {"a": 20.0, "b": 10.0}, rng)
    found = over_datasets.mean_ranks(runs)
    assert found.ranks.to_dict() == {"a": 1.0, "b": 2.0, "c": 3.0}
    # Demšar's table 5a: q = 2.343 for three classifiers.
    assert found.critical_difference == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 8)), abs=1e-3)
    assert found.p_value == pytest.approx(
        math.exp(-8.0), rel=1e-6
    )  # chi-square 16 on 2 degrees of freedom


def test_a_comparison_says_why_it_cannot_answer():
    one = compare(Hills(), X, ["wide", "right"], n_seeds=3, progress=False)
    with pytest.raises(ValueError, match="only further data sets say whether a start is better"):
        one.across()
    with pytest.raises(ValueError, match="Mean ranks must rest on 6 data sets at least; got 1"):
        one.mean_ranks()
    data = {f"d{i}": X + i for i in range(6)}
    six = compare(
        {"m": Hills(), "n": Hills(max_iter=5)}, data, ["wide", "right"], n_seeds=3, progress=False
    )
    assert set(six.across()["model"]) == {"m", "n"}
    assert np.isfinite(six.across(column="score", rope=0.1)["low"]).all()
    with pytest.raises(ValueError, match="model must name the one"):
        six.mean_ranks()
    assert six.mean_ranks(model="m").n_datasets == 6
    with pytest.raises(ValueError, match="column must be one of"):
        six.across(column="gap")
