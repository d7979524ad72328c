"""The strategy as a user meets it: right on long series, robust on poor ones, indifferent to units."""

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag

from tsinit import LinearGaussianParams
from tsinit.init.subspace.strategy import Subspace
from tsinit.kernels import Kalman, solve_lyapunov

WEIGHTS = ("cva", "n4sid", "moesp")


def rotation(modulus, angle):
    return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def resonances():
    """Two lightly damped resonances in observation noise.

    From T steps the modulus of a pole r has at best a standard error of sqrt((1 - r^2) / (2 T)): 0.0012 for
    0.97 and T = 20,000.
    """
    A = block_diag(rotation(0.99, 0.5), rotation(0.97, 1.5))
    Q, C, R = 0.1 * np.eye(4), np.array([[1.0, 0.0, 1.0, 0.0]]), np.array([[0.3]])
    return LinearGaussianParams(A, C, Q, R, np.zeros(4), solve_lyapunov(A, Q), np.zeros(1))


def log_likelihood(params, y, offsets=None):
    return Kalman(np.ascontiguousarray(y), len(params.A), offsets).log_likelihood(params)


def moduli(A):
    return np.sort(np.abs(np.linalg.eigvals(A)))


def assert_valid(params, n, D):
    shapes = [(n, n), (D, n), (n, n), (D, D), (n,), (n, n), (D,)]
    assert [value.shape for value in params] == shapes
    assert all(np.isfinite(value).all() for value in params)
    assert all(value.flags.c_contiguous and value.dtype == float for value in params)
    assert moduli(params.A)[-1] <= 0.999 + 1e-6
    for S in (params.Q, params.R, params.P0):
        np.testing.assert_array_equal(S, S.T)
        assert np.linalg.eigvalsh(S)[0] >= -1e-10 * np.abs(S).max()
    assert (np.diag(params.R) > 0).all()
    np.testing.assert_array_equal(params.m0, 0)
    np.testing.assert_allclose(
        params.P0, params.A @ params.P0 @ params.A.T + params.Q, atol=1e-9 * np.abs(params.P0).max()
    )


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_a_system_from_a_long_series(weights, seed):
    truth = resonances()
    y = simulate(truth, 20_000, np.random.default_rng(seed))[1]
    params = Subspace(weights).dynamics(y, np.random.default_rng(0), 4)
    np.testing.assert_allclose(moduli(params.A), moduli(truth.A), atol=0.005)
    gap = (log_likelihood(params, y) - log_likelihood(truth, y)) / len(y)
    assert abs(gap) < 1e-3
    np.testing.assert_allclose(params.R, truth.R, atol=0.05)


def test_dropping_the_correlation_costs_more_than_a_tenth_of_a_nat_per_step():
    truth = resonances()
    y = simulate(truth, 20_000, np.random.default_rng(0))[1]
    naive = Subspace(independent_noise=False).dynamics(y, np.random.default_rng(0), 4)
    assert (log_likelihood(naive, y) - log_likelihood(truth, y)) / len(y) < -0.1


def test_moesp_and_n4sid_find_the_same_poles():
    y = simulate(resonances(), 5000, np.random.default_rng(3))[1]
    a, b = (Subspace(w).dynamics(y, np.random.default_rng(0), 4).A for w in ("moesp", "n4sid"))
    np.testing.assert_allclose(moduli(a), moduli(b), atol=1e-2)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 6),
    D=st.integers(1, 4),
    T=st.integers(4, 150),
    missing=st.sampled_from([0.0, 0.05, 0.4]),
    weights=st.sampled_from(WEIGHTS),
)
def test_gives_valid_parameters_for_whatever_was_drawn(seed, n, D, T, missing, weights):
    rng = np.random.default_rng(seed)
    y = with_gaps(
        rng, simulate(random_params(rng, n, D, radius=rng.uniform(0, 1.01)), T, rng)[1], missing
    )
    y[rng.integers(T)] = 1.0  # no column is empty
    assert_valid(Subspace(weights).dynamics(y, rng, n), n, D)


