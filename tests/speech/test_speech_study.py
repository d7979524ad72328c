import warnings

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.base import BaseEstimator, clone

from tsinit import LinearGaussianSSM, speech
from tsinit.datasets import load_speech, make_vowel
from tsinit.init.lpc import LPC


class Predictor(BaseEstimator):
    """A linear predictor dressed as a model: fits at once, so the study around it can be tested alone."""

    def __init__(self, n_states=10, init=None, log=None):
        self.n_states = n_states
        self.init = init
        self.log = log

    def fit(self, X):
        self.params_ = LPC().dynamics(X, np.random.default_rng(0), self.n_states)
        self.log_likelihood_ = -0.5 * X.shape[0]
        SEEN.append((X, self.init))
        return self


SEEN = []


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def test_formants_of_a_noisy_synthetic_vowel():
    truth = (700.0, 1220.0, 2600.0)
    vowel = make_vowel(truth, snr_db=20.0, duration=1.0, random_state=0)
    result = speech.formant_tracks(vowel.signal, vowel.fs, Predictor(), fs_model=None, cutoff=None)
    assert result.voiced.all()
    errors = speech.track_error(result.frequencies, np.tile(truth, (len(result.times), 1)))
    assert (errors["median_error"] < 30.0).all()
    assert errors.loc["all", "gross_rate"] == 0.0


def test_formants_of_a_glide_follow_it():
    glide = [(300.0, 700.0), (2300.0, 1200.0), (3000.0, 2600.0)]
    vowel = make_vowel(glide, 80.0, duration=0.6, snr_db=30.0, random_state=1)
    result = speech.formant_tracks(vowel.signal, vowel.fs, Predictor(), fs_model=None, cutoff=None)
    at = np.searchsorted(vowel.times, result.times - 0.5 / vowel.fs)
    errors = speech.track_error(result.frequencies, vowel.formants[at])
    assert (errors["median_error"] < 50.0).all()


def test_vowels_of_a_labelled_recording_lie_where_women_say_them():
    """Ranges: mean and three standard deviations of the 48 women of Hillenbrand et al. (1995)."""
    recording = load_speech("arctic_a0009")
    result = speech.formant_tracks(recording.signal, recording.fs, Predictor(), fs_model=11_000)
    iy = recording.phones[recording.phones["phone"] == "iy"]
    inside = np.zeros(len(result.times), bool)
    for start, end in zip(iy["start"], iy["end"], strict=True):
        inside |= (result.times > start + 0.02) & (result.times < end - 0.02)
    assert (inside & result.voiced).sum() >= 8
    F1, F2, _ = np.nanmedian(result.frequencies[inside], axis=0)
    assert 315 < F1 < 559
    assert 2319 < F2 < 3203


def test_only_voiced_frames_are_fitted_and_each_by_its_own_copy():
    vowel = make_vowel(duration=0.3, random_state=0)
    signal = np.concatenate([np.zeros(1600), vowel.signal, np.zeros(1600)])
    model = Predictor()
    result = speech.formant_tracks(signal, vowel.fs, model, fs_model=None)
    assert not hasattr(model, "params_")
    fitted = np.array([p is not None for p in result.params])
    np.testing.assert_array_equal(fitted, result.voiced)
    assert 0 < fitted.sum() < len(fitted)
    assert len(SEEN) == fitted.sum()
    np.testing.assert_array_equal(np.isfinite(result.log_likelihood), fitted)
    np.testing.assert_allclose(result.log_likelihood[fitted], -0.5)
    assert np.isnan(result.frequencies[~fitted]).all()
    for X, _ in SEEN:
        assert X.shape == (200, 1)
        assert abs(X.mean()) < 1e-12
        assert X.std() == pytest.approx(1.0)


