"""A daily (weekly, yearly) profile that drifts: a random walk of the seasonal coefficients from period to period.

The rows of period d regress on their season with coefficients C_d of their own; C_d - C_(d-1) ~ MN(0, w g I, Q) with g
the number of periods between them, and the first ~ MN(0, scale I, Q). Together with the coefficients B of everything
else this is one regression, in which w, B and Q are drawn with the path integrated out, then the whole path
(West and Harrison, "Bayesian forecasting and dynamic models", 1997, section 16.4). The precision of the path is banded
and the same whatever the data: only its links with B are new in every sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import cholesky_banded
from scipy.linalg.lapack import dtbtrs

from tsinit.models.imputation.var_regressions import (
    VARParameters,
    VARPrior,
    draw_parameters,
    harmonics,
    residual_products,
)

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

#: Variance of a step of the random walk in units of the noise: what is chosen from, equally likely a priori.
GRID = 10.0 ** np.arange(-5.0, 0.51, 0.25)
_FIRST = 8  # where a chain begins on the grid
_MIN_PERIODS = 8  # from which a season may drift
_HARMONICS = 4


def drift_terms(steps: IntArray, period: float) -> FloatArray:
    """Covariates (n, 2 H + 1) whose coefficients drift: up to four harmonics and the level."""
    return np.hstack([harmonics(steps, period, _HARMONICS), np.ones((len(steps), 1))])


class _PathPrecision(NamedTuple):
    """Cholesky factor of the precision of the path, by one variance of its steps."""

    U: FloatArray  # (F + 1, N F) upper banded
    log_det: float  # log of |precision| over |prior precision|, for one column


class _WithoutPath(NamedTuple):
    """What is left of a regression once the path has been taken out."""

    links: FloatArray  # (N F, k + D) whitened links of the path with X and Y
    sums: tuple[FloatArray, FloatArray, FloatArray]  # X'X, X'Y, Y'Y


class SeasonalDrift:
    """The random walk of the seasonal coefficients.

    Parameters
    ----------
    season : (n, F) float
        Covariates of the rows.
    period : (n,) int
        Number of the period that a row is in, increasing within a sequence.
    sequence : (n,) int
        Paths of different sequences are independent of one another.
    scale : float
        Prior variance of the first coefficients.
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        season: FloatArray,
        period: IntArray,
        sequence: IntArray,
        scale: float,
        rng: np.random.Generator,
    ) -> None:
        self._rng, self._scale = rng, scale
        self._F = season.shape[1]
        new = np.ones(len(period), dtype=bool)
        new[1:] = (np.diff(period) != 0) | (np.diff(sequence) != 0)
        self._day = np.cumsum(new) - 1  # (n,) place of a row's period in the path
        first = np.flatnonzero(new)
        self.n_periods = len(first)
        self._place = np.arange(len(period)) - first[self._day]
        longest = int(self._place.max()) + 1
        # Rows by period, padded with rows of zeros: one product for each period.
        self._rows = np.full((self.n_periods, longest), len(period))
        self._rows[self._day, self._place] = np.arange(len(period))
        self._by_day = np.vstack([season, np.zeros((1, self._F))])[self._rows]
        self._gap = np.where(np.diff(sequence[first]) == 0, np.diff(period[first]), 0).astype(float)
        self._across = np.ascontiguousarray(self._by_day.transpose(0, 2, 1))
        self._grams = np.matmul(self._across, self._by_day)
        self._flat = self._day * longest + self._place  # place of a row among all days' rows
        self._bands: dict[int, _PathPrecision] = {}
        self.choice = _FIRST

    @staticmethod
    def long_enough(period: IntArray, sequence: IntArray) -> bool:
        """Whether some sequence has enough periods for a drift."""
        counts = (len(np.unique(period[sequence == s])) for s in np.unique(sequence))
        return max(counts, default=0) >= _MIN_PERIODS

    @property
    def variance(self) -> float:
        """Variance of a step, in units of the noise."""
        return float(GRID[self.choice])

    def draw(
        self,
        X: FloatArray,
        Y: FloatArray,
        n_lags: int,
        prior: VARPrior,
        present: VARParameters | None = None,
    ) -> tuple[VARParameters, FloatArray]:
        """Draw the variance of the steps, coefficients and noise without the path, then the path given them.

        X : (n, k) regressors without the season; Y : (n, D) responses; `n_lags`, `prior` and `present` as in
        `draw_parameters`.

        Returns
        -------
        parameters : VARParameters
        profile : (n, D) float
            What the season adds to each row.
        """
        k, n = X.shape[1], len(Y)
        both = np.zeros((n + 1, k + Y.shape[1]))
        both[:n, :k], both[:n, k:] = X, Y
        by_day = np.take(both, self._rows, axis=0)
        links = np.matmul(self._across, by_day).reshape(-1, both.shape[1])
        full = both.T @ both
        left = self._reduced(self.choice, links, full, k)
        if present is not None:  # else there is no noise yet to judge steps by
            left = self._move(left, links, full, k, present)
        drawn = draw_parameters(self._rng, left.sums, n, n_lags, prior, present)
        noise = self._rng.standard_normal((len(links), Y.shape[1])) @ drawn.root.T
        right = left.links[:, k:] - left.links[:, :k] @ drawn.B + noise
        self.path = _solve(self._bands[self.choice].U, right, "N").reshape(
            self.n_periods, self._F, -1
        )
        profile = np.matmul(self._by_day, self.path).reshape(-1, Y.shape[1])
        return drawn, np.take(profile, self._flat, axis=0)

    def _move(
        self,
        left: _WithoutPath,
        links: FloatArray,
        full: FloatArray,
        k: int,
        present: VARParameters,
    ) -> _WithoutPath:
        """Take a Metropolis-Hastings step of the variance of the steps to a neighbour on the grid."""
        other = self.choice + (1 if self._rng.random() < 0.5 else -1)
        if not 0 <= other < len(GRID):
            return left
        proposed = self._reduced(other, links, full, k)
        log_ratio = self.log_evidence(other, proposed, present)
        log_ratio -= self.log_evidence(self.choice, left, present)
        if np.log(self._rng.random()) < log_ratio:
            self.choice = other
            return proposed
        return left

    def log_evidence(self, choice: int, left: _WithoutPath, given: VARParameters) -> float:
        """Log density of Y given coefficients and noise, the path integrated out, up to a constant."""
        rest = residual_products(left.sums, given.B)
        D = len(rest)
        return float(-0.5 * D * self._bands[choice].log_det - 0.5 * np.vdot(given.precision, rest))

    def _reduced(self, choice: int, links: FloatArray, full: FloatArray, k: int) -> _WithoutPath:
        """Take the path out of the products of X and Y."""
        half = _solve(self._band(choice).U, links, "T")
        rest = full - half.T @ half
        return _WithoutPath(half, (rest[:k, :k], rest[:k, k:], rest[k:, k:]))

    def _band(self, choice: int) -> _PathPrecision:
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
            self._bands[choice] = _PathPrecision(U, 2.0 * np.log(U[F]).sum() - prior)
        return self._bands[choice]


def _solve(U: FloatArray, right: FloatArray, trans: str) -> FloatArray:
    """Solve U x = right, or U' x = right."""
    return dtbtrs(U, right, uplo="U", trans=trans)[0]
