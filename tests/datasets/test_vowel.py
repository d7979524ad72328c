"""A synthetic vowel has the formants it was given, at every sample."""

import numpy as np
import pytest
from scipy.signal import lfilter

from tsinit.datasets import make_vowel

FORMANTS = np.array([700.0, 1220.0, 2600.0])
BANDWIDTHS = np.array([130.0, 70.0, 160.0])


def prediction(signal, order):
    """Least-squares predictor of each sample from the `order` before, leaving out the samples at pulses."""
    past = np.lib.stride_tricks.sliding_window_view(signal, order)[:-1, ::-1]
    future = signal[order:]
    keep = np.ones(future.size, dtype=bool)
    for _ in range(3):
        weights = np.linalg.lstsq(past[keep], future[keep], rcond=None)[0]
        residual = np.abs(future - past @ weights)
        # Pulses are few and tower over the rest.
        keep = residual < 1e-3 * np.abs(signal).max() + np.quantile(residual, 0.5)
    return weights


def formants_of(weights, fs):
    """Frequencies and bandwidths (Hz) of the poles of an autoregression."""
    poles = np.roots(np.concatenate([[1.0], -weights]))
    poles = poles[poles.imag > 0]
    order = np.argsort(np.angle(poles))
    return (np.angle(poles) * fs / (2 * np.pi))[order], (-np.log(np.abs(poles)) * fs / np.pi)[order]


@pytest.mark.parametrize("fs", [8000, 16_000])
def test_the_poles_of_a_voiced_vowel_are_its_formants(fs):
    vowel = make_vowel(FORMANTS, BANDWIDTHS, fs=fs, random_state=0)
    frequencies, bandwidths = formants_of(prediction(vowel.clean, 6), fs)
    assert frequencies == pytest.approx(FORMANTS, abs=1e-3)
    assert bandwidths == pytest.approx(BANDWIDTHS, abs=1e-3)
    assert np.array_equal(vowel.formants, np.tile(FORMANTS, (vowel.signal.size, 1)))
    assert np.array_equal(vowel.bandwidths, np.tile(BANDWIDTHS, (vowel.signal.size, 1)))


def test_whitening_by_the_given_poles_gives_back_the_pulses_at_the_pitch():
    vowel = make_vowel(FORMANTS, BANDWIDTHS, f0=125.0, duration=1.0, random_state=1)
    poles = np.exp(np.pi * (-BANDWIDTHS + 2j * FORMANTS) / 8000)
    source = lfilter(np.poly(np.concatenate([poles, poles.conj()])).real, [1.0], vowel.clean)[6:]
    pulses = np.flatnonzero(source > 0.5 * source.max()) + 6
    assert set(np.diff(pulses)) == {64}  # 8000 / 125
    assert np.abs(np.delete(source, pulses - 6)).max() < 1e-9 * source.max()


def test_a_whispered_vowel_is_white_noise_through_the_poles():
    vowel = make_vowel(FORMANTS, BANDWIDTHS, f0=None, duration=10.0, random_state=2)
    poles = np.exp(np.pi * (-BANDWIDTHS + 2j * FORMANTS) / 8000)
    source = lfilter(np.poly(np.concatenate([poles, poles.conj()])).real, [1.0], vowel.clean)[6:]
    source /= source.std()
    n = source.size
    correlations = [source[k:] @ source[:-k] / n for k in range(1, 21)]
    assert np.abs(correlations).max() < 5 / np.sqrt(n)
    assert np.mean(source**4) == pytest.approx(3.0, abs=5 * np.sqrt(96 / n))  # Gaussian


def test_the_start_is_as_loud_as_the_rest():
    energies = np.array(
        [
            make_vowel(f0=None, duration=0.1, random_state=seed).clean[:80] ** 2
            for seed in range(400)
        ]
    ).mean(axis=1)
    # The whole has mean square one by construction, so its first tenth must have too.
    assert abs(energies.mean() - 1.0) < 5 * energies.std(ddof=1) / np.sqrt(energies.size)


