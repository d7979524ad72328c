"""Whether runs that do as well as each other say the same of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tsinit.comparison.run.segmentation import labels_in
from tsinit.metrics import adjusted_rand_index

if TYPE_CHECKING:
    from collections.abc import Mapping


def agreement_among(runs: pd.DataFrame, packed: Mapping[str, str]) -> pd.Series:
    """Compare the segmentations of the runs that reach the best known optimum of their data set and model.

    Parameters
    ----------
    runs : DataFrame
        With ``run_id``, ``dataset``, ``model``, ``optimum`` and ``start``.
    packed : dict of str to str
        Segmentations by run_id, as `segmentation_of` gives them; runs of an older store may lack theirs.

    Returns
    -------
    Series of float
        Mean adjusted Rand index of each with those from other starts, a start that came several times counted once;
        NaN where there is none, and for runs that do not reach the optimum.
    """
    out = pd.Series(np.nan, index=runs.index)
    best = runs[(runs["optimum"] == 1).fillna(False) & runs["run_id"].isin(list(packed))]
    for _, cell in best.groupby(["dataset", "model"], sort=False):
        own = cell[first_of_start(cell)]
        labels = [labels_in(packed[run_id]) for run_id in own["run_id"]]
        if len(labels) < 2 or len(set(map(len, labels))) > 1:  # a store may hold anything
            continue
        alike = np.array([[adjusted_rand_index(a, b) for b in labels] for a in labels])
        means = (alike.sum(axis=1) - np.diag(alike)) / (len(labels) - 1)
        out[own.index] = means
        by_start = dict(zip(own["start"].dropna(), means[own["start"].notna()], strict=True))
        repeated = cell.index.difference(own.index)
        out[repeated] = cell.loc[repeated, "start"].map(by_start).astype(float)
    return out


def first_of_start(runs: pd.DataFrame) -> pd.Series:
    """Mark the first run from every start of a data set and model; a start that is not known is one of its own."""
    return runs["start"].isna() | ~runs["start"].duplicated()
