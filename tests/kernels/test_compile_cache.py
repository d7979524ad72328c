"""Kernels are cached, but not for classes that another process may not know: those would spoil the whole index."""

import os
import subprocess
import sys

import pytest

from tsinit.kernels import partitions
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
"""
COUNT = """
from tsinit.kernels.density import all_log_densities
print(len(all_log_densities._cache._cache_file._load_index()))
"""
BUILT_IN = """
import numpy as np
from tsinit.kernels.partitions import overlap

overlap(np.zeros(1, int), np.zeros(1, int), np.zeros((1, 1), int))
print(len(overlap._cache._cache_file._load_index()), sum(overlap.stats.cache_hits.values()))
"""


def _run(code, folder):
    out = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
    )  # fmt: skip
    return out.stdout.split()


def test_a_class_of_a_users_is_compiled_and_leaves_no_trace(tmp_path):
    assert _run(FIT, tmp_path) == ["-6.0"]
    assert _run(FIT, tmp_path) == ["-6.0"]
    assert _run(COUNT, tmp_path) == ["0"]


def test_a_kernel_of_the_package_is_compiled_once(tmp_path):
    assert _run(BUILT_IN, tmp_path) == ["1", "0"]
    assert _run(BUILT_IN, tmp_path) == ["1", "1"]


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
