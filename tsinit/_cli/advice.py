"""What ``tsinit impute`` advises after a fit, where a column seems to hold something else than it was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tsinit._validate.imputing_warnings import ManyZeros

if TYPE_CHECKING:
    import pandas as pd

    from tsinit import TBayesMICE
    from tsinit._cli.gaps import Gaps
    from tsinit._typing import FloatArray

#: Share of reflected draws from which there is something to say.
_MAX_REFLECTED = 0.01
#: Median up to which whole numbers that are never negative look like counts, and different ones that they must have.
_SMALL, _SEVERAL = 20.0, 3


def advice(gaps: Gaps, model: TBayesMICE, tables: Sequence[pd.DataFrame]) -> list[str]:
    """Say what may be wrong with filled columns of numbers, and which option mends it.

    Parameters
    ----------
    gaps : Gaps
    model : fitted TBayesMICE
    tables : sequence of DataFrame
        What is written, in the form of ``gaps.frame``.

    Returns
    -------
    list of str
        A sentence for each column, as far as there is something to say.
    """
    kinds = model.kinds_["kind"]
    found = []
    for name in map(str, gaps.counts.index):
        if kinds[name] != "continuous":
            continue
        y = gaps.frame[name].dropna().to_numpy()
        negative = y.min() >= 0 and any((table[name] < 0).any() for table in tables)
        zeros = ManyZeros.of(y)
        if _counts(y) or (zeros is not None and zeros.kind == "count"):
            found.append(
                f"{name} holds small whole numbers; --kinds {name}=count takes it for counts, and fills in nothing "
                "below 0."
            )
        elif zeros is not None:
            found.append(
                f"{name} is exactly 0 in {zeros.share:.0%} of what was observed; --kinds {name}=semicontinuous fills "
                "in zeros too, and nothing below them."
            )
        elif negative:
            found.append(
                f"Some values of {name} reach below 0, where none was observed; --bounds {name}=0: keeps them from it."
            )
    return found + _of_reflected(gaps, model)


def _counts(y: FloatArray) -> bool:
    """Whether numbers look like counts of something."""
    whole = bool((y == np.rint(y)).all() and y.min() >= 0)
    return whole and float(np.median(y)) <= _SMALL and len(np.unique(y)) >= _SEVERAL


def _of_reflected(gaps: Gaps, model: TBayesMICE) -> list[str]:
    """Say which column had draws far outside of what was observed, unless zeros explain that."""
    table = model.diagnostics_
    share = table["guarded"].fillna(0.0)
    if not share.max() > _MAX_REFLECTED:
        return []
    name = str(share.idxmax())
    if table["kind"][name] == "continuous" and ManyZeros.of(gaps.frame[name].to_numpy()):
        return []
    other = "" if gaps.classes or model.method_ == "var" else ", or --method var"
    return [
        f"{share.max():.1%} of the draws of {name} went far outside of what was observed and were reflected: use fewer "
        f"--lags{other}."
    ]
