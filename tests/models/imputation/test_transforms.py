"""Transforms of columns are monotone, can be undone, and do not mind the units of the data."""

import numpy as np
import pytest
from scipy import stats

from tsinit.models.imputation import transforms

SAMPLES = {
    "lognormal": lambda rng: rng.lognormal(2.0, 1.0, 400),
    "normal": lambda rng: rng.standard_normal(400),
    "left": lambda rng: 50.0 - rng.gamma(1.0, 4.0, 400),
    "both signs": lambda rng: rng.gamma(1.0, 2.0, 400) - 1.0,
    "few values": lambda rng: rng.integers(0, 3, 400).astype(float),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("kind", ["auto", "yeo-johnson", None])
def test_back_undoes_forward_and_order_is_kept(rng, name, kind):
    y = SAMPLES[name](rng)
    transform = transforms.estimate(y, kind)
    z = transform.forward(np.sort(y))
    assert (np.diff(z) >= 0).all()
    assert abs(z.mean()) < 1e-8
    assert abs(z.std() - 1) < 1e-8
    np.testing.assert_allclose(transform.back(z), np.sort(y), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["log", "sqrt"])
def test_named_transforms(rng, kind):
    y = rng.lognormal(0, 1, 100)
    transform = transforms.estimate(y, kind)
    np.testing.assert_allclose(transform.back(transform.forward(y)), y)
    assert transform.kind == kind


def test_the_power_is_the_most_likely_one(rng):
    u = rng.gamma(2.0, 3.0, 300) - 1.0
    ours = transforms._most_likely_power(u)
    assert abs(ours - stats.yeojohnson_normmax(u)) < 1e-3
    np.testing.assert_allclose(
        transforms._forward("yeo-johnson", u, ours), stats.yeojohnson(u, ours), rtol=1e-9
    )


def test_auto_leaves_what_is_not_skewed(rng):
    assert transforms.estimate(SAMPLES["normal"](rng), "auto").kind is None
    assert transforms.estimate(SAMPLES["few values"](rng), "auto").kind is None
    assert transforms.estimate(SAMPLES["lognormal"](rng)[:20], "auto").kind is None
    assert transforms.estimate(SAMPLES["lognormal"](rng), "auto").kind == "yeo-johnson"


def test_units_do_not_matter(rng):
    y = SAMPLES["lognormal"](rng)
    one, other = transforms.estimate(y, "auto"), transforms.estimate(1e6 * y, "auto")
    np.testing.assert_allclose(one.forward(y), other.forward(1e6 * y), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("kind", ["auto", "yeo-johnson", "sqrt", "log", None])
def test_all_that_draws_may_be_has_a_finite_value(rng, name, kind):
    y = SAMPLES[name](rng)
    if kind in ("sqrt", "log"):
        y = np.abs(y) + 0.1
    transform = transforms.estimate(y, kind)
    low, high = transforms.limits(transform, y)
    values = transform.back(np.linspace(low, high, 200))
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert values[0] <= y.min() + 1e-9
    assert values[-1] >= y.max() - 1e-9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_limits_are_within_a_range_of_the_data(seed, side):
    # Strongly skewed, as concentrations after a few spikes: the power is near an end, and the scale ends soon.
    rng = np.random.default_rng(seed)
    y = side * (20.0 + np.exp(2.0 * rng.standard_normal(400)))
    transform = transforms.estimate(y, "auto")
    assert transform.kind == "yeo-johnson"
    low, high = transforms.limits(transform, y)
    ends, reach = transform.back(np.array([low, high])), np.ptp(y)
    assert ends[0] >= y.min() - 1.001 * reach
    assert ends[1] <= y.max() + 1.001 * reach
    # The half range of the scale itself would go on for many.
    z = transform.forward(np.array([y.min(), y.max()]))
    _, last = transforms.support(transform)
    first, _ = transforms.support(transform)
    beyond = transform.back(np.clip(z + 0.5 * np.ptp(z) * np.array([-1, 1]), first, last))
    assert max(y.min() - beyond[0], beyond[1] - y.max()) > 3 * reach


def test_limits_of_untransformed_columns_are_half_a_range():
    y = np.random.default_rng(0).standard_normal(300)
    transform = transforms.estimate(y, None)
    z = transform.forward(y)
    low, high = z.min() - 0.5 * np.ptp(z), z.max() + 0.5 * np.ptp(z)
    np.testing.assert_allclose(transforms.limits(transform, y), (low, high), rtol=1e-12)


@pytest.mark.parametrize("n_draws", [40, 100, 1000])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_one_more_draw_lies_within_an_interval_as_often_as_it_says(rng, n_draws, level):
    draws, next_one = rng.standard_gamma(2.0, (n_draws, 8000)), rng.standard_gamma(2.0, 8000)
    tails = [0.5 - level / 2, 0.5 + level / 2]
    low, high = transforms.predictive_quantiles(draws, tails)
    error = np.sqrt(level * (1.0 - level) / 8000)
    assert abs(np.mean((low <= next_one) & (next_one <= high)) - level) < 4.0 * error
    assert abs(np.mean(next_one < low) - tails[0]) < 4.0 * error
    if (n_draws, level) == (40, 0.95):  # the usual quantiles lie inside
        low, high = np.quantile(draws, tails, axis=0)
        assert np.mean((low <= next_one) & (next_one <= high)) < level - 4.0 * error


def test_of_too_few_draws_an_interval_holds_all():
    draws = np.array([[3.0], [1.0], [2.0]])
    np.testing.assert_array_equal(
        transforms.predictive_quantiles(draws, [0.025, 0.975]), [[1.0], [3.0]]
    )
