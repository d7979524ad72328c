"""Starts of one fit: what strategies propose, brought to the structure and the inputs of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_params, child_seed
from tsinit.init._inputs import fit_inputs, regress_out
from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.metrics import spectral_radius
from tsinit.models.monitor import Monitor
from tsinit.models.state_space.fit_data import READY, StateSpaceData
from tsinit.models.state_space.free_entries import FreeEntries
from tsinit.models.state_space.one_start import fit_from
from tsinit.models.state_space.structured_poles import states_asked_for
from tsinit.models.state_space.structured_start import constant_effects, structured_start

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tsinit.init.registry import ResolvedStrategy
    from tsinit.structures import Structure


def different_starts(
    data: StateSpaceData, kalman: Kalman, strategy: ResolvedStrategy, seed: np.random.SeedSequence
) -> list[LinearGaussianParams]:
    """Ask a strategy `n_init` times; without chance it gives the same start, and the same fit, every time."""
    starts: list[LinearGaussianParams] = []
    for restart in range(data.options.n_init):
        key = (0,) if restart == 0 else (0, restart)
        start = propose_start(data, kalman, strategy, np.random.default_rng(child_seed(seed, *key)))
        if not any(_same(start, other) for other in starts):
            starts.append(start)
    return starts


def propose_start(
    data: StateSpaceData, kalman: Kalman, strategy: ResolvedStrategy, rng: np.random.Generator
) -> LinearGaussianParams:
    """Ask a strategy for a start, in the units of the data."""
    structure, offsets = data.options.structure, data.panel.offsets
    n_states = kalman.n_states
    if structure is not None and strategy.label != READY:
        n_states = states_asked_for(structure)
    y, inputs = data.panel.y, data.panel.inputs
    sequences = offsets if len(offsets) > 2 else None

    def ready(start: Any, name: str) -> LinearGaussianParams:
        """Check what a strategy gave, and add the effects of inputs where it gave none."""
        start = check_params(start, n_states, kalman.y.shape[1], name, data.n_inputs)
        if structure is None and start.C_inputs is not None:
            raise ValueError(
                f"{name}.C_inputs must be None without a structure that has them; got some. Give structure= too."
            )
        if structure is not None:
            if strategy.label == READY:
                return _of_structure(start, structure, data.n_inputs)
            return structured_start(structure, start, kalman)
        if inputs is None or start.n_inputs:
            return _with_effects(start, data)
        return fit_inputs(start, y, inputs, sequences, data.options.input_effect)

    def trial(start: Any, n_iter: int) -> tuple[float, LinearGaussianParams]:
        """Short EM from a candidate: (objective, refined parameters), for strategies that compare."""
        if structure is None or len(start.A) != structure.n_states:
            start = ready(start, "start")
        fit, _ = fit_from(data, kalman, start, strategy.label, Monitor(), max_iter=n_iter)
        if fit is None:
            return -np.inf, start
        return data.options.selection_score(fit.log_likelihood, fit.objective), fit.params

    # What knows nothing of inputs sees what they leave unexplained.
    left, more = y.copy(), {}
    if inputs is not None and structure is not None and structure.n_varying:
        effects, level = constant_effects(y, inputs)
        left = y - inputs @ effects.T - level
    elif inputs is not None and strategy.takes("inputs"):
        more = {"inputs": inputs, "input_effect": data.options.input_effect}
    elif inputs is not None:
        left = regress_out(y, inputs, sequences)
    start = strategy.propose(left, rng, n_states=n_states, offsets=sequences, trial=trial, **more)
    return ready(start, "init")


def _with_effects(start: LinearGaussianParams, data: StateSpaceData) -> LinearGaussianParams:
    """Bring B and D of a start to what the inputs of the model may act on: absent ones are zero."""
    m, effect = data.n_inputs, data.options.input_effect
    if not m:
        return start
    B = np.zeros((len(start.A), m)) if start.B is None else start.B
    D = np.zeros((len(start.C), m)) if start.D is None else start.D
    return start._replace(B=None if effect == "output" else B, D=None if effect == "state" else D)


def _of_structure(
    params: LinearGaussianParams, structure: Structure, n_inputs: int
) -> LinearGaussianParams:
    """Bring parameters that the user gave to a structure: their free entries are kept."""
    entries = FreeEntries(structure, n_inputs)
    for name in ("B", "D"):
        if name in entries.templates and getattr(params, name) is None:
            absent = np.zeros(entries.templates[name].fixed.shape)
            params = params._replace(**{name: absent})
    found = entries.params(entries.vector(params))
    if found is None:
        raise ValueError(
            "init.A must leave the states stationary that the structure begins in their stationary distribution; got "
            f"a spectral radius of {spectral_radius(params.A):.4g}."
        )
    return found


def _same(a: Iterable[Any], b: Iterable[Any]) -> bool:
    return all(x is y or np.array_equal(x, y) for x, y in zip(a, b, strict=True))
