"""The small statistics, against formulas, brute force and simulation."""

import inspect
import math
import re

import numpy as np
import pytest

from tsinit.comparison import hierarchical_difference, signed_rank
from tsinit.comparison.analysis import statistics, tables


def test_wilson_solves_its_equation():
    # The ends are the proportions at which the observed share is exactly z standard errors away.
    for successes, trials in ((1, 10), (5, 10), (9, 10), (17, 40)):
        share, low, high = statistics.wilson(successes, trials)
        for end in (low, high):
            assert abs(share - end) == pytest.approx(
                1.959964 * math.sqrt(end * (1 - end) / trials), rel=1e-5
            )


def test_wilson_at_the_edges():
    assert statistics.wilson(0, 10)[1] == 0.0
    assert statistics.wilson(10, 10)[2] == 1.0
    assert statistics.wilson(10, 10)[1] == pytest.approx(10 / (10 + 1.959964**2), rel=1e-6)
    assert all(math.isnan(x) for x in statistics.wilson(0, 0))


SHAPES = {
    "normal": (lambda rng, n: rng.normal(2.0, 1.0, n), 2.0),
    "laplace": (lambda rng, n: rng.laplace(2.0, 1.0, n), 2.0),
    "t": (lambda rng, n: rng.standard_t(3, n), 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "gamma": (lambda rng, n: rng.gamma(2.0, 1.0, n), 2.0),
    "exponential": (lambda rng, n: rng.exponential(1.0, n), 1.0),
}


def _coverage(shape, n, n_samples):
    rng, (draw, truth) = np.random.default_rng(4), SHAPES[shape]
    ends = [statistics.paired_difference(draw(rng, n))[1:] for _ in range(n_samples)]
    return np.mean([low <= truth <= high for low, high in ends])


@pytest.mark.parametrize("shape", ["normal", "exponential"])
def test_paired_difference_covers_what_it_says(shape):
    # Nominal within 3 points in the long run; the standard error of a rate near 0.95 over 300 samples is 0.0126.
    assert abs(_coverage(shape, 10, 300) - 0.95) < 0.03 + 3 * 0.0126


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10, 20, 50])
@pytest.mark.parametrize("shape", SHAPES)
def test_paired_difference_covers_what_it_says_whatever_the_shape(n, shape):
    assert abs(_coverage(shape, n, 1500) - 0.95) < 0.03 + 3 * 0.0056


def test_the_correction_for_skewness_solves_its_equation(rng):
    # At each end the transformed statistic is the quantile of Student's distribution.
    from scipy.stats import t

    d = rng.exponential(size=9)
    n, skewness = d.size, ((d - d.mean()) ** 3).mean() / d.var() ** 1.5
    for end, quantile in zip(
        statistics.skewed_t_limits(d), t.ppf([0.975, 0.025], n - 1), strict=True
    ):
        w = math.sqrt(n) * (d.mean() - end) / d.std(ddof=1)
        a = skewness / (3 * math.sqrt(n))
        assert w + a * w**2 + a**2 * w**3 / 3 + skewness / (6 * math.sqrt(n)) == pytest.approx(
            quantile
        )
    plain = t.interval(0.95, n - 1, d.mean(), d.std(ddof=1) / math.sqrt(n))
    np.testing.assert_allclose(statistics.skewed_t_limits(d, 0.0), plain)


def test_the_interval_is_the_widest_of_three(rng):
    d = rng.exponential(size=8)
    three = np.array(
        [
            statistics.bca_limits(d, 0.025),
            statistics.skewed_t_limits(d, 0.0),
            statistics.skewed_t_limits(d),
        ]
    )
    assert statistics.paired_difference(d) == (d.mean(), three[:, 0].min(), three[:, 1].max())


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


def test_paired_difference_is_the_same_every_time_and_shifts_with_the_data(rng):
    d = rng.exponential(size=12)
    one, two, shifted = (statistics.paired_difference(x) for x in (d, d, d + 100.0))
    assert one == two
    np.testing.assert_allclose(
        np.subtract(shifted, 100.0), one, rtol=1e-3
    )  # rounding moves the bias term


def test_the_interval_is_that_of_scipy(rng):
    from scipy.stats import bootstrap

    # From the same resamples; the quantile between two of them may be defined in another way.
    name = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"
    for d in (rng.normal(size=8), rng.exponential(size=15)):
        ours = statistics.bca_limits(d, 0.025)
        theirs = bootstrap(
            (d,), np.mean, method="BCa", **{name: np.random.default_rng(0)}
        ).confidence_interval
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
    assert tables.number_optima(ends).tolist() == [3, 1, 0, 1, 3, 2, 0]
    # A chain of ends, each close to the next, is not one optimum.
    chain = -0.3 * np.arange(10)
    groups = tables.number_optima(chain)
    assert all(np.ptp(chain[groups == g]) <= tables.optimum_tolerance(0.0) for g in set(groups))
    assert tables.number_optima([np.nan]).tolist() == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.wilson(5, 3), "successes must be at most the trials, 3; got 5."),
        (
            lambda: statistics.wilson(0.5, 3),
            "successes must be a whole number of at least 0; got 0.5.",
        ),
        (
            lambda: statistics.paired_difference("a"),
            "differences must be a sequence of numbers; got 'a'.",
        ),
        (
            lambda: statistics.paired_difference([1.0, math.nan]),
            "differences must hold no NaN; got one in place 1.",
        ),
        (
            lambda: statistics.paired_difference([[1.0]]),
            "differences must be one sequence of numbers; got shape (1, 1).",
        ),
        (lambda: signed_rank([1.0], rope=-1), "rope must be a number of at least 0; got -1."),
        (
            lambda: signed_rank([1.0], n_draws=0),
            "n_draws must be a whole number of at least 1; got 0.",
        ),
        (
            lambda: hierarchical_difference([[1.0], "a"]),
            "groups[1] must be a sequence of numbers; got 'a'.",
        ),
    ],
)
def test_what_is_no_number_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        call()
