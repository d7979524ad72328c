"""The one line that explains why a first fit waits: when it is said, and to whom."""

import io

import pytest

from tsinit.kernels import _notice


class Screen(io.StringIO):
    """Standard error, in a terminal or not."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


class Clock:
    """A clock that the test moves, in place of the module `time`."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_notice, "time", clock)
    monkeypatch.delenv("TSINIT_QUIET", raising=False)
    return clock


def written(monkeypatch, clock, seconds, is_terminal=True):
    """Compile functions that take so long each, one after another; returns what was said."""
    screen = Screen(is_terminal)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    for duration in seconds:
        notice.on_start(None)
        clock.now += duration
        notice.on_end(None)
        clock.now += 50.0  # what lies between is no compiling
    return screen.getvalue()


def test_said_once_after_a_second_of_compiling(monkeypatch, clock):
    assert written(monkeypatch, clock, [0.6, 0.6, 0.6, 5.0, 5.0]) == _notice._TEXT
    assert _notice._TEXT.count("\n") == 1


def test_nothing_is_said_of_less_than_a_second(monkeypatch, clock):
    assert written(monkeypatch, clock, [0.3, 0.3, 0.3]) == ""


def test_functions_compiled_within_another_count_once(monkeypatch, clock):
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    notice.on_start(None)
    for _ in range(3):  # 0.9 seconds in all, not 0.3 + 0.6 + 0.9 seconds
        notice.on_start(None)
        clock.now += 0.3
        notice.on_end(None)
    notice.on_start(None)
    assert screen.getvalue() == ""
    clock.now += 0.3
    notice.on_end(None)
    notice.on_start(None)
    assert screen.getvalue() == _notice._TEXT


@pytest.mark.parametrize(
    ("value", "is_said"), [("1", False), ("yes", False), ("0", True), ("", True)]
)
def test_quiet_where_the_environment_asks_for_it(monkeypatch, clock, value, is_said):
    monkeypatch.setenv("TSINIT_QUIET", value)
    assert bool(written(monkeypatch, clock, [2.0, 2.0, 2.0])) == is_said


def test_nothing_is_said_where_no_terminal_shows_it(monkeypatch, clock):
    assert written(monkeypatch, clock, [2.0, 2.0, 2.0], is_terminal=False) == ""
