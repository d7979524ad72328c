"""Every strategy that fills gaps can begin the chains of the imputer, and is given what it asks for."""

import numpy as np
import pandas as pd
import pytest

from tsinit import init
from tsinit.models.imputation.model import TBayesMICE

SHORT = {"n_tune": 1, "n_draws": 2, "n_chains": 2, "n_imputations": 2, "random_state": 0}
STARTS = [*init.names("fill"), init.BestOf(("linear", "mean"), n_iter=2), init.Perturb("time")]


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    y = (
        np.cumsum(rng.standard_normal((96, 2)), axis=0)
        + 3 * np.sin(2 * np.pi * np.arange(96) / 24)[:, None]
    )
    y[rng.random(y.shape) < 0.2] = np.nan
    y[0] = 0.0
    return pd.DataFrame(
        y, index=pd.date_range("2024-01-01", periods=96, freq="h"), columns=["a", "b"]
    )


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_all_of_them_start_all_kinds_of_tables(frame, start):
    holes = frame.drop(frame.index[[10, 40, 41]])
    y = frame.to_numpy()
    for table, lengths in ((holes, None), (y, None), (y, [1, 40, 55])):
        model = TBayesMICE(init=start, **SHORT).fit(table, lengths=lengths)
        assert np.isfinite(model.start_).all()
        assert np.isfinite(np.asarray(model.transform(table, lengths=lengths))).all()


def test_clock_and_period_are_given(frame):
    given = {}

    def look(y, times, period, offsets=None, trial=None):
        given.update(times=times, period=period, offsets=offsets)
        objective, refined = trial(np.where(np.isnan(y), 0.0, y), 3)
        assert np.isfinite(objective)
        assert np.isfinite(refined).all()
        np.testing.assert_array_equal(refined[~np.isnan(y)], y[~np.isnan(y)])
        return refined

    TBayesMICE(init=look, **SHORT).fit(frame.drop(frame.index[[10, 11]]))
    np.testing.assert_array_equal(given["times"], np.delete(np.arange(96), [10, 11]))
    assert given["period"] == [24.0]
    assert given["offsets"] is None


def test_gaps_are_bridged_by_the_clock(frame):
    """Half way in time is not half way in rows where rows are lacking."""
    table = pd.DataFrame({"a": np.arange(96.0)}, index=frame.index).drop(frame.index[21:30])
    table.iloc[19:21] = np.nan
    start = TBayesMICE(init="time", **SHORT).fit(table).start_[0]
    np.testing.assert_allclose(start[19:21, 0], [19.0, 20.0])


@pytest.mark.parametrize("method", ["fcs", "var"])
def test_a_contest_is_won_by_the_likelier_table(frame, method):
    y = frame.to_numpy()
    wild = np.where(np.isnan(y), 1e3 * np.sign(np.arange(96) % 2 - 0.5)[:, None], y)
    contest = init.BestOf((wild, "linear"), n_iter=0)
    start = TBayesMICE(init=contest, method=method, transforms=None, **SHORT).fit(y).start_[0]
    alone = TBayesMICE(init="linear", transforms=None, **SHORT).fit(y).start_[0]
    np.testing.assert_allclose(start, alone, atol=1e-9)
