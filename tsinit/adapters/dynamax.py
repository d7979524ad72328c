"""dynamax: hidden Markov models started from labels, linear Gaussian ones from dynamics, both by its EM steps."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from tsinit.adapters._moments import StateMoments, state_moments
from tsinit.adapters.conversions import from_dynamax
from tsinit.adapters.library import LibraryAdapter, Rows, rows_of, seed_of
from tsinit.kernels import LinearGaussianParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray, IntArray
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


class _Dynamax(LibraryAdapter):
    """What models of both kinds share: ``initialize``, and the steps of ``fit_em``."""

    library = package = "dynamax"
    least = "1.0"

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model; with priors of the parameters, EM climbs the posterior density."""
        from dynamax.ssm import SSM

        plain = type(_model(model)).log_prior is SSM.log_prior
        about = super().describe(_model(model))
        return about | {"objective": "log-likelihood" if plain else "log posterior density"}

    def settings(self, model: Any) -> dict[str, Any]:
        """All that a model holds, its parts taken apart."""
        return {name: _plain(value) for name, value in vars(model).items()}

    def begin(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> DynamaxFit:
        """Initialise by the library, with the parameters of a start in place of its draws."""
        from jax import numpy as jnp
        from jax import random

        _tables(model, data)  # refuses what the library cannot take
        key = random.PRNGKey(seed_of(rng))
        if start is None:
            params, _ = model.initialize(key)
            return DynamaxFit(model, params, _read(params))
        given = {
            name: jnp.asarray(value) for name, value in self._given(model, start, data, rng).items()
        }
        params, _ = model.initialize(key, **given)
        asked = map(np.asarray, given.values())
        return DynamaxFit(model, params, dict(zip(_read(params), asked, strict=True)))

    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        """Turn a start into what ``initialize`` takes, in the order of the library's parameters."""
        raise NotImplementedError

    def run(self, model: DynamaxFit, data: Any, monitor: Monitor) -> DynamaxFit:
        """Do the iterations of ``fit_em`` one by one; it would compile the same step anew at each call."""
        y = np.asarray(_batch(model.model, data))
        step = _step_on(model.model, _Table(y.tobytes(), y.dtype.str, y.shape))
        began, limit = _read(model.params), monitor.budget.max_iter
        props = _compiled(model.model).props
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
        return self.score(model, data) + float(_compiled(model.model).log_prior(model.params))

    def score(self, model: DynamaxFit, data: Any) -> float:
        """The log-likelihood, sequence by sequence."""
        log_prob = _compiled(model.model).log_prob
        return sum(float(log_prob(model.params, y)) for y in _tables(model.model, data))

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        return kind(**{"emission_dim": rows_of(data).y.shape[1]} | settings)


class DynamaxHMM(_Dynamax):
    """Runs the hidden Markov models of dynamax."""

    verb = "labels"
    classes: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "GaussianHMM", "DiagonalGaussianHMM", "SphericalGaussianHMM", "SharedCovarianceGaussianHMM", "PoissonHMM",
            "CategoricalHMM",
        ),
        "dynamax.hidden_markov_model",
    )  # fmt: skip

    def n_states(self, model: Any) -> int:
        """The number that the user gave."""
        return int(model.num_states)

    def labels(self, model: DynamaxFit, data: Any) -> IntArray:
        """The most probable path of every sequence."""
        states = _compiled(model.model).states
        paths = [states(model.params, y) for y in _tables(model.model, data)]
        return np.concatenate([np.asarray(path, dtype=np.int64) for path in paths])

    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        rows = rows_of(data)
        moments = state_moments(rows, start, model.num_states, rng)
        given = {"initial_probs": moments.start, "transition_matrix": moments.transition}
        kind = self._class_of(model)
        if kind == "CategoricalHMM":
            return given | {"emission_probs": _symbols(model, rows, start)}
        if kind == "PoissonHMM":
            floor = 1e-3 * (rows.y.mean(axis=0) + 1.0 / len(rows.y))
            return given | {"emission_rates": np.maximum(moments.means, floor)}
        return given | {"emission_means": moments.means} | _spread(kind, moments)


