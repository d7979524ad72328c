"""From a signal to frames: pre-emphasis, resampling, cutting, and which frames are voiced."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import get_window, resample_poly

from tsinit._validate import check_number
from tsinit.speech import _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray


class Frames(NamedTuple):
    """Short stretches of a signal.

    Parameters
    ----------
    values : (n_frames, L) float
        One frame a row.
    times : (n_frames,) float
        Centre of each frame, in seconds from the first sample.
    """

    values: FloatArray
    times: FloatArray


def pre_emphasis(signal: ArrayLike, fs: float, cutoff: float = 50.0) -> FloatArray:
    """Lift the spectrum by 6 dB per octave above a corner frequency.

    Parameters
    ----------
    signal : (T,) float
    fs : float
        Sampling rate in Hz.
    cutoff : float
        Corner frequency in Hz.

    Returns
    -------
    (T,) float
        x[t] - a x[t-1] with a = exp(-2 pi cutoff / fs), the convention of Praat; the first sample is kept.

    Raises
    ------
    ValueError
        If the signal is not one finite channel, or a frequency is not positive.
    """
    x = _checks.check_signal(signal)
    ratio = check_number("cutoff", cutoff, above=0.0) / check_number("fs", fs, above=0.0)
    out = x.copy()
    out[1:] -= np.exp(-2.0 * np.pi * ratio) * x[:-1]
    return out


def resample(signal: ArrayLike, fs: float, fs_new: float) -> FloatArray:
    """Change the sampling rate with a polyphase anti-aliasing filter.

    Parameters
    ----------
    signal : (T,) float
    fs, fs_new : float
        Present and wanted sampling rate in Hz. Their ratio is rounded to a fraction with a denominator of at
        most 1,000, which is exact for the usual rates.

    Returns
    -------
    (about T fs_new / fs,) float

    Raises
    ------
    ValueError
        If the signal is not one finite channel, or a rate is not positive.
    """
    x = _checks.check_signal(signal)
    fs, fs_new = check_number("fs", fs, above=0.0), check_number("fs_new", fs_new, above=0.0)
    ratio = (Fraction(fs_new) / Fraction(fs)).limit_denominator(1000)
    return x.copy() if ratio == 1 else resample_poly(x, ratio.numerator, ratio.denominator)


def frames(
    signal: ArrayLike,
    fs: float,
    length: float = 0.025,
    hop: float = 0.010,
    *,
    window: str | tuple | ArrayLike = "boxcar",
    normalise: bool = False,
    times: ArrayLike | None = None,
) -> Frames:
    """Cut a signal into frames that lie wholly inside it.

    Parameters
    ----------
    signal : (T,) float
    fs : float
        Sampling rate in Hz.
    length, hop : float
        Length of a frame and step between frames, in seconds.
    window : str, tuple or (L,) float
        Taper, as ``scipy.signal.get_window`` names it. The default leaves the samples alone, because a model
        of the samples should see the samples.
    normalise : bool
        Bring each frame to zero mean and unit variance (before the taper), so that log-likelihoods of frames
        compare. A constant frame becomes zeros.
    times : (n_frames,) float, optional
        Wanted centres in seconds, instead of every `hop` from the first frame that fits; each is moved to
        the nearest centre that falls on a sample.

    Returns
    -------
    Frames

    Raises
    ------
    ValueError
        If a frame has fewer than two samples or more than the signal, or a wanted frame sticks out.
    """
    x = _checks.check_signal(signal)
    fs = check_number("fs", fs, above=0.0)
    L = round(check_number("length", length, above=0.0) * fs)
    if L < 2 or x.size < L:
        raise ValueError(
            f"length must cover at least 2 samples and at most the signal's {x.size}; "
            f"got {length} s, which is {L} samples at {fs:g} Hz."
        )
    if times is None:
        step = check_number("hop", hop, above=0.0) * fs
        if step < 1:
            raise ValueError(
                f"hop must be at least one sample; got {hop} s, which is {step:g} samples."
            )
        # Rounded frame by frame, so that a hop of a fractional number of samples does not drift.
        starts = np.round(np.arange((x.size - L) // step + 1) * step).astype(int)
    else:
        starts = np.round(_checks.check_numbers("times", times) * fs - L / 2).astype(int)
        if starts.size and (starts.min() < 0 or starts.max() + L > x.size):
            raise ValueError(
                f"times must leave half a frame on either side, between {L / 2 / fs:g} and "
                f"{(x.size - L / 2) / fs:g} s; got {np.min(times):g} to {np.max(times):g} s."
            )
    values = x[starts[:, None] + np.arange(L)]
    if normalise:
        values = _standardise(values)
    return Frames(values * _taper(window, L), (starts + L / 2) / fs)


def voiced(
    values: ArrayLike,
    fs: float,
    *,
    within: float = 12.0,
    periodicity: float = 0.6,
    f0: tuple[float, float] = (60.0, 400.0),
) -> BoolArray:
    """Mark frames that are loud and periodic.

    A frame counts as voiced if its power is within `within` dB of the loudest frame's, and if its normalised
    autocorrelation r(k) = sum x[t] x[t+k] / sqrt(sum x[t]^2 sum x[t+k]^2) reaches `periodicity` at some lag k
    among the periods of `f0`. Lags stop at half a frame, so that a value rests on at least half of the
    samples: a 25 ms frame shows pitches from 80 Hz on.

    Parameters
    ----------
    values : (n_frames, L) float
        Frames of the signal itself: neither normalised (that hides loudness) nor pre-emphasised (that hides
        pitch).
    fs : float
        Sampling rate in Hz.
    within : float
        Allowed distance from the loudest frame, in dB.
    periodicity : float
        Minimum autocorrelation, between 0 (any frame) and 1 (exactly periodic ones).
    f0 : (float, float)
        Range of pitch in Hz.

    Returns
    -------
    (n_frames,) bool

    Raises
    ------
    ValueError
        If the frames are not a finite table, or the range of pitch is empty.
    """
    x = _checks.check_frames(values)
    fs = check_number("fs", fs, above=0.0)
    within = check_number("within", within, above=0.0)
    low, high = _checks.check_range("f0", f0)
    lags = np.arange(max(1, int(fs / high)), min(int(np.ceil(fs / low)), x.shape[1] // 2) + 1)
    if lags.size == 0:
        raise ValueError(
            f"f0 must hold a period of at most half a frame, {x.shape[1] / 2 / fs:g} s; "
            f"got {low:g} to {high:g} Hz."
        )
    if len(x) == 0:
        return np.zeros(0, dtype=bool)
    x = x - x.mean(axis=1, keepdims=True)
    power = (x**2).mean(axis=1)
    loud = (power > 0) & (power >= power.max() * 10.0 ** (-within / 10.0))
    best = np.full(len(x), -1.0)
    for k in lags:
        a, b = x[:, :-k], x[:, k:]
        scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        r = np.divide((a * b).sum(axis=1), scale, out=np.zeros(len(x)), where=scale > 0)
        best = np.maximum(best, r)
    return loud & (best >= periodicity)


def _standardise(values: FloatArray) -> FloatArray:
    centred = values - values.mean(axis=1, keepdims=True)
    scale = centred.std(axis=1, keepdims=True)
    # Rounding leaves a constant frame a spread of some 1e-16 of its level: that is no signal.
    silent = scale <= 1e-12 * np.abs(values).max(axis=1, keepdims=True)
    return np.where(silent, 0.0, centred / np.where(silent, 1.0, scale))


def _taper(window: str | tuple | ArrayLike, L: int) -> FloatArray:
    if isinstance(window, (str, tuple)):
        try:
            return get_window(window, L, fftbins=False)
        except ValueError:
            raise ValueError(
                f"window must be a name that scipy.signal knows; got {window!r}."
            ) from None
    taper = _checks.check_numbers("window", window)
    if taper.shape != (L,):
        raise ValueError(
            f"window must be a name or have one weight per sample, {L}; got shape {taper.shape}."
        )
    return taper
