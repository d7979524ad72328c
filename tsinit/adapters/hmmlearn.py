"""hmmlearn: hidden Markov models by EM, started from labels."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._hmmlearn_listener import listening
from tsinit.adapters._hmmlearn_start import LETTERS, parameters_of, start_parameters
from tsinit.adapters._moments import RUNAWAY
from tsinit.adapters.library import LibraryAdapter, Rows, rows_of, seed_of

if TYPE_CHECKING:
    from tsinit._typing import IntArray
    from tsinit.models.monitor import Monitor


class Hmmlearn(LibraryAdapter):
    """Runs the models of hmmlearn.

    A start sets the parameters that ``init_params`` names, which the library would have set, and no others. Models
    that come back have ``start_``, the parameters that the fit began with.
    """

    library = package = "hmmlearn"
    min_version = "0.3.3"  # earlier ones lose likelihood in EM under NumPy 2
    verb = "labels"
    takes_missing = False
    classes: ClassVar[dict[str, str]] = dict.fromkeys(
        ("GaussianHMM", "GMMHMM", "CategoricalHMM", "PoissonHMM"), "hmmlearn.hmm"
    )

    def settings(self, model: Any) -> dict[str, Any]:
        """The model's parameters, what of them has been set by hand, and what ends a fit."""
        ends = type(model.monitor_), model.monitor_.tol
        return model.get_params() | parameters_of(model) | {"monitor_": ends}

    def n_states(self, model: Any) -> int:
        """The number that the user gave."""
        return int(model.n_components)

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Copy a model, and set the parameters that follow from labels."""
        begun = copy.deepcopy(model)
        vars(begun).pop("start_", None)
        begun.random_state = seed_of(rng)
        if start is not None:
            rows = rows_of(data)
            parameters = start_parameters(self._class_of(model), begun, rows, start, rng)
            for name, value in parameters.items():
                if LETTERS[name] in model.init_params:
                    setattr(begun, name, value)
            begun._given_init_params, begun.init_params = begun.init_params, ""
            begun.start_ = parameters_of(begun)
        return begun

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit, listening to what the library reports after each iteration: the value before it."""
        rows, seed, kept = rows_of(data), model.random_state, model.n_iter
        model.n_iter = monitor.max_iter(model.n_iter)
        with listening(model, monitor) as progress:
            model.fit(_as_taken(self._class_of(model), rows), rows.lengths)
        monitor.final = self.objective(model, data)
        monitor.record(monitor.final)
        history = list(progress.history)
        monitor.converged = len(history) > 1 and history[-1] - history[-2] < model.tol
        model.n_iter, model.random_state = kept, seed  # some of its models put a generator there
        model.init_params = vars(model).pop("_given_init_params", model.init_params)
        return model

    def objective(self, model: Any, data: Any) -> float:
        """The log-likelihood."""
        rows = rows_of(data)
        return float(model.score(_as_taken(self._class_of(model), rows), rows.lengths))

    def runaway(self, model: Any, data: Any) -> str:
        """Whether a component of a mixture stands on rows that are alike, where its variance may fall for ever."""
        if self._class_of(model) != "GMMHMM":  # the others hold their variances up
            return ""
        full = model.covariance_type in ("full", "tied")
        smallest = np.min(np.linalg.eigvalsh(model.covars_) if full else model.covars_)
        if smallest >= RUNAWAY * np.var(rows_of(data).y, axis=0).min():
            return ""
        return (
            "the likelihood of GMMHMM has no maximum where this run ended: a component has a variance of "
            f"{smallest:.1g}"
        )

    def labels(self, model: Any, data: Any) -> IntArray:
        """The most probable path of every sequence, or states, as ``algorithm`` says."""
        rows = rows_of(data)
        return model.predict(_as_taken(self._class_of(model), rows), rows.lengths)


def _as_taken(kind: str | None, rows: Rows) -> Any:
    """The user's table, counts and symbols as whole numbers, where they are."""
    counts = kind in ("PoissonHMM", "CategoricalHMM") and (rows.y == np.round(rows.y)).all()
    return rows.y.astype(int) if counts else rows.table
