"""Moments and transforms of columns that are known by intervals in part are those of the greatest likelihood."""

import numpy as np
import pytest
from scipy import optimize, stats

from tsinit.models.imputation import censored_scales, transforms
from tsinit.models.imputation.censored_scales import SeenValues, moments


def loss_of(exact, intervals):
    def loss(at):
        mean, sd = at[0], np.exp(at[1])
        inside = np.diff(stats.norm.cdf(intervals, mean, sd), axis=1)
        return -stats.norm.logpdf(exact, mean, sd).sum() - np.log(inside).sum()

    return loss


CASES = {
    "left": lambda x: [(-np.inf, 2.0)] * int((x < 2.0).sum()),
    "both sides": lambda x: (
        [(-np.inf, 2.0)] * int((x < 2.0).sum()) + [(5.0, np.inf)] * int((x > 5.0).sum())
    ),
    "rounded": lambda x: [(k - 0.5, k + 0.5) for k in np.rint(x)],
    "nothing": lambda x: [],
}


@pytest.mark.parametrize("case", CASES)
def test_moments_maximise_the_likelihood(rng, case):
    x = 3.0 + 2.0 * rng.standard_normal(300)
    intervals = np.array(CASES[case](x)).reshape(-1, 2)
    exact = {"left": x[x >= 2.0], "both sides": x[(x >= 2.0) & (x <= 5.0)], "rounded": x[:0]}
    exact = exact.get(case, x)
    mean, sd, value = moments(exact, intervals, 1.0, 5.0)
    loss = loss_of(exact, intervals)
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000}
    found = optimize.minimize(loss, [3.0, 0.5], method="Nelder-Mead", options=options)
    np.testing.assert_allclose([mean, sd], [found.x[0], np.exp(found.x[1])], rtol=1e-5)
    assert abs(value + found.fun) < 1e-6


def test_curvature_is_the_derivative_of_the_slope():
    pairs = np.array([[-np.inf, -0.5], [0.2, 0.9], [1.5, np.inf], [3.0, 3.4], [-4.0, -3.0]])
    given = (7.0, 1.3, 9.0), pairs, np.array([3.0, 2.0, 4.0, 1.0, 1.0])
    at, h = np.array([0.8, 0.3]), 1e-5
    _, slope, curvature = censored_scales._terms(at, *given)
    for i, unit in enumerate(np.eye(2)):
        up, down = (censored_scales._terms(at + s * h * unit, *given) for s in (1.0, -1.0))
        assert abs((up[0] - down[0]) / (2 * h) - slope[i]) < 1e-6
        np.testing.assert_allclose((up[1] - down[1]) / (2 * h), curvature[i], atol=1e-6)


def test_intervals_that_do_not_bound_the_spread_leave_one():
    """Two neighbouring classes are as likely as can be under a step: the spread ends at a share of the values'."""
    intervals = np.array([(-np.inf, 0.5)] * 30 + [(0.5, 1.5)] * 10)
    mean, sd, _ = moments(np.empty(0), intervals, 0.5, 0.5)
    assert 0.02 < sd < 1.0
    assert 0.0 < mean < 1.0


def test_exact_values_have_the_scale_that_they_have_without_intervals(rng):
    for y in (rng.lognormal(1.0, 0.7, 300), stats.norm.ppf((np.arange(300) + 0.5) / 300)):
        ours = censored_scales.estimate(SeenValues(y, y), "auto")
        theirs = transforms.estimate(y, "auto")
        assert ours.kind == theirs.kind
        z, expected = (t.forward(np.sort(y)) for t in (ours, theirs))
        np.testing.assert_allclose(z, expected, atol=5e-3)


@pytest.mark.parametrize("kind", ["auto", "log"])
def test_a_limit_of_detection_does_not_bend_a_scale(rng, kind):
    """Of lognormal values, a third below the limit: the scale is the logarithm all the same."""
    y = rng.lognormal(1.0, 0.8, 4000)
    limit = np.quantile(y, 0.33)
    below = y < limit
    seen = SeenValues(np.where(below, -np.inf, y), np.where(below, limit, y))
    z = censored_scales.estimate(seen, kind).forward(y)
    assert abs(z[~below].mean() - stats.zscore(np.log(y))[~below].mean()) < 0.05
    assert abs(z[~below].std() - stats.zscore(np.log(y))[~below].std()) < 0.05


def test_a_normal_column_is_not_bent_by_what_is_missing_of_it(rng):
    y = rng.standard_normal(1000)
    below = y < 0.0
    seen = SeenValues(np.where(below, -np.inf, y), np.where(below, 0.0, y))
    found = censored_scales.estimate(seen, "auto")
    assert found.kind is None
    assert abs(found.centre) < 0.1
    assert abs(found.scale - 1.0) < 0.1


def test_ends_of_intervals():
    log = transforms.Transform("log", 1.0, 1.0, 0.0, 1.0)
    np.testing.assert_allclose(
        log.ends(np.array([-np.inf, 0.0, 1.0, np.inf])), [-np.inf, -np.inf, 0, np.inf]
    )
    plain = transforms.Transform(None, 2.0, 1.0, 1.0, 1.0)
    np.testing.assert_allclose(
        plain.ends(np.array([-np.inf, 0.0, 4.0, np.inf])), [-np.inf, -1, 1, np.inf]
    )
