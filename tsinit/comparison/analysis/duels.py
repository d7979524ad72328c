"""Wins, ties and losses of starts against each other, seed by seed."""

import itertools

import numpy as np
import pandas as pd

from tsinit.comparison.analysis import statistics
from tsinit.comparison.analysis.summary import wide


def win_tie_loss(cell):
    """Count for every ordered pair of starts how often the first ends higher, from the same seed.

    Ends within the tolerance of an optimum tie. A run without an end loses to one that has one; two of them are no
    duel.

    Parameters
    ----------
    cell : DataFrame
        Runs of one data set and model.

    Returns
    -------
    DataFrame
        ``strategy, rival, wins, ties, losses``.
    """
    ends = wide(cell, "objective_final")
    tolerance = (
        statistics.end_tolerance(ends.max(axis=None)) if ends.notna().any(axis=None) else 0.0
    )
    rows = []
    for strategy, rival in itertools.permutations(ends, 2):
        duel = ends[[strategy, rival]].dropna(how="all").fillna(-np.inf)
        lead = (duel[strategy] - duel[rival]).to_numpy()
        wins, losses = int((lead > tolerance).sum()), int((lead < -tolerance).sum())
        rows.append((strategy, rival, wins, len(lead) - wins - losses, losses))
    return pd.DataFrame(rows, columns=["strategy", "rival", "wins", "ties", "losses"])
