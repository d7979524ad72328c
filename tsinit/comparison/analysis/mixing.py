"""Whether runs of a sampler have come to the same distribution, from one start and from all of them."""

import numpy as np
import pandas as pd

from tsinit._typing import FloatArray
from tsinit.comparison.analysis.tables import MIN_TRACE, cells_of, has_optima, usable
from tsinit.result import rhat


def agreement(runs: pd.DataFrame, traces: pd.DataFrame) -> pd.DataFrame:
    """R-hat of the joint log density across runs: from one start, and from all starts together.

    Every run counts as a chain, by the second half of its trace. Where the runs from each start agree among
    themselves but all together do not, the draws still depend on the start.

    Parameters
    ----------
    runs, traces : DataFrame
        Of a ``Comparison``; only samplers are looked at.

    Returns
    -------
    DataFrame
        ``dataset, model, strategy, n_runs, rhat``; in the row of each data set and model whose strategy is ``"all
        starts"``, of all runs. NaN with fewer than two runs long enough.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 16 (2021), p. 667-718: rank-normalised split
    R-hat, see :func:`tsinit.result.rhat`.
    """
    halves = {
        run_id: _second_half(trace["objective"])
        for run_id, trace in traces.groupby("run_id", sort=False)
    }
    rows = []
    for dataset, model, cell in cells_of(runs):
        if has_optima(cell):
            continue
        done = usable(cell)
        for strategy in [*dict.fromkeys(cell["strategy"]), "all starts"]:
            chosen = done if strategy == "all starts" else done[done["strategy"] == strategy]
            found = [halves[run_id] for run_id in chosen["run_id"]]
            chains = [half for half in found if half is not None]
            rows.append((dataset, model, strategy, len(chains), _rhat(chains)))
    return pd.DataFrame(rows, columns=["dataset", "model", "strategy", "n_runs", "rhat"])


def _second_half(objective: pd.Series) -> FloatArray | None:
    x = objective.to_numpy(dtype=float)
    half = x[(x.size + 1) // 2 :]
    return half if x.size >= MIN_TRACE and np.isfinite(half).all() else None


def _rhat(chains: list[FloatArray]) -> float:
    if len(chains) < 2:
        return np.nan
    shortest = min(chain.size for chain in chains)
    return rhat([chain[-shortest:] for chain in chains])
