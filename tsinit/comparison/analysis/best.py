"""Which run of a data set and model to show, or to go on with."""

from typing import Any

import pandas as pd

from tsinit.comparison.analysis.summary import standings
from tsinit.comparison.analysis.tables import has_optima, usable


def best_run(cell: pd.DataFrame) -> pd.Series | None:
    """Choose the best run of one data set and model.

    Of samplers the run of the best start whose chains agree best: the chain of the highest density would be no sample.

    Parameters
    ----------
    cell : DataFrame

    Returns
    -------
    Series or None
        None where every run failed.
    """
    done: Any = usable(cell)
    if done.empty:
        return None
    if has_optima(cell):
        return done.loc[done["objective_final"].idxmax()]
    own = done[done["strategy"] == standings(cell)[0]]
    if "rhat" in own and own["rhat"].notna().any():
        return own.loc[own["rhat"].astype(float).idxmin()]
    return own.iloc[0]
