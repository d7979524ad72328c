"""Limits of detection and intervals: completed tables lie where they must, and are as uncertain as they should be."""

import numpy as np
import pandas as pd
import pytest
from models.imputation.latent_tables import latent

from tsinit import TBayesMICE

QUICK = {"n_tune": 20, "n_draws": 40, "n_chains": 2, "n_imputations": 4, "random_state": 0}


@pytest.fixture(scope="module")
def frame():
    """A lognormal column with a third of its values below a limit, which stands for them, and gaps."""
    rng = np.random.default_rng(1)
    y = latent(rng, 240)
    y["a"] = np.exp(0.5 * y["a"])
    y = y.mask(rng.random(y.shape) < 0.1)
    y.loc[y["a"] < 0.8, "a"] = 0.8
    return y


def tables_of(model, X, **given):
    return [model.transform(X, **given), *model.interval(0.9), *model.impute(4)]


@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
@pytest.mark.parametrize("transform", ["auto", None, "log"])
def test_values_beyond_a_limit_are_drawn_from_there_and_all_others_stay(frame, method, transform):
    limits = {"a": (0.8, None), "b": (None, 1.5)}
    given = {"a": "log"} if transform == "log" else transform
    model = TBayesMICE(method=method, censored=limits, transforms=given, **QUICK).fit(frame)
    below, above = frame["a"] == 0.8, frame["b"] >= 1.5
    hidden = frame.isna()
    hidden["a"] |= below
    hidden["b"] |= above
    for table in tables_of(model, frame):
        assert (table["a"][below] <= 0.8).all()
        assert (table["b"][above] >= 1.5).all()
        assert (table[~hidden].eq(frame) | hidden).all(axis=None)
        assert not table.isna().any(axis=None)
    draws, cells = model.draws_, model.posterior_.cells
    of_limit = [below[row] and column == 0 for row, column in cells]
    assert draws[..., of_limit].max() <= 0.8
    assert np.unique(draws[..., of_limit]).size > 1000
    found = model.diagnostics_
    assert found.loc["a", "censored"] == below.sum()
    assert found.loc["a", "missing"] == hidden["a"].sum()
    assert found.loc["b", "censored"] == above.sum()
    posterior = model.posterior_
    assert posterior.column_draws(0, np.flatnonzero(below)).max() <= 0.8
    assert posterior.column_quantiles(0, [0.1, 0.9], np.flatnonzero(below)).max() <= 0.8


def test_intervals_of_cells_are_the_same_as_limits_of_their_column(frame):
    below = frame["a"] == 0.8
    X = frame.mask(below.to_frame("a").reindex(columns=frame.columns, fill_value=False))
    upper = pd.DataFrame({"a": np.where(below, 0.8, np.nan)})
    by_limit = TBayesMICE(censored={"a": (0.8, None)}, **QUICK)
    by_cell = TBayesMICE(**QUICK)
    full = by_limit.fit_transform(frame)
    pd.testing.assert_frame_equal(by_cell.fit_transform(X, between=(None, upper)), full)
    pd.testing.assert_frame_equal(
        by_cell.transform(X), full
    )  # the rows of the fit need not be told of again
    whole = upper.reindex(columns=frame.columns).to_numpy()
    array = TBayesMICE(**QUICK).fit(X.to_numpy(), between=(None, whole))
    np.testing.assert_array_equal(array.transform(X.to_numpy()), full.to_numpy())


def test_cells_between_two_ends(frame):
    lower = frame.where(np.random.default_rng(0).random(frame.shape) < 0.2)
    X, upper = frame.mask(lower.notna()), lower + 0.3
    model = TBayesMICE(**QUICK).fit(
        [X[:120], X[120:]], between=([lower[:120], lower[120:]], [upper[:120], upper[120:]])
    )
    told = lower.notna().to_numpy()
    for tables in tables_of(model, [X[:120], X[120:]]):
        table = np.concatenate(tables)
        assert (table[told] >= lower.to_numpy()[told]).all()
        assert (table[told] <= upper.to_numpy()[told]).all()
    assert model.diagnostics_["censored"].sum() == told.sum()


@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
def test_new_rows_are_completed_within_their_limits(frame, method):
    model = TBayesMICE(method=method, censored={"a": (0.8, None)}, **QUICK).fit(frame)
    new = frame[60:100].reset_index(drop=True)
    table, below = model.transform(new), new["a"] == 0.8
    assert (table["a"][below] <= 0.8).all()
    assert table["a"][below].nunique() == below.sum()
    same = model.transform(frame)[60:100].reset_index(drop=True)
    assert np.abs(table["a"] - same["a"])[below].max() < 0.15
    other = new.mask(new["b"] > 1.0)
    lower = pd.DataFrame({"b": np.where(new["b"] > 1.0, 1.0, np.nan)})
    told = model.transform(other, between=(lower, None))
    assert (told["b"][new["b"] > 1.0] >= 1.0).all()


