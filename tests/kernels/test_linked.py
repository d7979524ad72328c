"""Kernels that only kernels call are code for linking: no machine code, the same results, and they are cached."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tsinit.kernels import _jit, _linked
from tsinit.kernels._linked import AVAILABLE, LinkedLibrary

SOURCE = """
import math
import numpy as np
from tsinit.kernels._jit import blend, entry, kernel, kernel_with_memory

@kernel
def inner(x, y):
    out = 0.0
    for i in range(len(x)):
        out += math.exp(-x[i] * x[i]) * y[i]
    return out

@blend
def total(x):
    out = 0.0
    for i in range(len(x)):
        out += x[i]
    return out

@kernel_with_memory
def scaled(x, y):
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = x[i] / inner(x, y)
    return out

@entry
def first(x, y):
    return inner(x, y) + total(scaled(x, y))

@entry
def second(x, y):
    return total(scaled(y, x)) - inner(y, x)
"""
CALL = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import parts
x, y = np.random.default_rng(0).normal(size=(2, 100))
print(float.hex(parts.{name}(x, y)), sum(parts.inner.stats.cache_hits.values()))
"""

pytestmark = pytest.mark.skipif(not _jit.COMPILED, reason="kernels are plain Python here")


def call(folder, name, ahead=""):
    """Call a function of the source in a process of its own; returns the value, and how often the cache had `inner`."""
    parts = folder / "parts.py"
    if not parts.exists():  # a cache is keyed by the time of its source
        parts.write_text(SOURCE)
    out = subprocess.run(
        [sys.executable, "-c", ahead + CALL.format(folder=str(folder), name=name)],
        check=True, capture_output=True, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")},
    )  # fmt: skip
    value, hits = out.stdout.split()
    return float.fromhex(value), int(hits)


def expected(name):
    """Say the same in NumPy."""
    x, y = np.random.default_rng(0).normal(size=(2, 100))
    x, y = (x, y) if name == "first" else (y, x)
    inner = float(np.exp(-x * x) @ y)
    return inner + (x / inner).sum() if name == "first" else (x / inner).sum() - inner


def test_a_kernel_from_the_cache_is_linked_into_an_entry_that_is_new(tmp_path):
    value, hits = call(tmp_path, "first")
    assert hits == 0
    assert value == pytest.approx(expected("first"), rel=1e-12)
    value, hits = call(tmp_path, "second")
    assert hits == 1
    assert value == pytest.approx(expected("second"), rel=1e-12)
    assert call(tmp_path, "second") == (value, 0)  # the entry alone is read


def test_the_values_are_those_of_numbas_own_way(tmp_path):
    for folder in ("linked", "plain"):
        (tmp_path / folder).mkdir()
    plain = "from tsinit.kernels import _jit\n_jit.AVAILABLE = False\n"
    ours, numbas = call(tmp_path / "linked", "first"), call(tmp_path / "plain", "first", plain)
    # `blend` lets a sum of 100 terms be taken in another order where it is inlined.
    assert ours[0] == pytest.approx(numbas[0], rel=1e-13)


def test_only_an_entry_has_machine_code():
    @_jit.kernel
    def double(x):
        return 2.0 * x

    @_jit.entry
    def called(x):
        return double(x) + 1.0

    assert called(3.0) == 7.0
    (inner,), (outer,) = double.overloads.values(), called.overloads.values()
    assert AVAILABLE
    assert isinstance(inner.library, LinkedLibrary)
    assert inner.library.get_pointer_to_function(inner.fndesc.llvm_func_name) == 0
    assert not isinstance(outer.library, LinkedLibrary)
    assert outer.library.get_pointer_to_function(outer.fndesc.llvm_func_name) != 0


@pytest.mark.parametrize(
    ("version", "is_known"), [((0, 60), False), ((0, 61), True), ((0, 68), True), ((0, 69), False)]
)
def test_versions_of_numba_that_nobody_tried_compile_in_their_own_way(version, is_known):
    assert _linked.is_available(version) == is_known


def test_a_step_that_numba_has_no_more_is_noticed(monkeypatch):
    monkeypatch.setattr(_linked, "_STEPS", (*_linked._STEPS, "_a_step_of_tomorrow"))
    assert not _linked.is_available((0, 68))
