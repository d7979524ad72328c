"""Times: skipped steps become missing rows by clock and calendar, and the index goes on as it should."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest

from tsinit._validate import check_series, times_after


def table(index):
    return pd.DataFrame({"a": np.arange(len(index), dtype=float)}, index=index)


def steps(index):
    return check_series(table(index)).rows.tolist()


def after(index, n):
    panel = check_series(table(index))
    return times_after(panel.last_index, panel.time_step, n)


REGULAR = {
    "hours": pd.date_range("2020-03-01", periods=40, freq="h"),
    "quarters of an hour": pd.date_range("2020-03-01", periods=40, freq="15min"),
    "days": pd.date_range("2020-02-20", periods=40, freq="D"),
    "weeks": pd.date_range("2020-01-01", periods=40, freq="7D"),
    "working days": pd.bdate_range("2020-01-01", periods=40),
    "first of the month": pd.date_range("2019-07-01", periods=40, freq="MS"),
    "fifteenth of the month": pd.date_range("2019-07-15", periods=40, freq=pd.DateOffset(months=1)),
    "end of the month": pd.date_range("2019-07-31", periods=40, freq="ME"),
    "last working day of the month": pd.date_range("2019-07-31", periods=40, freq="BME"),
    "first working day of the month": pd.date_range("2019-07-01", periods=40, freq="BMS"),
    "quarters from February": pd.date_range("2000-02-01", periods=40, freq="QS-FEB"),
    "ends of quarters": pd.date_range("2000-03-31", periods=40, freq="QE"),
    "years": pd.date_range("1900-01-01", periods=40, freq="YS"),
    "summer time, hours": pd.date_range("2021-03-27", periods=40, freq="h", tz="Europe/Berlin"),
    "winter time, hours": pd.date_range(
        "2021-10-30 12:00", periods=40, freq="h", tz="Europe/Berlin"
    ),
    "summer time, days": pd.date_range("2021-03-10", periods=40, freq="D", tz="Europe/Berlin"),
    "winter time, days at noon": pd.date_range(
        "2021-10-10 12:00", periods=40, freq="D", tz="America/New_York"
    ),
    "summer time, working days": pd.date_range(
        "2021-03-01", periods=40, freq="B", tz="America/New_York"
    ),
    "summer time, months": pd.date_range(
        "2021-01-01", periods=40, freq="MS", tz="America/New_York"
    ),
    "minutes as durations": pd.timedelta_range("0s", periods=40, freq="5min"),
    "months as periods": pd.period_range("2020-01", periods=40, freq="M"),
    "quarters as periods": pd.period_range("2020-01", periods=40, freq="3M"),
    "working days as periods": pd.period_range("2020-01-01", periods=40, freq="D"),
    "years as whole numbers": pd.RangeIndex(1600, 1640),
    "whole numbers, seven apart": pd.Index(np.arange(-70, 210, 7)),
    "numbers beyond int64": pd.Index(np.arange(40, dtype="uint64") + np.uint64(2**63 + 5)),
    "whole numbers as objects": pd.Index(list(range(5, 45)), dtype=object),
    "whole numbers that may be missing": pd.array(range(5, 45), dtype="Int64"),
    "halves": pd.Index(np.arange(40) / 2 + 1600.5),
    "dates of long ago": pd.date_range("1066-10-14", periods=40, freq="D", unit="s"),
}
GIVEN = [0, 1, 2, 3, 5, 6, 9, 10, 11, 12, 13, 20, 21, 22, 23, 24, 25, 26]


@pytest.mark.parametrize("index", REGULAR.values(), ids=REGULAR)
def test_complete_times_skip_nothing_with_and_without_a_frequency(index):
    index = index[:27]
    bare = (
        type(index)(index, freq=None)
        if hasattr(index, "asi8") and not hasattr(index, "to_timestamp")
        else index
    )
    assert steps(index) == list(range(27))
    assert steps(bare) == list(range(27))


@pytest.mark.parametrize("index", REGULAR.values(), ids=REGULAR)
def test_skipped_steps_are_counted_and_the_index_goes_on_where_it_would_have_gone(index):
    gappy = index[GIVEN]
    assert steps(gappy) == GIVEN
    assert after(gappy, 13).tolist() == index[27:].tolist()
    assert after(index[:27], 13).tolist() == index[27:].tolist()


def test_the_name_and_the_time_zone_of_the_index_go_on():
    index = pd.date_range("2021-03-10", periods=30, freq="D", tz="Europe/Berlin", name="when")[
        [0, 1, 2, 5, 7]
    ]
    assert after(index, 2).name == "when"
    assert after(index, 2).tz == index.tz


def test_skipped_rows_are_missing_and_are_not_handed_back():
    index = REGULAR["hours"][GIVEN]
    panel = check_series(table(index))
    expected = np.full((27, 1), np.nan)
    expected[GIVEN, 0] = np.arange(len(GIVEN))
    np.testing.assert_array_equal(panel.y, expected)
    pd.testing.assert_frame_equal(panel.restore(panel.y), table(index))


@pytest.mark.parametrize("share", [0.25, 0.4, 0.9])
def test_a_clock_is_recognised_from_few_of_its_ticks(rng, share):
    every = pd.date_range("2020-01-01", periods=400, freq="10min")
    kept = np.flatnonzero(rng.random(400) < share)
    kept = kept[kept >= kept[0]]
    assert steps(every[kept]) == (kept - kept[0]).tolist()


def test_days_that_are_never_weekends_are_working_days_only_where_a_weekend_passed():
    assert steps(pd.DatetimeIndex(["2020-01-06", "2020-01-07", "2020-01-08"])) == [0, 1, 2]
    assert steps(pd.DatetimeIndex(["2020-01-09", "2020-01-10", "2020-01-13", "2020-01-14"])) == [
        0,
        1,
        2,
        3,
    ]
    assert steps(pd.DatetimeIndex(["2020-01-09", "2020-01-10", "2020-01-11", "2020-01-14"])) == [
        0,
        1,
        2,
        5,
    ]


def test_sequences_share_one_step():
    hours = pd.date_range("2020-01-01", periods=20, freq="h")
    panel = check_series([table(hours), table(hours[::2])])
    assert panel.offsets.tolist() == [0, 20, 39]
    assert panel.rows[20:].tolist() == list(range(20, 39, 2))
    labels = ["u"] * 20 + ["v"] * 10
    both = pd.MultiIndex.from_arrays([labels, hours.append(hours[::2])])
    assert check_series(table(both)).offsets.tolist() == [0, 20, 39]


def test_lengths_cut_the_index_too():
    hours = pd.date_range("2020-01-01", periods=20, freq="h")
    index = hours[:5].append(hours[[0, 1, 3, 4]])
    panel = check_series(table(index), lengths=[5, 4])
    assert panel.offsets.tolist() == [0, 5, 10]
    assert np.flatnonzero(np.isnan(panel.y[:, 0])).tolist() == [7]


def test_dates_held_as_objects_are_dates():
    days = [datetime.date(2020, 1, d) for d in (1, 2, 3, 4, 7)]
    assert steps(pd.Index(days, dtype=object)) == [0, 1, 2, 3, 6]
    moments = pd.Index([datetime.datetime(2020, 1, d) for d in (1, 2, 3, 4, 7)], dtype=object)
    assert steps(moments) == [0, 1, 2, 3, 6]


def test_words_and_truth_values_are_labels_of_consecutive_rows():
    for labels in (list("badc"), list("aaaa"), [True, False, True, True]):
        assert steps(pd.Index(labels)) == [0, 1, 2, 3]
        assert after(pd.Index(labels), 2).tolist() == [4, 5]


@pytest.mark.parametrize(
    ("index", "places", "following"),
    [
        (pd.RangeIndex(4), [0, 1, 2, 3], [4, 5, 6]),
        (pd.RangeIndex(10, 18, 2), [0, 1, 2, 3], [18, 20, 22]),
        (pd.Index([3, 4, 9, 11]), [0, 1, 6, 8], [12, 13, 14]),
        (pd.Index([3]), [0], [4, 5, 6]),
        (pd.Index([3.5]), [0], [1, 2, 3]),
        (pd.Index([0.5, 0.75, 1.0, 4.0]), [0, 1, 2, 14], [4.25, 4.5, 4.75]),
        (pd.CategoricalIndex([1, 2, 4]), [0, 1, 3], [5, 6, 7]),
    ],
)
def test_numbers_are_times(index, places, following):
    assert steps(index) == places
    ahead = after(index, 3)
    assert ahead.tolist() == following
    assert [type(label) for label in ahead.tolist()] == [type(label) for label in following]


@pytest.mark.parametrize("decimals", [2, 3, 4, 12])
def test_numbers_that_were_rounded_keep_their_step(decimals):
    """Decimal years of months, as R writes them: the first distances say 0.08 or 0.09, 600 of them 1 / 12."""
    kept = np.r_[0:40, 43:300, 450:600]
    index = pd.Index(np.round(1949 + np.arange(600) / 12, decimals))[kept]
    assert steps(index) == kept.tolist()
    assert after(index, 1)[0] == pytest.approx(1999.0, abs=0.01)


def test_dates_without_hyphens_are_no_numbers():
    month_ends = [
        [20200130, 20200131, 20200201, 20200202],
        [202011, 202012, 202101, 202102],
        [2020.11, 2020.12, 2021.01, 2021.02],
    ]
    for numbers in month_ends:
        assert message(table(pd.Index(numbers))) == (
            f"The index of X must hold dates as dates; got the number {numbers[2]} after {numbers[1]}. "
            "pandas.to_datetime makes dates of text, with format='%Y%m%d' or '%Y%m'."
        )
    # Where both readings count alike, the numbers may be any.
    assert steps(pd.Index([20200101, 20200102, 20200105])) == [0, 1, 4]
    assert steps(pd.Index([20200130, 20200131, 20200132, 20200134])) == [0, 1, 2, 4]


def test_dates_as_text_are_labels_with_a_warning():
    for words in (["2020-01-01", "2020-01-03"], ["1/2/2020", "1/3/2020"]):
        with pytest.warns(UserWarning, match="holds dates as text"):
            assert steps(pd.Index(words)) == [0, 1]


def test_numbers_as_text_that_skip_are_labels_with_a_warning():
    for words in (["1900", "1901", "1904"], ["0.5", "1.0", "1.5"], ["20240101", "20240103"]):
        with pytest.warns(UserWarning, match="holds numbers as text, .* pandas.to_numeric"):
            assert steps(pd.Index(words)) == list(range(len(words)))
    for words in (["1900", "1901", "1902"], ["7", "3", "9"], ["station 1", "station 3"]):
        assert steps(pd.Index(words)) == list(range(len(words)))


def test_a_sequence_without_times_counts_its_rows_beside_one_with():
    hours = table(pd.date_range("2020-01-01", periods=9, freq="h")[[0, 1, 4, 8]])
    panel = check_series([np.ones((3, 1)), table(pd.RangeIndex(4)), hours])
    assert panel.offsets.tolist() == [0, 3, 7, 16]
    assert times_after(panel.last_index, panel.time_step, 1)[0] == pd.Timestamp("2020-01-01 09:00")
    assert check_series([hours, np.ones((3, 1))]).offsets.tolist() == [0, 9, 12]
    with pytest.warns(UserWarning, match="not multiples of one step"):
        assert check_series([hours, table(pd.Index([4, 5, 9]))]).offsets.tolist() == [0, 4, 7]


def test_sequences_of_numbers_share_one_step():
    panel = check_series([table(pd.RangeIndex(20)), table(pd.Index([0, 2, 4, 8]))])
    assert panel.offsets.tolist() == [0, 20, 29]
    labels = pd.MultiIndex.from_arrays([list("uuuvvv"), [0, 1, 3, 5, 7, 8]])
    assert check_series(table(labels)).offsets.tolist() == [0, 4, 8]


def test_a_time_that_does_not_exist_is_passed_over_when_clocks_change():
    index = pd.date_range("2021-03-20 02:30", periods=7, freq="D", tz="Europe/Berlin")
    ahead = after(index, 3)
    assert [f"{time:%d %H:%M}" for time in ahead] == ["27 02:30", "28 03:00", "29 02:30"]


def test_one_and_two_rows_go_on():
    assert after(pd.DatetimeIndex(["2020-01-01"]), 2).tolist() == [1, 2]
    assert after(pd.DatetimeIndex(["2020-01-01 03:00", "2020-01-01 05:00"]), 1)[0] == pd.Timestamp(
        "2020-01-01 07:00"
    )
    assert after(pd.date_range("2020-01-31", periods=1, freq="ME"), 1)[0] == pd.Timestamp(
        "2020-02-29"
    )


IRREGULAR = (
    "The times in the index of X are not multiples of one step: rows are taken as equally spaced. "
    "Resample them if that is not meant."
)


@pytest.mark.parametrize(
    "index",
    [
        pd.DatetimeIndex(
            ["2020-01-01 00:00", "2020-01-01 00:07", "2020-01-01 00:31", "2020-01-01 01:02"]
        ),
        pd.to_timedelta([0, 1.0, 2.1, 3.3, 4.2], unit="s"),
        pd.DatetimeIndex(["2020-01-15", "2020-02-14", "2020-03-15", "2020-04-16"]),
        pd.Index([0, 7, 31, 62]),
        pd.Index([0.0, 1.0, 2.1, 3.3, 4.2]),
        pd.Index([0.0, 1e308, 1.13e308, 1.7e308]),
        pd.Index([-(2**63), 0, 2**63 - 1]),
    ],
)
def test_irregular_times_are_rows_with_a_warning_that_points_at_the_caller(index):
    words = IRREGULAR.replace("times", "numbers") if index.dtype.kind in "if" else IRREGULAR
    with pytest.warns(UserWarning, match=re.escape(words)) as caught:
        assert steps(index) == list(range(len(index)))
    assert caught[0].filename == __file__


def test_irregular_numbers_go_on_by_their_mean_distance():
    with pytest.warns(UserWarning, match="numbers in the index"):
        assert after(pd.Index([0, 7, 31, 62]), 2).tolist() == [83, 104]
    with pytest.warns(UserWarning, match="numbers in the index"):
        assert after(pd.Index([0.0, 1.0, 2.1, 3.3, 4.2]), 1).tolist() == [pytest.approx(5.25)]


def message(X, lengths=None):
    with pytest.raises(ValueError) as caught:
        check_series(X, lengths)
    return str(caught.value)


HOURS = pd.date_range("2020-01-01", periods=5, freq="h")


def test_times_must_be_there_once_each_and_in_order():
    assert message(table(HOURS[[0, 1, 1, 2]])) == (
        "The index of X must not repeat a time; got 2020-01-01 01:00:00 twice."
    )
    assert message(table(HOURS[[0, 2, 1, 3]])) == (
        "The index of X must be sorted by time; got 2020-01-01 01:00:00 after 2020-01-01 02:00:00. Sort it."
    )
    assert message(table(HOURS[::-1])) == (
        "The index of X must be sorted by time; got 2020-01-01 03:00:00 after 2020-01-01 04:00:00. Sort it."
    )
    assert (
        message(table(HOURS.insert(2, pd.NaT)))
        == "The index of X must hold a time in every row; got NaT in row 2."
    )
    assert message([table(HOURS), table(HOURS[[0, 2, 1]])]) == (
        "The index of X[1] must be sorted by time; got 2020-01-01 01:00:00 after 2020-01-01 02:00:00. Sort it."
    )
    assert message(table(HOURS[[0, 1, 2, 0, 0]]), [3, 2]) == (
        "The index of sequence 1 of X must not repeat a time; got 2020-01-01 00:00:00 twice."
    )


def test_numbers_must_be_there_once_each_and_in_order():
    """As rows that were drawn anew, tables put below each other, and joins leave them."""
    assert message(table(pd.Index([4, 2, 3]))) == (
        "The index of X must be sorted by time; got 2 after 4. Sort it, or use reset_index(drop=True) if the rows "
        "are in the order of time."
    )
    assert message(table(pd.Index([0, 1, 0, 1]))) == (
        "The index of X must not repeat a time; got 0 twice. Give several sequences as a list, or one after "
        "reset_index(drop=True)."
    )
    assert message(table(pd.Index([0.0, np.nan, 1.0]))) == (
        "The index of X must hold a time in every row; got nan in row 1."
    )
    assert message(table(pd.Index([0.0, 1.0, np.inf]))) == (
        "The index of X must hold finite times; got inf in row 2."
    )
    assert message(table(pd.Index([1, 2, 3_000_000]))) == (
        "The index of X must not skip more than 50 times its rows; got 2999997 steps skipped after 2. Split X into "
        "sequences there, or use reset_index(drop=True) if its numbers are no times."
    )
    # With the number of rows of each sequence, tables below each other are sequences.
    assert check_series(table(pd.Index([0, 1, 0, 1])), lengths=[2, 2]).offsets.tolist() == [0, 2, 4]


def two_level(labels, times):
    return table(pd.MultiIndex.from_arrays([labels, pd.Index(times, dtype=object)]))


def test_the_time_level_of_two_must_be_ordered_whatever_it_holds():
    labels = list("uuuv")
    assert message(two_level(labels, [0, 1, 1, 0])) == (
        "The index of sequence 'u' of X must not repeat a time; got 1 twice."
    )
    assert message(two_level(labels, [0, 2, 1, 0])) == (
        "The index of sequence 'u' of X must be sorted by time; got 1 after 2. Sort it."
    )
    assert message(two_level(labels, [0, np.nan, 1, 0])) == (
        "The index of sequence 'u' of X must hold a time in every row; got nan in row 1."
    )
    assert message(two_level(labels, [0, "a", 1, 0])) == (
        "The index of sequence 'u' of X must hold times of one kind; got mixed-integer ones."
    )


def test_a_giant_skip_is_refused_before_it_fills_the_memory():
    index = HOURS.append(HOURS + pd.Timedelta(days=2000))
    assert message(table(index)) == (
        "The index of X must not skip more than 50 times its rows; got 47995 steps skipped after 2020-01-01 04:00:00. "
        "Split X into sequences there."
    )


def test_names_beside_the_data_of_xarray_are_no_variables():
    xarray = pytest.importorskip("xarray")
    hours = pd.date_range("2024-01-01", periods=8, freq="h").delete(3)
    given = xarray.Dataset(
        {"a": ("time", np.arange(7.0) % 3)}, coords={"time": hours, "station": "Ulm"}
    )
    panel = check_series(given)
    assert list(panel.columns) == ["a"]
    assert panel.rows.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_tables_of_other_libraries_are_taken_with_their_dates():
    pyarrow = pytest.importorskip("pyarrow")
    hours = pd.date_range("2024-01-01", periods=8, freq="h").delete(3)
    given = pyarrow.table({"when": hours, "a": np.arange(7.0) % 3})
    panel = check_series(given)
    assert list(panel.columns) == ["a"]
    assert panel.rows.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_tables_that_cannot_become_those_of_pandas_are_refused_in_one_sentence():
    def to_pandas(self):
        raise ImportError("pyarrow is required")

    frame = type(
        "DataFrame", (), {"__module__": "polars.dataframe.frame", "to_pandas": to_pandas}
    )()
    with pytest.raises(
        TypeError, match=r"got a polars DataFrame \(pyarrow is required\)\. Use X\.to_pandas\(\)\."
    ):
        check_series(frame)
