"""The states that a run ended with, as text: small enough to be kept of every run, so that runs can be compared."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.models.race import FAILURES

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.comparison.plan.tasks import Task

#: Rows of longer data that are kept, evenly spaced: an index of agreement hardly changes beyond.
_MAX_ROWS = 5_000
_MAX_STATES = 2**16


def segmentation_of(task: Task, estimator: Any) -> str | None:
    """Take down the labels of a fitted model that climbs from labels; None of any other."""
    if task.adapter.verb != "labels" or task.adapter.kind != "climbs":
        return None
    ask = getattr(task.adapter, "labels", None)
    try:
        found = estimator.labels_ if ask is None else ask(estimator, task.data.X)
        labels = np.unique(np.asarray(found).ravel(), return_inverse=True)[1].ravel()
    except (*FAILURES, AttributeError):
        return None  # the fit stands, whatever its labels do
    if not labels.size or labels.max() >= _MAX_STATES:
        return None
    rows = np.linspace(0, len(labels) - 1, min(len(labels), _MAX_ROWS)).round().astype(int)
    return base64.b85encode(zlib.compress(labels[rows].astype("<u2").tobytes(), 9)).decode()


def labels_in(text: str) -> IntArray:
    """Read back what :func:`segmentation_of` took down.

    Raises
    ------
    ValueError
        The text is no such thing.
    """
    unpack = zlib.decompressobj()
    try:
        # Never more than was written: a few altered bytes may stand for gigabytes.
        content = unpack.decompress(base64.b85decode(text), 2 * _MAX_ROWS)
    except zlib.error as error:
        raise ValueError(f"no labels: {error}") from None
    if not unpack.eof or not content or len(content) % 2:
        raise ValueError("no labels")
    return np.frombuffer(content, dtype="<u2").astype(np.int64)
