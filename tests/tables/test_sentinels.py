"""Numbers that stand for missing values are found, and ordinary ones are left in peace."""

import numpy as np
import pandas as pd
import pytest

from tsinit import read_table
from tsinit.tables.missing import find_sentinels

RNG = np.random.default_rng(0)
TEMPERATURE = (12 + 6 * np.sin(np.arange(200) / 4) + RNG.normal(size=200)).round(1)
RAIN = np.where(RNG.random(200) < 0.6, 0.0, RNG.gamma(1, 4, 200).round(1))
SUN = np.maximum(0, 800 * np.sin(np.arange(200) / 4) + RNG.normal(0, 20, 200)).round()
PRESSURE = (1013 + RNG.normal(0, 6, 200)).round(1)
COUNTS = RNG.poisson(3.0, 200).astype(float)
FLOW = (1000 * np.exp(RNG.normal(size=200))).round(1)
WIND = (8 * np.abs(RNG.normal(size=200))).round(1)


def _with(values, sentinel, rows):
    values = values.copy()
    values[list(rows)] = sentinel
    return values


def _found(values):
    return [sentinel.value for sentinel in find_sentinels(pd.DataFrame({"x": values}))]


@pytest.mark.parametrize(
    ("values", "sentinel"),
    [
        *[(TEMPERATURE, value) for value in (-200, -999, -9999, 99.9, 9999, 999.9, -99, 1e20)],
        *[(SUN, value) for value in (-999, -9999, -200)],
        (FLOW, -9999), (PRESSURE, -999), (PRESSURE, 9999), (WIND, 99.9), (WIND, -99), (COUNTS, 999), (COUNTS, 99),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rows", [[7], [3, 4, 5, 80, 81, 140]])
@pytest.mark.parametrize("blanks", [False, True])
def test_sentinels_are_found_once_or_often_alone_or_beside_blanks(values, sentinel, rows, blanks):
    values = _with(values, sentinel, rows)
    if blanks:
        values[20:30] = np.nan
    assert _found(values) == [sentinel]


def test_small_ones_are_found_where_they_come_often():
    assert _found(_with(60 + COUNTS, -1, [3, 9, 50])) == [-1]
    assert _found(_with(60 + COUNTS, -1, [3])) == [-1]  # below zero, and all others far above
    assert _found(_with(TEMPERATURE, -1, [3, 9])) == []
    assert _found(_with(PRESSURE, -9, [3, 9, 50])) == [-9]


def test_infinite_numbers_are_asked_for():
    assert _found(_with(_with(TEMPERATURE, np.inf, [3]), -np.inf, [4])) == [-np.inf, np.inf]


def test_several_do_not_hide_each_other():
    assert sorted(_found(_with(_with(TEMPERATURE, -999, [1, 2]), 9999, [5, 9]))) == [-999, 9999]


@pytest.mark.parametrize(
    "values",
    [TEMPERATURE, RAIN, SUN, PRESSURE, COUNTS, FLOW, WIND, np.arange(200.0), RNG.integers(0, 2, 200), np.zeros(200),
     RNG.choice([1.0, 2.0, 9.0], 200), _with(TEMPERATURE, 24.9, [5]), np.repeat(1000.0, 200), -COUNTS,
     100 * RNG.random(200).round(3)],
)  # fmt: skip
def test_ordinary_values_are_left_in_peace(values):
    assert _found(np.asarray(values, dtype=float)) == []


def test_zeros_where_a_column_is_never_near_zero_stand_for_missing_ones():
    assert _found(_with(PRESSURE, 0, [5])) == [0]
    assert _found(_with(10 + TEMPERATURE, 0, range(30, 40))) == [0]
    assert _found(_with(RAIN, 0, range(30, 40))) == []


def test_a_value_that_is_ordinary_elsewhere_is_named_with_its_column(tmp_path):
    path = tmp_path / "table.csv"
    table = pd.DataFrame({"rain": RAIN, "pressure": _with(PRESSURE, 0, [5, 6, 7])})
    table.to_csv(path, index=False)
    with pytest.raises(
        ValueError,
        match=r"column 'pressure' \(3 times\), first in line 7.* use --missing=pressure=0;",
    ):
        read_table(path)
    for missing in ("pressure=0", {"pressure": 0}, ["pressure=0"]):
        found = read_table(path, missing=missing)
        assert found.isna().sum().to_dict() == {"rain": 0, "pressure": 3}
    assert read_table(path, missing="keep").notna().all(axis=None)
