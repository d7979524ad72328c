"""Draws arranged for ArviZ: what is summarised is what a summary means something for."""

import itertools
import logging
import warnings

import numpy as np
import pandas as pd
import pytest

from tsinit import result

CHAINS, DRAWS, STATES, T = 3, 40, 2, 12


@pytest.fixture
def parts(rng):
    """What a regime model hands over."""
    means = rng.standard_normal((CHAINS, DRAWS, STATES, 2))
    means[:, ::3, 1] = np.nan  # every third draw lacks state 1
    return {
        "posterior": {
            "alpha": rng.gamma(2, 1, (CHAINS, DRAWS)),
            "n_states": rng.integers(2, 5, (CHAINS, DRAWS)),
        },
        "sample_stats": {"lp": rng.standard_normal((CHAINS, DRAWS))},
        "warmup": {"alpha": rng.gamma(2, 1, (CHAINS, 7)), "lp": rng.standard_normal((CHAINS, 7))},
        "observed": np.where(rng.random((T, 2)) < 0.2, np.nan, 1.0),
        "aligned": {"means": means, "transitions": rng.random((CHAINS, DRAWS, STATES, STATES))},
        "labels": rng.integers(0, 2, (CHAINS, DRAWS, T)).astype(np.uint8),
        "coords": {"feature": ["Wind", "Temp"], "time": pd.date_range("1973-05-01", periods=T)},
        "dims": {"means": ("state", "feature"), "transitions": ("state", "to_state")},
        "attrs": {"model": "InfiniteHMM"},
    }


def summary(arviz, table):
    """Of ArviZ, without its words on draws that lack a state."""
    logging.getLogger("arviz").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return arviz.summary(table)


def test_groups_and_dimensions_are_those_of_arviz(parts):
    tree = result.to_datatree(**parts)
    assert set(tree.children) == {
        "posterior",
        "sample_stats",
        "warmup_posterior",
        "warmup_sample_stats",
        "observed_data",
        "posterior_by_state",
        "posterior_by_time",
    }
    assert tree["posterior/alpha"].dims == ("chain", "draw")
    assert dict(tree["warmup_posterior"].sizes) == {"chain": CHAINS, "draw": 7}
    assert list(tree["warmup_posterior"].data_vars) == ["alpha"]
    assert list(tree["warmup_sample_stats"].data_vars) == ["lp"]
    assert tree["posterior_by_state/means"].dims == ("chain", "draw", "state", "feature")
    assert tree["posterior_by_state/transitions"].dims == ("chain", "draw", "state", "to_state")
    assert tree["posterior_by_time/state"].dtype == np.uint8
    np.testing.assert_array_equal(tree["posterior_by_time/state"], parts["labels"])
    seen = tree["observed_data/y"].sel(feature="Temp", time="1973-05-03")
    np.testing.assert_equal(float(seen), parts["observed"][2, 1])
    assert tree.attrs["model"] == "InfiniteHMM"
    assert tree.attrs["inference_library"] == "tsinit"


def test_what_is_not_given_is_not_there(parts):
    tree = result.to_datatree({"alpha": parts["posterior"]["alpha"]})
    assert set(tree.children) == {"posterior"}
    assert "chains_left_out" not in tree.attrs


def test_dimensions_without_a_name_are_called_as_in_arviz(rng):
    draws = {"alpha": rng.random((2, 5)), "cells": rng.random((2, 5, 3))}
    aligned = {"alpha": rng.random((2, 5, 4)), "means": rng.random((2, 5, 4, 2))}
    tree = result.to_datatree(draws, aligned=aligned)
    assert tree["posterior/alpha"].dims == ("chain", "draw")
    assert tree["posterior/cells"].dims == ("chain", "draw", "cells_dim_0")
    assert tree["posterior_by_state/alpha"].dims == ("chain", "draw", "state")
    assert tree["posterior_by_state/means"].dims == ("chain", "draw", "state", "means_dim_0")


