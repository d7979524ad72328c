"""What every strategy for complete tables keeps to, whatever its idea."""

import inspect
import re

import numpy as np
import pytest
from helpers import random_params, simulate
from sklearn.base import clone

from tsinit import init
from tsinit.init.registry import resolve
from tsinit.init.seasonal import find_period

NAMES = init.names("fill")
OTHERS = {
    "windows": init.KMeans(n_delays=3),
    "fixed": init.Seasonal(period=12, drift=False),
    "day": init.Seasonal(period=12.5),
    "no_lags": init.LowRank(lags=0),
    "perturbed": init.Perturb("linear", scale=0.5),
    "perturbed_twice": init.Perturb(init.Perturb("seasonal"), scale=0.5),
}
STRATEGIES = [*NAMES, *OTHERS]
RANDOM = {"uniform", "hot_deck", "perturbed", "perturbed_twice"}
# Each gap depends on its own sequence alone, except through what is common to the whole table.
ALONE = ["forward", "backward", "linear", "time"]


def trial(table, n_iter):
    """Stand in for a model: prefer the smoothest table, whatever the units."""
    spread = np.maximum(table.std(axis=0), 1e-9)
    return -float((np.diff(table, axis=0).std(axis=0) / spread).sum()), table


def fill(name, y, offsets=None, seed=1, **more):
    strategy = resolve(OTHERS.get(name, name), "fill")
    offsets = None if offsets is None else np.asarray(offsets)
    return strategy.propose(y, np.random.default_rng(seed), offsets=offsets, trial=trial, **more)


def series(rng, T=120, D=3):
    y = simulate(random_params(rng, 3, D, radius=0.95), T, rng)[1]
    return y + np.sin(2 * np.pi * np.arange(T) / 12)[:, None]


def holes(y, rng, share=0.2, rows=()):
    y = y.copy()
    y[rng.random(y.shape) < share] = np.nan
    y[list(rows)] = np.nan
    return y


def assert_kept(out, y):
    """The promise about every answer: complete, and what was observed untouched to the last bit."""
    assert out.shape == y.shape
    assert out.dtype == np.float64
    assert np.isfinite(out).all()
    observed = ~np.isnan(y)
    np.testing.assert_array_equal(out[observed].view(np.int64), y[observed].view(np.int64))


@pytest.mark.parametrize("name", STRATEGIES)
def test_seen_cells_stay_and_no_gap_is_left(rng, name):
    y = holes(series(rng), rng, 0.2, [0, 1, *range(50, 60), 118, 119])
    y[:20, 0] = y[100:, 1] = np.nan
    y[70, 2] = -0.0
    before = y.copy()
    y.flags.writeable = False
    assert_kept(fill(name, y), y)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    "case",
    ["constant", "never observed", "observed once", "copy", "nothing observed", "one column"],
)
def test_degenerate_columns_are_filled(rng, name, case):
    y = holes(series(rng, 60), rng)
    gaps = np.isnan(y[:, 1])
    if case == "one column":
        y = y[:, :1]
    elif case == "nothing observed":
        y[:] = np.nan
    else:
        y[:, 1] = {"constant": np.where(gaps, np.nan, 0.1), "copy": y[:, 0]}.get(case, np.nan)
    if case == "observed once":
        y[30, 1] = 3.0
    out = fill(name, y)
    assert_kept(out, y)
    if case == "constant":
        np.testing.assert_allclose(out[:, 1], 0.1, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ("best_of", "auto")])
@pytest.mark.parametrize(("T", "offsets"), [(1, None), (2, None), (3, None), (9, [0, 1, 1, 4, 9])])
def test_almost_no_data_are_filled(rng, name, T, offsets):
    y = rng.standard_normal((T, 2))
    y[0, 1] = np.nan
    assert_kept(fill(name, y, offsets), y)


@pytest.mark.parametrize("name", STRATEGIES)
def test_several_sequences_of_any_length_are_filled(rng, name):
    y = holes(series(rng, 100), rng, rows=range(40, 45))
    y[30:60, 0] = np.nan  # never observed in the sequence 31..59
    assert_kept(fill(name, y, [0, 30, 31, 31, 60, 100]), y)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_complete_table_comes_back(rng, name):
    y = series(rng)
    np.testing.assert_array_equal(fill(name, y), y)


