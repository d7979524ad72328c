"""What a monitor hears of a fit of scikit-learn's mixtures: every iteration, of the best of its restarts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters._mixture_start import number, parameters_of, start_bound

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor


@contextlib.contextmanager
def listening(model: Any, monitor: Monitor, bayesian: bool) -> Iterator[None]:
    """Let a monitor hear every iteration of a fit; of several restarts that it makes, those of the best.

    The objective of a mixture is that of the E-step: before its iteration, and after all of them once more, where the
    library looks up its labels. The bound of variational inference is that after each M-step; the start comes from one.
    """
    own, ended, fresh = type(model), [], [True]

    def end() -> None:
        ended.append((vars(model).get("start_"), *monitor.stop()))

    def note(objective: float) -> None:
        if not monitor.record(objective):
            model.tol = np.inf  # ends every restart at its second iteration at the latest

    class Listening(own):  # type: ignore[misc, valid-type]
        def _initialize_parameters(self, *args: Any, **options: Any) -> None:
            if not fresh[0]:
                end()
                monitor.start()
            fresh[0] = True
            super()._initialize_parameters(*args, **options)

        def _initialize(self, X: FloatArray, resp: Any, *args: Any, **options: Any) -> None:
            super()._initialize(X, resp, *args, **options)
            if bayesian:
                self.start_bound_ = start_bound(self, X, resp)

        def _e_step(self, X: FloatArray, *args: Any, **options: Any) -> tuple[float, FloatArray]:
            first, fresh[0] = fresh[0], False
            if first:
                self.start_ = parameters_of(self)
                monitor.run()
            mean, log_shares = super()._e_step(X, *args, **options)
            if not bayesian:
                note(mean * len(X))
            elif first:
                note(self.start_bound_)
            return mean, log_shares

        def _compute_lower_bound(self, *args: Any) -> float:
            bound = super()._compute_lower_bound(*args)
            if bayesian and not fresh[0]:
                note(number(bound))
            return bound

    model.__class__ = Listening
    try:
        yield
    finally:
        model.__class__ = own
    end()
    if len(ended) > 1:
        _keep_best(model, monitor, ended, bayesian)


def _keep_best(model: Any, monitor: Monitor, ended: list[tuple], bayesian: bool) -> None:
    """Leave in a monitor the restart that the library chose, the first of the highest."""
    # The E-step after the last restart is that of the chosen one.
    last = ended[-1]
    after = [] if bayesian else [(last[1].pop(), last[2].pop())]
    model.start_, values, seconds = max(ended, key=lambda restart: restart[1][-1])
    monitor.objectives, monitor.seconds = values, seconds
    for value, second in after:
        values.append(value)
        seconds.append(second if values is last[1] else seconds[-1])
