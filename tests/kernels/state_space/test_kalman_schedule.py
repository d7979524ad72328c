"""What is shared, skipped or cut into chunks changes no answer: chunks, common schedules, the settled filter."""

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from kernels.state_space.panels import (
    GAPPY_KERNELS,
    assert_same,
    bind,
    by_step,
    discrepancy,
    spread,
    taking,
)
from reference import kalman as twin

from tsinit.kernels import Kalman
from tsinit.kernels.state_space import kalman_filter, narrow

SAME = 1e-12  # the same arithmetic up to where it starts from


def several(rng, lengths, *, n=3, D=2, observation_cov="diag", gaps=0.0, radius=0.9):
    params = random_params(
        rng, n, D, observation_cov=observation_cov, radius=radius, stationary=False
    )
    ys = [simulate(params, T, rng)[1] if T else np.empty((0, D)) for T in lengths]
    return params, [with_gaps(rng, y, gaps, rows=gaps / 2) for y in ys]


def everything(kalman, params, kind):
    """Flat dict of all that both passes return."""
    s = kalman.smooth(params, covariances=True, moments=kind)
    f = kalman.filter(params, covariances=True)
    assert s.succeeded
    assert f.succeeded
    assert not s.retried
    assert not f.retried
    sums = {name: value for name, value in s.moments._asdict().items() if name != "direct"}
    return sums | {
        "smoothed means": s.means, "smoothed covariances": spread(s.covariances),
        "filtered means": f.means, "filtered covariances": spread(f.covariances),
        "log-likelihood": s.log_likelihood, "filtered log-likelihood": f.log_likelihood,
        "quadratic": s.quadratic,
    }  # fmt: skip


def assert_all_same(found, exact, tol=SAME):
    assert found.keys() == exact.keys()
    for name in found:
        assert_same(found[name], exact[name], tol, name)


@pytest.mark.parametrize("kind", ["by_variable", "jointly"])
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("slots", [2, 3, 7])
def test_chunks_give_the_answer_of_one_piece(rng, monkeypatch, slots, gaps, observation_cov, kind):
    params, sequences = several(rng, (40, 1, 23, 40), observation_cov=observation_cov, gaps=gaps)
    whole = everything(bind(sequences, 3), params, kind)
    one_slot = 8 * (9 + 6 * (1 if observation_cov == "diag" else 2) + 2 + 1)
    monkeypatch.setattr(kalman_filter, "_BUDGET", slots * one_slot)
    monkeypatch.setattr(narrow, "_BUDGET", 2 * slots * one_slot)
    for kernels in GAPPY_KERNELS:
        with taking(kernels):
            assert_all_same(everything(bind(sequences, 3), params, kind), whole)


def test_a_chunk_that_ends_where_the_filter_settles_is_no_special_case(rng, monkeypatch):
    params, sequences = several(rng, (200,), radius=0.5)
    whole = everything(bind(sequences, 3), params, "by_variable")
    settled = len(bind(sequences, 3).filter(params, covariances=True).covariances.values)
    for slots in range(settled - 2, settled + 3):
        monkeypatch.setattr(kalman_filter, "_BUDGET", slots * 8 * (9 + 6 + 2 + 1))
        assert_all_same(everything(bind(sequences, 3), params, "by_variable"), whole)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_sequences_together_equal_each_on_its_own(rng, observation_cov, gaps):
    params, sequences = several(rng, (50, 50, 0, 31, 1, 80, 31), observation_cov=observation_cov)
    if gaps:
        # Some complete, some not: the complete ones share a schedule, the others must not disturb it.
        for k in (1, 5):
            sequences[k] = with_gaps(rng, sequences[k], gaps)
        sequences.append(np.full((9, 2), np.nan))
    together = everything(bind(sequences, 3), params, "jointly")
    apart = [everything(Kalman(y, 3), params, "jointly") for y in sequences if len(y)]
    for name, found in together.items():
        parts = [part[name] for part in apart]
        if name in ("Cx", "yy"):  # a complete sequence alone does not have them
            parts = [part for part in parts if part.size] or [found]
        long = name.endswith(("means", "covariances"))
        assert_same(found, np.concatenate(parts) if long else np.sum(parts, axis=0), SAME, name)


def test_the_order_of_sequences_does_not_matter(rng):
    params, sequences = several(rng, (12, 60, 33, 60, 5, 60), gaps=0.0)
    sequences[3] = with_gaps(rng, sequences[3], 0.3, rows=0.1)
    first = everything(bind(sequences, 3), params, "by_variable")
    order = rng.permutation(len(sequences))
    second = everything(bind([sequences[k] for k in order], 3), params, "by_variable")
    back = np.argsort(order)
    lengths = [len(sequences[k]) for k in order]
    for name in first:
        found = second[name]
        if name.endswith(("means", "covariances")):
            pieces = np.split(found, np.cumsum(lengths)[:-1])
            found = np.concatenate([pieces[k] for k in back])
        # direct sums may be taken the other way round, never to another result
        assert_same(found, first[name], SAME, name)


