"""Where covariances lose their digits: the retry runs when it has to, its answers are right, hopeless cases say so."""

from pathlib import Path

import numpy as np
import pytest
from helpers import random_covariance, random_params, simulate, with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.state_space.panels import SUMS, assert_same, bind, by_step, spread
from reference import exact
from reference import kalman as twin
from scipy.io import wavfile
from scipy.linalg import solve_discrete_lyapunov, solve_toeplitz

from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.kernels.state_space import kalman_filter, square_root

TREND = np.array([[1.0, 1.0], [0.0, 1.0]])
LEVEL = np.array([[1.0, 0.0]])


def model(A, C, Q, R, P0, m0=None):
    A, C, Q, R, P0 = (np.atleast_2d(np.asarray(a, float)) for a in (A, C, Q, R, P0))
    return LinearGaussianParams(
        A, C, Q, R, np.zeros(len(A)) if m0 is None else np.asarray(m0, float), P0
    )


# name: (params, whether float64 covariances lose more than 1e-8)
SYSTEMS = {
    "level": (model(1, 1, 0.1, 1, 4), False),
    "level, wide prior": (model(1, 1, 0.1, 1, 1e10), True),
    "level, wide prior, small noise": (model(1, 1, 0.1, 1e-6, 1e10), True),
    "level, almost exact": (model(1, 1, 0.1, 1e-12, 4), True),
    "level, exact": (model(1, 1, 0.1, 0, 4), False),
    "constant": (model(1, 1, 0, 1, 4), False),
    "constant, wide prior": (model(1, 1, 0, 1, 1e10), True),
    "constant, almost exact": (model(1, 1, 0, 1e-12, 4), True),
    "trend": (model(TREND, LEVEL, np.diag([0.1, 0.01]), 1, 4 * np.eye(2)), False),
    "trend, wide prior": (model(TREND, LEVEL, np.diag([0.1, 0.01]), 1, 1e10 * np.eye(2)), True),
    "straight line, wide prior, small noise": (model(TREND, LEVEL, np.zeros((2, 2)), 1e-6, 1e10 * np.eye(2)), True),
    "trend, exact": (model(TREND, LEVEL, np.diag([0.1, 0.01]), 0, 4 * np.eye(2)), False),
    "trend, prior of rank one": (model(TREND, LEVEL, np.diag([0.1, 0.01]), 1, [[4, 2], [2, 1]]), False),
    "trend, wide prior of rank one, small noise": (
        model(TREND, LEVEL, np.diag([0.1, 0.0]), 1e-6, 2.0**33 * np.array([[4, 2], [2, 1]])), True,
    ),
    "known start": (model(TREND, LEVEL, np.diag([0.1, 0.01]), 1, np.zeros((2, 2)), [1.0, -1.0]), False),
    "known start, no noise": (model(TREND, LEVEL, np.zeros((2, 2)), 1, np.zeros((2, 2)), [1.0, -1.0]), False),
    "explosive": (model([[1.02, 0.5], [0, 1.02]], LEVEL, np.diag([0.1, 0.01]), 1, 4 * np.eye(2)), False),
    "explosive, wide prior": (
        model([[1.02, 0.5], [0, 1.02]], LEVEL, np.zeros((2, 2)), 1e-3, 1e10 * np.eye(2)), True,
    ),
    "one value seen twice, differently well": (model(1, [[1], [1]], 0.1, np.diag([1e-12, 1]), 4), True),
    "states of very different size": (
        model([[0.9, 0], [1e-8, 0.5]], [[1, 1e8]], np.diag([1, 1e-16]), 1, np.diag([4, 4e-16])), False,
    ),
}  # fmt: skip


def five_steps(params, gaps):
    rng = np.random.default_rng(3)
    y = rng.standard_normal((5, len(params.C))).cumsum(axis=0)
    if gaps:
        y[[0, 2]] = np.nan
    return y


def scaled_means(found, expected, covariances):
    """Largest error of a mean, relative to the mean or the standard deviations at its step."""
    sd = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    scale = np.maximum(np.abs(expected), sd).max(axis=1)
    return float((np.abs(found - expected).max(axis=1) / np.where(scale > 0, scale, 1.0)).max())


