"""The rows of a problem as a vector autoregression takes them: segments, and their regressions.

Rows with the same number of rows of their segment before them, at most L, share a multivariate regression Y = X B + E
with rows of E independent N(0, Q). Entries of B are normal with a variance for each row, whatever Q is: in units of
the noise, as in the conjugate prior, coefficients of the size of one would be a floor under small noise. The noise is
IW(nu + D - 1, 2 nu diag(1 / a)) with a_j ~ IG(1/2, 1 / A^2), by which every standard deviation is half-t of scale A
with nu degrees of freedom: half-Cauchy for nu = 1, flat towards zero (Huang and Wand, Bayesian Analysis 8, 2013). The
variance of the coefficients of lags is the square of a half-t variable too. All are drawn in turn, from sums over rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular, svd
from scipy.special import gammaln

from tsinit.kernels.imputation.var_gaps import VARPrecision

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray, IntArray
    from tsinit.models.imputation.problem import ImputationProblem

#: Up to so many times the lags, skipped steps are rows without values; more end a segment.
_BRIDGED = 10
#: Harmonics of a period that drift where the season does.
_HARMONICS = 4
#: Rows per coefficient from which covariates enter the regression of first rows of segments, and rows per column from
#: which these speak for themselves: fewer are taken to follow the distribution of all rows.
MIN_ROWS_PER_COEFFICIENT = 10
#: Observed values of every column from which scales of the prior are learned; else variance of a lag's coefficient.
_MIN_OBSERVED, _LAGS = 10, 0.1
#: Share of Y'Y that is left of a residual sum where rounding takes it all: what is explained to five digits is exact.
_RESOLUTION = 1e-10


class SegmentLayout(NamedTuple):
    """Rows of the engine: those given, and those for a few skipped steps."""

    rows: IntArray  # (T,), place of each row given
    before: IntArray  # (n,), rows of its segment before a row, at most L
    stop: IntArray  # (n,), where its segment ends
    steps: IntArray  # (n,), clock
    sequence: IntArray  # (n,), number of its sequence
    covariates: FloatArray  # (n, F)


class VARPrior(NamedTuple):
    """Prior of coefficients and noise of one regression, columns having variance 1.

    Where it is not learned, Q ~ IW(dof + D - 1, spread^2 I), and coefficients of lags have variance `lags`.
    """

    dof: float  # degrees of freedom of the half-t distributions
    spread: float  # scale of noise standard deviations
    level: float  # variance of the coefficients of level and season
    lags: float  # square of the scale of the standard deviation of the coefficients of lags
    learned: bool = True  # whether the rows are enough to learn the scales of noise and lags


class VARRegression(NamedTuple):
    """Rows with as many rows of their segment before them, and the regression they share."""

    before: int
    rows: IntArray
    X: FloatArray  # (rows, k): lags 1 .. before, covariates, 1 (where the season drifts neither it nor 1)
    n_lags: int  # columns of X that are lags
    prior: VARPrior
    # Rows that inform it, and their X: all that have as many rows before them, where its own are few.
    source: tuple[IntArray, FloatArray] | None = None


class VARParameters(NamedTuple):
    """Coefficients and noise of one regression, and the scales of their prior."""

    B: FloatArray  # (k, D)
    root: FloatArray  # (D, D), root @ root.T = Q
    precision: FloatArray  # (D, D), inverse of Q
    log_det: float  # log |Q|
    psi: FloatArray  # (D,) diagonal of the scale matrix of the inverse Wishart
    lag_scale: float  # prior variance of the coefficients of lags


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


def seasonal(
    problem: ImputationProblem, periods: Sequence[float], n: int = _HARMONICS
) -> tuple[BoolArray, FloatArray]:
    """Tell which covariates are functions of the first n harmonics of the phase, and how.

    Returns
    -------
    known : (F,) bool
    weights : (k, F) float
        Of the Fourier terms and of 1, that give the covariates which are known.
    """
    F = problem.covariates.shape[1]
    if not len(periods) or F == 0:
        return np.zeros(F, dtype=bool), np.zeros((1, F))
    terms = _terms(problem.steps, periods, n)
    weights = np.asarray(np.linalg.lstsq(terms, problem.covariates, rcond=None)[0], dtype=float)
    return np.abs(terms @ weights - problem.covariates).max(axis=0) < 1e-6, weights


def _terms(steps: IntArray, periods: Sequence[float], n: int) -> FloatArray:
    return np.hstack(
        [*(harmonics(steps, period, n) for period in periods), np.ones((len(steps), 1))]
    )


def lay_out(problem: ImputationProblem, periods: Sequence[float] = ()) -> SegmentLayout:
    """Cut the table into segments.

    Where the clock skips up to 10 L steps, rows without a value stand in for them: a state that passes through them
    still links both sides. More skipped steps start a new segment, and any do where a covariate is
    more than a function of the phase, because its values there are unknown.
    """
    T, L = len(problem.z), problem.lags
    # A season of more waves than those that may drift has so many harmonics at most.
    F = problem.covariates.shape[1]
    n_waves = -(-F // 2) if _HARMONICS * len(periods) < F else _HARMONICS
    known, weights = seasonal(problem, periods, n_waves)
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
        covariates[away] = _terms(steps[away], periods, n_waves) @ weights
    return SegmentLayout(
        rows.astype(np.int64),
        np.minimum(place, L).astype(np.int64),
        stop.astype(np.int64),
        steps,
        sequence[owner].astype(np.int64),
        covariates,
    )


def regressions_of(
    layout: SegmentLayout,
    problem: ImputationProblem,
    static: BoolArray | None,
    prior: VARPrior | None = None,
) -> list[VARRegression]:
    """Set the regressions up, one for each number of rows before a row, with empty columns for the lags.

    Parameters
    ----------
    layout : SegmentLayout
    problem : ImputationProblem
    static : (F,) bool or None
        Covariates that a season which drifts leaves to the last regression; None where none drifts.
    prior : VARPrior or None
        Of all of them, each informed by its own rows; None is the default prior, and few rows are informed by others.
    """
    L, D, found = problem.lags, problem.z.shape[1], []
    for c in range(L + 1):
        rows = np.flatnonzero(layout.before == c)
        if not rows.size:
            continue
        few = prior is None and c < L and len(rows) < MIN_ROWS_PER_COEFFICIENT * D
        informing = np.flatnonzero(layout.before >= c) if few else rows
        terms = np.column_stack([layout.covariates, np.ones(len(layout.before))])
        if c == L and static is not None:
            terms = layout.covariates[:, static]
        elif c < L and len(informing) < MIN_ROWS_PER_COEFFICIENT * terms.shape[1]:
            terms = terms[:, -1:]
        X, other = (np.hstack([np.empty((len(r), c * D)), terms[r]]) for r in (rows, informing))
        own = default_prior(problem) if prior is None else prior
        found.append(VARRegression(c, rows, X, c * D, own, (informing, other) if few else None))
    return found


def default_prior(problem: ImputationProblem) -> VARPrior:
    """Half-Cauchy standard deviations of the noise, and of the coefficients of lags.

    A column of a few values says nothing of such scales: noise is about 1 then, as columns are, and lags matter little.
    """
    if (~problem.missing).sum(axis=0).min() < _MIN_OBSERVED:
        return VARPrior(3.0, 1.0, problem.prior_scale, min(_LAGS, problem.prior_scale), False)
    return VARPrior(1.0, 1.0, problem.prior_scale, problem.prior_scale)


def fill_lags(regression: VARRegression, Z: FloatArray) -> FloatArray:
    """Write the present lags to X, and return the responses."""
    return _fill(regression.before, regression.rows, regression.X, Z)


def _fill(before: int, rows: IntArray, X: FloatArray, Z: FloatArray) -> FloatArray:
    D = Z.shape[1]
    for lag in range(1, before + 1):
        X[:, (lag - 1) * D : lag * D] = Z[rows - lag]
    return Z[rows]


def informing_rows(regression: VARRegression, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Regressors and responses of the rows that inform a regression; its own X must be filled."""
    if regression.source is None:
        return regression.X, Z[regression.rows]
    rows, X = regression.source
    return X, _fill(regression.before, rows, X, Z)


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


