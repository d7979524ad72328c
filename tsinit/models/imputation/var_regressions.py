"""The rows of a problem as a vector autoregression takes them: segments, and their regressions.

Rows with the same number of rows of their segment before them, at most L, share a multivariate regression with a
matrix-normal inverse-Wishart prior, whose posterior is drawn from exactly: Y = X B + E with rows of E independent
N(0, Q), B | Q ~ MN(0, V, Q) and Q ~ IW(nu, Psi). Given the sums over the data,

    S = V^-1 + X'X,  M = S^-1 X'Y,  Q ~ IW(nu + n, Psi + Y'Y - M' S M),  B | Q ~ MN(M, S^-1, Q).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import gammaln

from tsinit.kernels.imputation.var_gaps import VARPrecision

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.imputation.problem import ImputationProblem

#: Up to so many times the lags, skipped steps are rows without values; more end a segment.
_BRIDGED = 10
#: Harmonics of a period, by which its covariates are known.
_HARMONICS = 4
#: Rows per coefficient from which the first rows of segments regress on covariates too.
MIN_ROWS_PER_COEFFICIENT = 10
#: Prior variance of coefficients of first rows: a priori they follow the distribution of all rows.
FIRST_SCALE = 0.1


class SegmentLayout(NamedTuple):
    """Rows of the engine: those given, and those for a few skipped steps."""

    rows: IntArray  # (T,), place of each row given
    before: IntArray  # (n,), rows of its segment before a row, at most L
    stop: IntArray  # (n,), where its segment ends
    steps: IntArray  # (n,), clock
    sequence: IntArray  # (n,), number of its sequence
    covariates: FloatArray  # (n, F)


class NoisePrior(NamedTuple):
    """Inverse Wishart with Psi = scale I."""

    df: float
    scale: float


class VARRegression(NamedTuple):
    """Rows with as many rows of their segment before them, and the regression they share."""

    before: int
    rows: IntArray
    X: FloatArray  # (rows, k): lags 1 .. before, covariates, 1 (where the season drifts neither it nor 1)
    scale: FloatArray  # (k,) prior variance of the coefficients
    prior: NoisePrior


class VARParameters(NamedTuple):
    """Coefficients and noise of one regression."""

    B: FloatArray  # (k, D)
    root: FloatArray  # (D, D), root @ root.T = Q
    precision: FloatArray  # (D, D), inverse of Q
    log_det: float  # log |Q|


def harmonics(steps: IntArray, period: float, n: int) -> FloatArray:
    """Fourier terms (T, k) of the clock, of variance 1: two for each harmonic, one where it takes two steps."""
    columns: list[FloatArray] = []
    for k in range(1, min(n, int(period) // 2) + 1):
        angle = 2.0 * np.pi * k / period * steps
        columns += (
            [np.cos(angle)]
            if 2 * k == period
            else [np.sqrt(2.0) * np.sin(angle), np.sqrt(2.0) * np.cos(angle)]
        )
    return np.column_stack(columns) if columns else np.zeros((len(steps), 0))


def seasonal(problem: ImputationProblem, periods: Sequence[float]) -> tuple[BoolArray, FloatArray]:
    """Tell which covariates are functions of the phase, and how.

    Returns
    -------
    known : (F,) bool
    weights : (k, F) float
        Of the Fourier terms and of 1, that give the covariates which are known.
    """
    F = problem.covariates.shape[1]
    if not len(periods) or F == 0:
        return np.zeros(F, dtype=bool), np.zeros((1, F))
    terms = _terms(problem.steps, periods)
    weights = np.asarray(np.linalg.lstsq(terms, problem.covariates, rcond=None)[0], dtype=float)
    return np.abs(terms @ weights - problem.covariates).max(axis=0) < 1e-6, weights


def _terms(steps: IntArray, periods: Sequence[float]) -> FloatArray:
    return np.hstack(
        [*(harmonics(steps, period, _HARMONICS) for period in periods), np.ones((len(steps), 1))]
    )


def lay_out(problem: ImputationProblem, periods: Sequence[float] = ()) -> SegmentLayout:
    """Cut the table into segments.

    Where the clock skips up to 10 L steps, rows without a value stand in for them: a state that passes through them
    still links both sides. More skipped steps start a new segment, and any do where a covariate is
    more than a function of the phase, because its values there are unknown.
    """
    T, L = len(problem.z), problem.lags
    known, weights = seasonal(problem, periods)
    sequence = np.repeat(np.arange(len(problem.offsets) - 1), np.diff(problem.offsets))
    jump = np.diff(problem.steps, prepend=problem.steps[:1])
    begins = np.zeros(T, dtype=bool)
    begins[problem.offsets[:-1][np.diff(problem.offsets) > 0]] = True
    begins |= jump > (_BRIDGED * L if known.all() else 1)
    skipped = np.where(begins, 0, jump - 1)
    rows = np.arange(T) + np.cumsum(skipped)
    n = int(rows[-1]) + 1
    # A row that stands in belongs to the next one given.
    owner = np.searchsorted(rows, np.arange(n))
    first = np.maximum.accumulate(np.where(begins, rows, 0))[owner]
    place = np.arange(n) - first
    stops = np.append(rows[np.flatnonzero(begins)][1:], n)
    stop = stops[np.cumsum(begins)[owner] - 1]
    steps = problem.steps[owner] - (rows[owner] - np.arange(n))
    covariates = problem.covariates[owner]
    away = rows[owner] != np.arange(n)
    if away.any() and len(known):
        covariates[away] = _terms(steps[away], periods) @ weights
    return SegmentLayout(
        rows.astype(np.int64),
        np.minimum(place, L).astype(np.int64),
        stop.astype(np.int64),
        steps,
        sequence[owner].astype(np.int64),
        covariates,
    )


def regressions_of(
    layout: SegmentLayout, problem: ImputationProblem, static: BoolArray | None, prior: NoisePrior
) -> list[VARRegression]:
    """Set the regressions up, one for each number of rows before a row, with empty columns for the lags.

    Parameters
    ----------
    layout : SegmentLayout
    problem : ImputationProblem
    static : (F,) bool or None
        Covariates that a season which drifts leaves to the last regression; None where none drifts.
    prior : NoisePrior
    """
    L, D, found = problem.lags, problem.z.shape[1], []
    for c in range(L + 1):
        rows = np.flatnonzero(layout.before == c)
        if not rows.size:
            continue
        covariates, level = layout.covariates[rows], np.ones((len(rows), 1))
        if c == L and static is not None:
            covariates, level = covariates[:, static], level[:, :0]
        elif c < L and len(rows) < MIN_ROWS_PER_COEFFICIENT * (covariates.shape[1] + 1):
            covariates = covariates[:, :0]
        X = np.hstack([np.empty((len(rows), c * D)), covariates, level])
        scale = np.full(X.shape[1], coefficient_scale(problem, c))
        found.append(VARRegression(c, rows, X, scale, prior))
    return found


def coefficient_scale(problem: ImputationProblem, before: int) -> float:
    """Prior variance of the coefficients of rows with so many rows before them."""
    scale = problem.prior_scale
    return scale if before == problem.lags else min(FIRST_SCALE, scale)


def fill_lags(regression: VARRegression, Z: FloatArray) -> FloatArray:
    """Write the present lags to X, and return the responses."""
    D = Z.shape[1]
    for lag in range(1, regression.before + 1):
        regression.X[:, (lag - 1) * D : lag * D] = Z[regression.rows - lag]
    return Z[regression.rows]


def precision_blocks(parameters: Mapping[int, VARParameters], L: int, D: int) -> VARPrecision:
    """Bring the regressions, by number of rows before, to the form that the kernels take."""
    G, square = np.zeros((L + 1, L + 1, D, D)), np.zeros((L + 1, L + 1, L + 1, D, D))
    for c, one in parameters.items():
        G[c, 0] = np.eye(D)
        for lag in range(1, c + 1):
            G[c, lag] = -one.B[(lag - 1) * D : lag * D].T
        for k in range(c + 1):
            for m in range(c + 1):
                square[c, k, m] = G[c, k].T @ one.precision @ G[c, m]
    inner = np.stack([sum(square[L, k, k + d] for k in range(L + 1 - d)) for d in range(L + 1)])
    return VARPrecision(G, square, inner)


def parameters_for(
    regression: VARRegression, learned: Mapping[int, VARParameters], D: int
) -> VARParameters:
    """Parameters for rows of a table that they were not learned from.

    Where nothing was learned of so many rows before, or no covariates were used, the coefficients of what is lacking
    are zero.
    """
    known = max((c for c in learned if c <= regression.before), default=min(learned))
    one, k = learned[known], min(known, regression.before) * D
    rest = one.B[known * D :]
    B = np.zeros((regression.X.shape[1], D))
    B[:k] = one.B[:k]
    n_own = regression.X.shape[1] - regression.before * D
    if len(rest) == n_own:
        B[regression.before * D :] = rest
    elif len(rest) and n_own:
        B[-1] = rest[-1]
    return one._replace(B=B)


def draw_noise(
    rng: np.random.Generator, square: FloatArray, df: float
) -> tuple[FloatArray, FloatArray, float]:
    """Draw Q ~ IW(df, square) by Bartlett's decomposition: (a root of Q, Q^-1, log |Q|)."""
    D = len(square)
    left = cholesky(square, lower=True)
    A = np.tril(rng.standard_normal((D, D)), -1)
    A[np.diag_indices(D)] = np.sqrt(rng.chisquare(df - np.arange(D)))
    # square = left left' and W = left^-T A A' left^-1 ~ Wishart(square^-1), so Q = W^-1 has the root left A^-T.
    root = solve_triangular(A, left.T, lower=True).T
    inverse_root = solve_triangular(left, A, lower=True, trans=1)
    log_det = 2.0 * (np.log(np.diag(left)).sum() - np.log(np.diag(A)).sum())
    return root, inverse_root @ inverse_root.T, log_det


