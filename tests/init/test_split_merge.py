"""Split and merge: moves keep to their promise, the search only climbs, and leaves maxima that EM cannot."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from tsinit import HiddenMarkovModel, InfiniteHMM, compare
from tsinit.init import Race, SplitMerge, propose
from tsinit.init._split_states import _run_of, moves


def total_cost(rows, z):
    """Negative log-likelihood of normal states, one prior observation of a tenth of the variance, by the book."""
    total = 0.0
    for k in np.unique(z):
        x = rows[z == k]
        scatter = sum(np.outer(row - x.mean(axis=0), row - x.mean(axis=0)) for row in x)
        covariance = (scatter + 0.1 * np.eye(x.shape[1])) / (len(x) + 1)
        total += 0.5 * len(x) * np.log(np.linalg.det(covariance))
    return total


def misled(rng, n=40):
    """Four levels that come and go; labels that join two of them and part a third."""
    truth = np.tile(np.repeat(np.arange(4), n), 3)
    y = np.array([0.0, 3.0, 12.0, 24.0])[truth][:, None] + rng.standard_normal((12 * n, 1))
    z = np.array([0, 0, 1, 2])[truth]
    z[(truth == 3) & (y[:, 0] > 24.0)] = 3
    return y, truth, z


@pytest.mark.parametrize("n_states", [3, 4])
def test_every_move_gains_what_normal_fits_say_and_has_as_many_states_as_it_may(rng, n_states):
    rows, z = rng.standard_normal((90, 2)), np.repeat([0, 1, 2, 0, 2, 1], 15)
    found = moves(rows, z, n_states, np.array([0, 40, 90]))
    assert len(found) > 10
    for move in found:
        assert len(np.unique(move.labels)) == n_states
        expected = total_cost(rows, z) - total_cost(rows, move.labels)
        assert move.gain == pytest.approx(expected, abs=1e-9)
    parted = [{tuple(np.flatnonzero(m.labels == k)) for k in range(n_states)} for m in found]
    kept = [sum(tuple(np.flatnonzero(z == k)) in p for k in range(3)) for p in parted]
    assert set(kept) == ({2} if n_states == 4 else {0, 1})


def test_runs_end_where_a_sequence_or_a_state_does():
    own = np.array([0, 1, 2, 5, 6, 7, 9])
    np.testing.assert_array_equal(_run_of(own, np.array([0, 2, 6, 20])), [0, 0, 1, 2, 3, 3, 4])


def test_rows_that_are_alike_are_split_by_time_alone():
    found = moves(np.zeros((60, 2)), np.zeros(60, dtype=int), 2, np.array([0, 60]))
    (early_late,) = found
    assert np.isfinite(early_late.gain)
    assert (np.diff(early_late.labels) != 0).sum() == 1


@pytest.mark.parametrize("emission", ["gaussian", "student_t", "gaussian_diag"])
def test_it_leaves_a_maximum_that_em_cannot_leave(rng, emission):
    y, truth, z = misled(rng)
    y[rng.random(len(y)) < 0.1] = np.nan
    options = {"n_states": 4, "emission": emission, "random_state": 0}
    stuck = HiddenMarkovModel(init=z, **options).fit(y)
    freed = HiddenMarkovModel(init=SplitMerge(z), **options).fit(y)
    best = HiddenMarkovModel(init=truth, **options).fit(y)
    assert stuck.history_[-1] < best.history_[-1] - 10.0
    assert freed.history_[-1] > best.history_[-1] - 0.5
    assert adjusted_rand_score(truth, freed.labels_) > 0.95


def test_without_a_model_it_fits_one_of_its_own(rng):
    y, truth, z = misled(rng)
    labels = propose(SplitMerge(z), "labels", y, n_states=4, random_state=0)
    assert adjusted_rand_score(truth, z) < 0.9
    assert adjusted_rand_score(truth, labels) > 0.95


def test_counts(rng):
    truth = np.tile(np.repeat(np.arange(3), 40), 3)
    y = rng.poisson(np.array([1.0, 8.0, 30.0])[truth])[:, None].astype(float)
    z = np.where(truth == 2, 1 + (y[:, 0] > 30), 0)
    model = HiddenMarkovModel(3, init=SplitMerge(z), emission="poisson", random_state=0).fit(y)
    best = HiddenMarkovModel(3, init=truth, emission="poisson").fit(y)
    assert model.history_[-1] > best.history_[-1] - 0.5


def test_dynamics_are_told_apart_by_the_row_before(rng):
    truth = np.tile(np.repeat([0, 1], 100), 3)
    y = np.zeros(600)
    for t in range(1, 600):
        y[t] = (0.9, -0.9)[truth[t]] * y[t - 1] + rng.standard_normal()
    options = {"n_states": 2, "emission": "autoregressive", "random_state": 0}
    z = np.arange(600) % 2
    model = HiddenMarkovModel(init=SplitMerge(z), **options).fit(y[:, None])
    assert adjusted_rand_score(truth, model.labels_) > 0.9


def rising(objective):
    """A trial that leaves labels alone, and remembers what it was asked."""
    asked = []

    def trial(labels, n_iter):
        asked.append((labels.copy(), n_iter))
        return objective(labels), labels

    return trial, asked


def ask(y, trial, seed=0, n_states=3, inner="kmeans", **options):
    return SplitMerge(inner, **options).labels(
        y, np.random.default_rng(seed), n_states=n_states, trial=trial
    )


def test_the_search_takes_only_what_gains_and_ends_when_nothing_does(rng):
    y = rng.standard_normal((200, 2))

    def objective(labels):
        return float(-np.abs(np.bincount(labels, minlength=3) - [150, 40, 10]).sum())

    trial, asked = rising(objective)
    labels = ask(y, trial)
    values = [objective(one) for one, _ in asked]
    assert objective(labels) == max(values) > values[0]
    trial, asked = rising(lambda labels: 0.0)
    ask(y, trial, n_candidates=12)
    assert len(asked) == 1 + 12 + 2 * 2  # the start, two batches, and of each two that go on
    trial, asked = rising(lambda labels: 0.0)
    z = np.repeat([2, 1, 0], [50, 50, 100])
    np.testing.assert_array_equal(ask(y, trial, inner=z, n_candidates=0), z)
    assert [n_iter for _, n_iter in asked] == [20]


def test_a_fit_that_fails_is_passed_over(rng):
    y, _, z = misled(rng)

    def trial(labels, n_iter):
        if adjusted_rand_score(labels, z) == 1.0:
            return np.nan, labels
        if labels[0] == labels[-1]:
            raise FloatingPointError("no")
        return 0.0, labels

    labels = ask(y, trial, n_states=4, inner=z)
    assert labels[0] != labels[-1]


def test_one_seed_gives_one_answer_and_another_may_give_another(rng):
    y = rng.standard_normal((150, 2))
    found = [
        propose("split_merge", "labels", y, n_states=4, random_state=s) for s in (0, 0, 1, 2, 3)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert len({labels.tobytes() for labels in found}) > 1


@pytest.mark.parametrize("wrong", [{"n_candidates": -1}, {"n_iter": 0}, {"inner": "nothing"}])
def test_parameters_are_checked(rng, wrong):
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))} must be"):
        ask(rng.standard_normal((20, 1)), None, **wrong)


def test_it_starts_all_that_asks_for_labels(rng):
    hmm = pytest.importorskip("hmmlearn.hmm")
    y, truth, z = misled(rng)
    search = SplitMerge(z)
    chains = InfiniteHMM(
        init=search, n_init_states=4, n_tune=10, n_draws=20, n_chains=1, random_state=0
    )
    chains.fit(y)
    assert adjusted_rand_score(truth, chains.labels_) > 0.9
    race = Race(strategies=[search, "segments"])
    raced = HiddenMarkovModel(4, init=race, random_state=0).fit(y)
    assert adjusted_rand_score(truth, raced.labels_) > 0.95
    models = {"here": HiddenMarkovModel(4), "there": hmm.GaussianHMM(4, n_iter=50)}
    result = compare(models, y, {"z": z, "search": search}, n_seeds=1, progress=False)
    ends = result.runs.set_index(["model", "strategy"])["objective_final"]
    for model in models:
        assert ends[model, "search"] > ends[model, "z"] + 10.0
