"""Keys that survive a restart: what a run is called, and the seed it started from."""

import functools
import hashlib
import pickle
import sys
import types
import zlib
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

#: Parameters that change how loudly or how widely a model works, never what it finds.
_NOT_IDENTITY = {"verbose", "n_jobs"}
#: Where the classes of this package are public, the shortest path first.
_PUBLIC = ("tsinit", "tsinit.init", "tsinit.models", "tsinit.emissions")


def fingerprint(*parts: Any) -> str:
    """Hash anything a run may depend on.

    Equal values give equal text in every process and session: estimators count by class and parameters,
    arrays and tables by content, functions by their code, defaults and closure (not by the globals they
    read), seeds by their key. Classes of this package count by their public names, so that it does not matter in
    which of its modules they are defined.

    Parameters
    ----------
    *parts : object
        Arrays, tables, estimators, functions, seeds, and containers of these.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()[:16]


def public_name(kind: type) -> str:
    """Name a class: of this package by the shortest path at which users find it, whatever module defines it.

    What users do not find is called by its name under ``tsinit``; names of classes are unique in the package.
    """
    if kind.__module__.partition(".")[0] != "tsinit":
        return f"{kind.__module__}.{kind.__qualname__}"
    name = kind.__qualname__
    for path in _PUBLIC:
        home = sys.modules.get(path)
        # __all__ first, because asking for a name may import what it stands for.
        if name in getattr(home, "__all__", ()) and getattr(home, name) is kind:
            return f"{path}.{name}"
    return f"tsinit.{name}"


def cell_seed(entropy: int, dataset: str, replicate: int) -> np.random.SeedSequence:
    """Return the seed that every strategy shares in one replicate of one data set.

    The estimator derives child 0 for its start and child 1 for its run, so strategies are paired. The key holds
    a checksum of the data set's name instead of its position: adding another changes nothing.

    Parameters
    ----------
    entropy : int
    dataset : str
    replicate : int

    Returns
    -------
    numpy.random.SeedSequence
    """
    return np.random.SeedSequence(
        entropy=entropy, spawn_key=(zlib.crc32(dataset.encode()), replicate)
    )


def seed_text(seed: np.random.SeedSequence, purpose: int) -> str:
    """Write child ``purpose`` of a seed as text, ``"entropy:key,key,..."``, which rebuilds it.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
    purpose : {0, 1}
        0 for the start, 1 for the run.
    """
    return f"{seed.entropy}:{','.join(map(str, (*seed.spawn_key, purpose)))}"


def seed_from_text(text: str) -> np.random.SeedSequence:
    """Rebuild the seed that :func:`seed_text` wrote.

    Parameters
    ----------
    text : str
        For example ``"0:2271034571,3,0"``.

    Returns
    -------
    numpy.random.SeedSequence

    Raises
    ------
    ValueError
        It is no such text.
    """
    try:
        entropy, key = text.split(":")
        return np.random.SeedSequence(
            entropy=int(entropy), spawn_key=tuple(map(int, key.split(",")))
        )
    except (AttributeError, ValueError):
        raise ValueError(
            f"text must be a seed of a run, such as '0:2271034571,3,0'; got {text!r}."
        ) from None


def _feed(digest: Any, value: Any, inside: tuple[int, ...] = ()) -> None:
    """Add one value to the hash; the kind goes in first, so that 1 and "1" differ.

    inside : ids of the values that hold this one. A function that calls itself is in its own closure.
    """
    digest.update(f"<{public_name(type(value))}>".encode())
    if id(value) in inside:
        digest.update(f"level {inside.index(id(value))}".encode())
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif (parts := _parts(value)) is not None:
        digest.update(str(len(parts)).encode())
        for part in parts:
            _feed(digest, part, (*inside, id(value)))
    else:
        digest.update(_plain_bytes(value))


def _parts(value: Any) -> list[Any] | None:
    """List what a value is made of; None for one that has no parts."""
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        rows = pd.util.hash_pandas_object(value, index=True)
        return [np.asarray(rows), *map(str, getattr(value, "columns", []))]
    if isinstance(value, np.random.SeedSequence):
        return [value.entropy, *value.spawn_key]
    if isinstance(value, BaseEstimator):
        params = value.get_params(deep=False)
        return [(name, params[name]) for name in sorted(params) if name not in _NOT_IDENTITY]
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))  # their order changes from process to process
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, types.FunctionType):
        closure = [_contents(cell) for cell in value.__closure__ or ()]
        return [value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, closure]  # fmt: skip
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, types.CodeType):
        return [value.co_code, value.co_names, value.co_consts]
    return None


def _contents(cell: types.CellType) -> list[Any]:
    """Return what a function holds of its surroundings, as a list: empty while the name has no value yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def _plain_bytes(value: Any) -> bytes:
    if isinstance(value, type):
        return public_name(value).encode()
    if isinstance(value, bytes):
        return value
    if value is None or isinstance(value, bool | int | float | str | complex):
        return repr(value).encode()
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:  # what cannot be pickled still has a kind, which is in the hash already
        return b""
