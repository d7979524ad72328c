"""Models of statsmodels with the likelihood of a state space: copied whole, built anew, told apart."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tsinit.adapters._statsmodels_listener import quiet
from tsinit.adapters._statsmodels_rebuild import exog_of, plain_parts
from tsinit.adapters._statsmodels_series import own_series

#: What of a state space decides a likelihood beside its matrices.
_FILTER = (
    "filter_method",
    "inversion_method",
    "stability_method",
    "tolerance",
    "loglikelihood_burn",
    "filter_timing",
)
#: What of a model says which parameters are fixed.
_FIXED = (
    "_has_fixed_params",
    "_fixed_params",
    "_params_index",
    "_fixed_params_index",
    "_free_params_index",
)


def copied(model: Any) -> Any:
    """Copy a model without what it has compiled, which in a copy goes on evaluating the parameters of the original."""
    fresh = copy.deepcopy(model)
    first = getattr(fresh.ssm, "initialization", None)
    for part in (fresh.ssm, first, *getattr(first, "blocks", {}).values()):
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, dict) and any(_is_compiled(held) for held in value.values()):
                setattr(part, name, {})
    return fresh


def rebuilt(model: Any, table: Any, rows: slice | None) -> Any:
    """Build a model on other data, which are these rows of its own series where they are any."""
    exog = exog_of(_exog(model), model, rows)
    keywords = {} if exog is None else {"exog": exog}
    if rows is not None and rows.start and hasattr(model, "trend_offset"):
        keywords["trend_offset"] = model.trend_offset + rows.start  # time goes on
    fresh = model.clone(table, **keywords)
    for name in _FIXED:
        setattr(fresh, name, copy.copy(getattr(model, name)))
    for name in _FILTER:
        setattr(fresh.ssm, name, getattr(model.ssm, name))
    return fresh


def settings_of(model: Any) -> dict[str, Any]:
    """What the constructor was given, as far as a model keeps it, and its matrices.

    Of a copy at its own start, because an evaluation leaves its traces in a model.
    """
    fresh = copied(model)
    with quiet():
        try:
            fresh.update(fresh.start_params, includes_fixed=True)
        except Exception:  # of whatever kind: its native run will say so
            fresh = model
    return plain_parts(vars(fresh) | fresh._get_init_kwds()) | {
        "endog": own_series(model),
        "exog": _exog(model),
        "matrices": [np.asarray(fresh.ssm[name]) for name in fresh.ssm.shapes if name != "obs"],
        "filter": [getattr(model.ssm, name, None) for name in _FILTER],
        "initial": _initial(fresh),
        "fixed": model._fixed_params,
    }  # fmt: skip


def _initial(model: Any) -> Any:
    """Mean and covariances of the first state, as arrays; None where a model has not decided yet."""
    try:
        return [np.asarray(part) for part in model.ssm.initialization(model=model.ssm)]
    except Exception:  # of whatever kind: there is none, or it cannot be computed
        return None


def _is_compiled(value: Any) -> bool:
    return type(value).__module__.startswith("statsmodels.tsa.statespace._")


def _exog(model: Any) -> Any:
    """The user's exogenous variables for all rows."""
    for name in ("_input_exog", "orig_exog", "exog"):
        if hasattr(model, name):
            return getattr(model, name)
    return None
