"""How many harmonics the profile of a season has, and what a profile of many is for."""

import numpy as np
import pandas as pd
import pytest

from tsinit import TBayesMICE
from tsinit.models.imputation.season_shape import chosen_harmonics

QUICK = {"n_tune": 30, "n_draws": 60, "n_chains": 1, "random_state": 0, "transforms": None}


def profile(kind, period):
    phase = np.arange(period)
    if kind == "smooth":
        return np.sin(2 * np.pi * phase / period) + 0.5 * np.cos(4 * np.pi * phase / period)
    return np.random.default_rng(7).standard_normal(period)  # one value for each phase


def table(kind, period=24, n_periods=20, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    season = np.tile(profile(kind, period), n_periods)
    loads = np.array([1.0, -0.7, 0.4])
    return season[:, None] * loads + noise * rng.standard_normal((len(season), 3))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_smooth_profiles_have_two_and_rough_ones_all(seed, share):
    for kind, expected in (("smooth", [2]), ("rough", [12])):
        y = table(kind, seed=seed)
        y[np.random.default_rng(seed).random(y.shape) < share] = np.nan
        assert chosen_harmonics(y, np.arange(len(y)), [24.0]) == expected


def test_a_walk_without_a_season_has_no_more_than_two():
    walks = np.cumsum(np.random.default_rng(1).standard_normal((500, 4)), axis=0)
    assert chosen_harmonics(walks, np.arange(500), [24.0]) == [2]


def test_periods_have_numbers_of_their_own():
    rng, t = np.random.default_rng(2), np.arange(7 * 60)
    y = np.tile(profile("rough", 7), 60) + np.sin(2 * np.pi * t / 30)
    y = y[:, None] + 0.2 * rng.standard_normal((len(t), 2))
    assert chosen_harmonics(y, t, [7.0, 30.0]) == [3, 2]


@pytest.mark.parametrize(
    "y", [np.full((100, 2), np.nan), np.ones((100, 2)), np.ones((100, 0)), table("rough")[:80]]
)
def test_where_nothing_can_be_compared_there_are_two(y):
    assert chosen_harmonics(y, np.arange(len(y)), [24.0]) == [2]


@pytest.mark.parametrize("method", ["fcs", "var", "state_space"])
def test_blackouts_are_filled_by_the_profile(method):
    y = table("rough", noise=0.1)
    gappy = y.copy()
    for first in (50, 200, 331):
        gappy[first : first + 15] = np.nan
    gone = np.isnan(gappy)
    smooth, rough = (
        np.abs(TBayesMICE(method=method, period=24, harmonics=h, **QUICK).fit_transform(gappy) - y)[
            gone
        ].mean()
        for h in (2, "auto")
    )
    # Noise of .1 has a mean absolute value of .08, and 17 values of each phase are known.
    assert rough < 0.1
    assert smooth > 4 * rough


def test_two_harmonics_are_what_they_were_and_what_auto_takes_of_smooth_profiles():
    y = table("smooth")
    y[np.random.default_rng(0).random(y.shape) < 0.2] = np.nan
    one, other = (TBayesMICE(period=24, harmonics=h, **QUICK).fit(y).draws_ for h in (2, "auto"))
    np.testing.assert_array_equal(one, other)


def test_other_rows_and_skipped_steps_have_the_profile_too():
    whole = pd.DataFrame(table("rough", noise=0.1), index=np.arange(480))
    skipped = whole.drop(index=range(100, 104))
    skipped.iloc[200:210] = np.nan
    model = TBayesMICE(method="var", period=24, harmonics="auto", **QUICK).fit(skipped)
    new = whole.iloc[240:300].copy()
    new.iloc[20:40] = np.nan
    filled = model.transform(new)
    assert np.abs(filled - whole.iloc[240:300]).to_numpy()[20:40].mean() < 0.12


@pytest.mark.parametrize("harmonics", ["all", 0, 2.5])
def test_harmonics_are_a_number_or_auto(harmonics):
    with pytest.raises(ValueError, match=r"^harmonics must be"):
        TBayesMICE(period=24, harmonics=harmonics, **QUICK).fit(table("smooth"))