def test_bounds_hold_on_the_other_side(frame):
    model = TBayesMICE(
        censored={"a": (0.8, None)}, bounds={"a": (0.5, None)}, transforms=None, **QUICK
    )
    X = frame.mask(frame["a"] < 0.5)
    below = X["a"] == 0.8
    for table in tables_of(model.fit(X), X):
        assert table["a"][below].between(0.5, 0.8).all()


def test_gaps_that_stay_open_end_at_a_censored_value(frame):
    X = frame.copy()
    X.loc[100:109, "a"] = np.nan
    X.loc[104, "a"] = 0.8
    model = TBayesMICE(censored={"a": (0.8, None)}, max_gap=5, **QUICK).fit(X)
    full = model.transform(X)["a"]
    assert full[100:110].notna().all()
    assert full[104] < 0.8


def test_whole_numbers_at_a_limit_are_replaced_too():
    rng = np.random.default_rng(0)
    y = pd.DataFrame({"n": np.maximum(np.rint(20 + 6 * latent(rng, 150)["a"]), 15).astype(int)})
    model = TBayesMICE(censored={"n": (15, None)}, transforms=None, **QUICK).fit(y)
    full = model.impute(1)[0]["n"]
    assert full.dtype == y["n"].dtype
    assert full[y["n"] == 15].nunique() > 3
    assert (full[y["n"] > 15] == y["n"][y["n"] > 15]).all()


def scores(y, truth, limit, method):
    model = TBayesMICE(method=method, censored={"a": (limit, None)}, random_state=0).fit(y)
    full = [table["a"] for table in model.impute(20)]
    mean, variance = (np.mean([getattr(a, name)() for a in full]) for name in ("mean", "var"))
    low, high = model.interval()
    inside = ((low <= truth) & (truth <= high))["a"][(y["a"] == limit) | y["a"].isna()]
    return mean / truth["a"].mean(), variance / truth["a"].var(), inside.mean()


def problems(n):
    for seed in range(n):
        rng = np.random.default_rng(seed)
        truth = latent(rng, 800)
        truth["a"] = np.exp(0.5 * truth["a"])
        limit = truth["a"].quantile(0.3)
        y = truth.copy()
        y.loc[y["a"] < limit, "a"] = limit
        yield y.mask(rng.random(y.shape) < 0.1), truth, limit


def test_moments_below_a_limit_and_coverage():
    """A third of the way: half the limit, the usual habit, gets the variance wrong by a tenth."""
    y, truth, limit = next(problems(1))
    for method in ("fcs", "var"):
        mean, variance, coverage = scores(y, truth, limit, method)
        assert abs(mean - 1.0) < 0.03
        assert abs(variance - 1.0) < 0.03
        assert 0.9 < coverage < 0.98
    habit = y["a"].mask(y["a"] == limit, limit / 2)
    assert habit.var() / truth["a"].var() > 1.06


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The chains do not agree")
@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
def test_moments_below_a_limit_over_many_tables(method):
    found = np.array([scores(*problem, method) for problem in problems(12)])
    mean, variance, coverage = found.mean(axis=0)
    assert abs(mean - 1.0) < 0.03
    assert abs(variance - 1.0) < 0.03
    assert 0.93 < coverage < 0.97


WRONG = [
    ({"censored": [0.8]}, {}, "censored must be a dict of column name"),
    ({"censored": {"q": (0.8, None)}}, {}, "censored must name columns of X"),
    ({"censored": {"a": 0.8}}, {}, r"censored\['a'\] must be a pair"),
    ({"censored": {"a": ("0.8", None)}}, {}, r"censored\['a'\] must hold numbers"),
    ({"censored": {"a": (2.0, 1.0)}}, {}, r"censored\['a'\] must have a lower limit below"),
    ({"censored": {"a": (99.0, None)}}, {}, "at least two different values within the limits"),
    ({}, {"between": 3.0}, "between must be a pair of tables"),
    ({}, {"between": (None, "wide")}, "between must hold tables in the form of X"),
    ({}, {"between": (None, "short")}, "must have rows and columns of X; got other rows"),
    ({}, {"between": (None, "named")}, "must have rows and columns of X; got a column 'q'"),
    ({}, {"between": (None, "beside")}, "between must stand beside missing cells of X; got a value in row"),
    ({}, {"between": ("empty", "empty")}, "between must have lower ends below the upper ones"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "given", "message"), WRONG)
def test_what_cannot_be_is_refused_in_a_sentence(frame, change, given, message):
    missing = frame["a"].isna()
    made = {
        "wide": frame.to_numpy(),
        "short": frame[:10],
        "named": pd.DataFrame({"q": frame["a"]}),
        "beside": pd.DataFrame({"a": np.where(missing, np.nan, 9.0)}),
        "empty": pd.DataFrame({"a": np.where(missing, 1.0, np.nan)}),
    }
    if isinstance(given.get("between"), tuple):
        given = {"between": tuple(made.get(side) for side in given["between"])}
    with pytest.raises(ValueError, match=message):
        TBayesMICE(**QUICK, **change).fit(frame, **given)
