"""The one place that decides how kernels are compiled.

Caches are on, the interpreter lock is released, and division by zero gives inf instead of an exception, so
that a kernel never raises. ``blend`` marks the few dense helpers whose sums may be reordered and fused: the
flags it sets keep NaN and inf exact (``nnan`` and ``ninf`` stay off), and no kernel that tests for a gap uses it.
"""

from numba import njit

_FLAGS = {"cache": True, "nogil": True, "error_model": "numpy"}


def kernel(function):
    """Compile a kernel: strict floating-point order, NaN marks a gap."""
    return njit(**_FLAGS)(function)


def blend(function):
    """Compile a dense helper on complete arrays: sums may be reordered into vector instructions."""
    return njit(**_FLAGS, fastmath={"reassoc", "contract", "nsz"})(function)
