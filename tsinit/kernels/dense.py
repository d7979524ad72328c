"""Small dense products: loops up to four rows, BLAS above.

BLAS is reached by name, through the address that SciPy publishes for Cython: unlike ``np.dot`` the call
allocates and checks nothing (20 ns), and unlike a ctypes pointer it keeps the compile cache valid. Arrays are
C-ordered, so each product is asked for as its transpose.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from tsinit.kernels import _interpreted
from tsinit.kernels._jit import blas, blend, building, kernel

LOOPS_TO = 4  # inner dimension up to which loops beat the call
_LINE = 8  # numbers in a line of cache

_dgemm = blas("dgemm", 13, _interpreted.dgemm)


@building(_interpreted.itself)
def _address(typingctx, value):
    """Address of a copy of a scalar: Fortran takes everything by reference."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(cgutils.alloca_once_value(builder, args[0]), cgutils.voidptr_t)

    return types.voidptr(value), codegen


@building(_interpreted.itself)
def _data(typingctx, array):
    """Address of the first element of an array."""

    def codegen(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.bitcast(view.data, cgutils.voidptr_t)

    return types.voidptr(array), codegen


@building(_interpreted.nothing)
def _fetch(typingctx, values, place):
    """Ask for the cache line of an entry of an array, by its place in memory."""

    def codegen(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        address = builder.bitcast(builder.gep(view.data, [args[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(prefetch, [address, word(0), word(3), word(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.none(values, place), codegen


@blend
def prefetch(values, slot):
    """Have values[slot] on its way from memory while something else is computed; (S, n, n)."""
    size = values.shape[1] * values.shape[2]
    for place in range(slot * size, (slot + 1) * size, _LINE):
        _fetch(values, place)


@blend
def _gemm(op_left, left, op_right, right, inner, out):
    """Transposed out = op(left) op(right), each C-ordered array read as its transpose."""
    _dgemm(
        _address(np.uint8(op_left)), _address(np.uint8(op_right)),
        _address(np.int32(out.shape[1])), _address(np.int32(out.shape[0])), _address(np.int32(inner)),
        _address(1.0), _data(left), _address(np.int32(left.shape[1])),
        _data(right), _address(np.int32(right.shape[1])),
        _address(0.0), _data(out), _address(np.int32(out.shape[1])),
    )  # fmt: skip


_N, _T = ord("N"), ord("T")


# In strict order, so that these are not unrolled: at four rows that would only cost compile time.
@kernel
def _loops(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            s = 0.0
            for p in range(a.shape[1]):
                s += a[i, p] * b[p, j]
            out[i, j] = s


@kernel
def _loops_nt(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            s = 0.0
            for p in range(a.shape[1]):
                s += a[i, p] * b[j, p]
            out[i, j] = s


@kernel
def _loops_tn(a, b, out):
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            s = 0.0
            for p in range(a.shape[0]):
                s += a[p, i] * b[p, j]
            out[i, j] = s


@blend
def product(a, b, out):
    """Write a b to out; (m, k), (k, n), (m, n)."""
    if a.shape[1] > LOOPS_TO:
        _gemm(_N, b, _N, a, a.shape[1], out)
        return
    _loops(a, b, out)


@blend
def product_nt(a, b, out):
    """Write a b' to out; (m, k), (n, k), (m, n)."""
    if a.shape[1] > LOOPS_TO:
        _gemm(_T, b, _N, a, a.shape[1], out)
        return
    _loops_nt(a, b, out)


@blend
def product_tn(a, b, out):
    """Write a' b to out; (k, m), (k, n), (m, n)."""
    if a.shape[0] > LOOPS_TO:
        _gemm(_N, b, _T, a, a.shape[0], out)
        return
    _loops_tn(a, b, out)


@blend
def matvec(a, x, out):
    """Write a x to out; (m, n), (n,), (m,)."""
    m, n = a.shape
    for i in range(m):
        s = 0.0
        for j in range(n):
            s += a[i, j] * x[j]
        out[i] = s


@blend
def copy_into(out, a):
    """Copy a to out; (m, n) both. The loop compiles in a fraction of what a slice assignment takes (3 s)."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j]


@blend
def transpose_into(out, a):
    """Copy a' to out; (n, m), (m, n). For small matrices BLAS takes up to twice as long where it has to transpose."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = a[j, i]


@blend
def symmetrise(p):
    """Replace p by its symmetric part, in place."""
    n = p.shape[0]
    for i in range(n):
        for j in range(i):
            mean = 0.5 * (p[i, j] + p[j, i])
            p[i, j] = mean
            p[j, i] = mean


@blend
def load(P, values, slot):
    """P <- values[slot]; by index, because a view costs more than copying a small matrix."""
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            P[i, j] = values[slot, i, j]


@blend
def save(values, slot, P):
    """values[slot] <- P, or as much of its first rows and columns as there is room for."""
    for i in range(values.shape[1]):
        for j in range(values.shape[2]):
            values[slot, i, j] = P[i, j]


@blend
def add_scaled(total, weight, P):
    """Add weight * P to total."""
    for i in range(P.shape[0]):
        for j in range(P.shape[1]):
            total[i, j] += weight * P[i, j]
