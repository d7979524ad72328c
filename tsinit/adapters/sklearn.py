"""scikit-learn: Gaussian mixtures, started from labels; the order of rows is nothing to them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._mixture_listener import listening
from tsinit.adapters._mixture_start import number, parameters_of, set_labelled
from tsinit.adapters.library import LibraryAdapter, Rows, require_complete, rows_of, seed_of

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.models.monitor import Monitor


class Mixtures(LibraryAdapter):
    """Runs the mixtures of scikit-learn.

    A start is what the library's own first M-step makes of the labels; parameters that the user gave stay. Fits go on
    from there by ``warm_start``, and so without the restarts of ``n_init``, which belong to the library's own start.
    Models that come back have ``start_``, the parameters that the fit began with.
    """

    library = "scikit-learn"
    package = "sklearn"
    min_version = "1.6"
    verb = "labels"
    takes_missing = False
    classes: ClassVar[dict[str, str]] = dict.fromkeys(
        ("GaussianMixture", "BayesianGaussianMixture"), "sklearn.mixture"
    )

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model; variational inference maximises a bound."""
        maximised = {"objective": "lower bound"} if self._is_bayesian(model) else {}
        return super().describe(model) | maximised

    def n_states(self, model: Any) -> int:
        """The number that the user gave."""
        return int(model.n_components)

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Clone a model, and set the parameters that follow from labels."""
        from sklearn.base import clone

        begun = clone(model)
        begun.random_state = seed_of(rng)
        if start is not None:
            rows = _complete(data)
            set_labelled(begun, rows, start, rng, bayesian=self._is_bayesian(model))
            begun.start_ = parameters_of(begun)
            # What a fit that is to go on looks for, and what it would find before the first iteration.
            begun.converged_, begun.lower_bound_ = False, -np.inf
        return begun

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit in one call, listening to its steps."""
        from sklearn.exceptions import ConvergenceWarning

        table = _complete(data).table
        kept = {name: getattr(model, name) for name in ("max_iter", "tol", "warm_start")}
        model.max_iter = monitor.max_iter(model.max_iter)
        model.warm_start = hasattr(model, "start_")
        with warnings.catch_warnings(), listening(model, monitor, self._is_bayesian(model)):
            warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
            model.fit(table)
        for name, value in kept.items():
            setattr(model, name, value)
        model.converged_ = bool(model.converged_ and not monitor.timed_out)
        if self._is_bayesian(model):
            monitor.final = self.objective(model, data)
        return model

    def objective(self, model: Any, data: Any) -> float:
        """The log-likelihood; of a variational fit its lower bound, up to the constants that the library leaves out."""
        if not self._is_bayesian(model):
            return self.score(model, data)
        bound = number(model.lower_bound_)
        return bound if np.isfinite(bound) else getattr(model, "start_bound_", bound)

    def score(self, model: Any, data: Any) -> float:
        """The log-likelihood; a variational fit's is that of its expected log parameters."""
        rows = _complete(data)
        return float(model.score(rows.table) * len(rows.y))

    def labels(self, model: Any, data: Any) -> IntArray:
        """The most probable component of every row."""
        return model.predict(_complete(data).table)

    def _is_bayesian(self, model: Any) -> bool:
        return self._class_of(model) == "BayesianGaussianMixture"


def _complete(data: Any) -> Rows:
    rows = rows_of(data)
    require_complete(rows.y, "scikit-learn")
    return rows
