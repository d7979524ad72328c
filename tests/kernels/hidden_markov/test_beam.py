"""The beam against a filter over all transitions in logs, and against exact sampling of a finite chain."""

from itertools import product

import numpy as np
import pytest
from models.hidden_markov.level_emission import Level, Rows

from tsinit.kernels.hidden_markov import beam

K, T = 5, 60
BEGINS = np.zeros(T, dtype=bool)
BEGINS[[0, 20, 21]] = True


def problem(rng, spread=1.0):
    """Rows of pi with some transitions closed, means `spread` apart, data, a path and slices under it."""
    pi = np.zeros((K + 1, K + 1))
    pi[:, :K] = rng.dirichlet(np.full(K, 0.5), size=K + 1)
    z, u = np.empty(T, dtype=np.int64), np.empty(T)
    for t in range(T):
        row = 0 if BEGINS[t] else z[t - 1] + 1
        z[t] = rng.choice(K, p=pi[row, :K])
        u[t] = rng.random() * pi[row, z[t]]
    params = Level(spread * np.arange(K), np.ones(K))
    y = params.mean[rng.permutation(z)][:, None] + rng.standard_normal((T, 1))
    y[rng.random(T) < 0.1] = np.nan
    return params, Rows(y), pi, z, u


def log_filter(params, data, pi, u):
    """Filter weights in logs over all K^2 transitions, (T, K), each row with largest entry 0."""
    e = data.y - params.mean
    log_density = np.nan_to_num(-0.5 * e * e - 0.5 * np.log(2.0 * np.pi))
    out = np.empty((T, K))
    with np.errstate(divide="ignore"):
        for t in range(T):
            if BEGINS[t]:
                ahead = np.log(pi[0, :K] > u[t])
            else:
                ahead = np.logaddexp.reduce(out[t - 1][:, None] + np.log(pi[1:, :K] > u[t]), axis=0)
            out[t] = ahead + log_density[t]
            out[t] -= out[t].max()
    return out


def run(params, data, pi, u, capacity=K * T):
    trellis = beam.empty_trellis(T, capacity)
    return beam.forward(params, data, BEGINS, u, pi, K, trellis, 0), trellis


def column(trellis, t):
    """Log weights of all states at t, largest 0."""
    out = np.full(K, -np.inf)
    part = slice(trellis.first[t], trellis.first[t + 1])
    with np.errstate(divide="ignore"):
        out[trellis.state[part]] = (
            trellis.weight[part] if trellis.in_logs[t] else np.log(trellis.weight[part])
        )
    return out - out.max()


@pytest.mark.parametrize("spread", [1.0, 10.0, 25.0, 60.0, 1e3, 1e5])
def test_weights_equal_those_of_a_filter_in_logs(rng, spread):
    """States up to 1e5 standard deviations apart: none that can be reached is ever lost."""
    logs = 0
    for _ in range(20):
        params, data, pi, _, u = problem(rng, spread)
        done, trellis = run(params, data, pi, u)
        assert done == T
        want = log_filter(params, data, pi, u)
        for t in range(T):
            if trellis.first[t + 1] - trellis.first[t] > 1:
                np.testing.assert_allclose(column(trellis, t), want[t], rtol=1e-9, atol=1e-9)
            else:
                assert np.array_equal(np.isfinite(want[t]), np.isfinite(column(trellis, t)))
        logs += trellis.in_logs.sum()
    assert (logs > 0) == (spread >= 10.0)


def test_a_small_trellis_is_enlarged_where_it_ran_out(rng):
    params, data, pi, _, u = problem(rng)
    _, whole = run(params, data, pi, u)
    t, trellis = run(params, data, pi, u, capacity=2 * K)
    assert 0 < t < T
    while t < T:
        trellis = trellis._replace(
            state=np.append(trellis.state, np.zeros(K, int)),
            weight=np.append(trellis.weight, np.zeros(K)),
        )
        t = beam.forward(params, data, BEGINS, u, pi, K, trellis, t)
    used = whole.first[-1]
    assert np.array_equal(trellis.first, whole.first)
    assert np.array_equal(trellis.state[:used], whole.state[:used])
    assert np.array_equal(trellis.weight[:used], whole.weight[:used])


def test_a_row_without_density_is_named(rng):
    params, data, pi, _, u = problem(rng)
    u[:] = 0.0
    data.y[33] = 1e200
    assert run(params, data, pi, u)[0] == -34


