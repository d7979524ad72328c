"""The models of this package, and estimators that keep to the same convention."""

import inspect
from typing import Any

import numpy as np
from sklearn.base import clone

from tsinit import __version__
from tsinit.models.monitor import Monitor


class OwnModels:
    """Runs scikit-learn estimators that can be fitted under a `Monitor`.

    Such an estimator has the parameters ``init`` and ``random_state``, a class attribute ``fit_kind`` (a
    ``tsinit.models.base.FitKind``) and a method ``fit_under(monitor, X)``, which reports every iteration to the monitor
    and leaves ``start_``; those of this package also leave ``history_``. Where ``fit`` has a parameter ``inputs``, so
    must ``fit_under``.

    Parameters
    ----------
    verb : {"dynamics", "labels", "fill"} or None
    kind : {"climbs", "samples"}
    """

    asks_itself = True  # in the fit, where units and trial fits are known

    def __init__(self, verb: str | None, kind: str) -> None:
        self.verb = verb
        self.kind = kind

    def accepts(self, model: Any) -> bool:
        """Whether a model is such an estimator of this verb and kind."""
        if isinstance(model, type) or not (
            hasattr(model, "fit_under") and hasattr(model, "fit_kind")
        ):
            return False
        return (model.fit_kind.verb, model.fit_kind.sampler) == (self.verb, self.kind == "samples")

    def takes_inputs(self, model: Any) -> bool:
        """Whether known inputs may stand beside the data of a model."""
        return "inputs" in inspect.signature(model.fit).parameters

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model, where it is from and what it maximises."""
        return {
            "name": type(model).__name__,
            "library": "tsinit",
            "version": __version__,
            "objective": model.fit_kind.objective,
        }

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Copy a model with a strategy, which it asks in its fit; None leaves it its own ``init``."""
        settings = model.get_params(deep=False)
        # Runs share the cores among them: chains that ran side by side within one would be timed against each other.
        quiet = {name: value for name, value in (("verbose", 0), ("n_jobs", 1)) if name in settings}
        # An estimator derives the streams of start and run from the seed itself.
        seed = rng.bit_generator.seed_seq
        init = {} if start is None else {"init": start}
        return clone(model).set_params(random_state=seed, **init, **quiet)

    def run(self, model: Any, data: Any, monitor: Monitor, **more: Any) -> Any:
        """Fit under the monitor; the last objective counts, unless a sampler says what its draws come to."""
        fitted = model.fit_under(monitor, data, **more)
        if monitor.final is None and monitor.objectives:
            monitor.final = monitor.objectives[-1]
        return fitted

    def objective(self, model: Any, data: Any) -> float:
        """The last objective of the fit; of a sampler, that of its last sweep."""
        return float(model.history_[-1])

    def start_of(self, model: Any) -> Any:
        """What the strategy returned."""
        return getattr(model, "start_", None)


OWN = [
    OwnModels(verb, kind)
    for verb in ("dynamics", "labels", "fill", None)
    for kind in ("climbs", "samples")
]
