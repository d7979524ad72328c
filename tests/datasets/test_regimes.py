"""Simulated regimes are what was asked for: persistence, means, unit variance, gaps; wrong arguments are reported."""

import numpy as np
import pytest

from tsinit.datasets import make_hmm

MANY = 200_000


def test_states_persist_as_often_as_asked_and_are_equally_frequent():
    data = make_hmm(MANY, persistence=0.9, random_state=0)
    stays = np.mean(data.labels[1:] == data.labels[:-1])
    assert abs(stays - 0.9) < 5 * np.sqrt(0.9 * 0.1 / MANY)
    # Labels are correlated over about 1 / (1 - 0.85) steps each way: their share is known that much less well.
    share = np.bincount(data.labels) / MANY
    assert np.abs(share - 1 / 3).max() < 5 * np.sqrt(2 / 9 * 13 / MANY)


@pytest.mark.parametrize("df", [np.inf, 5.0])
def test_noise_has_unit_variance_and_the_correlation(df):
    data = make_hmm(MANY, n_features=2, correlation=0.5, df=df, random_state=1)
    residuals = data.complete - data.means[data.labels]
    kurtosis = 3.0 if df == np.inf else 9.0
    assert np.abs(residuals.var(axis=0) - 1.0).max() < 5 * np.sqrt((kurtosis - 1) / MANY)
    assert abs(np.corrcoef(residuals.T)[0, 1] - 0.5) < 5 * np.sqrt(kurtosis / MANY)


def test_means_are_spaced_evenly_or_as_given():
    assert make_hmm(5, 4, 2, means=(0.0, 3.0)).means.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    given = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(make_hmm(5, 3, 2, means=given).means, given)


def test_sequences_and_gaps():
    data = make_hmm([30, 20], n_features=2, missing=0.25, random_state=0)
    assert [z.shape for z in data.labels] == [(30,), (20,)]
    assert sum(np.isnan(y).sum() for y in data.y) == 25
    assert all(
        np.array_equal(y[~np.isnan(y)], c[~np.isnan(y)])
        for y, c in zip(data.y, data.complete, strict=True)
    )


def test_one_state_never_changes():
    assert make_hmm(50, 1, random_state=0).labels.max() == 0


def test_one_seed_gives_one_series():
    assert np.array_equal(make_hmm(random_state=3).y, make_hmm(random_state=3).y)
    assert not np.array_equal(make_hmm(random_state=3).y, make_hmm(random_state=4).y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"persistence": 1.0}, "persistence must"),
        ({"n_states": 0}, "n_states must be a whole number of at least 1"),
        ({"df": 2.0}, "df must be a number above 2, where"),
        ({"means": [1.0, 2.0, 3.0]}, r"means must be a pair or of shape \(3, 1\)"),
        ({"missing": -0.1}, "missing must"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_hmm(10, **arguments)
