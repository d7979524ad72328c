"""A daily (weekly, yearly) profile that drifts: coefficients of the season that walk from one period to the next.

The rows of period d regress on their season with coefficients C_d of their own; C_d - C_(d-1) ~ MN(0, w g I, Q) with g
the number of periods between them, and the first ~ MN(0, scale I, Q). Together with the coefficients B of everything
else this is one regression with a matrix-normal prior, so that B, Q and the whole path are drawn jointly and exactly
(West and Harrison, "Bayesian forecasting and dynamic models", 1997, section 16.4). The precision of the path is banded
and the same whatever the data: only its links with B are new in every sweep.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky_banded
from scipy.linalg.lapack import dtbtrs

from tsinit.models.imputation.var_layout import season
from tsinit.models.imputation.var_posterior import draw_law

#: Variance of a step of the walk in units of the noise: what is chosen from, equally likely a priori.
GRID = 10.0 ** np.arange(-5.0, 0.51, 0.25)
_FIRST = 8  # where a chain begins on the grid
_LEAST = 8  # periods that make a walk
_HARMONICS = 4


def drift_terms(steps, period):
    """Covariates (n, 2 H + 1) whose coefficients walk: up to four harmonics and the level."""
    return np.hstack([season(steps, period, _HARMONICS), np.ones((len(steps), 1))])


class _Band(NamedTuple):
    """Cholesky factor of the precision of the path, by one variance of its steps."""

    U: np.ndarray  # (F + 1, N F) upper banded
    log_det: float  # log of |precision| over |prior precision|, for one column


class Drift:
    """The walk of the seasonal coefficients.

    Parameters
    ----------
    season : (n, F) float
        Covariates of the rows.
    period : (n,) int
        Number of the period that a row is in, increasing within a sequence.
    sequence : (n,) int
        Walks of different sequences have nothing to do with one another.
    scale : float
        Prior variance of the first coefficients.
    rng : numpy.random.Generator
    """

    def __init__(self, season, period, sequence, scale, rng):
        self._rng, self._scale = rng, scale
        self._F = season.shape[1]
        new = np.ones(len(period), dtype=bool)
        new[1:] = (np.diff(period) != 0) | (np.diff(sequence) != 0)
        self._day = np.cumsum(new) - 1  # (n,) place of a row's period in the path
        first = np.flatnonzero(new)
        self.n_periods = len(first)
        self._place = np.arange(len(period)) - first[self._day]
        most = int(self._place.max()) + 1
        # Rows by period, padded with rows of zeros: one product for each period.
        self._rows = np.full((self.n_periods, most), len(period))
        self._rows[self._day, self._place] = np.arange(len(period))
        self._by_day = np.vstack([season, np.zeros((1, self._F))])[self._rows]
        self._gap = np.where(np.diff(sequence[first]) == 0, np.diff(period[first]), 0).astype(float)
        self._across = np.ascontiguousarray(self._by_day.transpose(0, 2, 1))
        self._grams = np.matmul(self._across, self._by_day)
        self._flat = self._day * most + self._place  # place of a row among all days' rows
        self._bands: dict[int, _Band] = {}
        self.choice = _FIRST

    @staticmethod
    def long_enough(period, sequence):
        """Whether some sequence has enough periods for a walk."""
        longest = 0
        for s in np.unique(sequence):
            longest = max(longest, len(np.unique(period[sequence == s])))
        return longest >= _LEAST

    @property
    def variance(self):
        """Variance of a step, in units of the noise."""
        return float(GRID[self.choice])

    def draw(self, X, Y, scale, prior):
        """Draw the variance of the steps, then coefficients, noise and path given it.

        X : (n, k) regressors without the season; Y : (n, D) responses.

        Returns
        -------
        law : Law
        profile : (n, D) float
            What the season adds to each row.
        """
        k, n = X.shape[1], len(Y)
        both = np.zeros((n + 1, k + Y.shape[1]))
        both[:n, :k], both[:n, k:] = X, Y
        by_day = np.take(both, self._rows, axis=0)
        links = np.matmul(self._across, by_day).reshape(-1, both.shape[1])
        full = both.T @ both
        present = self._reduced(self.choice, links, full, k, n, scale, prior)
        other = self.choice + (1 if self._rng.random() < 0.5 else -1)
        if 0 <= other < len(GRID):
            proposed = self._reduced(other, links, full, k, n, scale, prior)
            if np.log(self._rng.random()) < proposed[2] - present[2]:
                present, self.choice = proposed, other
        half, rest, _ = present
        law = draw_law(self._rng, rest[:k, :k], rest[:k, k:], rest[k:, k:], n, scale, prior)
        noise = self._rng.standard_normal((len(half), Y.shape[1])) @ law.root.T
        path = _solve(self._bands[self.choice].U, half[:, k:] - half[:, :k] @ law.B + noise, "N")
        self.path = path.reshape(self.n_periods, self._F, -1)
        return law, np.take(
            np.matmul(self._by_day, self.path).reshape(-1, Y.shape[1]), self._flat, axis=0
        )

    def _reduced(self, choice, links, full, k, n, scale, prior):
        """Take the path out: (whitened links, sums without it, log evidence up to a constant)."""
        band = self._band(choice)
        half = _solve(band.U, links, "T")
        rest = full - half.T @ half
        D = len(full) - k
        precision = rest[:k, :k] + np.diag(1.0 / scale)
        outer = prior.scale * np.eye(D) + rest[k:, k:]
        outer -= rest[k:, :k] @ np.linalg.solve(precision, rest[:k, k:])
        evidence = -0.5 * D * (band.log_det + np.linalg.slogdet(precision)[1])
        return half, rest, evidence - 0.5 * (prior.df + n) * np.linalg.slogdet(outer)[1]

    def _band(self, choice):
        if choice not in self._bands:
            F, N = self._F, self.n_periods
            linked = self._gap > 0
            step = np.zeros(N - 1)
            step[linked] = 1.0 / (GRID[choice] * self._gap[linked])
            alone = np.zeros(N)
            alone[0] = 1.0 / self._scale
            alone[1:][~linked] = 1.0 / self._scale
            # Row r of the band holds the diagonal at distance F - r.
            ab = np.zeros((F + 1, N, F))
            for a in range(F):
                for b in range(a, F):
                    ab[F - (b - a), :, b] = self._grams[:, a, b]
            ab[F] += alone[:, None]
            ab[F, 1:] += step[:, None]
            ab[F, :-1] += step[:, None]
            ab[0, 1:] = -step[:, None]
            U = cholesky_banded(ab.reshape(F + 1, N * F))
            prior = F * (np.log(step[linked]).sum() + np.log(alone[alone > 0.0]).sum())
            self._bands[choice] = _Band(U, 2.0 * np.log(U[F]).sum() - prior)
        return self._bands[choice]


def _solve(U, right, trans):
    """Solve U x = right, or U' x = right."""
    return dtbtrs(U, right, uplo="U", trans=trans)[0]
