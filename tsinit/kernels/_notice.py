"""Say why the first fit on a machine takes longer: one line, where somebody is watching."""

import os
import sys
import time

from numba.core import event

_PATIENCE = 1.0  # seconds of compiling after which there is something to explain
_TEXT = (
    "tsinit compiles its kernels, once on this machine; this takes some ten seconds, and later runs "
    "start at once.\n"
)


class CompileNotice(event.Listener):
    """Writes one line to standard error when compiling has taken a while.

    Nothing is said where no terminal or notebook shows it, nor with ``TSINIT_QUIET`` set, nor where what is needed is
    read from the cache. ``tsinit compile`` does the work ahead.
    """

    def __init__(self):
        self._depth, self._begun, self._spent, self._said = 0, 0.0, 0.0, False

    def on_start(self, compiled):
        """Note that a function is being compiled; those that it calls are compiled within."""
        if self._depth == 0:
            self._begun = time.perf_counter()
        self._depth += 1
        elapsed = self._spent + time.perf_counter() - self._begun
        if elapsed > _PATIENCE and not self._said:
            self._said = True
            if is_watched():
                sys.stderr.write(_TEXT)
                sys.stderr.flush()

    def on_end(self, compiled):
        """Note that it is done."""
        self._depth -= 1
        if self._depth == 0:
            self._spent += time.perf_counter() - self._begun


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
