"""statsmodels: what the adapters of its models share: their own series, the run and its trace."""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from tsinit.adapters.library import LibraryAdapter, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor


class StatsmodelsAdapter(LibraryAdapter):
    """Base of the adapters of models that hold their data, and whose ``fit`` gives a results object.

    A run fits a fresh model: a copy where the data are the series that the user built it on, else one built anew on
    the data, with its rows of the exogenous variables where the data are a stretch of that series. Results come back;
    the model they hold has ``start_``, the parameters that the optimiser began with, and ``whole_``, the user's model,
    where the data are a part of its series.
    """

    library = package = "statsmodels"
    least = "0.14.4"

    #: What else ``fit`` is told about a start that is not its own.
    as_given: ClassVar[dict[str, Any]] = {}

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit as the library does, listening to what its optimiser evaluates."""
        keywords: dict[str, Any] = {}
        point = vars(model).pop("point_", None)
        if point is not None:
            keywords = {"start_params": point, "transformed": False, **self.as_given}
        listener = _Listener(self, model, monitor)
        with quiet(), listener:
            try:
                results = listener.fit(keywords)
            except _Spent:
                results = model.smooth(self.constrain(model, listener.x), **self._whole(model))
                results.mle_retvals = {"converged": False, "iterations": monitor.n_iter}
        said = results.mle_retvals or {}
        if listener.x is None and "params" in said:  # EM, which says afterwards where it was
            results.model.start_ = np.array(said["params"][0])
            monitor.extend([float(value) for value in said["llf"]])
        monitor.final = float(results.llf)
        if not listener.iterated and monitor.objectives[-1:] != [monitor.final]:
            monitor.record(monitor.final)  # of EM, or of a fit that nobody can listen to
        monitor.converged = bool(said.get("converged", said.get("iter", np.inf) < listener.limit))
        return results

    def objective(self, model: Any, data: Any) -> float:
        """The log-likelihood: of results at their parameters, of a begun model at its start."""
        held = getattr(model, "model", model)
        if held is not model and covers(held, one_series(data)):
            return float(model.llf)
        with quiet():
            fresh = self._on(held, data)
            params = model.params if held is not model else getattr(held, "start_", None)
            params = fresh.start_params if params is None else params
            return float(fresh.loglike(np.asarray(params), **self._whole(fresh)))

    def start_of(self, model: Any) -> Any:
        """The parameters that the optimiser began with."""
        return getattr(getattr(model, "model", model), "start_", None)

    def constrain(self, model: Any, x: FloatArray) -> FloatArray:
        """From the scale of the optimiser to the parameters."""
        raise NotImplementedError

    def _whole(self, model: Any) -> dict[str, Any]:
        """What a model's functions are told about a vector of all its parameters."""
        return {}

    def _copied(self, model: Any) -> Any:
        return copy.deepcopy(model)

    def _rebuilt(self, model: Any, table: Any, rows: slice | None) -> Any:
        """Build a model on other data, which are these rows of its own series where they are any."""
        raise NotImplementedError

    def _on(self, model: Any, data: Any) -> Any:
        """Give a fresh model of the same kind that holds these data."""
        y, whole = one_series(data), getattr(model, "whole_", model)
        rows = stretch(whole, y)
        with quiet():
            alike = covers(whole, y)
            fresh = self._copied(whole) if alike else self._rebuilt(whole, _table(data, y), rows)
        for name in _OURS:
            vars(fresh).pop(name, None)
        if rows is not None and not alike:
            fresh.whole_ = whole  # what is held out may be the rest of it
        return fresh

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        with quiet():
            return kind(_table(data, one_series(data)), **settings)


#: Iterations of a fit that does not show its limit, as of the fit that it hands over to.
_USUAL_LIMIT = 50


#: Kinds of settings, and the attributes that a run leaves.
_PLAIN = (bool, int, float, str, tuple, list, np.ndarray, np.generic)
_OURS = ("start_", "point_", "whole_")


class _Spent(Exception):
    """The budget has ended a run."""


