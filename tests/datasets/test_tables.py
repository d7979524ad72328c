"""The tables come out with regular times, real gaps, and the values of the files."""

import csv
import datetime
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsinit.datasets import load_air_quality, load_new_york_air_quality

HEADER = (
    "Date;Time;CO(GT);PT08.S1(CO);NMHC(GT);C6H6(GT);PT08.S2(NMHC);NOx(GT);PT08.S3(NOx);NO2(GT);"
    "PT08.S4(NO2);PT08.S5(O3);T;RH;AH;;"
)
ROWS = [
    "30/11/2004;22.00.00;2,6;1360;150;11,9;1046;166;1056;113;1692;1268;13,6;48,9;0,7578;;",
    "30/11/2004;23.00.00;-200;1292;112;9,4;955;103;1174;92;1559;972;-1,3;47,7;0,7255;;",
    "01/12/2004;01.00.00;2,2;-200;-200;-200,0;939;131;1140;114;1555;1074;11,9;54,0;0,7502;;",
]


def write(path, rows, end="\n"):
    path.write_bytes(end.join([HEADER, *rows, ";" * 16, ";" * 16, ""]).encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_quirks_of_the_hourly_file_are_undone(tmp_path, end):
    table = load_air_quality(write(tmp_path / "AirQualityUCI.csv", ROWS, end))
    # 30/11 comes before 01/12: days come first. The hour that the file leaves out is a row of gaps.
    assert list(table.index) == list(pd.date_range("2004-11-30 22:00", periods=4, freq="h"))
    assert table.index.freq == pd.offsets.Hour()
    assert table.shape == (4, 13)
    assert set(table.dtypes) == {np.dtype(float)}
    assert table["CO"].tolist() == pytest.approx([2.6, np.nan, np.nan, 2.2], nan_ok=True)
    assert table["C6H6"].tolist() == pytest.approx([11.9, 9.4, np.nan, np.nan], nan_ok=True)
    assert table["T"].tolist() == pytest.approx([13.6, -1.3, np.nan, 11.9], nan_ok=True)
    assert table.iloc[2].isna().all()
    assert table.isna().sum().sum() == 13 + 4
    assert set(table.attrs["units"]) == set(table.columns)


def test_a_folder_may_be_given_instead_of_the_file(tmp_path):
    path = write(tmp_path / "AirQualityUCI.csv", ROWS)
    pd.testing.assert_frame_equal(load_air_quality(tmp_path), load_air_quality(path))


def test_a_table_of_another_kind_is_named_as_such(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    for load in (load_air_quality, load_new_york_air_quality):
        with pytest.raises(ValueError, match=r"other.csv must have the columns .*got \['a"):
            load(path)


def test_a_table_without_rows_and_one_with_a_time_twice_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one dated row; got none"):
        load_air_quality(write(tmp_path / "empty.csv", []))
    with pytest.raises(ValueError, match="one row per time; got 2004-11-30 23:00:00 twice"):
        load_air_quality(write(tmp_path / "twice.csv", [*ROWS, ROWS[1]]))


def test_new_york_is_what_the_file_says_line_by_line():
    table = load_new_york_air_quality()
    with open(Path(__file__).parents[2] / "data/new_york/airquality.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == len(table) == 153
    for line, (time, row) in zip(lines, table.iterrows(), strict=True):
        assert time == datetime.datetime.fromisoformat(line.pop("date"))
        assert row.tolist() == pytest.approx(
            [float(cell or "nan") for cell in line.values()], nan_ok=True
        )


def test_new_york_has_the_published_summary():
    table = load_new_york_air_quality()
    assert list(table.columns) == ["Ozone", "Solar.R", "Wind", "Temp"]
    assert table.index.freq == pd.offsets.Day()
    assert (str(table.index[0].date()), str(table.index[-1].date())) == ("1973-05-01", "1973-09-30")
    assert table.index[0].day_name() == "Tuesday"  # as R's help page says
    assert table.isna().sum().tolist() == [37, 7, 0, 0]
    # R: summary(airquality)
    assert table.mean().round(3).tolist() == [42.129, 185.932, 9.958, 77.882]
    assert table.median().tolist() == [31.5, 205.0, 9.7, 79.0]
    assert table.min().tolist() == [1.0, 7.0, 1.7, 56.0]
    assert table.max().tolist() == [168.0, 334.0, 20.7, 97.0]
    assert set(table.dtypes) == {np.dtype(float)}


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("TSINIT_DATA")
    if not folder or not (Path(folder) / "air_quality/AirQualityUCI.csv").is_file():
        pytest.skip("TSINIT_DATA does not hold air_quality/AirQualityUCI.csv")
    return load_air_quality()


def test_the_real_hourly_table_has_its_published_size_and_gaps(real):
    assert real.shape == (9357, 13)
    assert (str(real.index[0]), str(real.index[-1])) == (
        "2004-03-10 18:00:00",
        "2005-04-04 14:00:00",
    )
    assert real.index.freq == pd.offsets.Hour()
    percent = (100 * real.isna().mean()).round(1).to_dict()
    heavy = {"NMHC": 90.2, "CO": 18.0, "NOx": 17.5, "NO2": 17.5}
    assert {name: percent.pop(name) for name in heavy} == pytest.approx(heavy, abs=0.06)
    assert set(percent.values()) == {3.9}
    assert real.min().min() > -5  # no code for a gap is left; the coldest hour was -1.9 degC


def test_absolute_humidity_is_the_vapour_pressure_in_kpa(real):
    # The loader's claim about a column whose unit the source does not give.
    pressure = 0.6112 * np.exp(17.62 * real["T"] / (243.12 + real["T"])) * real["RH"] / 100
    ratio = (real["AH"] / pressure).dropna()
    assert ratio.between(0.975, 1.025).all()
