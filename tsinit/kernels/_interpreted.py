"""What stands in for the parts of a kernel that only compiled code can run, where ``NUMBA_DISABLE_JIT=1``.

Kernels are then plain Python, slow, and can be stepped through in a debugger.
"""

import ctypes
import functools

import numpy as np


def like_compiled(function):
    """Let a kernel divide by zero and overflow as compiled ones do: inf and NaN, no warnings."""

    @functools.wraps(function)
    def run(*args):
        with np.errstate(all="ignore"):
            return function(*args)

    return run


def itself(value):
    """Where compiled code takes an address, an array or a number is handed over as it is."""
    return value


def nothing(*ignored):
    """Do nothing: there is no cache to fetch into, and no memory to free."""


def allocate(count):
    """Allocate so many float64, for `numba.carray`."""
    return ctypes.cast((ctypes.c_double * int(count))(), ctypes.POINTER(ctypes.c_double))


def call(function, *args):
    """Call a kernel."""
    return function(*args)


def dgemm(*arguments):
    """BLAS, out (m, n) = alpha op(left) op(right) + beta out, all by columns."""
    op_left, op_right, m, n, k, alpha, left, ld_left, right, ld_right, beta, out, ld_out = arguments
    L = _columns(left, m, k, ld_left) if op_left == ord("N") else _columns(left, k, m, ld_left).T
    R = (
        _columns(right, k, n, ld_right)
        if op_right == ord("N")
        else _columns(right, n, k, ld_right).T
    )
    O = _columns(out, m, n, ld_out)  # noqa: E741
    O[...] = alpha * (L @ R) + (beta * O if beta else 0.0)


def dsyrk(*arguments):
    """BLAS, one triangle of out (n, n) = alpha op(a) op(a)' + beta out, all by columns."""
    triangle, op, n, k, alpha, a, ld_a, beta, out, ld_out = arguments
    A = _columns(a, n, k, ld_a) if op == ord("N") else _columns(a, k, n, ld_a).T
    O = _columns(out, n, n, ld_out)  # noqa: E741
    mine = np.triu if triangle == ord("U") else np.tril
    O[...] += mine(alpha * (A @ A.T) + (beta - 1.0) * O)


def _columns(a, m, n, ld):
    """View of memory as a matrix by columns that are `ld` numbers apart."""
    return np.lib.stride_tricks.as_strided(a, (int(m), int(n)), (a.itemsize, int(ld) * a.itemsize))