def test_equal_sequences_share_their_covariances(rng):
    params, sequences = several(rng, (70,) * 20)
    alone = Kalman(sequences[0], 3).smooth(params, covariances=True)
    for run in (Kalman.smooth, Kalman.filter):
        alone = run(Kalman(sequences[0], 3), params, covariances=True)
        store = run(bind(sequences, 3), params, covariances=True).covariances
        assert len(store.values) == len(alone.covariances.values)
        assert (store.index.reshape(20, 70) == store.index[:70]).all()


def test_a_settled_filter_stores_few_covariances(rng):
    params, (y,) = several(rng, (5000,))
    for run in (Kalman.smooth, Kalman.filter):
        store = run(Kalman(y, 3), params, covariances=True).covariances
        assert store.index.shape == (5000,)
        assert len(store.values) < 200
        assert set(store.index) == set(range(len(store.values)))


def test_the_settled_filter_is_left_at_a_gap_and_entered_again(rng):
    params, (y,) = several(rng, (3000,), radius=0.6)
    transient = len(Kalman(y, 3).filter(params, covariances=True).covariances.values)
    assert transient < 100
    y[1500, 0] = np.nan
    y[2200:2203] = np.nan
    store = Kalman(y, 3).filter(params, covariances=True).covariances
    index = store.index
    # Settled just before each gap and at the end, and not in between.
    for t in (1499, 2199, 2999):
        assert index[t] == index[t - 1]
    for gap in (1500, 2200):
        assert len(set(index[gap : gap + 5])) == 5
    assert index[1499] != index[2199]
    assert len(store.values) <= 3 * transient + 10
    exact = twin.smooth(params, y)
    assert_same(Kalman(y, 3).smooth(params).means, exact.means, 1e-11)
    assert by_step(spread(store), twin.filter(params, y).covariances) < 1e-11


@pytest.mark.parametrize("radius", [0.5, 0.99, 0.999])
@pytest.mark.parametrize("gaps", [False, True])
def test_settling_costs_no_accuracy(rng, radius, gaps):
    """Within 1e-10 of the textbook answer, which computes every step, also where modes are slow."""
    params, (y,) = several(rng, (5000,), radius=radius)
    params = params._replace(Q=1e-4 * params.Q)  # a slow filter, too
    if gaps:
        y[[900, 901, 2500, 4000]] = np.nan
        y[3000:3020, 1] = np.nan
    done = Kalman(y, 3).smooth(params, covariances=True)
    filtered = Kalman(y, 3).filter(params, covariances=True)
    exact, past = twin.smooth(params, y), twin.filter(params, y)
    assert len(filtered.covariances.values) < 5000
    assert_same(done.log_likelihood, exact.log_likelihood, 1e-10)
    assert_same(done.means, exact.means, 1e-10)
    assert_same(filtered.means, past.means, 1e-10)
    assert by_step(spread(done.covariances), exact.covariances) < 1e-10
    assert by_step(spread(filtered.covariances), past.covariances) < 1e-10


@pytest.mark.parametrize("scale", [1e3, 1e-3, 1e6])
def test_the_units_of_a_state_do_not_decide_when_the_filter_settles(rng, scale):
    """A state in small units beside one in large units settles no sooner, and is as accurate."""
    n, T = 3, 2000
    params, (y,) = several(rng, (T,), radius=0.99)
    params = params._replace(Q=1e-3 * params.Q)
    unit = np.array([1.0, scale, 1.0])
    other = params._replace(
        A=params.A * unit[:, None] / unit, C=params.C / unit, Q=params.Q * np.outer(unit, unit),
        m0=params.m0 * unit, P0=params.P0 * np.outer(unit, unit),
    )  # fmt: skip
    for run in (Kalman.filter, Kalman.smooth):
        plain = run(Kalman(y, n), params, covariances=True)
        found = run(Kalman(y, n), other, covariances=True)
        assert abs(len(found.covariances.values) - len(plain.covariances.values)) <= 2
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-11)
        assert discrepancy(found.means / unit, plain.means) < 1e-10
        assert (
            by_step(spread(found.covariances) / np.outer(unit, unit), spread(plain.covariances))
            < 1e-10
        )


def test_decoupled_states_of_different_size_both_settle_exactly():
    """The small state is slow and hidden behind a large one."""
    n, T = 2, 3000
    rng = np.random.default_rng(5)
    params = random_params(rng, n, 2, mean=False)._replace(
        A=np.diag([0.99, 0.5]), C=np.diag([1.0, 1e-4]), Q=np.diag([1e-3, 1e8]), R=np.eye(2),
        m0=np.zeros(2), P0=np.diag([4.0, 1e8]),
    )  # fmt: skip
    _, y = simulate(params, T, rng)
    done, exact = Kalman(y, n).smooth(params, covariances=True), twin.smooth(params, y)
    for a in range(n):
        assert_same(done.means[:, a], exact.means[:, a], 1e-10, f"means of state {a}")
        assert_same(
            spread(done.covariances)[:, a, a],
            exact.covariances[:, a, a],
            1e-10,
            f"variance of state {a}",
        )
