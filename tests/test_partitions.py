"""Estimates of partitions against all partitions there are, and votes against counting."""

import numpy as np
import pytest
from reference import partitions as reference

from tsinit import metrics, partitions
from tsinit.partitions import losses, search

EXPECTED = {"vi": partitions.expected_vi, "binder": partitions.expected_binder}
DISTANCE = {"vi": reference.variation_of_information, "binder": reference.binder_loss}


def noisy(rng, truth, M, wrong=0.1):
    """Draws of a partition: some steps in any state, and labels that mean nothing."""
    K = truth.max() + 1
    draws = np.where(
        rng.random((M, len(truth))) < wrong, rng.integers(0, K, (M, len(truth))), truth
    )
    return np.array([rng.permutation(K)[z] for z in draws])


@pytest.fixture(scope="module")
def all_of_six():
    every = reference.every(6)
    return every, {
        loss: np.array([[d(a, b) for b in every] for a in every]) for loss, d in DISTANCE.items()
    }


def test_there_are_as_many_partitions_as_bell_says():
    assert [len(reference.every(T)) for T in range(1, 8)] == [1, 2, 5, 15, 52, 203, 877]


@pytest.mark.parametrize("loss", EXPECTED)
def test_expected_losses_are_means_of_distances(rng, loss):
    draws = rng.integers(0, 4, (7, 25))
    labels = rng.integers(3, 9, 25)
    mean = np.mean([DISTANCE[loss](labels, z) for z in draws])
    assert EXPECTED[loss](labels, draws) == pytest.approx(mean, rel=1e-12)
    assert EXPECTED[loss](labels, draws.astype(np.uint8)) == EXPECTED[loss](labels, draws)
    assert EXPECTED[loss](draws[0], draws[:1] + 3) == 0.0


def test_large_draws_are_taken_in_pieces(rng, monkeypatch):
    draws = rng.integers(0, 3, (11, 40))
    whole = partitions.expected_vi(draws[0], draws)
    monkeypatch.setattr(losses, "_MAX_LABELS", 100)
    assert partitions.expected_vi(draws[0], draws) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("loss", EXPECTED)
def test_the_best_draw_is_the_best(rng, loss):
    draws = noisy(rng, np.repeat([0, 1, 2], 7), 12, 0.3)
    best = partitions.best_draw(draws, loss)
    expected = [EXPECTED[loss](z, draws) for z in draws]
    assert best.loss == pytest.approx(min(expected), rel=1e-12)
    assert best.draw == np.argmin(expected)
    assert metrics.adjusted_rand_index(best.labels, draws[best.draw]) == 1.0
    assert list(dict.fromkeys(best.labels.tolist())) == list(range(best.labels.max() + 1))


def test_of_many_draws_the_best_is_sought_among_evenly_spaced_ones(rng):
    draws = noisy(rng, np.repeat([0, 1], 10), 50)
    best = partitions.best_draw(draws, max_draws=8)
    chosen = [0, 7, 14, 21, 28, 35, 42, 49]
    assert best.draw in chosen
    assert best.loss == pytest.approx(
        min(partitions.expected_vi(draws[i], draws[chosen]) for i in chosen)
    )


@pytest.mark.parametrize("loss", EXPECTED)
@pytest.mark.parametrize(("wrong", "least_hits"), [(0.2, 60), (1.0, 55)])
def test_the_estimate_is_the_best_of_all_partitions(all_of_six, loss, wrong, least_hits):
    """Greedy search has no guarantee: some misses are allowed where draws are mere noise, none otherwise."""
    every, distances = all_of_six
    place = {tuple(z): i for i, z in enumerate(every)}
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        draws = noisy(rng, np.sort(rng.integers(0, 3, 6)), rng.integers(5, 30), wrong)
        columns = [place[tuple(partitions.compact(z))] for z in draws]
        of_all = distances[loss][:, columns].mean(axis=1)
        found = of_all[place[tuple(partitions.estimate(draws, loss))]]
        hits += found <= of_all.min() + 1e-12
        best = partitions.best_draw(draws, loss).loss
        assert of_all.min() - 1e-12 <= found <= best + 1e-12
    assert hits >= least_hits


@pytest.mark.slow
@pytest.mark.parametrize("loss", EXPECTED)
def test_the_estimate_is_the_best_of_all_partitions_of_seven(loss):
    every = reference.every(7)
    hits = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        draws = noisy(rng, np.sort(rng.integers(0, 3, 7)), rng.integers(5, 30), 0.3)
        least = min(EXPECTED[loss](z, draws) for z in every)
        hits += EXPECTED[loss](partitions.estimate(draws, loss), draws) <= least + 1e-12
    assert hits == 20


