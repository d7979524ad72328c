"""Matrices of which some entries are fixed, some free, and some shared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_count
from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray

FREE = np.nan


@dataclass(frozen=True)
class InputColumn:
    """An entry of C that is, at every step, what a column of the inputs has there.

    Parameters
    ----------
    column : int
        Its place among the inputs, from 0.
    """

    column: int


class Template:
    """A matrix of which some entries are free: M = fixed entries + signed free ones, shared by label.

    Parameters
    ----------
    name : str
    values : array_like of numbers and str
        A number is fixed, NaN is free, equal strings are shared, with the opposite sign after a minus. Of C, an entry
        may be an `InputColumn`.
    """

    def __init__(self, name: str, values: ArrayLike) -> None:
        entries = np.array(values, dtype=object)
        self.name, self.values = name, entries
        self.fixed = np.zeros(entries.shape)
        self.which = np.full(entries.shape, -1)
        self.sign = np.ones(entries.shape)
        self.inputs = np.full(entries.shape, -1)
        labels: dict[Any, int] = {}
        for index, value in np.ndenumerate(entries):
            if isinstance(value, InputColumn) and name == "C":
                self.inputs[index] = check_count("InputColumn", value.column, 0)
                continue
            if isinstance(value, str):
                self.sign[index] = -1.0 if value.startswith("-") else 1.0
                key: Any = value.removeprefix("-")
            else:
                self.fixed[index] = number = _number(name, value)
                if not np.isnan(number):
                    continue
                key = self._place(index)
            self.fixed[index] = 0.0
            self.which[index] = labels.setdefault(key, len(labels))
        self.size = len(labels)
        self.labels = list(
            labels
        )  # of free entries: a string where they are shared, else their place
        self.free = self.which >= 0

    def _place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """What an entry that is free by itself is known by."""
        return index

    def names(self, of_place: Callable[..., str]) -> list[str]:
        """Name the free entries: by their label, or by their place."""
        return [key if isinstance(key, str) else of_place(*key) for key in self.labels]

    def fill(self, theta: FloatArray) -> FloatArray:
        """Put free entries (size,) in their places."""
        out = self.fixed.copy()
        out[self.free] = self.sign[self.free] * theta[self.which[self.free]]
        return out

    def pull(self, slope: FloatArray) -> FloatArray:
        """Turn derivatives by all entries into those by the free ones (size,)."""
        weights = self.sign[self.free] * slope[self.free]
        total = np.bincount(self.which[self.free], weights=weights, minlength=self.size)
        return total.astype(float)

    def read(self, M: FloatArray) -> FloatArray:
        """Return the free entries of a matrix, averages where they are shared."""
        values = self.sign[self.free] * M[self.free]
        total = np.bincount(self.which[self.free], weights=values, minlength=self.size)
        return total / np.bincount(self.which[self.free], minlength=self.size)


class CovarianceTemplate(Template):
    """A covariance: single variances, which may be shared, and blocks that are free as a whole.

    Its coordinates are those of a root, which reaches singular matrices at a finite distance: roots of single
    variances, then by block the entries of a lower triangular L with L L' = V.

    Parameters
    ----------
    name : str
    values : (p, p) array_like
        As in :class:`Template`. An entry and its mirror image are one.
    """

    def __init__(self, name: str, values: ArrayLike) -> None:
        super().__init__(name, values)
        self.blocks: list[Any] = []  # of rows, ascending
        shape = self.fixed.shape
        if len(shape) == 2 and shape[0] == shape[-1]:
            self._check_symmetric()
            self.blocks = self._find_blocks()
        p = len(self.fixed)
        within = np.zeros(p, dtype=bool)
        for rows in self.blocks:
            within[rows] = True
        #: Rows whose variances are free and in no block, and which of `size` variances each has.
        self.rows = np.flatnonzero(self.free.diagonal() & ~within) if p else np.zeros(0, dtype=int)
        labels = self.which[self.rows, self.rows] if p else self.rows
        self.single, self.of_row = np.unique(labels, return_inverse=True)
        self.n_roots = len(self.single) + sum(len(b) * (len(b) + 1) // 2 for b in self.blocks)
        # Entries of V in the order of names: of each label one place.
        self._first = np.array(
            [np.argwhere(self.which == label)[0] for label in range(self.size)], dtype=int
        ).reshape(-1, 2)

    def _place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(index))

    def _check_symmetric(self) -> None:
        if (self.sign < 0.0).any():
            raise ValueError(f"structure.{self.name} must have no variance with a minus; got one.")
        w = np.linalg.eigvalsh(self.fixed) if self.fixed.size else np.zeros(1)
        even = np.array_equal(self.fixed, self.fixed.T) and np.array_equal(self.which, self.which.T)
        if not even or w.min() < -1e-8 * np.abs(w).max():
            raise ValueError(
                f"structure.{self.name} must be symmetric, and positive semi-definite in what is fixed; got "
                f"{short(self.values.tolist())}."
            )

    def _find_blocks(self) -> list[Any]:
        """Find the rows that free covariances join, and require that they are a block."""
        beside = self.free & ~np.eye(len(self.fixed), dtype=bool)
        left, blocks = set(np.flatnonzero(beside.any(axis=1)).tolist()), []
        while left:
            found, new = set(), {min(left)}
            while new:
                found |= new
                new = set(np.flatnonzero(beside[sorted(new)].any(axis=0)).tolist()) - found
            left -= found
            rows = np.array(sorted(found))
            inside = np.ix_(rows, rows)
            if not self.free[inside].all():
                i, j = rows[np.argwhere(~self.free[inside])[0]]
                raise ValueError(
                    f"structure.{self.name} must be free in whole blocks, the variances and all covariances of what "
                    f"free covariances join; got {short(self.values[i, j])} at ({i}, {j}). Make it free, or fix "
                    "covariances to 0."
                )
            count = np.bincount(self.which[self.free], minlength=self.size)
            twice = np.tril(count[self.which[inside]] > 2 - np.eye(len(rows), dtype=int))
            if twice.any():
                i, j = rows[np.argwhere(twice)[0]]
                raise ValueError(
                    f"structure.{self.name} must share no entry of a block; got {short(self.values[i, j])} at "
                    f"({i}, {j}) and elsewhere. Make it free by itself, or fix covariances to 0."
                )
            blocks.append(rows)
        return blocks

    @property
    def parts(self) -> list[Any]:
        """Coordinates of each single variance, then of each block: lists of places among `n_roots`."""
        out, start = [np.array([i]) for i in range(len(self.single))], len(self.single)
        for rows in self.blocks:
            k = len(rows) * (len(rows) + 1) // 2
            out.append(np.arange(start, start + k))
            start += k
        return out

    @property
    def is_diagonal(self) -> bool:
        """Whether nothing beside the diagonal is free or fixed to another number than zero."""
        off = ~np.eye(len(self.fixed), dtype=bool)
        return not (self.free[off].any() or self.fixed[off].any())

    @property
    def on_diagonal(self) -> list[bool]:
        """Whether each free entry, in the order of `names`, is a variance."""
        return [bool(i == j) for i, j in self._first]

    def entries(self, V: FloatArray) -> FloatArray:
        """Return the free entries (size,) of a covariance, in the order of `names`."""
        return V[self._first[:, 0], self._first[:, 1]]

    def roots(self, V: FloatArray) -> FloatArray:
        """Return the coordinates (n_roots,) of a covariance: the nearest one of the structure, if it is none."""
        v = np.maximum(V[self.rows, self.rows], 0.0)
        n = len(self.single)
        shared = np.bincount(self.of_row, weights=v, minlength=n) / np.maximum(
            np.bincount(self.of_row, minlength=n), 1
        )
        parts = [np.sqrt(shared)]
        for rows in self.blocks:
            L = _lower_root(V[np.ix_(rows, rows)])
            parts.append(L[np.tril_indices(len(rows))])
        return np.concatenate(parts)

    def from_roots(self, x: FloatArray) -> FloatArray:
        """Return the covariance of coordinates (n_roots,)."""
        V = self.fixed.copy()
        n = len(self.single)
        V[self.rows, self.rows] = (x[:n] ** 2)[self.of_row]
        for rows, L in self._factors(x):
            V[np.ix_(rows, rows)] = L @ L.T
        return V

    def pull_roots(self, x: FloatArray, slope: FloatArray) -> FloatArray:
        """Turn derivatives by all entries of V, symmetric, into those by coordinates, where these are x."""
        n = len(self.single)
        single = np.bincount(self.of_row, weights=slope[self.rows, self.rows], minlength=n)
        parts = [2.0 * x[:n] * single]
        for rows, L in self._factors(x):
            parts.append((2.0 * slope[np.ix_(rows, rows)] @ L)[np.tril_indices(len(rows))])
        return np.concatenate(parts)

    def variances_of(self) -> Any:
        """Which coordinates (n_roots,) are roots of variances, or on the diagonal of L."""
        parts = [np.ones(len(self.single), dtype=bool)]
        parts += [np.equal(*np.tril_indices(len(rows))) for rows in self.blocks]
        return np.concatenate(parts)

    def most_likely(self, scatter: FloatArray, weight: Any) -> FloatArray:
        """Return the coordinates of the covariance under which a scatter of `weight` terms is likeliest.

        scatter : (p, p), or (p,) with a weight for each row.
        """
        one_each = scatter.ndim == 1
        own = (scatter if one_each else scatter.diagonal())[self.rows]
        n, count = len(self.single), np.broadcast_to(weight, len(scatter))[self.rows]
        total = np.bincount(self.of_row, weights=count, minlength=n)
        v = np.bincount(self.of_row, weights=np.maximum(own, 0.0), minlength=n)
        parts = [np.sqrt(v / np.maximum(total, 1e-300))]
        for rows in self.blocks:
            L = _lower_root(scatter[np.ix_(rows, rows)] / weight)
            parts.append(L[np.tril_indices(len(rows))])
        return np.concatenate(parts)

    def _factors(self, x: FloatArray) -> list[tuple[Any, FloatArray]]:
        """Lower triangular factors of the blocks: [(rows, L)]."""
        out, start = [], len(self.single)
        for rows in self.blocks:
            p = len(rows)
            L = np.zeros((p, p))
            L[np.tril_indices(p)] = x[start : start + p * (p + 1) // 2]
            out.append((rows, L))
            start += p * (p + 1) // 2
        return out


def _lower_root(V: FloatArray) -> Any:
    """Return L, lower triangular with L L' = V; what is not positive in V is cut off."""
    try:
        return np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        w, U = np.linalg.eigh(0.5 * (V + V.T))
        L = np.asarray(np.linalg.qr((U * np.sqrt(np.maximum(w, 0.0))).T, mode="r")).T
        return L * np.where(np.diag(L) < 0.0, -1.0, 1.0)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.inf
    if np.isinf(number):
        raise ValueError(
            f"structure.{name} must hold numbers for what is fixed, NaN for what is free and strings for what is "
            f"shared{', or InputColumn(k)' if name == 'C' else ''}; got {short(value)}."
        )
    return number
