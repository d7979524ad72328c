"""A start alone, to carry away into a program of whatever kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import (
    check_choice,
    check_count,
    check_labels,
    check_params,
    check_seed,
    check_series,
)
from tsinit.init import _checks
from tsinit.init.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import SeedLike, SeriesLike


def propose(
    strategy: Any,
    verb: str,
    X: SeriesLike,
    *,
    n_states: int | None = None,
    random_state: SeedLike = None,
    lengths: Sequence[int] | None = None,
) -> Any:
    """Ask a strategy for a start, without a model.

    Parameters
    ----------
    strategy : str, strategy or function
        As ``init`` of a model. One that compares candidates by short fits (`BestOf`, `Race`) needs a model.
    verb : {"labels", "dynamics", "fill"}
        What to ask for: a state for every row, the parameters of a state-space model, or a complete table.
    X : (T, D) array, DataFrame or xarray.DataArray, or list of those
        Time in rows, NaN where missing, as for ``fit`` of the models.
    n_states : int, optional
        Number of states; dynamics need it, strategies for labels choose ``min(10, max(2, T // 50))`` without it.
    random_state : int, SeedSequence, Generator, RandomState or None
        The only source of chance.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.

    Returns
    -------
    labels, LinearGaussianParams or table
        Labels, (T,) int64 from 0, and tables come in the form of X: a Series or DataFrame with its index, a list for a
        list. Parameters are in the units of X.

    Raises
    ------
    ValueError, TypeError
        The strategy does not offer the verb, or an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from tsinit.init import propose
    >>> propose("segments", "labels", np.zeros((6, 1)), n_states=3)
    array([0, 0, 1, 1, 2, 2])
    """
    check_choice("verb", verb, ("labels", "dynamics", "fill"))
    if n_states is not None:
        check_count("n_states", n_states)
    elif verb == "dynamics":
        raise ValueError("n_states must be given for dynamics; got None.")
    resolved = resolve(strategy, verb, "strategy")
    panel = check_series(X, lengths)
    rng = np.random.default_rng(check_seed(random_state))
    start = resolved.propose(panel.y, rng, n_states, panel.offsets)
    if verb == "dynamics":
        return check_params(start, n_states, panel.y.shape[1], resolved.label)
    if verb == "fill":
        return panel.restore(_checks.check_complete(resolved.label, start, panel.y))
    return panel.restore_column(check_labels(start, len(panel.y), resolved.label), "state")