def test_a_warm_start_is_the_solution_of_the_frame_before():
    vowel = make_vowel(duration=0.2, random_state=0)
    n = len(speech.frames(vowel.signal, vowel.fs).times)
    mask = np.ones(n, bool)
    mask[5] = False
    result = speech.formant_tracks(
        vowel.signal, vowel.fs, Predictor(init="lpc"), fs_model=None, mask=mask, warm_start=True
    )
    starts = [init for _, init in SEEN]
    assert starts[0] == "lpc"
    assert starts[5] == "lpc"  # after the frame left out
    np.testing.assert_array_equal(starts[1].A, result.params[0].A)
    np.testing.assert_array_equal(starts[-1].A, result.params[-2].A)


def test_silent_frames_are_never_fitted():
    result = speech.formant_tracks(
        np.zeros(4000), 8000, Predictor(), fs_model=None, mask=np.ones(48, bool)
    )
    assert not result.voiced.any()
    assert np.isnan(result.frequencies).all()


def test_frames_at_wanted_times_and_a_table():
    vowel = make_vowel(duration=0.3, random_state=0)
    times = np.array([0.1, 0.15, 0.2])
    result = speech.formant_tracks(
        vowel.signal, vowel.fs, Predictor(), fs_model=None, times=times, n_formants=2
    )
    table = result.table()
    np.testing.assert_allclose(table.index, times)
    assert table.columns.tolist() == [
        "F1",
        "B1",
        "F2",
        "B2",
        "log_likelihood",
        "predictive",
        "voiced",
    ]
    np.testing.assert_array_equal(table["F2"], result.frequencies[:, 1])


def test_the_study_resamples():
    vowel = make_vowel(fs=16_000, duration=0.3, random_state=0)
    result = speech.formant_tracks(vowel.signal, vowel.fs, Predictor(), fs_model=8000)
    assert result.fs == 8000.0
    assert SEEN[0][0].shape == (200, 1)
    errors = speech.track_error(
        result.frequencies, np.tile([700.0, 1220.0, 2600.0], (len(result.times), 1))
    )
    assert (errors["median_error"] < 50.0).all()


def test_a_mask_must_fit():
    with pytest.raises(
        ValueError, match=r"mask must have one entry per frame of the signal \(48\); got 3"
    ):
        speech.formant_tracks(np.zeros(4000), 8000, Predictor(), fs_model=None, mask=[True] * 3)


def test_each_frame_has_a_seed_of_its_own_and_one_seed_gives_one_result():
    vowel = make_vowel(duration=0.05, random_state=0)
    model = LinearGaussianSSM(4, init="uniform", max_iter=0, random_state=3)
    one, two = (
        speech.formant_tracks(vowel.signal, vowel.fs, model, fs_model=None) for _ in range(2)
    )
    A = [p.A for p in one.params if p is not None]
    assert len(A) >= 2
    assert not np.allclose(A[0], A[1])
    np.testing.assert_array_equal(A[0], two.params[np.flatnonzero(one.voiced)[0]].A)


def test_history_and_prediction_per_sample():
    """The density of what follows is that of frame and sequel together, less that of the frame."""
    vowel = make_vowel(duration=0.06, snr_db=20.0, random_state=0)
    model = LinearGaussianSSM(4, init="lpc", max_iter=3, tol=1e-12, random_state=0)
    result = speech.formant_tracks(
        vowel.signal, vowel.fs, model, fs_model=None, cutoff=None, ahead=0.010
    )
    assert result.history.shape == (len(result.times), 4)
    np.testing.assert_allclose(result.history[:, -1], result.log_likelihood)
    assert (np.diff(result.history, axis=1) >= 0).all()
    cut = vowel.signal[:280]
    z = (cut - cut[:200].mean()) / cut[:200].std()
    ready = LinearGaussianSSM(4, init=result.params[0], max_iter=0).fit(z[:200, None])
    both = ready.score(z[:, None]) * 280
    assert result.predictive[0] == pytest.approx((both - ready.log_likelihood_) / 80)
    starts = np.round(result.times * vowel.fs - 100)
    np.testing.assert_array_equal(np.isfinite(result.predictive), starts + 280 <= vowel.signal.size)


