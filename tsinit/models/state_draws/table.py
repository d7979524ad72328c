"""A table as the sampler takes it: rows of a clock, which cells were observed, and what sums over them it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Skipped steps that stand in between rows, smallest gaps of the clock first: as many as there are rows, or this many.
_FEWEST = 1000
#: Numbers of products that are held at once.
_CHUNK = 2_000_000


class StateTable(NamedTuple):
    """Rows that follow one another, those given and those that stand in for skipped steps."""

    rows: IntArray  # (T,), place of each row given
    offsets: IntArray  # (N + 1,), where each sequence of states starts
    y: FloatArray  # (T, D) values, 0 where missing
    observed: FloatArray  # (T, D) 1 where observed, else 0
    covariates: FloatArray  # (T, F + 1), the last is 1
    missing: IntArray  # (cells,) places of the missing cells in the flat table

    @property
    def n_rows(self) -> int:
        """Rows of states."""
        return int(self.offsets[-1])

    @property
    def followed(self) -> IntArray:
        """Rows of states that another one follows."""
        follows = np.ones(self.n_rows, dtype=bool)
        follows[self.offsets[1:] - 1] = False
        return np.flatnonzero(follows)

    def filled(self, values: FloatArray) -> StateTable:
        """Return the same with every cell observed: a complete table (T, D)."""
        return self._replace(y=values, observed=np.ones_like(values))


def lay_out(
    y: FloatArray, offsets: IntArray, steps: IntArray, covariates: FloatArray
) -> StateTable:
    """Set a table (T, D) with NaN out by its clock (T,).

    The state passes through skipped steps, which get rows without a value. Where these would outnumber the table, the
    longest gaps of the clock end a sequence of states instead.
    """
    T = len(y)
    begins = np.zeros(T, dtype=bool)
    begins[offsets[:-1][np.diff(offsets) > 0]] = True
    skipped = np.where(begins, 0, np.diff(steps, prepend=steps[:1]) - 1)
    order = np.argsort(skipped, kind="stable")
    afford = np.cumsum(skipped[order]) <= max(T, _FEWEST)
    begins[order[~afford]] = True
    skipped[order[~afford]] = 0
    rows = np.arange(T) + np.cumsum(skipped)
    observed = ~np.isnan(y)
    return StateTable(
        rows.astype(np.int64),
        np.append(rows[begins], rows[-1] + 1).astype(np.int64),
        np.where(observed, y, 0.0),
        observed.astype(np.float64),
        np.column_stack([covariates, np.ones(T)]),
        np.flatnonzero(~observed),
    )


def lower_products(M: FloatArray) -> FloatArray:
    """(m, k (k + 1) / 2) products of the entries of each row with one another, lower triangle row by row."""
    i, j = np.tril_indices(M.shape[1])
    return M[:, i] * M[:, j]


def unpacked(packed: FloatArray, k: int) -> FloatArray:
    """(..., k, k) symmetric matrices of lower triangles."""
    i, j = np.tril_indices(k)
    out = np.empty((*packed.shape[:-1], k, k))
    out[..., i, j] = packed
    out[..., j, i] = packed
    return out


class ColumnSums(NamedTuple):
    """Sums over the observed cells of each column, of a regression on k terms."""

    gram: FloatArray  # (D, k, k)
    cross: FloatArray  # (D, k)


def column_sums(table: StateTable, U: FloatArray, P: FloatArray | None = None) -> ColumnSums:
    """Sum up products of the terms U (T, k), and of them with the values, over what each column observed.

    P : (T, n (n + 1) / 2) covariances of the first n terms, lower triangles, where these are means.
    """
    (T, k), D = U.shape, table.y.shape[1]
    n_products = k * (k + 1) // 2
    packed, size = np.zeros((D, n_products)), max(_CHUNK // n_products, 1)
    for a in range(0, T, size):
        products = lower_products(U[a : a + size])
        if P is not None:
            products[:, : P.shape[1]] += P[a : a + size]
        packed += table.observed[a : a + size].T @ products
    return ColumnSums(unpacked(packed, k), table.y.T @ U)