@pytest.mark.parametrize("loss", EXPECTED)
@pytest.mark.parametrize("order", ["time", "random"])
def test_refining_never_makes_it_worse(loss, order):
    for seed in range(15):
        rng = np.random.default_rng(seed)
        draws = noisy(rng, np.repeat(rng.integers(0, 4, 12), 5), 20, 0.3)
        for start in (rng.integers(0, 6, 60), np.zeros(60, dtype=int), np.arange(60), draws[0]):
            end = partitions.refine(start, draws, loss, rng=rng if order == "random" else None)
            assert EXPECTED[loss](end, draws) <= EXPECTED[loss](start, draws) + 1e-12


def test_of_long_series_fewer_draws_are_used(rng, monkeypatch):
    draws = noisy(rng, np.repeat([0, 1, 2], 20), 90, wrong=0.2)
    few = partitions.estimate(draws[np.linspace(0, 89, 40).round().astype(int)])
    monkeypatch.setattr(search, "_MAX_LABELS_HELD", 60 * 40)
    np.testing.assert_array_equal(partitions.estimate(draws), few)
    monkeypatch.setattr(search, "_MAX_LABELS_HELD", 1)
    chosen, _ = search._thin(draws, 300)
    assert len(chosen) == search._MIN_DRAWS


@pytest.mark.parametrize("M", [1, 15, 16, 17, 40])
def test_draws_are_turned_a_few_at_a_time(rng, M):
    draws = rng.integers(0, 5, (M, 30)).astype(np.uint8)
    found = search._by_step(draws)
    assert found.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(found, np.array([losses.compact(z) for z in draws]).T)


def test_the_estimate_is_nearer_to_the_truth_than_draws(rng):
    truth = np.repeat([0, 1, 0, 2, 1, 2, 0], 40)
    draws = noisy(rng, truth, 200, 0.15)
    np.testing.assert_array_equal(partitions.estimate(draws), truth)
    assert max(metrics.adjusted_rand_index(z, truth) for z in draws) < 0.9


def test_the_estimate_may_do_without_search(rng):
    draws = noisy(rng, np.repeat([0, 1, 2], 10), 15, 0.3)
    best = partitions.best_draw(draws).labels
    np.testing.assert_array_equal(partitions.estimate(draws, refine=False), best)


@pytest.mark.parametrize(
    "draws", [np.zeros((1, 1), int), np.zeros((3, 5), int), [[4, 4, 2]], [range(6)]]
)
def test_the_smallest_draws_have_an_estimate(draws):
    labels = partitions.estimate(draws)
    assert partitions.expected_vi(labels, draws) == 0.0
    found = partitions.consensus(draws)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.probabilities[np.arange(len(labels)), labels].min() == 1.0


def test_labels_that_mean_nothing_change_nothing(rng):
    draws = noisy(rng, np.repeat([0, 1, 2, 0], 10), 30, 0.2)
    renamed = np.array([rng.permutation(200)[:3][z] for z in draws]).astype(np.uint8)
    one, other = partitions.consensus(draws), partitions.consensus(renamed)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_array_equal(partitions.coclustering(draws), partitions.coclustering(renamed))
    for a, b in zip(draws, renamed, strict=True):
        i = draws.tolist().index(a.tolist())
        np.testing.assert_array_equal(one.mapping[i][a], other.mapping[i][b])


def test_align_finds_permutations_and_leaves_the_rest_out():
    pivot = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    draws = np.array(
        [
            [2, 2, 2, 0, 0, 0, 1, 1],
            [0, 0, 3, 1, 1, 1, 1, 1],  # 3 shares its step with a state that has a better match
            [1, 1, 1, 1, 1, 1, 1, 1],
        ]
    )
    expected = [[1, 2, 0, -1], [0, 1, -1, -1], [-1, 0, -1, -1]]
    np.testing.assert_array_equal(partitions.align(draws, pivot), expected)


def test_align_shares_as_many_steps_as_any_matching(rng):
    draws = rng.integers(0, 4, (20, 15))
    pivot = rng.integers(0, 3, 15)
    mapping = partitions.align(draws, pivot)
    for z, row in zip(draws, mapping, strict=True):
        best = reference.matched_accuracy(pivot.tolist(), z.tolist())
        assert (row[z] == pivot).mean() == pytest.approx(best)


