"""When the chains of a run have come to agree, and how little R-hat has to be for that."""

from typing import Any

import numpy as np

from tsinit._typing import FloatArray
from tsinit.result import rhat

#: Chains agree below this value of R-hat: the words and ``n_mixed`` go by it (Vehtari, Gelman, Simpson, Carpenter and
#: Bürkner, Bayesian Analysis 16, 2021). A run is ``ok`` below `tsinit.result.CONVERGED_RHAT` already, because a status
#: is to name the runs that went wrong.
MAX_RHAT = 1.01
_N_LENGTHS = 25
_MIN_LENGTH = 20


def mixed_after(traces: list[FloatArray]) -> int | None:
    """Iterations after which R-hat of every scalar is below 1.01, and stays there.

    R-hat after t iterations is that of their second half, chains split and ranked. It is computed after 20 iterations
    and then at lengths that grow by a constant factor, 25 in all.

    Parameters
    ----------
    traces : list of (chain, iteration) float
        What the chains reported of every iteration.

    Returns
    -------
    int or None
        None where R-hat is not below at the end, or there are fewer than two chains.
    """
    n = min((x.shape[1] for x in traces), default=0)
    if n < _MIN_LENGTH or min(x.shape[0] for x in traces) < 2:
        return None
    found = None
    # From the end: a chain that never mixes costs one look.
    for t in np.unique(np.geomspace(_MIN_LENGTH, n, _N_LENGTHS).round().astype(int))[::-1]:
        if not all(rhat(x[:, (t + 1) // 2 : t]) < MAX_RHAT for x in traces):
            break
        found = int(t)
    return found


def scalars(estimator: Any) -> list[FloatArray]:
    """List what the chains of a fitted sampler reported of every iteration, the start left out.

    Parameters
    ----------
    estimator : fitted sampler
        With ``trace_``, a dict of (chain, 1 + iteration, ...) arrays; without it the list is empty.

    Returns
    -------
    list of (chain, iteration) float
    """
    found = []
    for values in getattr(estimator, "trace_", {}).values():
        x = np.asarray(values, dtype=float)[:, 1:]
        flat = x.reshape(*x.shape[:2], -1)
        found += [flat[..., j] for j in range(flat.shape[2]) if np.isfinite(flat[..., j]).all()]
    return found