def test_a_summary_shows_scalars_with_diagnostics_and_states_only_when_asked(parts):
    import arviz

    tree = result.to_datatree(**parts)
    data = result.to_arviz(tree)
    table = summary(arviz, data)
    assert list(table.index) == ["alpha", "n_states"]
    for column in ("ess_bulk", "ess_tail", "r_hat"):
        assert np.isfinite(table[column].astype(float)).all()
    by_state = summary(arviz, tree["posterior_by_state"].to_dataset())
    assert [name for name in by_state.index if name.startswith("means")] == [
        "means[0, Wind]",
        "means[0, Temp]",
        "means[1, Wind]",
        "means[1, Temp]",
    ]
    r_hat = result.rhat(parts["posterior"]["alpha"])
    assert float(table.loc["alpha", "r_hat"]) == pytest.approx(
        r_hat, abs=0.006
    )  # two digits are shown


def autoregression(rng, phi, shape):
    x = np.zeros(shape)
    for t in range(1, shape[1]):
        x[:, t] = phi * x[:, t - 1] + rng.standard_normal(shape[0])
    return x


def test_diagnostics_are_those_of_arviz_for_all_kinds_of_chains(rng):
    import arviz

    for n, phi in itertools.product((5, 11, 40, 333), (-0.9, 0.0, 0.5, 0.98)):
        x = autoregression(rng, phi, (3, n))
        for chains in (x, np.round(x), x + np.arange(3)[:, None], x + np.eye(3, 1)):
            assert result.rhat(chains) == pytest.approx(float(arviz.rhat(chains)), rel=1e-9)
            assert result.ess(chains) == pytest.approx(float(arviz.ess(chains)), rel=1e-9)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.98])
def test_a_single_chain_is_judged_by_its_halves(rng, phi):
    """ArviZ ranks and splits two chains or more; given the ranked halves, it has the R-hat of one."""
    import arviz
    from scipy.stats import norm, rankdata

    def of_ranks(halves):
        ranks = rankdata(halves).reshape(halves.shape)
        scores = norm.ppf((ranks - 3 / 8) / (halves.size + 1 / 4))
        return float(arviz.rhat(scores, method="identity"))

    for x in autoregression(rng, phi, (5, 301)):
        halves = np.array([x[:150], x[-150:]])
        folded = np.abs(halves - np.median(halves))
        assert result.rhat(x[None]) == pytest.approx(
            max(of_ranks(halves), of_ranks(folded)), rel=1e-9
        )
        assert result.rhat(x) == result.rhat(x[None])
        assert result.ess(x[None]) == pytest.approx(float(arviz.ess(x[None])), rel=1e-9)
    assert result.rhat(rng.standard_normal((1, 2000))) < 1.01
    assert result.rhat(np.linspace(0.0, 1.0, 300)) > 1.5  # a chain on its way


@pytest.mark.parametrize("n", [4, 5, 100, 777])
@pytest.mark.parametrize("values", [(3, 4), (1.1, 1.7, 1.3), (1.1, 1.1, 1.7)])
def test_chains_stuck_each_at_a_constant_of_its_own_never_look_converged(n, values):
    stuck = np.repeat(np.array(values)[:, None], n, axis=1)
    assert result.rhat(stuck) == np.inf
    assert result.rhat(np.repeat(values[:2] if values[0] != values[1] else values[1:], n)) == np.inf
    assert result.worst_mixing([np.ones((2, n)), stuck])[0] == np.inf


def test_a_constant_agrees_and_has_no_sample_size():
    for constant in (np.ones((4, 100)), np.full((1, 4), -0.1), np.full(9, 2)):
        assert result.rhat(constant) == 1.0
        assert np.isnan(result.ess(constant))
    assert np.isnan(result.rhat(np.ones((4, 3))))


def test_the_worst_scalar_speaks_for_all_and_one_without_verdict_is_none(rng):
    good, bad = rng.standard_normal((4, 200)), autoregression(rng, 0.99, (4, 200))
    rhat, ess = result.worst_mixing([good, bad, np.ones((4, 200))])
    assert (rhat, ess) == (result.rhat(bad), result.ess(bad))
    broken = np.where(np.arange(200) == 7, -np.inf, good)
    assert np.isnan(result.worst_mixing([bad, broken])[0])
    assert result.worst_mixing([bad, broken])[1] == result.ess(bad)
    assert np.isnan(result.worst_mixing([])).all()


