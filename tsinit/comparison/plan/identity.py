"""What a run depends on, as a key that survives a restart; what cannot be identified is named, never passed over."""

import copyreg
import functools
import hashlib
import pickle
import sys
import sysconfig
import types
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

#: Parameters that change how loudly or how widely a model works, never what it finds.
_NOT_IDENTITY = {"verbose", "n_jobs"}
#: Where the classes of this package are public, the shortest path first.
_PUBLIC = ("tsinit", "tsinit.init", "tsinit.models", "tsinit.emissions")
#: Libraries whose objects are data: their version says nothing about what a run finds.
_DATA = {"builtins", "numpy", "pandas"}
#: Of a class: where it stands in its file, what is said about it, and what Python keeps there for itself.
_ABOUT_CLASS = {
    "__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__annotations__", "__annotations_cache__",
    "__annotate__", "__annotate_func__", "__firstlineno__", "__static_attributes__", "__parameters__",
    "__orig_bases__", "__slotnames__", "_abc_impl",
}  # fmt: skip
#: Members that compiled code defines: their names are all there is to know of them.
_COMPILED = (
    types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType, types.MethodWrapperType,
    types.ClassMethodDescriptorType, types.MemberDescriptorType, types.GetSetDescriptorType,
)  # fmt: skip
#: Parts after which an object is too large, or too much entangled, for all its parts to be listed.
_MOST_PARTS = 100_000
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_PLAIN = (bool, int, float, str, complex, type(None), type(Ellipsis), type(NotImplemented))


class Identity(NamedTuple):
    """A key of some values, and what of them it could not take in."""

    key: str  # sixteen hexadecimal digits
    unknown: str  # the kind of the first object that cannot be identified; "" where all can


def fingerprint(*parts: Any) -> str:
    """Hash anything a run may depend on; see :func:`identify`, of which this is the key."""
    return identify(*parts).key


def identify(*parts: Any) -> Identity:
    """Hash anything a run may depend on, and name what cannot be identified.

    Equal values give equal text in every process and session: arrays and tables count by content, seeds by their key,
    functions by their code, defaults, attributes and closure (not by the globals they read), objects by their class
    and by the state that pickling them would keep, estimators by class, parameters and what else they hold. A class
    counts by the code and the values in its body and in those of its bases. Classes of this package count by their
    public names, so that it does not matter in which of its modules they are defined, and those of other installed
    libraries by name and version.

    Parameters
    ----------
    *parts : object
        Arrays, tables, estimators, functions, seeds, and containers of these.

    Returns
    -------
    Identity
        With ``unknown`` where an object holds what no text can stand for: a lock, a generator, an open file; or where
        it has too many parts, a figure for one, whose parts all know each other. Its key says nothing about that
        object then, and nothing may be looked up by it.
    """
    reading = _Reading()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # what is deprecated about pickling something is not the user's concern here
        for part in parts:
            reading.feed(part)
    return Identity(reading.digest.hexdigest()[:16], reading.unknown)


def public_name(kind: type) -> str:
    """Name a class: of this package by the shortest path at which users find it, whatever module defines it.

    What users do not find is called by its name under ``tsinit``; names of classes are unique in the package.
    """
    if not _is_ours(kind):
        return f"{kind.__module__}.{kind.__qualname__}"
    name = kind.__qualname__
    for path in _PUBLIC:
        home = sys.modules.get(path)
        # __all__ first, because asking for a name may import what it stands for.
        if name in getattr(home, "__all__", ()) and getattr(home, name) is kind:
            return f"{path}.{name}"
    return f"tsinit.{name}"


class _Reading:
    """Values on their way into one hash.

    A function or a class that was met before, or any value inside itself, counts by when it was met: a method holds
    its class through ``super``, and a function that calls itself is in its own closure.
    """

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.unknown = ""
        # The values stay alive here: of what is gone, another could get the id.
        self._met: dict[int, tuple[int, Any]] = {}
        self._kinds: dict[
            type, tuple[str, bool]
        ] = {}  # what is said of a class, and whether its code counts
        self._n_parts = 0

    def feed(self, value: Any, inside: tuple[int, ...] = ()) -> None:
        """Add one value to the hash; the kind goes in first, so that 1 and "1" differ."""
        if self.unknown:  # the key says nothing any more
            return
        kind = type(value)
        if kind not in self._kinds:
            self._kinds[kind] = f"<{public_name(kind)} {_version(kind)}>", _in_full(kind)
        head, in_full = self._kinds[kind]
        self._write(head)
        if id(value) in inside:
            self._write(f"level {inside.index(id(value))}")
            return
        if isinstance(value, type | types.FunctionType):
            if id(value) in self._met:
                self._write(f"met {self._met[id(value)][0]}")
                return
            self._met[id(value)] = len(self._met), value
        if (text := _text(value)) is not None:
            self._write(text)
            return
        within = (*inside, id(value))
        self._n_parts += 1
        if self._n_parts > _MOST_PARTS:
            self.unknown = f"more than {_MOST_PARTS:,} parts"
            return
        try:
            if in_full:
                self.feed(kind, within)
            for part in _parts(value):
                self.feed(part, within)
        except Exception:  # whatever keeps an object from saying what it is
            self.unknown = self.unknown or public_name(kind)
        self._write(">")

    def _write(self, text: str | bytes) -> None:
        data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
        self.digest.update(f"{len(data)}:".encode() + data)


