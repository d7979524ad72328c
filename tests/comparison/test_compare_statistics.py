"""The small statistics, against formulas, brute force and simulation."""

import inspect
import math

import numpy as np
import pytest

from tsinit.comparison import statistics


def test_wilson_solves_its_equation():
    # The ends are the proportions at which the observed share is exactly z standard errors away.
    for successes, trials in ((1, 10), (5, 10), (9, 10), (17, 40)):
        share, low, high = statistics.wilson(successes, trials)
        for end in (low, high):
            assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / trials), rel=1e-5)


def test_wilson_at_the_edges():
    assert statistics.wilson(0, 10)[1] == 0.0
    assert statistics.wilson(10, 10)[2] == 1.0
    assert statistics.wilson(10, 10)[1] == pytest.approx(10 / (10 + 1.959964**2), rel=1e-6)
    assert all(math.isnan(x) for x in statistics.wilson(0, 0))


def test_paired_difference_covers_what_it_says():
    # 400 samples of 10 normal differences with mean 1: coverage is within 3 points of 95 % in the long run, and
    # the standard error of a rate near 0.95 over 400 is 0.011.
    rng = np.random.default_rng(1)
    covered = sum(
        low <= 1.0 <= high
        for _, low, high in (statistics.paired_difference(rng.normal(1.0, 2.0, 10)) for _ in range(400))
    )
    assert 0.92 - 3 * 0.011 <= covered / 400 <= 0.98 + 3 * 0.011


def test_wilson_covers_what_it_says():
    # Exactly, by the binomial distribution. Counts are whole, so coverage jumps with the true rate: nominal within 3
    # points on average over rates, as Brown, Cai and DasGupta (2001) have it.
    from scipy.stats import binom

    rates = (np.arange(400) + 0.5) / 400
    for trials in (5, 10, 20, 50):
        ends = [statistics.wilson(k, trials) for k in range(trials + 1)]
        chances = binom.pmf(np.arange(trials + 1)[:, None], trials, rates)
        inside = np.array([(low <= rates) & (rates <= high) for _, low, high in ends])
        assert abs((chances * inside).sum(axis=0).mean() - 0.95) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 40])
@pytest.mark.parametrize("shape", ["normal", "laplace", "gamma"])
def test_paired_difference_covers_what_it_says_whatever_the_shape(n, shape):
    # Gamma of shape 2 has a skewness of 1.4: at ten pairs no interval is within 3 points there, at twenty it is.
    rng = np.random.default_rng(4)
    draw = {"normal": lambda: rng.normal(2, 1, n), "laplace": lambda: rng.laplace(2, 1, n),
            "gamma": lambda: rng.gamma(2, 1, n)}[shape]  # fmt: skip
    ends = [statistics.paired_difference(draw())[1:] for _ in range(1000)]
    covered = np.mean([low <= 2.0 <= high for low, high in ends])
    margin = (0.05 if shape == "gamma" and n == 10 else 0.03) + 3 * 0.007
    assert abs(covered - 0.95) < margin


def test_paired_difference_is_the_same_every_time_and_shifts_with_the_data(rng):
    d = rng.exponential(size=12)
    one, two, shifted = (statistics.paired_difference(x) for x in (d, d, d + 100.0))
    assert one == two
    np.testing.assert_allclose(np.subtract(shifted, 100.0), one, rtol=1e-3)  # rounding moves the bias term


def test_the_interval_is_that_of_scipy(rng):
    from scipy.stats import bootstrap

    # From the same resamples; the quantile between two of them may be defined in another way.
    name = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"
    for d in (rng.normal(size=8), rng.exponential(size=15)):
        ours = statistics.bca_ends(d, 0.025)
        theirs = bootstrap((d,), np.mean, method="BCa", **{name: np.random.default_rng(0)}).confidence_interval
        np.testing.assert_allclose(ours, theirs, atol=0.01 * d.std() / np.sqrt(d.size))


def test_paired_difference_without_spread_or_with_few_values():
    assert statistics.paired_difference([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)
    mean, low, high = statistics.paired_difference([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert math.isnan(low)
    assert math.isnan(high)
    assert math.isnan(statistics.paired_difference([]).estimate)


def test_seeds_needed_gives_the_power_it_promises():
    # Mean 0.5, sd 1: a t test with that many pairs must reject in about 80 % of experiments.
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(2)
    pilot = np.concatenate([[0.5 - 1.0, 0.5 + 1.0] * 5000])
    n = int(statistics.seeds_needed(pilot / pilot.std(ddof=1) * 1.0))
    draws = rng.normal(pilot.mean() / pilot.std(ddof=1), 1.0, size=(4000, n))
    power = (ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05).mean()
    assert abs(power - 0.80) < 0.03


def test_seeds_needed_at_the_edges():
    assert statistics.seeds_needed([1.0, -1.0]) == math.inf
    assert math.isnan(statistics.seeds_needed([1.0]))
    assert statistics.seeds_needed([1.0, 1.0]) == 2.0


def test_optima_are_numbered_from_the_best_and_never_wider_than_the_tolerance():
    ends = np.array([-100.0, -50.0, np.nan, -50.05, -100.4, -50.9, -np.inf])
    assert statistics.number_optima(ends).tolist() == [3, 1, 0, 1, 3, 2, 0]
    # A chain of ends, each close to the next, is not one optimum.
    chain = -0.3 * np.arange(10)
    groups = statistics.number_optima(chain)
    assert all(np.ptp(chain[groups == g]) <= statistics.end_tolerance(0.0) for g in set(groups))
    assert statistics.number_optima([np.nan]).tolist() == [0]
