"""Scores of filled-in values against integrals, loops and values known in closed form."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from tsinit import metrics as scores


def test_crps_is_the_integral_over_the_empirical_distribution(rng):
    draws, y = rng.standard_normal(7), 0.3

    def step(x):
        return ((draws <= x).mean() - (y <= x)) ** 2

    integral = sum(integrate.quad(step, a, b)[0] for a, b in pairwise(sorted([*draws, y])))
    assert scores.crps(y, draws) == pytest.approx(integral, rel=1e-9)


def test_fair_crps_does_not_depend_on_the_number_of_draws(rng):
    truth = rng.standard_normal(40_000)
    exact = 1 / np.sqrt(np.pi)  # E CRPS of N(0, 1) under itself: E|x - y| / 2
    for m in (2, 5):
        each = scores.crps(truth, rng.standard_normal((m, truth.size)), fair=True, axis=())
        assert abs(each.mean() - exact) < 5 * each.std() / np.sqrt(truth.size)
    assert scores.crps(truth, rng.standard_normal((2, truth.size))) > 1.2 * exact


def test_crps_of_many_draws_is_that_of_the_normal(rng):
    z, draws = 0.7, rng.standard_normal((20_000, 1))
    exact = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    assert scores.crps([z], draws) == pytest.approx(exact, abs=0.02)


def test_one_draw_scores_its_absolute_error(rng):
    truth, guess = rng.standard_normal((2, 5, 3))
    np.testing.assert_allclose(
        scores.crps(truth, guess[None], axis=()), np.abs(guess - truth), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("denominator", "measure"),
    [
        ("sd", np.std),
        ("range", np.ptp),
        ("mean", lambda x: abs(np.mean(x))),
        ("iqr", stats.iqr),
    ],
)
def test_nrmse_divides_by_what_its_name_says(rng, denominator, measure):
    truth, guess = rng.normal(-3.0, 1.0, (2, 40, 3))
    where = rng.random(truth.shape) < 0.4
    expected = [
        np.sqrt(np.mean((guess[w, j] - truth[w, j]) ** 2)) / measure(truth[w, j])
        for j, w in enumerate(where.T)
    ]
    np.testing.assert_allclose(
        scores.nrmse(truth, guess, denominator, where=where), expected, rtol=1e-12
    )
    flat = scores.nrmse(truth[:, 0], guess[:, 0], denominator, where=where[:, 0])
    assert flat == pytest.approx(expected[0])


def test_the_column_mean_scores_one(rng):
    truth = rng.standard_normal((50, 2)) * [1.0, 1e6]
    np.testing.assert_allclose(
        scores.nrmse(truth, np.broadcast_to(truth.mean(axis=0), truth.shape)), 1.0
    )


def test_interval_score_is_least_at_the_true_quantiles(rng):
    truth = rng.standard_normal(200_000)
    best = stats.norm.ppf(0.95)
    value = {
        q: scores.interval_score(truth, np.full(truth.shape, -q), np.full(truth.shape, q), 0.9)
        for q in (best - 0.2, best, best + 0.2)
    }
    assert min(value, key=value.get) == best
    each = scores.interval_score([0.0, 3.0], [-1.0, -1.0], [1.0, 1.0], 0.9, axis=())
    np.testing.assert_allclose(each, [2.0, 42.0])


def test_coverage_counts_bounds_and_leaves_out_what_does_not_count(rng):
    truth = np.array([[0.0, 1.0], [np.nan, 2.0], [5.0, 3.0]])
    lower, upper = np.zeros_like(truth), np.full_like(truth, 2.0)
    assert scores.coverage(truth, lower, upper) == pytest.approx(3 / 5)
    np.testing.assert_allclose(scores.coverage(truth, lower, upper, axis=0), [1 / 2, 2 / 3])
    where = np.array([[True, False], [True, False], [False, False]])
    np.testing.assert_array_equal(
        scores.coverage(truth, lower, upper, where=where, axis=0), [1.0, np.nan]
    )


def test_pit_is_uniform_where_truth_is_one_of_the_draws(rng):
    both = rng.integers(0, 4, (10, 30_000)).astype(float)  # with ties
    u = scores.pit(both[0], both[1:], rng=rng)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert scores.pit([0.5], [[0.0], [1.0]]) == [0.5]
    assert np.isnan(scores.pit([np.nan], [[0.0], [1.0]])).all()


def test_point_scores_and_frames(rng):
    truth, guess = (pd.DataFrame(rng.standard_normal((9, 2))) for _ in range(2))
    error = (guess - truth).to_numpy()
    assert scores.rmse(truth, guess) == pytest.approx(np.sqrt((error**2).mean()))
    np.testing.assert_allclose(scores.mae(truth, guess, axis=0), np.abs(error).mean(axis=0))


def test_a_missing_estimate_is_not_passed_over():
    assert np.isnan(scores.rmse([1.0, 2.0], [1.0, np.nan]))
    assert np.isnan(scores.crps([1.0], [[np.nan], [1.0]]))
    assert np.isnan(scores.coverage([1.0], [np.nan], [2.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scores.rmse([1.0], [1.0, 2.0]),
            "estimate must have the shape of truth, (1,); got (2,).",
        ),
        (
            lambda: scores.rmse("a", [1.0]),
            "truth must hold numbers, as many in every row; got str of other things.",
        ),
        (lambda: scores.mae(None, None), "truth must hold numbers, NaN where missing; got None."),
        (
            lambda: scores.crps([1.0], [["a"]]),
            "draws must hold numbers, as many in every row; got list of other things.",
        ),
        (lambda: scores.crps([1.0], [1.0]), "draws must have shape (m, 1); got (1,)."),
        (lambda: scores.crps([1.0], [[1.0]], fair=True), "draws must be at least 2; got 1."),
        (
            lambda: scores.nrmse([1.0], [1.0], "var"),
            "denominator must be one of ['sd', 'range', 'mean', 'iqr']; got 'var'.",
        ),
        (
            lambda: scores.interval_score([1.0], [1.0], [1.0], 95),
            "level must be a number above 0 and below 1; got 95.",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
