"""The demonstration: real data, no network, one report."""

import socket

import pytest

from tsinit import cli, demo


@pytest.fixture
def offline(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the demonstration must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_demo_writes_one_report_and_says_what_it_found(tmp_path, capsys, offline, monkeypatch):
    monkeypatch.setattr(demo, "_HOP", 0.3)  # a few frames will do here
    monkeypatch.setattr(demo, "_N_FRAMES", 1)
    output = tmp_path / "demo.html"
    assert (
        cli.main(["demo", "--output", str(output), "--seeds", "2", "--jobs", "1", "--quiet"]) == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    text = output.read_text(encoding="utf-8")
    for part in (demo.AIR, demo.SPEECH):
        assert part in said
        assert part in text
    for strategy in {*demo.AIR_STARTS, *demo.SPEECH_STARTS}:
        assert strategy in said
    columns = 4 + 1
    assert text.count("<figure>") == 2 * columns + 2 * 6 + 1  # data, fits, runs, and formants
    assert "http" not in text.replace("http://www.w3.org", "")
    assert f"Report written to {output}" in said


def test_frames_are_spread_over_the_voiced_part():
    from tsinit import datasets

    frames = demo._frames(datasets.load_speech("arctic_a0009"))
    assert len(frames) == demo._N_FRAMES
    for values in frames.values():
        assert values.shape == (400, 1)
        assert abs(values.mean()) < 1e-12
        assert values.std() == pytest.approx(1.0)
