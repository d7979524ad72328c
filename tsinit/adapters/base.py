"""The protocol between `compare` and the libraries whose models it runs, and the look-up by model."""

from typing import Any, Protocol

import numpy as np

from tsinit.models.monitor import Monitor

_ADAPTERS: list["Adapter"] = []


class Adapter(Protocol):
    """What `compare` asks of a library.

    More methods are asked where an adapter has them: ``check(model)`` raises a sentence for a model that cannot be run
    (its library is too old), ``labels(model, data)`` gives a state for every row, of all sequences together,
    ``params(model)`` the `LinearGaussianParams` of a fitted model of dynamics, ``score(model, data)`` the
    log-likelihood of held-out data where that is not the objective, ``runaway(model, data)`` says in a sentence that a
    fit has left for where its objective has no maximum, "" where it has not, ``takes_inputs(model)`` whether known
    inputs may stand beside the data, which `run` is then given as ``inputs=``, and ``settings(model)`` is a dict of
    what decides a result, for models without ``get_params``. Of a fitted model
    ``n_iter_`` and ``converged_`` are read, where they are; others say it to the monitor.

    Attributes
    ----------
    verb : {"dynamics", "labels", "fill", "point"} or None
        The kind of start that the models ask a strategy for; None hands `begin` what the user gave.
    kind : {"climbs", "samples"}
        Whether a run ends at a point, a local maximum of its objective, or in draws from a distribution.
    """

    verb: str | None
    kind: str

    def accepts(self, model: Any) -> bool:
        """Whether this adapter runs a model; decided by its class, without importing the library."""

    def describe(self, model: Any) -> dict[str, Any]:
        """Give ``name``, ``library``, ``version``, and as ``objective`` the name of what is maximised.

        With the verbs ``dynamics`` and ``labels`` also ``n_states``, for the strategies.
        """

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Return a fresh model that begins at a start; the user's own stays as it is.

        Parameters
        ----------
        model : object
            As the user gave it.
        start : array, LinearGaussianParams, complete table or None
            What a strategy gave, by the verb; None is the library's own start.
        data : table or list of tables
        rng : numpy.random.Generator
            The stream of the run, the same for every start. Where there is no verb, the parent of both streams:
            ``rng.spawn(2)`` are those of the start and of the run, as the table of runs records them.
        """

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit what `begin` returned, and return it fitted.

        Call ``monitor(iteration, objective)`` at the start, iteration 0, and after every iteration; where that is False
        the budget is spent, and the fit ends.
        """

    def objective(self, model: Any, data: Any) -> float:
        """What a fitted model comes to, in nats: the same function for every start."""

    def start_of(self, model: Any) -> Any:
        """What a model really began with, None where it does not say.

        Asked after `begin` and after `run`: where the two differ, the library did not keep the start, and the run is
        an error.
        """


def register(adapter: Any) -> None:
    """Let `compare` run the models that an adapter accepts.

    Parameters
    ----------
    adapter : Adapter, or class of one
        Asked before those registered earlier.

    Raises
    ------
    TypeError
        It lacks a part of the protocol.
    """
    made = adapter() if isinstance(adapter, type) else adapter
    missing = [name for name in _PARTS if not hasattr(made, name)]
    if missing:
        raise TypeError(
            f"adapter must have all parts of tsinit.adapters.Adapter; got {type(made).__name__} without "
            f"{', '.join(missing)}."
        )
    _ADAPTERS.insert(0, made)


_PARTS = ("verb", "kind", "accepts", "describe", "begin", "run", "objective", "start_of")


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
        "model must be a tsinit estimator, for example LinearGaussianSSM(), or a model that an adapter runs, of "
        f"{supported()}; got {model!r}{called}."
    )


def supported() -> str:
    """List the libraries of the adapters, each with its models."""
    classes: dict[str, list[str]] = {}
    for adapter in reversed(_ADAPTERS):
        if library := getattr(adapter, "library", None):
            classes.setdefault(library, []).extend(getattr(adapter, "classes", ()))
    return ", ".join(f"{library} ({', '.join(names)})" for library, names in classes.items())


def adapters_of_class(name: str) -> list[Any]:
    """List the adapters that run models of a class, by its name."""
    return [a for a in reversed(_ADAPTERS) if name in getattr(a, "classes", ())]


def libraries() -> list[str]:
    """List the names of the libraries, on the package index and in Python."""
    names = [(getattr(a, "library", None), getattr(a, "package", None)) for a in _ADAPTERS]
    return sorted({name for pair in names for name in pair if name})


def library_adapters(library: str) -> list[Any]:
    """List the adapters of one library, by its name in messages or in Python."""
    return [
        adapter
        for adapter in _ADAPTERS
        if library in (getattr(adapter, "library", None), getattr(adapter, "package", None))
    ]