def begin(k: int, D: int, prior: VARPrior) -> VARParameters:
    """Parameters to begin with: no coefficients, noise of variance 1."""
    psi = np.full(D, 2.0 * prior.dof if prior.learned else 1.0) * prior.spread**2
    return VARParameters(np.zeros((k, D)), np.eye(D), np.eye(D), 0.0, psi, prior.lags)


def draw_parameters(
    rng: np.random.Generator,
    sums: tuple[FloatArray, FloatArray, FloatArray],
    n: float,
    n_lags: int,
    prior: VARPrior,
    present: VARParameters | None = None,
) -> VARParameters:
    """Draw coefficients, noise and the scales of their prior, each given the others.

    Parameters
    ----------
    rng : numpy.random.Generator
    sums : (k, k), (k, D), (D, D) float
        X'X, X'Y and Y'Y over n rows.
    n : float
    n_lags : int
        Rows of B, the first ones, that belong to lags.
    prior : VARPrior
    present : VARParameters or None
        None begins anew.
    """
    gram, cross, square = sums
    k, D = cross.shape
    present = begin(k, D, prior) if present is None else present
    B = _draw_coefficients(rng, gram, cross, present.root, _scales(present, k, n_lags, prior))
    rest = residual_products(sums, B)
    rest[np.diag_indices(D)] += present.psi + _RESOLUTION * np.diag(square)
    root, precision, log_det = draw_noise(rng, rest, prior.dof + D - 1.0 + n)
    if not prior.learned:
        return VARParameters(B, root, precision, log_det, present.psi, present.lag_scale)
    rate = prior.spread**-2.0 + prior.dof * np.diag(precision)
    psi = 2.0 * prior.dof * rng.standard_gamma(0.5 * (prior.dof + D), D) / rate
    lag_scale = _draw_lag_scale(rng, B[:n_lags], prior, present.lag_scale)
    return VARParameters(B, root, precision, log_det, psi, lag_scale)


