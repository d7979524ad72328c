"""Replicates made of the one-step errors of the data: exact algebra, and what heavy tails do to intervals."""

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from reference import kalman as twin
from scipy.stats import kurtosis

from tsinit import LinearGaussianSSM
from tsinit.kernels import Kalman
from tsinit.models.state_space.innovations_form import InnovationsForm


def problem(seed, observation_cov="full"):
    rng = np.random.default_rng(seed)
    params = random_params(rng, 2, 2, radius=0.8, observation_cov=observation_cov, mean=True)
    parts = [with_gaps(rng, simulate(params, T, rng)[1], 0.3, rows=0.1) for T in (12, 7)]
    return params, np.vstack(parts), np.array([0, 12, 19])


@pytest.mark.parametrize("with_inputs", [False, True])
def test_the_errors_of_the_data_make_the_data(with_inputs):
    params, y, offsets = problem(0)
    u = None
    if with_inputs:
        rng = np.random.default_rng(1)
        u = rng.standard_normal((len(y), 1))
        params = params._replace(B=rng.standard_normal((2, 1)), D=rng.standard_normal((2, 1)))
    form = InnovationsForm(Kalman(y, 2, offsets, u), params)
    np.testing.assert_array_equal(np.isnan(form.innovations), np.isnan(y))
    np.testing.assert_allclose(form.data(form.innovations), y, rtol=1e-10, atol=1e-12)


def test_independent_errors_have_the_covariances_of_the_model():
    """Data are linear in the errors, y = mean + M e, so that M M' is their covariance: exactly that of the model."""
    params, y, _ = problem(2)
    y = y[:12]
    form = InnovationsForm(Kalman(y, 2), params)
    mean = form.data(np.zeros_like(y)).ravel()
    seen = ~np.isnan(mean)
    M = np.array([form.data(e.reshape(y.shape)).ravel() - mean for e in np.eye(y.size)]).T
    exact_mean, exact = twin.prior_joint(params, len(y))
    of_y = exact[len(y) * 2 :, len(y) * 2 :]
    np.testing.assert_allclose(mean[seen], exact_mean[len(y) * 2 :][seen], rtol=1e-10)
    np.testing.assert_allclose(
        (M @ M.T)[np.ix_(seen, seen)], of_y[np.ix_(seen, seen)], rtol=1e-9, atol=1e-10
    )


def test_errors_are_drawn_in_whole_rows_with_mean_0_and_variance_1():
    params, y, _ = problem(3)
    y = np.nan_to_num(y)
    form = InnovationsForm(Kalman(y, 2), params)
    e = form.innovations
    pool = (e - e.mean(axis=0)) / e.std(axis=0)
    drawn = form.resampled(np.random.default_rng(0))
    assert all(np.isclose(pool, row).all(axis=1).any() for row in drawn)
    many = np.vstack([form.resampled(np.random.default_rng(i)) for i in range(500)])
    np.testing.assert_allclose(many.mean(axis=0), 0.0, atol=5.0 / np.sqrt(len(many)))
    np.testing.assert_allclose(
        many.std(axis=0), 1.0, atol=5.0 * kurtosis(pool, fisher=False).max() / np.sqrt(len(many))
    )


def test_what_a_drawn_row_misses_comes_from_its_column():
    params, y, offsets = problem(4)
    form = InnovationsForm(Kalman(y, 2, offsets), params)
    drawn = form.resampled(np.random.default_rng(0))
    assert not np.isnan(drawn).any()
    for column, whole in zip(drawn.T, form.innovations.T, strict=True):
        known = whole[~np.isnan(whole)]
        known = (known - known.mean()) / known.std()
        assert all(np.isclose(known, value).any() for value in column)


def heavy(seed, T=300, phi=0.7):
    """Autoregression with t-distributed noise of 3 degrees of freedom, variance 1."""
    rng = np.random.default_rng(seed)
    e = rng.standard_t(3, size=T + 50) / np.sqrt(3.0)
    y = np.zeros(T + 50)
    for t in range(1, T + 50):
        y[t] = phi * y[t - 1] + e[t]
    return y[50:, None]


