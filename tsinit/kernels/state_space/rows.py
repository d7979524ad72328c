"""Rows of small matrices in vector registers: their width is known to the compiler, and they lie on the stack.

A width is handed over as a tuple of so many zeros, the *lanes*: its type holds the number, so that one source serves
every width, and each is compiled once. Matrices that are narrower are filled up with zeros. Loops over so few numbers
would be unrolled into scalars, four times as many instructions; so rows are written in vector instructions here.
Rows of an array are counted through all its sides but the last: row i of W[s] is row s D + i of W (S, D, width).
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from tsinit.kernels._jit import building

_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
_REGISTER = 4  # numbers that an instruction takes at once
_FLAGS = ("contract", "nsz")  # NaN and inf stay what they are


def _square(lanes):
    return np.zeros((len(lanes), len(lanes)))


def _vector(lanes):
    return np.zeros(len(lanes))


def _on_the_stack(lanes, ndim):
    """Return the signature of an array whose sides are as long as there are lanes, and what builds it."""
    kind, width = types.Array(types.float64, ndim, "C"), len(lanes)

    def codegen(context, builder, signature, args):
        content = ir.ArrayType(_DOUBLE, width**ndim)
        memory = cgutils.alloca_once(builder, content)
        memory.align = 8 * _REGISTER
        builder.store(ir.Constant(content, None), memory)
        array = context.make_array(kind)(context, builder)
        steps = [_INDEX(8 * width**k) for k in reversed(range(ndim))]
        context.populate_array(
            array,
            data=builder.bitcast(memory, _DOUBLE.as_pointer()),
            shape=cgutils.pack_array(builder, [_INDEX(width)] * ndim),
            strides=cgutils.pack_array(builder, steps),
            itemsize=_INDEX(8),
            meminfo=None,
        )
        return array._getvalue()

    return kind(lanes), codegen


@building(_square)
def square(typingctx, lanes):
    """Make a matrix of zeros, as many rows as lanes. It lives until the function that asks for it returns."""
    return _on_the_stack(lanes, 2)


@building(_vector)
def vector(typingctx, lanes):
    """Make a vector of zeros, which is one row; it lives as long."""
    return _on_the_stack(lanes, 1)


class _Rows:
    """Places in rows of so many lanes, while code is built."""

    def __init__(self, context, builder, signature, args, lanes):
        self._context, self._builder, self._signature, self._args = (
            context,
            builder,
            signature,
            args,
        )
        self.width = len(lanes)
        self.register = min(_REGISTER, self.width)
        self.starts = range(0, self.width, self.register)

    def pointer(self, array, row, column):
        """Address of an entry of the argument at place `array`; row is a value or a number."""
        view = self._context.make_array(self._signature.args[array])(
            self._context, self._builder, self._args[array]
        )
        if isinstance(row, int):
            place = _INDEX(row * self.width + column)
        else:
            place = self._builder.add(self._builder.mul(row, _INDEX(self.width)), _INDEX(column))
        return self._builder.gep(view.data, [place])

    def vector(self, array, row, column):
        """Address of a register of entries."""
        kind = ir.VectorType(_DOUBLE, self.register).as_pointer()
        return self._builder.bitcast(self.pointer(array, row, column), kind)

    def load(self, array, row, column):
        return self._builder.load(self.vector(array, row, column), align=8)

    def store(self, value, array, row, column):
        self._builder.store(value, self.vector(array, row, column), align=8)

    def splat(self, value):
        """A register that repeats a number."""
        undefined = ir.Constant(ir.VectorType(_DOUBLE, self.register), ir.Undefined)
        one = self._builder.insert_element(undefined, value, ir.IntType(32)(0))
        every = ir.Constant(ir.VectorType(ir.IntType(32), self.register), [0] * self.register)
        return self._builder.shuffle_vector(one, one, every)

    def multiply_add(self, total, left, right):
        """total + left right; total may be None."""
        product = self._builder.fmul(left, right, flags=_FLAGS)
        return product if total is None else self._builder.fadd(total, product, flags=_FLAGS)


def _rows(array, lanes):
    return array.reshape(-1, len(lanes))


def _row_product(out, a, X, b, Y, lanes):
    _rows(out, lanes)[a] = _rows(X, lanes)[b] @ Y


@building(_row_product)
def row_product(typingctx, out, a, X, b, Y, lanes):
    """out[a] <- X[b] Y; all of the same width, Y with as many rows as lanes."""

    def codegen(context, builder, signature, args):
        rows = _Rows(context, builder, signature, args, lanes)
        numbers = [rows.splat(builder.load(rows.pointer(2, args[3], c))) for c in range(rows.width)]
        for start in rows.starts:
            total = None
            for c, number in enumerate(numbers):
                total = rows.multiply_add(total, number, rows.load(4, c, start))
            rows.store(total, 0, args[1], start)
        return context.get_dummy_value()

    return types.none(out, types.intp, X, types.intp, Y, lanes), codegen


def _add_row(out, a, s, Y, b, lanes):
    _rows(out, lanes)[a] += s * _rows(Y, lanes)[b]


@building(_add_row)
def add_row(typingctx, out, a, s, Y, b, lanes):
    """out[a] <- out[a] + s Y[b]."""

    def codegen(context, builder, signature, args):
        rows = _Rows(context, builder, signature, args, lanes)
        scale = rows.splat(args[2])
        for start in rows.starts:
            total = rows.load(0, args[1], start)
            total = rows.multiply_add(total, scale, rows.load(3, args[4], start))
            rows.store(total, 0, args[1], start)
        return context.get_dummy_value()

    return types.none(out, types.intp, types.float64, Y, types.intp, lanes), codegen


def _copy_row(out, a, Y, b, lanes):
    _rows(out, lanes)[a] = _rows(Y, lanes)[b]


@building(_copy_row)
def copy_row(typingctx, out, a, Y, b, lanes):
    """out[a] <- Y[b]."""

    def codegen(context, builder, signature, args):
        rows = _Rows(context, builder, signature, args, lanes)
        for start in rows.starts:
            rows.store(rows.load(2, args[3], start), 0, args[1], start)
        return context.get_dummy_value()

    return types.none(out, types.intp, Y, types.intp, lanes), codegen


def _dot(X, a, Y, b, lanes):
    return _rows(X, lanes)[a] @ _rows(Y, lanes)[b]


@building(_dot)
def dot(typingctx, X, a, Y, b, lanes):
    """Return X[a] Y[b]'."""

    def codegen(context, builder, signature, args):
        rows = _Rows(context, builder, signature, args, lanes)
        total = None
        for start in rows.starts:
            left, right = rows.load(0, args[1], start), rows.load(2, args[3], start)
            total = rows.multiply_add(total, left, right)
        parts = [builder.extract_element(total, ir.IntType(32)(k)) for k in range(rows.register)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [
                builder.fadd(x, y, flags=_FLAGS)
                for x, y in zip(parts[:half], parts[half:], strict=True)
            ]
        return parts[0]

    return types.float64(X, types.intp, Y, types.intp, lanes), codegen
