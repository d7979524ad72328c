"""Columns of classes: what they are taken for, what comes back, and what is said where they do not fit."""

import pickle

import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE
from tsinit.plots import imputed, imputed_chains, imputed_density, imputed_rhat

QUICK = {"n_tune": 10, "n_draws": 30, "n_chains": 2, "n_imputations": 3, "random_state": 0}
KINDS = {"x": "continuous", "yes": "binary", "grade": "ordinal", "colour": "categorical"}


def table(T=120, seed=3):
    """Numbers, flags, grades and words that go with one slow wave; every column has gaps."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(T) / 6.0)[:, None] + 0.5 * rng.standard_normal((T, 4))
    words = np.array(["green", "red", "blue"])[np.digitize(wave[:, 3], [-0.5, 0.5])]
    frame = pd.DataFrame(
        {
            "x": wave[:, 0],
            "yes": pd.array(wave[:, 1] > 0.2, dtype="boolean"),
            "grade": pd.Categorical(
                np.array(["low", "mid", "high", "top"])[np.digitize(wave[:, 2], [-0.6, 0.1, 0.7])],
                categories=["none", "low", "mid", "high", "top"],
                ordered=True,
            ),
            "colour": words,
        },
        index=pd.date_range("2024-01-01", periods=T, freq="D"),
    )
    return frame.mask(rng.random(frame.shape) < 0.2)


@pytest.fixture(scope="module")
def frame():
    return table()


@pytest.fixture(scope="module")
def model(frame):
    return TBayesMICE(**QUICK).fit(frame)


def test_dtypes_say_what_columns_hold(model, frame):
    assert dict(model.kinds_["kind"]) == KINDS
    assert model.kinds_["classes"]["grade"] == ["low", "mid", "high", "top"]  # those observed
    assert dict(model.diagnostics_["kind"]) == KINDS
    assert list(model.diagnostics_["missing"]) == list(frame.isna().sum())


def test_complete_tables_have_the_dtypes_and_the_observed_cells(model, frame):
    for done in [model.transform(frame), *model.impute(3)]:
        assert list(done.dtypes) == list(frame.dtypes)
        assert not done.isna().any(axis=None)
        for name in frame:
            seen = frame[name].notna()
            assert (done[name][seen] == frame[name][seen]).all()


def test_imputed_tables_differ_in_the_classes(model, frame):
    first, second = model.impute(2)
    for name in ("yes", "grade", "colour"):
        assert (first[name] != second[name])[frame[name].isna()].any()


def test_intervals_of_ordered_classes_are_classes_and_unordered_ones_have_none(model, frame):
    lower, upper = model.interval(0.8)
    gap = frame["grade"].isna()
    assert (lower["grade"] <= upper["grade"]).all()
    assert (lower["grade"] < upper["grade"])[gap].any()
    assert lower["colour"].isna().equals(frame["colour"].isna())
    assert not lower["yes"].isna().any()


@pytest.mark.parametrize("name", ["yes", "grade", "colour"])
def test_probabilities_are_the_shares_of_the_draws(model, frame, name):
    found = model.class_probabilities(name)
    assert list(found.columns) == ["time", "class", "probability"]
    wide = found.pivot(index="time", columns="class", values="probability")
    np.testing.assert_allclose(wide.sum(axis=1), 1.0)
    assert list(wide.index) == list(frame.index[frame[name].isna()])
    likely = wide.idxmax(axis=1).astype(object)
    filled = model.transform(frame).loc[wide.index, name].astype(object)
    share = wide.max(axis=1).to_numpy()
    taken = [wide.loc[time, filled[time]] for time in wide.index]
    np.testing.assert_array_equal(taken, share)  # equals may be told apart otherwise
    assert (likely == filled).mean() > 0.9


def test_new_rows_are_filled_with_classes(model):
    new = table(40, seed=8)
    done = model.transform(new)
    assert list(done.dtypes) == list(new.dtypes)
    assert not done.isna().any(axis=None)
    found = model.class_probabilities("colour", new)
    assert len(found) == 3 * new["colour"].isna().sum()
    empty = new.assign(colour=pd.array([None] * len(new), dtype=new["colour"].dtype))
    assert model.transform(empty)["colour"].isin(["green", "red", "blue"]).all()


def test_a_class_that_the_fit_has_not_seen_is_refused(model):
    new = table(20, seed=8)
    new.iloc[3, 3] = "violet"
    message = (
        r"X must hold classes that the fit has seen in column 'colour', \['blue', 'green', 'red'\]; "
        r"got 'violet' in row 3\."
    )
    with pytest.raises(ValueError, match=message):
        model.transform(new)


def test_several_sequences_and_a_pickled_model(frame):
    parts = [frame[:70], frame[70:]]
    model = pickle.loads(pickle.dumps(TBayesMICE(**QUICK).fit(parts)))
    done = model.transform(parts)
    for part, filled in zip(parts, done, strict=True):
        assert list(filled.dtypes) == list(part.dtypes)
        assert not filled.isna().any(axis=None)
    assert list(model.class_probabilities("yes").columns) == [
        "time",
        "sequence",
        "class",
        "probability",
    ]


def test_objects_flags_and_numbers_that_are_called_classes():
    rng = np.random.default_rng(0)
    flags = np.where(rng.random(60) < 0.5, True, False).astype(object)
    flags[::7] = None
    codes = rng.integers(1, 4, 60).astype(float)
    codes[::5] = np.nan
    frame = pd.DataFrame({"flag": flags, "code": codes, "x": rng.standard_normal(60)})
    model = TBayesMICE(**QUICK, kinds={"code": "categorical"}).fit(frame)
    done = model.impute(1)[0]
    assert list(model.kinds_["kind"]) == ["binary", "categorical", "continuous"]
    assert list(done.dtypes) == list(frame.dtypes)
    assert set(done["flag"]) == {True, False}
    assert set(done["code"]) == {1.0, 2.0, 3.0}
    X = frame[["code", "x"]].to_numpy()
    filled = TBayesMICE(**QUICK, kinds={0: "ordinal"}).fit_transform(X)
    assert set(filled[:, 0]) == {1.0, 2.0, 3.0}


def test_whole_numbers_of_few_values_are_classes_where_they_have_gaps():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "two": rng.integers(0, 2, 60),
            "four": rng.integers(0, 4, 60),
            "x": rng.standard_normal(60),
        }
    ).astype({"two": "Int64", "four": "Int64"})
    assert list(TBayesMICE(**QUICK).fit(frame).kinds_["kind"]) == ["continuous"] * 3
    frame.iloc[::7, :2] = pd.NA
    model = TBayesMICE(**QUICK).fit(frame)
    assert list(model.kinds_["kind"]) == ["binary", "ordinal", "continuous"]
    assert list(model.transform(frame).dtypes) == list(frame.dtypes)


def test_a_column_of_one_class_is_filled_with_it(frame):
    only = frame.assign(colour=frame["colour"].where(frame["colour"] == "red"))
    only["colour"] = only["colour"].astype("category")
    with pytest.warns(UserWarning, match="'colour' of X holds one value only, 'red', in"):
        model = TBayesMICE(**QUICK).fit(only)
    assert (model.transform(only)["colour"] == "red").all()
    assert set(model.class_probabilities("colour")["probability"]) == {1.0}


def test_gaps_that_stay_open_are_missing(frame):
    wide = frame.copy()
    wide.iloc[30:45, 1:] = pd.NA
    done = TBayesMICE(**QUICK, max_gap=8).fit_transform(wide)
    assert done["colour"].iloc[30:45].isna().all()
    assert done["yes"].iloc[30:45].isna().all()
    assert list(done.dtypes) == list(wide.dtypes)


@pytest.mark.parametrize("strategy", ["seasonal", "knn", "uniform", "auto"])
def test_every_start_gives_classes(frame, strategy):
    model = TBayesMICE(**QUICK, init=strategy).fit(frame)
    codes = model.start_[..., 1:]
    assert (codes == np.rint(codes)).all()
    assert (codes >= 0).all()
    assert (codes.max(axis=(0, 1)) <= [1, 3, 2]).all()
    assert not model.transform(frame).isna().any(axis=None)


def test_plots_and_arviz_have_columns_of_classes(model):
    import matplotlib.pyplot as plt

    for plot in (imputed, imputed_chains, imputed_rhat, imputed_density):
        plot(model)
    plt.close("all")
    tree = model.to_datatree()
    assert tree["posterior"]["cell"].shape[2] == model.draws_.shape[2]
    assert set(np.unique(model.posterior_.column_draws(3))) <= {0.0, 1.0, 2.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "var"}, r"method must be 'fcs' or 'auto' where columns hold classes; got .*\."),
        ({"noise": "student_t"}, r"noise must be 'normal' where columns hold classes; got 'student_t'.*\."),
        ({"bounds": {"yes": (0, 1)}}, r"bounds must name columns of numbers; got 'yes', which was taken .*\."),
        ({"transforms": {"grade": "log"}}, r"transforms must name columns of numbers; got 'grade', .*\."),
        ({"kinds": {"colour": "binary"}}, r"kinds\['colour'\]='binary' must go with two classes; got \['blue', .*\."),
        ({"kinds": {"colour": "ordinal"}}, r"kinds\['colour'\]='ordinal' must go with an ordered category or .*\."),
    ],
)  # fmt: skip
def test_what_does_not_go_with_classes_is_refused_in_one_sentence(frame, options, message):
    with pytest.raises(ValueError, match=message):
        TBayesMICE(**QUICK | options).fit(frame)


def test_too_many_classes_and_a_column_without_any_are_refused(frame, model):
    many = frame.assign(colour=pd.Categorical([f"c{i % 15}" for i in range(len(frame))]))
    with pytest.raises(ValueError, match=r"Column 'colour' must have at most 12 classes; got 15\."):
        TBayesMICE(**QUICK).fit(many)
    with pytest.raises(
        ValueError, match=r"column must be one of those with classes, .*; got 'x'\."
    ):
        model.class_probabilities("x")