def test_to_arviz_keeps_every_group(parts):
    tree = result.to_datatree(**parts)
    data = result.to_arviz(tree)
    for group, child in tree.children.items():
        for name, values in child.data_vars.items():
            np.testing.assert_array_equal(data[group][name], values)
    assert data.attrs["model"] == "InfiniteHMM"


def test_chains_that_stopped_early_are_left_out_and_listed(parts):
    def short(value, n):
        return [value[0], value[1][:n], value[2]]

    for name in ("posterior", "sample_stats", "aligned"):
        parts[name] = {key: short(value, 11) for key, value in parts[name].items()}
    parts["labels"] = short(parts["labels"], 11)
    parts["warmup"] = {key: short(value, 7) for key, value in parts["warmup"].items()}
    tree = result.to_datatree(**parts)
    assert tree.attrs["chains_left_out"] == [1]
    for group in set(tree.children) - {"observed_data"}:
        np.testing.assert_array_equal(tree[group]["chain"], [0, 2])
    assert tree["posterior"].sizes["draw"] == DRAWS
    np.testing.assert_array_equal(tree["posterior/alpha"][1], parts["posterior"]["alpha"][2])
    assert tree["warmup_posterior"].sizes["draw"] == 7


def test_warm_up_of_unequal_length_is_cut_to_the_shortest(parts):
    parts["warmup"]["alpha"] = [chain[: 7 - c] for c, chain in enumerate(parts["warmup"]["alpha"])]
    tree = result.to_datatree(**parts)
    assert tree["warmup_posterior"].sizes["draw"] == tree["warmup_sample_stats"].sizes["draw"] == 5
    without = result.to_datatree(**parts | {"warmup": {"alpha": np.empty((3, 0))}})
    assert "warmup_posterior" not in without.children


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2020", periods=T, tz="Asia/Tokyo"),
        pd.period_range("2020", periods=T, freq="M"),
        pd.timedelta_range(0, periods=T, freq="h"),
        pd.RangeIndex(5, 5 + T),
        [f"day {t}" for t in range(T)],
    ],
)
def test_times_of_every_kind_become_plain_coordinates(parts, index):
    tree = result.to_datatree(**parts | {"coords": {"time": index}})
    time = tree["observed_data"]["time"].to_numpy()
    assert time.dtype.kind in "mMiUT"
    assert time.shape == (T,)
    np.testing.assert_array_equal(tree["observed_data"]["feature"], [0, 1])


def test_two_levels_become_a_row_number_with_both_beside_it(parts):
    days = pd.date_range("2020", periods=T // 2)
    index = pd.MultiIndex.from_product([["a", "b"], days], names=["site", None])
    tree = result.to_datatree(**parts | {"coords": {"time": index}})
    data = tree["posterior_by_time"]
    np.testing.assert_array_equal(data["time"], np.arange(T))
    assert data["site"].dims == data["time_1"].dims == ("time",)
    np.testing.assert_array_equal(data["site"], ["a"] * 6 + ["b"] * 6)
    assert data["time_1"].dtype.kind == "M"


def test_diagnostics_are_those_of_arviz_and_quiet_where_they_say_nothing(rng, caplog):
    import arviz

    x = rng.standard_normal((4, 100)) + np.arange(4)[:, None]
    assert result.rhat(x) == pytest.approx(float(arviz.rhat(x)))
    assert result.ess(x) == pytest.approx(float(arviz.ess(x)))
    assert result.rhat(x) > 1.3
    assert result.rhat(rng.integers(2, 5, (4, 100))) < 1.1
    broken = np.where(rng.random((4, 100)) < 0.01, np.nan, x)
    for nothing in (broken, x[:, :3]):
        assert np.isnan(result.rhat(nothing))
        assert np.isnan(result.ess(nothing))
    assert 1 < result.ess(x[:1]) < 1000
    assert np.isfinite(result.rhat(np.concatenate([np.full((1, 100), 3), x])))
    assert not caplog.records
