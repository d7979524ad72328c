"""How a kernel is compiled that only kernels call: as code for linking, without machine code of its own.

For every function, Numba optimises all code that it calls and generates machine code, which a caller that inlines the
function does once more. Python calls only the entries, and what lies below them is needed as code for linking alone:
here it is left as it is when its own lines are simplified, and LLVM optimises once, where an entry has everything
together. That saves up to a third of the time that the first fit of a model compiles.

This takes the place of a few steps of Numba that have names with underscores. Where a version of Numba lacks one of
them, or is newer than those it was tried with, kernels are compiled as Numba compiles any function, with the same
results (`AVAILABLE`).
"""

import numba
from numba.core.caching import CompileResultCacheImpl
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult

_STEPS = (
    "_optimize_final_module",
    "_finalize_final_module",
    "_finalize_dynamic_globals",
    "_verify_declare_only_symbols",
    "_unserialize",
    "enable_object_caching",
    "serialize_using_bitcode",
    "serialize_using_object_code",
)
#: The first and the last version of Numba of which it is known that it takes the same steps.
_KNOWN = (0, 61), (0, 68)


def is_available(version: tuple[int, int]) -> bool:
    """Tell whether Numba has the steps that are replaced here, and its version is one of those that were tried."""
    steps = all(hasattr(JITCodeLibrary, step) for step in _STEPS)
    rebuilt = all(hasattr(CompileResult, step) for step in ("_rebuild", "_replace"))
    return _KNOWN[0] <= version <= _KNOWN[1] and steps and rebuilt


AVAILABLE = is_available(numba.version_info.short)


class LinkedLibrary(JITCodeLibrary):
    """Code that its callers link and optimise, in Numba's form."""

    has_free_order = False

    def _optimize_final_module(self):
        """Leave it to the callers, except where sums may be reordered: who calls must not decide in which order."""
        if self.has_free_order:
            super()._optimize_final_module()

    def _finalize_final_module(self):
        """Check what Numba checks, and generate no machine code."""
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name):
        """Return the address of machine code: there is none."""
        return 0

    def serialize_using_object_code(self):
        """Return what the cache keeps."""
        return self.serialize_using_bitcode()


class LinkedCompiler(Compiler):
    """Numba's compiler, for a function that only compiled functions call."""

    def compile_extra(self, func):
        """Compile a function into a library of this module."""
        codegen = _Codegen(self.state.targetctx.codegen())
        self.state.library = codegen.create_library(func.__qualname__)
        self.state.library.enable_object_caching()
        self.state.library.has_free_order = bool(self.state.flags.fastmath)
        return super().compile_extra(func)


class LinkedCacheImpl(CompileResultCacheImpl):
    """Reads such code from a cache."""

    def rebuild(self, target_context, payload):
        """Make what was compiled from what the cache has kept."""
        result = super().rebuild(_Context(target_context), payload)
        return result._replace(target_context=target_context)


class _Codegen:
    """Numba's code generator, making libraries of this module."""

    def __init__(self, codegen):
        self._codegen = codegen

    def __getattr__(self, name):
        return getattr(self._codegen, name)

    def create_library(self, name):
        return LinkedLibrary(self, name)

    def unserialize_library(self, serialized):
        return LinkedLibrary._unserialize(self, serialized)

    def set_env(self, env_name, env):
        """Do nothing: what calls into Python has an environment, and lies in machine code."""


class _Context:
    """Numba's target, with that code generator."""

    def __init__(self, context):
        self._context = context

    def __getattr__(self, name):
        return getattr(self._context, name)

    def codegen(self):
        return _Codegen(self._context.codegen())
