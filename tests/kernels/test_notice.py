"""The lines that explain why a first fit waits: when they are said, and to whom."""

import io
import threading
import time

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
    """Time that the test moves, in place of the modules `time` and `threading`."""

    Lock = staticmethod(threading.Lock)

    def __init__(self):
        self.now, self.timers = 100.0, []

    def perf_counter(self):
        return self.now

    def Timer(self, delay, speak):
        return Timer(self, self.now + delay, speak)

    def move(self, seconds):
        """Go on, and ring what is due on the way."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = first.when
            first.speak()
        self.now = end


class Timer:
    """A timer of that clock."""

    def __init__(self, clock, when, speak):
        self.clock, self.when, self.speak = clock, when, speak

    def start(self):
        self.clock.timers.append(self)

    def cancel(self):
        self.clock.timers.remove(self)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_notice, "time", clock)
    monkeypatch.setattr(_notice, "threading", clock)
    monkeypatch.delenv("TSINIT_QUIET", raising=False)
    return clock


def written(monkeypatch, clock, seconds, is_terminal=True):
    """Compile functions that take so long each, one after another; returns what was said."""
    screen = Screen(is_terminal)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    for duration in seconds:
        notice.on_start(None)
        clock.move(duration)
        notice.on_end(None)
        clock.move(50.0)  # what lies between is no compiling
    return screen.getvalue()


def test_said_once_after_a_second_of_compiling(monkeypatch, clock):
    assert written(monkeypatch, clock, [0.6, 0.6, 0.6, 5.0, 5.0]) == _notice._TEXT
    assert _notice._TEXT.count("\n") == 1


def test_said_while_one_long_function_is_being_compiled(monkeypatch, clock):
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    notice.on_start(None)
    clock.move(0.9)
    assert screen.getvalue() == ""
    clock.move(0.2)
    assert screen.getvalue() == _notice._TEXT
    notice.on_end(None)


def test_a_line_more_where_it_takes_longer_each_time_twice_as_long(monkeypatch, clock):
    lines = written(monkeypatch, clock, [10.0, 10.0, 20.0]).splitlines()
    assert lines[0] == _notice._TEXT.strip()
    assert [line.partition(" for ")[2] for line in lines[1:]] == [
        "15 s (2 functions so far); it goes on.",
        "30 s (3 functions so far); it goes on.",
    ]


def test_nothing_is_said_of_less_than_a_second(monkeypatch, clock):
    assert written(monkeypatch, clock, [0.3, 0.3, 0.3]) == ""


def test_no_timer_is_left_when_all_is_compiled(monkeypatch, clock):
    written(monkeypatch, clock, [0.5, 7.0])
    assert clock.timers == []


def test_functions_compiled_within_another_count_once(monkeypatch, clock):
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    notice.on_start(None)
    for _ in range(3):  # 0.9 seconds in all, not 0.3 + 0.6 + 0.9 seconds
        notice.on_start(None)
        clock.move(0.3)
        notice.on_end(None)
    assert screen.getvalue() == ""
    clock.move(0.3)
    assert screen.getvalue() == _notice._TEXT
    notice.on_end(None)


def test_a_timer_that_rings_when_all_is_done_says_nothing(monkeypatch, clock):
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    notice = _notice.CompileNotice()
    notice.on_start(None)
    (timer,) = clock.timers
    notice.on_end(None)
    clock.now += 2.0
    timer.speak()  # it was on its way when it was cancelled
    assert screen.getvalue() == ""


def test_a_real_timer_speaks_in_time(monkeypatch):
    screen = Screen(is_terminal=True)
    monkeypatch.delenv("TSINIT_QUIET", raising=False)
    monkeypatch.setattr(_notice.sys, "stderr", screen)
    monkeypatch.setattr(_notice, "_FIRST", 0.05)
    notice = _notice.CompileNotice()
    notice.on_start(None)
    ends = time.monotonic() + 30.0
    while not screen.getvalue() and time.monotonic() < ends:
        time.sleep(0.01)
    notice.on_end(None)
    assert screen.getvalue() == _notice._TEXT


@pytest.mark.parametrize(
    ("value", "is_said"), [("1", False), ("yes", False), ("0", True), ("", True)]
)
def test_quiet_where_the_environment_asks_for_it(monkeypatch, clock, value, is_said):
    monkeypatch.setenv("TSINIT_QUIET", value)
    assert bool(written(monkeypatch, clock, [2.0, 2.0, 2.0])) == is_said


def test_nothing_is_said_where_no_terminal_shows_it(monkeypatch, clock):
    assert written(monkeypatch, clock, [2.0, 2.0, 2.0], is_terminal=False) == ""
