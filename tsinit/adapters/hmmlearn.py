"""hmmlearn: hidden Markov models by EM, started from labels."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsinit.adapters._hmmlearn_start import start_parameters
from tsinit.adapters._moments import RUNAWAY
from tsinit.adapters.library import LibraryAdapter, Rows, rows_of, seed_of

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray
    from tsinit.models.monitor import Monitor

#: Parameters by the letters of ``init_params``.
_LETTERS = {
    "startprob_": "s", "transmat_": "t", "means_": "m", "covars_": "c", "weights_": "w", "emissionprob_": "e",
    "lambdas_": "l",
}  # fmt: skip


class Hmmlearn(LibraryAdapter):
    """Runs the models of hmmlearn.

    A start sets the parameters that ``init_params`` names, which the library would have set, and no others. Models
    that come back have ``start_``, the parameters that the fit began with.
    """

    library = package = "hmmlearn"
    least = "0.3.3"  # earlier ones lose likelihood in EM under NumPy 2
    verb = "labels"
    takes_missing = False
    classes: ClassVar[dict[str, str]] = dict.fromkeys(
        ("GaussianHMM", "GMMHMM", "CategoricalHMM", "PoissonHMM"), "hmmlearn.hmm"
    )

    def settings(self, model: Any) -> dict[str, Any]:
        """The model's parameters, what of them has been set by hand, and what ends a fit."""
        ends = type(model.monitor_), model.monitor_.tol
        return model.get_params() | _read(model, _LETTERS) | {"monitor_": ends}

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
                if _LETTERS[name] in model.init_params:
                    setattr(begun, name, value)
            begun._given_init_params, begun.init_params = begun.init_params, ""
            begun.start_ = _read(begun, _LETTERS)
        return begun

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Fit, listening to what the library reports after each iteration: the value before it."""
        rows, seed, kept = rows_of(data), model.random_state, model.n_iter
        model.n_iter = monitor.max_iter(model.n_iter)
        with _listening(model, monitor) as progress:
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


@contextlib.contextmanager
def _listening(model: Any, monitor: Monitor) -> Iterator[Any]:
    """Let a monitor hear what the model reports to its own, of whatever class the user made that."""
    progress = model.monitor_
    own = type(progress)

    class Listening(own):  # type: ignore[misc, valid-type]
        def _reset(self) -> None:
            # Called when everything is initialised and nothing fitted.
            super()._reset()
            model.start_ = _read(model, _LETTERS)
            monitor.run()

        def report(self, log_prob: float) -> None:
            super().report(log_prob)
            self.going = monitor.record(log_prob)

        @property
        def converged(self) -> bool:
            return not self.going or super().converged

    progress.n_iter, progress.__class__ = model.n_iter, Listening
    log = logging.getLogger("hmmlearn.base")
    level = log.level
    log.setLevel(logging.ERROR)  # the table says what of its trace is not monotone
    try:
        yield progress
    finally:
        log.setLevel(level)
        progress.__class__ = own
        vars(progress).pop("going", None)


def _as_taken(kind: str | None, rows: Rows) -> Any:
    """The user's table, counts and symbols as whole numbers, where they are."""
    counts = kind in ("PoissonHMM", "CategoricalHMM") and (rows.y == np.round(rows.y)).all()
    return rows.y.astype(int) if counts else rows.table


def _read(model: Any, names: Any) -> dict[str, FloatArray]:
    """Copy the parameters that a model has; covariances as they are kept, which are shown by what a fit learns."""
    held = {name: vars(model).get(f"_{name}", vars(model).get(name)) for name in names}
    return {name: np.array(value) for name, value in held.items() if value is not None}