@pytest.mark.parametrize("gaps", ["drop", "pairs", "smooth", "auto"])
def test_units_change_only_the_units_of_the_answer(rng, gaps):
    truth = random_params(rng, 3, 3)
    y = with_gaps(rng, simulate(truth, 400, rng)[1], 0.02)
    scale, shift = np.array([1e-3, 1.0, 4e4]), np.array([0.0, 5.0, -1e5])
    one = Subspace(gaps=gaps).dynamics(y, np.random.default_rng(0), 3)
    other = Subspace(gaps=gaps).dynamics(y * scale + shift, np.random.default_rng(0), 3)
    for name in ("A", "Q", "P0"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.C / scale[:, None], one.C, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.R / np.outer(scale, scale), one.R, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.d, scale * one.d + shift, rtol=1e-9)


def test_nothing_is_learned_across_a_boundary(rng):
    y = simulate(random_params(rng, 2, 2), 600, rng)[1]
    order = np.r_[400:600, 0:400]
    one = Subspace().dynamics(y, rng, 2, np.array([0, 400, 600]))
    swapped = Subspace().dynamics(y[order], rng, 2, np.array([0, 200, 600]))
    np.testing.assert_allclose(moduli(one.A), moduli(swapped.A), rtol=1e-9)
    assert not np.allclose(
        moduli(one.A), moduli(Subspace().dynamics(y[order], rng, 2).A), rtol=1e-9
    )


def test_rows_that_are_missing_act_like_boundaries(rng):
    y = simulate(random_params(rng, 2, 2), 500, rng)[1]
    gap = y.copy()
    gap[200:210] = np.nan
    cut = np.vstack([y[:200], y[210:]])
    one = Subspace(gaps="drop").dynamics(gap, rng, 2)
    other = Subspace().dynamics(cut, rng, 2, np.array([0, 200, 490]))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_sequences_too_short_for_a_window_contribute_nothing(rng):
    y = simulate(random_params(rng, 2, 1, mean=False), 303, rng)[1]
    # They do enter the mean and the scale of a column: keep those as they are.
    y[300:] = y[:300].mean() + y[:300].std() * np.sqrt(1.5) * np.array([[-1.0], [0.0], [1.0]])
    offsets = np.array([0, 300, 303])
    with_short = Subspace(n_block_rows=5).dynamics(y, rng, 2, offsets)
    without = Subspace(n_block_rows=5).dynamics(y[:300], rng, 2)
    np.testing.assert_allclose(moduli(with_short.A), moduli(without.A), rtol=1e-8)


@pytest.mark.parametrize(
    ("share", "rows", "cost"), [(0.2, 0.0, 0.02), (0.5, 0.0, 0.1), (0.0, 0.2, 0.02)]
)
def test_gaps_cost_less_than_dropping_the_correlation_would(share, rows, cost):
    truth = resonances()
    y = simulate(truth, 4000, np.random.default_rng(5))[1]
    gappy = with_gaps(np.random.default_rng(6), y, share, rows=rows)
    start = Subspace().dynamics(gappy, np.random.default_rng(0), 4)
    # Judged on the complete series, in nats per step; the naive noise costs 0.13 without a gap.
    assert (log_likelihood(start, y) - log_likelihood(truth, y)) / len(y) > -cost


def test_auto_is_the_likeliest_of_the_views():
    rng = np.random.default_rng(8)
    for y in (simulate(resonances(), 600, rng)[1], rng.standard_normal((600, 2)).cumsum(axis=0)):
        gappy = with_gaps(rng, y, 0.1)
        found = {
            gaps: log_likelihood(Subspace(gaps=gaps).dynamics(gappy, rng, 4), gappy)
            for gaps in ("auto", "pairs", "smooth")
        }
        assert found["auto"] >= max(found["pairs"], found["smooth"]) - 1e-6


