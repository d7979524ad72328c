"""The joint imputation engine: a Bayesian vector autoregression, all missing cells drawn at once."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels import var_gaps
from tsinit.models.var_law import Law, NoisePrior, draw_law, log_prior
from tsinit.models.var_layout import lay_out, missing_cells

_FEW = 10  # rows per coefficient from which the first rows of segments regress on covariates too
_FIRST_SCALE = 0.1  # prior variance of coefficients of first rows: a priori they follow the law of all rows


class VarStopped(ArithmeticError):
    """A chain cannot go on; the message says where and why."""


class _Class(NamedTuple):
    """Rows with as many rows of their segment before them, and the regression they share."""

    before: int
    rows: np.ndarray
    X: np.ndarray  # (rows, k): lags 1 .. before, covariates, 1
    n_lags: int    # columns of X that are lags
    scale: np.ndarray  # (k,) prior variance of the coefficients
    prior: NoisePrior


class VarChain:
    """Gibbs sampler of the autoregression and of the missing cells.

    z_t = A_1 z_(t-1) + ... + A_L z_(t-L) + C' f_t + c + e_t, e_t ~ N(0, Q), with a matrix-normal inverse-Wishart prior.
    The first L rows of a segment, which have fewer rows before them, each have a regression of their own on those there
    are, shared by all segments, so that the law of a segment is complete and every update exact.

    Parameters
    ----------
    problem : Problem
    start : (T, D) float
        A complete table.
    rng : numpy.random.Generator
    noise_prior : NoisePrior, optional
        Inverse Wishart with D + 2 degrees of freedom and mean I if not given.

    Attributes
    ----------
    z : (T, D) float
        The table with the present draw of its missing cells.
    mean : (T, D) float
        The same with their mean given the present coefficients and what was seen.
    log_joint : float
        Log density of coefficients, noise and table.
    noise : float
        Mean log standard deviation of the noise.
    guard_hits : int
        Cells turned back at the bounds in this sweep.
    """

    SCALARS = ("log_joint", "noise", "guard_hits")

    def __init__(self, problem, start, rng, *, noise_prior=None):
        self._problem, self._rng, self._L = problem, rng, problem.lags
        D = problem.z.shape[1]
        self._noise_prior = NoisePrior(D + 2.0, 1.0) if noise_prior is None else noise_prior
        self.layout = lay_out(problem)
        n = len(self.layout.before)
        missing = np.ones((n, D), dtype=bool)
        missing[self.layout.rows] = problem.missing
        self._Z = _between(start, self.layout)
        self._cells = missing_cells(missing, self.layout, self._L)
        self._mean = self._Z.copy()
        self._classes = [self._class(c) for c in range(self._L + 1) if (self.layout.before == c).any()]
        self.laws: dict[int, Law] = {}
        self._E, self._weighted = np.empty((n, D)), np.empty((n, D))
        self.log_joint, self.noise, self.guard_hits = np.nan, np.nan, 0
        self.draw_laws()

    @property
    def z(self):
        """The table with the present draw."""
        return self._Z[self.layout.rows]

    @property
    def mean(self):
        """The table with conditional means of the missing cells."""
        return self._mean[self.layout.rows]

    def parameters(self):
        """What it takes to complete other rows: the regression for each number of rows before."""
        return dict(self.laws)

    def sweep(self):
        """Draw the missing cells, then coefficients and noise."""
        self.draw_gaps()
        self.draw_laws()

    def draw_laws(self):
        """Draw coefficients and noise given the complete table."""
        total = 0.0
        for c in self._classes:
            Y = self._design(c)
            law = draw_law(self._rng, c.X.T @ c.X, c.X.T @ Y, Y.T @ Y, len(Y), c.scale, c.prior)
            E = Y - c.X @ law.B
            weighted = E @ law.precision
            self._E[c.rows], self._weighted[c.rows] = E, weighted
            self.laws[c.before] = law
            total += log_prior(law, c.scale, c.prior)
            total -= 0.5 * (len(Y) * (law.log_det + len(law.precision) * np.log(2 * np.pi)) + np.vdot(weighted, E))
        self.log_joint = float(total)
        last = self.laws[self._classes[-1].before]
        self.noise = float(0.5 * last.log_det / len(last.precision))
        if not np.isfinite(total):
            raise VarStopped("The vector autoregression must keep finite values; got a log density of "
                             f"{total}. Use fewer lags, or method='fcs'.")

    def draw_gaps(self):
        """Draw the missing cells given coefficients, noise and what was seen."""
        M = self._cells.row.size
        if M == 0:
            return
        laws = stack_laws(self.laws, self._L, self._Z.shape[1])
        slope, mean, sample = np.empty((3, M))
        if not var_gaps.factor(self._cells, laws, self.layout.before):
            raise VarStopped("The precision of the missing cells must be positive definite; it is not to rounding. "
                             "Use fewer lags, or method='fcs'.")
        var_gaps.slopes(self._cells, laws, self.layout.before, self._weighted, slope)
        var_gaps.draw(self._rng, self._cells, slope, mean, sample)
        where = self._cells.row, self._cells.column
        present = self._Z[where]
        self._mean[where] = present + mean
        self._Z[where] = self._guarded(present + sample)

    def _guarded(self, values):
        """Turn back what went far outside the data, or beyond a bound of the user's."""
        p = self._problem
        j = self._cells.column
        low, high = np.maximum(p.low, p.lower)[j], np.minimum(p.high, p.upper)[j]
        outside = (values < low) | (values > high)
        self.guard_hits = int(outside.sum())
        if self.guard_hits:
            turned = np.where(values < low, 2 * low - values, np.where(values > high, 2 * high - values, values))
            values = np.clip(turned, low, high)
        return values

    def _class(self, c):
        rows = np.flatnonzero(self.layout.before == c)
        D, F = self._Z.shape[1], self.layout.covariates.shape[1]
        full = c == self._L or len(rows) >= _FEW * (F + 1)
        k = c * D + (F if full else 0) + 1
        X = np.ones((len(rows), k))
        if full:
            X[:, c * D:-1] = self.layout.covariates[rows]
        scale = np.full(k, self._problem.prior_scale if c == self._L else min(_FIRST_SCALE, self._problem.prior_scale))
        return _Class(c, rows, X, c * D, scale, self._noise_prior)

    def _design(self, c):
        """Write the present lags to X, and return the responses."""
        D = self._Z.shape[1]
        for lag in range(1, c.before + 1):
            c.X[:, (lag - 1) * D:lag * D] = self._Z[c.rows - lag]
        return self._Z[c.rows]


def stack_laws(laws, L, D):
    """Bring the regressions to the form that the kernels take."""
    G, square = np.zeros((L + 1, L + 1, D, D)), np.zeros((L + 1, L + 1, L + 1, D, D))
    for c, law in laws.items():
        G[c, 0] = np.eye(D)
        for lag in range(1, c + 1):
            G[c, lag] = -law.B[(lag - 1) * D:lag * D].T
        for k in range(c + 1):
            for m in range(c + 1):
                square[c, k, m] = G[c, k].T @ law.precision @ G[c, m]
    inner = np.stack([sum(square[L, k, k + d] for k in range(L + 1 - d)) for d in range(L + 1)])
    return var_gaps.Laws(G, square, inner)


def _between(start, layout):
    """Start for the rows that the clock skipped: straight lines between their neighbours."""
    n = len(layout.before)
    if n == len(start):
        return np.array(start, dtype=np.float64)
    return np.column_stack([np.interp(np.arange(n), layout.rows, column) for column in start.T])
