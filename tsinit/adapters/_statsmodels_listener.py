"""What is heard of a fit of statsmodels: what its optimiser evaluates, and none of its warnings."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsinit._typing import FloatArray
    from tsinit.adapters._statsmodels import StatsmodelsAdapter
    from tsinit.models.monitor import Monitor

#: Iterations of a fit that does not show its limit, as of the fit that it hands over to.
_USUAL_LIMIT = 50


class Spent(Exception):
    """The budget has ended a run."""


class Listener:
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
            raise Spent


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of the library; what they say of a run is in its row."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