def test_rows_are_sorted_whatever_their_length(rng):
    """States that cannot be reached from anywhere are never listed, at any number of states."""
    for states in (1, 2, 3, 7, 50, 200):
        pi = np.zeros((states + 1, states + 1))
        pi[:, :states] = rng.dirichlet(np.full(states, 0.3), size=states + 1)
        begins, u = np.arange(30) % 15 == 0, np.full(30, 0.02 / states)
        trellis = beam.empty_trellis(30, 30 * states)
        params = Level(rng.standard_normal(states), np.ones(states))
        assert (
            beam.forward(
                params, Rows(rng.standard_normal((30, 1))), begins, u, pi, states, trellis, 0
            )
            == 30
        )
        before = None
        for t in range(30):
            now = set(trellis.state[trellis.first[t] : trellis.first[t + 1]].tolist())
            rows = [0] if begins[t] else [j + 1 for j in before]
            assert now == {k for j in rows for k in range(states) if pi[j, k] > u[t]}
            before = now


def test_paths_are_drawn_in_proportion_to_their_weight(rng):
    """Six steps given the slices: every path is as likely as the product of its densities where it is open."""
    begins = np.array([True, False, False, True, False, False])
    pi = np.zeros((4, 4))
    pi[:, :3] = rng.dirichlet(np.ones(3), size=4)
    params, data, u = (
        Level(np.array([0.0, 1.0, 2.0]), np.ones(3)),
        Rows(rng.standard_normal((6, 1))),
        np.full(6, 0.1),
    )
    weight = {}
    for z in product(range(3), repeat=6):
        rows = [0 if begins[t] else z[t - 1] + 1 for t in range(6)]
        if all(pi[j, k] > 0.1 for j, k in zip(rows, z, strict=True)):
            weight[z] = np.exp(-0.5 * np.sum((data.y[:, 0] - params.mean[list(z)]) ** 2))
    total, N = sum(weight.values()), 20_000
    trellis, z, found = (
        beam.empty_trellis(6, 18),
        np.empty(6, dtype=np.int64),
        dict.fromkeys(weight, 0),
    )
    beam.forward(params, data, begins, u, pi, 3, trellis, 0)
    for _ in range(N):
        beam.backward(z, begins, u, pi, trellis, rng.random(6))
        found[tuple(z.tolist())] += 1
    expected = np.array([w / total * N for w in weight.values()])
    chi = np.sum((np.array(list(found.values())) - expected) ** 2 / expected)
    assert chi < len(weight) + 5.0 * np.sqrt(2.0 * len(weight))


def test_alternating_slices_and_paths_samples_a_finite_chain(rng):
    """With everything but the labels fixed, slices and beam give the smoothing distribution that enumeration gives."""
    begins = np.array([True, False, False, False, True, False])
    pi = np.zeros((4, 4))
    pi[:, :3] = rng.dirichlet(np.full(3, 2.0), size=4)
    params, data = Level(np.array([-1.0, 0.0, 1.5]), np.ones(3)), Rows(rng.standard_normal((6, 1)))
    paths = np.array(list(product(range(3), repeat=6)))
    previous = np.where(begins, 0, np.roll(paths, 1, axis=1) + 1)
    distribution = np.prod(
        pi[previous, paths] * np.exp(-0.5 * (data.y[:, 0] - params.mean[paths]) ** 2), axis=1
    )
    distribution /= distribution.sum()

    def features(z):
        return np.concatenate([z == 0, z == 1, z[..., 1:] == z[..., :-1]], axis=-1)

    want = distribution @ features(paths)
    N, batches = 40_000, 100
    trellis, z, observed = (
        beam.empty_trellis(6, 18),
        np.zeros(6, dtype=np.int64),
        np.empty((N, want.size)),
    )
    for i in range(N):
        u = rng.random(6) * pi[np.where(begins, 0, np.roll(z, 1) + 1), z]
        beam.forward(params, data, begins, u, pi, 3, trellis, 0)
        beam.backward(z, begins, u, pi, trellis, rng.random(6))
        observed[i] = features(z)
    means = observed.reshape(batches, -1, want.size).mean(axis=1)
    error = means.std(axis=0, ddof=1) / np.sqrt(batches)
    assert (np.abs(means.mean(axis=0) - want) < 4.0 * error).all()
