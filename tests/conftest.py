"""Shared set-up: a compile cache that belongs to exactly these sources, and a fixed generator."""

import hashlib
import os
import tempfile
from pathlib import Path

_SOURCES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "tsinit").rglob("*.py"))]
# What is compiled says so: it takes its decorators from one place.
_KEY = hashlib.sha256(b"".join(text for text in _SOURCES if b"kernels._jit" in text)).hexdigest()[:16]
# Numba does not notice an edited callee in another module, so each state of the compiled sources has its own cache.
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"tsinit-numba-{_KEY}")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)
