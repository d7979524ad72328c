"""Which lags a row has: the table laid out by the clock, patterns of available lags, a regression for each."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.imputation.column_gaps import Cells

#: Rows that the regression of a pattern needs: so many, or so many times its coefficients.
_FEWEST_ROWS, _ROWS_PER_COEFFICIENT = 30, 5


class Layout(NamedTuple):
    """Rows laid out by the clock, so that lag l of row t is row t - l.

    L empty rows stand before, between and after the sequences and at long holes. A hole of at most L steps becomes
    rows that are missing, so that the rows around it keep their lags.
    """

    place: np.ndarray  # (T,) int64, where each given row lies
    n_rows: int  # of the layout
    pattern: (
        np.ndarray
    )  # (n_rows,) int64, bits of the lags that are there, earliest first; -1 for empty rows


class Patterns(NamedTuple):
    """Patterns of available lags and the regressions that serve them."""

    codes: np.ndarray  # (Q,) int64, the commonest first
    rows: np.ndarray  # (n,) int64, rows of the layout by pattern
    starts: np.ndarray  # (Q + 1,) int64
    classes: (
        np.ndarray
    )  # (K,) int64, pattern of each regression, the one with most rows to serve first
    member: np.ndarray  # (K, Q) bool, whether the rows of a pattern inform a regression


def lay_out(offsets, steps, L):
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
    Layout
    """
    distance = np.diff(steps, prepend=0)
    long = distance > L + 1
    long[offsets[:-1]] = True
    move = np.where(long, L + 1, distance)
    move[0] = L
    place = np.cumsum(move).astype(np.int64)
    n_rows = int(place[-1]) + L + 1
    here = np.zeros(n_rows, dtype=bool)
    ends = [*np.flatnonzero(long)[1:] - 1, len(steps) - 1]
    for first, last in zip(place[long], place[ends], strict=True):
        here[first : last + 1] = True
    return Layout(place, n_rows, _patterns(here, L))


def _patterns(here, L):
    shifts = [*range(-L, 0), *range(1, L + 1)]
    code = np.zeros(len(here), dtype=np.int64)
    for bit, shift in enumerate(shifts):
        code |= np.roll(here, -shift).astype(np.int64) << bit
    return np.where(here, code, -1)


def group(layout, L, n_coefficients):
    """Sort rows by pattern and choose the regressions.

    A pattern of enough rows has its own. One of few rows is served by what all rows say that have at least its
    lags; where those are few too, the farthest lags are given up one after the other.

    Parameters
    ----------
    layout : Layout
    L : int
    n_coefficients : callable
        Coefficients of the regression of a pattern.

    Returns
    -------
    Patterns
    """
    codes, counts = np.unique(layout.pattern[layout.pattern >= 0], return_counts=True)
    codes, counts = codes[np.argsort(-counts, kind="stable")], np.sort(counts)[::-1]
    members: dict[int, np.ndarray] = {}
    for code in [*codes, 0]:
        chosen, member = _served_by(int(code), codes, counts, L, n_coefficients)
        members.setdefault(chosen, member)
    by_pattern = [np.flatnonzero(layout.pattern == code) for code in codes]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in by_pattern])])
    return Patterns(
        codes, np.concatenate(by_pattern), starts.astype(np.int64),
        np.array(list(members), dtype=np.int64), np.array(list(members.values())),
    )  # fmt: skip


def _served_by(code, codes, counts, L, n_coefficients):
    """Pattern of the regression that serves a pattern, and which patterns' rows inform it."""
    order = sorted(range(2 * L), key=lambda bit: -abs(_shift(bit, L)))
    while True:
        need = max(_FEWEST_ROWS, _ROWS_PER_COEFFICIENT * n_coefficients(code))
        for member in (codes == code, codes & code == code):
            if counts[member].sum() >= need or (code == 0 and member.all()):
                return code, member
        code &= ~(1 << next(bit for bit in order if code >> bit & 1))


def _shift(bit, L):
    return bit - L if bit < L else bit - L + 1


def serve(pattern, classes, L):
    """Regression of every row: of its own pattern, or of the largest part of it that has one.

    Returns
    -------
    (n_rows,) int64
        Index into `classes`, -1 for empty rows.
    """
    nearness = [L + 1 - abs(_shift(bit, L)) for bit in range(2 * L)]
    worth = np.array(
        [sum(w for bit, w in enumerate(nearness) if code >> bit & 1) for code in classes]
    )
    served = np.full(len(pattern), -1, dtype=np.int64)
    for code in np.unique(pattern[pattern >= 0]):
        inside = (classes & code) == classes
        served[pattern == code] = np.where(inside, worth, -1).argmax()
    return served


def features(code, j, D, L, n_covariates, lag_features):
    """Places in the window of the predictors of column j where the lags of `code` are there.

    Other columns enter at all these lags, before and after; the column itself only at those before: what comes
    after it is explained by it, in equations of its own.

    Returns
    -------
    (d,) int64
    """
    there = [0] + [_shift(bit, L) for bit in range(2 * L) if code >> bit & 1]
    chosen = [
        (shift + L) * D + k
        for shift in sorted(there)
        for k in range(D)
        if (shift < 0 if k == j else shift == 0 or lag_features == "all")
    ]
    first = (2 * L + 1) * D
    return np.array(chosen + list(range(first, first + n_covariates)), dtype=np.int64)


def cells(rows, there, regression, L):
    """Blocks of missing cells and the equations that they enter.

    Parameters
    ----------
    rows : list of (C_j,) int64
        Rows of the missing cells of each column.
    there : (n_rows,) bool
        Rows that have equations.
    regression : (n_rows,) int64
        Regression that serves each row.
    L : int

    Returns
    -------
    Cells
    """
    block, column, equation, times, members, done = [0], [0], [0], [], [], 0
    for mine in rows:
        first = _blocks(mine, L)
        time, member = _equations(mine, first, there, L)
        block.extend(done + first[1:])
        # The equations of a block are those between its first cell and the first of the next.
        equation.extend(
            equation[-1]
            + np.append(np.searchsorted(time, mine[first[1:-1]]), len(time))[: len(first) - 1]
        )
        column.append(len(block) - 1)
        times.append(time)
        members.append(member)
        done += len(mine)
    return Cells(
        np.concatenate(rows), np.array(block), np.array(column), np.array(equation), np.concatenate(times),
        np.concatenate(members), regression,
    )  # fmt: skip


def _blocks(rows, L):
    """Starts (B + 1,) of the blocks of a column: cells of two blocks share no equation."""
    if not len(rows):
        return np.zeros(1, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(rows) > L) + 1, [len(rows)]])


def _equations(rows, first, there, L):
    """Rows (E,) whose equations the cells enter, and which cell of its block is missing at each lag (E, L + 1)."""
    slot = np.full(len(there), -1, dtype=np.int64)
    slot[rows] = np.arange(len(rows)) - np.repeat(first[:-1], np.diff(first))
    lagged = np.stack(
        [np.concatenate([np.full(lag, -1), slot[: len(slot) - lag]]) for lag in range(L + 1)],
        axis=1,
    )
    time = np.flatnonzero((lagged >= 0).any(axis=1) & there)
    return time, lagged[time]
