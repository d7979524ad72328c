"""One table in every dialect: the same numbers and times, or a sentence that says what is in doubt."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables.dialects import air, text_of

from tsinit import read_table

TABLE = air(60)
HOURS = TABLE.index
_SERIAL = (HOURS - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
#: Ways to write the times of the table, and whether the rows keep their dates.
CLOCKS = {
    "iso": HOURS.strftime("%Y-%m-%d %H:%M:%S"),
    "T and Z": HOURS.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "offset": HOURS.strftime("%Y-%m-%d %H:%M+01:00"),
    "points": HOURS.strftime("%d.%m.%Y %H:%M"),
    "day/month": HOURS.strftime("%d/%m/%Y %H:%M"),
    "month/day": HOURS.strftime("%m/%d/%Y %H:%M"),
    "a.m. and p.m.": HOURS.strftime("%m/%d/%Y %I:%M:%S %p"),
    "words": HOURS.strftime("%d %b %Y %H:%M"),
    "midnight left out": [f"{t:%Y-%m-%d}" if t.hour == 0 else f"{t:%Y-%m-%d %H:%M}" for t in HOURS],
    "24:00": [f"{t - pd.Timedelta(days=1):%Y-%m-%d} 24:00" if t.hour == 0 else f"{t:%Y-%m-%d %H:%M}" for t in HOURS],
    "compact": HOURS.strftime("%Y%m%d%H%M"),
    "compact to seconds": HOURS.strftime("%Y%m%d%H%M%S"),
    "compact to hours": HOURS.strftime("%Y%m%d%H"),
    "seconds": (HOURS - pd.Timestamp(0)) // pd.Timedelta("1s"),
    "milliseconds": (HOURS - pd.Timestamp(0)) // pd.Timedelta("1ms"),
    "spreadsheet": [f"{value:.5f}" for value in _SERIAL],
    "date and hour": {"day": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.hour},
    "date and hour to 24": {
        "day": (HOURS - pd.Timedelta("1h")).strftime("%d.%m.%Y"), "hour": (HOURS.hour - 1) % 24 + 1,
    },
    "date and clock": {"Date": HOURS.strftime("%d/%m/%Y"), "Time": HOURS.strftime("%H.%M.%S")},
    "date and clock without colon": {"date": HOURS.strftime("%Y%m%d"), "hhmm": HOURS.strftime("%H%M")},
    "parts": {"year": HOURS.year, "month": HOURS.month, "day": HOURS.day, "hour": HOURS.hour},
    "day of the year": {"YEAR": HOURS.year, "DOY": HOURS.day_of_year, "HH": HOURS.hour},
    "count": range(60),
    "seconds from 0": range(0, 216_000, 3600),
}  # fmt: skip
UNDATED = ("count", "seconds from 0")
#: Spellings of missing values that are known, that must be named, and numbers that stand for them.
KNOWN, WORDS, SENTINELS = (
    ["", "NA", "NaN", "null", "-", "?", "#N/A"],
    ["n.d.", "--", "missing"],
    ["-200", "-999.0", "9999"],
)
SEPARATORS = [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), (",", ",")]
NUMBERS = {
    "plain": lambda decimal: lambda value: f"{value:.2f}".replace(".", decimal),
    "signed": lambda decimal: (
        lambda value: f"{value:+.2f}".replace(".", decimal).replace("-", "\u2212")
    ),
    "exponent": lambda decimal: lambda value: f"{value:.6e}".replace(".", decimal),
    "per cent": lambda decimal: lambda value: f"{value:.2f}%".replace(".", decimal),
    "unit": lambda decimal: lambda value: f"{value:.2f} mg/l".replace(".", decimal),
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]
HEADS = ["", "# Station: Köln\n# exported\n", "Station Köln\n\n"]

dialects = st.fixed_dictionaries(
    {
        "clock": st.sampled_from(list(CLOCKS)),
        "signs": st.sampled_from(SEPARATORS),
        "missing": st.sampled_from(KNOWN + WORDS + SENTINELS),
        "number": st.sampled_from(list(NUMBERS)),
        "encoding": st.sampled_from(ENCODINGS),
        "head": st.sampled_from(HEADS),
        "end": st.sampled_from(["\n", "\r\n"]),
    }
)


def _written(folder, dialect):
    separator, decimal = dialect["signs"]
    number = NUMBERS[dialect["number"]](decimal)
    if dialect["encoding"] == "cp1252":
        number = NUMBERS["plain" if dialect["number"] == "signed" else dialect["number"]](decimal)
    times = CLOCKS[dialect["clock"]]
    if dialect["clock"] == "spreadsheet":
        times = [time.replace(".", decimal) for time in times]
    text = text_of(
        TABLE, separator=separator, times=times, number=number, end=dialect["end"],
        missing=dialect["missing"].replace(".", decimal) if dialect["missing"] in SENTINELS else dialect["missing"],
    )  # fmt: skip
    path = folder / "table.csv"
    path.write_bytes(
        (dialect["head"].replace("\n", dialect["end"]) + text).encode(dialect["encoding"])
    )
    return path


@settings(max_examples=60, deadline=None, derandomize=True)
@given(dialect=dialects)
def test_one_table_in_any_dialect_is_one_table(tmp_path_factory, dialect):
    path = _written(tmp_path_factory.mktemp("dialect"), dialect)
    missing = dialect["missing"]
    if missing in WORDS + SENTINELS:
        value = missing if missing in WORDS else f"{float(missing):g}"
        with pytest.raises(ValueError, match=f"use --missing={value}"):
            read_table(path)
        table = read_table(path, missing=value)
    else:
        table = read_table(path)
    np.testing.assert_allclose(table.to_numpy(), TABLE.to_numpy(), rtol=1e-6)
    if dialect["clock"] in UNDATED:
        assert np.diff(table.index).tolist() == [table.index[1]] * 59
    else:
        times = table.index if table.index.tz is None else table.index.tz_localize(None)
        assert (times == HOURS).all()
        assert table.step == pd.Timedelta("1h")
    assert list(table.columns) == list(TABLE.columns)


@pytest.mark.parametrize("clock", list(CLOCKS))
def test_every_clock_has_its_steps_and_its_holes(clock, tmp_path):
    times = CLOCKS[clock]
    kept = np.delete(np.arange(60), [7, 8, 30])
    part = {name: np.asarray(texts)[kept] for name, texts in times.items()} if isinstance(times, dict) else (
        np.asarray(times)[kept])  # fmt: skip
    path = tmp_path / "table.csv"
    path.write_text(text_of(TABLE.iloc[kept], times=part, name="t"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_table(path)
    assert table.n_absent == 3
    assert any(note.startswith("3 of 60 ") for note in table.notes)
    whole = read_table(path, regular=True)
    np.testing.assert_array_equal(whole.to_numpy()[kept], TABLE.to_numpy()[kept])
    assert len(whole) == 60
    assert whole.iloc[[7, 8, 30]].isna().all(axis=None)
    assert list(table.columns) == list(TABLE.columns)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["3,025", "3,128", "4,100"], "column 'x' must hold numbers that can be read one way only; got '3,025'"),
        (["1", "2", "-999", "4", "1", "2"], "-999 stands far"),
        (["1", "2", "n.d.", "4"], "use --missing=n.d."),
    ],
)  # fmt: skip
def test_what_is_in_doubt_is_asked_for(texts, sentence, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x\ty\n" + "".join(f"{text}\t{i % 3}\n" for i, text in enumerate(texts)))
    with pytest.raises(ValueError, match=sentence):
        read_table(path)


def test_a_sign_of_decimals_settles_what_is_in_doubt(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x\ty\n3,025\t1\n3,128\t0\n")
    assert read_table(path, decimal=",")["x"].tolist() == [3.025, 3.128]
    assert read_table(path, decimal=".")["x"].tolist() == [3025, 3128]
