"""The protocol between `compare` and the libraries whose models it runs, and the look-up by model."""

from typing import Any, Protocol

import numpy as np

from tsinit.models.monitor import Monitor

_ADAPTERS: list["Adapter"] = []


class Adapter(Protocol):
    """What `compare` asks of a library.

    Of a fitted model it also reads ``n_iter_`` and ``converged_``, where they are.

    Attributes
    ----------
    verb : {"dynamics", "labels", "fill"} or None
        The kind of start that the models ask a strategy for; None if strategies are the models' own affair.
    kind : {"climbs", "samples"}
        Whether a run ends at a point, a local maximum of its objective, or in draws from a distribution.
    """

    verb: str | None
    kind: str

    def accepts(self, model: Any) -> bool:
        """Whether this adapter runs a model; decided by its class, without importing the library."""

    def describe(self, model: Any) -> dict[str, Any]:
        """Give at least ``name``, ``library``, ``version``, and as ``objective`` the name of what it maximises."""

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Return a fresh model that begins at a start; the user's own stays as it is.

        Parameters
        ----------
        model : object
            As the user gave it.
        start : str, strategy, function, ready start or None
            As `compare` was given it; None is the library's own.
        data : table or list of tables
        rng : numpy.random.Generator
            Of this replicate, the same for every start. ``rng.spawn(2)`` are the streams of the start and of the
            run, as the table of runs records them.
        """

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit what `begin` returned, and return it fitted.

        Call ``monitor(iteration, objective)`` at the start, iteration 0, and after every iteration; where that is False
        the budget is spent, and the fit ends.
        """

    def objective(self, model: Any, data: Any) -> float:
        """What a fitted model comes to, in nats: the same function for every start."""

    def start_of(self, model: Any) -> Any:
        """What a fitted model really began with, None where it does not say."""


def register(adapter: Any) -> None:
    """Let `compare` run the models that an adapter accepts.

    Parameters
    ----------
    adapter : Adapter, or class of one
        Asked before those registered earlier.
    """
    _ADAPTERS.insert(0, adapter() if isinstance(adapter, type) else adapter)


def adapter_of(model: Any) -> Adapter:
    """Find the adapter that runs a model.

    Parameters
    ----------
    model : object

    Returns
    -------
    Adapter

    Raises
    ------
    TypeError
        No adapter accepts the model.
    """
    for adapter in _ADAPTERS:
        if adapter.accepts(model):
            return adapter
    called = " (a class: call it)" if isinstance(model, type) else ""
    raise TypeError(
        f"model must be a tsinit estimator, for example LinearGaussianSSM(); got {model!r}{called}."
    )