class DynamaxLinearGaussian(_Dynamax):
    """Runs the linear Gaussian state-space models of dynamax."""

    verb = "dynamics"
    classes: ClassVar[dict[str, str]] = {"LinearGaussianSSM": "dynamax.linear_gaussian_ssm"}

    def n_states(self, model: Any) -> int:
        """The size of the state that the user gave."""
        return int(model.state_dim)

    def params(self, model: DynamaxFit) -> LinearGaussianParams:
        """The fitted parameters, without the input of the state."""
        return from_dynamax(model.params)

    def _given(self, model: Any, start: Any, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        A, C, Q, R, m0, P0, d = start
        given = {
            "initial_mean": m0, "initial_covariance": P0, "dynamics_weights": A, "dynamics_bias": np.zeros(len(A)),
            "dynamics_covariance": Q, "emission_weights": C, "emission_bias": d, "emission_covariance": R,
        }  # fmt: skip
        if not model.has_dynamics_bias:
            del given["dynamics_bias"]
        if not model.has_emissions_bias:
            if (np.abs(d) > 1e-6 * rows_of(data).y.std(axis=0)).any():
                raise ValueError(
                    f"a start of a LinearGaussianSSM without has_emissions_bias must have no mean; got {d}. Subtract "
                    "the means of the data, or leave has_emissions_bias=True."
                )
            del given["emission_bias"]
        return given


class _Compiled(NamedTuple):
    """What of a model is the same for every start, compiled."""

    props: Any
    log_prob: Callable[..., Any]  # params, (T, D) -> log-likelihood
    log_prior: Callable[..., Any]  # params -> log density
    states: Callable[..., Any]  # params, (T, D) -> (T,)


@functools.lru_cache(maxsize=8)
def _compiled(model: Any) -> _Compiled:
    """Compile once for all runs of a model."""
    import jax

    states = jax.jit(getattr(model, "most_likely_states", model.filter))
    log_prob, log_prior = jax.jit(model.marginal_log_prob), jax.jit(model.log_prior)
    return _Compiled(model.initialize()[1], log_prob, log_prior, states)


class _Table(NamedTuple):
    """A table that counts by its content."""

    content: bytes
    dtype: str
    shape: tuple[int, ...]


@functools.lru_cache(maxsize=8)
def _step_on(model: Any, table: _Table) -> Callable[..., Any]:
    """Compile an iteration once for all runs of a model on the same data, for that takes longer than a fit.

    It is the step of ``fit_em``, through the same ``scan`` and with the data built in, so that its bits are the same.
    """
    import jax

    props = _compiled(model).props
    y = jax.numpy.asarray(np.frombuffer(table.content, table.dtype).reshape(table.shape))

    def em_step(carry: Any, _: Any) -> Any:
        params, state = carry
        statistics, log_liks = jax.vmap(functools.partial(model.e_step, params))(y, None)
        objective = model.log_prior(params) + log_liks.sum()
        return model.m_step(params, props, statistics, state), objective

    return jax.jit(lambda carry: jax.lax.scan(em_step, carry, xs=None, length=1))


def _tables(model: Any, data: Any) -> list[Any]:
    """Read the sequences as the library takes them, in the precision that JAX is set to."""
    from jax import numpy as jnp

    rows = rows_of(data)
    n_missing, D = np.isnan(rows.y).sum(), rows.y.shape[1]
    if n_missing:
        raise ValueError(f"data must be complete for dynamax; got {n_missing} missing values.")
    if model.emission_dim != D:
        raise ValueError(
            f"emission_dim must be {D}, the columns of the data; got {model.emission_dim}."
        )
    if getattr(model, "input_dim", 0):
        raise ValueError(
            f"input_dim must be 0, for inputs are no data here; got {model.input_dim}."
        )
    y = rows.y
    n_classes = getattr(getattr(model, "emission_component", None), "num_classes", None)
    if n_classes is not None:
        if not ((y == np.round(y)) & (y >= 0) & (y < n_classes)).all():
            raise ValueError(
                f"data of a CategoricalHMM must be whole numbers from 0 to num_classes - 1 = {n_classes - 1}; got "
                f"values from {y.min():g} to {y.max():g}."
            )
        y = y.astype(int)
    return [jnp.asarray(part) for part in np.split(y, rows.offsets[1:-1])]


def _batch(model: Any, data: Any) -> Any:
    """Stack the sequences, which EM takes only in equal lengths."""
    from jax import numpy as jnp

    tables = _tables(model, data)
    lengths = {len(table) for table in tables}
    if len(lengths) > 1:
        raise ValueError(
            f"sequences must be of equal length for dynamax; got lengths from {min(lengths)} to {max(lengths)}."
        )
    return jnp.stack(tables)


def _spread(kind: str | None, moments: StateMoments) -> dict[str, FloatArray]:
    """Bring the covariances of the states to the shape of a kind of Gaussian model."""
    covariances = moments.covariances
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if kind == "DiagonalGaussianHMM":
        return {"emission_scale_diags": np.sqrt(variances)}
    if kind == "SphericalGaussianHMM":
        return {"emission_scales": np.sqrt(variances.mean(axis=1))}
    if kind == "SharedCovarianceGaussianHMM":
        return {"emission_covariance": np.tensordot(moments.weights, covariances, 1)}
    return {"emission_covariances": covariances}


def _symbols(model: Any, rows: Rows, labels: IntArray) -> FloatArray:
    """Count the symbols of each column by state, one count more shared out evenly."""
    n_classes, (T, D) = model.emission_component.num_classes, rows.y.shape
    counts = np.full((model.num_states, D, n_classes), 1.0 / n_classes)
    np.add.at(
        counts, (np.repeat(labels, D), np.tile(np.arange(D), T), rows.y.astype(int).ravel()), 1.0
    )
    return counts / counts.sum(axis=2, keepdims=True)


def _read(params: Any, path: str = "") -> dict[str, FloatArray]:
    """List the parameters by their names, without those that are not there."""
    if not hasattr(params, "_asdict"):
        value = None if params is None else np.asarray(params)
        return {} if value is None or value.size == 0 else {path: value}
    found: dict[str, FloatArray] = {}
    for name, part in params._asdict().items():
        found |= _read(part, f"{path}.{name}" if path else name)
    return found


def _plain(value: Any) -> Any:
    """Turn parts of a model into dicts and its arrays into those of NumPy."""
    if type(value).__module__.partition(".")[0] == "dynamax":
        return {"": type(value).__name__} | {
            name: _plain(part) for name, part in vars(value).items()
        }
    return np.asarray(value) if hasattr(value, "__array__") else value


def _model(model: Any) -> Any:
    """The model of a fit, or a model itself."""
    return model.model if isinstance(model, DynamaxFit) else model