def draw_parameters(
    rng: np.random.Generator,
    gram: FloatArray,
    cross: FloatArray,
    square: FloatArray,
    n: float,
    scale: float | FloatArray,
    prior: NoisePrior,
) -> VARParameters:
    """Draw (B, Q) from their posterior.

    Parameters
    ----------
    rng : numpy.random.Generator
    gram, cross, square : (k, k), (k, D), (D, D) float
        X'X, X'Y and Y'Y over n rows.
    n : float
    scale : float or (k,) float
        Prior variance of the coefficients, V = diag(scale).
    prior : NoisePrior
    """
    k, D = cross.shape
    precision = gram + np.diag(np.broadcast_to(1.0 / np.asarray(scale, dtype=float), (k,)))
    left = cholesky(precision, lower=True)
    half = solve_triangular(left, cross, lower=True)
    rest = prior.scale * np.eye(D) + square - half.T @ half
    root, inverse, log_det = draw_noise(rng, rest, prior.df + n)
    B = solve_triangular(left, half + rng.standard_normal((k, D)) @ root.T, lower=True, trans=1)
    return VARParameters(B, root, inverse, log_det)


def log_prior(parameters: VARParameters, scale: float | FloatArray, prior: NoisePrior) -> float:
    """Log density of (B, Q) a priori."""
    B, _, precision, log_det = parameters
    k, D = B.shape
    scale = np.broadcast_to(np.asarray(scale, dtype=float), (k,))
    quadratic = np.einsum("ki,k,kj,ij->", B, 1.0 / scale, B, precision)
    normal = -0.5 * (k * D * np.log(2 * np.pi) + D * np.log(scale).sum() + k * log_det + quadratic)
    wishart = (
        0.5 * prior.df * D * np.log(prior.scale)
        - 0.5 * prior.df * D * np.log(2.0)
        - 0.25 * D * (D - 1) * np.log(np.pi)
        - gammaln(0.5 * (prior.df - np.arange(D))).sum()
        - 0.5 * (prior.df + D + 1) * log_det
        - 0.5 * prior.scale * np.trace(precision)
    )
    return normal + wishart
