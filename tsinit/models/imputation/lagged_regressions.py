"""The rows of an imputation problem as the kernels of chained equations want them."""

import numpy as np

from tsinit.kernels.imputation.fcs import Design
from tsinit.models.imputation import joint_cells, lags


class Equations:
    """A problem laid out by its clock: windows, regressions and missing cells. Chains share it and only read it.

    Parameters
    ----------
    problem : Problem
    classes : (K,) int or None
        Patterns that have a regression, where they were fitted on other rows; None chooses them for these.
    law : Law or None
        Of the rows, by which entangled cells are told; None where there are none.

    Attributes
    ----------
    place : (T,) int64
        Where each row of the problem lies in the layout.
    incomplete : (I,) int64
        Columns with missing cells.
    entangled : (T, D) bool
        Missing cells that are not drawn column by column.
    n_cells : (D,) int
        Missing cells of each column.
    """

    def __init__(self, problem, classes=None, law=None):
        self.problem, self.law, L = problem, law, problem.lags
        layout = lags.lay_out(problem.offsets, problem.steps, L)
        self.place, self.n_rows = layout.place, layout.n_rows
        self.covariates = self._covariates()
        self.width = (2 * L + 1) * problem.z.shape[1] + self.covariates.shape[1]
        patterns = lags.group(layout, L, lambda code: self._features(code, 0).size)
        self.classes = patterns.classes if classes is None else classes
        self.codes, self.rows, self.starts = patterns.codes, patterns.rows, patterns.starts
        self.design = self._design(patterns)
        self.entangled = joint_cells.find(problem, law)
        self.cells = self._cells(layout)
        missing = problem.missing
        self.incomplete = np.flatnonzero(
            np.diff(self.cells.column) + self.entangled.any(axis=0)
        ).astype(np.int64)
        self._where = np.nonzero(missing)
        self.n_cells = missing.sum(axis=0)

    def _features(self, code, j):
        D, L = self.problem.z.shape[1], self.problem.lags
        return lags.features(
            int(code), j, D, L, self.covariates.shape[1], self.problem.lag_features
        )

    def _covariates(self):
        """Covariates and intercept by layout row; rows that fill a short hole take what lies between."""
        given, rows = self.problem.covariates, np.arange(self.n_rows)
        between = [np.interp(rows, self.place, column) for column in given.T]
        return np.column_stack([*between, np.ones(self.n_rows)])

    def _design(self, patterns):
        D = self.problem.z.shape[1]
        chosen = [[self._features(code, j) for j in range(D)] for code in self.classes]
        size = np.array([[len(places) for places in row] for row in chosen], dtype=np.int64)
        index = np.zeros((*size.shape, size.max()), dtype=np.int64)
        for k, row in enumerate(chosen):
            for j, places in enumerate(row):
                index[k, j, : len(places)] = places
        return Design(index, size, patterns.member, np.diff(patterns.starts).astype(float))

    def _cells(self, layout):
        L, there = self.problem.lags, layout.pattern >= 0
        missing = np.repeat(there[:, None], self.problem.z.shape[1], axis=1)
        missing[self.place] = self.problem.missing & ~self.entangled
        rows = [np.flatnonzero(mask) for mask in missing.T]
        served = lags.serve(layout.pattern, self.classes, L)
        return lags.cells(rows, there, served, L)

    def spread(self, start):
        """Lay a complete table out by the clock; rows that fill a short hole take what lies between."""
        rows, empty = np.arange(self.n_rows), self.cells.regression < 0
        table = np.column_stack([np.interp(rows, self.place, column) for column in start.T])
        table[empty] = 0.0
        return np.ascontiguousarray(table)

    def draw(self, table):
        """(cells,) missing cells of the rows of the problem, row by row."""
        rows, columns = self._where
        return table[self.place[rows], columns]

    def moments(self, table):
        """Mean and standard deviation of the missing cells of each column; 0 where there are none."""
        values, columns = self.draw(table), self._where[1]
        D, n = len(self.n_cells), np.maximum(self.n_cells, 1)
        mean = np.bincount(columns, values, D) / n
        square = np.bincount(columns, values * values, D) / n
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))
