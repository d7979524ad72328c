"""Counts of overlaps and the changes of an expected loss, against counting anew."""

import numpy as np
import pytest

from tsinit.kernels import partitions as kernels

TABLES = {"n log n": lambda n: n * np.log(np.maximum(n, 1)), "n squared": lambda n: n * n}


def table(name, T):
    return TABLES[name](np.arange(T + 1, dtype=float))


def runs_of(draws):
    parts = []
    for z in draws:
        ends, states = np.empty((2, z.size), dtype=np.int64)
        n, K = kernels.find_runs(z, np.empty(z.max() + 1, dtype=np.int64), ends, states)
        parts.append((ends[:n], states[:n], n, K))
    ends, states, n, K = zip(*parts, strict=True)
    return kernels.PartitionRuns(
        np.concatenate(ends), np.concatenate(states), np.cumsum([0, *n]), np.array(K)
    )


def counts_of(z, s, K):
    shared = np.zeros((s.shape[1], s.max() + 1, K), dtype=np.int64)
    counts = kernels.OverlapCounts(np.zeros(K, dtype=np.int64), shared)
    kernels.count(z, s, counts)
    return counts


def loss_of(z, s, f):
    """The formula of the kernels' docstring, with every overlap counted by itself."""

    def own(a):
        return sum(f[(a == k).sum()] for k in np.unique(a))

    shared = [
        sum(f[((z == k) & (a == j)).sum()] for k in np.unique(z) for j in np.unique(a)) for a in s.T
    ]
    return own(z) + np.mean([own(a) for a in s.T]) - 2 * np.mean(shared)


def test_runs_tell_the_partition_again(rng):
    z = np.repeat(rng.integers(0, 5, 30), rng.integers(1, 4, 30))
    runs = runs_of([z])
    again = np.repeat(runs.states, np.diff(runs.ends, prepend=0))
    assert len(runs.ends) == 1 + (np.diff(z) != 0).sum()
    np.testing.assert_array_equal(z[:, None] == z, again[:, None] == again)
    first = [again.tolist().index(k) for k in range(runs.n_states[0])]
    assert first == sorted(first)


@pytest.mark.parametrize("name", TABLES)
def test_shared_sums_count_every_overlap(rng, name):
    draws = np.repeat(rng.integers(0, 4, (6, 25)), 2, axis=1)
    draws[3] = np.arange(50)  # all alone
    draws[4] = 2  # all together
    f, runs = table(name, 50), runs_of(draws)
    out = np.zeros(6)
    kernels.shared_sums(runs, 1, f, out)
    assert (out[:2] == 0).all()
    for m in range(2, 6):
        together = [((draws[1] == k) & (draws[m] == j)).sum() for k in range(4) for j in range(50)]
        assert out[m] == pytest.approx(f[together].sum(), rel=1e-12)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", ["steps", "runs"])
def test_a_sweep_moves_what_lowers_the_loss_and_keeps_its_counts(rng, name, kind):
    s = np.repeat(rng.integers(0, 3, (20, 8)), 2, axis=0).astype(np.int32)
    f = table(name, 40)
    for _ in range(20):
        z = np.repeat(rng.integers(0, 3, 20), 2)
        counts, start = counts_of(z, s, 5), z.copy()
        if kind == "steps":
            moved = kernels.sweep_steps(z, rng.permutation(40), s, counts, f)
        else:
            cuts = np.flatnonzero(np.diff(z, prepend=-1, append=-1))
            moved = kernels.sweep_runs(z, np.column_stack([cuts[:-1], cuts[1:]]), s, counts, f)
        assert (moved > 0) == (z != start).any()
        assert loss_of(z, s, f) <= loss_of(start, s, f) + 1e-9
        for kept, anew in zip(counts, counts_of(z, s, 5), strict=True):
            np.testing.assert_array_equal(kept, anew)


@pytest.mark.parametrize("name", TABLES)
def test_where_a_sweep_stops_no_single_step_helps(rng, name):
    s = rng.integers(0, 3, (15, 9)).astype(np.int32)
    f, z = table(name, 15), rng.integers(0, 3, 15)
    while kernels.sweep_steps(z, np.arange(15), s, counts_of(z, s, 15), f):
        pass
    least = loss_of(z, s, f)
    for t in range(15):
        for k in range(15):
            other = z.copy()
            other[t] = k
            assert loss_of(other, s, f) >= least - 1e-9


@pytest.mark.parametrize("name", TABLES)
def test_a_run_moves_where_no_step_alone_would(name):
    """Three steps which all draws keep apart from the rest: one by one they stay, together they leave."""
    f = table(name, 9)
    s = np.zeros((9, 4), dtype=np.int32)
    s[3:6] = 1
    z = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    counts = counts_of(z, s, 4)
    assert kernels.sweep_runs(z, np.array([[6, 9]]), s, counts, f) == 1
    np.testing.assert_array_equal(z, [0, 0, 0, 1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("name", TABLES)
def test_merge_gains_are_differences_of_losses(rng, name):
    s = rng.integers(0, 4, (30, 5)).astype(np.int32)
    z, f, gains = rng.integers(0, 4, 30), table(name, 30), np.zeros((6, 6))
    kernels.merge_gains(counts_of(z, s, 6), f, gains)
    for k in range(4):
        for j in range(k + 1, 4):
            change = loss_of(np.where(z == j, k, z), s, f) - loss_of(z, s, f)
            assert gains[k, j] == pytest.approx(change, abs=1e-9)
    assert (gains[:, 4:] == 0).all()  # an empty state changes nothing


def test_votes_and_overlaps_are_counts(rng):
    z, pivot = rng.integers(0, 3, 40), rng.integers(0, 2, 40)
    shared = np.zeros((3, 2), dtype=np.int64)
    kernels.overlap(z, pivot, shared)
    expected = [[((z == k) & (pivot == j)).sum() for j in range(2)] for k in range(3)]
    np.testing.assert_array_equal(shared, expected)
    votes, missed = np.zeros((40, 2), dtype=np.int64), np.zeros(40, dtype=np.int64)
    kernels.tally(z, np.array([1, -1, 0]), votes, missed)
    np.testing.assert_array_equal(votes, np.column_stack([z == 2, z == 0]))
    np.testing.assert_array_equal(missed, z == 1)
