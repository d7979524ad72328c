"""dynamax: how its models are run, whichever of its two kinds they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.adapters._dynamax_arrays import batch_of, parameters_of, plain_value, tables_of
from tsinit.adapters._dynamax_fit import compiled, step_on
from tsinit.adapters.library import LibraryAdapter, rows_of, seed_of

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.monitor import Monitor

#: Iterations of ``fit_em`` where nobody says how many.
_N_ITER = 50
#: The library has no criterion for convergence: a fit has converged whose last iteration gained less, in nats.
_TOL = 0.01


class DynamaxFit(NamedTuple):
    """A model of dynamax with its parameters, which the library keeps apart: ``fit.model.smoother(fit.params, y)``."""

    model: Any
    params: Any
    start_: dict[str, FloatArray]  # the parameters that the fit began with

    @property
    def props(self) -> Any:
        """The properties of the parameters, which ``fit_em`` and ``fit_sgd`` of the model take."""
        return self.model.initialize()[1]


class DynamaxAdapter(LibraryAdapter, ABC):
    """What models of both kinds share: ``initialize``, and the steps of ``fit_em``."""

    library = package = "dynamax"
    min_version = "1.0"

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model; with priors of the parameters, EM climbs the posterior density."""
        from dynamax.ssm import SSM

        no_priors = type(_model(model)).log_prior is SSM.log_prior
        about = super().describe(_model(model))
        return about | {"objective": "log-likelihood" if no_priors else "log posterior density"}

    def settings(self, model: Any) -> dict[str, Any]:
        """All that a model holds, its parts taken apart."""
        return {name: plain_value(value) for name, value in vars(model).items()}

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> DynamaxFit:
        """Initialise by the library, with the parameters of a start in place of its draws."""
        from jax import numpy as jnp
        from jax import random

        tables_of(model, data)  # refuses what the library cannot take
        key = random.PRNGKey(seed_of(rng))
        if start is None:
            params, _ = model.initialize(key)
            return DynamaxFit(model, params, parameters_of(params))
        given = {
            name: jnp.asarray(value) for name, value in self._given(model, start, data, rng).items()
        }
        params, _ = model.initialize(key, **given)
        asked = map(np.asarray, given.values())
        return DynamaxFit(model, params, dict(zip(parameters_of(params), asked, strict=True)))

    @abstractmethod
    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        """Turn a start into what ``initialize`` takes, in the order of the library's parameters."""

    def run(self, model: DynamaxFit, data: Any, monitor: Monitor) -> DynamaxFit:
        """Do the iterations of ``fit_em`` one by one; it would compile the same step anew at each call."""
        step = step_on(model.model, batch_of(model.model, data))
        began, limit = parameters_of(model.params), monitor.budget.max_iter
        props = compiled(model.model).props
        carry = model.params, model.model.initialize_m_step_state(model.params, props)
        monitor.run()
        for _ in range(_N_ITER if limit is None else limit):
            carry, before = step(carry)
            if not monitor.record(float(before[0])):
                break
        fitted = DynamaxFit(model.model, carry[0], began)
        monitor.final = self.objective(fitted, data)
        monitor.record(monitor.final)
        last = monitor.objectives[-2:]
        monitor.converged = len(last) == 2 and last[1] - last[0] < _TOL
        return fitted

    def objective(self, model: DynamaxFit, data: Any) -> float:
        """What EM climbs: the log-likelihood, and the log density of the parameters where they have priors."""
        return self.score(model, data) + float(compiled(model.model).log_prior(model.params))

    def score(self, model: DynamaxFit, data: Any) -> float:
        """The log-likelihood, sequence by sequence."""
        log_prob = compiled(model.model).log_prob
        return sum(float(log_prob(model.params, y)) for y in tables_of(model.model, data))

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        return kind(**{"emission_dim": rows_of(data).y.shape[1]} | settings)


def _model(model: Any) -> Any:
    """The model of a fit, or a model itself."""
    return model.model if isinstance(model, DynamaxFit) else model
