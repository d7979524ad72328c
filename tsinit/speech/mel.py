"""Mel-frequency cepstra: the shape of a frame's spectrum in a dozen numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dct, next_fast_len

from tsinit._validate import check_count, check_number
from tsinit.speech import _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray

#: Power of a band, relative to the loudest band of the recording, below which there is only rounding: -100 dB.
_FLOOR = 1e-10


def cepstra(
    values: ArrayLike,
    fs: float,
    n: int = 13,
    *,
    n_bands: int = 24,
    f_min: float = 0.0,
    f_max: float | None = None,
) -> FloatArray:
    """Describe each frame by the first cosine coefficients of its log spectrum on the mel scale.

    Power is summed over triangular bands, evenly spaced in mel = 1127 log(1 + f / 700 Hz); the logarithms go
    through an orthonormal discrete cosine transform.

    Parameters
    ----------
    values : (n_frames, L) float
        Frames, tapered and pre-emphasised as you like; :func:`frames` cuts them.
    fs : float
        Sampling rate in Hz.
    n : int
        Coefficients, at most `n_bands`. The first is loudness.
    n_bands : int
        Bands of the mel scale.
    f_min, f_max : float
        Range of the bands in Hz; None goes up to half the sampling rate.

    Returns
    -------
    (n_frames, n) float
        In nats; bands more than 100 dB below the loudest of all count as 100 dB below it.

    Raises
    ------
    ValueError
        If the frames are not a finite table, there are more coefficients than bands, the range is empty, or the
        frames are so short that a band holds no frequency.

    References
    ----------
    Davis and Mermelstein, IEEE Trans. Acoustics, Speech and Signal Processing 28 (1980), p. 357-366.

    Examples
    --------
    >>> from tsinit import datasets, speech
    >>> recording = datasets.load_speech("arctic_a0009")
    >>> shaped = speech.pre_emphasis(recording.signal, recording.fs)
    >>> cut = speech.frames(shaped, recording.fs, window="hamming")
    >>> speech.cepstra(cut.values, recording.fs).shape
    (308, 13)
    """
    x = _checks.check_frames(values)
    fs = check_number("fs", fs, above=0.0)
    n, n_bands = check_count("n", n), check_count("n_bands", n_bands)
    if n > n_bands:
        raise ValueError(f"n must be at most the number of bands, {n_bands}; got {n}.")
    low = check_number("f_min", f_min, 0.0, below=fs / 2.0)
    high = fs / 2.0 if f_max is None else check_number("f_max", f_max, above=low)
    if high > fs / 2.0:
        raise ValueError(
            f"f_max must be at most half the sampling rate, {fs / 2.0:g} Hz; got {high:g} Hz."
        )
    length = next_fast_len(x.shape[1], real=True)
    weights = _bands(np.fft.rfftfreq(length, 1.0 / fs), low, high, n_bands)
    power = np.abs(np.fft.rfft(x, length)) ** 2 @ weights.T
    loudest = power.max(initial=0.0)
    floor = _FLOOR * loudest if loudest > 0.0 else 1.0  # silence throughout: zeros
    return dct(np.log(np.maximum(power, floor)), norm="ortho", axis=1)[:, :n]


def _bands(frequencies: np.ndarray, low: float, high: float, n_bands: int) -> FloatArray:
    """Triangles on the mel scale, (n_bands, n_frequencies)."""
    edges = np.linspace(_mel(low), _mel(high), n_bands + 2)
    rising = (_mel(frequencies) - edges[:-2, None]) / (edges[1] - edges[0])
    weights = np.maximum(np.minimum(rising, 2.0 - rising), 0.0)
    empty = np.flatnonzero(weights.sum(axis=1) == 0.0)
    if empty.size:
        raise ValueError(
            f"n_bands must leave a frequency in every band; got {n_bands}, of which {empty.size} hold "
            "none. Take longer frames or fewer bands."
        )
    return weights


def _mel(f: float | FloatArray) -> FloatArray:
    return 1127.0 * np.log1p(f / 700.0)