def _scales(present: VARParameters, k: int, n_lags: int, prior: VARPrior) -> FloatArray:
    """(k,) prior variances of the rows of B; level and season are not shrunk, for columns are centred."""
    return np.repeat([present.lag_scale, prior.level], [n_lags, k - n_lags])


def residual_products(sums: tuple[FloatArray, FloatArray, FloatArray], B: FloatArray) -> FloatArray:
    """(D, D) E'E of the residuals E = Y - X B."""
    gram, cross, square = sums
    linked = B.T @ (cross - 0.5 * gram @ B)
    return square - linked - linked.T


def _draw_coefficients(
    rng: np.random.Generator,
    gram: FloatArray,
    cross: FloatArray,
    root: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Draw B given the noise.

    In the directions of the noise that are independent of one another, and those of the regressors that are, every
    coefficient is on its own.
    """
    turn, sd, _ = svd(root)
    unit = np.sqrt(scale)
    values, vectors = eigh(unit[:, None] * gram * unit)
    precision = np.maximum(values, 0.0)[:, None] + sd**2
    inner = vectors.T @ (unit[:, None] * cross) @ (turn / sd)
    # Turned along, so that the draw does not depend on the signs that rounding gives to directions.
    noise = vectors.T @ rng.standard_normal(cross.shape) @ turn
    inner = inner / precision + noise / np.sqrt(precision)
    return unit[:, None] * (vectors @ (inner * sd) @ turn.T)


def _draw_lag_scale(
    rng: np.random.Generator, B: FloatArray, prior: VARPrior, present: float
) -> float:
    """Draw the prior variance of the coefficients of lags (n_lags, D)."""
    if not B.size:
        return present
    rate = rng.standard_gamma(0.5 * (prior.dof + 1.0)) / (1.0 / prior.lags + prior.dof / present)
    total = prior.dof * rate + 0.5 * float(np.vdot(B, B))
    return total / rng.standard_gamma(0.5 * (prior.dof + B.size))


def log_prior(one: VARParameters, n_lags: int, prior: VARPrior) -> float:
    """Log density of coefficients, their scale and noise a priori, the scales of the noise integrated out."""
    k, D = one.B.shape
    scale = _scales(one, k, n_lags, prior)
    normal = -0.5 * (D * np.log(2.0 * np.pi * scale).sum() + (one.B**2 / scale[:, None]).sum())
    df = prior.dof + D - 1.0
    wishart = (
        -0.5 * df * D * np.log(2.0)
        - 0.25 * D * (D - 1) * np.log(np.pi)
        - gammaln(0.5 * (df - np.arange(D))).sum()
        - 0.5 * (df + D + 1) * one.log_det
    )
    diagonal = np.diag(one.precision)
    if not prior.learned:
        own = 0.5 * df * np.log(one.psi).sum() - 0.5 * diagonal @ one.psi
        return float(normal + wishart + own)
    shape, A = 0.5 * (prior.dof + D), prior.spread
    mixed = gammaln(shape) - gammaln(0.5) - np.log(A) + 0.5 * df * np.log(2.0 * prior.dof)
    mixed = D * mixed - shape * np.log(A**-2.0 + prior.dof * diagonal).sum()
    return float(normal + wishart + mixed + _log_lag_scale(one.lag_scale, n_lags, prior))


def _log_lag_scale(variance: float, n_lags: int, prior: VARPrior) -> float:
    """Log density of the variance whose root is half-t."""
    if not n_lags:
        return 0.0
    nu, square = prior.dof, variance / prior.lags
    constant = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * np.log(np.pi * nu * prior.lags)
    return float(constant - 0.5 * (nu + 1.0) * np.log1p(square / nu) - 0.5 * np.log(variance))
