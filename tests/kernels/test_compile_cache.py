"""Kernels are cached, but not for classes that another process may not know: those would spoil the whole index."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tsinit.kernels import _jit, partitions
from tsinit.kernels._jit import _CacheFile

FIT = """
from typing import NamedTuple
import numpy as np
from tsinit.kernels.density import all_log_densities, density

class Params(NamedTuple):
    rate: np.ndarray

class Data(NamedTuple):
    y: np.ndarray

@density(Params)
def waiting(params, data, t, k):
    return np.log(params.rate[k]) - params.rate[k] * data.y[t, 0]

print(all_log_densities(Params(np.ones(2)), Data(np.ones((3, 1))), 2).sum())
print(len(all_log_densities._cache._cache_file._load_index()))
"""
BUILT_IN = """
import warnings
import numpy as np
from tsinit.kernels.partitions import overlap

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for kind in (int, np.int32):  # the type of the labels: compiled twice
        overlap(np.zeros(1, kind), np.zeros(1, kind), np.zeros((1, 1), int))
for warning in caught:
    print("warning", warning.message, warning.filename)
print(len(overlap._cache._cache_file._load_index()), sum(overlap.stats.cache_hits.values()))
"""


def _run(code, folder):
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )  # fmt: skip
    return out.stdout.split()


def test_a_class_of_a_users_is_compiled_and_leaves_no_trace(tmp_path):
    assert _run(FIT, tmp_path) == ["-6.0", "0"]
    assert _run(FIT, tmp_path) == ["-6.0", "0"]


def test_a_kernel_of_the_package_is_compiled_once(tmp_path):
    assert _run(BUILT_IN, tmp_path) == ["2", "0"]
    assert _run(BUILT_IN, tmp_path) == ["2", "2"]


def _damages():
    rng = np.random.default_rng(0)

    def flip(content):
        place = rng.integers(len(content))
        return (
            content[:place]
            + bytes([content[place] ^ (1 << rng.integers(8))])
            + content[place + 1 :]
        )

    return {
        "empty": lambda content: b"",
        "cut": lambda content: content[: len(content) // 2],
        "shorter by a byte": lambda content: content[:-1],
        "random": lambda content: rng.bytes(len(content)),
        "one bit": flip,
        "of something else": lambda content: pickle.dumps(["neither", 1]),
    }


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", _damages().values(), ids=_damages())
def test_a_damaged_file_is_as_none(tmp_path, monkeypatch, damage, ending):
    monkeypatch.setattr(_jit, "_TOLD", set())
    cache = _CacheFile(str(tmp_path), "kernel", "stamp")
    cache.save("int64", "compiled for int64")
    cache.save("float64", "compiled for float64")
    paths = [path for path in tmp_path.iterdir() if path.suffix == ending]
    for path in paths:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="found damaged compiled code in") as caught:
        assert cache.load("int64") is None
    assert caught[0].filename == __file__
    assert cache.load("float64") is None  # and no second warning, which would be an error here
    cache.save("int64", "compiled anew")
    assert cache.load("int64") == "compiled anew"


def test_a_process_with_damaged_code_compiles_it_anew_and_says_so_once(tmp_path):
    _run(BUILT_IN, tmp_path)
    for path in tmp_path.glob("*/*.nbc"):
        path.write_bytes(b"\0" * 1000)
    words = _run(BUILT_IN, tmp_path)
    assert words.count("warning") == 1
    assert "damaged" in words
    assert words[-2:] == ["2", "0"]
    assert _run(BUILT_IN, tmp_path) == ["2", "2"]


# The user who runs the tests may write everywhere, so Numba is told otherwise.
NOWHERE = """
import numba.core.caching as caching

def refuse(self):
    raise PermissionError("read-only")

caching._CacheLocator.ensure_cache_path = refuse
"""


def test_without_a_folder_to_write_to_it_works_and_says_so_once(tmp_path):
    words = _run(
        NOWHERE + BUILT_IN.replace("print(len(overlap", "0 and print(len(overlap"), tmp_path
    )
    assert words.count("warning") == 1
    assert "NUMBA_CACHE_DIR" in words
    assert not list(tmp_path.iterdir())


FULL = """
from tsinit.kernels._jit import _CacheFile

def full(self, path, content):
    raise OSError(28, "No space left on device")

_CacheFile._write = full
"""


def test_a_full_disk_keeps_nobody_from_computing(tmp_path):
    words = _run(FULL + BUILT_IN, tmp_path)
    assert words.count("warning") == 1
    assert words[-2:] == ["0", "0"]


@pytest.mark.parametrize("moment", ["_save_data", "_save_index"])
def test_two_processes_that_save_at_once_never_swap_what_they_compiled(tmp_path, moment):
    one, other, reader = (_CacheFile(str(tmp_path), "kernel", "stamp") for _ in range(3))
    other._load_index = dict  # it looked before the first one wrote
    write = getattr(one, moment)

    def interrupted(*what):
        other.save("float64", "compiled for float64")
        write(*what)

    setattr(one, moment, interrupted)
    one.save("int64", "compiled for int64")
    assert reader.load("int64") == "compiled for int64"
    assert reader.load("float64") in {"compiled for float64", None}  # forgotten at worst


def test_an_index_that_names_a_class_of_another_version_counts_as_none(tmp_path, monkeypatch):
    Old = type("Old", (), {"__module__": partitions.__name__})
    cache = _CacheFile(str(tmp_path), "kernel", "stamp")
    with monkeypatch.context() as before:
        before.setattr(partitions, "Old", Old, raising=False)
        cache.save(Old, "compiled for a class that was renamed since")
        assert cache.load(Old) is not None
    assert cache.load("int64") is None
    cache.save("int64", "compiled for int64")
    assert cache.load("int64") == "compiled for int64"
