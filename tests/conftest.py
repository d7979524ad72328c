"""Shared set-up: a compile cache that belongs to exactly these sources, and a fixed generator."""

import hashlib
import os
import tempfile
from pathlib import Path

_SOURCES = sorted((Path(__file__).parents[1] / "tsinit").rglob("*.py"))
_KEY = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]
# Numba does not notice an edited callee in another module, so each state of the sources has its own cache.
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"tsinit-numba-{_KEY}")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)
