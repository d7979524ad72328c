"""Models of other libraries by their names: ``hmmlearn:GaussianHMM`` with ``--set n_components=5``."""

import argparse
import ast
import difflib
from typing import Any

from tsinit._validate.values import short

#: Starting points to compare where none are named, by what the models ask for.
STRATEGIES = {
    "labels": ["native", "kmeans", "kmeans++", "segments", "uniform"],
    "dynamics": ["native", "kmeans", "subspace", "uniform"],
    "point": ["native", "uniform"],
}


def is_other(name: str) -> bool:
    """Whether a model is named with its library."""
    return ":" in name


def adapter_named(name: str) -> tuple[Any, str]:
    """Find the adapter of a model of another library, and the name of its class.

    Parameters
    ----------
    name : str
        ``LIBRARY:CLASS``.

    Raises
    ------
    ValueError
        No adapter is for this library, or it runs no such model.
    """
    from tsinit.adapters.base import libraries, library_adapters, supported

    library, _, kind = name.partition(":")
    adapters = library_adapters(library)
    if not adapters:
        meant = difflib.get_close_matches(library.partition(".")[0], libraries(), n=1)
        hint = f" Did you mean {meant[0]}:{kind}?" if meant else ""
        raise ValueError(f"--model must be of {supported()}; got {short(name)}.{hint}")
    for adapter in adapters:
        if kind in adapter.classes:
            return adapter, kind
    known = [name for adapter in reversed(adapters) for name in adapter.classes]
    close = difflib.get_close_matches(kind, known, n=1)
    raise ValueError(
        f"--model must be {library}: and one of {known}; got {short(name)}."
        + (f" Did you mean {library}:{close[0]}?" if close else "")
    )


def build(name: str, settings: dict[str, Any], data: Any) -> Any:
    """Make the model that the options describe.

    Parameters
    ----------
    name : str
        ``LIBRARY:CLASS``.
    settings : dict of str to object
        As :func:`setting` read them.
    data : DataFrame
        Some libraries bind a model to its data.

    Raises
    ------
    ValueError
        The library does not take the settings.
    """
    adapter, kind = adapter_named(name)
    try:
        model = adapter.make(kind, data, settings)
        adapter.describe(model)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--set must suit {name}; got {settings}, and {error}.") from None
    import pandas as pd

    missing = pd.DataFrame(data).isna().sum()
    if missing.any() and not adapter.takes_missing:
        columns = ", ".join(map(repr, missing.index[missing > 0]))
        raise ValueError(
            f"DATA.csv must be complete for {name}; got {missing.sum()} missing values in column {columns}. tsinit "
            "impute fills them, and the models of this package need no filling."
        )
    return model


def setting(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value as Python writes it, else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(
            f"must be NAME=VALUE, for example n_components=5; got {text!r}"
        )
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
