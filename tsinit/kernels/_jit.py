"""The one place that decides how kernels are compiled.

Caches are on, the interpreter lock is released, and division by zero gives inf instead of an exception, so
that a kernel never raises. ``blend`` marks the few dense helpers whose sums may be reordered and fused: the
flags it sets keep NaN and inf exact (``nnan`` and ``ninf`` stay off), and a kernel that tests for a gap has none.

Only an ``entry`` can be called from Python: the wrapper that unpacks its arguments costs a quarter of the
compile time, so the others do without, and have no machine code of their own (`_linked`).

Numba counts references to every array that a function is given, one locked instruction each way: in kernels that take
a few nanoseconds, a quarter of the time. Those that make no array do without, because their caller holds what they
are given; the others say so by ``..._with_memory``.

With ``NUMBA_DISABLE_JIT=1`` kernels are plain Python, and `_interpreted` has what stands in for the rest.

What is compiled for a class of a user's own (the parameters of an emission, say) is not cached: the index of a
cache names the classes it holds, and a process that cannot import one of them could not read the rest.
"""

import hashlib
import io
import pickle
import sys
import warnings
from pathlib import Path

import llvmlite.binding as llvm
import numba
from numba import njit
from numba.core import types
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.compiler import Compiler
from numba.extending import get_cython_function_address, intrinsic

from tsinit.kernels import _interpreted, _notice
from tsinit.kernels._linked import AVAILABLE, LinkedCacheImpl, LinkedCompiler

COMPILED = not numba.config.DISABLE_JIT
_FLAGS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = {"no_cpython_wrapper": True}
_DENSE = {"fastmath": {"reassoc", "contract", "nsz"}}
# Numba's name for counting references. Unless it is said, a kernel does as its caller does.
_BORROWING, _OWNING = {"_nrt": False}, {"_nrt": True}


_TOLD: set[str] = set()  # what was warned of in this process
if COMPILED:
    _notice.install()
_DIGEST_SIZE = 16


class _CacheFile(IndexDataCacheFile):
    """The files of a cache, safe with several processes that compile one function for different types.

    Numba numbers the files. Two processes that save at the same time take the same number, and the index then leads
    one type to what was compiled for the other. Here types name their file; at worst, the index forgets an entry.

    Numba reads all of an index before it looks whether the source is still the same. One that another version of the
    package left behind may name classes that are no more: then it is out of date too.

    Each file ends in a digest of the rest. What a full disk or a crash has cut off or mangled is compiled anew, and
    machine code with a wrong byte is never run.
    """

    def save(self, key, data):
        number = int(hashlib.sha256(repr(key).encode()).hexdigest()[:15], 16)
        self._save_data(self._data_name(number), data)
        self._save_index({**self._load_index(), key: self._data_name(number)})

    def load(self, key):
        name = self._load_index().get(key)
        data = None if name is None else self._read(self._data_path(name))
        return None if data is None else pickle.loads(data)

    def _load_index(self):
        data = self._read(self._index_path)
        if data is None:
            return {}
        stream = io.BytesIO(data)
        if pickle.load(stream) != self._version:
            return {}
        try:
            stamp, entries = pickle.load(stream)
        except (AttributeError, ImportError):
            return {}
        return entries if stamp == self._source_stamp else {}

    def _save_index(self, entries):
        version = pickle.dumps(self._version, protocol=-1)
        self._write(self._index_path, version + self._dump((self._source_stamp, entries)))

    def _save_data(self, name, data):
        self._write(self._data_path(name), self._dump(data))

    def _write(self, path, content):
        with self._open_for_write(path) as file:
            file.write(content + _digest(content))

    def _read(self, path):
        """Return the content of a file; None where there is none, or none that can be relied on."""
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn_once(
                f"tsinit could not read compiled code in {self._cache_path} ({error}) and compiles it anew."
            )
            return None
        content, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
        if digest == _digest(content):
            return content
        _warn_once(
            f"tsinit found damaged compiled code in {self._cache_path} and compiles it anew."
        )
        return None


class _OwnCache(FunctionCache):
    """A cache of what is compiled for the types of this package and of NumPy."""

    _mark = "tsinit"

    def __init__(self, function):
        super().__init__(function)
        # Under names of their own: those that Numba itself wrote have no digest.
        base = f"{self._impl.filename_base}.{self._mark}"
        self._cache_file = _CacheFile(self._cache_path, base, self._cache_file._source_stamp)

    def save_overload(self, sig, data):
        if not all(map(_is_own, getattr(sig, "args", sig))):
            return
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn_once(
                f"tsinit could not keep compiled code in {self._cache_path} ({error}): later processes compile anew."
            )


class _LinkedCache(_OwnCache):
    """The same, of code without machine code."""

    _impl_class = LinkedCacheImpl
    _mark = "linked.tsinit"


class _NoCache(NullCache):
    """Where no folder can be written to."""

    def save_overload(self, sig, data):
        _warn_once(
            "tsinit found no folder in which it can keep compiled code: every process compiles anew, for some twenty "
            "seconds. Let NUMBA_CACHE_DIR name one that can be written to."
        )


def _digest(content):
    return hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest()


def _warn_once(message):
    """Warn, once in a process whatever the folder, at the line of the user's that called into the package."""
    kind = message.partition(" in ")[0]
    if kind in _TOLD:
        return
    _TOLD.add(kind)
    inside = str(Path(__file__).parents[1]), str(Path(numba.__file__).parent)
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_code.co_filename.startswith(inside):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _is_own(kind):
    """Tell whether every named tuple in a type is a class of this package."""
    named = getattr(kind, "instance_class", None)
    parts = tuple(kind) if hasattr(kind, "__iter__") else ()
    return (named is None or named.__module__.partition(".")[0] == "tsinit") and all(
        map(_is_own, parts)
    )


def _compiled(function, **flags):
    if not COMPILED:
        return function
    linked = AVAILABLE and flags.keys() >= _INNER.keys()
    compiler, cache = (LinkedCompiler, _LinkedCache) if linked else (Compiler, _OwnCache)
    dispatcher = njit(**_FLAGS, **flags, pipeline_class=compiler)(function)
    try:
        dispatcher._cache = cache(function)
    except RuntimeError:  # of Numba, where it finds no folder
        dispatcher._cache = _NoCache()
    return dispatcher


def entry(function):
    """Compile a kernel that Python calls."""
    return _compiled(function, **_OWNING) if COMPILED else _interpreted.like_compiled(function)


def building(stand_in):
    """Decorate what builds code for the compiler; without it, kernels call the stand-in."""
    return intrinsic if COMPILED else lambda function: stand_in


def blas(name, n_arguments, stand_in):
    """Reach a routine of BLAS by name, through the address that SciPy publishes for Cython."""
    if not COMPILED:
        return stand_in
    llvm.add_symbol(f"tsinit_{name}", get_cython_function_address("scipy.linalg.cython_blas", name))
    return types.ExternalFunction(f"tsinit_{name}", types.void(*[types.voidptr] * n_arguments))


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
