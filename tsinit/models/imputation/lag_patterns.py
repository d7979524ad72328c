"""Which lags each row has, and which regression serves it.

The table is laid out by the clock, so that lags never reach across a long break of the index or into another sequence.
A row has the nearest lags before it and after it, up to some number of each: its pattern. Every pattern is served by a
regression. Patterns are kept as one number, after (L + 1) + before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, IntArray

#: Rows that the regression of a pattern needs: so many, or so many times its coefficients.
_MIN_ROWS, _ROWS_PER_COEFFICIENT = 30, 5
#: Rare patterns of more lags than so many share regressions, each of so many times the lags of the one before.
_EACH, _STEP = 8, 1.5


class ClockLayout(NamedTuple):
    """Rows laid out by the clock, so that lag l of row t is row t - l.

    L empty rows stand before, between and after the sequences and where more than L steps are
    skipped. Fewer skipped steps become rows that are missing, so that the rows around them keep their lags.
    """

    place: IntArray  # (T,), where each given row lies
    n_rows: int  # of the layout
    pattern: IntArray  # (n_rows,); -1 for empty rows


class LagPatterns(NamedTuple):
    """Patterns of available lags and the regressions that serve them."""

    codes: IntArray  # (Q,), the commonest first
    rows: IntArray  # (n,), rows of the layout by pattern
    starts: IntArray  # (Q + 1,)
    regressions: IntArray  # (K,), pattern of each regression, the one that serves most rows first
    member: BoolArray  # (K, Q), whether the rows of a pattern inform a regression


def encode(before: IntArray, after: IntArray, L: int) -> IntArray:
    """Patterns of so many lags before and after a row."""
    return after * np.int64(L + 1) + before


def decode(code: int, L: int) -> tuple[int, int]:
    """Lags before and after a row that a pattern has."""
    after, before = divmod(code, L + 1)
    return before, after


def _has(codes: IntArray, code: int, L: int) -> BoolArray:
    """Whether patterns have all lags of another."""
    before, after = decode(code, L)
    return (codes % (L + 1) >= before) & (codes // (L + 1) >= after)


def lay_out(offsets: IntArray, steps: IntArray, L: int) -> ClockLayout:
    """Place every row by its clock.

    Parameters
    ----------
    offsets : (N + 1,) int
    steps : (T,) int
        Increasing within each sequence.
    L : int
        Lags.

    Returns
    -------
    ClockLayout
    """
    distance = np.diff(steps, prepend=0)
    long = distance > L + 1
    long[offsets[:-1]] = True
    move = np.where(long, L + 1, distance)
    move[0] = L
    place = np.cumsum(move).astype(np.int64)
    n_rows = int(place[-1]) + L + 1
    pattern = np.full(n_rows, -1, dtype=np.int64)
    last_rows = [*np.flatnonzero(long)[1:] - 1, len(steps) - 1]
    for first, last in zip(place[long], place[last_rows], strict=True):
        near = np.minimum(np.arange(last - first + 1), L)
        pattern[first : last + 1] = encode(near, near[::-1], L)
    return ClockLayout(place, n_rows, pattern)


def group(layout: ClockLayout, L: int, n_coefficients: Callable[[int], int]) -> LagPatterns:
    """Sort rows by pattern and choose the regressions.

    A pattern of enough rows has its own. One of few rows is served by a regression on all rows that have
    at least its lags; where those are few too, the farthest lags are given up one after the other.

    Parameters
    ----------
    layout : ClockLayout
    L : int
    n_coefficients : callable
        Coefficients of the regression of a pattern.

    Returns
    -------
    LagPatterns
    """
    codes, counts = np.unique(layout.pattern[layout.pattern >= 0], return_counts=True)
    codes, counts = codes[np.argsort(-counts, kind="stable")], np.sort(counts)[::-1]
    members: dict[int, BoolArray] = {}
    for code in [*codes, 0]:
        chosen, member = _served_by(int(code), codes, counts, L, n_coefficients)
        members.setdefault(chosen, member)
    by_pattern = [np.flatnonzero(layout.pattern == code) for code in codes]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in by_pattern])])
    return LagPatterns(
        codes, np.concatenate(by_pattern), starts.astype(np.int64),
        np.array(list(members), dtype=np.int64), np.array(list(members.values())),
    )  # fmt: skip


def _served_by(
    code: int, codes: IntArray, counts: IntArray, L: int, n_coefficients: Callable[[int], int]
) -> tuple[int, BoolArray]:
    """Pattern of the regression that serves a pattern, and which patterns' rows inform it."""
    ladder = _ladder(L)
    if counts[codes == code].sum() < _need(code, n_coefficients):
        before, after = (_lower(n + 1, ladder) for n in decode(code, L))
        code = after * (L + 1) + before
    while True:
        for member in (codes == code, _has(codes, code, L)):
            enough = counts[member].sum() >= _need(code, n_coefficients)
            if enough or (code == 0 and member.all()):
                return code, member
        before, after = decode(code, L)
        if before >= after:
            before = _lower(before, ladder)
        else:
            after = _lower(after, ladder)
        code = after * (L + 1) + before


