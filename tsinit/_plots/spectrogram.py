"""The spectrogram of a signal with the formant tracks that a model found in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._validate import check_number
from tsinit.speech._checks import check_signal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray

_RANGE_DB = 55.0  # below the loudest point everything is white


def formants(
    signal: ArrayLike,
    fs: float,
    tracks: Any = None,
    *,
    reference: pd.DataFrame | None = None,
    f_max: float = 5000.0,
    ax: Axes | None = None,
) -> Any:
    """Draw a spectrogram and the formant tracks on it.

    Parameters
    ----------
    signal : (T,) float
    fs : float
        Sampling rate in Hz.
    tracks : FormantTracks, or dict of these by name, optional
        Anything with ``times`` in seconds and ``frequencies``, (n_frames, n_formants) in Hz; intervals, if there are
        any in ``frequency_intervals``, are drawn through the dots. Each entry of a dict gets a panel.
    reference : DataFrame, optional
        Formants to compare with, in Hz, a column each, indexed by time in seconds; drawn as thin lines. Missing
        values and steps of more than 25 ms break a line.
    f_max : float
        Highest frequency to show, in Hz.
    ax : matplotlib Axes, optional
        For a single panel.

    Returns
    -------
    Axes or array of Axes

    Raises
    ------
    ValueError
        If `signal` is not one finite channel, `fs` or `f_max` is no number above 0, or `ax` is given with several
        sets of tracks.
    """
    samples = check_signal(signal)
    fs, f_max = check_number("fs", fs, above=0.0), check_number("f_max", f_max, above=0.0)
    named = tracks if isinstance(tracks, dict) else {"": tracks}
    for one in named.values():
        if one is not None:
            style.require(
                one, "FormantTracks or a dict of these", "times", "frequencies", name="tracks"
            )
    if ax is not None and len(named) > 1:
        raise ValueError(f"ax must go with one set of tracks; got {len(named)}.")
    size = (5.2, 2.0)
    axes = (
        [style.single(ax, size)]
        if len(named) == 1
        else list(style.panels(len(named), size, sharex=True))
    )
    times, frequencies, level = _spectrogram(samples, fs)
    shown = frequencies <= f_max
    for (name, one), panel in zip(named.items(), axes, strict=True):
        panel.pcolormesh(
            times,
            frequencies[shown] / 1000,
            level[shown],
            cmap="Greys",
            vmin=level.max() - _RANGE_DB,
            vmax=level.max(),
            shading="nearest",
            rasterized=True,
        )
        if reference is not None:
            _draw_reference(panel, reference)
        if one is not None:
            bounds = getattr(one, "frequency_intervals", None)
            for k, track in enumerate(np.asarray(one.frequencies, dtype=float).T):
                colour = style.COLOURS[(1, 0, 2, 3, 4)[k % 5]]
                if bounds is not None:
                    low, high = np.asarray(bounds, dtype=float)[:, k].T / 1000
                    panel.vlines(one.times, low, high, color=colour, linewidth=1.6)
                panel.plot(
                    one.times,
                    track / 1000,
                    linestyle="",
                    marker=".",
                    markersize=4.5 if bounds is None else 3.5,
                    color=colour,
                    label=f"F{k + 1}",
                )
        panel.set_ylim(0, min(f_max, fs / 2) / 1000)
        style.dress(panel, "", "kHz", name)
    style.legend(axes[0], markerscale=2)
    axes[-1].set_xlabel("seconds", color=style.INK)
    return style.one_or_all(axes)


def _draw_reference(panel: Axes, reference: pd.DataFrame) -> None:
    """Draw thin lines that break where a formant is missing or frames were left out."""
    times = np.asarray(reference.index, dtype=float)
    gaps = np.flatnonzero(np.diff(times) > 0.025) + 1
    for k, column in enumerate(np.asarray(reference, dtype=float).T):
        broken = np.insert(column, gaps, np.nan) / 1000
        panel.plot(
            np.insert(times, gaps, times[gaps - 1]),
            broken,
            color=style.COLOURS[6],
            linewidth=0.9,
            label="reference" if k == 0 else None,
        )


def _spectrogram(signal: FloatArray, fs: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Power in dB from windows of 12 ms: short enough to show formants and hardly any harmonics."""
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    length = max(8, round(0.012 * fs))
    # Lifting the highs by 6 dB per octave shows the higher formants as dark as the first.
    lifted = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    transform = ShortTimeFFT(
        hann(length), hop=max(1, round(0.003 * fs)), fs=fs, mfft=max(512, length)
    )
    power = np.abs(transform.stft(lifted)) ** 2
    inside = (transform.t(signal.size) >= 0) & (transform.t(signal.size) <= signal.size / fs)
    level = 10 * np.log10(np.maximum(power, 1e-12 * power.max(initial=1e-300)))
    return transform.t(signal.size)[inside], transform.f, level[:, inside]
