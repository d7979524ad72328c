"""What a model of statsmodels keeps of how it was made: to build it anew, and to tell models apart."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

#: Kinds of settings, and the attributes that a run leaves.
_PLAIN = (bool, int, float, str, tuple, list, np.ndarray, np.generic)
OURS = ("start_", "point_", "whole_")


def plain_parts(attributes: dict[str, Any]) -> dict[str, Any]:
    """Choose the attributes of a model that its settings left, and that can be told apart by their content."""
    return {
        name: value
        for name, value in attributes.items()
        if isinstance(value, _PLAIN) and not name.startswith("_index") and name not in OURS
    }


def arguments(model: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """Read the arguments of a model's constructor off its attributes.

    Raises
    ------
    TypeError
        It does not keep one that it needs.
    """
    known = {}
    for name, parameter in inspect.signature(type(model).__init__).parameters.items():
        if name in ("self", "endog", "dates", "freq", "missing", *without):
            continue
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if not hasattr(model, name):
            raise TypeError(
                f"model must keep the arguments of its constructor as attributes, to be fitted to other data; got "
                f"{type(model).__name__} without {name}."
            )
        known[name] = getattr(model, name)
    return known


def exog_of(exog: Any, model: Any, rows: slice | None) -> Any:
    """Take the rows of exogenous variables that belong to data.

    Raises
    ------
    ValueError
        The data are others than the model was built on, so that nothing is known of the variables there.
    """
    if exog is None:
        return None
    if rows is None:
        raise ValueError(
            f"data must be the series that {type(model).__name__} was built on, its beginning or its end, because the "
            "model has exogenous variables; got others."
        )
    return np.asarray(exog)[rows]
