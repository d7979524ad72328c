"""Rows that are left out of a table are rows of missing values, whatever counts the time, for every model."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, compare
from tsinit._validate import check_series

T = 90
INDEXES = {
    "row numbers": pd.RangeIndex(T),
    "years": pd.Index(np.arange(1600, 1600 + T), name="year"),
    "whole numbers, four apart": pd.Index(np.arange(-12, 4 * T - 12, 4)),
    "floats": pd.Index(np.arange(T) * 0.1 + 2.5),
    "decimal years": pd.Index(np.round(1949 + np.arange(T) / 12, 3)),
    "whole numbers as objects": pd.Index(list(range(T)), dtype=object),
    "days": pd.date_range("2021-03-01", periods=T),
    "periods": pd.period_range("1600", periods=T, freq="Y"),
}


def _wave():
    rng = np.random.default_rng(3)
    level = np.zeros(T)
    for t in range(1, T):
        level[t] = 0.9 * level[t - 1] + rng.normal(scale=0.4)
    y = np.column_stack([level, 0.5 * level]) + 0.2 * rng.standard_normal((T, 2))
    y[rng.random((T, 2)) < 0.05] = np.nan
    return y


Y = _wave()
KEPT = np.r_[0:20, 23:24, 26:60, 64:75, 77:T]
FORMS = ["two levels", "list", "DataArray", "Dataset"]
EACH = [(name, "frame") for name in INDEXES] + [("years", form) for form in FORMS]


def in_form(form, y, index):
    frame = pd.DataFrame(y, index=index, columns=["a", "b"])
    index = index.rename("time")
    if form == "two levels":
        return frame.set_axis(
            pd.MultiIndex.from_arrays([["u"] * len(y), index], names=["site", "t"])
        )
    if form == "list":
        return [frame]
    if form == "DataArray":
        return xr.DataArray(
            y, coords={"time": index, "column": ["a", "b"]}, dims=["time", "column"]
        )
    if form == "Dataset":
        return xr.Dataset(
            {name: ("time", frame[name].to_numpy()) for name in frame}, {"time": index}
        )
    return frame


def gappy():
    y = Y.copy()
    y[np.setdiff1d(np.arange(T), KEPT)] = np.nan
    return y


@pytest.mark.parametrize(("name", "form"), EACH)
def test_the_state_space_model_is_given_missing_rows(name, form):
    index = INDEXES[name]
    model = LinearGaussianSSM(1, random_state=0, max_iter=15)
    by_hand, short = gappy(), in_form(form, Y[KEPT], index[KEPT])
    filled = model.fit(by_hand)
    expected = (
        filled.params_,
        filled.log_likelihood_,
        filled.impute(by_hand),
        filled.forecast(3).means,
    )
    model.fit(short)
    for one, other in zip(model.params_, expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.log_likelihood_ == expected[1]
    imputed = model.impute(short)
    imputed = imputed[0] if form == "list" else imputed
    np.testing.assert_array_equal(imputed.to_numpy(), expected[2][KEPT])
    ahead = model.forecast(3).means
    np.testing.assert_array_equal(ahead.to_numpy(), expected[3])
    for k, label in enumerate(ahead.index, 1):
        if index.dtype.kind == "f":
            assert label == pytest.approx(
                index[0] + (T + k - 1) * (index[-1] - index[0]) / (T - 1), abs=2e-3
            )
        else:
            assert label == index[-1] + k * (index[1] - index[0])
    assert index.dtype == object or ahead.index.dtype == index.dtype


@pytest.mark.parametrize(("name", "form"), EACH)
def test_the_hidden_markov_model_is_given_missing_rows(name, form):
    model = InfiniteHMM(n_draws=5, n_tune=5, n_chains=1, random_state=0)
    by_hand = model.fit(gappy()).labels_
    labels = model.fit(in_form(form, Y[KEPT], INDEXES[name][KEPT])).labels_
    np.testing.assert_array_equal(np.asarray(labels), np.asarray(by_hand)[KEPT])


@pytest.mark.parametrize(("name", "form"), EACH)
def test_the_imputer_counts_the_same_lags_as_by_periods(name, form):
    model = TBayesMICE(n_draws=10, n_tune=5, n_chains=1, random_state=0, period=12.0)
    expected = model.fit(in_form("frame", Y[KEPT], INDEXES["periods"][KEPT])).impute(2)
    steps = model.posterior_.table.steps
    tables = model.fit(in_form(form, Y[KEPT], INDEXES[name][KEPT])).impute(2)
    np.testing.assert_array_equal(model.posterior_.table.steps, steps)
    for table, other in zip(tables, expected, strict=True):
        table = table[0] if form == "list" else table
        np.testing.assert_allclose(table.to_numpy(), other.to_numpy(), rtol=0.2, atol=0.5)


@pytest.mark.parametrize(
    "name", ["years", "whole numbers, four apart", "floats", "decimal years", "days"]
)
def test_other_rows_of_the_imputer_keep_their_place_in_the_season(name):
    index = INDEXES[name]
    model = TBayesMICE(n_draws=5, n_tune=5, n_chains=1, random_state=0, period=12.0)
    model.fit(in_form("frame", Y[KEPT], index[KEPT]))

    def problem(rows):
        panel = check_series(in_form("frame", Y[rows], index[rows]))
        return model.posterior_.scales.problem(
            panel, type(model.posterior_.table).from_panel(panel)
        )

    whole = problem(np.arange(T))
    for rows in ([50, 52, 54], [50], range(40, 60), [50, 51, 57]):
        part = problem(list(rows))
        np.testing.assert_array_equal(part.steps, whole.steps[list(rows)])
        np.testing.assert_allclose(part.covariates, whole.covariates[list(rows)], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    keep=st.lists(st.booleans(), min_size=T, max_size=T),
    start=st.integers(-(10**6), 10**6),
    step=st.integers(1, 1000),
    scale=st.sampled_from([1, 0.5, 0.1, 1 / 3, 1e-9, 1e9]),
)
def test_the_same_rows_are_missing_by_numbers_and_by_durations(keep, start, step, scale):
    rows = np.r_[0, 1, 2, 2 + np.flatnonzero(keep[2:])]
    rows = np.unique(rows)
    numbers = pd.Index(start + step * np.arange(T))[rows]
    by_time = check_series(pd.DataFrame(Y[rows], index=pd.to_timedelta(step * rows, unit="s")))
    for index in (numbers, pd.Index(numbers * float(scale))):
        panel = check_series(pd.DataFrame(Y[rows], index=index))
        np.testing.assert_array_equal(panel.rows, by_time.rows)
        np.testing.assert_array_equal(panel.y, by_time.y)


def test_a_comparison_splits_arrays_of_xarray_with_their_times():
    X = in_form("DataArray", Y[KEPT], INDEXES["years"][KEPT])
    model = LinearGaussianSSM(1, max_iter=5)
    one, other = (
        compare(model, table, ["uniform"], n_seeds=2, seed=0, test=0.2).runs
        for table in (X, in_form("frame", Y[KEPT], INDEXES["years"][KEPT]))
    )
    np.testing.assert_array_equal(one["objective_final"], other["objective_final"])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (xr.DataArray(np.ones((2, 3, 4))), "must have dimensions (time, feature) as a DataArray"),
        (
            xr.DataArray(np.ones((2, 3)), dims=["site", "time"]),
            "must have time as its first dimension",
        ),
        (
            xr.Dataset({"a": (("x", "time"), np.ones((2, 3)))}),
            "must have one dimension (time) as a Dataset",
        ),
    ],
)
def test_other_dimensions_are_refused(X, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        check_series(X)


def test_one_series_of_xarray_is_one_column():
    series = xr.DataArray(
        Y[KEPT][:, 0], coords={"year": INDEXES["years"][KEPT]}, dims="year", name="level"
    )
    panel = check_series(series)
    assert list(panel.columns) == ["level"]
    assert len(panel.y) == T
