import numpy as np
import pytest
from helpers import random_params
from scipy.linalg import block_diag

from tsinit import speech


def rotation(frequency, bandwidth, fs):
    r, w = np.exp(-np.pi * bandwidth / fs), 2 * np.pi * frequency / fs
    return r * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]])


def test_formants_of_exact_blocks_are_exact(rng):
    fs, F, B = 10_000.0, [2700.0, 500.0, 1500.0], [120.0, 60.0, 90.0]
    A = block_diag(*[rotation(f, b, fs) for f, b in zip(F, B, strict=True)], 0.5, -0.7)
    T = rng.standard_normal(A.shape) + 4 * np.eye(len(A))
    found = speech.formants(T @ A @ np.linalg.inv(T), fs)
    np.testing.assert_allclose(found.frequencies, [500.0, 1500.0, 2700.0], rtol=1e-10)
    np.testing.assert_allclose(found.bandwidths, [60.0, 90.0, 120.0], rtol=1e-8)


def test_wide_low_and_high_resonances_are_no_formants():
    fs = 8000.0
    A = block_diag(
        rotation(60.0, 50.0, fs), rotation(1000.0, 900.0, fs), rotation(3980.0, 50.0, fs)
    )
    assert speech.formants(A, fs).frequencies.size == 0
    everything = speech.formants(A, fs, max_bandwidth=np.inf, f_min=0.0, margin=0.0)
    np.testing.assert_allclose(everything.frequencies, [60.0, 1000.0, 3980.0])


def test_an_unstable_resonance_keeps_its_frequency_and_has_a_negative_bandwidth():
    found = speech.formants(rotation(700.0, -20.0, 8000.0), 8000.0)
    np.testing.assert_allclose(found, [[700.0], [-20.0]])


def test_parameters_and_their_matrix_are_the_same_to_formants(rng):
    params = random_params(rng, 6, 1)
    for a, b in zip(
        speech.formants(params, 8000.0), speech.formants(params.A, 8000.0), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_the_spectrum_integrates_to_the_variance(rng):
    params = random_params(rng, 4, 2, observation_cov="full")
    f, power = speech.spectrum(params, 8000.0, n=4001)
    variance = np.diag(params.C @ params.P0 @ params.C.T + params.R)
    # The trapezoidal rule on a smooth periodic function: exact up to the last digits.
    np.testing.assert_allclose(np.trapezoid(power, f, axis=0), variance, rtol=1e-9)


def test_the_spectrum_is_the_transform_of_the_autocovariance(rng):
    params, fs = random_params(rng, 3, 1, radius=0.6), 1000.0
    f, power = speech.spectrum(params, fs, n=7)
    lags = [params.C @ params.P0 @ params.C.T + params.R]
    lags += [
        params.C @ np.linalg.matrix_power(params.A, k) @ params.P0 @ params.C.T
        for k in range(1, 200)
    ]
    for frequency, value in zip(f, power[:, 0], strict=True):
        w = 2 * np.pi * frequency / fs
        reference = lags[0][0, 0] + 2 * sum(np.cos(k * w) * lags[k][0, 0] for k in range(1, 200))
        assert value == pytest.approx(2 * reference / fs, rel=1e-9)


@pytest.mark.parametrize(
    ("A", "fs", "sentence"),
    [
        (np.ones((2, 3)), 8000.0, r"A must be a square matrix; got shape \(2, 3\)"),
        (np.full((2, 2), np.nan), 8000.0, "A must be finite"),
        (np.eye(2), -1.0, "fs must be a number above 0; got -1.0"),
    ],
)
def test_wrong_matrices_get_one_sentence(A, fs, sentence):
    with pytest.raises(ValueError, match=sentence):
        speech.formants(A, fs)
