"""Say why the first fit on a machine takes longer: a line or two, where somebody is watching."""

import os
import sys
import threading
import time

from numba.core import event

#: Seconds of compiling after which there is something to say, and what.
_FIRST, _NEXT = 1.0, 15.0
_TEXT = (
    "tsinit is compiling once on this machine, which takes about 8 s; later runs start at once.\n"
)
_MORE = "tsinit has been compiling for {seconds:.0f} s ({count} functions so far); it goes on.\n"


class CompileNotice(event.Listener):
    """Writes a line to standard error when compiling has taken a while, and more where it goes on.

    Nothing is said where no terminal or notebook shows it, nor with ``TSINIT_QUIET`` set, nor where what is needed is
    read from the cache. ``tsinit compile`` does the work ahead.

    A timer speaks, because the compiler can be busy with one function for seconds. It runs while something is being
    compiled, so that what lies between does not count.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._depth, self._begun, self._spent = 0, 0.0, 0.0
        self._count, self._due = 0, _FIRST
        self._timer = None

    def on_start(self, compiled):
        """Note that a function is being compiled; those that it calls are compiled within."""
        with self._lock:
            if self._depth == 0:
                self._begun = time.perf_counter()
                self._wait()
            self._depth += 1
            self._count += 1

    def on_end(self, compiled):
        """Note that it is done."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._spent = self._elapsed()
                self._timer.cancel()

    def _elapsed(self):
        return self._spent + time.perf_counter() - self._begun

    def _wait(self):
        self._timer = threading.Timer(max(self._due - self._elapsed(), 0.0), self._speak)
        self._timer.daemon = True  # the end of the program does not wait for it
        self._timer.start()

    def _speak(self):
        with self._lock:
            seconds = self._elapsed()
            if self._depth == 0 or seconds < self._due:  # done meanwhile
                return
            text = _TEXT if self._due == _FIRST else _MORE
            self._due = _NEXT if self._due == _FIRST else 2.0 * self._due
            text = text.format(seconds=seconds, count=self._count)
            self._wait()
        if is_watched():
            sys.stderr.write(text)
            sys.stderr.flush()


def is_watched():
    """Tell whether somebody sees what goes to standard error, and wants to: a terminal or a notebook."""
    if os.environ.get("TSINIT_QUIET", "") not in ("", "0"):
        return False
    shell = sys.modules.get("IPython")
    notebook = shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"
    return notebook or bool(getattr(sys.stderr, "isatty", bool)())


def install():
    """Listen from now on."""
    event.register("numba:compile", CompileNotice())
