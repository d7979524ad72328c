"""What the state-space model takes: every form of the same data gives the same fit, and results in that form."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsinit import LinearGaussianSSM
from tsinit.init import Subspace

RNG = np.random.default_rng(0)
PARAMS = random_params(RNG, 2, 3)
Y = with_gaps(RNG, np.round(simulate(PARAMS, 120, RNG)[1], 2), 0.1, rows=0.05)
HOURS = pd.date_range("2021-03-27", periods=120, freq="h", tz="Europe/Berlin", name="when")
FRAME = pd.DataFrame(Y, columns=["a", "b", "c"], index=HOURS)
STATES = ["state0", "state1"]


def model(**changes):
    return LinearGaussianSSM(2, max_iter=6, random_state=0).set_params(**changes)


def assert_same_fit(a, b, rtol=0.0):
    np.testing.assert_allclose(a.history_, b.history_, rtol=rtol, atol=0.0)
    for one, other in zip(a.params_, b.params_, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def read_only():
    y = np.asfortranarray(Y)
    y.flags.writeable = False
    return y


@pytest.mark.parametrize(
    "X",
    [Y.tolist(), read_only(), np.repeat(Y, 2, axis=0)[::2], Y.astype(object), FRAME, FRAME.reset_index(drop=True),
     FRAME.astype("Float64"), FRAME.astype(object), [Y], [FRAME]],
    ids=["lists", "Fortran, read-only", "strided", "object", "frame", "no times", "nullable", "object frame",
         "list", "list of frames"],
)  # fmt: skip
def test_every_form_gives_the_same_fit(X):
    assert_same_fit(model().fit(X), model().fit(Y))


def test_single_precision_whole_numbers_and_flags_are_numbers():
    assert_same_fit(
        model().fit(Y.astype(np.float32)), model().fit(Y.astype(np.float32).astype(float))
    )
    counts = RNG.poisson(4.0, (60, 2))
    for X in (pd.DataFrame(counts).astype("Int64"), counts.astype(np.uint8)):
        assert_same_fit(model().fit(X), model().fit(counts.astype(float)))
    assert_same_fit(model().fit(counts > 3), model().fit((counts > 3).astype(float)))


def test_a_series_is_one_column():
    assert_same_fit(model().fit(FRAME["a"]), model().fit(Y[:, :1]))


@pytest.mark.parametrize(
    ("X", "lengths"),
    [
        ([Y[:50], Y[50:60], Y[60:]], None),
        ([FRAME[:50], FRAME[50:60], FRAME[60:]], None),
        (Y, [50, 10, 60]),
        (FRAME, np.array([50, 10, 60])),
        (
            FRAME.set_index(
                pd.MultiIndex.from_arrays([["u"] * 50 + ["v"] * 10 + ["w"] * 60, range(120)])
            ),
            None,
        ),
    ],
    ids=["list", "frames", "lengths", "lengths of a frame", "two levels"],
)
def test_several_sequences_of_every_form_give_the_same_fit(X, lengths):
    plain = model().fit(Y, lengths=[50, 10, 60])
    fitted = model().fit(X, lengths=lengths)
    assert_same_fit(fitted, plain)
    assert fitted.score(X, lengths=lengths) == plain.score(Y, lengths=[50, 10, 60])
    assert fitted.log_likelihood_ != model().fit(Y).log_likelihood_


def test_a_frame_gives_frames_with_its_index_and_columns():
    fitted = model().fit(FRAME)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    for states in (fitted.transform(FRAME), fitted.fit_transform(FRAME), fitted.smooth(FRAME).means,
                   fitted.filter(FRAME).means, fitted.smooth(FRAME).standard_deviations):  # fmt: skip
        pd.testing.assert_index_equal(states.index, HOURS)
        assert states.columns.tolist() == STATES
    for table in (fitted.impute(FRAME), *fitted.impute(FRAME, return_std=True)):
        pd.testing.assert_index_equal(table.index, HOURS)
        assert table.columns.tolist() == ["a", "b", "c"]
        assert table.notna().all(axis=None)
    ahead = fitted.forecast(3).means
    pd.testing.assert_index_equal(
        ahead.index, pd.date_range(HOURS[-1], periods=4, freq="h", name="when")[1:]
    )
    assert ahead.columns.tolist() == ["a", "b", "c"]
    pd.testing.assert_frame_equal(fitted.forecast(3, FRAME).means, ahead)


def test_a_list_gives_lists_and_two_levels_give_two_levels():
    parts, arrays = [FRAME[:50], FRAME[50:]], [Y[:50], Y[50:]]
    fitted = model().fit(parts)
    for states in (fitted.transform(parts), fitted.fit_transform(parts), fitted.smooth(parts).means,
                   fitted.smooth(parts).standard_deviations):  # fmt: skip
        assert [len(part) for part in states] == [50, 70]
        pd.testing.assert_index_equal(states[1].index, HOURS[50:])
    assert [c.shape for c in fitted.smooth(parts).covariances] == [(50, 2, 2), (70, 2, 2)]
    assert [part.shape for part in model().fit(arrays).impute(arrays)] == [(50, 3), (70, 3)]
    long = pd.concat(parts, keys=["u", "v"])
    pd.testing.assert_index_equal(fitted.transform(long).index, long.index)
    # Only the last sequence goes on.
    pd.testing.assert_index_equal(
        fitted.forecast(2, long).means.index, fitted.forecast(2, parts).means.index
    )


def test_set_output_names_the_states_and_leaves_lists_as_they_are():
    named = model().set_output(transform="pandas").fit(Y)
    assert named.transform(Y).columns.tolist() == STATES
    assert named.fit_transform(Y).columns.tolist() == STATES
    first, second = named.fit_transform([Y[:50], Y[50:]])
    assert isinstance(first, np.ndarray)
    assert second.shape == (70, 2)
    assert named.get_feature_names_out().tolist() == STATES


def test_it_works_behind_a_scaler_and_units_do_not_matter():
    pipe = make_pipeline(StandardScaler(), model()).set_output(transform="pandas").fit(FRAME)
    states = pipe.transform(FRAME)
    assert states.columns.tolist() == STATES
    plain = model().fit(FRAME)
    np.testing.assert_allclose(states, plain.transform(FRAME), atol=1e-8)
    scale = np.log(np.nanstd(Y, axis=0)) @ (~np.isnan(Y)).sum(axis=0)
    assert pipe[-1].log_likelihood_ == pytest.approx(plain.log_likelihood_ + scale, rel=1e-10)


def test_parameters_of_the_strategy_can_be_searched():
    grid = {"init__n_block_rows": [4, 6], "n_states": [1, 2]}
    search = GridSearchCV(model(init=Subspace()), grid, cv=TimeSeriesSplit(3)).fit(Y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 4
    again = clone(search.best_estimator_).fit(Y)
    assert_same_fit(again, search.best_estimator_)


def test_it_can_be_cloned_copied_and_pickled():
    fitted = model(init=Subspace(n_block_rows=5)).fit(FRAME)
    fresh = clone(fitted)
    assert not hasattr(fresh, "params_")
    assert fresh.get_params()["init__n_block_rows"] == 5
    assert_same_fit(fresh.fit(FRAME), fitted)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        pd.testing.assert_frame_equal(other.transform(FRAME), fitted.transform(FRAME))
        pd.testing.assert_frame_equal(other.forecast(2).means, fitted.forecast(2).means)
        assert other.bic() == fitted.bic()
    assert "LinearGaussianSSM" in repr(fitted)


def test_fit_changes_neither_the_data_nor_the_parameters_nor_the_start():
    y, frame, start = Y.copy(), FRAME.copy(), copy.deepcopy(PARAMS)
    lengths = [60, 60]
    fitted = model(init=start)
    before = {name: copy.deepcopy(value) for name, value in fitted.get_params().items()}
    fitted.fit(y, lengths=lengths).fit(frame)
    assert fitted.init is start
    for name, value in fitted.get_params().items():
        assert repr(value) == repr(before[name])
    for one, other in zip(start, PARAMS, strict=True):
        np.testing.assert_array_equal(one, other)
    for X in (frame, y):
        fitted.fit(X)
        for ask in (fitted.transform, fitted.impute, fitted.smooth, fitted.filter, fitted.score):
            ask(X)
        fitted.forecast(3, X)
    np.testing.assert_array_equal(y, Y)
    pd.testing.assert_frame_equal(frame, FRAME)
    assert lengths == [60, 60]
    # What it hands back is the user's: writing there changes nothing inside.
    fitted.impute(y)[:] = 0.0
    np.testing.assert_array_equal(y, Y)


def test_a_function_that_writes_into_its_data_harms_nobody():
    def careless(y, rng):
        y[:] = 0.0
        return PARAMS

    assert_same_fit(model(init=careless).fit(Y), model(init=PARAMS).fit(Y))


GIVEN = np.r_[0:20, 23:60, 61:118]


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2021-03-27", periods=118, freq="h", tz="Europe/Berlin"),
        pd.date_range("2021-03-01", periods=118, freq="D", tz="America/New_York"),
        pd.date_range("2010-01-31", periods=118, freq="ME"),
        pd.bdate_range("2021-03-01", periods=118),
        pd.period_range("2021-03", periods=118, freq="M"),
        pd.timedelta_range("0s", periods=118, freq="10ms"),
    ],
    ids=[
        "hours",
        "days across a change of clocks",
        "months",
        "working days",
        "periods",
        "durations",
    ],
)
def test_skipped_steps_are_rows_of_missing_values(index):
    by_hand = Y[:118].copy()
    by_hand[np.setdiff1d(np.arange(118), GIVEN)] = np.nan
    given = pd.DataFrame(Y[GIVEN], index=index[GIVEN], columns=["a", "b", "c"])
    filled, skipped = model().fit(by_hand), model().fit(given)
    assert_same_fit(skipped, filled)
    assert skipped.score(given) == filled.score(by_hand)
    np.testing.assert_array_equal(skipped.transform(given), filled.transform(by_hand)[GIVEN])
    np.testing.assert_array_equal(skipped.impute(given), filled.impute(by_hand)[GIVEN])
    np.testing.assert_array_equal(
        skipped.smooth(given).covariances, filled.smooth(by_hand).covariances[GIVEN]
    )
    np.testing.assert_array_equal(skipped.forecast(4).means, filled.forecast(4).means)
    assert skipped.forecast(1).means.index[0] > index[-1]


def test_the_forecast_of_gappy_months_goes_on_in_months():
    index = pd.date_range("2010-01-01", periods=120, freq="MS")
    given = pd.DataFrame(Y[GIVEN], index=index[GIVEN])
    assert model().fit(given).forecast(2).means.index.tolist() == index[118:].tolist()


def test_other_columns_are_refused_by_scikit_learn_s_own_words():
    with pytest.raises(
        ValueError, match="X has 2 features, but LinearGaussianSSM is expecting 3 features as input"
    ):
        model().fit(Y).transform(Y[:, :2])
    fitted = model().fit(FRAME)
    with pytest.raises(
        ValueError, match="The feature names should match those that were passed during fit"
    ):
        fitted.transform(FRAME[["c", "b", "a"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        fitted.transform(Y)
