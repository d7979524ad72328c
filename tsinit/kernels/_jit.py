"""The one place that decides how kernels are compiled.

Caches are on, the interpreter lock is released, and division by zero gives inf instead of an exception, so
that a kernel never raises. ``blend`` marks the few dense helpers whose sums may be reordered and fused: the
flags it sets keep NaN and inf exact (``nnan`` and ``ninf`` stay off), and a kernel that tests for a gap has none.

Only an ``entry`` can be called from Python: the wrapper that unpacks its arguments costs a quarter of the
compile time, so the others do without.

Numba counts references to every array that a function is given, one locked instruction each way: in kernels that take
a few nanoseconds, a quarter of the time. Those that make no array do without, because their caller holds what they
are given; the others say so by ``..._with_memory``.

What is compiled for a class of a user's own (the parameters of an emission, say) is not cached: the index of a
cache names the classes it holds, and a process that cannot import one of them could not read the rest.
"""

import hashlib

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_FLAGS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = {"no_cpython_wrapper": True}
_DENSE = {"fastmath": {"reassoc", "contract", "nsz"}}
# Numba's name for counting references. Unless it is said, a kernel does as its caller does.
_BORROWING, _OWNING = {"_nrt": False}, {"_nrt": True}


class _CacheFile(IndexDataCacheFile):
    """The files of a cache, safe with several processes that compile one function for different types.

    Numba numbers the files. Two processes that save at the same time take the same number, and the index then leads
    one type to what was compiled for the other. Here types name their file; at worst, the index forgets an entry.

    Numba reads all of an index before it looks whether the source is still the same. One that another version of the
    package left behind may name classes that are no more: then it is out of date too.
    """

    def save(self, key, data):
        number = int(hashlib.sha256(repr(key).encode()).hexdigest()[:15], 16)
        self._save_data(self._data_name(number), data)
        self._save_index({**self._load_index(), key: self._data_name(number)})

    def _load_index(self):
        try:
            return super()._load_index()
        except (AttributeError, ImportError):
            return {}


class _OwnCache(FunctionCache):
    """A cache of what is compiled for the types of this package and of NumPy."""

    def __init__(self, function):
        super().__init__(function)
        self._cache_file.__class__ = _CacheFile

    def save_overload(self, sig, data):
        if all(map(_is_own, getattr(sig, "args", sig))):
            super().save_overload(sig, data)


def _is_own(kind):
    """Tell whether every named tuple in a type is a class of this package."""
    named = getattr(kind, "instance_class", None)
    parts = tuple(kind) if hasattr(kind, "__iter__") else ()
    return (named is None or named.__module__.partition(".")[0] == "tsinit") and all(
        map(_is_own, parts)
    )


def _compiled(function, **flags):
    dispatcher = njit(**_FLAGS, **flags)(function)
    dispatcher._cache = _OwnCache(function)
    return dispatcher


def entry(function):
    """Compile a kernel that Python calls."""
    return _compiled(function, **_OWNING)


def kernel(function):
    """Compile a kernel that only kernels call: strict floating-point order, NaN marks a gap. It makes no array."""
    return _compiled(function, **_INNER, **_BORROWING)


def blend(function):
    """Compile a dense helper on complete arrays: sums may be reordered into vector instructions. It makes no array."""
    return _compiled(function, **_INNER, **_BORROWING, **_DENSE)


def kernel_with_memory(function):
    """Compile what `kernel` does, for a function that makes arrays."""
    return _compiled(function, **_INNER, **_OWNING)


def blend_with_memory(function):
    """Compile what `blend` does, for a function that makes arrays."""
    return _compiled(function, **_INNER, **_OWNING, **_DENSE)
