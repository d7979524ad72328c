"""The main job on real data that come with the package: compare starts on speech and on air quality, write a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.base import clone

from tsinit import datasets, plots, speech
from tsinit.comparison import compare
from tsinit.comparison.report import page
from tsinit.comparison.report.report import write_report
from tsinit.models import LinearGaussianSSM

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, StrPath
    from tsinit.comparison import Comparison
    from tsinit.datasets import Speech
    from tsinit.speech import FormantTracks

AIR = "New York air quality, 1973"
SPEECH = "Spoken sentence"
#: Starts to compare on each kind of data: by subspaces, by clusters or prediction, at random.
AIR_STARTS = ["subspace", "factor_analysis", "kmeans", "uniform"]
SPEECH_STARTS = ["subspace", "lpc", "kmeans", "uniform"]
#: Rate of the models in Hz (one formant per kHz below half of it), frame and hop in seconds.
_RATE, _LENGTH, _HOP = 10_000.0, 0.040, 0.030
_N_FRAMES = 3
#: Iterations of the models of single frames whose formants are drawn: from a good start, they are enough.
_TRACK_ITER = 20


def run(
    output: StrPath,
    *,
    n_seeds: int = 5,
    seed: int = 0,
    n_jobs: int | None = -1,
    progress: bool = True,
    say: Callable[..., None] | None = None,
) -> bool:
    """Compare starting points on both data sets and write one report.

    Parameters
    ----------
    output : str or Path
        The HTML file to write.
    n_seeds, seed, n_jobs, progress
        As in :func:`tsinit.compare`.
    say : callable, optional
        Takes lines of text, as they become known; nothing is reported without it.

    Returns
    -------
    bool
        Whether anything could be fitted.
    """
    say = say or (lambda text, wrap=True: None)
    options = {"n_seeds": n_seeds, "seed": seed, "n_jobs": n_jobs, "progress": progress}
    parts = []
    # First the data on which the start matters.
    for heading, work in ((SPEECH, _speech), (AIR, _air)):
        comparison, figures = work(options)
        parts.append((heading, comparison, figures))
        say(f"\n== {heading}\n{comparison.verdict()}\n")
        say(comparison.summary_text(brief=True), wrap=False)
    path = write_report(parts, output, title="Starting points, compared")
    say(f"\nReport written to {path}")
    return any(np.isfinite(comparison.runs["objective_final"]).any() for _, comparison, _ in parts)


def _air(options: dict[str, Any]) -> tuple[Comparison, dict[str, Any]]:
    """Compare starts on daily air quality with gaps."""
    air = datasets.load_new_york_air_quality()
    model = LinearGaussianSSM(n_states=3, accelerate=True, max_iter=300)
    return compare(model, {"air quality": air}, AIR_STARTS, **options), {}


def _speech(options: dict[str, Any]) -> tuple[Comparison, dict[str, Any]]:
    """Compare starts on three voiced frames of an utterance, and the formant tracks that each start gives.

    The last quarter of each frame is held out, 10 of 40 ms: the best fit need not be the best model.
    """
    recording = datasets.load_speech("arctic_a0009")
    model = LinearGaussianSSM(n_states=14, observation_cov="spherical", max_iter=50)
    result = compare(model, _frames(recording), SPEECH_STARTS, test=0.25, **options)
    tracks = _tracks(recording, model, SPEECH_STARTS[:1] + SPEECH_STARTS[-1:], options)
    named = {
        f"{name} ({np.nanmean(found.log_likelihood):.3f} nats per sample, roughness "
        f"{speech.roughness(found.frequencies):.0f} Hz)": found
        for name, found in tracks.items()
    }
    caption = (
        f"Formants of the whole sentence by starting point: one model for each voiced frame, after {_TRACK_ITER} "
        "iterations."
    )
    with page.drawing():
        return result, {caption: plots.formants(recording.signal, recording.fs, named)}


def _frames(recording: Speech) -> dict[str, FloatArray]:
    """Pick voiced frames spread over the utterance, each brought to zero mean and unit variance."""
    signal = speech.resample(recording.signal, recording.fs, _RATE)
    raw = speech.frames(signal, _RATE, _LENGTH, _HOP)
    shaped = speech.frames(speech.pre_emphasis(signal, _RATE), _RATE, _LENGTH, _HOP, normalise=True)
    voiced = np.flatnonzero(speech.voiced(raw.values, _RATE))
    chosen = voiced[np.linspace(0, len(voiced) - 1, _N_FRAMES + 2).astype(int)[1:-1]]
    return {f"speech at {raw.times[t]:.2f} s": shaped.values[t][:, None] for t in chosen}


def _tracks(
    recording: Speech, model: LinearGaussianSSM, starts: list[str], options: dict[str, Any]
) -> dict[str, FormantTracks]:
    """Track the formants of the whole utterance from each start."""
    settings = {"fs_model": _RATE, "length": _LENGTH, "hop": _HOP}
    short = clone(model).set_params(max_iter=_TRACK_ITER, random_state=options["seed"])
    models = [clone(short).set_params(init=start) for start in starts]
    found = joblib.Parallel(n_jobs=options["n_jobs"])(
        joblib.delayed(speech.formant_tracks)(recording.signal, recording.fs, model, **settings)
        for model in models
    )
    return dict(zip(starts, found, strict=True))
