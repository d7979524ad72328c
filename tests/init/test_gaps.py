"""The views of a series with gaps: which are tried, and what each of them sees."""

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from reference import kalman as textbook

from tsinit.init._windows import fill_linear
from tsinit.init.subspace.hankel import hankel_factor
from tsinit.init.subspace.views import _long_gaps, smoothed_view, views


@pytest.fixture
def series(rng):
    params = random_params(rng, 2, 2, mean=False)
    return params, simulate(params, 400, rng)[1]


ONE = np.array([0, 400])


def names(found):
    return [view.name for view in found]


def test_without_gaps_there_is_one_view(series):
    _, y = series
    for gaps in ("auto", "drop", "pairs", "smooth"):
        assert names(views(y, ONE, 2, 4, gaps)) == ["drop"]


def test_auto_tries_more_views_the_more_is_missing(series, rng):
    _, y = series
    few, some, many = y.copy(), with_gaps(rng, y, 0.02), with_gaps(rng, y, 0.4)
    few[100] = np.nan
    assert names(views(few, ONE, 2, 4, "auto")) == ["drop"]
    assert names(views(some, ONE, 2, 4, "auto")) == ["drop", "pairs", "smooth"]
    assert names(views(many, ONE, 2, 4, "auto")) == ["pairs", "smooth"]


@pytest.mark.parametrize("gaps", ["drop", "pairs", "smooth"])
def test_a_view_asked_for_is_the_only_one(series, rng, gaps):
    assert names(views(with_gaps(rng, series[1], 0.02), ONE, 2, 4, gaps)) == [gaps]


def test_dropping_needs_a_stretch_without_gaps(series):
    y = series[1].copy()
    y[::3, 0] = np.nan
    with pytest.raises(ValueError, match=r"4 or more consecutive complete rows .* got 2"):
        views(y, ONE, 2, 4, "drop")
    assert names(views(y, ONE, 2, 4, "auto")) == ["pairs", "smooth"]


def test_long_gaps_are_marked_by_column_and_end_with_the_sequence():
    nan = np.nan
    z = np.array([[1, nan], [nan, nan], [nan, nan], [4, nan], [nan, nan], [6, 1]])
    offsets = np.array([0, 2, 6])
    expected = np.zeros((6, 2), dtype=bool)
    expected[2:5, 1] = True
    np.testing.assert_array_equal(_long_gaps(np.isnan(z), offsets, 2), expected)


def test_interpolation_bridges_short_gaps_and_leaves_out_long_ones(series):
    _, y = series
    y = y.copy()
    y[50:52] = np.nan
    y[200:230, 0] = np.nan
    bridged = fill_linear(y, ONE)
    bridged[200:230] = np.nan
    expected = hankel_factor(bridged, ONE, 4).L
    factor = views(y, ONE, 2, 4, "smooth")[0].factor(4)
    np.testing.assert_allclose(factor.L, expected, rtol=1e-10, atol=1e-12)


def test_smoothing_fills_a_gap_with_what_the_model_expects_there(series, rng):
    params, y = series
    y = with_gaps(rng, y, 0.1)
    smoothed = textbook.smooth(params, y)
    # R is diagonal: given the states, a missing value owes nothing to those observed beside it.
    filled = np.where(np.isnan(y), smoothed.means @ params.C.T, y)
    factor = smoothed_view(y, ONE, params, 4)
    np.testing.assert_allclose(factor.L, hankel_factor(filled, ONE, 4).L, atol=1e-8)


def test_a_model_that_cannot_be_smoothed_gives_no_view(series, rng):
    params, y = series
    y = with_gaps(rng, y, 0.1)
    broken = params._replace(A=np.full((2, 2), np.nan))
    assert smoothed_view(y, ONE, broken, 4) is None
