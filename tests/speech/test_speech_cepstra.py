"""Cepstra against sums written out, and the properties that make them useful."""

import numpy as np
import pytest

from tsinit.speech import cepstra, frames

FS = 8000.0


def by_loops(values, fs, n, n_bands):
    """Reference: Fourier sums, triangles and cosines one by one; frames of a length that needs no padding."""
    L = values.shape[1]
    mel = lambda f: 1127.0 * np.log(1.0 + f / 700.0)  # noqa: E731
    edges = [mel(fs / 2) * b / (n_bands + 1) for b in range(n_bands + 2)]
    rows = []
    for x in values:
        bands = np.zeros(n_bands)
        for k in range(L // 2 + 1):
            power = abs(sum(x[t] * np.exp(-2j * np.pi * k * t / L) for t in range(L))) ** 2
            for b in range(n_bands):
                m = mel(k * fs / L)
                up, down = m - edges[b], edges[b + 2] - m
                bands[b] += max(min(up, down), 0.0) / (edges[1] - edges[0]) * power
        scale = [np.sqrt((1.0 if i == 0 else 2.0) / n_bands) for i in range(n)]
        rows.append([
            scale[i] * sum(np.log(bands[b]) * np.cos(np.pi * i * (b + 0.5) / n_bands) for b in range(n_bands))
            for i in range(n)
        ])  # fmt: skip
    return np.array(rows)


def test_cepstra_are_the_sums_of_the_definition(rng):
    values = rng.standard_normal((2, 64))
    np.testing.assert_allclose(
        cepstra(values, FS, 5, n_bands=8), by_loops(values, FS, 5, 8), rtol=1e-10, atol=1e-10
    )


def test_loudness_is_in_the_first_coefficient_alone(rng):
    values = rng.standard_normal((3, 200))
    difference = cepstra(10.0 * values, FS) - cepstra(values, FS)
    np.testing.assert_allclose(difference[:, 0], np.sqrt(24) * np.log(100.0))
    np.testing.assert_allclose(difference[:, 1:], 0.0, atol=1e-10)


def test_tones_of_different_pitch_lie_apart_and_delays_do_not():
    t = np.arange(4000) / FS
    low, high = (
        frames(np.sin(2 * np.pi * f * t), FS, window="hann").values for f in (300.0, 1500.0)
    )
    low, high = cepstra(low, FS), cepstra(high, FS)
    within = np.linalg.norm(low - low.mean(axis=0), axis=1).max()
    assert np.linalg.norm(low.mean(axis=0) - high.mean(axis=0)) > 10 * within


def test_silence_is_finite(rng):
    assert not cepstra(np.zeros((2, 200)), FS).any()
    mixed = np.vstack([rng.standard_normal(200), np.zeros(200)])
    assert np.isfinite(cepstra(mixed, FS)).all()
    assert cepstra(np.zeros((0, 200)), FS).shape == (0, 13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 30}, "n must be at most the number of bands, 24; got 30"),
        ({"n_bands": 150}, "n_bands must leave a frequency in every band; got 150"),
        ({"f_max": 5000.0}, "f_max must be at most half the sampling rate, 4000 Hz; got 5000 Hz"),
        ({"f_min": 900.0, "f_max": 800.0}, "f_max"),
    ],
)
def test_impossible_wishes_are_refused(rng, options, message):
    with pytest.raises(ValueError, match=message):
        cepstra(rng.standard_normal((2, 200)), FS, **options)