def test_heavy_tails_widen_intervals_of_variances():
    """Of an autoregression, the estimated variance of the noise has the standard error sqrt((kurtosis - 1) / T)."""
    y = heavy(1)
    ssm = LinearGaussianSSM(1, random_state=0, max_iter=300).fit(y)
    options = {"method": "bootstrap", "n_boot": 150, "n_from_strategy": 0, "random_state": 0}
    spread = {
        resample: ssm.uncertainty(y, resample=resample, **options).table.loc[
            "one-step variance[0]", ["estimate", "standard error"]
        ]
        for resample in ("parametric", "innovations")
    }
    relative = {name: s["standard error"] / s["estimate"] for name, s in spread.items()}
    tails = kurtosis(ssm.residuals(y)[:, 0], fisher=False)
    assert tails > 6.0
    # A standard deviation of 150 replicates is known to 6 %, of heavy-tailed ones to some more.
    assert relative["parametric"] == pytest.approx(np.sqrt(2.0 / len(y)), rel=0.2)
    assert relative["innovations"] == pytest.approx(np.sqrt((tails - 1.0) / len(y)), rel=0.3)


def test_normal_data_have_the_intervals_of_the_parametric_bootstrap():
    params, y, _ = problem(5, "diag")
    rng = np.random.default_rng(5)
    y = with_gaps(rng, simulate(params, 200, rng)[1], 0.1)
    ssm = LinearGaussianSSM(2, random_state=0, max_iter=300, tol=1e-5).fit(y)
    options = {"method": "bootstrap", "n_boot": 40, "n_from_strategy": 0, "random_state": 0}
    rows = ["mean[0]", "mean[1]", "one-step variance[0]", "one-step variance[1]"]
    a, b = (
        ssm.uncertainty(y, resample=r, **options).table.loc[rows, "standard error"]
        for r in ("parametric", "innovations")
    )
    # Standard deviations of 40 replicates are known to 11 % each.
    np.testing.assert_allclose(b, a, rtol=0.5)


def test_seeds_and_processes():
    y = heavy(2, T=80)
    ssm = LinearGaussianSSM(1, random_state=0, max_iter=100).fit(y)
    options = {
        "method": "bootstrap", "resample": "innovations", "n_boot": 4, "n_from_strategy": 2, "random_state": 1,
    }  # fmt: skip
    one, two = ssm.uncertainty(y, **options), ssm.uncertainty(y, n_jobs=2, **options)
    assert one.resample == "innovations"
    np.testing.assert_array_equal(one.replicates, two.replicates)
    assert np.isfinite(one.start_effect)
    with pytest.raises(ValueError, match="resample must be one of"):
        ssm.uncertainty(y, method="bootstrap", resample="blocks")


@pytest.mark.slow
def test_intervals_hold_the_truth_more_often_under_heavy_tails():
    """Of the variance of one-step errors: t-distributed with 5 degrees of freedom, 200 rows, intervals of 90 %."""
    held = {"parametric": 0, "innovations": 0}
    n = 75
    for seed in range(n):
        rng = np.random.default_rng(seed)
        e = rng.standard_t(5, size=250) / np.sqrt(5.0 / 3.0)
        y = np.zeros(250)
        for t in range(1, 250):
            y[t] = 0.7 * y[t - 1] + e[t]
        y = y[50:, None]
        ssm = LinearGaussianSSM(1, random_state=0, max_iter=200, tol=1e-5)
        ssm.fit(y)
        for resample in held:
            row = ssm.uncertainty(
                y, method="bootstrap", resample=resample, n_boot=80, n_from_strategy=0, level=0.9, random_state=seed,
            ).table.loc["one-step variance[0]"]  # fmt: skip
            held[resample] += row["lower"] <= 1.0 <= row["upper"]
    share = {name: count / n for name, count in held.items()}
    # In 200 rows there are few of the tails that count, so that neither covers 90 % (79 and 61 %, with standard errors
    # of 5 and 6): the parametric one misses by more than three of these, and is right only if its model is.
    assert share["innovations"] > share["parametric"] + 0.1
    assert share["parametric"] < 0.9 - 3.0 * np.sqrt(0.9 * 0.1 / n)