@pytest.mark.parametrize("name", STRATEGIES)
def test_units_change_nothing_but_units(rng, name):
    # Powers of two and whole numbers: the data themselves lose nothing, so the strategy must not either.
    y = np.round(holes(series(rng), rng) * 2**20) / 2**20
    scale, loc = np.array([2.0**-6, 2.0**7, 1.0]), np.array([0.0, 32.0, -8.0])
    np.testing.assert_allclose(
        fill(name, y * scale + loc), fill(name, y) * scale + loc, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_seed_gives_one_fill_and_the_seed_is_the_only_chance(rng, name):
    y = holes(series(rng), rng)
    np.random.seed(1)  # noqa: NPY002
    first = fill(name, y, seed=7)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first, fill(name, y, seed=7))
    if name in RANDOM:
        assert not np.array_equal(first, fill(name, y, seed=8))


@pytest.mark.parametrize("name", ALONE)
def test_sequences_that_use_time_never_leak_into_each_other(rng, name):
    y = holes(series(rng), rng, 0.3)
    y[57:63] = np.nan
    changed = []
    for own, other in ((slice(0, 60), slice(60, 120)), (slice(60, 120), slice(0, 60))):
        moved = y.copy()
        moved[other] += 100.0
        np.testing.assert_array_equal(
            fill(name, y, [0, 60, 120])[own], fill(name, moved, [0, 60, 120])[own]
        )
        changed.append(not np.array_equal(fill(name, y)[own], fill(name, moved)[own]))
    assert any(changed)


@pytest.mark.parametrize("name", ["seasonal", "low_rank", "subspace", "fixed"])
def test_the_row_beyond_a_boundary_is_no_neighbour(rng, name):
    """A jump between two sequences does not bend the gaps beside it."""
    y = np.repeat([[20.0], [-20.0]], 60, axis=0) + series(rng, 120, 2)
    y[56:64] = np.nan
    out = fill(name, y, [0, 60, 120])
    assert out[56:60].min() > 0.0
    assert out[60:64].max() < 0.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", [2.0, 1.0, 2.0, 2.0, 3.0, 2.0]),
        ("median", [2.0, 1.0, 2.0, 2.0, 3.0, 2.0]),
        ("forward", [1.0, 1.0, 1.0, 1.0, 3.0, 3.0]),
        ("backward", [1.0, 1.0, 3.0, 3.0, 3.0, 3.0]),
        ("linear", [1.0, 1.0, 5 / 3, 7 / 3, 3.0, 3.0]),
        ("time", [1.0, 1.0, 1.5, 2.0, 3.0, 3.0]),
    ],
)
def test_simple_fills_by_hand(name, expected):
    y = np.array([np.nan, 1.0, np.nan, np.nan, 3.0, np.nan])[:, None]
    out = fill(name, y, times=np.array([0, 1, 2, 3, 5, 6]))
    np.testing.assert_allclose(out[:, 0], expected, rtol=1e-12)


def test_a_column_that_a_sequence_never_saw_takes_its_mean():
    y = np.array([[1.0], [3.0], [np.nan], [np.nan]])
    for name in (*ALONE, "seasonal"):
        np.testing.assert_allclose(fill(name, y, [0, 2, 4])[2:], 2.0)


def test_the_season_follows_the_clock_not_the_rows(rng):
    """Rows are left out at random; only their times show the phase."""
    times = np.sort(rng.choice(400, 250, replace=False))
    truth = np.sin(2 * np.pi * times / 8)[:, None]
    y = holes(truth, rng, 0.3)
    for strategy in ("seasonal", "fixed"):
        chosen = init.Seasonal(period=8, drift=strategy == "seasonal")
        np.testing.assert_allclose(chosen.fill(y, times=times), truth, atol=0.05)
    np.testing.assert_allclose(fill("seasonal", y, times=times, period=[8.0]), truth, atol=0.05)
    assert np.abs(fill("seasonal", y, period=8.0) - truth).max() > 0.5


def test_a_drifting_profile_is_followed(rng):
    t = np.arange(24 * 30)
    truth = (np.linspace(-1, 1, t.size) * np.sin(2 * np.pi * t / 24))[:, None]
    y = truth + 0.05 * rng.standard_normal(truth.shape)
    y[24 * 20 : 24 * 20 + 30] = np.nan
    gap = np.isnan(y)
    error = [np.abs(init.Seasonal(24, drift=d).fill(y) - truth)[gap].mean() for d in (True, False)]
    assert error[0] < 0.5 * error[1]


