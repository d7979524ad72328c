"""Rows that an imputer was not fitted to keep the clock and the season of those of the fit."""

import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE
from tsinit.models.imputation import posterior
from tsinit.models.imputation.problem import ImputationTable

QUICK = {"n_draws": 15, "n_tune": 10, "n_chains": 2, "random_state": 0}


@pytest.fixture(scope="module")
def daily():
    """A weekly wave of size 5 with gaps, and the wave."""
    rng, days = np.random.default_rng(3), np.arange(140)
    wave = 5.0 * np.sin(2 * np.pi * days / 7)
    y = np.column_stack([wave, rng.standard_normal(140)]) + 0.3 * rng.standard_normal((140, 2))
    y[rng.random(140) < 0.1, 0] = np.nan
    return pd.DataFrame(
        y, columns=["wave", "noise"], index=pd.date_range("2024-01-03", periods=140)
    ), wave


@pytest.fixture(scope="module")
def fitted(daily):
    return TBayesMICE(**QUICK).fit(daily[0])


def problem_of(model, table):
    panel = model._read(table)
    return model.posterior_.scales.problem(panel, ImputationTable.from_panel(panel))


@pytest.mark.parametrize("rows", [[50], [50, 57], [50, 52, 54], [50, 51, 55], range(50, 60)])
def test_other_rows_have_the_steps_and_the_season_of_the_fit(fitted, daily, rows):
    table, wave = daily
    whole, part = problem_of(fitted, table), problem_of(fitted, table.iloc[rows])
    np.testing.assert_array_equal(part.steps, whole.steps[rows])
    np.testing.assert_allclose(part.covariates, whole.covariates[rows], atol=1e-9)
    emptied = table.iloc[rows].assign(wave=np.nan)
    assert np.abs(fitted.transform(emptied)["wave"].to_numpy() - wave[rows]).max() < 1.0


def test_sequences_are_counted_from_one_date(daily):
    table, _ = daily
    model = TBayesMICE(**QUICK).fit([table[:60], table[70:]])
    problem = problem_of(model, [table[3:30], table[70:80]])
    np.testing.assert_array_equal(problem.steps, np.r_[3:30, 70:80])


def test_a_profile_that_drifted_keeps_its_phase():
    rng, hours = np.random.default_rng(0), np.arange(24 * 15)
    wave = 3.0 * np.column_stack([np.sin(2 * np.pi * hours / 24), np.cos(2 * np.pi * hours / 24)])
    index = pd.date_range("2024-01-01", periods=360, freq="h")
    table = pd.DataFrame(wave + 0.3 * rng.standard_normal(wave.shape), index=index)
    gappy = table.copy()
    for i in range(3):
        gappy.iloc[100 * i + 20 : 100 * i + 40] = np.nan
    model = TBayesMICE(method="var", **QUICK).fit(gappy)
    assert model.posterior_.stored.parameters[0].profile is not None
    new = table[198:300].copy()
    new.iloc[40:52] = np.nan
    assert np.abs(model.transform(new).to_numpy() - wave[198:300])[40:52].max() < 1.5


@pytest.mark.parametrize(("freq", "period"), [("D", 7.0), ("M", 12.0), ("Q", 4.0), ("h", 24.0)])
def test_periods_are_dates_too(daily, freq, period):
    index = pd.period_range("2000-01-03", periods=140, freq=freq)
    table = daily[0].set_axis(index).drop(index[20])
    model = TBayesMICE(**QUICK).fit(table)
    assert model.posterior_.scales.periods == [period]
    assert model.transform(table).notna().all(axis=None)


def test_two_months_are_a_sixth_of_a_year(daily):
    model = TBayesMICE(**QUICK).fit(
        daily[0].set_axis(pd.date_range("2000-01-01", periods=140, freq="2MS"))
    )
    assert model.posterior_.scales.periods == [6.0]


