"""Zeros of what is never negative, counts and rounded numbers are looks at a latent column, and come back as such."""

import numpy as np
import pandas as pd
import pytest
from models.imputation.latent_tables import latent

from tsinit import TBayesMICE
from tsinit.models.imputation import latent_kinds, transforms

QUICK = {"n_tune": 20, "n_draws": 40, "n_chains": 2, "n_imputations": 4, "random_state": 0}
LOOKS = {
    "semicontinuous": lambda z: np.maximum(2.0 * z, 0.0) ** 1.5,
    "count": lambda z: np.rint(np.exp(2.5 + 0.5 * z)),
    "rounded": lambda z: np.rint(4.0 * z - 2.0),
}


def table(kind, seed, T=800):
    """Truth and the same with a fifth missing, column a being a look at the latent one."""
    rng = np.random.default_rng(seed)
    truth = latent(rng, T)
    truth["a"] = LOOKS[kind](truth["a"])
    return truth, truth.mask(rng.random(truth.shape) < 0.2)


@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
@pytest.mark.parametrize("kind", LOOKS)
def test_completed_columns_hold_what_such_columns_can(kind, method):
    _, y = table(kind, 0, 200)
    model = TBayesMICE(method=method, kinds={"a": kind}, **QUICK).fit(y)
    new = y[:60].mask(y[:60]["a"] > y["a"].median())
    for full in [model.transform(y), *model.interval(), *model.impute(4), *model.impute(2, X=new)]:
        a, given = full["a"], y["a"][: len(full)]
        observed = (y if len(full) == len(y) else new)["a"].notna()
        assert (a[observed] == given[observed]).all()
        if kind != "rounded":
            assert a.min() >= 0.0
        if kind != "semicontinuous":
            assert (a == np.rint(a)).all()
    assert model.kinds_.loc["a", "kind"] == kind
    assert model.diagnostics_.loc["a", "kind"] == kind
    assert model.diagnostics_.loc["a", "missing"] == y["a"].isna().sum()
    assert model.diagnostics_.loc["a", "censored"] == 0
    assert model.draws_.shape[2] == y.isna().sum().sum()


def test_zeros_are_drawn_exactly_and_as_often_as_they_are_true():
    truth, y = table("semicontinuous", 3)
    missing = y["a"].isna()
    for method in ("fcs", "var"):
        model = TBayesMICE(
            method=method, kinds={"a": "semicontinuous"}, n_draws=200, random_state=0
        )
        drawn = [full["a"][missing] for full in model.fit(y).impute(20)]
        share = np.mean([(a == 0.0).mean() for a in drawn])
        assert abs(share - (truth["a"] == 0.0).mean()) < 0.05  # of 160 cells
    as_numbers = TBayesMICE(n_draws=50, random_state=0).fit(y).impute(1)[0]["a"][missing]
    assert (as_numbers == 0.0).mean() == 0.0
    assert (as_numbers < 0.0).mean() > 0.1


def scores(kind, method, seed):
    """Error of the share of zeros, coverage of 95 % intervals, and mean and variance over the true ones."""
    truth, y = table(kind, seed)
    missing = y["a"].isna()
    model = TBayesMICE(method=method, kinds={"a": kind}, n_draws=200, random_state=0).fit(y)
    full = [one["a"] for one in model.impute(20)]
    low, high = (side["a"] for side in model.interval())
    zeros = np.mean([(a[missing] == 0.0).mean() for a in full]) - (truth["a"][missing] == 0).mean()
    inside = ((low <= truth["a"]) & (truth["a"] <= high))[missing].mean()
    mean, variance = (np.mean([getattr(a, name)() for a in full]) for name in ("mean", "var"))
    return zeros, inside, mean / truth["a"].mean(), variance / truth["a"].var()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The chains do not agree")
@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
def test_share_of_zeros_over_many_tables(method):
    zeros = np.mean([scores("semicontinuous", method, seed)[0] for seed in range(12)])
    assert abs(zeros) < 0.03


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The chains do not agree")
@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
def test_coverage_of_counts_over_many_tables(method):
    found = np.mean([scores("count", method, seed) for seed in range(12)], axis=0)
    assert 0.93 <= found[1] <= 0.97
    assert abs(found[2] - 1.0) < 0.03


def test_intervals_of_what_was_seen():
    y = np.array([0.0, 2.0, np.nan, 5.0])
    rain, n, rounded = (latent_kinds.looks(kind, y) for kind in LOOKS)
    assert (rain.rows.tolist(), rain.low.tolist(), rain.high.tolist()) == ([0], [-np.inf], [0.0])
    assert (n.low.tolist(), n.high.tolist()) == ([-np.inf, 1.5, 4.5], [0.5, 2.5, 5.5])
    assert (rounded.low.tolist(), rounded.high.tolist()) == ([-0.5, 1.5, 4.5], [0.5, 2.5, 5.5])
    assert not latent_kinds.looks("continuous", y).rows.size


def test_counts_take_the_likeliest_scale(rng):
    z = rng.standard_normal(2000)
    for scale, y in {
        "log": np.exp(1.0 + 0.8 * z),
        "sqrt": np.maximum(4.0 + z, 0.0) ** 2,
        None: 40.0 + 4.0 * z,
    }.items():
        seen = latent_kinds.intervals("count", np.rint(y))
        assert latent_kinds.estimate("count", seen, "auto").kind == scale


def test_a_drawn_count_is_the_nearest_whole_number():
    whole = transforms.Transform("log", 1.0, 1.0, 0.0, 1.0, lower=0.0, whole=True)
    back = whole.back(np.log([0.2, 0.6, 1.4, 7.6]))
    assert back.tolist() == [0.0, 1.0, 1.0, 8.0]


def test_dtypes_of_counts_and_limits_beside_zeros():
    _, y = table("count", 1, 200)
    y = y.astype({"a": "Int64"})
    full = TBayesMICE(kinds={"a": "count"}, **QUICK).fit(y).impute(1)[0]
    assert full["a"].dtype == "Int64"
    assert full["a"].min() >= 0
    _, y = table("semicontinuous", 1, 200)
    high = y["a"].quantile(0.9)
    model = TBayesMICE(kinds={"a": "semicontinuous"}, censored={"a": (None, high)}, **QUICK).fit(y)
    for full in model.impute(2):
        assert (full["a"][y["a"] >= high] >= high).all()
        assert (full["a"][y["a"] == 0] == 0).all()


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("count", -1.0, "A column of kind 'count' must hold no negative value; got -1"),
        ("count", 1.5, "A column of kind 'count' must hold whole numbers; got 1.5"),
        ("rounded", 0.5, "A column of kind 'rounded' must hold whole numbers; got 0.5"),
        ("semicontinuous", -0.5, "A column of kind 'semicontinuous' must hold no negative value"),
    ],
)
def test_values_that_a_kind_cannot_have_are_refused(kind, value, message):
    _, y = table(kind, 0, 60)
    model = TBayesMICE(kinds={"a": kind}, **QUICK).fit(y)
    y.loc[5, "a"] = value
    with pytest.raises(ValueError, match=message):
        TBayesMICE(kinds={"a": kind}, **QUICK).fit(y)
    with pytest.raises(ValueError, match=message):
        model.transform(pd.concat([y, y], ignore_index=True))
