"""The shortest way to an adapter: for models that go one iteration at a time."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsinit.models.monitor import Monitor


class SteppedAdapter(ABC):
    """Base of an adapter for a model that can begin with given parameters and be refined step by step.

    A subclass says which models, and has five methods of a line or so: `begin_native`, `begin_at`, `parameters`,
    `step` and `objective`. A run ends when an iteration gains less than `tol`, or after `max_iter`.

    Attributes
    ----------
    model_class : type
        The models.
    verb : {"labels", "dynamics", "fill", "point"}
        What a strategy is asked for.
    name, library, version : str
        How tables and reports call them; without a library that of the model's module.
    max_iter : int
    tol : float
        Nats.
    """

    model_class: type
    verb: str = "labels"
    kind = "climbs"
    library = ""
    version = ""
    max_iter = 200
    tol = 1e-6

    @abstractmethod
    def begin_native(self, model: Any, data: Any, rng: np.random.Generator) -> None:
        """Set the start that the model would have taken by itself."""

    @abstractmethod
    def begin_at(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> None:
        """Set the parameters that follow from what a strategy gave, for labels (T,) int."""

    @abstractmethod
    def parameters(self, model: Any) -> Any:
        """Give the present parameters: an array, or a tuple or dict of arrays."""

    @abstractmethod
    def step(self, model: Any, data: Any) -> None:
        """Do one iteration."""

    @abstractmethod
    def objective(self, model: Any, data: Any) -> float:
        """What the present parameters come to, in nats."""

    def n_states(self, model: Any) -> int | None:
        """Number of states that strategies look for: the model's ``n_states``, unless a subclass says otherwise.

        Raises
        ------
        TypeError
            Nobody says it, and a strategy would choose a number of its own.
        """
        if self.verb in ("labels", "dynamics") and not hasattr(model, "n_states"):
            raise TypeError(
                f"{type(self).__name__} must have a method n_states(model), because {type(model).__name__} has no "
                "attribute n_states; got neither."
            )
        return getattr(model, "n_states", None)

    def accepts(self, model: Any) -> bool:
        """Whether a model is of the class."""
        return isinstance(model, self.model_class)

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model and where it is from."""
        return {
            "name": type(model).__name__,
            "library": self.library or type(model).__module__.partition(".")[0],
            "version": self.version,
            "objective": "log-likelihood",
            "n_states": self.n_states(model),
        }

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> Any:
        """Copy a model and set its start."""
        begun = copy.deepcopy(model)
        if start is None:
            self.begin_native(begun, data, rng)
        else:
            self.begin_at(begun, start, data, rng)
        return begun

    def run(self, model: Any, data: Any, monitor: Monitor) -> Any:
        """Step until nothing is gained."""
        model.start_ = copy.deepcopy(self.parameters(model))
        objective = float(self.objective(model, data))
        going, iteration, monitor.converged = monitor(0, objective), 0, False
        while going and iteration < self.max_iter and not monitor.converged:
            self.step(model, data)
            iteration, before, objective = (
                iteration + 1,
                objective,
                float(self.objective(model, data)),
            )
            going = monitor(iteration, objective)
            monitor.converged = objective - before < self.tol
        return model

    def start_of(self, model: Any) -> Any:
        """The parameters that a run began with."""
        return model.start_ if hasattr(model, "start_") else self.parameters(model)
