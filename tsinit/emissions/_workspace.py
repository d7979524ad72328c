"""A workspace for a density, which is asked for every row and every state that the row may be in.

A kernel that can raise makes its callers count references to all of their arrays, for each row, also where
nothing is raised: 30 ns on top of a density of 8. ``np.empty`` can raise, and as far as a caller knows so can
every kernel that is not merged into it. Hence memory that cannot raise, a call that does not ask, and
`merged` for what is too long to be merged by itself.

The same holds of the density's own text: one ``return``, which reads params and data once more, so that their
references end in one place.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils

from tsinit.kernels import _interpreted
from tsinit.kernels._jit import building

#: Decorate a helper whose text becomes part of the kernel that calls it.
merged = njit(inline="always", error_model="numpy")


@building(_interpreted.call)
def unfailing(
    typing_context: Any, function: Any, params: Any, data: Any, t: Any, k: Any
) -> tuple[Any, Any]:
    """Call a kernel of (params, data, t, k) that cannot raise, and do not look whether it has."""
    inner = function.get_call_type(typing_context, (params, data, t, k), {})

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        compiled = function.dispatcher.get_compile_result(inner)
        context.active_code_library.add_linking_library(compiled.library)
        _, result = context.call_internal_no_propagate(builder, compiled.fndesc, inner, values[1:])
        return result

    return inner.return_type(function, params, data, t, k), codegen


@building(_interpreted.allocate)
def allocate(typing_context: Any, count: Any) -> tuple[Any, Any]:
    """Allocate so many float64, not set; for `numba.carray`, and at the end for `free`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size = builder.mul(args[0], ir.Constant(args[0].type, 8))
        memory = context.nrt.allocate_unchecked(builder, size)
        return builder.bitcast(memory, ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(count), codegen


@building(_interpreted.nothing)
def free(typing_context: Any, pointer: Any) -> tuple[Any, Any]:
    """Free what `allocate` gave; arrays made of it must not be used any more."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        context.nrt.free(builder, builder.bitcast(args[0], cgutils.voidptr_t))
        return context.get_dummy_value()

    return types.void(pointer), codegen