def test_marginals_are_shares_of_votes(rng):
    draws, pivot = rng.integers(0, 4, (30, 12)), rng.integers(0, 3, 12)
    mapping = partitions.align(draws, pivot)
    probabilities, unmatched = partitions.marginal(draws, pivot, mapping)
    for t in range(12):
        votes = [mapping[m, draws[m, t]] for m in range(30)]
        counts = np.array([votes.count(k) for k in range(3)])
        np.testing.assert_allclose(probabilities[t], counts / counts.sum())
        assert unmatched[t] == votes.count(-1) / 30


def test_a_step_without_votes_goes_to_the_pivot():
    draws = np.array([[0, 0, 0, 1], [0, 0, 0, 1]])
    probabilities, unmatched = partitions.marginal(draws, [0, 0, 0, 1], [[0, -1], [0, -1]])
    np.testing.assert_array_equal(probabilities, [[1, 0], [1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(unmatched, [0, 0, 0, 1])


def test_the_consensus_drops_states_that_are_nowhere_likely():
    draws = np.array([[0, 0, 0, 1, 1, 1]] * 9 + [[0, 0, 2, 1, 1, 1]])
    found = partitions.consensus(draws, pivot=[1, 1, 0, 2, 2, 2])
    np.testing.assert_array_equal(found.labels, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.pivot, [0, 0, 2, 1, 1, 1])
    np.testing.assert_array_equal(found.mapping, [[0, 1, -1]] * 10)
    assert found.probabilities.shape == (6, 2)
    np.testing.assert_allclose(found.unmatched, [0, 0, 0.1, 0, 0, 0], atol=1e-15)


def test_the_consensus_is_a_probability_of_states_in_order_of_appearance(rng):
    truth = np.repeat([0, 1, 2, 1], 20)
    draws = noisy(rng, truth, 100, 0.15)
    found = partitions.consensus(draws)
    np.testing.assert_array_equal(found.labels, truth)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(axis=1))
    # A step is wrong with probability 0.1; the mean over 80 steps x 100 draws is within 5 standard errors.
    right = found.probabilities[np.arange(80), truth].mean()
    assert abs(right - 0.9) < 5 * np.sqrt(0.9 * 0.1 / 8000)


def test_variation_of_information_gives_up_where_every_draw_errs_often(rng):
    """Not a flaw of the search: with three steps in ten redrawn, one state is nearer to all draws."""
    truth = np.repeat([0, 1, 2, 1], 20)
    draws = noisy(rng, truth, 100, 0.3)
    assert partitions.estimate(draws).max() == 0
    assert partitions.expected_vi(np.zeros(80, int), draws) < partitions.expected_vi(truth, draws)
    np.testing.assert_array_equal(partitions.consensus(draws, loss="binder").labels, truth)


@pytest.mark.parametrize("largest", [3, 1000])
def test_coclustering_is_the_share_of_draws_that_agree(rng, largest):
    draws = rng.integers(0, 3, (40, 30)) * (largest // 3)
    together = partitions.coclustering(draws)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, reference.coclustering(draws), rtol=1e-6)
    rows = [3, 17, 4]
    np.testing.assert_array_equal(
        partitions.coclustering(draws, rows), together[np.ix_(rows, rows)]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: partitions.estimate([0, 1]),
            r"draws must be a table with one draw a row.*got shape \(2,\)",
        ),
        (lambda: partitions.estimate(np.empty((0, 4), int)), r"got shape \(0, 4\)"),
        (lambda: partitions.best_draw([[0, -1]]), "draws must be whole numbers from 0; got a -1"),
        (
            lambda: partitions.coclustering([[0.5, 1.0]]),
            "draws must be whole numbers .* type float64",
        ),
        (
            lambda: partitions.best_draw([[0, 1]], "var"),
            r"loss must be one of \['vi', 'binder'\]; got 'var'",
        ),
        (
            lambda: partitions.refine([0], [[0, 1]]),
            r"labels must hold one label for each .*shape \(1,\)",
        ),
        (
            lambda: partitions.align([[0, 1]], [0, 1, 2]),
            "pivot must hold one label for each of the 2 steps",
        ),
        (
            lambda: partitions.best_draw([[0, 1]], max_draws=0),
            "max_draws must be a whole number of at least 1; got 0",
        ),
        (
            lambda: partitions.refine([0, 1], [[0, 1]], max_sweeps="a"),
            "max_sweeps must be a whole number .* got 'a'",
        ),
        (
            lambda: partitions.coclustering([[0, 1]], [5]),
            r"rows must be numbers of rows from 0 to 1; got \[5\]",
        ),
    ],
)
def test_what_is_no_partition_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
