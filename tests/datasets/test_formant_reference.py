"""Reference formants come out by recording, in Hz and seconds, from the shipped table or a wider one."""

import numpy as np
import pandas as pd
import pytest

from tsinit.datasets import load_formant_reference, load_speech


@pytest.mark.parametrize("name", ["arctic_a0007", "arctic_a0009"])
def test_the_shipped_recordings_have_formants_every_10_ms_from_start_to_end(name):
    recording, reference = load_speech(name), load_formant_reference(name)
    assert reference.columns.tolist() == ["f0", "F1", "F2", "F3"]
    np.testing.assert_allclose(np.diff(reference.index), 0.010, atol=1e-9)
    seconds = recording.signal.size / recording.fs
    assert 0.0 < reference.index[0] < 0.05
    assert seconds - 0.05 < reference.index[-1] < seconds
    known = reference[["F1", "F2", "F3"]].dropna()
    assert (np.diff(known, axis=1) > 0).all()
    assert reference["f0"].dropna().between(60, 400).all()


def test_iy_of_the_labelled_utterance_is_where_women_say_it():
    """Ranges: mean and three standard deviations of the 48 women of Hillenbrand et al. (1995)."""
    phones, reference = load_speech("arctic_a0009").phones, load_formant_reference("arctic_a0009")
    iy = phones[phones["phone"] == "iy"].iloc[-1]
    F1, F2 = reference.loc[iy["start"] + 0.02 : iy["end"] - 0.02, ["F1", "F2"]].median()
    assert 315 < F1 < 559
    assert 2319 < F2 < 3203


def test_the_wider_table_holds_the_shipped_one(tmp_path):
    shipped = load_formant_reference("arctic_a0009")
    wide = shipped.reset_index(names="t").assign(file="fsdd/2_theo_5.wav", ceiling=4000.0)
    wide.to_csv(tmp_path / "formants_praat.csv", index=False)
    pd.testing.assert_frame_equal(load_formant_reference("2_theo_5", tmp_path), shipped)


def test_all_recordings_at_once():
    table = load_formant_reference(None)
    names = table.index.unique("recording")
    assert {"arctic_a0007", "arctic_a0009"} <= set(names)
    assert table.index.names == ["recording", "time"]
    pd.testing.assert_frame_equal(table.loc["arctic_a0007"], load_formant_reference("arctic_a0007"))


def test_a_recording_without_reference_and_another_table_are_refused(tmp_path):
    table = load_formant_reference().reset_index(names="t").assign(file="arctic/arctic_a0007.wav")
    table.to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(
        ValueError, match="name must be a recording with reference formants; got 'arctic_a0009'"
    ):
        load_formant_reference("arctic_a0009", tmp_path / "few.csv")
    table.drop(columns="F2").to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(
        ValueError, match=r"other.csv must have the columns .* Is it another table\?"
    ):
        load_formant_reference(path=tmp_path / "other.csv")
    with pytest.raises(ValueError, match="Did you mean 'arctic_a0007'"):
        load_formant_reference("arctic_a007")
