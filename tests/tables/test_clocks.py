"""Clocks in any form give the fit that dates give, and never stand among the data without a word."""

import numpy as np
import pandas as pd
import pytest
from tables.dialects import air, text_of
from tables.test_dialects import CLOCKS

from tsinit import LinearGaussianSSM, read_table

KEPT = np.delete(np.arange(60), [7, 8, 9, 30, 41])


def _read(tmp_path, times, name="t"):
    part = {key: np.asarray(texts)[KEPT] for key, texts in times.items()} if isinstance(times, dict) else (
        np.asarray(times)[KEPT])  # fmt: skip
    path = tmp_path / "table.csv"
    path.write_text(text_of(air(60).iloc[KEPT], times=part, name=name))
    return read_table(path)


def _fit(table):
    return (
        LinearGaussianSSM(1, init="kmeans", max_iter=5, tol=0, random_state=0)
        .fit(table)
        .log_likelihood_
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_fit_is_that_of_dates(tmp_path):
    right = _fit(_read(tmp_path, CLOCKS["iso"]))
    assert right != _fit(air(60).iloc[KEPT].reset_index(drop=True))
    forms = {
        name: CLOCKS[name]
        for name in ("seconds", "compact", "spreadsheet", "parts", "date and hour", "count")
    }
    forms |= {
        "days": 20240101 + 0 * np.arange(60),
        "years": range(1960, 2020),
        "seconds from 0": CLOCKS["seconds from 0"],
    }
    forms["days"] = pd.date_range("2024-01-01", periods=60).strftime("%Y%m%d")
    for name, times in forms.items():
        assert _fit(_read(tmp_path, times, "t" if name != "years" else "year")) == right, name


def test_several_series_have_clocks_of_their_own(tmp_path):
    path = tmp_path / "table.csv"
    rows = [
        (who, year, value) for who in "ab" for year, value in zip(KEPT, np.sin(KEPT), strict=True)
    ]
    pd.DataFrame(rows, columns=["country", "year", "x"]).assign(
        y=lambda t: t.x**2, year=lambda t: t.year + 1950
    ).to_csv(path, index=False)
    with pytest.raises(
        ValueError, match="seems to hold 2 series, told apart by 'country': use --groups country"
    ):
        read_table(path)
    table = read_table(path, groups="country")
    assert table.index.names == ["country", "year"]
    assert table.n_absent == 10
    assert read_table(path, groups="country", regular=True).shape == (120, 2)


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        (
            {"depth": [0.1, 0.5, 0.6, 1.7, 3.0, 3.1, 4.9]},
            "'depth' only goes up and is used as data",
        ),
        ({"litres": [1, 5, 6, 17, 30, 31, 49]}, "'litres' only goes up and is used as data"),
        ({"week of": ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]}, ""),
        (
            {"date": ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th"]},
            "'date' may have times that could not be read",
        ),
    ],
)
def test_what_may_be_a_clock_and_is_none_is_pointed_at(columns, note, tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({**columns, "x": [3, 1, 4, 1, 5, 9, 2], "y": [2, 7, 1, 8, 2, 8, 1]}).to_csv(
        path, index=False
    )
    assert note in " ".join(read_table(path).notes)
    assert isinstance(read_table(path).index, pd.RangeIndex)


@pytest.mark.parametrize(
    ("times", "first", "step"),
    [
        ([f"2010-W{week:02d}" for week in range(1, 9)], "2010-01-04", pd.DateOffset(days=7)),
        (["Jan-10", "Feb-10", "Mar-10", "Apr-10", "May-10", "Jun-10", "Jul-10", "Aug-10"], "2010-01-01",
         pd.DateOffset(months=1)),
        ([f"{2000 + i // 4}Q{i % 4 + 1}" for i in range(8)], "2000-01-01", pd.DateOffset(months=3)),
    ],
)  # fmt: skip
def test_weeks_months_and_quarters_are_dates(times, first, step, tmp_path):
    path = tmp_path / "table.csv"
    pd.DataFrame({"when": times, "x": [3, 1, 4, 1, 5, 9, 2, 6]}).to_csv(path, index=False)
    table = read_table(path)
    assert table.index[0] == pd.Timestamp(first)
    assert table.step == step


def test_a_clock_that_goes_back_is_read_with_its_zone_or_its_offsets(tmp_path):
    hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    path = tmp_path / "table.csv"
    for times, options in (
        (hours.strftime("%Y-%m-%d %H:%M"), {"tz": "Europe/Berlin"}),
        ([f"{t:%Y-%m-%d %H:%M%z}" for t in hours], {}),
        ([f"{t:%Y-%m-%d %H:%M %Z}" for t in hours], {"tz": "Europe/Berlin"}),
    ):
        path.write_text(text_of(air(60), times=times))
        table = read_table(path, **options)
        assert (table.index == hours).all()
        assert table.step == pd.Timedelta("1h")
    with pytest.raises(
        ValueError, match="--tz must name a time zone, such as Europe/Berlin or UTC; got 'Berlin'"
    ):
        read_table(path, tz="Berlin")


def test_an_empty_cell_does_not_demote_a_clock_of_numbers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "year,x,y\n" + "".join(f"{2000 + i if i != 4 else ''},{i % 3},{i % 5}\n" for i in range(12))
    )
    with pytest.raises(
        ValueError, match="column 'year' must hold a time in every row; got nothing in line 6"
    ):
        read_table(path)
