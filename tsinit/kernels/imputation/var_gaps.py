"""Draw all missing cells of a vector autoregression jointly, at a cost that only they cause.

Given the coefficients, all cells of a segment are jointly Gaussian, and the precision matrix links two cells only if
they are at most L rows apart. So the missing ones, row after row, are Gaussian given the observed ones, and their
precision matrix P has a narrow profile: row p of it begins at cell ``first[p]``. Its Cholesky factor has the same
profile, and one factor, one solve forward and one back give the conditional mean and a draw. The distribution is that
of forward filtering with exact partial observations and backward sampling (Rue and Held, "Gaussian Markov random
fields", 2005, section 2.4), without a pass over rows that miss nothing.

Row u of a segment regresses on as many rows before it as there are, at most L: c(u) = min(place in segment, L). With
e_u = sum_k G[c, k] z_(u-k) - (what does not depend on z), G[c, 0] = I, and noise precision O[c], cells (t, i) and
(s, j), s <= t, have the precision sum_u (G[c(u), u-t]' O[c(u)] G[c(u), u-s])_ij over u = t .. s + L.
"""

from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel


class VARGaps(NamedTuple):
    """The missing cells of a table, row after row; filled in by `profile`."""

    row: np.ndarray  # (M,) int64
    column: np.ndarray  # (M,) int64
    stop: np.ndarray  # (M,) int64, the row where the cell's segment ends
    first: np.ndarray  # (M,) int64, first cell that the cell is linked with
    place: np.ndarray  # (M,) int64, P[p, q] is kept at place[p] + q
    values: np.ndarray  # (entries,) float, the lower triangle of P, then its Cholesky factor
    inverse: np.ndarray  # (M,) float, one over the diagonal of the factor


class VARPrecision(NamedTuple):
    """What each equation adds to the joint precision of the rows that it links."""

    G: np.ndarray  # (L + 1, L + 1, D, D) by number of rows before, and lag
    square: np.ndarray  # (L + 1, L + 1, L + 1, D, D) square[c, k, l] = G[c, k]' O[c] G[c, l]
    inner: np.ndarray  # (L + 1, D, D) sum over u far from both ends, by distance t - s


@entry
def profile(row, stop, L, first, place):
    """Find the links of every cell: `first` and `place` of `VARGaps`; returns the number of entries."""
    entries, q = 0, 0
    for p in range(row.size):
        # Cells of another segment are never linked, however near their rows.
        while row[p] - row[q] > L or stop[q] != stop[p]:
            q += 1
        first[p] = q
        place[p] = entries - q
        entries += p - q + 1
    return entries


@kernel
def _near_end(gaps, blocks, before, p, q):
    """Entry P[p, q], q <= p, where not all regressions that link the two rows have L rows before them, or exist."""
    L = blocks.inner.shape[0] - 1
    t, s, i, j = gaps.row[p], gaps.row[q], gaps.column[p], gaps.column[q]
    total = 0.0
    for u in range(t, min(s + L, gaps.stop[p] - 1) + 1):
        total += blocks.square[before[u], u - t, u - s, i, j]
    return total


@kernel
def _fill_rows(gaps, blocks, before, p0, p1):
    """Entries of P in the rows p0 .. p1 - 1, the cells of one row of the table."""
    L = blocks.inner.shape[0] - 1
    t, first = gaps.row[p0], gaps.first[p0]
    for q in range(first, p1):
        s, j = gaps.row[q], gaps.column[q]
        if before[t] == L and s + L < gaps.stop[p0]:
            for p in range(max(p0, q), p1):
                gaps.values[gaps.place[p] + q] = blocks.inner[t - s, gaps.column[p], j]
        else:
            for p in range(max(p0, q), p1):
                gaps.values[gaps.place[p] + q] = _near_end(gaps, blocks, before, p, q)


@kernel
def _reduced(values, a, b, first, q):
    """values[a + q] less the inner product of values[a + first : a + q] and values[b + first : b + q]."""
    total = values[a + q]
    for r in range(first, q):
        total -= values[a + r] * values[b + r]
    return total


@entry
def factor(gaps, blocks, before):
    """Cholesky factor of P into ``gaps.values``, one over its pivots into ``gaps.inverse``; False if there is none.

    The cells of a row go side by side: what each waits for, the others can use the time of.
    """
    values, place, first, inverse = gaps.values, gaps.place, gaps.first, gaps.inverse
    p0, M = np.int64(0), gaps.row.size
    while p0 < M:
        p1 = p0 + 1
        while p1 < M and gaps.row[p1] == gaps.row[p0]:
            p1 += 1
        _fill_rows(gaps, blocks, before, p0, p1)
        for q in range(first[p0], p1):
            begin = max(first[p0], first[q])
            if q >= p0:
                rest = _reduced(values, place[q], place[q], begin, q)
                if not rest > 0.0:
                    return False
                values[place[q] + q] = np.sqrt(rest)
                inverse[q] = 1.0 / values[place[q] + q]
            for p in range(max(p0, q + 1), p1):
                values[place[p] + q] = _reduced(values, place[p], place[q], begin, q) * inverse[q]
        p0 = p1
    return True


@entry
def slopes(gaps, blocks, before, weighted, out):
    """Slope of the energy (minus the log density) at each missing cell, to `out` (M,).

    weighted : (T, D) residuals times noise precisions at the present table.
    """
    L, D = blocks.inner.shape[0] - 1, weighted.shape[1]
    for p in range(gaps.row.size):
        t, i = gaps.row[p], gaps.column[p]
        total = weighted[t, i]
        for u in range(t + 1, min(t + L + 1, gaps.stop[p])):
            for m in range(D):
                total += blocks.G[before[u], u - t, m, i] * weighted[u, m]
        out[p] = total


@kernel
def _take_off(values, at, first, stop, times, x):
    for r in range(first, stop):
        x[r] -= values[at + r] * times


@entry
def draw(rng, gaps, slope, mean, sample):
    """Conditional mean and a draw (M,), as steps from the present values; `slope` is used up."""
    values, place, first, inverse = gaps.values, gaps.place, gaps.first, gaps.inverse
    M = slope.size
    for p in range(M):
        total = slope[p]
        for r in range(first[p], p):
            total -= values[place[p] + r] * slope[r]
        slope[p] = total * inverse[p]
        mean[p] = -slope[p]
        sample[p] = rng.standard_normal() - slope[p]
    for p in range(M - 1, -1, -1):
        mean[p] *= inverse[p]
        sample[p] *= inverse[p]
        _take_off(values, place[p], first[p], p, mean[p], mean)
        _take_off(values, place[p], first[p], p, sample[p], sample)


@entry
def conditional_mean(gaps, slope, mean):
    """Conditional mean (M,) alone, as `draw` has it; `slope` is used up."""
    values, place, first, inverse = gaps.values, gaps.place, gaps.first, gaps.inverse
    M = slope.size
    for p in range(M):
        total = slope[p]
        for r in range(first[p], p):
            total -= values[place[p] + r] * slope[r]
        slope[p] = total * inverse[p]
        mean[p] = -slope[p]
    for p in range(M - 1, -1, -1):
        mean[p] *= inverse[p]
        _take_off(values, place[p], first[p], p, mean[p], mean)
