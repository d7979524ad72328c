"""The triangular factor of a block Hankel matrix, without the matrix.

Subspace identification looks at H, whose column s stacks w consecutive rows of the series. Only its LQ factor
L (H = L Q, Q orthonormal rows) is ever needed, and L is small. It comes from H H', whose block (p, q) differs
from block (p - 1, q - 1) by the rows at the ends of the runs alone: one pass of w lagged products gives
all of it. Where H H' is too ill-conditioned to take roots of, QR of H' in chunks gives the same L.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray, IntArray


# Below this reciprocal condition of H H' a Cholesky factor keeps fewer than about 8 digits.
_RCOND_CHOLESKY = 1e-8
_CHUNK_VALUES = 1 << 19  # entries of H held at once: 4 MB, whatever the length of the series


class HankelFactor(NamedTuple):
    """LQ factor of a block Hankel matrix with two halves, past over future.

    Parameters
    ----------
    L : (2 i D, 2 i D) float
        Lower triangular, non-negative diagonal; L L' = H H' / n_columns.
    n_block_rows : int
        i, the block rows of each half.
    n_columns : int
        Columns of H.
    """

    L: np.ndarray
    n_block_rows: int
    n_columns: int


def complete_runs(z: FloatArray, offsets: IntArray) -> tuple[IntArray, IntArray]:
    """Find the stretches of rows without a gap that stay inside one sequence.

    Parameters
    ----------
    z : (T, D) float
        Observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences; offsets[-1] == T.

    Returns
    -------
    starts, stops : (n_runs,) int
        Half-open row ranges.
    """
    complete = np.asarray(~np.isnan(z).any(axis=1))
    opens, closes = complete.copy(), complete.copy()
    opens[1:] &= ~complete[:-1]
    closes[:-1] &= ~complete[1:]
    first, last = offsets[:-1], offsets[1:] - 1
    nonempty = last >= first
    opens[first[nonempty]] = complete[first[nonempty]]
    closes[last[nonempty]] = complete[last[nonempty]]
    return np.flatnonzero(opens), np.flatnonzero(closes) + 1


def count_columns(lengths: ArrayLike, width: int) -> int:
    """Count the windows of ``width`` rows that fit into runs of the given lengths."""
    return int(np.maximum(np.asarray(lengths) - width + 1, 0).sum())


def hankel_factor(z: FloatArray, offsets: IntArray, n_block_rows: int) -> HankelFactor:
    """Factor the block Hankel matrix of all gap-free windows of ``2 n_block_rows`` rows.

    Windows of several sequences and runs stand side by side; a window with a gap, or across the boundary of
    two sequences, is no column.

    Parameters
    ----------
    z : (T, D) float
        Observations, NaN where missing.
    offsets : (N + 1,) int
        Starts of the sequences.
    n_block_rows : int
        Block rows i of each half; at least one window of 2 i rows must exist.

    Returns
    -------
    HankelFactor
    """
    width = 2 * n_block_rows
    starts, stops = complete_runs(z, offsets)
    long_enough = stops - starts >= width
    starts, stops = starts[long_enough], stops[long_enough]
    n_columns = count_columns(stops - starts, width)
    L = None
    if n_columns >= width * z.shape[1]:  # with fewer columns H H' is singular
        L = _cholesky(hankel_gram(z, starts, stops, width))
    if L is None:
        L = _chunked_lq(z, starts, stops, width)
    return HankelFactor(L / np.sqrt(n_columns), n_block_rows, n_columns)


def hankel_gram(z: FloatArray, starts: IntArray, stops: IntArray, width: int) -> FloatArray:
    """Lower triangle of H H' from lagged products and the rows at the ends of the runs.

    With j columns, block (p, q) is sum_{s<j} y[s+p] y[s+q]'. Hence block (p+1, q+1) = block (p, q)
    + y[j+p] y[j+q]' - y[p] y[q]', and only the first block column needs the whole series.

    Parameters
    ----------
    z : (T, D) float
        Observations; NaN outside the runs.
    starts, stops : (n_runs,) int
        Gap-free runs of at least ``width`` rows.
    width : int
        Block rows of H.

    Returns
    -------
    (width D, width D) float
        Blocks above the diagonal are zero.
    """
    D = z.shape[1]
    gram = np.zeros((width, D, width, D))
    gram[:, :, 0] = _lagged_products(z, starts, stops, width)
    inner = np.arange(width - 1)
    heads = z[starts[:, None] + inner].reshape(len(starts), -1)
    tails = z[stops[:, None] - width + 1 + inner].reshape(len(starts), -1)
    ends = (tails.T @ tails - heads.T @ heads).reshape(width - 1, D, width - 1, D)
    for p in range(1, width):
        gram[p, :, 1 : p + 1] = gram[p - 1, :, :p] + ends[p - 1, :, :p]
    return gram.reshape(width * D, width * D)


def _lagged_products(z: FloatArray, starts: IntArray, stops: IntArray, width: int) -> FloatArray:
    """Sum y[s + p] y[s]' over the columns s, for p = 0 .. width - 1: (width, D, D)."""
    D = z.shape[1]
    is_column = _column_mask(len(z), starts, stops, width)
    products = np.zeros((width, D, D))
    rows = max(_CHUNK_VALUES // (8 * D), width)
    for begin in range(0, len(z) - width + 1, rows):
        end = min(begin + rows, len(z) - width + 1)
        part = np.nan_to_num(z[begin : end + width - 1])
        head = part[: end - begin] * is_column[begin:end, None]
        for p in range(width):
            products[p] += part[p : p + end - begin].T @ head
    return products


def _column_mask(T: int, starts: IntArray, stops: IntArray, width: int) -> BoolArray:
    """Mark the rows at which a window of ``width`` rows begins."""
    steps = np.zeros(T + 1, dtype=np.int64)
    steps[starts] += 1
    steps[stops - width + 1] -= 1
    return np.cumsum(steps[:-1]) > 0


def _cholesky(gram: FloatArray) -> FloatArray | None:
    """Lower Cholesky factor, or None where it would not be accurate."""
    norm = np.abs(np.tril(gram)).sum(axis=0).max()
    L, info = linalg.lapack.dpotrf(gram, lower=1, clean=1)
    if info != 0:
        return None
    rcond, _ = linalg.lapack.dpocon(L, norm, uplo="L")
    return L if rcond > _RCOND_CHOLESKY else None


def _chunked_lq(z: FloatArray, starts: IntArray, stops: IntArray, width: int) -> FloatArray:
    """LQ factor of H by QR of H' in chunks: each chunk is stacked under the factor of those before it."""
    size = width * z.shape[1]
    columns = np.flatnonzero(_column_mask(len(z), starts, stops, width))
    rows = max(_CHUNK_VALUES // size, 2 * size)
    factor = np.zeros((0, size))
    for begin in range(0, len(columns), rows):
        chunk = columns[begin : begin + rows]
        windows = z[chunk[:, None] + np.arange(width)].reshape(len(chunk), size)
        factor = np.asarray(np.linalg.qr(np.vstack([factor, windows]), mode="r"))
    L = np.zeros((size, size))
    L[:, : len(factor)] = factor.T
    return L * np.where(np.diag(L) < 0, -1.0, 1.0)