class _Listener:
    """Hears what an optimiser evaluates, so that a trace costs no evaluation more."""

    def __init__(self, adapter: StatsmodelsAdapter, model: Any, monitor: Monitor) -> None:
        self.adapter, self.model, self.monitor = adapter, model, monitor
        self.x: Any = None  # the last iterate
        self.iterated = False
        self.limit = 0
        self.known: dict[bytes, float] = {}  # what was evaluated since
        self.inner = model.loglike

    def __enter__(self) -> None:
        self.model.loglike = self.loglike

    def __exit__(self, *error: object) -> None:
        vars(self.model).pop("loglike", None)

    def fit(self, keywords: dict[str, Any]) -> Any:
        """Call the library's own ``fit``, as it is called, and limited where the budget limits it."""
        taken = inspect.signature(self.model.fit).parameters
        options: dict[str, Any] = {"disp": 0, "callback": self.iterate}
        self.limit = taken["maxiter"].default if "maxiter" in taken else _USUAL_LIMIT
        if self.monitor.budget.max_iter is not None:
            self.limit = options["maxiter"] = self.monitor.max_iter(self.limit)
        if self.limit == 0:
            options["maxiter"] = 1  # L-BFGS takes a step even of none; the first evaluation ends it
        if "method_kwargs" in taken:
            options = {"method_kwargs": options}
        elif not any(part.kind is part.VAR_KEYWORD for part in taken.values()):
            options = {name: value for name, value in options.items() if name in taken}
        self.monitor.run()
        if self.limit == 0 and getattr(taken.get("method"), "default", "") == "em":
            point = keywords.get("start_params")
            first = self.model.untransform_params(self.model.start_params)
            self.loglike(first if point is None else point, {"transformed": False})
        results = self.model.fit(**keywords, **options)
        if settings := getattr(results, "mle_settings", None):
            settings["callback"] = None  # it would be pickled with the results
        return results

    def loglike(self, params: Any, *args: Any, **kwargs: Any) -> float:
        """Evaluate what the model evaluates; derivatives, by a complex step or otherwise named, are not remembered."""
        x = np.asarray(params)
        if x.dtype.kind == "c" or not args:
            return self.inner(params, *args, **kwargs)
        first = self.x is None
        if first:
            self.monitor.run()
            self.model.start_ = self.adapter.constrain(self.model, x)
        value = self.known[x.tobytes()] = self.inner(params, *args, **kwargs)
        if first:
            self._note(x, value)
        return value

    def iterate(self, x: Any, *rest: Any) -> None:
        """Note an iterate of the optimiser."""
        x = np.asarray(x)
        value = self.known.get(x.tobytes())
        if value is None:
            params = self.adapter.constrain(self.model, x)
            value = self.inner(params, **self.adapter._whole(self.model))
        self.known.clear()
        self.iterated = True
        self._note(x, value)

    def _note(self, x: FloatArray, value: float) -> None:
        self.x = x.copy()
        if not self.monitor.record(float(value)) or self.limit == 0:
            self.iterated = True  # all there will be is in the trace
            raise _Spent


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of the library; what they say of a run is in its row."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def own_series(model: Any) -> FloatArray:
    """The series that a model was built on, before it was differenced or cut: (T, D)."""
    endog = np.asarray(model.data.orig_endog, dtype=float)
    return endog.reshape(len(endog), -1)


def one_series(data: Any) -> FloatArray:
    """Read data as one table (T, D).

    Raises
    ------
    ValueError
        There are several sequences.
    """
    rows = rows_of(data)
    if len(rows.lengths) > 1:
        raise ValueError(
            f"data must be one series for statsmodels; got {len(rows.lengths)} sequences. Compare them as data sets "
            "of their own, in a dict."
        )
    return rows.y


def stretch(model: Any, y: FloatArray) -> slice | None:
    """Find data in a model's own series: from its beginning, or up to its end; None where they are others."""
    own = own_series(model)
    T = len(y)
    if own.shape[1] != y.shape[1] or len(own) < T:
        return None
    for rows in (slice(0, T), slice(len(own) - T, len(own))):
        if np.array_equal(own[rows], y, equal_nan=True):
            return rows
    return None


def covers(model: Any, y: FloatArray) -> bool:
    """Whether data are the very series that a model was built on."""
    return np.array_equal(own_series(model), y, equal_nan=True)


def plain_parts(attributes: dict[str, Any]) -> dict[str, Any]:
    """Choose the attributes of a model that its settings left, and that can be told apart by their content."""
    return {
        name: value
        for name, value in attributes.items()
        if isinstance(value, _PLAIN) and not name.startswith("_index") and name not in _OURS
    }


def exog_of(exog: Any, model: Any, rows: slice | None) -> Any:
    """Take the rows of exogenous variables that belong to data.

    Raises
    ------
    ValueError
        The data are others than the model was built on, so that nothing is known of the variables there.
    """
    if exog is None:
        return None
    if rows is None:
        raise ValueError(
            f"data must be the series that {type(model).__name__} was built on, its beginning or its end, because the "
            "model has exogenous variables; got others."
        )
    return np.asarray(exog)[rows]


def arguments(model: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """Read the arguments of a model's constructor off its attributes.

    Raises
    ------
    TypeError
        It does not keep one that it needs.
    """
    known = {}
    for name, parameter in inspect.signature(type(model).__init__).parameters.items():
        if name in ("self", "endog", "dates", "freq", "missing", *without):
            continue
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if not hasattr(model, name):
            raise TypeError(
                f"model must keep the arguments of its constructor as attributes, to be fitted to other data; got "
                f"{type(model).__name__} without {name}."
            )
        known[name] = getattr(model, name)
    return known


def _table(data: Any, y: FloatArray) -> Any:
    """Hand on a table of pandas with its index; others as they were read."""
    table = data[0] if isinstance(data, list) else data
    if isinstance(table, pd.DataFrame) and table.index.nlevels == 1:
        return table.iloc[:, 0] if y.shape[1] == 1 else table
    if isinstance(table, pd.Series) and table.index.nlevels == 1:
        return table
    return y[:, 0] if y.shape[1] == 1 else y
