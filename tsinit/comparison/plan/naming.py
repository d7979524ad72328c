"""Short names, unique in one table, for whatever the user passes as a model or a strategy."""

import functools
import re
from typing import Any

from sklearn.base import BaseEstimator

_LONGEST = 60


def is_single_strategy(value: Any) -> bool:
    """Distinguish one strategy from a collection of them; ready parameters are a tuple, but one strategy."""
    return isinstance(value, str | BaseEstimator) or hasattr(value, "_fields") or callable(value)


def name_models(model: Any) -> dict[str, Any]:
    """Name the models by their class unless the user named them."""
    return dict(model) if isinstance(model, dict) else {type(model).__name__: model}


def name_strategies(strategies: Any) -> dict[str, Any]:
    """Give each strategy a short name that is unique in the table.

    Names stay; objects show their class and the parameters that differ from the defaults; functions show their
    name; ready parameters are called ``"parameters"``. A name met before gets a number.

    Parameters
    ----------
    strategies : dict, list, or one strategy

    Returns
    -------
    dict of str to object
    """
    if isinstance(strategies, dict):
        return dict(strategies)
    if is_single_strategy(strategies):
        strategies = [strategies]
    named: dict[str, Any] = {}
    for strategy in strategies:
        label = _label(strategy)
        unique, n = label, 1
        while unique in named:
            n += 1
            unique = f"{label} ({n})"
        named[unique] = strategy
    return named


def _label(strategy: Any) -> str:
    if isinstance(strategy, str):
        return strategy
    if isinstance(strategy, BaseEstimator):
        text = re.sub(r"\s+", " ", str(strategy))
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if hasattr(strategy, "_fields"):
        return "parameters"
    if isinstance(strategy, functools.partial):
        strategy = strategy.func
    name = getattr(strategy, "__name__", type(strategy).__name__)
    return "function" if name == "<lambda>" else name
