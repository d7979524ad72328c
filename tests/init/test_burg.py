import numpy as np
import pytest

from tsinit.init.lpc import burg


def slow_burg(runs, order):
    """Burg's recursion as the textbook has it, one run and one step at a time."""
    forward, backward = [list(r) for r in runs], [list(r) for r in runs]
    noise = sum(v * v for r in runs for v in r) / sum(len(r) for r in runs)
    a = [1.0]
    for m in range(1, order + 1):
        top = bottom = 0.0
        for f, b in zip(forward, backward, strict=True):
            for t in range(m, len(f)):
                top += f[t] * b[t - 1]
                bottom += f[t] ** 2 + b[t - 1] ** 2
        k = -2.0 * top / bottom
        for f, b in zip(forward, backward, strict=True):
            for t in range(len(f) - 1, m - 1, -1):
                f[t], b[t] = f[t] + k * b[t - 1], b[t - 1] + k * f[t]
        a = [x + k * z for x, z in zip([*a, 0.0], [0.0, *a[::-1]], strict=True)]
        noise *= 1.0 - k * k
    return -np.array(a[1:]), noise


def simulate_ar(coefficients, T, rng, burn=500):
    y = np.zeros(T + burn)
    e = rng.standard_normal(T + burn)
    p = len(coefficients)
    for t in range(p, T + burn):
        y[t] = coefficients @ y[t - p : t][::-1] + e[t]
    return y[burn:]


def test_a_complete_series_gives_the_textbook_recursion(rng):
    y = rng.standard_normal(60).cumsum()
    expected, noise = slow_burg([y], 7)
    fit = burg(y, 7)
    np.testing.assert_allclose(fit.coefficients, expected, rtol=1e-10)
    assert fit.noise == pytest.approx(noise, rel=1e-10)


def test_gaps_and_sequences_are_runs_of_their_own(rng):
    y = rng.standard_normal(300).cumsum() / 5
    y[[40, 41, 100, 230]] = np.nan
    runs = [y[:40], y[42:100], y[101:150], y[150:230], y[231:]]
    expected, noise = slow_burg(runs, 5)
    fit = burg(y, 5, np.array([0, 150, 300]))
    np.testing.assert_allclose(fit.coefficients, expected, rtol=1e-10)
    assert fit.noise == pytest.approx(noise, rel=1e-10)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_known_coefficients_come_back_within_five_standard_errors(rng, gaps):
    truth = np.array([1.2, -0.8, 0.3])
    T = 20_000
    y = simulate_ar(truth, T, rng)
    lags = np.array([y[k:] @ y[: T - k] / T for k in range(3)])
    # Asymptotic covariance of the estimate: noise variance (1) times the inverse Toeplitz, over T.
    toeplitz = lags[np.abs(np.subtract.outer(range(3), range(3)))]
    usable = T * (1 - gaps) ** 4  # a gap takes every window of four that holds it
    error = np.sqrt(np.diag(np.linalg.inv(toeplitz)) / usable)
    y[rng.random(T) < gaps] = np.nan
    fit = burg(y, 3)
    assert (np.abs(fit.coefficients - truth) < 5 * error).all()
    assert fit.noise == pytest.approx(1.0, abs=5 * np.sqrt(2 / usable) + 5 * np.sqrt(2 / T))


def test_roots_never_leave_the_unit_circle(rng):
    for T in (3, 10, 50):
        for y in (
            rng.standard_normal(T).cumsum().cumsum(),
            1.5 ** np.arange(T),
            np.arange(float(T)),
        ):
            roots = np.roots(np.r_[1.0, -burg(y, 4).coefficients])
            assert np.abs(roots).max(initial=0.0) < 1.0 + 1e-6


def test_stages_without_enough_to_learn_from_change_nothing(rng):
    y = rng.standard_normal(30)
    y[3::4] = np.nan  # runs of three: nothing is known of lag 3
    fit = burg(y, 5)
    np.testing.assert_array_equal(fit.coefficients[2:], 0.0)
    np.testing.assert_allclose(fit.coefficients[:2], burg(y, 2).coefficients)
    for empty in (np.zeros(9), np.full(9, np.nan), np.ones(1)):
        np.testing.assert_array_equal(burg(empty, 2).coefficients, 0.0)


def test_the_floor_stops_at_the_stage_that_explains_all():
    wave = np.sin(0.3 * np.arange(500))
    np.testing.assert_array_equal(burg(wave, 6, floor=1e-3).coefficients[2:], 0.0)
    assert burg(wave, 6, floor=1e-3).noise < 1e-3
