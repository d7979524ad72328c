"""Fit a model to every voiced frame of an utterance and read its formant tracks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from tsinit._validate import check_number, check_seed, child_seed
from tsinit.speech import _checks
from tsinit.speech.formants import Formants, formants
from tsinit.speech.frames import frames, pre_emphasis, resample, voiced
from tsinit.speech.tracking import track

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray
    from tsinit.kernels import LinearGaussianParams
    from tsinit.models import LinearGaussianSSM

_NOTHING = Formants(np.empty(0), np.empty(0))


@dataclass(frozen=True)
class FormantTracks:
    """Formants of an utterance, frame by frame.

    Parameters
    ----------
    times : (n_frames,) float
        Centres of the frames, in seconds.
    frequencies, bandwidths : (n_frames, n_formants) float
        Tracks in Hz, NaN where a formant was not found or the frame was not fitted.
    log_likelihood : (n_frames,) float
        Per sample of the normalised frame, in nats; NaN where the frame was not fitted.
    voiced : (n_frames,) bool
        Which frames were fitted.
    candidates : list of Formants
        All resonances of each frame, before tracking.
    params : list of LinearGaussianParams or None
        Fitted parameters of each frame, in units of the normalised frame.
    fs : float
        Sampling rate at which the models run, in Hz.
    history : (n_frames, n_iter + 1) float
        Log-likelihood per sample of the start and after every iteration, in nats; a frame that stopped earlier keeps
        its last value. NaN where the frame was not fitted.
    predictive : (n_frames,) float
        Log density per sample of what follows each frame, given the frame, in nats and in units of the normalised
        frame; NaN where the frame was not fitted, the signal is too short, or nothing was asked for.
    frequency_intervals, bandwidth_intervals : (n_frames, n_formants, 2) float or None
        Lower and upper bounds in Hz; None where they were not asked for. NaN where there is no formant, or the
        likelihood of the frame has no clear maximum.
    """

    times: FloatArray
    frequencies: FloatArray
    bandwidths: FloatArray
    log_likelihood: FloatArray
    voiced: BoolArray
    candidates: list[Formants]
    params: list[LinearGaussianParams | None]
    fs: float
    history: FloatArray
    predictive: FloatArray
    frequency_intervals: FloatArray | None = None
    bandwidth_intervals: FloatArray | None = None

    def table(self) -> pd.DataFrame:
        """Lay the tracks out as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            Indexed by time in seconds; columns F1, B1, F2, B2, ..., ``log_likelihood``, ``predictive``, ``voiced``;
            with intervals, ``F1_lower`` and ``F1_upper`` after F1, and so on.
        """
        columns: dict[str, Any] = {}
        for k in range(self.frequencies.shape[1]):
            for letter, values, bounds in (
                ("F", self.frequencies, self.frequency_intervals),
                ("B", self.bandwidths, self.bandwidth_intervals),
            ):
                name = f"{letter}{k + 1}"
                columns[name] = values[:, k]
                if bounds is not None:
                    columns[f"{name}_lower"], columns[f"{name}_upper"] = bounds[:, k].T
        columns |= {
            "log_likelihood": self.log_likelihood,
            "predictive": self.predictive,
            "voiced": self.voiced,
        }
        return pd.DataFrame(columns, index=pd.Index(self.times, name="time"))


def formant_tracks(
    signal: ArrayLike,
    fs: float,
    model: Any = None,
    *,
    fs_model: float | None = 10_000.0,
    length: float = 0.025,
    hop: float = 0.010,
    times: ArrayLike | None = None,
    cutoff: float | None = 50.0,
    mask: ArrayLike | None = None,
    warm_start: bool = False,
    n_formants: int = 3,
    max_bandwidth: float = 700.0,
    ahead: float | None = None,
    level: float | None = None,
) -> FormantTracks:
    """Track the formants of an utterance: one model per voiced frame, one search over all frames.

    The signal is resampled, pre-emphasised and cut into rectangular frames, each brought to zero mean and
    unit variance; each voiced frame gets its own copy of the model.

    Parameters
    ----------
    signal : (T,) float
    fs : float
        Sampling rate in Hz.
    model : estimator, optional
        Anything with ``fit``, ``params_.A`` and ``log_likelihood_``; it is cloned, never changed, and where it has
        a ``random_state`` each frame gets a seed of its own, drawn from that. By default ``LinearGaussianSSM`` with
        two states per formant to expect (one per kHz below fs_model / 2) and four more, started by canonical
        variates, with 50 EM iterations.
    fs_model : float or None
        Sampling rate for the models in Hz; None keeps `fs`. Speech has about one formant per kHz, so a model
        needs more states at a higher rate.
    length, hop : float
        Frames, in seconds.
    times : (n_frames,) float, optional
        Centres of the frames in seconds, instead of one every `hop`.
    cutoff : float or None
        Corner frequency of the pre-emphasis in Hz; None leaves it out.
    mask : (n_frames,) bool, optional
        Frames to fit, instead of those that `voiced` marks. Constant frames are always left out.
    warm_start : bool
        Start each frame from the solution of the one before where that was fitted (``init`` of the model is
        set to it), otherwise as the model says.
    n_formants : int
        Number of tracks.
    max_bandwidth : float
        Widest resonance that may be a formant, in Hz.
    ahead : float, optional
        Seconds after each frame that its model is asked to predict; the model then needs ``score`` as well.
    level : float, optional
        Probability that intervals of frequencies and bandwidths are meant to cover, in each frame by itself, by the
        curvature of its likelihood; the model then needs ``uncertainty`` as well. They take some times what the fits
        take, and fits that ended at a maximum: 8 states at 8 kHz and ``max_iter=300``, say, where each frame has some
        200 samples to tell.

    Returns
    -------
    FormantTracks

    Raises
    ------
    ValueError
        If the signal is not one finite channel, the mask does not fit the frames, `ahead` is not positive, or `level`
        not between 0 and 1.
    TypeError
        If the model is no estimator, or lacks ``uncertainty`` where intervals are asked for.

    Notes
    -----
    The set-up is ours: of Smith, de Freitas, Robinson and Niranjan (NIPS 12, 1999) the abstract alone was
    at hand.
    """
    x = _checks.check_signal(signal)
    if fs_model is not None:
        x, fs = resample(x, fs, fs_model), float(fs_model)
    model = _default_model(fs) if model is None else _checks.check_model(model)
    if level is not None:
        level = check_number("level", level, above=0.0, below=1.0)
        _checks.check_has_uncertainty(model)
    cut: dict[str, Any] = {"length": length, "hop": hop, "times": times}
    raw = frames(x, fs, **cut)
    shaped = x if cutoff is None else pre_emphasis(x, fs, cutoff)
    values = frames(shaped, fs, **cut, normalise=True).values
    mask = voiced(raw.values, fs) if mask is None else np.array(mask, dtype=bool)
    _checks.check_same_length("mask", len(mask), "the signal", len(values))
    mask = mask & values.any(axis=1)

    starts = np.round(raw.times * fs - values.shape[1] / 2).astype(int)
    n_ahead = 0 if ahead is None else max(1, round(check_number("ahead", ahead, above=0.0) * fs))
    fits = _fit_frames(model, values, mask, warm_start)
    params = [None if fit is None else fit.params_ for fit in fits]
    candidates = [
        _NOTHING if p is None else formants(p, fs, max_bandwidth=max_bandwidth) for p in params
    ]
    tracks = track(candidates, n_formants)
    history = _histories(fits, values.shape[1])
    sequels = zip(fits, starts, strict=True)
    predictive = [_predict(fit, shaped[start:], values.shape[1], n_ahead) for fit, start in sequels]
    log_likelihood = [
        np.nan if fit is None else fit.log_likelihood_ / values.shape[1] for fit in fits
    ]
    bounds = None
    if level is not None:
        bounds = _intervals(fits, values, tracks.frequencies, float(fs), level)
    return FormantTracks(
        raw.times,
        tracks.frequencies,
        tracks.bandwidths,
        np.array(log_likelihood),
        mask,
        candidates,
        params,
        float(fs),
        history,
        np.array(predictive),
        None if bounds is None else bounds[0],
        None if bounds is None else bounds[1],
    )


def _fit_frames(model: Any, values: FloatArray, mask: BoolArray, warm_start: bool) -> list[Any]:
    """Fit a copy of the model to each marked frame; None elsewhere."""
    fits: list = [None] * len(values)
    seed = model.get_params().get("random_state")
    root = None if seed is None else check_seed(seed)
    for t in np.flatnonzero(mask):
        fitted = clone(model)
        if root is not None:
            # One seed for all frames would make a lucky draw lucky everywhere.
            fitted.set_params(random_state=child_seed(root, int(t)))
        if warm_start and t > 0 and fits[t - 1] is not None:
            fitted.set_params(init=fits[t - 1].params_)
        with warnings.catch_warnings():
            # Of hundreds of short fits some end early; each says so in converged_.
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            fits[t] = fitted.fit(values[t][:, None])
    return fits


def _intervals(
    fits: list[Any], values: FloatArray, frequencies: FloatArray, fs: float, level: float
) -> FloatArray:
    """Bounds of tracked frequencies, then of their bandwidths: (2, n_frames, n_formants, 2) in Hz."""
    out = np.full((2, *frequencies.shape, 2), np.nan)
    for t, fit in enumerate(fits):
        tracked = np.flatnonzero(np.isfinite(frequencies[t]))
        if fit is None or not tracked.size:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of frames at no maximum, whose bounds are NaN
            try:
                table = fit.uncertainty(values[t][:, None], sampling_rate=fs, level=level).table
            except ValueError:  # a covariance of the frame is singular
                continue
        rows = [name for name in table.index if name.startswith("frequency[")]
        found = table.loc[rows, "estimate"].to_numpy()
        for k in tracked:
            row = rows[int(np.abs(found - frequencies[t, k]).argmin())]
            for bounds, name in zip(out, (row, row.replace("frequency", "bandwidth")), strict=True):
                bounds[t, k] = table.loc[name, ["lower", "upper"]]
    return out


def _histories(fits: list[Any], n_samples: int) -> FloatArray:
    """Objectives per sample of all frames, the last one held to the length of the longest."""
    traces = [
        None if fit is None else np.atleast_1d(getattr(fit, "history_", fit.log_likelihood_))
        for fit in fits
    ]
    longest = max((len(trace) for trace in traces if trace is not None), default=1)
    out = np.full((len(fits), longest), np.nan)
    for row, trace in zip(out, traces, strict=True):
        if trace is not None:
            row[: len(trace)] = trace / n_samples
            row[len(trace) :] = trace[-1] / n_samples
    return out


def _predict(fit: Any, signal: FloatArray, L: int, n_ahead: int) -> float:
    """Log density per sample of the `n_ahead` samples after the first L of the signal, given those."""
    if fit is None or n_ahead == 0 or signal.size < L + n_ahead:
        return np.nan
    frame = signal[:L]
    longer = (signal[: L + n_ahead] - frame.mean()) / frame.std()
    return (fit.score(longer[:, None]) * longer.size - fit.log_likelihood_) / n_ahead


def _default_model(fs: float) -> LinearGaussianSSM:
    from tsinit.models import LinearGaussianSSM

    expected = max(1, round(fs / 2000.0))
    return LinearGaussianSSM(n_states=2 * expected + 4, init="cva", max_iter=50, random_state=0)
