"""statsmodels: how its models are run, whichever of its two kinds they are."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._statsmodels_listener import Listener, Spent, quiet
from tsinit.adapters._statsmodels_rebuild import OURS
from tsinit.adapters._statsmodels_series import covers, one_series, stretch, table_of
from tsinit.adapters.library import LibraryAdapter

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor


class StatsmodelsAdapter(LibraryAdapter, ABC):
    """Base of the adapters of models that hold their data, and whose ``fit`` gives a results object.

    A run fits a fresh model: a copy where the data are the series that the user built it on, else one built anew on
    the data, with its rows of the exogenous variables where the data are a stretch of that series. Results come back;
    the model they hold has ``start_``, the parameters that the optimiser began with, and ``whole_``, the user's model,
    where the data are a part of its series.
    """

    library = package = "statsmodels"
    min_version = "0.14.4"

    #: What else ``fit`` is told about a start that is not its own.
    as_given: ClassVar[dict[str, Any]] = {}

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit as the library does, listening to what its optimiser evaluates."""
        keywords: dict[str, Any] = {}
        point = vars(model).pop("point_", None)
        if point is not None:
            keywords = {"start_params": point, "transformed": False, **self.as_given}
        listener = Listener(self, model, monitor)
        with quiet(), listener:
            try:
                results = listener.fit(keywords)
            except Spent:
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

    @abstractmethod
    def constrain(self, model: Any, x: FloatArray) -> FloatArray:
        """From the scale of the optimiser to the parameters."""

    def _whole(self, model: Any) -> dict[str, Any]:
        """What a model's functions are told about a vector of all its parameters."""
        return {}

    def _copied(self, model: Any) -> Any:
        return copy.deepcopy(model)

    @abstractmethod
    def _rebuilt(self, model: Any, table: Any, rows: slice | None) -> Any:
        """Build a model on other data, which are these rows of its own series where they are any."""

    def _on(self, model: Any, data: Any) -> Any:
        """Give a fresh model of the same kind that holds these data."""
        y, whole = one_series(data), getattr(model, "whole_", model)
        rows = stretch(whole, y)
        with quiet():
            alike = covers(whole, y)
            fresh = self._copied(whole) if alike else self._rebuilt(whole, table_of(data, y), rows)
        for name in OURS:
            vars(fresh).pop(name, None)
        if rows is not None and not alike:
            fresh.whole_ = whole  # what is held out may be the rest of it
        return fresh

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        with quiet():
            return kind(table_of(data, one_series(data)), **settings)
