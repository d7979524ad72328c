"""Missing cells that determine each other, so that columns would draw them one by one in vain: drawn jointly.

Where a column is nearly a function of others and is missing together with them, its regression leaves it hardly any
room, and neither do theirs: drawn in turn, such cells creep. The same happens where most columns are out for long.
These cells are drawn at once from a vector autoregression, given all others, as the joint engine draws all.
"""

from typing import NamedTuple

import numpy as np

from tsinit.models.imputation.problem import run_lengths
from tsinit.models.imputation.var_posterior import Law, NoisePrior, draw_law
from tsinit.models.imputation.var_regressions import FEW, FIRST_SCALE, classes, design, fitting
from tsinit.models.imputation.var_table import GapTable
from tsinit.models.imputation.vector_autoregression import VarChain

#: Share of what the seen cells leave open of a cell, from which the other missing cells of its row entangle it; and
#: rows that columns must be missing together to be.
_SHARE, _RUN = 0.5, 6
#: Sweeps of the joint engine in which the law is learned that tells the cells, and its largest size.
_PILOT, _LARGEST = 15, 60
#: Patterns of missing cells that are inverted at once.
_AT_ONCE = 500


def learn(problem, rng):
    """Draw a law of the rows by a short run of the joint engine.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator

    Returns
    -------
    Law or None
        None where nothing can be entangled or told to be: one column, no row with all lags before it, a law that would
        be too large, noise that is not normal.
    """
    D = problem.z.shape[1]
    if D == 1 or D * max(problem.lags, 1) > _LARGEST or problem.noise != "normal":
        return None
    pilot = VarChain(problem, np.where(problem.missing, 0.0, problem.z), rng, drift=False)
    for _ in range(_PILOT):
        pilot.sweep()
    return pilot.laws.get(problem.lags)


def find(problem, law):
    """Tell which missing cells are entangled.

    One is where the other missing cells of its row determine more than half of its variance given all others: so much
    of its value it keeps when columns are drawn in turn. And columns that are missing together for long are: each
    draws its run at once, but holds on to what the others were before and after.

    Parameters
    ----------
    problem : Problem
    law : Law or None
        From `learn`.

    Returns
    -------
    (T, D) bool
    """
    missing = problem.missing
    found = np.zeros_like(missing)
    rows = np.flatnonzero(missing.sum(axis=1) > 1)
    if law is None or not rows.size:
        return found
    patterns, which = np.unique(missing[rows], axis=0, return_inverse=True)
    parts = [patterns[i : i + _AT_ONCE] for i in range(0, len(patterns), _AT_ONCE)]
    shares = np.concatenate([_shares(law, problem.lags, part) for part in parts])
    long = run_lengths(problem)[rows] >= _RUN
    together = long & (long.sum(axis=1) > 1)[:, None]
    found[rows] = missing[rows] & (together | (shares > _SHARE)[which.ravel()])
    return found


def _shares(law, L, missing):
    """(P, D) share of the variance of each missing cell that the other missing ones of its row determine."""
    D = missing.shape[1]
    steps = [np.eye(D), *(law.B[lag * D : (lag + 1) * D] for lag in range(L))]
    precision = sum(A @ law.precision @ A.T for A in steps)  # of a row given all others
    inner = np.where(missing[:, :, None] & missing[:, None, :], precision, np.eye(D))
    alone, together = (np.einsum("pii->pi", matrix) for matrix in (inner, np.linalg.inv(inner)))
    return 1.0 - 1.0 / (alone * together)


class _Part(NamedTuple):
    """Where the Gram matrices of the windows have the regression of rows with so many rows before them."""

    before: int
    patterns: np.ndarray  # (q,) their patterns
    X: np.ndarray  # (k,) places of its predictors in the window
    n: float
    scale: float


class Entangled:
    """The entangled cells of one table.

    Parameters
    ----------
    equations : Equations
    start : (T, D) float
        Complete table.

    Attributes
    ----------
    any : bool
        Whether there are such cells.
    laws : dict of int to Law
        By number of rows before, as drawn last.
    """

    def __init__(self, equations, start):
        self._eq, problem = equations, equations.problem
        D, self._L = problem.z.shape[1], problem.lags
        self._prior = NoisePrior(D + 2.0, 1.0)
        self._table = GapTable(
            problem._replace(z=np.where(equations.entangled, np.nan, 0.0)), start, ()
        )
        self._table.weighted[:] = 0.0
        self._own = np.arange(D) + self._L * D
        rows, columns = np.nonzero(equations.entangled)
        self._there = (
            equations.place[rows] * D + columns,
            self._table.layout.rows[rows] * D + columns,
        )
        self._parts, self._rows = self._sums(), self._needed()
        self.any = bool(equations.entangled.any())
        self.laws: dict[int, Law] = {}

    def _sums(self):
        """Find the regressions in the Gram matrices."""
        eq, L, D = self._eq, self._L, len(self._own)
        before, counts = np.array([_before(int(code), L) for code in eq.codes]), np.diff(eq.starts)
        parts = []
        for c in np.unique(before):
            chosen = np.flatnonzero(before == c)
            n = float(counts[chosen].sum())
            covariates = np.arange((2 * L + 1) * D, eq.width)
            if c < L and n < FEW * len(covariates):
                covariates = covariates[-1:]  # the intercept
            lags = [self._own - lag * D for lag in range(1, c + 1)]
            scale = eq.problem.prior_scale
            parts.append(
                _Part(
                    c,
                    chosen,
                    np.concatenate([*lags, covariates]),
                    n,
                    scale if c == L else min(FIRST_SCALE, scale),
                )
            )
        return parts

    def _needed(self):
        """Regressions of the rows that entangled cells enter, by the layout of the joint engine."""
        layout, problem = self._table.layout, self._eq.problem
        near = np.zeros(len(layout.before), dtype=bool)
        for lag in range(self._L + 1):
            rows = self._table.cells.row + lag
            near[rows[rows < len(near)]] = True
        static = np.ones(problem.covariates.shape[1], dtype=bool)
        found = classes(
            layout, self._L, len(self._own), static, False, problem.prior_scale, self._prior
        )
        return [
            part._replace(rows=part.rows[near[part.rows]], X=part.X[near[part.rows]])
            for part in found
        ]

    def draw_laws(self, rng, S):
        """Draw the autoregression given the Gram matrices of the table, (1, Q, M, M)."""
        for part in self._parts:
            G = S[0, part.patterns].sum(axis=0)
            X, own = part.X, self._own
            self.laws[part.before] = draw_law(
                rng,
                G[np.ix_(X, X)],
                G[np.ix_(X, own)],
                G[np.ix_(own, own)],
                part.n,
                part.scale,
                self._prior,
            )

    def redraw(self, rng, table, hits):
        """Redraw the cells of a table in the layout of the equations, in place; add to `hits` what is turned back."""
        own, place = self._table, self._eq.place
        own.Z[own.layout.rows] = table[place]
        laws = {}
        for part in self._rows:
            law = laws[part.before] = fitting(self.laws, part, len(self._own))
            Y = design(part, own.Z)
            own.weighted[part.rows] = (Y - part.X @ law.B) @ law.precision
        own.draw_gaps(rng, laws)
        hits += own.hits
        here, there = self._there
        table.reshape(-1)[here] = own.Z.reshape(-1)[there]


def _before(code, L):
    """Lags in a row that a pattern has, from the nearest on."""
    c = 0
    while c < L and code >> (L - 1 - c) & 1:
        c += 1
    return c
