"""A recording comes out as the samples that the file holds, in [-1, 1], with its labels in seconds."""

import os
import sys
import types
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from tsinit.datasets import load_speech
from tsinit.datasets._registry import REGISTRY

DATA = Path(__file__).parents[2] / "data/arctic"
RAMP = np.array([-1.0, -0.5, 0.0, 0.25, 0.5])


def write_pcm(path, width, channels=1):
    """Write RAMP by the standard library: `width` bytes a sample, unsigned where that is one."""
    whole = np.rint(RAMP * 2 ** (8 * width - 1)).astype(int) + (128 if width == 1 else 0)
    frames = b"".join(
        int(value).to_bytes(width, "little", signed=width > 1) * channels for value in whole
    )
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(8000)
        stream.writeframes(frames)
    return path


@pytest.mark.parametrize(
    ("name", "n_samples"), [("arctic_a0007", 64_000), ("arctic_a0009", 49_520)]
)
def test_the_shipped_utterances_are_their_samples_over_32768(name, n_samples):
    speech = load_speech(name)
    with wave.open(str(DATA / f"{name}.wav")) as stream:
        samples = np.frombuffer(stream.readframes(stream.getnframes()), dtype="<i2")
    assert np.array_equal(speech.signal, samples / 32768)
    assert speech.signal.dtype == float
    assert (speech.signal.size, speech.fs, speech.name) == (n_samples, 16_000, name)
    assert 0.1 < np.abs(speech.signal).max() <= 1.0
    assert "CMU" in speech.licence


def test_the_labels_say_where_the_vowels_are():
    speech = load_speech("arctic_a0009")
    phones = speech.phones
    assert list(phones.columns) == ["start", "end", "phone"]
    assert phones["phone"].iloc[[0, 1, 2, -1]].tolist() == ["sil", "hh", "iy", "sil"]
    vowels = phones[phones["phone"].isin(["iy", "ey"])].head(3)
    assert vowels["start"].tolist() == pytest.approx([0.205, 0.995, 1.365])
    assert vowels["end"].tolist() == pytest.approx([0.270, 1.140, 1.475])
    assert np.array_equal(
        phones["end"][:-1], phones["start"][1:]
    )  # one after the other, nothing between
    assert phones["end"].iloc[-1] == 3.075  # 20 ms before the recording ends
    assert speech.signal.size / speech.fs == 3.095
    assert load_speech("arctic_a0007").phones is None


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_pcm_has_the_same_scale(tmp_path, width):
    speech = load_speech(path=write_pcm(tmp_path / "ramp.wav", width))
    assert np.array_equal(speech.signal, RAMP)
    assert (speech.fs, speech.name, speech.phones, speech.licence) == (8000, "ramp", None, None)


def test_float_wav_is_taken_as_it_is(tmp_path):
    wavfile.write(tmp_path / "ramp.WAV", 44_100, RAMP.astype(np.float32))
    speech = load_speech(path=tmp_path / "ramp.WAV")
    assert np.array_equal(speech.signal, RAMP)
    assert speech.signal.dtype == float


def test_chunks_of_an_editor_raise_no_warning(tmp_path):
    path = write_pcm(tmp_path / "ramp.wav", 2)
    content = path.read_bytes() + b"junk" + (4).to_bytes(4, "little") + b"\0\0\0\0"
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    with pytest.warns(wavfile.WavFileWarning, match="not understood"):
        wavfile.read(path)
    assert np.array_equal(load_speech(path=path).signal, RAMP)


def test_labels_beside_an_own_file_are_read_plain_or_in_context(tmp_path):
    path = write_pcm(tmp_path / "ramp.wav", 2)
    path.with_suffix(".lab").write_text("0 1000000 sil\n1000000 2500000 a^b-iy+c=d@1_2\n\n")
    phones = load_speech(path=path).phones
    assert phones["phone"].tolist() == ["sil", "iy"]
    assert phones["end"].tolist() == pytest.approx([0.1, 0.25])


def test_two_channels_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"stereo.wav must be mono; got 2 channels"):
        load_speech(path=write_pcm(tmp_path / "stereo.wav", 2, channels=2))


def test_other_formats_are_left_to_soundfile(tmp_path, monkeypatch):
    path = tmp_path / "ramp.flac"
    path.write_bytes(b"fLaC")
    monkeypatch.setitem(sys.modules, "soundfile", None)  # not installed
    with pytest.raises(ImportError, match=r"must be a WAV file .*got '.flac'.*tsinit\[speech\]"):
        load_speech(path=path)
    monkeypatch.setitem(
        sys.modules,
        "soundfile",
        types.SimpleNamespace(read=lambda path, dtype: (RAMP.astype(dtype), 22_050)),
    )
    speech = load_speech(path=path)
    assert (speech.fs, speech.signal.tolist()) == (22_050, RAMP.tolist())


def test_unknown_names_and_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"got '2_jackson_55'\. Did you mean 'fsdd/2_jackson_5'"):
        load_speech("2_jackson_55")
    with pytest.raises(ValueError, match="name must be one of"):
        load_speech("air_quality")  # a table is no recording
    with pytest.raises(
        FileNotFoundError, match=r"path must name a sound file; got '.*nothing.wav'"
    ):
        load_speech(path=tmp_path / "nothing.wav")


def test_a_digit_is_fetched_once_under_either_of_its_names(tmp_path, monkeypatch, server, cache):
    import hashlib

    content = write_pcm(tmp_path / "ramp.wav", 2).read_bytes()
    record = REGISTRY["fsdd/2_jackson_5"]._replace(
        url=f"{server.url}/ramp.wav", bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    monkeypatch.setitem(REGISTRY, record.name, record)
    server.pages["/ramp.wav"] = content
    first, second = load_speech("2_jackson_5"), load_speech("fsdd/2_jackson_5")
    assert np.array_equal(first.signal, RAMP)
    assert (first.name, first.licence) == ("fsdd/2_jackson_5", "CC BY-SA 4.0")
    assert np.array_equal(second.signal, RAMP)
    assert server.n_requests == 1


def test_the_real_recordings_load():
    folder = os.environ.get("TSINIT_DATA")
    files = [file for file in REGISTRY.values() if file.is_speech and not file.bundled]
    there = [file for file in files if folder and (Path(folder) / file.path).is_file()]
    if not there:
        pytest.skip("TSINIT_DATA holds no recording")
    for file in there:
        speech = load_speech(file.name)
        assert speech.fs in (8000, 16_000, 44_100), file.name
        assert 0.2 < speech.signal.size / speech.fs < 5.0, file.name
        assert 0.01 < np.abs(speech.signal).max() <= 1.0, file.name
