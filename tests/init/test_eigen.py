import re

import numpy as np
import pytest
from scipy import stats

from tsinit.init import EigenInit, Uniform

DISTRIBUTIONS = ["disc", "annulus", "unit_perturb", "box", "double_gaussian", "time_constants"]
DRAWS = 4_000  # eigenvalues of one distribution; a wrong distribution fails a Kolmogorov-Smirnov test at 1e-3 by far


def spectrum(strategy, n, seed=0, length=1_000):
    return strategy.eigenvalues(np.random.default_rng(seed), n, length)


def assert_law(values, cdf):
    assert stats.kstest(values, cdf).pvalue > 1e-3


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("rotate", [True, False])
def test_the_spectrum_of_A_is_the_one_drawn(rng, distribution, n, rotate):
    strategy = EigenInit(distribution, rotate=rotate)
    y = rng.standard_normal((200, 2))
    A = strategy.dynamics(y, np.random.default_rng(3), n).A
    pairs, real = spectrum(strategy, n, 3, length=200)
    expected = np.concatenate([pairs, pairs.conj(), real])
    got = np.linalg.eigvals(A)
    distance = np.abs(expected[:, None] - got)
    # Where eigenvalues were cut to the same modulus and lie close, each still has a partner.
    assert max(distance.min(axis=0).max(), distance.min(axis=1).max()) < 1e-12
    np.testing.assert_allclose(
        A @ A.T, A.T @ A, atol=1e-12
    )  # normal: perfectly conditioned eigenvectors
    assert np.abs(got).max() < 1.0


@pytest.mark.parametrize(
    ("strategy", "cdf"),
    [
        (EigenInit("disc", r_max=1 - 1e-12), lambda r: np.clip(r, 0, 1) ** 2),
        (
            EigenInit("annulus", r_lo=0.5, r_hi=0.9),
            lambda r: (np.clip(r, 0.5, 0.9) ** 2 - 0.25) / (0.81 - 0.25),
        ),
        (
            EigenInit("unit_perturb", std=100.0, r_max=1 - 1e-12),
            lambda r: np.where(r < 1 - 1e-11, (r - 0.9) / 0.2, 1.0),
        ),
        (
            EigenInit("time_constants"),
            lambda r: np.minimum(np.log(-1 / np.log(r)) / np.log(500.0), 1.0),
        ),
    ],
    ids=DISTRIBUTIONS[:3] + DISTRIBUTIONS[5:],
)
def test_moduli_have_the_stated_law_and_angles_are_uniform(strategy, cdf):
    pairs, _ = spectrum(strategy, 2 * DRAWS)
    size = np.abs(pairs)
    inside = size < strategy.r_max * (1 - 1e-9)
    share = float(cdf(np.array(strategy.r_max)))
    if strategy.distribution == "unit_perturb":
        share = 0.5  # the half above 1 is cut
    assert abs(inside.mean() - share) < 5 * np.sqrt(share * (1 - share) / DRAWS) + 1e-3
    assert_law(size[inside], lambda r: cdf(r) / share)
    assert_law(np.angle(pairs), stats.uniform(0, np.pi).cdf)


@pytest.mark.parametrize(
    ("strategy", "cdf"),
    [
        (EigenInit("box", std=0.5), stats.uniform(-0.5, 1.0).cdf),
        (
            EigenInit("double_gaussian", std=0.3, r_max=0.9999),
            lambda x: (stats.norm(-1, 0.3).cdf(x) + stats.norm(1, 0.3).cdf(x)) / 2,
        ),
    ],
    ids=["box", "double_gaussian"],
)
def test_real_and_imaginary_parts_have_the_stated_law_before_they_are_cut(
    strategy, cdf, monkeypatch
):
    monkeypatch.setattr("tsinit.init.eigen._cut", lambda values, r_max: values)
    pairs, _ = spectrum(strategy, 2 * DRAWS)
    assert_law(pairs.real, cdf)
    assert_law(pairs.imag, cdf)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_real_eigenvalue_has_the_law_of_the_moduli_and_both_signs_but_for_time_constants(
    distribution,
):
    real = np.array([spectrum(EigenInit(distribution), 1, seed)[1][0] for seed in range(400)])
    assert np.all(real > 0) == (distribution == "time_constants")
    assert np.abs(real).max() < 0.999 + 1e-12
    if distribution not in ("box", "double_gaussian"):
        moduli = np.abs(spectrum(EigenInit(distribution), 2 * DRAWS)[0])
        # Rounded, so that the values cut to r_max tie.
        assert stats.ks_2samp(np.abs(real).round(9), moduli.round(9)).pvalue > 1e-3


def test_a_cut_keeps_the_angle():
    pairs, _ = spectrum(EigenInit("double_gaussian", r_max=0.95), 400)
    uncut, _ = spectrum(EigenInit("double_gaussian", r_max=1 - 1e-9), 400)
    np.testing.assert_allclose(np.angle(pairs), np.angle(uncut), atol=1e-12)
    np.testing.assert_allclose(np.abs(pairs), np.minimum(np.abs(uncut), 0.95), rtol=1e-8)


def test_time_constants_reach_to_half_the_longest_sequence(rng):
    y = rng.standard_normal((400, 1))
    A = EigenInit("time_constants").dynamics(y, rng, 300, offsets=np.array([0, 380, 400])).A
    tau = -1 / np.log(np.abs(np.linalg.eigvals(A)))
    assert tau.min() > 1 - 1e-9
    assert 150 < tau.max() < 190 + 1e-6


@pytest.mark.parametrize(
    "strategy", [EigenInit(), EigenInit("annulus", snr=2.0), Uniform(), Uniform(snr=2.0)], ids=str
)
def test_the_start_is_calibrated_to_the_data(rng, strategy):
    y = rng.standard_normal((300, 3)) * [1.0, 50.0, 1e-3] + 7.0
    y[rng.random(y.shape) < 0.2] = np.nan
    p = strategy.dynamics(y, rng, 5)
    np.testing.assert_allclose(np.diag(p.C @ p.P0 @ p.C.T + p.R), np.nanvar(y, axis=0), rtol=1e-10)
    np.testing.assert_allclose(np.diag(p.R) * (1 + strategy.snr), np.nanvar(y, axis=0), rtol=1e-10)
    np.testing.assert_allclose(p.d, np.nanmean(y, axis=0), rtol=1e-12)


def test_uniform_draws_the_radius_it_says(rng):
    y = rng.standard_normal((50, 1))
    radii = [np.abs(np.linalg.eigvals(Uniform().dynamics(y, rng, 4).A)).max() for _ in range(400)]
    assert_law(radii, stats.uniform(0.8, 0.18).cdf)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (
            EigenInit("dics"),
            "distribution must be one of ['disc', 'annulus', 'unit_perturb', 'time_constants', 'box', "
            "'double_gaussian']; got 'dics'.",
        ),
        (EigenInit(r_max=1.0), "r_max must be a number of at least 0 and below 1; got 1.0."),
        (EigenInit(rotate="no"), "rotate must be True or False; got 'no'."),
        (EigenInit(r_lo=0.9, r_hi=0.5), "r_hi must be a number of at least 0.9; got 0.5."),
        (EigenInit(snr=0), "snr must be a number of at least 1e-06; got 0."),
        (Uniform(snr=float("nan")), "snr must be a number of at least 1e-06; got nan."),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(rng, strategy, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        strategy.dynamics(np.zeros((10, 1)), rng, 2)
