"""Speech: recordings as float signals, with phone labels where there are any."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tsinit.datasets._fetch import find
from tsinit.datasets._registry import REGISTRY, lookup

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, StrPath

_LABELS_PER_SECOND = 1e7  # labels count in units of 100 ns


class Speech(NamedTuple):
    """A recording.

    Parameters
    ----------
    signal : (T,) float
        Samples in [-1, 1].
    fs : int
        Sampling rate, Hz.
    name : str
        Its name in `list_datasets`, or the name of the file.
    phones : pandas.DataFrame or None
        Columns ``start`` and ``end`` in seconds, and ``phone``; None if nobody labelled it.
    licence : str or None
        Its terms; None for the user's own file.
    """

    signal: FloatArray
    fs: int
    name: str
    phones: pd.DataFrame | None
    licence: str | None


def load_speech(name: str = "arctic_a0007", path: StrPath | None = None) -> Speech:
    """Load a recording.

    ``"arctic_a0007"`` (male) and ``"arctic_a0009"`` (female, with phone labels) ship with the package; others
    are fetched once, such as the spoken digits ``"fsdd/2_jackson_5"`` (the ``fsdd/`` may be left out).

    Parameters
    ----------
    name : str
        A name from `list_datasets`.
    path : path-like, optional
        A mono sound file of your own to read instead: PCM WAV, or with the extra ``tsinit[speech]`` any format that
        libsndfile reads. Labels are read from ``<name>_phone.lab`` or ``<name>.lab`` beside it.

    Returns
    -------
    Speech
        Signal, sampling rate, name, phone labels and licence.

    Raises
    ------
    ValueError
        If there is no recording of that name, or the file is not mono.
    FileNotFoundError
        If the file is nowhere and cannot be downloaded; the message says how to get it by hand.

    Examples
    --------
    >>> from tsinit.datasets import load_speech
    >>> speech = load_speech("arctic_a0009")
    >>> speech.fs, speech.signal.size
    (16000, 49520)
    """
    if path is not None:
        source = _sound_path(Path(path).expanduser())
        beside = [source.with_name(source.stem + tail) for tail in ("_phone.lab", ".lab")]
        labels = next((candidate for candidate in beside if candidate.is_file()), None)
        own_name, licence = source.stem, None
    else:
        file = lookup(name, [known.name for known in REGISTRY.values() if known.is_speech])
        source = find(file.name)
        labels = find(f"{file.name}_phone") if f"{file.name}_phone" in REGISTRY else None
        own_name, licence = file.name, file.licence
    signal, fs = _read(source)
    return Speech(signal, fs, own_name, None if labels is None else _read_labels(labels), licence)


def _sound_path(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"path must name a sound file; got '{path}', which is none.")
    return path


def _read(path: Path) -> tuple[FloatArray, int]:
    if path.suffix.lower() in (".wav", ".wave"):
        signal, fs = _read_wav(path)
    else:
        signal, fs = _read_other(path)
    if signal.ndim != 1:
        raise ValueError(f"{path} must be mono; got {signal.shape[1]} channels. Keep one of them.")
    return signal, int(fs)


def _read_wav(path: Path) -> tuple[FloatArray, int]:
    from scipy.io import wavfile

    with warnings.catch_warnings():
        # Editors append chunks of their own; they hold no samples.
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        fs, samples = wavfile.read(path)
    if samples.dtype == np.uint8:  # 8 bits are the one unsigned format
        return (samples.astype(float) - 128.0) / 128.0, fs
    if samples.dtype.kind == "i":
        # SciPy shifts 24 bits to the top of 32, so the type alone fixes the scale.
        return samples / -float(np.iinfo(samples.dtype).min), fs
    return samples.astype(float), fs


def _read_other(path: Path) -> tuple[FloatArray, int]:
    try:
        import soundfile
    except ImportError:
        raise ImportError(
            f"{path} must be a WAV file unless the package soundfile is there; got "
            f"'{path.suffix}'. Install it with: pip install tsinit[speech]"
        ) from None
    return soundfile.read(path, dtype="float64")


def _read_labels(path: Path) -> pd.DataFrame:
    """Read HTS labels: start, end in 100 ns, then the phone, alone or in context ``p1^p2-PHONE+p4=p5``."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if len(fields) >= 3:
            phone = fields[2].partition("-")[2].partition("+")[0] if "+" in fields[2] else fields[2]
            rows.append(
                (int(fields[0]) / _LABELS_PER_SECOND, int(fields[1]) / _LABELS_PER_SECOND, phone)
            )
    return pd.DataFrame(rows, columns=["start", "end", "phone"])
