"""Counts, rows, slices, sticks and compaction, each against its definition."""

import numpy as np
import pytest
from reference import hdp as twin

from tsinit.kernels.hidden_markov import hdp

OFFSETS = [0, 12, 13, 30]
BEGINS = twin.begins_of(OFFSETS)


def space(rng, z, K, capacity=None, begins=BEGINS):
    """Work space with the counts of z, a drawn beta, and nothing in the rows."""
    work = hdp.empty_transitions(capacity or K + 40)
    work.n[: K + 1, :K] = np.pad(twin.counts(z, begins), ((0, K), (0, K)))[: K + 1, :K]
    work.beta[: K + 1] = rng.dirichlet(np.full(K + 1, 2.0))
    return work


def labels(rng, K):
    z = rng.integers(K, size=OFFSETS[-1])
    z[:K] = rng.permutation(K)
    return z


def prepare(rng, z, work, K, values=(3.0, 0.4, 1.5), begins=BEGINS):
    u = np.empty(len(z))
    L, done = hdp.prepare(rng, z, begins, u, work, np.array(values), K, False)
    return L, done, u


def test_compaction_drops_what_is_not_in_use(rng):
    K = 8
    z = rng.choice([1, 4, 6, 7], size=OFFSETS[-1])
    work = space(rng, z, K)
    work.pi[: K + 1, : K + 1] = rng.dirichlet(np.ones(K + 1), size=K + 1)
    used, beta, pi = np.unique(z), work.beta.copy(), work.pi.copy()
    want_z, want_beta = twin.drop_unused(z.tolist(), beta[: K + 1])
    kept = np.empty(K, dtype=np.int64)
    count = hdp.compact(z, BEGINS, work, K, kept)
    assert count == len(used)
    assert np.array_equal(kept[:count], used)
    assert np.array_equal(z, want_z)
    np.testing.assert_allclose(work.beta[: count + 1], want_beta)
    rows = pi[np.concatenate([[0], used + 1])]
    np.testing.assert_allclose(work.pi[: count + 1, :count], rows[:, used])
    np.testing.assert_allclose(work.pi[: count + 1, : count + 1].sum(axis=1), 1.0)
    assert np.array_equal(work.n[: count + 1, :count], twin.counts(z.tolist(), BEGINS))
    assert work.n.sum() == len(z)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_log_probability_is_the_product_of_predictions(rng, rho):
    K, alpha = 4, 2.5
    z = labels(rng, K)
    work = space(rng, z, K)
    seen, want = np.zeros((K + 1, K)), 0.0
    for t, k in enumerate(z):
        j = 0 if BEGINS[t] else z[t - 1] + 1
        mass = (
            alpha * work.beta[k]
            if j == 0
            else alpha * ((1.0 - rho) * work.beta[k] + rho * (k == j - 1))
        )
        want += np.log((seen[j, k] + mass) / (seen[j].sum() + alpha))
        seen[j, k] += 1
    assert hdp.log_probability(work, K, alpha, rho) == pytest.approx(want, rel=1e-12)


def test_every_slice_lies_below_its_transition_and_above_what_is_left(rng):
    K = 3
    z = labels(rng, K)
    previous = np.where(BEGINS, 0, np.roll(z, 1) + 1)
    for _ in range(200):
        work = space(rng, z, K)
        L, done, u = prepare(rng, z, work, K)
        pi, beta = work.pi[: L + 1, : L + 1], work.beta[: L + 1]
        assert done
        assert (u > 0.0).all()
        assert (u < pi[previous, z]).all()
        assert (pi[:, L] < u.min()).all()
        np.testing.assert_allclose(pi.sum(axis=1), 1.0)
        assert beta.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_rows_follow_their_dirichlet_and_sticks_their_beta(rng, rho):
    """Splitting the rest must leave the rows as they were, so their law is that without any stick."""
    K, alpha, gamma, N = 3, 3.0, 1.5, 4000
    z = labels(rng, K)
    work = space(rng, z, K)
    start, n = work.beta[: K + 1].copy(), work.n.copy()
    rows, sticks, news = np.empty((N, K + 1, K + 1)), [], []
    for i in range(N):
        work.beta[: K + 1] = start
        L, _, _ = prepare(rng, z, work, K, (alpha, rho, gamma))
        rows[i, :, :K] = work.pi[: K + 1, :K]
        rows[i, :, K] = work.pi[: K + 1, K : L + 1].sum(axis=1)
        if L > K:
            sticks.append(work.beta[K] / start[K])
            news.append(work.pi[K + 1, K])
    for j in range(K + 1):
        own = rho if j else 0.0
        a = alpha * (1.0 - own) * start
        a[:K] += n[j, :K] + alpha * own * (np.arange(K) == j - 1)
        mean = a / a.sum()
        error = np.sqrt(mean * (1.0 - mean) / (a.sum() + 1.0) / N)
        assert (np.abs(rows[:, j].mean(axis=0) - mean) < 4.5 * error).all()
    assert len(sticks) > N / 4
    # Whether a stick is needed does not depend on how it breaks.
    sticks = np.array(sticks)
    assert abs(sticks.mean() - 1.0 / (1.0 + gamma)) < 4.5 * sticks.std() / np.sqrt(len(sticks))
    expected = rho + (1.0 - rho) * sticks * start[K]
    off = np.array(news) - expected
    assert abs(off.mean()) < 4.5 * off.std() / np.sqrt(len(off))


def test_a_full_work_space_is_reported_and_the_work_goes_on_after_it(rng):
    z = labels(rng, 3)
    work = space(rng, z, 3, capacity=4)
    u = np.empty(len(z))
    values = np.array([50.0, 0.0, 100.0])
    L, done = hdp.prepare(rng, z, BEGINS, u, work, values, 3, False)
    assert (L, done) == (4, False)
    larger, slices, rows = hdp.empty_transitions(2000), u.copy(), work.pi[:4, :3].copy()
    larger.n[:5, :4], larger.beta[:5], larger.pi[:5, :5] = work.n, work.beta, work.pi
    L, done = hdp.prepare(rng, z, BEGINS, u, larger, values, L, True)
    assert done
    assert L > 4
    assert np.array_equal(u, slices)
    assert np.array_equal(larger.pi[:4, :3], rows)
    assert (larger.pi[: L + 1, L] < u.min()).all()


def test_concentrations_near_nothing_leave_probabilities(rng):
    z = np.zeros(5, dtype=np.int64)
    begins = twin.begins_of([0, 5])
    for values in [(1e-100, 0.0, 1e-100), (1e-100, 0.5, 1e-100), (1e8, 1.0 - 1e-12, 1e-100)]:
        work = space(rng, z, 1, begins=begins)
        work.beta[:2] = 1.0, 0.0
        L, done, u = prepare(rng, z, work, 1, values, begins)
        assert done
        assert np.isfinite(work.pi[: L + 1, : L + 1]).all()
        assert (u > 0.0).all()
