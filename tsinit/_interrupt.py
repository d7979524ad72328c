"""Ctrl-C, also where it comes in disguise or would be lost."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_pending = False  # since a signal came, until somebody has answered it


def is_interrupt(error: BaseException | None) -> bool:
    """Tell whether an error is Ctrl-C in disguise.

    Numba wraps one that comes while it hands over arguments, and modules in C one that comes while they are imported.
    NumPy may replace one by an error of its own; then it is still unanswered.
    """
    if _is_pending() and error is not None:
        return True
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def answer_interrupt() -> None:
    """Note that somebody acts on an interrupt."""
    global _pending
    if threading.current_thread() is threading.main_thread():
        _pending = False


def raise_if_interrupted() -> None:
    """Raise Ctrl-C once more if the code that met it went on as if nothing had been.

    Raises
    ------
    KeyboardInterrupt
    """
    if _is_pending():
        raise KeyboardInterrupt


def _is_pending() -> bool:
    return _pending and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end a fit wherever it comes.

    An exception in one of a compiler's callbacks has nowhere to go: Python shows it and goes on, and the interrupt
    would be lost. So it is sent again, a little later, until it meets the code of the caller. Code that catches it and
    goes on is found out at the next iteration, by `raise_if_interrupted`. A handler of the user's own stays in place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts go to the main thread, and hook and handler belong to the process
        return
    report, handler = sys.unraisablehook, signal.getsignal(signal.SIGINT)
    if handler is not _note:  # not within another fit: what came before has been met by others
        answer_interrupt()
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)

    timers: list[threading.Timer] = []

    def send_again(lost: sys.UnraisableHookArgs) -> None:
        global _pending
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        _pending = True
        timer = threading.Timer(0.05, _send_if_pending)
        timer.daemon = True
        timers.append(timer)
        timer.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        for timer in timers:  # one that came later would meet whatever runs after the fit
            timer.cancel()
        sys.unraisablehook = report
        if handler is signal.default_int_handler:
            signal.signal(signal.SIGINT, handler)


def _send_if_pending() -> None:
    if _pending:  # else it has been answered meanwhile
        _thread.interrupt_main()


def _note(signum: int, frame: FrameType | None) -> None:
    global _pending
    _pending = True
    signal.default_int_handler(signum, frame)
