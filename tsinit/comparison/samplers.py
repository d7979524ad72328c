"""What the traces of a sampler tell: how long it remembers its start, and whether all starts come to the same."""

import numpy as np

#: Shorter traces have no half that could pass for the stationary part.
_SHORTEST = 20


def settling(objectives):
    """Iterations until a chain is within its stationary range.

    The range is the central 95 % of the second half of the trace; the chain has settled once it first comes
    into it. A chain that still climbs at the end settles late by this count, after the middle of its trace.

    Parameters
    ----------
    objectives : (n_iter + 1,) float
        Joint log density of every sweep, the start first.

    Returns
    -------
    int or None
        None where the trace is shorter than 20 entries or not finite.
    """
    x = np.asarray(objectives, dtype=float)
    if x.size < _SHORTEST or not np.isfinite(x[x.size // 2 :]).all():
        return None
    low, high = np.quantile(x[x.size // 2 :], [0.025, 0.975])
    return int(np.flatnonzero((x >= low) & (x <= high))[0])
