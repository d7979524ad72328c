"""Progress where no terminal is: whole lines, now and then."""

import numpy as np
import pytest

from tsinit.models import LinearGaussianSSM, progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told otherwise."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_says_what_is_left(clock, capsys):
    bar = progress.progress_bar(40, "compare", "run")
    for second in range(1, 31):
        clock[0] = float(second)
        bar.set_postfix(failed=2, refresh=False)
        bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "compare: 10 of 40 runs in 10 s, about 30 s left; failed=2",
        "compare: 20 of 40 runs in 20 s, about 20 s left; failed=2",
        "compare: 30 of 40 runs in 30 s, about 10 s left; failed=2",
    ]


def test_what_was_there_before_says_nothing_of_the_time_left(clock, capsys):
    bar = progress.progress_bar(100, "compiling", "run")
    clock[0] = 100.0
    bar.set_description("compare", refresh=False)
    bar.reset()
    bar.n = bar.initial = 60
    clock[0] = 5_500.0
    bar.update(10)
    assert capsys.readouterr().err == "compare: 70 of 100 runs in 1:30:00, about 4:30:00 left\n"


def test_a_fit_writes_no_carriage_return_to_a_pipe(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    X = np.random.default_rng(0).standard_normal((40, 2))
    LinearGaussianSSM(1, init="factor_analysis", max_iter=3, verbose=1).fit(X)
    text = capsys.readouterr().err
    assert "\r" not in text
    assert "LinearGaussianSSM: 1 of 3 iterations" in text
    assert "log-likelihood" in text