def test_block_rows_are_chosen_by_the_likelihood_of_the_start():
    rng = np.random.default_rng(4)
    A, Q = np.diag([0.99, 0.5]), np.diag([0.01, 1.0])
    slow = LinearGaussianParams(
        A, np.ones((1, 2)), Q, 2 * np.eye(1), np.zeros(2), solve_lyapunov(A, Q)
    )
    y = simulate(slow, 3000, rng)[1]
    found = {
        rows: log_likelihood(Subspace(n_block_rows=rows).dynamics(y, rng, 2), y)
        for rows in ("auto", 3, 4, 8)
    }
    assert found["auto"] >= max(found.values()) - 1e-6


def test_long_series_in_many_sequences_are_judged_by_their_first_rows(rng):
    y = simulate(random_params(rng, 2, 1), 60_000, rng)[1]
    assert_valid(Subspace().dynamics(y, rng, 2, np.arange(0, 60_001, 7_500)), 2, 1)


def test_a_constant_column_is_left_out(rng):
    y = simulate(random_params(rng, 2, 2), 300, rng)[1]
    constant = np.column_stack([y[:, 0], np.full(300, 7.0), y[:, 1]])
    constant[10:20, 1] = np.nan
    params = Subspace().dynamics(constant, rng, 2)
    plain = Subspace().dynamics(y, rng, 2)
    assert_valid(params, 2, 3)
    np.testing.assert_array_equal(params.C[1], 0)
    np.testing.assert_allclose(params.C[[0, 2]], plain.C)
    assert params.d[1] == 7.0
    assert params.R[1, 1] > 0
    assert params.R[0, 1] == params.R[1, 2] == 0


t = np.arange(200.0)
POOR = {
    "white noise": np.random.default_rng(1).standard_normal((300, 2)),
    "random walks": np.random.default_rng(2).standard_normal((300, 2)).cumsum(axis=0),
    "a sinusoid without noise": np.sin(0.3 * t)[:, None],
    "a straight line": t[:, None],
    "growth": 1.05 ** t[:, None],
    "alternation": (-1.0) ** t[:, None],
    "a step": (t > 100)[:, None] * 1.0,
    "one spike": (t == 50)[:, None] * 1.0,
    "copies of one column": np.random.default_rng(3).standard_normal((200, 1)).cumsum(axis=0)
    * np.ones(3),
    "twelve rows": np.random.default_rng(4).standard_normal((12, 1)),
    "four rows": np.random.default_rng(5).standard_normal((4, 2)),
    "more columns than rows": np.random.default_rng(6).standard_normal((10, 20)),
    "constants only": np.ones((30, 2)),
    "large numbers": 1e8 + 1e6 * np.random.default_rng(7).standard_normal((200, 2)),
    "outliers": np.where(t % 97 == 50, 1e6, 1.0)[:, None]
    * np.random.default_rng(8).standard_normal((200, 1)),
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", POOR)
def test_poor_data_give_a_start_that_a_filter_can_use(name, weights):
    y = POOR[name]
    for n in (1, 2, 8):
        params = Subspace(weights).dynamics(y, np.random.default_rng(0), n)
        assert_valid(params, n, y.shape[1])
        # No worse than by far: independent standard noise has -1.42 nats a value on standardised data.
        scale = np.where(y.std(axis=0) > 0, y.std(axis=0), 1.0)
        per_value = (log_likelihood(params, y) + len(y) * np.log(scale).sum()) / y.size
        assert per_value > -8.0


def test_states_beyond_the_data_are_short_lived_and_drawn_from_the_generator(rng):
    y = rng.standard_normal((12, 1))
    one, same, other = (
        Subspace().dynamics(y, np.random.default_rng(seed), 10) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.C, same.C)
    assert not np.array_equal(one.C, other.C)
    np.testing.assert_array_equal(one.A, other.A)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weights": "pca"}, r"weights must be one of \['cva', 'n4sid', 'moesp'\]; got 'pca'"),
        ({"gaps": "fill"}, "gaps must be one of"),
        ({"n_block_rows": 1}, "n_block_rows must be .* at least 2.*; got 1"),
        ({"max_radius": 1.0}, "max_radius must be .*below 1.*; got 1.0"),
        ({"noise_floor": 0.0}, "noise_floor must be .*; got 0.0"),
    ],
)
def test_a_wrong_parameter_is_named(rng, params, message):
    with pytest.raises(ValueError, match=message):
        Subspace(**params).dynamics(rng.standard_normal((50, 1)), rng, 2)