def _text(value: Any) -> str | bytes | None:
    """Write a value that has no parts; None for others."""
    kind = type(value)
    if kind is bytes:
        return value
    if kind in _PLAIN or isinstance(value, np.floating | np.integer | np.bool_):
        return repr(value)
    if kind is np.ndarray and value.dtype != object and not value.dtype.hasobject:
        head = f"{value.dtype.str}{value.dtype.names and value.dtype.descr}{value.shape}"
        return head.encode() + np.ascontiguousarray(value).tobytes()
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, type) and not _in_full(value):
        return f"{public_name(value)} {_version(value)}"
    return None


def _parts(value: Any) -> list[Any]:
    """List what a value is made of.

    Raises
    ------
    Exception
        Of any kind: the value cannot be taken apart.
    """
    kind = type(value)
    if kind in (list, tuple):
        return [len(value), *value]
    if kind in (dict, types.MappingProxyType):
        return [len(value), *value.items()]
    if kind in (set, frozenset):  # their order changes from process to process
        return sorted(_known(item) for item in value)
    if kind is np.ndarray:
        return [value.dtype.str, value.shape, *value.ravel().tolist()]
    if kind in (pd.DataFrame, pd.Series) or isinstance(value, pd.Index):
        return _parts_of_table(value)
    if isinstance(value, np.random.SeedSequence):
        return [value.entropy, *value.spawn_key]
    if isinstance(value, type):
        return _parts_of_class(value)
    if isinstance(value, BaseEstimator):
        held = value.__getstate__() | value.get_params(deep=False)
        return [(name, held[name]) for name in sorted(held) if name not in _NOT_IDENTITY]
    return _parts_of_code(value) or _parts_of_object(value)


def _known(value: Any) -> str:
    """Return the key of a value that can be identified."""
    key, unknown = identify(value)
    if unknown:
        raise TypeError(unknown)
    return key


def _parts_of_table(table: Any) -> list[Any]:
    rows = np.asarray(pd.util.hash_pandas_object(table, index=True))
    index = getattr(table, "index", table)
    if isinstance(table, pd.DataFrame):
        columns = [*zip(table.columns, table.dtypes, strict=True)]
        names = list(table.columns.names)
    else:
        columns, names = [(table.name, table.dtype)], []
    kinds = [(name, *_parts_of_dtype(kind)) for name, kind in columns]
    return [rows, _parts_of_dtype(index.dtype), list(index.names), names, kinds]


def _parts_of_dtype(kind: Any) -> list[Any]:
    """Of categories the order counts too: their codes follow it."""
    categories = (
        [list(kind.categories), kind.ordered] if isinstance(kind, pd.CategoricalDtype) else []
    )
    return [str(kind), *categories]


def _parts_of_class(kind: type) -> list[Any]:
    members = vars(kind)
    body = [(name, members[name]) for name in sorted(members) if name not in _ABOUT_CLASS]
    return [*kind.__bases__, body]


def _parts_of_code(value: Any) -> list[Any] | None:
    """List what makes up a function, a member of a class, or what wraps one; None for other values."""
    if isinstance(value, types.FunctionType):
        closure = [_contents(cell) for cell in value.__closure__ or ()]
        defaults = value.__defaults__, value.__kwdefaults__
        return [value.__qualname__, value.__code__, *defaults, closure, vars(value)]
    if isinstance(value, types.CodeType):
        layout = value.co_flags, value.co_argcount, value.co_posonlyargcount
        names = value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars
        return [
            value.co_code,
            value.co_consts,
            *names,
            *layout,
            value.co_kwonlyargcount,
            value.co_exceptiontable,
        ]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, functools.cached_property):
        return [value.func]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords, vars(value)]
    if isinstance(value, functools._lru_cache_wrapper):
        return [value.__wrapped__, value.cache_parameters()]
    if isinstance(getattr(value, "py_func", None), types.FunctionType):  # compiled by Numba
        return [value.py_func, getattr(value, "targetoptions", None)]
    if isinstance(value, _COMPILED):
        owner = getattr(value, "__self__", None)
        return [value.__qualname__, getattr(value, "__module__", None), owner]
    return None


def _parts_of_object(value: Any) -> list[Any]:
    """Ask an object for what pickling would keep of it, one level deep.

    The bytes of a pickle itself depend on which of its parts are shared, and fail where one part cannot be pickled,
    such as a lambda, although its code is known.
    """
    reduce = copyreg.dispatch_table.get(type(value))
    reduced: Any = reduce(value) if reduce else value.__reduce_ex__(4)
    if isinstance(reduced, str):  # the name of something that is there once
        return [pickle.dumps(value, protocol=4)]
    make, arguments, state, items, pairs = [*reduced, None, None, None][:5]
    return [make, arguments, state, list(items or ()), list(pairs or ())]


def _contents(cell: types.CellType) -> list[Any]:
    """Return what a function holds of its surroundings, as a list: empty while the name has no value yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "tsinit"


def _in_full(kind: type) -> bool:
    """Whether a class counts by its code: one that is written where it is used, and can change between two calls."""
    if _is_ours(kind):
        return False
    if kind.__module__ == "__main__":
        return True
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        compiled = kind.__module__ in sys.builtin_module_names or kind.__module__.startswith(
            "_cython_"
        )
        return not compiled
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return not (installed or path.is_relative_to(_STANDARD_LIBRARY))


def _version(kind: type) -> str:
    """Return the version of the library that defines a class; "" where it has none, or its objects are data."""
    library = kind.__module__.partition(".")[0]
    version = getattr(sys.modules.get(library), "__version__", "")
    return version if isinstance(version, str) and library not in _DATA else ""
