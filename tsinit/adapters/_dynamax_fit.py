"""What JAX compiles of a model of dynamax, once for all of its runs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Compiled(NamedTuple):
    """What of a model is the same for every start, compiled."""

    props: Any
    log_prob: Callable[..., Any]  # params, (T, D) -> log-likelihood
    log_prior: Callable[..., Any]  # params -> log density
    states: Callable[..., Any]  # params, (T, D) -> (T,)


@functools.lru_cache(maxsize=8)
def compiled(model: Any) -> Compiled:
    """Compile once for all runs of a model."""
    import jax

    states = jax.jit(getattr(model, "most_likely_states", model.filter))
    log_prob, log_prior = jax.jit(model.marginal_log_prob), jax.jit(model.log_prior)
    return Compiled(model.initialize()[1], log_prob, log_prior, states)


def step_on(model: Any, tables: Any) -> Callable[..., Any]:
    """Compile an iteration once for all runs of a model on the same tables (N, T, D): that takes longer than a fit.

    It is the step of ``fit_em``, through the same ``scan`` and with the data built in, so that its bits are the same.
    """
    y = np.asarray(tables)
    return _step_on(model, _Table(y.tobytes(), y.dtype.str, y.shape))


class _Table(NamedTuple):
    """Tables that count by their content."""

    content: bytes
    dtype: str
    shape: tuple[int, ...]


@functools.lru_cache(maxsize=8)
def _step_on(model: Any, table: _Table) -> Callable[..., Any]:
    import jax

    props = compiled(model).props
    y = jax.numpy.asarray(np.frombuffer(table.content, table.dtype).reshape(table.shape))

    def em_step(carry: Any, _: Any) -> Any:
        params, state = carry
        statistics, log_liks = jax.vmap(functools.partial(model.e_step, params))(y, None)
        objective = model.log_prior(params) + log_liks.sum()
        return model.m_step(params, props, statistics, state), objective

    return jax.jit(lambda carry: jax.lax.scan(em_step, carry, xs=None, length=1))
