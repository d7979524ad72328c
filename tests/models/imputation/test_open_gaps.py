"""`max_gap`: gaps that are longer stay open, in everything that is handed back, and are counted."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE, plots
from tsinit.models.imputation.open_gaps import open_cells

mpl.use("Agg")
QUICK = {"n_tune": 5, "n_draws": 12, "n_chains": 2, "n_imputations": 3, "random_state": 0}


@pytest.fixture
def table(rng):
    times = pd.date_range("2024-01-01", periods=80, freq="h")
    walk = np.cumsum(rng.standard_normal((80, 1)), axis=0)
    frame = pd.DataFrame(walk + 0.3 * rng.standard_normal((80, 3)), times, list("abc"))
    frame.iloc[10:13, 0] = np.nan  # three steps
    frame.iloc[30:40, 0] = np.nan  # ten
    frame.iloc[70:, 1] = np.nan  # ten, to the end
    frame.iloc[[5, 7], 2] = np.nan
    return frame


def slow(missing, offsets, steps, max_gap):
    """Every missing cell: the observed steps around it in its sequence, or the steps just outside."""
    out = np.zeros_like(missing)
    for a, b in itertools.pairwise(offsets):
        for t, j in itertools.product(range(a, b), range(missing.shape[1])):
            seen = steps[a:b][~missing[a:b, j]]
            before, after = seen[seen < steps[t]], seen[seen > steps[t]]
            begin = before.max() if before.size else steps[a] - 1
            end = after.min() if after.size else steps[b - 1] + 1
            out[t, j] = missing[t, j] and end - begin - 1 > max_gap
    return out


@pytest.mark.parametrize("max_gap", [1, 2, 3, 5, 50])
def test_open_cells_are_those_of_long_gaps(rng, max_gap):
    for _ in range(20):
        sizes = rng.integers(0, 12, 5)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        steps = np.concatenate([np.cumsum(rng.integers(1, 4, n)) for n in sizes]).astype(int)
        missing = rng.random((offsets[-1], 3)) < 0.6
        found = open_cells(missing, offsets, steps, max_gap)
        np.testing.assert_array_equal(found, slow(missing, offsets, steps, max_gap))


@pytest.mark.parametrize("method", ["fcs", "var"])
def test_long_gaps_stay_open_and_others_are_filled_as_without(table, method):
    whole = TBayesMICE(method=method, **QUICK).fit(table)
    model = TBayesMICE(method=method, max_gap=9, **QUICK).fit(table)
    long = np.zeros(table.shape, dtype=bool)
    long[30:40, 0] = long[70:, 1] = True
    for mine, full in zip(
        [model.transform(table), *model.impute(), *model.interval()],
        [whole.transform(table), *whole.impute(), *whole.interval()],
        strict=True,
    ):
        np.testing.assert_array_equal(mine.isna(), long)
        np.testing.assert_array_equal(mine.to_numpy()[~long], full.to_numpy()[~long])
    assert list(model.diagnostics_["left_open"]) == [10, 10, 0]
    assert list(model.diagnostics_["missing"]) == [13, 10, 2]
    assert list(whole.diagnostics_["left_open"]) == [0, 0, 0]
    assert model.draws_.shape[2] == len(model.posterior_.cells) == 5
    assert model.posterior_.column_draws(0).shape == (24, 3)
    assert model.posterior_.column_draws(1).shape == (24, 0)
    assert model.to_datatree()["posterior"]["cell"].sizes["missing"] == 5


def test_other_rows_have_their_own_long_gaps(table):
    model = TBayesMICE(max_gap=4, **QUICK).fit(table)
    new = table.iloc[40:70].copy()
    new.iloc[5:9, 0], new.iloc[20:25, 1] = np.nan, np.nan
    done = model.transform(new)
    assert done.iloc[5:9].notna().all(axis=None)
    assert np.flatnonzero(done["b"].isna()).tolist() == list(range(20, 25))


def test_a_time_is_as_many_whole_steps(table):
    for time in ("9h", pd.Timedelta("9h"), pd.Timedelta("9h59min"), np.timedelta64(9, "h")):
        model = TBayesMICE(max_gap=time, **QUICK).fit(table)
        assert list(model.diagnostics_["left_open"]) == [10, 10, 0]
    assert TBayesMICE(max_gap="10h", **QUICK).fit(table).diagnostics_["left_open"].sum() == 0


def test_skipped_steps_make_a_gap_longer(table):
    short = table.drop(table.index[[12, 13]])  # c has no gap there; in column a steps 10 to 13 lack
    model = TBayesMICE(max_gap=3, **QUICK).fit(short)
    assert np.flatnonzero(model.transform(short)["a"].isna()).tolist()[:2] == [10, 11]


@pytest.mark.parametrize(
    ("max_gap", "message"),
    [
        (0, "max_gap must be a whole number of at least 1; got 0"),
        (2.5, "max_gap must be None, a whole number of steps, or a time"),
        (True, "max_gap must be None, a whole number of steps, or a time"),
        ("long", "max_gap must be None, a whole number of steps, or a time"),
        ("-3h", "max_gap must be None, a whole number of steps, or a time"),
        ("20min", "max_gap must be at least one step of the clock; got '20min' where"),
    ],
)
def test_other_lengths_are_refused(table, max_gap, message):
    with pytest.raises(ValueError, match=message):
        TBayesMICE(max_gap=max_gap, **QUICK).fit(table)


def test_a_time_needs_dates(table):
    with pytest.raises(ValueError, match="whole number of steps where rows have no dates"):
        TBayesMICE(max_gap="3h", **QUICK).fit(table.to_numpy())


def test_plots_and_constants_leave_them_open(table):
    table["d"] = np.where(table["a"].isna(), np.nan, 3.0)
    with pytest.warns(UserWarning, match="Column 'd' of X holds one value only"):
        model = TBayesMICE(max_gap=9, **QUICK).fit(table)
    done = model.transform(table)
    assert (done["d"].isna() == done["a"].isna()).all()
    said = model.diagnostics_.loc["d"]
    assert (said["missing"], said["left_open"]) == (13, 10)
    assert said[["rhat", "ess", "acceptance", "guarded"]].isna().all()
    axes = plots.imputed(model)
    names = {line.get_label(): line for line in axes[0].lines}
    drawn = names["posterior mean"].get_ydata()
    assert np.isfinite(drawn).sum() == 3 + 4  # a gap of three steps, and values beside both gaps
    assert len(plots.imputed_rhat(model)[0].get_yticks()) == 3
    plots.imputed_chains(model)
    plots.imputed_density(model)
    mpl.pyplot.close("all")


def test_nothing_short_enough_is_nothing_filled(table):
    table.iloc[[10, 11, 12, 5, 7]] = 0.0
    model = TBayesMICE(max_gap=2, **QUICK).fit(table)
    pd.testing.assert_frame_equal(model.transform(table), table)
    assert model.draws_.shape == (2, 12, 0)
