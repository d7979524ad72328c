"""The speech study in functions: a signal to frames, a model to formants, frames to tracks, tracks to scores.

>>> from tsinit import LinearGaussianSSM, speech
>>> model = LinearGaussianSSM(n_states=14, init="cva", observation_cov="spherical", max_iter=50)
>>> result = speech.formant_tracks(signal, fs, model)                            # doctest: +SKIP
>>> speech.roughness(result.frequencies)                                         # doctest: +SKIP

Times are in seconds; frequencies and bandwidths in Hz; a formant that was not found is NaN.
"""

from tsinit.speech.formants import Formants, Spectrum, formants, spectrum
from tsinit.speech.frames import Frames, frames, pre_emphasis, resample, voiced
from tsinit.speech.mel import cepstra
from tsinit.speech.scores import assign_to_reference, resolved, roughness, track_error
from tsinit.speech.study import FormantTracks, formant_tracks
from tsinit.speech.tracking import Tracks, track

__all__ = [
    "FormantTracks",
    "Formants",
    "Frames",
    "Spectrum",
    "Tracks",
    "assign_to_reference",
    "cepstra",
    "formant_tracks",
    "formants",
    "frames",
    "pre_emphasis",
    "resample",
    "resolved",
    "roughness",
    "spectrum",
    "track",
    "track_error",
    "voiced",
]
