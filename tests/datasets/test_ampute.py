"""Gaps come at the rate, in the shape and for the reason that was asked for."""

import re

import numpy as np
import pandas as pd
import pytest

from tsinit.datasets import _gaps, ampute
from tsinit.datasets._ampute import MECHANISMS


def table(rng, T=400, D=3):
    return rng.standard_normal((T, D)).cumsum(axis=0)


def runs(mask):
    """Start and length of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2] - edges[::2], strict=True))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.6])
def test_the_rate_holds_in_expectation(rng, mechanism, rate):
    X = table(rng, 150, 2)
    shares = [
        np.isnan(
            ampute(X, mechanism, rate, columns=[1], length=(3, 9), random_state=s)[:, 1]
        ).mean()
        for s in range(100)
    ]
    assert abs(np.mean(shares) - rate) < 4 * np.std(shares) / np.sqrt(len(shares))


def test_every_step_is_hidden_with_the_same_probability(rng):
    hidden = np.mean([_gaps.alternating_runs(rng, 0.3, 4, 8, 30) for _ in range(4000)], axis=0)
    assert np.abs(hidden - 0.3).max() < 4.5 * np.sqrt(0.3 * 0.7 / 4000)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_stays_is_untouched_and_the_input_too(rng, mechanism):
    X = table(rng)
    X[5:9, 1] = np.nan
    before = X.copy()
    out = ampute(X, mechanism, 0.3, random_state=1)
    np.testing.assert_array_equal(X, before)
    kept = ~np.isnan(out)
    np.testing.assert_array_equal(out[kept], X[kept])
    assert np.isnan(out[5:9, 1]).all()


def test_missing_values_do_not_count(rng):
    X = table(rng, 20_000, 2)
    X[: len(X) // 2, 1] = np.nan
    observed = ~np.isnan(X[:, 1])
    for mechanism in ("mar", "mnar"):
        share = np.isnan(
            ampute(X, mechanism, 0.25, columns=[1], random_state=3)[observed, 1]
        ).mean()
        assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / observed.sum())


@pytest.mark.parametrize("mechanism", ["block", "blackout"])
def test_runs_have_the_lengths_asked_for(rng, mechanism):
    out = np.isnan(ampute(table(rng, 5000), mechanism, 0.3, length=(5, 7), random_state=0))
    for column in out.T:
        inner = [n for start, n in runs(column) if start > 0 and start + n < len(column)]
        assert set(inner) == {5, 6, 7}
    same = (out == out[:, :1]).all()
    assert same == (mechanism == "blackout")


def test_monotone_gaps_never_end(rng):
    out = np.isnan(ampute(table(rng), "monotone", 0.4, lengths=[100, 250, 50], random_state=0))
    for part in np.split(out, [100, 350]):
        assert (np.diff(part.astype(int), axis=0) >= 0).all()


def test_mar_depends_on_what_is_given_alone_and_mnar_on_the_value(rng):
    X = rng.standard_normal((40_000, 3))
    mar = np.isnan(ampute(X, "mar", 0.3, given=[0], strength=1.5, random_state=0))
    assert not mar[:, 0].any()
    mnar = np.isnan(ampute(X, "mnar", 0.3, strength=-1.5, random_state=0))
    error = 5 / np.sqrt(len(X))
    for j in (1, 2):
        assert np.corrcoef(mar[:, j], X[:, 0])[0, 1] > 0.3
        assert abs(np.corrcoef(mar[:, j], X[:, j])[0, 1]) < error
        assert np.corrcoef(mnar[:, j], X[:, j])[0, 1] < -0.3


def test_frames_lists_and_sequences_come_back_in_their_form(rng):
    index = pd.date_range("2024-01-01", periods=30, freq="h").delete([7, 8])
    frame = pd.DataFrame(table(rng, 28, 2), index=index, columns=["a", "b"])
    out = ampute(frame, "block", 0.3, columns="b", length=4, random_state=0)
    assert out.index.equals(index)
    assert not out["a"].isna().any()
    assert out["b"].isna().any()
    parts = ampute(
        [frame.to_numpy(), frame.to_numpy()[:9]], "blackout", 0.4, length=3, random_state=0
    )
    assert [p.shape for p in parts] == [(28, 2), (9, 2)]


def test_one_seed_one_mask(rng):
    X = table(rng)
    first, again, other = (ampute(X, "block", 0.2, random_state=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(np.isnan(first), np.isnan(other))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mechanism": "blok"}, "Did you mean 'block'"),
        ({"rate": 1.0}, "rate must be a number of at least 0 and below 1; got 1.0"),
        (
            {"mechanism": "block", "length": 0},
            "length must be a whole number of at least 1, or the minimum",
        ),
        (
            {"mechanism": "block", "length": 2, "rate": 0.9},
            "rate must be at most 0.667 for runs of 2 steps",
        ),
        ({"columns": [7]}, "columns must hold columns of X; got 7. X has"),
        ({"given": [0]}, "given must be None for the mechanism 'mcar'"),
        (
            {"mechanism": "mar", "given": [0], "columns": [0, 1]},
            "given must hold none of the columns",
        ),
        ({"strength": np.inf}, "strength must be a finite number; got inf"),
    ],
)
def test_wrong_arguments_are_named(rng, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ampute(table(rng), **options)
