"""Columns of classes as the engines have them: latent normal columns, and what the classes say of these.

Binary and ordered classes are one latent column, cut at 0 and, of more than two classes, at points above it that are
drawn (Albert and Chib, JASA 88, 1993). Unordered classes are a latent column for each but the first, whose level is 0:
the class is that of the largest (multinomial probit; the latent columns of one column do not predict one another, so
that they are independent given the other columns). The noise of a latent column has variance 1, which sets its scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit.models.imputation.censored import CensoredCells

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd

    from tsinit._typing import FloatArray, IntArray
    from tsinit._validate import Panel


class LatentClasses(NamedTuple):
    """One column of classes of a problem: its latent columns and the classes that were observed."""

    columns: tuple[int, ...]  # of the engine
    ordered: bool  # cut points on one latent column, or the largest of several
    cuts: FloatArray  # (classes - 1,) cut points to begin with, the first of them 0; none of unordered classes
    rows: IntArray  # (n,) where a class was observed, increasing
    codes: IntArray  # (n,) which

    def censored(self) -> CensoredCells:
        """Intervals of the latent cells: those of the first cut points, or a sign for each latent column."""
        if self.ordered:
            low, high = intervals(self.cuts, self.codes)
            return CensoredCells.of(self.rows, np.full(len(self.rows), self.columns[0]), low, high)
        inf, parts = np.inf, []
        for k, column in enumerate(self.columns, start=1):
            own = self.codes == k
            low, high = np.where(own, 0.0, -inf), np.where(own, inf, 0.0)
            parts.append((self.rows, np.full(len(self.rows), column), low, high))
        return CensoredCells.joined(parts)


class ClassScale(NamedTuple):
    """One latent column of a column of classes, asked as a `Transform` is; a draw of it is a code already."""

    latent: FloatArray  # (classes,) value of the latent column that stands for each class at first
    cuts: FloatArray  # (classes - 1,) first cut points; none of unordered classes
    ordered: bool
    kind: None = None  # of transform

    def forward(self, y: FloatArray) -> FloatArray:
        """Return values that stand for codes y, the nearest ones; NaN stays NaN."""
        codes = self.nearest(np.nan_to_num(y)).astype(int)
        return np.where(np.isnan(y), np.nan, self.latent[codes])

    def nearest(self, y: FloatArray) -> FloatArray:
        """Return the codes that are nearest to what a strategy puts between them."""
        return np.clip(np.rint(y), 0.0, len(self.latent) - 1.0)

    def back(self, z: FloatArray) -> FloatArray:
        """Return drawn codes."""
        return np.asarray(z, dtype=np.float64)

    def held(self, y: FloatArray) -> FloatArray:
        """Return codes as they are."""
        return y

    def rounded(self, y: FloatArray) -> FloatArray:
        """Return codes, which are whole."""
        return y

    def centre_of(self, draws: FloatArray) -> FloatArray:
        """Most probable class (cells,) of draws (draw, cells); the first of equals."""
        counts = [(draws == k).sum(axis=0) for k in range(len(self.latent))]
        return np.argmax(counts, axis=0).astype(np.float64)

    def quantiles(
        self, draws: npt.NDArray[np.floating], probabilities: Sequence[float]
    ) -> FloatArray:
        """Quantiles (probabilities, cells), which are classes; NaN of unordered ones, which have none."""
        if not self.ordered:
            return np.full((len(probabilities), *draws.shape[1:]), np.nan)
        return np.asarray(np.quantile(draws, probabilities, axis=0, method="inverted_cdf"))


def intervals(cuts: FloatArray, codes: IntArray) -> tuple[FloatArray, FloatArray]:
    """Ends of the intervals between cut points that classes lie in."""
    ends = np.concatenate([[-np.inf], cuts, [np.inf]])
    return ends[codes], ends[codes + 1]


def class_scales(codes: FloatArray, n_classes: int, ordered: bool) -> list[ClassScale]:
    """Scales of the latent columns of one column of classes, by the shares of the classes.

    Parameters
    ----------
    codes : (n,) float
        Observed.
    n_classes : int
    ordered : bool
    """
    if not ordered:
        below = np.full((n_classes - 1, n_classes), -0.5)
        below[np.arange(n_classes - 1), np.arange(1, n_classes)] = 1.0
        return [ClassScale(latent, np.empty(0), False) for latent in below]
    from scipy.stats import norm

    counts = np.bincount(codes.astype(int), minlength=n_classes) + 0.5
    share = counts / counts.sum()
    ends = norm.ppf(np.concatenate([[0.0], np.cumsum(share)[:-1], [1.0]]))
    middle = -np.diff(norm.pdf(ends)) / share  # means of a standard normal between the ends
    return [ClassScale(middle - ends[1], ends[1:-1] - ends[1], True)]


def codes_of(
    classes: Sequence[LatentClasses], cuts: Sequence[FloatArray], z: FloatArray
) -> FloatArray:
    """Replace latent columns of a table (T, D) by codes, all columns of one column of classes by the same."""
    out = z.copy()
    for column, ends in zip(classes, cuts, strict=True):
        where = list(column.columns)
        if column.ordered:
            out[:, where[0]] = np.searchsorted(ends, z[:, where[0]])
            continue
        latent = z[:, where]
        largest = latent.argmax(axis=1)
        out[:, where] = np.where(latent.max(axis=1) > 0.0, largest + 1, 0)[:, None]
    return out


def probability_table(
    panel: Panel, rows: IntArray, draws: FloatArray, levels: Sequence[Any], dtype: Any
) -> pd.DataFrame:
    """Shares of draws (draw, cell) that fall into each class, a row for each cell and class.

    Parameters
    ----------
    panel : Panel
    rows : (cells,) int
        Of the rows that were given.
    draws : (draw, cell) float
        Codes.
    levels : sequence
        Classes, in the order of the codes.
    dtype : pandas dtype
        Of the column.
    """
    import pandas as pd

    K = len(levels)
    shares = np.stack([(draws == k).mean(axis=0) for k in range(K)], axis=1)
    labels = _labels(panel).iloc[np.repeat(rows, K)].reset_index(drop=True)
    classes = pd.array(list(levels) * len(rows), dtype=dtype)
    return labels.assign(**{"class": classes, "probability": shares.ravel()})


def _labels(panel: Panel) -> pd.DataFrame:
    """Sequence and time of every row that was given, or its number."""
    import pandas as pd

    named = []
    for part in panel.parts:
        if not hasattr(part, "iloc"):
            named.append(pd.DataFrame({"row": np.arange(len(part))}))
            continue
        plain = ["sequence", "time"][-part.index.nlevels :]
        labels = part.index.to_frame(index=False)
        labels.columns = [
            name or other for name, other in zip(part.index.names, plain, strict=True)
        ]
        named.append(labels)
    if panel.form != "list":
        return named[0]
    return pd.concat([one.assign(sequence=i) for i, one in enumerate(named)], ignore_index=True)
