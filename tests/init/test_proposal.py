"""A start alone is the start that a model would have been given."""

import numpy as np
import pandas as pd
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, init

Y = np.random.default_rng(0).standard_normal((80, 2)).cumsum(axis=0)
GAPS = np.where(np.random.default_rng(1).random(Y.shape) < 0.1, np.nan, Y)


@pytest.mark.parametrize("name", ["kmeans", "kmeans++", "uniform", "segments", "jump"])
def test_labels_are_those_of_the_strategy_itself(name):
    labels = init.propose(name, "labels", GAPS, n_states=3, random_state=4)
    seed = np.random.SeedSequence(4)
    same = init.registry.resolve(name, "labels").propose(GAPS, np.random.default_rng(seed), 3)
    np.testing.assert_array_equal(labels, same)
    assert labels.dtype == np.int64
    again = init.propose(name, "labels", GAPS, n_states=3, random_state=4)
    np.testing.assert_array_equal(labels, again)
    assert set(labels) <= {0, 1, 2}


def test_every_model_of_the_package_can_begin_with_one():
    labels = init.propose("kmeans++", "labels", Y, n_states=3, random_state=0)
    hmm = InfiniteHMM(init=labels, n_tune=2, n_draws=2, n_chains=1, random_state=0).fit(Y)
    np.testing.assert_array_equal(np.ravel(hmm.start_), labels)
    params = init.propose("subspace", "dynamics", Y, n_states=2, random_state=0)
    ssm = LinearGaussianSSM(2, init=params, max_iter=2).fit(Y)
    assert pytest.approx(params.A) == ssm.start_.A
    full = init.propose("linear", "fill", GAPS)
    assert not np.isnan(full).any()
    np.testing.assert_array_equal(full[~np.isnan(GAPS)], GAPS[~np.isnan(GAPS)])
    mice = TBayesMICE(init=full, n_tune=2, n_draws=2, n_chains=1, random_state=0).fit(GAPS)
    np.testing.assert_allclose(mice.start_[0], full)


def test_tables_come_back_in_the_form_of_the_data():
    dates = pd.date_range("2020-01-01", periods=80).delete([10, 11, 40])
    table = pd.DataFrame(np.delete(GAPS, [10, 11, 40], axis=0), dates, ["a", "b"])
    labels = init.propose("segments", "labels", table, n_states=4)
    assert isinstance(labels, pd.Series)
    assert labels.index.equals(dates)
    # Days that the index skips count: blocks are of twenty days, not of as many rows.
    assert labels.value_counts().to_dict() == {0: 18, 1: 20, 2: 19, 3: 20}
    full = init.propose("linear", "fill", table)
    assert list(full.columns) == ["a", "b"]
    assert full.index.equals(dates)
    parts = init.propose("segments", "labels", [Y[:30], Y[30:]], n_states=2)
    assert [len(part) for part in parts] == [30, 50]
    np.testing.assert_array_equal(np.concatenate(parts), np.repeat([0, 1, 0, 1], [15, 15, 25, 25]))
    joined = init.propose("segments", "labels", Y, n_states=2, lengths=[30, 50])
    np.testing.assert_array_equal(joined, np.concatenate(parts))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("kmeans", "point", Y), {}, "verb must be one of"),
        (("kmeans", "dynamics", Y), {}, "n_states must be given for dynamics; got None"),
        (("kmeans", "labels", Y), {"n_states": 0}, "n_states must be"),
        (("linear", "labels", Y), {}, "'linear' does not offer 'labels'"),
        (("kmens", "labels", Y), {}, "Did you mean 'kmeans'"),
        ((init.KMeans, "labels", Y), {}, "strategy must be a strategy, not its class"),
        (("best_of", "labels", Y), {}, "trial"),
        (("native", "labels", Y), {}, "'native' does not offer 'labels'"),
        (("kmeans", "labels", Y), {"lengths": [3, 4]}, "lengths"),
        ((lambda y: np.zeros(3), "labels", Y), {}, "strategy=<lambda> must"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(arguments, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        init.propose(*arguments, **options)