def test_a_glide_moves_in_a_line_and_the_sound_follows_its_track():
    vowel = make_vowel(
        [(300, 700), (2300, 1200), (2600, 2600)],
        [(60, 90), (80, 80), (120, 120)],
        duration=0.5,
        random_state=3,
    )
    n = vowel.signal.size
    assert vowel.formants.shape == vowel.bandwidths.shape == (n, 3) == (4000, 3)
    assert vowel.formants[[0, -1]].tolist() == [[300, 2300, 2600], [700, 1200, 2600]]
    assert np.allclose(np.diff(vowel.formants, axis=0), [400 / (n - 1), -1100 / (n - 1), 0])
    assert vowel.bandwidths[[0, -1], 0].tolist() == [60, 90]
    for start in range(0, n - 200, 400):
        frequencies, _ = formants_of(prediction(vowel.clean[start : start + 200], 6), 8000)
        # Within 25 ms the formants themselves move by 20 Hz and 55 Hz: the fit must lie inside that range.
        window = vowel.formants[start : start + 200]
        assert (frequencies > window.min(axis=0) - 30).all()
        assert (frequencies < window.max(axis=0) + 30).all()


@pytest.mark.parametrize("snr_db", [0.0, 20.0, 60.0])
def test_the_noise_has_exactly_the_asked_level(snr_db):
    vowel = make_vowel(snr_db=snr_db, random_state=4)
    noise = vowel.signal - vowel.clean
    assert 10 * np.log10(np.sum(vowel.clean**2) / np.sum(noise**2)) == pytest.approx(
        snr_db, abs=1e-9
    )
    assert np.mean(vowel.clean**2) == pytest.approx(1.0)


def test_without_noise_the_signal_is_the_clean_one_on_the_asked_clock():
    vowel = make_vowel(duration=0.1, fs=10_000)
    assert np.array_equal(vowel.signal, vowel.clean)
    assert (vowel.fs, vowel.times.size, vowel.times[1]) == (10_000, 1000, 1e-4)


def test_the_same_seed_gives_the_same_vowel():
    first = make_vowel(f0=None, snr_db=10, random_state=5)
    for seed in (5, np.int64(5), np.random.SeedSequence(5)):
        np.testing.assert_array_equal(
            first.signal, make_vowel(f0=None, snr_db=10, random_state=seed).signal
        )
    assert not np.array_equal(first.signal, make_vowel(f0=None, snr_db=10, random_state=6).signal)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"formants": (700, 4000)},
            r"formants must lie between 0 and 4000.0 Hz; got \(700, 4000\)",
        ),
        ({"formants": ()}, "formants must lie between"),
        ({"formants": 0.0}, "formants must lie between"),
        (
            {"formants": np.ones((2, 3))},
            r"formants must be one number or a \(start, end\) pair each; got ndarray of shape",
        ),
        ({"formants": "high"}, "formants must hold numbers; got 'high'"),
        (
            {"formants": [(300, 700), 2300]},
            r"formants must hold numbers; got \[\(300, 700\), 2300\]",
        ),
        ({"bandwidths": (0, 70, 160)}, "bandwidths must be positive"),
        ({"bandwidths": np.inf}, "bandwidths must be positive and finite; got inf"),
        ({"fs": 0}, "fs must be a whole number of at least 1; got 0"),
        ({"fs": "8k"}, "fs must be a whole number of at least 1; got '8k'"),
        ({"duration": "long"}, "duration must be a number above 0; got 'long'"),
        ({"duration": 1e-9}, "duration must give at least one sample at fs=8000 Hz; got 1e-09"),
        (
            {"f0": "low"},
            r"f0 must be a number above 0 and below 4000 \(half of fs\), or None; got 'low'",
        ),
        ({"snr_db": True}, "snr_db must be a finite number, or None; got True"),
        (
            {"random_state": -1},
            "random_state must be a whole number from 0, a SeedSequence, .*; got -1",
        ),
        (
            {"bandwidths": (60, 70)},
            "bandwidths must be one number, or one for each of the 3 formants; got",
        ),
        ({"duration": 0}, "duration must be a number above 0; got 0"),
        ({"f0": 0}, "f0 must be a number above 0"),
        ({"f0": 5000}, "f0 must be .* below 4000 .*; got 5000"),
        ({"snr_db": np.nan}, "snr_db must be a finite number, or None; got nan"),
    ],
)
def test_arguments_outside_their_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vowel(**arguments)
