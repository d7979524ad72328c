"""A synthetic vowel whose formants are known at every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit._validate import check_count, check_number, check_seed
from tsinit.datasets._rules import numbers, require

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray, SeedLike


class Vowel(NamedTuple):
    """A synthetic vowel with its truth.

    Parameters
    ----------
    signal : (T,) float
        The signal with observation noise.
    clean : (T,) float
        The signal without noise, scaled to unit mean square.
    fs : int
        Sampling rate, Hz.
    times : (T,) float
        Time of every sample, s.
    formants, bandwidths : (T, F) float
        Frequency and bandwidth of every formant at every sample, Hz.
    """

    signal: FloatArray
    clean: FloatArray
    fs: int
    times: FloatArray
    formants: FloatArray
    bandwidths: FloatArray


def make_vowel(
    formants: ArrayLike = (700.0, 1220.0, 2600.0),
    bandwidths: ArrayLike = 80.0,
    *,
    fs: int = 8000,
    duration: float = 0.5,
    f0: float | None = 120.0,
    snr_db: float | None = None,
    random_state: SeedLike = None,
) -> Vowel:
    """Synthesise a vowel, or a glide between two, by resonators in cascade.

    Every formant is one pair of poles ``exp(pi (-B +- 2i F) / fs)`` and there are no zeros, so a model of
    order twice the number of formants describes the clean signal exactly. The source is flat: no pre-emphasis
    is called for.

    Parameters
    ----------
    formants : (F,) or (F, 2) float
        Frequencies, Hz; or start and end of each for a linear glide.
    bandwidths : float, (F,) or (F, 2) float
        Bandwidths at -3 dB, Hz; one for all, one each, or start and end of each.
    fs : int
        Sampling rate, Hz.
    duration : float
        Length, s.
    f0 : float or None
        Pulses per second of the source, Hz; None for white noise as in a whisper.
    snr_db : float or None
        Power of the clean signal over power of added white noise, dB, exact over the signal; None for no noise.
    random_state : int, SeedSequence, Generator, RandomState or None
        Where the source (its noise, or the phase of its first pulse) and the noise come from; a generator is
        drawn from once.

    Returns
    -------
    Vowel
        Signal and truth.

    Raises
    ------
    ValueError
        If a frequency is not between 0 and half the sampling rate, or another argument is outside its range.

    References
    ----------
    Klatt, D. H. (1980). Software for a cascade/parallel formant synthesizer. JASA 67, 971-995: resonators in
    cascade, each scaled to unit gain at 0 Hz.

    Examples
    --------
    >>> from tsinit.datasets import make_vowel
    >>> glide = make_vowel([(300, 700), (2300, 1200)], 80, duration=0.25, random_state=0)
    >>> glide.formants[[0, -1]].tolist()
    [[300.0, 2300.0], [700.0, 1200.0]]
    """
    rng = np.random.default_rng(check_seed(random_state))
    fs = check_count("fs", fs)
    n_steps = round(check_number("duration", duration, above=0.0) * fs)
    require(n_steps >= 1, "duration", f"give at least one sample at fs={fs} Hz", duration)
    if f0 is not None:
        check_number("f0", f0, above=0.0, below=fs / 2, rule=" (half of fs), or None")
    if snr_db is not None:
        check_number("snr_db", snr_db, rule=", or None")
    frequencies, widths = (
        _start_and_end("formants", formants),
        _start_and_end("bandwidths", bandwidths),
    )
    require(
        len(widths) in (1, len(frequencies)),
        "bandwidths",
        f"be one number, or one for each of the {len(frequencies)} formants",
        bandwidths,
    )
    widths = np.broadcast_to(widths, frequencies.shape)
    inside = (frequencies > 0) & (frequencies < fs / 2)
    require(
        frequencies.size and np.all(inside), "formants", f"lie between 0 and {fs / 2} Hz", formants
    )
    require(
        np.all((widths > 0) & np.isfinite(widths)),
        "bandwidths",
        "be positive and finite",
        bandwidths,
    )

    # A lead-in at the first vowel until the slowest resonance has lost 80 dB, so that there is no transient.
    lead = int(np.ceil(np.log(1e4) * fs / (np.pi * widths[:, 0].min())))
    glide = np.concatenate([np.zeros(lead), np.linspace(0.0, 1.0, n_steps)])[:, None]
    # In this form, what does not move is exactly constant.
    track = frequencies[:, 0] + glide * (frequencies[:, 1] - frequencies[:, 0])
    width_track = widths[:, 0] + glide * (widths[:, 1] - widths[:, 0])
    clean = _resonate(_source(rng, lead + n_steps, fs, f0), track, width_track, fs)[lead:]
    clean /= np.sqrt(np.mean(clean**2))
    return Vowel(
        clean + _noise(rng, clean, snr_db),
        clean,
        fs,
        np.arange(n_steps) / fs,
        track[lead:],
        width_track[lead:],
    )


def _start_and_end(name: str, values: ArrayLike) -> FloatArray:
    """Return start and end of every value, (F, 2)."""
    given = numbers(name, values)
    require(
        given.ndim == 1 or given.shape[1:] == (2,),
        name,
        "be one number or a (start, end) pair each",
        given,
    )
    return np.column_stack([given, given]) if given.ndim == 1 else given


def _source(rng: np.random.Generator, n_steps: int, fs: int, f0: float | None) -> FloatArray:
    if f0 is None:
        return rng.standard_normal(n_steps)
    cycles = np.floor(rng.random() + np.arange(n_steps + 1) * f0 / fs)
    return np.diff(cycles)  # one where a cycle ends


def _resonate(
    signal: FloatArray, frequencies: FloatArray, bandwidths: FloatArray, fs: int
) -> FloatArray:
    """Pass a signal through one time-varying resonator per column."""
    poles = np.exp(np.pi * (-bandwidths + 2j * frequencies) / fs)
    for a1, a2 in zip(2 * poles.real.T, -(np.abs(poles) ** 2).T, strict=True):
        output, before = np.empty_like(signal), 0.0
        last = 0.0
        for t, (b1, b2) in enumerate(zip(a1.tolist(), a2.tolist(), strict=True)):
            last, before = (1 - b1 - b2) * signal[t] + b1 * last + b2 * before, last
            output[t] = last
        signal = output
    return signal


def _noise(rng: np.random.Generator, clean: FloatArray, snr_db: float | None) -> FloatArray:
    if snr_db is None:
        return np.zeros_like(clean)
    noise = rng.standard_normal(clean.size)
    return noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