def errors(params, y, smoothed, filtered, answer):
    return {
        "smoothed means": scaled_means(smoothed.means, answer.means, answer.covariances),
        "smoothed covariances": by_step(spread(smoothed.covariances), answer.covariances),
        "filtered means": scaled_means(
            filtered.means, answer.filtered_means, answer.filtered_covariances
        ),
        "filtered covariances": by_step(spread(filtered.covariances), answer.filtered_covariances),
        "log-likelihood": abs(smoothed.log_likelihood - answer.log_likelihood)
        / max(abs(answer.log_likelihood), 1.0),
    }


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", SYSTEMS)
def test_answers_are_those_of_rational_arithmetic(name, gaps):
    params, lossy = SYSTEMS[name]
    y = five_steps(params, gaps)
    answer = exact.smooth(params, y)
    kalman = Kalman(y, len(params.A))
    done = kalman.smooth(params, covariances=True, moments="by_variable")
    filtered = kalman.filter(params, covariances=True)
    assert done.succeeded
    assert filtered.succeeded
    assert done.retried == lossy
    found = errors(params, y, done, filtered, answer)
    # The data themselves are rounded: to 1e-16 of 1, where the noise is 1e-6.
    tol = 1e-9
    assert max(found.values()) < tol, found
    lag = np.sqrt(np.abs(answer.covariances).max() ** 2)
    assert np.abs(done.moments.lag - answer.lag_one.sum(axis=0)).max() <= tol * lag * 5
    assert (
        np.abs(done.moments.P - answer.covariances.sum(axis=0)).max()
        <= tol * np.abs(answer.covariances).max() * 5
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_square_root_pass_is_exact_on_every_system(name):
    params, _ = SYSTEMS[name]
    y = five_steps(params, gaps=True)
    answer = exact.smooth(params, y)
    kalman = Kalman(y, len(params.A))
    s, f = kalman._retry(params, True, True, "by_variable"), kalman._retry(params, True, False)
    assert s.succeeded
    assert f.succeeded
    found = errors(params, y, s, f, answer)
    assert max(found.values()) < 1e-10, found


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_rational_arithmetic_agrees_with_the_textbook_on_ordinary_systems(rng, gaps):
    params = random_params(rng, 2, 2, observation_cov="full", stationary=False)
    y = with_gaps(rng, simulate(params, 5, rng)[1], gaps)
    answer, s, f = exact.smooth(params, y), twin.dense(params, y), twin.filter(params, y)
    for name, other in (("means", s.means), ("covariances", s.covariances), ("lag_one", s.lag_one),
                        ("filtered_means", f.means), ("filtered_covariances", f.covariances),
                        ("log_likelihood", s.log_likelihood)):  # fmt: skip
        assert_same(getattr(answer, name), other, 1e-13, name)


@pytest.mark.parametrize("kind", [None, "by_variable"])
@pytest.mark.parametrize("width", [1e4, 1e5])
def test_the_smoother_may_need_a_retry_where_the_filter_does_not(kind, width):
    """Information is as uncertain as rounding makes it, and a wide prior lets that count twice."""
    params = model(TREND, LEVEL, np.diag([0.1, 0.01]), 1, width * np.eye(2))
    y = five_steps(params, gaps=False)
    answer = exact.smooth(params, y)
    kalman = Kalman(y, 2)
    filtered = kalman.filter(params, covariances=True)
    done = kalman.smooth(params, covariances=True, moments=kind)
    assert not filtered.retried
    assert by_step(spread(filtered.covariances), answer.filtered_covariances) < 1e-8
    assert done.retried
    assert by_step(spread(done.covariances), answer.covariances) < 1e-12


def test_a_wide_prior_that_only_the_future_narrows():
    """Nothing is lost on the way forward: the first value is missing."""
    params = model(1, 1, 0, 1, 1e5)
    y = five_steps(params, gaps=True)
    answer = exact.smooth(params, y)
    kalman = Kalman(y, 1)
    assert not kalman.filter(params).retried
    done = kalman.smooth(params, covariances=True)
    assert done.retried
    assert by_step(spread(done.covariances), answer.covariances) < 1e-12


@pytest.mark.parametrize("n", [1, 3, 5])
def test_noise_of_lower_rank(rng, n):
    """Some combination of the variables is seen exactly, and no axis tells which."""
    D, T = 4, 12
    params = random_params(rng, n, D, stationary=False)
    B = rng.standard_normal((D, D - 1 if n == 1 else 2))
    params = params._replace(R=B @ B.T)
    y = with_gaps(rng, simulate(params, T, rng)[1], 0.2)
    expected = twin.dense(params, y)
    kalman = Kalman(y, n)
    for done in (kalman.smooth(params, covariances=True), kalman._retry(params, True, True)):
        assert done.succeeded
        assert_same(done.log_likelihood, expected.log_likelihood, 1e-9)
        assert_same(done.means, expected.means, 1e-9)
        assert_same(spread(done.covariances), expected.covariances, 1e-9)


def test_what_is_seen_exactly_later_is_known_exactly_before():
    """A constant, missed at first and then seen without noise."""
    params, y = model(1, 1, 0, 0, 4), np.array([[np.nan], [3.0]])
    for done in (
        Kalman(y, 1).smooth(params, covariances=True),
        Kalman(y, 1)._retry(params, True, True),
    ):
        assert done.succeeded
        assert_same(done.means, [[3.0], [3.0]], 1e-15)
        assert np.abs(spread(done.covariances)).max() < 1e-15
    assert spread(Kalman(y, 1)._retry(params, True, True).covariances).max() < 1e-30


@st.composite
def harsh(draw):
    """Systems of one or two states with noises and priors over twelve decades, and up to four steps."""
    n, D, T = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = random_params(rng, n, D, radius=draw(st.sampled_from([0.5, 0.99, 1.0, 1.02])), mean=False,
                           observation_cov=draw(st.sampled_from(["diag", "full"])), stationary=False)  # fmt: skip
    unit = 16.0 ** np.array([draw(st.integers(-3, 3)) for _ in range(n)])
    q, r, p = draw(st.integers(-12, 0)), draw(st.integers(-10, 1)), draw(st.integers(-2, 9))
    singular = draw(st.sampled_from(["", "Q", "P0"]))
    direction = rng.integers(-3, 4, n).astype(
        float
    )  # small integers, and powers of two: singular to the last bit
    dyad = np.outer(direction, direction)
    Q = 2.0 ** (3 * q) * dyad if singular == "Q" else params.Q * 10.0**q
    P0 = 2.0 ** (3 * p) * dyad if singular == "P0" else params.P0 * 10.0**p
    _, y = simulate(params, T, rng)
    y = with_gaps(rng, y, draw(st.sampled_from([0.0, 0.3])))
    return params._replace(
        A=params.A * unit[:, None] / unit, C=params.C / unit, R=params.R * 10.0**r, m0=params.m0 * unit,
        Q=Q * np.outer(unit, unit), P0=P0 * np.outer(unit, unit),
    ), y  # fmt: skip


@given(harsh())
@settings(derandomize=True, deadline=None, max_examples=120, database=None)
def test_no_answer_is_worse_than_promised(problem):
    """1e-8 of the largest entry at each step, whether the retry ran or not; where it ran, as good as the data."""
    params, y = problem
    answer = exact.smooth(params, y)
    kalman = Kalman(y, len(params.A))
    s, f = kalman.smooth(params, covariances=True), kalman.filter(params, covariances=True)
    assert s.succeeded
    assert f.succeeded
    found = errors(params, y, s, f, answer)
    assert max(found.values()) < 1e-8, (found, s.retried, f.retried)


@pytest.mark.parametrize("kind", ["by_variable", "jointly"])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize("observation_cov", ["diag", "full"])
def test_both_passes_agree_where_both_are_right(rng, monkeypatch, observation_cov, gaps, kind):
    n, D = 4, 3
    params = random_params(rng, n, D, observation_cov=observation_cov, stationary=False)
    sequences = [
        with_gaps(rng, simulate(params, T, rng)[1], gaps, rows=gaps / 3) for T in (120, 1, 37)
    ]
    kalman = bind(sequences, n)
    plain, plain_f = kalman.smooth(params, True, kind), kalman.filter(params, True)
    assert not plain.retried
    for entries in (square_root._CHUNK, 1):  # in one piece, and cut into pieces
        monkeypatch.setattr(square_root, "_CHUNK", entries)
        s, f = kalman._retry(params, True, True, kind), kalman._retry(params, True, False)
        assert s.retried
        for name in ("log_likelihood", "quadratic", "means"):
            assert_same(getattr(s, name), getattr(plain, name), 1e-11, name)
            assert_same(getattr(f, name), getattr(plain_f, name), 1e-11, name)
        assert by_step(spread(s.covariances), spread(plain.covariances)) < 1e-9
        assert by_step(spread(f.covariances), spread(plain_f.covariances)) < 1e-9
        for name in (*SUMS, "P_observed", "Cx", "yy"):
            assert_same(getattr(s.moments, name), getattr(plain.moments, name), 1e-9, name)


@pytest.mark.parametrize("radius", [1.0, 1.02])
def test_unstable_dynamics_are_followed_for_long(rng, radius):
    """P grows where nothing is seen, and the smoother comes back from 1.02^200 without a retry."""
    params = random_params(rng, 2, 1, radius=radius, stationary=False, mean=False)
    _, y = simulate(params, 200, rng)
    y[50:60] = np.nan
    done = Kalman(y, 2).smooth(params, covariances=True)
    expected = twin.smooth(params, y)
    assert done.succeeded
    assert not done.retried
    assert_same(done.log_likelihood, expected.log_likelihood, 1e-10)
    assert scaled_means(done.means, expected.means, expected.covariances) < 1e-9
    assert by_step(spread(done.covariances), expected.covariances) < 1e-9


def test_the_units_of_the_states_do_not_decide_about_the_retry():
    for name, (params, lossy) in SYSTEMS.items():
        if len(params.A) < 2 or "size" in name:
            continue
        unit = np.array([1e-7, 1e7])
        other = params._replace(
            A=params.A * unit[:, None] / unit, C=params.C / unit, Q=params.Q * np.outer(unit, unit),
            m0=params.m0 * unit, P0=params.P0 * np.outer(unit, unit),
        )  # fmt: skip
        y = five_steps(params, gaps=False)
        done = Kalman(y, 2).smooth(other, covariances=True)
        answer = exact.smooth(params, y)
        assert done.succeeded
        assert done.retried == lossy, name
        assert scaled_means(done.means / unit, answer.means, answer.covariances) < 1e-9
        assert by_step(spread(done.covariances) / np.outer(unit, unit), answer.covariances) < 1e-9


def speech_windows(length=320, count=12):
    """Loud windows of a bundled recording at 8 kHz, zero mean and unit variance."""
    path = Path(__file__).parents[3] / "data" / "arctic" / "arctic_a0007.wav"
    _, signal = wavfile.read(path)
    signal = signal[: len(signal) // 2 * 2].astype(float).reshape(-1, 2).mean(axis=1)
    windows = signal[: len(signal) // length * length].reshape(-1, length)
    windows = windows[np.argsort(windows.std(axis=1))[-count:]]
    return (windows - windows.mean(axis=1, keepdims=True)) / windows.std(axis=1, keepdims=True)


@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-6])
def test_speech_hardly_noisy_needs_no_retry(rng, noise):
    """Eight poles of linear prediction, observed with a millionth of the variance: what EM runs into on speech."""
    n = 8
    for y in speech_windows():
        lags = np.correlate(y, y, "full")[len(y) - 1 :][: n + 1]
        a = solve_toeplitz(lags[:n], lags[1:])
        A = np.vstack([a, np.eye(n)[:-1]])
        innovation = (lags[0] - a @ lags[1:]) / lags[0]
        Q = 1e-6 * np.eye(n)
        Q[0, 0] = innovation
        P0 = solve_discrete_lyapunov(A, Q)
        params = model(A, np.eye(n)[:1], Q, noise, (P0 + P0.T) / 2)
        # EM leaves the states in an arbitrary, if balanced, gauge.
        turn, again = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
        T = turn * np.geomspace(1.0, 10.0, n) @ again
        back = np.linalg.inv(T)
        turned = params._replace(
            A=T @ A @ back, C=params.C @ back, Q=T @ Q @ T.T, P0=T @ params.P0 @ T.T
        )
        for p in (
            params,
            turned._replace(Q=(turned.Q + turned.Q.T) / 2, P0=(turned.P0 + turned.P0.T) / 2),
        ):
            kalman = Kalman(y[:, None].copy(), n)
            assert not kalman.smooth(p, moments="by_variable").retried
            assert not kalman.filter(p).retried


def test_ordinary_systems_need_no_retry(rng):
    for n, D in ((1, 1), (2, 5), (5, 2), (12, 3), (30, 8)):
        for observation_cov in ("diag", "full"):
            params = random_params(rng, n, D, observation_cov=observation_cov, radius=0.98)
            _, y = simulate(params, 150, rng)
            for fraction in (0.0, 0.4):
                kalman = Kalman(with_gaps(rng, y, fraction, rows=fraction / 4), n)
                assert not kalman.smooth(params, moments="jointly").retried
                assert not kalman.filter(params, covariances=True).retried


HOPELESS = {
    "a constant seen exactly, twice": model(1, 1, 0, 0, 4),
    "a known constant seen exactly": model(1, 1, 0, 0, 0),
    "one value seen exactly by two": model(1, [[1], [1]], 1, np.zeros((2, 2)), 4),
    "a straight line seen exactly, three times": model(TREND, LEVEL, np.zeros((2, 2)), 0, 4 * np.eye(2)),
    "nothing moves what is seen": model(1, 0, 1, 0, 4),
    "overflow": model(1e200, 1, 1, 1, 4),
    "overflow where nothing is seen": model(1e40, 1, 1, 1, 4),
    "A is NaN": model(np.nan, 1, 1, 1, 4),
    "C is NaN": model(1, np.nan, 1, 1, 4),
    "Q is NaN": model(1, 1, np.nan, 1, 4),
    "R is NaN": model(1, 1, 1, np.nan, 4),
    "P0 is NaN": model(1, 1, 1, 1, np.nan),
    "m0 is NaN": model(1, 1, 1, 1, 4, [np.nan]),
    "A is infinite": model(np.inf, 1, 1, 1, 4),
    "R is infinite": model(1, 1, 1, np.inf, 4),
    "R is negative": model(1, 1, 0.1, -0.1, 0.5),
    "R is full and has a negative eigenvalue": model(1, [[1], [1]], 1, [[1, 2], [2, 1]], 4),
    "Q is negative": model(1, 1, -5, 0.1, 0.5),
    "P0 has a negative eigenvalue": model(TREND, LEVEL, np.eye(2), 1, [[1, 2], [2, 1]]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOPELESS)
def test_what_cannot_be_computed_is_not_passed_off_as_an_answer(name):
    params = HOPELESS[name]
    y = np.random.default_rng(0).standard_normal((40, len(params.C)))
    if "nothing is seen" in name:
        y[5:] = np.nan
    kalman = Kalman(y, len(params.A))
    for done in (
        kalman.smooth(params, moments="by_variable"),
        kalman.filter(params),
        kalman.filter(params, True),
    ):
        assert not done.succeeded
    assert kalman.log_likelihood(params) == -np.inf


def test_parameters_that_are_not_numbers_are_noticed_where_nothing_is_seen():
    y = np.full((6, 1), np.nan)
    for name in ("A is NaN", "m0 is NaN", "P0 is NaN", "overflow"):
        assert not Kalman(y, 1).smooth(HOPELESS[name]).succeeded
    known = model(1e200, 1, 0, 1, 0, [1.0])
    assert not Kalman(y, 1).smooth(known).succeeded
    assert not Kalman(y, 1).filter(known).succeeded


def test_a_failed_pass_leaves_the_next_one_alone(rng):
    params = random_params(rng, 2, 2)
    _, y = simulate(params, 60, rng)
    y = with_gaps(rng, y, 0.2)
    kalman, fresh = Kalman(y, 2), Kalman(y, 2)
    for name in ("A", "R", "P0"):
        assert not kalman.smooth(
            params._replace(**{name: np.full((2, 2), np.nan)}), moments="by_variable"
        ).succeeded
    again, first = (
        kalman.smooth(params, True, "by_variable"),
        fresh.smooth(params, True, "by_variable"),
    )
    assert again.succeeded
    assert not again.retried
    assert_same(again.means, first.means, 1e-14)
    assert_same(spread(again.covariances), spread(first.covariances), 1e-14)
    for name in (*SUMS, "P_observed"):
        assert_same(getattr(again.moments, name), getattr(first.moments, name), 1e-14, name)


@pytest.mark.parametrize("n", [1, 3, 6])
def test_root_of_a_covariance_of_any_rank(rng, n):
    for rank in range(n + 1):
        B = rng.integers(-3, 4, (n, rank)).astype(float)
        unit = 10.0 ** rng.integers(-8, 9, n)
        P = B @ B.T * np.outer(unit, unit)
        U = kalman_filter._root(P)
        assert np.abs((U.T @ U - P) / np.outer(unit, unit)).max() < 1e-13
        # Of a singular P no more rows than its rank, so that nothing is certain only to the root of rounding.
        assert np.count_nonzero(U.any(axis=1)) == (np.linalg.matrix_rank(B) if rank else 0)
    P = random_covariance(rng, n)
    assert_same(kalman_filter._root(P).T @ kalman_filter._root(P), P, 1e-14)
