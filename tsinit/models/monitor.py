"""What a fit may spend, and the record of what it did."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from tsinit._interrupt import raise_if_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsinit._typing import FloatArray


class Budget(NamedTuple):
    """Limits of one fit, checked at every iteration.

    Parameters
    ----------
    max_iter : int or None
        Maximum number of iterations; None leaves it to the model's own ``max_iter``.
    seconds : float or None
        Wall-clock seconds of the run, all restarts and orders together (the starts excluded); a fit that
        runs out of them ends after the current iteration and keeps what it has.
    """

    max_iter: int | None = None
    seconds: float | None = None


class Monitor:
    """The trace of one fit: objective and time at every iteration, and whether the budget ended it.

    Parameters
    ----------
    budget : Budget or None
        Limits of the fit; None for none.
    callback : callable or None
        Called as ``callback(iteration, objective)`` after every entry (a progress bar, for instance).

    Attributes
    ----------
    objectives, seconds : list of float
        One entry per iteration; entry 0 is the start alone, seconds count from the beginning of the run.
    init_seconds, fit_seconds : float
        Time of the start and of the run.
    extras : dict of str to list of float
        What else an iteration reports, by name, one entry per iteration (a sampler's number of states).
    final : float or None
        What the run comes to where that is not its last objective: a sampler's mean over the draws it keeps.
    timed_out : bool
        The budget's seconds ran out.
    converged : bool or None
        What a program that brings its own loop says of its end; None where the model itself has it.
    """

    def __init__(
        self, budget: Budget | None = None, callback: Callable[[int, float], None] | None = None
    ) -> None:
        self.budget = Budget() if budget is None else budget
        self.callback = callback
        self.objectives: list[float] = []
        self.seconds: list[float] = []
        self.extras: dict[str, list[float]] = {}
        self.final: float | None = None
        self.init_seconds = 0.0
        self.fit_seconds = 0.0
        self.timed_out = False
        self.converged: bool | None = None
        self.shift = 0.0  # added to every objective: what the units of the data contribute
        self._clock = perf_counter()

    def start(self) -> None:
        """Restart the clock: what follows belongs to the start."""
        self._clock = perf_counter()

    def run(self) -> None:
        """Close the start and restart the clock: what follows belongs to the run."""
        now = perf_counter()
        self.init_seconds += now - self._clock
        self._clock = now
        self.objectives, self.seconds, self.extras = [], [], {}

    def __call__(self, iteration: int, objective: float) -> bool:
        """Note one iteration of a program that brings its own loop; iteration 0, the start alone, closes the start.

        Returns
        -------
        bool
            True while the budget allows another iteration.
        """
        if iteration == 0:
            self.run()
        limit = self.budget.max_iter
        return self.record(objective) and (limit is None or iteration < limit)

    def record(self, objective: float, **extras: float) -> bool:
        """Note the objective of one more iteration, and what else it reports, by name.

        Returns
        -------
        bool
            True while the budget allows another iteration.
        """
        return self.extend([objective], **{name: [value] for name, value in extras.items()})

    def extend(
        self, objectives: Sequence[float] | FloatArray, **extras: Sequence[float] | FloatArray
    ) -> bool:
        """Note a block of iterations that ran together; the time since the last entry is shared out evenly.

        Returns
        -------
        bool
            True while the budget allows another block.
        """
        raise_if_interrupted()
        elapsed = self.elapsed()
        since = self.seconds[-1] if self.seconds else 0.0
        n = len(objectives)
        self.objectives += [float(value) + self.shift for value in objectives]
        self.seconds += [since + (elapsed - since) * (i + 1) / n for i in range(n)]
        for name, values in extras.items():
            self.extras.setdefault(name, []).extend(float(value) for value in values)
        if self.callback is not None and n:
            self.callback(len(self.objectives) - 1, self.objectives[-1])
        self.timed_out = self.out_of_time()
        return not self.timed_out

    @property
    def n_iter(self) -> int | None:
        """Iterations after the start; None where nothing was recorded."""
        return len(self.objectives) - 1 if self.objectives else None

    def elapsed(self) -> float:
        """Seconds since the clock was last restarted."""
        return perf_counter() - self._clock

    def out_of_time(self) -> bool:
        """Whether the budget's seconds are spent, by this run and those that went before (restarts, other orders)."""
        return (
            self.budget.seconds is not None
            and self.fit_seconds + self.elapsed() > self.budget.seconds
        )

    def rewrite(
        self, objectives: Sequence[float] | FloatArray, **extras: Sequence[float] | FloatArray
    ) -> None:
        """Record the iterations again, where some of what they were averaged over has been left out."""
        n = len(objectives)
        last = self.seconds[-1] if self.seconds else 0.0
        self.objectives = [float(value) + self.shift for value in objectives]
        self.seconds = (self.seconds + [last] * n)[:n]
        self.extras = {name: [float(value) for value in values] for name, values in extras.items()}

    def max_iter(self, default: int) -> int:
        """Return the smaller of the model's own iteration limit and the budget's."""
        return default if self.budget.max_iter is None else min(default, self.budget.max_iter)

    def stop(self) -> tuple[list[float], list[float]]:
        """Close the run and return its trace: (objectives, seconds)."""
        self.fit_seconds += perf_counter() - self._clock
        return self.objectives, self.seconds
