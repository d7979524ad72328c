"""Rows that a fitted model is asked about are counted by the step of its fit."""

import numpy as np
import pandas as pd
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE

T = 60
RNG = np.random.default_rng(0)
WALK = np.zeros(T)
for t in range(1, T):
    WALK[t] = 0.9 * WALK[t - 1] + RNG.normal()
INDEXES = {
    "row numbers": pd.RangeIndex(T),
    "years": pd.Index(np.arange(1900, 1900 + T)),
    "floats": pd.Index(np.arange(T) * 0.1 + 3),
    "decimal years": pd.Index(np.round(1949 + np.arange(T) / 12, 2)),
    "hours": pd.date_range("2024-03-01", periods=T, freq="h"),
    "durations": pd.timedelta_range("0h", periods=T, freq="90min"),
    "days": pd.date_range("2024-03-01", periods=T),
    "days in Berlin, where clocks change": pd.date_range(
        "2024-03-01", periods=T, tz="Europe/Berlin"
    ),
    "working days": pd.bdate_range("2024-03-01", periods=T),
    "weeks": pd.date_range("2024-03-03", periods=T, freq="W"),
    "months": pd.date_range("2000-01-01", periods=T, freq="MS"),
    "ends of months": pd.date_range("2000-01-31", periods=T, freq="ME"),
    "periods": pd.period_range("2000-01", periods=T, freq="M"),
}
KEPT = {
    "every second": np.arange(0, T, 2),
    "no step of their own": np.array([3, 10, 12]),
    "two": np.array([50, 59]),
}


def fitted(index):
    model = LinearGaussianSSM(1, random_state=0, max_iter=5)
    return model.fit(pd.DataFrame({"a": WALK}, index=index))


def with_blanks(table, kept):
    """The same rows with those between them, as missing ones."""
    blank = table.copy()
    blank.iloc[np.setdiff1d(np.arange(T), kept)] = np.nan
    return blank.iloc[kept[0] : kept[-1] + 1]


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_rows_left_out_are_missing_rows(index, kept):
    model, table = fitted(index), pd.DataFrame({"a": WALK}, index=index)
    few, blank = table.iloc[kept], with_blanks(table, kept)
    assert model.score(few) == pytest.approx(model.score(blank), rel=1e-9)
    inside = np.isin(np.arange(kept[0], kept[-1] + 1), kept)
    np.testing.assert_allclose(
        np.asarray(model.smooth(few).means), np.asarray(model.smooth(blank).means)[inside]
    )
    ahead, same = model.forecast(2, few).means, model.forecast(2, blank).means
    pd.testing.assert_frame_equal(ahead, same, check_freq=False)


def test_the_other_models_count_so_too():
    index = pd.Index(np.arange(1900, 1900 + T))
    table = pd.DataFrame({"a": WALK, "b": WALK + RNG.normal(size=T)}, index=index)
    few, blank = table.iloc[::2], with_blanks(table, np.arange(0, T, 2))
    regimes = InfiniteHMM(n_tune=5, n_draws=5, n_chains=1, random_state=0).fit(table)
    assert list(regimes.predict(few)) == list(regimes.predict(blank)[::2])
    few.iloc[4, 0] = np.nan
    imputer = TBayesMICE(n_tune=20, n_draws=20, n_chains=1, random_state=0).fit(
        table.mask(table > 2.5)
    )
    assert list(imputer.transform(few).index) == list(few.index)


def test_another_step_is_said():
    model = fitted(INDEXES["hours"])
    half = pd.DataFrame({"a": WALK}, index=pd.date_range("2024-03-01", periods=T, freq="30min"))
    with pytest.warns(
        UserWarning, match="0 days 00:30:00, are not multiples of those of fit, 0 days 01:00"
    ):
        model.score(half)


def test_row_numbers_of_a_fit_say_nothing_of_years():
    model = fitted(INDEXES["row numbers"])
    years = pd.DataFrame({"a": WALK}, index=pd.Index(np.arange(1700, 1700 + 5 * T, 5)))
    assert model.score(years) == pytest.approx(model.score(years.reset_index(drop=True)), rel=1e-9)


@pytest.mark.parametrize("frequency", ["D", "2D", "h", "W", "MS", "ME", "QS", "YS"])
def test_dates_periods_and_durations_of_one_step_are_counted_alike(frequency):
    dates = pd.date_range("2001-01-31", periods=T, freq=frequency)
    indexes = {"dates": dates, "periods": dates.to_period()}
    if frequency in ("D", "2D", "h", "W"):
        indexes["durations"] = dates - dates[0]
    for own in indexes.values():
        model, expected = fitted(own), None
        for index in indexes.values():
            table = pd.DataFrame({"a": WALK}, index=index).drop(index[[5, 6, 30]])
            expected = expected or model.score(table)
            assert model.score(table) == pytest.approx(expected, rel=1e-9)
            ahead = model.forecast(2, table).means.index
            if "durations" in indexes:  # the length of months is not fixed
                assert list(ahead) == [index[-1] + k * (index[-1] - index[-2]) for k in (1, 2)]


@pytest.mark.parametrize(("fit", "asked"), [("MS", "ME"), ("ME", "MS"), ("QS", "QE"), ("YS", "YE")])
def test_months_are_counted_wherever_in_them_the_dates_lie(fit, asked):
    model = fitted(pd.date_range("2001-01-01", periods=T, freq=fit))
    index = pd.date_range("2001-01-01", periods=T, freq=asked)
    kept = np.delete(np.arange(T), [5, 6, 30])
    table = pd.DataFrame({"a": WALK}, index=index).iloc[kept]
    plain = fitted(index)
    assert model.score(table) == pytest.approx(plain.score(table), rel=1e-9)
