"""What columns are taken for, and the dtypes in which they come back."""

import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE

QUICK = {"n_tune": 5, "n_draws": 20, "n_chains": 2, "n_imputations": 3, "random_state": 0}


@pytest.fixture(scope="module")
def floats():
    """Levels of three columns, the first of which is whole."""
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.standard_normal((80, 3)), axis=0)
    frame = pd.DataFrame(walk, columns=["n", "x", "z"])
    frame["n"] = np.rint(10 * frame["n"])
    return frame.mask(rng.random(frame.shape) < 0.2)


def tables_of(model, X):
    return [model.transform(X), *model.interval(0.9), *model.impute(2)]


@pytest.mark.parametrize("dtype", ["Int64", "Int16", "Float32", "Float64", "float32"])
def test_columns_come_back_in_their_dtype_and_observed_cells_as_they_were(floats, dtype):
    frame = floats.astype({"n": dtype})
    model = TBayesMICE(**QUICK).fit(frame)
    seen = frame["n"].notna()
    for table in tables_of(model, frame):
        assert list(table.dtypes.astype(str)) == [dtype, "float64", "float64"]
        assert (table["n"][seen] == frame["n"][seen]).all()
        assert not table.isna().any(axis=None)
    assert list(model.kinds_["dtype"]) == [dtype, "float64", "float64"]
    assert list(model.diagnostics_["kind"]) == ["continuous"] * 3


def test_dtypes_do_not_change_what_is_drawn(floats):
    model, typed = (TBayesMICE(**QUICK).fit(X) for X in (floats, floats.astype({"n": "Int64"})))
    np.testing.assert_array_equal(model.draws_, typed.draws_)
    whole = np.rint(model.transform(floats)["n"])
    np.testing.assert_array_equal(
        typed.transform(floats.astype({"n": "Int64"}))["n"].to_numpy(dtype=float), whole
    )


def test_whole_numbers_stay_within_their_dtype_and_are_exact_beyond_floats():
    rng = np.random.default_rng(0)
    small = pd.array(rng.integers(120, 128, 60), dtype="Int8")
    large = pd.array(2**62 + rng.integers(0, 9, 60), dtype="Int64")
    frame = pd.DataFrame({"small": small, "large": large, "x": rng.standard_normal(60)})
    frame.loc[::7, "small"] = pd.NA
    model = TBayesMICE(**QUICK).fit(frame)
    for table in tables_of(model, frame):
        assert table["small"].between(-128, 127).all()
        assert (table["large"] == frame["large"]).all()


def test_an_array_of_small_floats_comes_back_as_one(floats):
    X = floats.to_numpy(dtype=np.float32)
    model = TBayesMICE(**QUICK).fit(X)
    for table in tables_of(model, X):
        assert table.dtype == np.float32
        np.testing.assert_array_equal(table[~np.isnan(X)], X[~np.isnan(X)])


def test_every_sequence_comes_back_in_its_dtypes(floats):
    parts = [floats[:40].astype({"n": "Int64"}), floats[40:].astype({"x": "float32"})]
    filled = TBayesMICE(**QUICK).fit_transform(parts)
    for part, table in zip(parts, filled, strict=True):
        assert list(table.dtypes) == list(part.dtypes)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ("continuos", r"kinds must be 'auto' or a dict of column name to one of \[.*\]; got 'continuos'\."),
        ({"q": "continuous"}, r"kinds must name columns of X, \['n', 'x', 'z'\]; got 'q'\."),
        (
            {"x": "continuos"},
            r"kinds\['x'\] must be one of \[.*\]; got 'continuos'\. Did you mean 'continuous'\?",
        ),
    ],
)  # fmt: skip
def test_wrong_kinds_are_refused_in_one_sentence(floats, kinds, message):
    with pytest.raises(ValueError, match=message):
        TBayesMICE(**QUICK, kinds=kinds).fit(floats)
