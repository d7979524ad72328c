"""What a monitor hears of a fit of hmmlearn: all that the library reports to its own."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tsinit.adapters._hmmlearn_start import parameters_of

if TYPE_CHECKING:
    from tsinit.models.monitor import Monitor


@contextlib.contextmanager
def listening(model: Any, monitor: Monitor) -> Iterator[Any]:
    """Let a monitor hear what the model reports to its own, of whatever class the user made that."""
    progress = model.monitor_
    own = type(progress)

    class Listening(own):  # type: ignore[misc, valid-type]
        def _reset(self) -> None:
            # Called when everything is initialised and nothing fitted.
            super()._reset()
            model.start_ = parameters_of(model)
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
