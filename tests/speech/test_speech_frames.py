import numpy as np
import pytest

from tsinit import speech


def test_pre_emphasis_is_the_difference_equation_and_lifts_high_frequencies(rng):
    x, fs = rng.standard_normal(50), 10_000.0
    a = np.exp(-2 * np.pi * 50.0 / fs)
    expected = [x[0]] + [x[t] - a * x[t - 1] for t in range(1, 50)]
    np.testing.assert_allclose(speech.pre_emphasis(x, fs), expected)
    t = np.arange(10_000) / fs
    power = [speech.pre_emphasis(np.sin(2 * np.pi * f * t), fs)[1:].var() for f in (200.0, 400.0)]
    # 6 dB per octave: the gain is |1 - a exp(-iw)|^2, about w^2 well above the corner.
    assert 10 * np.log10(power[1] / power[0]) == pytest.approx(6.0, abs=0.4)


def test_frames_are_the_slices_they_say(rng):
    x, fs = rng.standard_normal(1000), 8000.0
    values, times = speech.frames(x, fs, length=0.025, hop=0.010)
    assert values.shape == (11, 200)
    for k, (frame, time) in enumerate(zip(values, times, strict=True)):
        np.testing.assert_array_equal(frame, x[80 * k : 80 * k + 200])
        assert time == pytest.approx((80 * k + 100) / fs)


def test_a_hop_of_a_fractional_number_of_samples_does_not_drift():
    values, times = speech.frames(np.arange(110_250.0), 11_025.0, length=0.020, hop=0.0101)
    assert abs(times - times[0] - 0.0101 * np.arange(len(times))).max() <= 0.51 / 11_025
    assert values[-1, -1] <= 110_249


def test_frames_at_wanted_times(rng):
    x = rng.standard_normal(4000)
    every = speech.frames(x, 8000.0)
    some = speech.frames(x, 8000.0, times=every.times[[3, 7]])
    np.testing.assert_array_equal(some.values, every.values[[3, 7]])
    np.testing.assert_allclose(some.times, every.times[[3, 7]])


def test_normalised_frames_have_zero_mean_and_unit_variance_and_silence_stays_silent(rng):
    x = 3.0 + 5.0 * rng.standard_normal(2000)
    x[:400] = 0.1
    values, _ = speech.frames(x, 8000.0, normalise=True)
    np.testing.assert_array_equal(values[:3], 0.0)
    np.testing.assert_allclose(values[6:].mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(values[6:].std(axis=1), 1.0)


def test_a_taper_multiplies_every_frame(rng):
    x = rng.standard_normal(1000)
    plain, tapered = speech.frames(x, 8000.0).values, speech.frames(x, 8000.0, window="hann").values
    np.testing.assert_allclose(tapered, plain * np.hanning(200), atol=1e-12)
    np.testing.assert_allclose(speech.frames(x, 8000.0, window=np.full(200, 2.0)).values, 2 * plain)


def test_resampling_keeps_a_tone_in_place():
    t = np.arange(16_000) / 16_000
    out = speech.resample(np.sin(2 * np.pi * 300.0 * t), 16_000, 10_000)
    assert out.size == 10_000
    expected = np.sin(2 * np.pi * 300.0 * np.arange(10_000) / 10_000)
    # The first and last samples miss the filter; in between the ripple of SciPy's default filter is below 1 %.
    assert np.abs(out - expected)[200:-200].max() < 0.01


def test_loud_periodic_frames_are_voiced_and_nothing_else(rng):
    fs = 10_000.0
    t = np.arange(5000) / fs
    buzz = sum(np.cos(2 * np.pi * 120.0 * k * t) for k in range(1, 8))
    parts = [np.zeros(5000), buzz, 0.05 * buzz, 2.0 * rng.standard_normal(5000)]
    values, times = speech.frames(np.concatenate(parts), fs)
    mask = speech.voiced(values, fs)
    inside = (times % 0.5 > 0.0125) & (times % 0.5 < 0.4875)  # frames that lie in one part only
    which = (times // 0.5).astype(int)
    for part, expected in enumerate([False, True, False, False]):
        assert (mask[inside & (which == part)] == expected).all()


def test_voicing_ignores_the_level_of_the_recording(rng):
    values = rng.standard_normal((20, 200)) + np.cos(np.arange(200) * 2 * np.pi / 80)
    np.testing.assert_array_equal(
        speech.voiced(values, 8000.0), speech.voiced(1e-4 * values, 8000.0)
    )


def test_silence_is_not_voiced():
    assert not speech.voiced(np.zeros((4, 200)), 8000.0).any()
    assert speech.voiced(np.zeros((0, 200)), 8000.0).shape == (0,)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda x: speech.pre_emphasis(x[:, None], 8000),
            r"signal must be one-dimensional; got shape \(1000",
        ),
        (lambda x: speech.pre_emphasis(["a"], 8000), "signal must be numeric; got list"),
        (
            lambda x: speech.frames(np.r_[x, np.nan], 8000),
            "signal must be finite; got nan at sample 1000",
        ),
        (lambda x: speech.frames(x, 0), "fs must be a number above 0; got 0"),
        (lambda x: speech.frames(x, True), "fs must be a number above 0; got True"),
        (lambda x: speech.frames(x, "8k"), "fs must be a number above 0; got '8k'"),
        (
            lambda x: speech.frames(x, 8000, length=1.0),
            "at most the signal's 1000; got 1.0 s, which is 8000",
        ),
        (
            lambda x: speech.frames(x, 8000, hop=1e-5),
            "hop must be at least one sample; got 1e-05 s",
        ),
        (
            lambda x: speech.frames(x, 8000, times=[0.0]),
            "times must leave half a frame on either side",
        ),
        (
            lambda x: speech.frames(x, 8000, window=np.ones(3)),
            r"one weight per sample, 200; got shape \(3,\)",
        ),
        (lambda x: speech.frames(x, 8000, window="hat"), "window must be a name .* got 'hat'"),
        (lambda x: speech.resample(x, 8000, -1), "fs_new must be a number above 0; got -1"),
        (lambda x: speech.voiced(x, 8000), "frames must be two-dimensional"),
        (
            lambda x: speech.voiced(np.ones((2, 9)), 8000, f0=(60, 80)),
            "f0 must hold a period of at most half",
        ),
    ],
)
def test_wrong_inputs_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(np.zeros(1000))