def test_a_week_has_five_working_days(daily):
    table = daily[0].set_axis(pd.bdate_range("2024-01-03", periods=140))
    model = TBayesMICE(**QUICK).fit(table)
    assert model.posterior_.scales.periods == [5.0]
    for rows in (range(50, 60), [50, 55, 60], [51, 52, 53]):
        np.testing.assert_array_equal(problem_of(model, table.iloc[rows]).steps, rows)


def test_days_within_a_month_are_not_steps_of_months(daily):
    model = TBayesMICE(**QUICK).fit(
        daily[0].set_axis(pd.date_range("2000-01-01", periods=140, freq="MS"))
    )
    new = daily[0][:20].set_axis(pd.date_range("2005-01-01", periods=20))
    with pytest.warns(UserWarning, match="not multiples of those of fit"):
        assert (np.diff(problem_of(model, new).steps) == 1).all()


def test_durations_keep_their_step(daily):
    table = daily[0].set_axis(pd.timedelta_range("0h", periods=140, freq="h"))
    model = TBayesMICE(**QUICK).fit(table)
    np.testing.assert_array_equal(problem_of(model, table[10:30:2]).steps, range(0, 20, 2))


def test_another_clock_is_warned_of(fitted, daily):
    hourly = daily[0][:30].set_axis(pd.date_range("2024-02-01", periods=30, freq="h"))
    with pytest.warns(UserWarning, match="not multiples of those of fit, 1 days"):
        assert fitted.transform(hourly).notna().all(axis=None)


@pytest.mark.parametrize("kind", ["log", "sqrt"])
@pytest.mark.parametrize("least", [0.0, -1.0])
def test_bounds_may_lie_where_a_transform_ends(rng, kind, least):
    y = np.exp(rng.standard_normal((60, 2)))
    y[rng.random(y.shape) < 0.2] = np.nan
    model = TBayesMICE(**{**QUICK, "transforms": kind, "bounds": (least, None)}).fit(y)
    assert model.draws_.min() >= 0.0


def test_large_tables_take_fewer_regressions(fitted, daily, monkeypatch):

    new = daily[0][:100].assign(wave=np.nan)
    monkeypatch.setattr(posterior, "_MAX_BYTES", 1.0)
    drawn = fitted._draws_for(fitted._read(new))[1]
    # Of 30 draws of the regressions half, and of each two sweeps over the cells.
    assert drawn.shape == (15 * 2, 100)
    assert np.abs(fitted.transform(new)["wave"] - daily[1][:100]).max() < 1.5


def test_what_becomes_of_the_table_later_does_not_matter(daily):
    table = daily[0].copy()
    model = TBayesMICE(**QUICK).fit(table)
    before, (lower, _) = model.impute(2), model.interval()
    table["new"] = 1.0
    table.iloc[3:9] = 0.0
    table.index = range(len(table))
    for one, other in zip(before, model.impute(2), strict=True):
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(model.interval()[0], lower)


def test_other_rows_that_a_transform_cannot_take_are_refused(rng):
    y = np.exp(rng.standard_normal((60, 2)))
    y[5, 0] = np.nan
    model = TBayesMICE(**{**QUICK, "transforms": "log"}).fit(y)
    other = y.copy()
    other[7, 1] = -2.0
    with pytest.raises(
        ValueError, match="must act on values that are positive; got -2 in column 1"
    ):
        model.transform(other)


def test_memory_is_no_reason_to_keep_fewer_draws_than_tables(rng, monkeypatch):

    y = rng.standard_normal((60, 2))
    y[::7] = np.nan
    monkeypatch.setattr(posterior, "_MAX_BYTES", 1.0)
    model = TBayesMICE(**{**QUICK, "n_imputations": 7}).fit(y)
    assert len(model.impute()) == 7
    with pytest.raises(ValueError, match="larger n_imputations"):
        model.impute(25)


def test_there_is_no_density_before_the_first_regressions(fitted):
    assert np.isnan(fitted.history_[0])
    assert np.isfinite(fitted.history_[1:]).all()