def _need(code: int, n_coefficients: Callable[[int], int]) -> int:
    return max(_MIN_ROWS, _ROWS_PER_COEFFICIENT * n_coefficients(code))


def _ladder(L: int) -> list[int]:
    """Numbers of lags that regressions of rare patterns have."""
    ladder = list(range(min(L, _EACH) + 1))
    while ladder[-1] < L:
        ladder.append(min(int(_STEP * ladder[-1]), L))
    return ladder


def _lower(n: int, ladder: list[int]) -> int:
    """The largest number of lags on the ladder below n."""
    return max(lags for lags in ladder if lags < n)


def merged(patterns: LagPatterns) -> LagPatterns:
    """Take patterns that inform the same regressions as one: they need one Gram matrix."""
    _, first, which = np.unique(patterns.member, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)  # the commonest first, as before
    which = np.argsort(order)[which.ravel()]
    parts = np.split(patterns.rows, patterns.starts[1:-1])
    rows = [
        np.concatenate([part for part, own in zip(parts, which, strict=True) if own == q])
        for q in range(len(order))
    ]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in rows])]).astype(np.int64)
    first = first[order]
    return LagPatterns(
        patterns.codes[first], np.concatenate(rows), starts, patterns.regressions,
        np.ascontiguousarray(patterns.member[:, first]),
    )  # fmt: skip


def serve(pattern: IntArray, regressions: IntArray, L: int) -> IntArray:
    """Regression of every row: of its own pattern, or of the largest part of it that has one.

    Returns
    -------
    (n_rows,) int64
        Index into `regressions`, -1 for empty rows.
    """
    # So that one lag on either side counts for more than any number on one side.
    worth = np.append(0.0, np.cumsum(1.0 / np.arange(1.0, L + 1.0) ** 2))
    score = np.array([worth[list(decode(int(code), L))].sum() for code in regressions])
    served = np.full(len(pattern), -1, dtype=np.int64)
    for code in np.unique(pattern[pattern >= 0]):
        before, after = decode(int(code), L)
        inside = (regressions % (L + 1) <= before) & (regressions // (L + 1) <= after)
        served[pattern == code] = np.where(inside, score, -1).argmax()
    return served


def features(
    there: tuple[int, int], j: int, D: int, reach: int, n_covariates: int, lag_features: str
) -> IntArray:
    """Places in the window of the predictors of column j where so many lags before and after are there.

    Other columns enter at all these lags, before and after; the column itself only at those before: what comes
    after it is explained by it, in equations of its own.

    Returns
    -------
    (d,) int64
    """
    before, after = there
    chosen = [
        (shift + reach) * D + k
        for shift in range(-before, after + 1)
        for k in range(D)
        if (shift < 0 if k == j else shift == 0 or lag_features == "all")
    ]
    first = (2 * reach + 1) * D
    return np.array(chosen + list(range(first, first + n_covariates)), dtype=np.int64)