def test_sequences_without_a_window_are_an_error(rng):
    with pytest.raises(
        ValueError, match="4 or more consecutive complete rows in some sequence; got 3"
    ):
        Subspace().dynamics(rng.standard_normal((30, 1)), rng, 2, np.arange(0, 31, 3))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_order_table_finds_the_order_of_clear_data(weights):
    y = simulate(resonances(), 5000, np.random.default_rng(1))[1]
    table = Subspace(weights).order_table(y, max_states=10)
    assert table.index.name == "n_states"
    assert list(table.index) == list(range(1, 11))
    assert list(table) == [
        "singular_value",
        "canonical_correlation",
        "gap_ratio",
        "svc",
        "nic",
        "ivc",
    ]
    assert table["gap_ratio"].idxmax() == 4
    assert table["nic"].idxmin() == 4
    assert table["ivc"].idxmin() == 4
    assert (np.diff(table["singular_value"]) <= 0).all()


def test_order_table_takes_gaps_sequences_and_constants(rng):
    y = with_gaps(rng, simulate(random_params(rng, 2, 2), 300, rng)[1], 0.1)
    y = np.column_stack([y, np.ones(300)])
    table = Subspace().order_table(y, [100, 200])
    assert table.notna().all(axis=None)
    assert len(table) <= 20
    with pytest.raises(ValueError, match=r"max_states must be .* at least 1; got 0"):
        Subspace().order_table(y, max_states=0)
    for flat in (np.ones((30, 2)), np.full((30, 2), np.nan)):
        with pytest.raises(
            ValueError, match="X must have a column that varies; got 2 that are constant or empty"
        ):
            Subspace().order_table(flat)


def test_order_table_takes_what_the_models_take(rng):
    y = simulate(random_params(rng, 2, 2), 300, rng)[1]
    expected = Subspace().order_table(y, [100, 200])
    frame = pd.DataFrame(y, columns=["a", "b"])
    labelled = frame.set_axis(
        pd.MultiIndex.from_arrays([np.repeat([0, 1], [100, 200]), np.arange(300)])
    )
    for table in (
        Subspace().order_table([y[:100], y[100:]]),
        Subspace().order_table([frame[:100], frame[100:].astype("Float64")]),
        Subspace().order_table(frame, lengths=[100, 200]),
        Subspace().order_table(labelled),
    ):
        pd.testing.assert_frame_equal(table, expected)
    pd.testing.assert_frame_equal(
        Subspace().order_table(frame["a"]), Subspace().order_table(y[:, :1])
    )
    missing = frame.astype("Float64").mask(frame > 2.0)
    pd.testing.assert_frame_equal(
        Subspace().order_table(missing), Subspace().order_table(np.where(y > 2.0, np.nan, y))
    )
    for wrong, message in [
        (np.where(y > 2.0, np.inf, y), "X must .*inf"),
        ([], "X must be .*; got an empty list"),
    ]:
        with pytest.raises(ValueError, match=message):
            Subspace().order_table(wrong)
    with pytest.raises(ValueError, match="lengths must sum to the 300 rows of X; got a sum of 90"):
        Subspace().order_table(y, [90])


def test_the_strategy_keeps_nothing_and_changes_nothing(rng):
    y = simulate(random_params(rng, 2, 1), 200, rng)[1]
    before, strategy = y.copy(), Subspace()
    a, b = strategy.dynamics(y, rng, 2), strategy.dynamics(y, rng, 2)
    np.testing.assert_array_equal(y, before)
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(vars(strategy)) == set(strategy.get_params())