def test_the_period_is_found_where_there_is_one(rng):
    t = np.arange(600.0)
    wave = np.sin(2 * np.pi * t / 24)[:, None] + 0.3 * rng.standard_normal((600, 2))
    assert find_period(holes(wave, rng), None, t) == 24.0
    some = np.sort(rng.choice(600, 450, replace=False))
    assert find_period(wave[some], None, t[some]) == 24.0
    for other in (
        rng.standard_normal((600, 2)),
        rng.standard_normal((600, 2)).cumsum(axis=0),
        np.zeros((600, 1)),
    ):
        assert find_period(other, None, t) is None
    assert find_period(wave[:5], None, t[:5]) is None


def test_what_goes_together_is_used(rng):
    """Fills that look at other columns beat those that do not where columns are nearly copies."""
    base = rng.standard_normal(300)
    truth = base[:, None] * [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal((300, 3)) * [1.0, 2.0, 0.5]
    y = holes(truth, rng, 0.15)
    gaps = np.isnan(y) & (~np.isnan(y)).any(axis=1)[:, None]
    errors = {
        name: np.sqrt(np.mean(((fill(name, y) - truth) / truth.std(axis=0))[gaps] ** 2))
        for name in ("linear", "knn", "kmeans", "low_rank", "no_lags", "subspace")
    }
    plain = errors.pop("linear")
    assert max(errors.values()) < 0.7 * plain, errors


def test_uniform_fills_stay_in_the_range_and_donors_are_seen_values(rng):
    y = holes(series(rng), rng, 0.4)
    out, deck = fill("uniform", y), fill("hot_deck", y)
    for j in range(y.shape[1]):
        observed = y[~np.isnan(y[:, j]), j]
        assert observed.min() <= out[:, j].min() <= out[:, j].max() <= observed.max()
        assert set(deck[:, j]) <= set(observed)


def test_perturbed_fills_spread_by_the_scale(rng):
    y = holes(series(rng, 4000), rng, 0.5)
    noise = fill("perturbed", y) - fill("linear", y)
    gaps = np.isnan(y)
    for j in range(y.shape[1]):
        assert noise[gaps[:, j], j].std() == pytest.approx(0.5 * np.nanstd(y[:, j]), rel=0.1)


def test_best_of_takes_the_best_and_hands_on_what_it_is_given(rng):
    y = holes(series(rng), rng)
    contest = init.BestOf([init.Uniform(), init.Time(), init.Mean()], n_iter=3)
    times, asked = np.arange(120.0) ** 1.1, []

    def judge(table, n_iter):
        asked.append(n_iter)
        return trial(table, n_iter)

    out = contest.fill(y, rng, trial=judge, times=times)
    np.testing.assert_array_equal(out, init.Time().fill(y, times=times))
    assert asked == [3, 3, 3]


CLASSES = [getattr(init, name) for name in init.__all__ if inspect.isclass(getattr(init, name))]
DEFAULTS = [c("linear") if c is init.Perturb else c() for c in CLASSES if hasattr(c, "fill")]


@pytest.mark.parametrize("strategy", [*DEFAULTS, *OTHERS.values()], ids=str)
def test_strategies_are_clones_of_their_parameters(strategy):
    assert clone(strategy).get_params(deep=False).keys() == strategy.get_params(deep=False).keys()


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (init.KNN(0), "n_neighbors must be a whole number of at least 1; got 0."),
        (init.LowRank(-1), "lags must be a whole number of at least 0; got -1."),
        (init.Seasonal(period=1), "period must be a number above 1, or 'auto'; got 1."),
        (init.Seasonal(drift="no"), "drift must be True or False; got 'no'."),
        (
            init.KMeans(n_clusters=0),
            "n_clusters must be a whole number of at least 1 or 'auto'; got 0.",
        ),
        (init.Perturb("linear", -1), "scale must be a number of at least 0; got -1."),
        (
            init.Perturb(np.zeros((2, 2))),
            "inner must fill a table of shape (20, 2); got one of shape (2, 2).",
        ),
        (init.Perturb(lambda y: y), "inner must leave no gap; got nan in row 3, column 1."),
        (init.Perturb("lineer"), "Did you mean 'linear'?"),
    ],
)
def test_wrong_parameters_are_named(rng, strategy, message):
    y = rng.standard_normal((20, 2))
    y[3, 1] = np.nan
    with pytest.raises(ValueError, match=re.escape(message)):
        strategy.fill(y, rng)
