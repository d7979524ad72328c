"""Labels of long series are kept of evenly spaced draws, everything else of all, and nothing else is another."""

import numpy as np
import pytest

from tsinit import InfiniteHMM
from tsinit.models.hidden_markov import draws
from tsinit.partitions import consensus


@pytest.fixture(scope="module")
def data():
    """Two sequences with gaps, and a few steps that are no rows."""
    rng = np.random.default_rng(0)
    z = np.repeat([0, 1, 0, 1, 2], 20)
    y = 6.0 * z[:, None] + rng.standard_normal((100, 2))
    y[rng.random(y.shape) < 0.1] = np.nan
    return [y[:60], y[60:]]


def fit(data, **options):
    return InfiniteHMM(
        **{"n_tune": 20, "n_draws": 64, "n_chains": 2, "random_state": 0, **options}
    ).fit(data)


@pytest.fixture(scope="module")
def whole(data):
    return fit(data)


@pytest.fixture
def thinned(data, monkeypatch):
    monkeypatch.setattr(draws, "MAX_LABEL_BYTES", 2 * 100 * 22)
    return fit(data)


def test_labels_are_kept_of_evenly_spaced_draws_and_scalars_of_all(whole, thinned):
    few, all_ = thinned.draws_, whole.draws_
    np.testing.assert_array_equal(few.label_draws, range(0, 64, 3))
    np.testing.assert_array_equal(all_.label_draws, range(64))
    assert few.labels.nbytes <= draws.MAX_LABEL_BYTES
    np.testing.assert_array_equal(few.labels, all_.labels[:, ::3])
    for name in (*draws.SCALARS, "shares", "n_changes", "share_of_stays"):
        np.testing.assert_array_equal(getattr(few, name), getattr(all_, name))
    assert few.n_draws == all_.n_draws == 64
    assert len(few) == 2 * 22
    assert "64 draws, labels of 22 of them" in repr(few)
    assert "labels of" not in repr(all_)


def test_draws_are_found_by_the_place_of_their_labels(whole, thinned):
    for i in (0, 5, 21, 22, 43):
        chain, place = divmod(i, 22)
        here, there = thinned.draws_.record(i), whole.draws_.record(64 * chain + 3 * place)
        np.testing.assert_array_equal(here.labels, thinned.draws_.flat[i])
        np.testing.assert_array_equal(here.labels, there.labels)
        np.testing.assert_array_equal(here.pi, there.pi)


def test_convergence_is_that_of_all_draws(whole, thinned):
    assert thinned.convergence_.scalars == whole.convergence_.scalars
    assert thinned.sampler_summary()["rhat"] == whole.sampler_summary()["rhat"]


def test_the_estimate_is_that_of_the_labels_kept(data, thinned):
    agreed = consensus(thinned.draws_.flat)
    np.testing.assert_array_equal(thinned.labels_, agreed.labels)
    np.testing.assert_array_equal(thinned.probabilities_, agreed.probabilities)
    assert sorted(np.round(thinned.means_[:, 0] / 6.0).astype(int).tolist()) == [0, 1, 2]
    for answer in (thinned.predict_proba(data)[0], thinned.filter_proba(data)[0]):
        np.testing.assert_allclose(answer.sum(axis=1), 1.0)
    assert thinned.coclustering_matrix([0, 1, 99]).shape == (3, 3)


def test_a_tree_numbers_the_draws_of_labels(whole, thinned):
    tree = thinned.to_datatree()
    for group in ("posterior_by_state", "posterior_by_time"):
        np.testing.assert_array_equal(tree[group].coords["draw"], range(0, 64, 3))
    assert tree["posterior"].sizes["draw"] == 64
    other = whole.to_datatree()
    np.testing.assert_array_equal(other["posterior_by_time"].coords["draw"], range(64))
    np.testing.assert_array_equal(
        tree["posterior_by_time"]["state"], other["posterior_by_time"]["state"][:, ::3]
    )
    for name, values in tree["posterior"].data_vars.items():
        np.testing.assert_array_equal(values, other["posterior"][name])
    assert thinned.to_arviz()["posterior_by_state"].sizes["draw"] == 22


def test_a_limit_leaves_sixteen_draws_to_compare(data, monkeypatch):
    monkeypatch.setattr(draws, "MAX_LABEL_BYTES", 1)
    model = fit(data)
    np.testing.assert_array_equal(model.draws_.label_draws, range(0, 64, 4))
    few = fit(data, n_draws=5, n_chains=1)
    assert len(few.draws_) == 5


@pytest.mark.parametrize(
    ("n_draws", "n_labels", "every"),
    [
        (1000, 4 * 125_000, 1),
        (1000, 4 * 125_001, 2),
        (1000, 4 * 10**6, 8),
        (1000, 10**9, 62),
        (10, 10**9, 1),
    ],
)
def test_the_default_limit(n_draws, n_labels, every):
    assert draws.label_stride(n_draws, n_labels) == every


def test_a_race_keeps_labels_in_the_same_way(data, monkeypatch):
    from tsinit.init import Race

    monkeypatch.setattr(draws, "MAX_LABEL_BYTES", 2 * 100 * 22)
    model = fit(data, init=Race(["kmeans", "segments"]))
    np.testing.assert_array_equal(model.draws_.label_draws, range(0, 64, 3))
