"""Missing cells that determine each other, so that columns would draw them one by one in vain: sampled jointly.

Where a column is nearly a function of others and is missing together with them, its regression leaves it hardly any
freedom, and neither do theirs: drawn in turn, such cells mix slowly. The same happens where most columns are out for
long. These cells are drawn at once from a vector autoregression, given all others, as the joint engine draws all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsinit.models.imputation.censored import NOTHING_CENSORED
from tsinit.models.imputation.gap_lengths import run_lengths
from tsinit.models.imputation.lag_patterns import decode
from tsinit.models.imputation.var_regressions import (
    MIN_ROWS_PER_COEFFICIENT,
    VARParameters,
    VARPrior,
    VARRegression,
    default_prior,
    draw_parameters,
    fill_lags,
    parameters_for,
    regressions_of,
)
from tsinit.models.imputation.var_table import VARTable
from tsinit.models.imputation.vector_autoregression import VARChain

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.imputation.lagged_regressions import LaggedRegressions
    from tsinit.models.imputation.problem import ImputationProblem

#: Share of what the observed cells leave open of a cell, from which the other missing cells of its row make it one of
#: these; and rows that columns must be missing together to be.
_SHARE, _RUN = 0.5, 6
#: Variance given all others below which a column is as good as a function of them, perhaps in several ways.
_FUNCTION = 1e-3
#: Sweeps of the pilot run by which the cells are found, and the largest size of its autoregression.
_PILOT, _LARGEST = 15, 60
#: Patterns of missing cells that are inverted at once.
_CHUNK = 500


def pilot_run(problem: ImputationProblem, rng: np.random.Generator) -> VARParameters | None:
    """Draw an autoregression of the rows by a short run of the joint engine.

    Parameters
    ----------
    problem : ImputationProblem
    rng : numpy.random.Generator

    Returns
    -------
    VARParameters or None
        None where no cells can determine each other, or be found to: one column, no row with all lags before it, an
        autoregression that would be too large, noise that is not normal.
    """
    D = problem.z.shape[1]
    if D == 1 or D * max(problem.lags, 1) > _LARGEST or problem.noise != "normal":
        return None
    start = np.where(problem.missing, 0.0, problem.z)
    chain = VARChain(problem, start, rng, drift=False)
    for _ in range(_PILOT):
        chain.sweep()
    return chain.parameters.get(problem.lags)


def find(problem: ImputationProblem, pilot: VARParameters | None) -> BoolArray:
    """Find the missing cells that are to be sampled jointly.

    One is where the other missing cells of its row determine more than half of its variance given all others: so much
    of its value it keeps when columns are drawn in turn. Columns that are as good as functions of others are wherever
    two of them are missing: which of several functions a regression takes is open, also where the observed cells would
    do. And columns that are missing together for long are: each draws its run at once, but holds on to what the others
    were before and after.

    Parameters
    ----------
    problem : ImputationProblem
    pilot : VARParameters or None
        From `pilot_run`.

    Returns
    -------
    (T, D) bool
    """
    missing = problem.unknown
    found = np.zeros_like(missing)
    rows = np.flatnonzero(missing.sum(axis=1) > 1)
    if pilot is None or not rows.size:
        return found
    precision = _row_precision(pilot, problem.lags, missing.shape[1])
    # Rows as numbers, of as many bits as there are columns: the size of a pilot bounds them.
    codes = missing[rows] @ (1 << np.arange(missing.shape[1]))
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    patterns = missing[rows][first]
    parts = [patterns[i : i + _CHUNK] for i in range(0, len(patterns), _CHUNK)]
    shares = np.concatenate([_shares(precision, part) for part in parts])
    long = run_lengths(problem)[rows] >= _RUN
    together = long & (long.sum(axis=1) > 1)[:, None]
    functions = missing[rows] & (np.diag(precision) > 1.0 / _FUNCTION)
    several = functions & (functions.sum(axis=1) > 1)[:, None]
    found[rows] = missing[rows] & (together | several | (shares > _SHARE)[which.ravel()])
    return found


def _row_precision(pilot: VARParameters, L: int, D: int) -> FloatArray:
    """(D, D) precision of a row given all other rows."""
    steps = [np.eye(D), *(pilot.B[lag * D : (lag + 1) * D] for lag in range(L))]
    return np.sum([A @ pilot.precision @ A.T for A in steps], axis=0)


def _shares(precision: FloatArray, missing: BoolArray) -> FloatArray:
    """(P, D) share of the variance of each missing cell that the other missing ones of its row determine."""
    inner = np.where(missing[:, :, None] & missing[:, None, :], precision, np.eye(len(precision)))
    alone, together = (np.einsum("pii->pi", matrix) for matrix in (inner, np.linalg.inv(inner)))
    return 1.0 - 1.0 / (alone * together)


class _GramRegression(NamedTuple):
    """Where the Gram matrices of the windows have the regression of rows with so many rows before them."""

    before: int
    patterns: IntArray  # (q,) their patterns
    X: IntArray  # (k,) places of its predictors in the window
    n: float
    prior: VARPrior


class JointCells:
    """The jointly sampled cells of one table.

    Parameters
    ----------
    equations : LaggedRegressions
    start : (T, D) float
        Complete table.

    Attributes
    ----------
    any : bool
        Whether there are such cells.
    parameters : dict of int to VARParameters
        By number of rows before, as drawn last.
    """

    def __init__(self, equations: LaggedRegressions, start: FloatArray) -> None:
        self._eq, problem = equations, equations.problem
        D, self._L = problem.z.shape[1], problem.lags
        gaps = np.where(equations.joint, np.nan, 0.0)
        self._table = VARTable(problem._replace(z=gaps, censored=NOTHING_CENSORED), start, ())
        self._table.weighted[:] = 0.0
        self._own = np.arange(D) + self._L * D
        rows, columns = np.nonzero(equations.joint)
        self._places = (
            (equations.place[rows], columns),
            self._table.layout.rows[rows] * D + columns,
        )
        self._learned, self._needed = self._gram_regressions(), self._gap_regressions()
        self.any = bool(equations.joint.any())
        self.parameters: dict[int, VARParameters] = {}

    def _gram_regressions(self) -> list[_GramRegression]:
        """Find the regressions in the Gram matrices."""
        eq, L, D = self._eq, self._L, len(self._own)
        before, counts = (
            np.array([decode(int(code), L)[0] for code in eq.codes]),
            np.diff(eq.starts),
        )
        found = []
        for c in np.unique(before):
            own = before == c
            few = c < L and counts[own].sum() < MIN_ROWS_PER_COEFFICIENT * D
            chosen = np.flatnonzero(before >= c if few else own)
            n = float(counts[chosen].sum())
            covariates = np.arange((2 * L + 1) * D, eq.width)
            if c < L and n < MIN_ROWS_PER_COEFFICIENT * len(covariates):
                covariates = covariates[-1:]  # the intercept
            lags = [self._own - lag * D for lag in range(1, c + 1)]
            places = np.concatenate([*lags, covariates])
            found.append(_GramRegression(c, chosen, places, n, default_prior(eq.problem)))
        return found

    def _gap_regressions(self) -> list[VARRegression]:
        """Regressions of the rows that these cells enter, by the layout of the joint engine."""
        layout = self._table.layout
        near = np.zeros(len(layout.before), dtype=bool)
        for lag in range(self._L + 1):
            rows = self._table.gaps.row + lag
            near[rows[rows < len(near)]] = True
        return [
            part._replace(rows=part.rows[near[part.rows]], X=part.X[near[part.rows]])
            for part in regressions_of(layout, self._eq.problem, None)
        ]

    def draw_parameters(self, rng: np.random.Generator, S: FloatArray) -> None:
        """Draw the autoregression given the Gram matrices of the table, (1, Q, M, M)."""
        own = self._own
        for part in self._learned:
            G, X = S[0, part.patterns].sum(axis=0), part.X
            sums = G[np.ix_(X, X)], G[np.ix_(X, own)], G[np.ix_(own, own)]
            n_lags, present = part.before * len(own), self.parameters.get(part.before)
            self.parameters[part.before] = draw_parameters(
                rng, sums, part.n, n_lags, part.prior, present
            )

    def redraw(
        self,
        rng: np.random.Generator,
        W: FloatArray,
        n_reflected: IntArray,
        lacking: FloatArray | None = None,
    ) -> None:
        """Redraw the cells of a table in the layout of the equations, in place; add to `n_reflected`.

        `lacking` is what the table lacks of the values that limits are for, None where that is nothing.
        """
        own, parameters = self._table, self._present()
        if lacking is not None:
            level = np.zeros_like(own.Z)
            level[own.layout.rows] = lacking[self._eq.place]
            own.limits_less(level)
        self._load(parameters, W)
        own.draw_gaps(rng, parameters)
        n_reflected += own.n_reflected
        self._store(W)

    def redraw_pair(self, rng: np.random.Generator, tables: Sequence[FloatArray]) -> None:
        """Redraw the cells of two tables by noise and by its negative, in place."""
        parameters = self._present()
        begin = [partial(self._load, parameters, W) for W in tables]
        self._table.draw_pair(
            rng, parameters, begin, [partial(self._store, W) for W in tables]
        )  # fmt: skip

    def _present(self) -> dict[int, VARParameters]:
        """Parameters for the rows that these cells enter."""
        D = len(self._own)
        return {part.before: parameters_for(part, self.parameters, D) for part in self._needed}

    def _load(self, parameters: dict[int, VARParameters], W: FloatArray) -> None:
        """Take the values of a table in the layout of the equations."""
        own = self._table
        own.Z[own.layout.rows] = W[self._eq.place]
        for part in self._needed:
            one = parameters[part.before]
            Y = fill_lags(part, own.Z)
            own.weighted[part.rows] = (Y - part.X @ one.B) @ one.precision

    def _store(self, W: FloatArray) -> None:
        """Put the drawn cells into a table in the layout of the equations."""
        here, there = self._places
        W[here] = self._table.Z.reshape(-1)[there]
