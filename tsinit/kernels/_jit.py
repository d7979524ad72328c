"""The one place that decides how kernels are compiled.

Caches are on, the interpreter lock is released, and division by zero gives inf instead of an exception, so
that a kernel never raises. ``blend`` marks the few dense helpers whose sums may be reordered and fused: the
flags it sets keep NaN and inf exact (``nnan`` and ``ninf`` stay off), and a kernel that tests for a gap has none.

Only an ``entry`` can be called from Python: the wrapper that unpacks its arguments costs a quarter of the
compile time, so the others do without.
"""

from numba import njit

_FLAGS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def entry(function):
    """Compile a kernel that Python calls."""
    return njit(**_FLAGS)(function)


def kernel(function):
    """Compile a kernel that only kernels call: strict floating-point order, NaN marks a gap."""
    return njit(**_FLAGS, no_cpython_wrapper=True)(function)


def blend(function):
    """Compile a dense helper on complete arrays: sums may be reordered into vector instructions."""
    return njit(**_FLAGS, no_cpython_wrapper=True, fastmath={"reassoc", "contract", "nsz"})(function)