def test_without_history_or_sequel_there_is_the_end_alone():
    vowel = make_vowel(duration=0.05, random_state=0)
    result = speech.formant_tracks(vowel.signal, vowel.fs, Predictor(), fs_model=None)
    np.testing.assert_array_equal(result.history[:, 0], result.log_likelihood)
    assert np.isnan(result.predictive).all()
    with pytest.raises(ValueError, match="ahead must"):
        speech.formant_tracks(vowel.signal, vowel.fs, Predictor(), fs_model=None, ahead=0.0)


RESONANT = LinearGaussianSSM(4, init="cva", observation_cov="spherical", max_iter=300)


def resonances(n_frames, seed=0, fs=8000, length=200):
    """Noise through resonances at 600 and 1,700 Hz, 100 and 160 Hz wide, with 1 % of other noise."""
    rng = np.random.default_rng(seed)
    poles = np.exp((-np.pi * np.array([100, 160]) + 2j * np.pi * np.array([600, 1700])) / fs)
    a = np.poly(np.concatenate([poles, poles.conj()])).real
    x = lfilter([1.0], a, rng.standard_normal(n_frames * length + 1000))[1000:]
    return x + 0.1 * x.std() * rng.standard_normal(x.size)


def test_intervals_are_those_of_the_models_of_the_frames():
    signal = resonances(3)
    how = {"fs_model": None, "cutoff": None, "hop": 0.025, "mask": np.array([True, False, True])}
    result = speech.formant_tracks(signal, 8000, RESONANT, level=0.9, n_formants=2, **how)
    assert result.frequency_intervals.shape == result.bandwidth_intervals.shape == (3, 2, 2)
    assert np.isnan(result.frequency_intervals[1]).all()
    y = speech.frames(signal, 8000, hop=0.025, normalise=True).values[2][:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the noise of this frame is at its minimum
        table = clone(RESONANT).fit(y).uncertainty(y, sampling_rate=8000, level=0.9).table
    for k in range(2):
        for bounds, name in (
            (result.frequency_intervals, "frequency"),
            (result.bandwidth_intervals, "bandwidth"),
        ):
            np.testing.assert_allclose(
                bounds[2, k], table.loc[f"{name}[{k}]", ["lower", "upper"]].astype(float)
            )
    laid_out = result.table()
    assert list(laid_out)[:6] == ["F1", "F1_lower", "F1_upper", "B1", "B1_lower", "B1_upper"]
    assert (laid_out["F1_lower"] < laid_out["F1"]).sum() == 2
    plain = speech.formant_tracks(signal, 8000, RESONANT, n_formants=2, **how)
    assert plain.frequency_intervals is None
    np.testing.assert_array_equal(plain.frequencies, result.frequencies)
    assert "F1_lower" not in plain.table()


def test_intervals_hold_the_resonances_of_what_the_model_is_of():
    result = speech.formant_tracks(
        resonances(24), 8000, RESONANT, level=0.95, n_formants=2, fs_model=None, cutoff=None,
        hop=0.025, mask=np.ones(24, bool),
    )  # fmt: skip
    truth = np.array([600.0, 1700.0])[:, None], np.array([100.0, 160.0])[:, None]
    bounds = result.frequency_intervals, result.bandwidth_intervals
    for one, value in zip(bounds, truth, strict=True):
        known = np.isfinite(one).all(axis=2)
        assert known.mean() > 0.85
        held = ((one[:, :, :1] <= value) & (value <= one[:, :, 1:]))[:, :, 0][known]
        # Of some 45 intervals, 95 % but for three standard errors.
        assert held.mean() > 0.85


def test_intervals_ask_for_a_model_that_has_them():
    signal = resonances(2)
    with pytest.raises(TypeError, match=r"model must have uncertainty\(\) for intervals"):
        speech.formant_tracks(signal, 8000, Predictor(), level=0.9)
    with pytest.raises(ValueError, match="level must be"):
        speech.formant_tracks(signal, 8000, RESONANT, level=95)
