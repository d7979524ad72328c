"""From the dynamics of a start to the parameters of pykalman's filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters.conversions import PYKALMAN

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.kernels import LinearGaussianParams

PARAMETERS = (*PYKALMAN.values(), "transition_offsets")


def set_start(model: Any, start: LinearGaussianParams) -> None:
    """Set the parameters of a start, all but the fixed ones."""
    learnt = PARAMETERS if model._em_vars == "all" else model._em_vars
    values = {name: getattr(start, letter) for letter, name in PYKALMAN.items()}
    values["transition_offsets"] = np.zeros(len(start.A))
    if values["observation_offsets"] is None:
        values["observation_offsets"] = np.zeros(len(start.C))
    for name, value in values.items():
        given = getattr(model, name)
        if given is None or name in learnt:
            setattr(model, name, np.array(value, dtype=float))
        elif name in ("transition_matrices", "observation_matrices") and not _same(given, value):
            # The other parameters of the start are in its own coordinates of the state.
            raise ValueError(
                f"init must have the {name} of the model, which keeps them; got others. Name {name!r} in em_vars, or "
                "leave it to the start."
            )


def parameters_of(model: Any) -> dict[str, FloatArray]:
    """Copy the parameters that a model has."""
    held = {name: getattr(model, name) for name in PARAMETERS}
    return {name: np.array(value, dtype=float) for name, value in held.items() if value is not None}


def _same(given: Any, value: FloatArray) -> bool:
    given = np.asarray(given, dtype=float)
    return given.shape == value.shape and bool(np.allclose(given, value, rtol=1e-9, atol=0.0))
