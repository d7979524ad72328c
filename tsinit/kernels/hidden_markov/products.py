"""Products of a vector and a square matrix with few rows, four columns at a time.

Loops over the states run a few times only, too few for the compiler to make vector instructions of them, so that it is
told. Matrices and what is filled are padded with zeros to a multiple of four, the vector to an even size.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from tsinit.kernels._jit import building, kernel, kernel_with_memory

_WIDTH = 4
_INDEX, _LANE = ir.IntType(64), ir.IntType(32)
_FOUR = ir.VectorType(ir.DoubleType(), _WIDTH)
_NOTHING = ir.Constant(_FOUR, [0.0] * _WIDTH)


@kernel
def padded_size(K):
    """Smallest multiple of four that is not below K."""
    return (K + _WIDTH - 1) // _WIDTH * _WIDTH


@kernel_with_memory
def padded(M, turned):
    """Give a square matrix, or its transpose, in zeros."""
    K = M.shape[0]
    n = padded_size(K)
    out = np.zeros((n, n))
    for j in range(K):
        for k in range(K):
            out[j, k] = M[k, j] if turned else M[j, k]
    return out


def _four_columns(x, M, k, out):
    out[k : k + _WIDTH] = x @ M[: x.size, k : k + _WIDTH]


@building(_four_columns)
def four_columns(typingctx, x, M, k, out):
    """Fill out[k : k + 4] with x M[:, k : k + 4]; x of an even size, M C-ordered."""

    def codegen(context, builder, signature, args):
        vector, matrix, result = (
            context.make_array(signature.args[i])(context, builder, args[i]) for i in (0, 1, 3)
        )
        n = cgutils.unpack_tuple(builder, vector.shape, 1)[0]
        width = cgutils.unpack_tuple(builder, matrix.shape, 2)[1]
        # Two sums, so that an addition need not wait for the one before.
        sums = [cgutils.alloca_once_value(builder, _NOTHING) for _ in range(2)]
        with cgutils.for_range_slice(builder, _INDEX(0), n, _INDEX(2)) as (j, _):
            for more, total in enumerate(sums):
                row = builder.add(j, _INDEX(more))
                line = _four(builder, matrix.data, builder.add(builder.mul(row, width), args[2]))
                values = builder.load(line)
                values.align = 8
                value = _in_all(builder, builder.load(builder.gep(vector.data, [row])))
                product = builder.fmul(values, value, flags=("contract",))
                added = builder.fadd(builder.load(total), product, flags=("contract",))
                builder.store(added, total)
        total = builder.fadd(*map(builder.load, sums))
        builder.store(total, _four(builder, result.data, args[2])).align = 8
        return context.get_dummy_value()

    return types.void(x, M, types.intp, out), codegen


def _four(builder, data, place):
    """Address of four numbers from a place on."""
    return builder.bitcast(builder.gep(data, [place]), _FOUR.as_pointer())


def _in_all(builder, value):
    """A vector of one number."""
    first = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), value, _LANE(0))
    lanes = ir.Constant(ir.VectorType(_LANE, _WIDTH), [0] * _WIDTH)
    return builder.shuffle_vector(first, ir.Constant(_FOUR, ir.Undefined), lanes)


@kernel
def multiply(x, M, out):
    """Fill out (n,) with x M, M (n, n)."""
    for k in range(0, out.size, _WIDTH):
        four_columns(x, M, k, out)
