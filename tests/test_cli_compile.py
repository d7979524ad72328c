"""``tsinit compile``: what it refuses, and that what it leaves behind is enough."""

import os
import re
import subprocess
import sys

import pytest

from tsinit import cli


def _refused(capsys, *options):
    try:
        code = cli.main(["compile", *options])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    return " ".join(said.err.split())


@pytest.mark.parametrize("jobs", ["0", "-2"])
def test_no_process_is_refused(capsys, jobs):
    assert _refused(capsys, "--jobs", jobs) == f"tsinit: --jobs must be at least 1; got {jobs}."


def test_an_unknown_model_is_refused_with_those_there_are(capsys):
    said = _refused(capsys, "--models", "arima")
    for word in ("arima", "state-space", "hmm", "infinite-hmm", "imputer"):
        assert word in said


def test_half_a_process_is_refused(capsys):
    assert "--jobs" in _refused(capsys, "--jobs", "1.5")


@pytest.mark.slow
def test_a_second_run_compiles_nothing(tmp_path):
    runs = [_compiled(tmp_path) for _ in range(2)]
    assert runs[0] > 0
    assert runs[1] == 0


def _compiled(folder):
    """Compile one model in a process of its own; returns how many functions it says that it compiled."""
    command = "import sys; from tsinit import cli; sys.exit(cli.main(sys.argv[1:]))"
    out = subprocess.run(
        [sys.executable, "-c", command, "compile", "--models", "infinite-hmm", "--jobs", "1"],
        check=True, capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )  # fmt: skip
    words = " ".join(out.stdout.split())
    found = re.fullmatch(
        r"(\d+) functions compiled in \d+ s for infinite-hmm\. They lie below (.+)\.", words
    )
    assert found, words
    assert found[2].replace(" ", "") == str(folder).replace(" ", "")  # lines break at hyphens
    return int(found[1])
