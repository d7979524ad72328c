"""From what a user gave as a start to what an adapter begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_labels, check_params
from tsinit.adapters.library import rows_of
from tsinit.init.registry import is_native, resolve
from tsinit.models.base import one_thread
from tsinit.models.monitor import Budget, Monitor

if TYPE_CHECKING:
    from tsinit._typing import Trial
    from tsinit.adapters.base import Adapter


def begin(
    adapter: Adapter, model: Any, init: Any, data: Any, seed: np.random.SeedSequence
) -> tuple[Any, Any]:
    """Ask a strategy for a start, and begin with it.

    Parameters
    ----------
    adapter : Adapter
    model : object
        As the user gave it.
    init : str, strategy, function or ready start
        ``"native"`` is the library's own start.
    data : table or list of tables
    seed : numpy.random.SeedSequence
        Of the replicate; its children are the streams of the start and of the run.

    Returns
    -------
    begun : object
        What the adapter's `begin` returned.
    start : object
        The start it was handed; None for the library's own.

    Raises
    ------
    ValueError, TypeError
        The start is none that the model can begin with.
    """
    parent = np.random.default_rng(seed)
    native = is_native(init)
    if adapter.verb is None or getattr(adapter, "asks_itself", False):
        start = None if native else init
        return adapter.begin(model, start, data, parent), None
    of_start, of_run = parent.spawn(2)
    start = None if native else propose(adapter, model, init, data, of_start)
    return adapter.begin(model, start, data, of_run), start


def propose(adapter: Adapter, model: Any, init: Any, data: Any, rng: np.random.Generator) -> Any:
    """Ask for the start of a model, and hold it to what its verb promises."""
    assert adapter.verb is not None  # such adapters begin with what the user gave
    rows, n_states = rows_of(data), adapter.describe(model).get("n_states")
    strategy = resolve(init, adapter.verb)
    more = {}
    if adapter.verb == "point":
        more["space"] = adapter.space(model, data)  # type: ignore[attr-defined]
    with one_thread():
        start = strategy.propose(
            rows.y, rng, n_states, rows.offsets, _trial(adapter, model, data, rng), **more
        )
    if adapter.verb == "labels":
        labels = check_labels(start, len(rows.y), strategy.label)
        if n_states is not None and labels.max() >= n_states:
            raise ValueError(
                f"{strategy.label} must give at most {n_states} states, as many as the model has; "
                f"got {labels.max() + 1}."
            )
        return labels
    if adapter.verb == "dynamics":
        return check_params(start, n_states, rows.y.shape[1], strategy.label)
    return start


def _trial(adapter: Adapter, model: Any, data: Any, rng: np.random.Generator) -> Trial:
    """Short fits for strategies that compare candidates; the winner is begun anew."""
    streams = rng.spawn(1)[0]

    def trial(start: Any, n_iter: int) -> tuple[float, Any]:
        begun = adapter.begin(model, start, data, streams.spawn(1)[0])
        fitted = adapter.run(begun, data, Monitor(Budget(max_iter=n_iter)))
        return float(adapter.objective(fitted, data)), start

    return trial


def require_kept(adapter: Adapter, asked: Any, fitted: Any) -> None:
    """Refuse a fit whose library began elsewhere than it was asked to.

    Parameters
    ----------
    adapter : Adapter
    asked : object
        What ``adapter.start_of`` said after `begin`; None where it says nothing.
    fitted : object

    Raises
    ------
    StartNotKept
    """
    began = adapter.start_of(fitted)
    if asked is not None and not _same(asked, began):
        raise StartNotKept(
            f"{type(fitted).__name__} must begin with the start it was handed; got another, because the library "
            f"overwrote {_where(asked, began)}."
        )


class StartNotKept(RuntimeError):
    """A library began elsewhere than it was asked to."""


def _same(a: Any, b: Any) -> bool:
    """Whether two starts agree, but for rounding."""
    if isinstance(a, dict):
        return isinstance(b, dict) and all(k in b and _same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return isinstance(b, tuple | list) and len(a) == len(b) and all(map(_same, a, b))
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "biufc" and b.dtype.kind in "biufc":
        return np.allclose(a, b, rtol=1e-9, atol=1e-12 * _size(a), equal_nan=True)
    return np.array_equal(a, b)


def _size(a: np.ndarray) -> float:
    return float(np.abs(a[np.isfinite(a)]).max(initial=0.0))


def _where(asked: Any, began: Any) -> str:
    """Name the parts in which two starts differ."""
    if isinstance(asked, dict) and isinstance(began, dict):
        parts = [name for name in asked if not _same(asked[name], began.get(name))]
        return ", ".join(map(str, parts)) or "it"
    return "it"
