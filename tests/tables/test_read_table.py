"""CSV files as people have them become tables of numbers with times, or one clear sentence."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest

from tsinit import read_table
from tsinit._cli.common import names


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "data.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_date_column_is_found_and_empty_cells_are_missing(write):
    table = read_table(
        write("station day,day,ozone\n1,2024-01-01,3.5\n2,2024-01-02,\n3,2024-01-03,NA\n")
    )
    assert isinstance(table.index, pd.DatetimeIndex)
    assert table.index.name == "day"
    assert list(table.columns) == ["ozone"]
    assert "'station day' counts rows and is left out; --columns with it keeps it." in table.notes
    assert table["ozone"].isna().tolist() == [False, True, True]
    assert set(table.dtypes.astype(str)) == {"float64"}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(write, separator):
    table = read_table(write("a,b\n1.5,2\n3,4\n".replace(",", separator)))
    np.testing.assert_array_equal(table, [[1.5, 2], [3, 4]])


def test_decimal_commas_are_understood(write):
    table = read_table(write("Datum;Wert\n31.12.2023;1,5\n01.01.2024;-2,25\n"))
    assert table["Wert"].tolist() == [1.5, -2.25]
    assert table.index[0] == pd.Timestamp("2023-12-31")
    assert table.index[1] == pd.Timestamp("2024-01-01")


def test_day_first_dates_that_are_ambiguous_at_first_stay_in_order(write):
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    lines = "\n".join(f"{day:%d/%m/%Y},{i}" for i, day in enumerate(days))
    table = read_table(write(f"date,x\n{lines}\n"))
    assert (table.index == days).all()


def test_month_first_dates_stay_month_first(write):
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    lines = "\n".join(f"{day:%m/%d/%Y},{i}" for i, day in enumerate(days))
    assert (read_table(write(f"date,x\n{lines}\n")).index == days).all()


def test_date_and_time_of_day_may_be_two_columns(write):
    table = read_table(write("d,t,x\n2024-01-01,00:00,1\n2024-01-01,01:00,2\n"), time=["d", "t"])
    assert table.index.tolist() == [
        pd.Timestamp("2024-01-01 00:00"),
        pd.Timestamp("2024-01-01 01:00"),
    ]
    assert list(table.columns) == ["x"]


def test_times_may_be_numbers_if_named(write):
    table = read_table(write("s,x\n0.0,1\n0.1,2\n"), time=["s"])
    assert table.index.tolist() == [0.0, 0.1]
    assert list(table.columns) == ["x"]


@pytest.mark.parametrize(
    ("first", "second", "date"),
    [("20240131", "20240201", "2024-01-31"), ("202312", "202401", "2023-12-01")],
)
def test_dates_without_hyphens_are_dates(write, first, second, date):
    table = read_table(write(f"t,x\n{first},1\n{second},2\n"), time=["t"])
    assert table.index[0] == pd.Timestamp(date)


def test_row_numbers_without_a_name_are_left_out(write):
    assert list(read_table(write(",x,y\n1,2,3\n2,5,6\n")).columns) == ["x", "y"]
    # ... but numbers that are no row numbers are data.
    assert read_table(write(",x\n5,2\n9,5\n")).shape == (2, 2)


def test_what_spreadsheets_leave_at_the_end_is_dropped_and_an_empty_line_inside_is_kept(write):
    table = read_table(write("x,y,,\n1,2,,\n,,,\n5,6,,\n,,,\n,,,\n"))
    np.testing.assert_array_equal(table, [[1, 2], [np.nan, np.nan], [5, 6]])


def test_columns_can_be_chosen(write):
    path = write("name,x,y\nanna,1,2\nbert,3,4\n")
    assert list(read_table(path, columns=["y"]).columns) == ["y"]


def test_a_byte_order_mark_is_no_part_of_a_name(write):
    assert list(read_table(write("x\n1\n", encoding="utf-8-sig")).columns) == ["x"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "got an empty file"),
        ("a,b\n", {}, "at least one row below"),
        ("a,b\n1,2\n3,4,5,6\n", {}, "same number of values in every line"),
        (
            "name,x\nanna,1\nbert,2\n",
            {"columns": ["name"]},
            "column 'name' must hold numbers; got 'anna' in line 2",
        ),
        ("x\n1\n2\nthree\n", {}, "column 'x' must hold numbers; got 'three' in line 4"),
        (
            "x,y\n1,2\n",
            {"time": ["when"]},
            r"--time must name columns of the file, \['x', 'y'\]; got 'when'",
        ),
        ("x,y\n1,2\n", {"columns": ["z"]}, "--columns must name columns of the file"),
        (
            "t,y\n2024-01-01,2\nsoon,3\n",
            {"time": ["t"]},
            "must hold a time in every row; got 'soon' in line 3",
        ),
    ],
)
def test_bad_files_get_one_sentence(write, text, options, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(text), **options)


def test_bytes_that_are_no_text_and_missing_files_are_told(write, tmp_path):
    for data, kind in (
        (b"PK\x03\x04...", "a spreadsheet or a zip archive"),
        (b"a\0\1\2,b\n1,2\n", "bytes that are none"),
    ):
        path = write("")
        path.write_bytes(data)
        with pytest.raises(ValueError, match=kind):
            read_table(path)
    with pytest.raises(FileNotFoundError, match="which is none"):
        read_table(tmp_path / "nothing.csv")


def test_day_first_months_are_not_read_as_days(write):
    months = pd.date_range("2020-01-01", periods=36, freq="MS")
    lines = "\n".join(f"{month:%d/%m/%Y},{i}" for i, month in enumerate(months))
    assert (read_table(write(f"date,x\n{lines}\n")).index == months).all()
    lines = "\n".join(f"{month:%m/%d/%Y},{i}" for i, month in enumerate(months))
    assert (read_table(write(f"date,x\n{lines}\n")).index == months).all()


@pytest.mark.parametrize(
    "days", ["01/01/2020 01/02/2020 01/03/2020", "01/02/2020 03/05/2020 05/06/2020"]
)
def test_dates_that_suit_both_orders_are_refused(write, days):
    lines = "\n".join(f"{day},1" for day in days.split())
    with pytest.raises(
        ValueError,
        match=r"column 'date' must hold dates that can be read one way only; .* 2020-0.-0",
    ):
        read_table(write(f"date,x\n{lines}\n"))


def test_years_in_front_are_always_followed_by_the_month(write):
    table = read_table(write("date,x\n2020-02-01,1\n2020-01-02,5\n2020-01-03,3\n"))
    assert table.index.month.tolist() == [1, 1, 2]
    assert table["x"].tolist() == [5, 3, 1]
    assert "Rows are not in the order of time: they are sorted." in table.notes


def test_names_of_months_are_no_dates(write):
    table = read_table(write("month,x\nMay,1\nJune,2\n"))
    assert isinstance(table.index, pd.RangeIndex)
    assert "Left out, for they hold words: month." in table.notes
    with pytest.raises(
        ValueError, match="column 'month' must hold a time in every row; got 'May' in line 2"
    ):
        read_table(write("month,x\nMay,1\nJune,2\n"), time=["month"])
    assert read_table(write("month,x\nMay 2020,1\nJune 2020,2\n")).index.month.tolist() == [5, 6]


def test_a_time_of_day_beside_the_dates_is_found(write):
    lines = "\n".join(
        f"{day}/03/2004;{hour:02d}:00:00;{hour * 7 % 5}"
        for day in range(10, 14)
        for hour in range(24)
    )
    path = write(f"Date;Time;x\n{lines}\n")
    hours = pd.date_range("2004-03-10", periods=96, freq="h")
    for options in ({}, {"time": ["Date", "Time"]}):
        assert (read_table(path, **options).index == hours).all()


def test_times_of_day_alone_do_not_depend_on_the_day_of_reading(write):
    table = read_table(write("clock,x\n10:00,1\n11:00,2\n"))
    assert table.index.tolist() == [
        pd.Timestamp("1970-01-01 10:00"),
        pd.Timestamp("1970-01-01 11:00"),
    ]


def test_times_of_day_may_have_points(write):
    lines = "\n".join(
        f"{day}/03/2004;{hour:02d}.00.00;{hour},5" for day in range(11, 15) for hour in range(24)
    )
    table = read_table(write(f"Date;Time;x\n{lines}\n"), time=["Date", "Time"])
    assert (table.index == pd.date_range("2004-03-11", periods=96, freq="h")).all()
    # ... and dates may too.
    assert read_table(write("day,x\n31.12.23,1\n01.01.24,2\n")).index[1] == pd.Timestamp(
        "2024-01-01"
    )


def test_hours_that_go_on_after_midnight_are_durations(write):
    table = read_table(write("since,x\n00:30,1\n23:30,2\n46:30:15,3\n"))
    assert table.index.tolist() == pd.to_timedelta(["0:30:00", "23:30:00", "46:30:15"]).tolist()


def test_an_empty_line_is_a_gap_where_there_is_one_column_only(write):
    np.testing.assert_array_equal(read_table(write("x\n1\n\n3\n\n"))["x"], [1, np.nan, 3])
    np.testing.assert_array_equal(read_table(write("x,y\n1,2\n\n3,4\n"))["x"], [1, 3])


def test_a_separator_more_at_the_end_of_lines_shifts_nothing(write):
    np.testing.assert_array_equal(read_table(write("x,y\n1,2,\n3,4,\n")), [[1, 2], [3, 4]])


@pytest.mark.parametrize("by", [["day", "id"], ["id", "day"]])
@pytest.mark.parametrize("n", [3, 15])
def test_numbers_of_series_are_no_hours(write, by, n):
    days = pd.date_range("2024-01-01", periods=10).strftime("%Y-%m-%d")
    rows = pd.MultiIndex.from_product([days, range(1, n + 1)], names=["day", "id"])
    rows = rows.to_frame(index=False)
    rows["x"] = np.arange(len(rows)) * 7 % 11 / 10
    path = write(rows.sort_values(by).to_csv(index=False))
    with pytest.raises(ValueError, match=rf"hold {n} series, told apart by 'id': use --groups id"):
        read_table(path)
    assert read_table(path, groups="id").index.nlevels == 2


def test_numbers_of_series_are_no_hours_beside_times_of_day(write):
    times = pd.date_range("2024-01-01", periods=30, freq="h").astype(str)
    lines = [f"{time},{i},{k % 7}.5" for i in (1, 2) for k, time in enumerate(times)]
    with pytest.raises(ValueError, match="use --groups id"):
        read_table(write("\n".join(["time,id,x", *lines])))


def test_hours_of_a_column_with_another_name_are_found(write):
    hours = pd.date_range("2024-01-01", periods=72, freq="h")
    lines = [f"{t:%Y-%m-%d},{t.hour + 1},{k % 7}.5" for k, t in enumerate(hours)]
    for kept in (lines, lines[:20] + lines[26:], lines[:24]):
        table = read_table(write("\n".join(["day,HE,x", *kept])))
        assert table.index[0] == hours[1]


def test_the_option_of_an_error_can_be_copied_to_a_shell(write):
    path = write("x,y\n" + "1,2\n3,5\n" * 9 + '<LOD,"err, see log"\n4,3\n')
    with pytest.raises(ValueError, match="--missing=") as error:
        read_table(path)
    word = re.search(r"use (--missing=.*?); else", str(error.value))[1]
    (option,) = shlex.split(word)
    found = names(option.removeprefix("--missing="))
    assert found == ["<LOD", "err, see log"]
    assert read_table(path, missing=found).isna().sum().tolist() == [1, 1]


def test_blanks_between_columns_are_the_cause(write):
    lines = [f"2024-01-01 {k:02d}:00 {k}.5 {k * 3 % 5}" for k in range(9)]
    with pytest.raises(ValueError, match="between its columns; got blanks"):
        read_table(write("\n".join(["time x y", *lines])))


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"])
@pytest.mark.parametrize("first", [0, 1])
def test_hours_beside_days_tell_how_they_are_to_be_read(write, form, first):
    hours = pd.date_range("2024-02-03", periods=120, freq="h")
    lines = [f"{t.strftime(form)};{t.hour + first};{k % 7}" for k, t in enumerate(hours)]
    table = read_table(write("\n".join(["Day;Hour;x", *lines])))
    assert (table.index == hours + pd.Timedelta(hours=first)).all()
