"""Ctrl-C has to end a fit even while its kernels are being compiled."""

import _thread
import contextlib
import sys
import threading


def is_interrupt(error):
    """Tell whether an error is Ctrl-C in disguise: Numba wraps one that comes while it hands over arguments."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def interruptible():
    """Let Ctrl-C through while code is compiled.

    An exception in one of the compiler's callbacks has nowhere to go: Python shows it and goes on, and the
    interrupt would be lost. So it is sent again, a little later, until it meets the code of the caller.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts go to the main thread, and the hook belongs to the process
        return
    report = sys.unraisablehook

    def send_again(lost):
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report(lost)
            return
        timer = threading.Timer(0.05, _thread.interrupt_main)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = report
