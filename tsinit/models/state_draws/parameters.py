"""Parameters of a state-space model with independent noises, their prior, and draws of them given the states.

x[t + 1] = A x[t] + w, w ~ N(0, Q), and y[t] = C x[t] + G f[t] + v, v_i ~ N(0, r_i); the covariates f end in 1. Priors,
on columns of variance 1:

* Q ~ IW(nu + n - 1, 2 nu diag(b)), b_j ~ Ga(1/2, 1), by which standard deviations are half-t (Huang and Wand, Bayesian
  Analysis 8, 2013); A | Q ~ MN(0, Q, s I) with a half-t root of s, so that s grows where the noise is small and the
  prior is no floor under it; both only where A is stable.
* The first state of each sequence ~ N(m, V), (m, V) normal inverse Wishart: learned over sequences, and wide
  where there is one.
* Loadings of state j ~ N(0, l_j) with half-t roots of l_j: a state that nothing needs is shrunk away. Effects of
  covariates ~ N(0, scale). Roots of r_i half-t.

All conditional distributions are closed forms (Carter and Kohn, Biometrika 81, 1994; Fruehwirth-Schnatter, J. Time Ser.
Anal. 15, 1994). The basis of the states is not identified, and nothing that is imputed depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from tsinit.kernels.state_paths import PathPrecision
from tsinit.metrics import spectral_radius

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.models.state_draws.table import ColumnSums, StateTable

#: Draws of the dynamics that are tried until one is stable; the present ones stay where none is.
_TRIES = 20
#: Share of the sum of squares that is left of a residual sum where rounding takes it all.
_RESOLUTION = 1e-10


class StatePrior(NamedTuple):
    """Prior of all parameters."""

    dof: float = 1.0  # degrees of freedom of the half-t distributions: half-Cauchy
    level: float = 5.0  # variance of the effects of covariates
    first: float = 3.0  # V ~ IW(first + n - 1, I), m | V ~ N(0, V)


class StateParameters(NamedTuple):
    """A draw of the parameters and of the scales of their prior."""

    A: FloatArray  # (n, n)
    Q: FloatArray  # (n, n)
    C: FloatArray  # (D, n)
    G: FloatArray  # (D, F + 1)
    r: FloatArray  # (D,)
    m: FloatArray  # (n,)
    V: FloatArray  # (n, n)
    b: FloatArray  # (n,) of the noise of the states
    s: float  # variance of A in units of Q
    loadings: FloatArray  # (n,)

    def precision(self) -> tuple[PathPrecision, float, float]:
        """Return what the dynamics put into the precision of a path, and log |Q| and log |V|."""
        inner, log_q = _inverse(self.Q)
        first, log_v = _inverse(self.V)
        link = np.ascontiguousarray(self.A.T @ inner)
        return PathPrecision(first, inner, link @ self.A, link), log_q, log_v


def _inverse(M: FloatArray) -> tuple[FloatArray, float]:
    L = cholesky(M, lower=True)
    root = solve_triangular(L, np.eye(len(M)), lower=True)
    return root.T @ root, float(2.0 * np.log(np.diag(L)).sum())


def half_t_variance(
    rng: np.random.Generator,
    present: FloatArray,
    count: float | FloatArray,
    square: FloatArray,
    dof: float,
) -> FloatArray:
    """Draw variances whose roots are half-t of scale 1, given `count` normal values with sums of squares `square`.

    A scale mixture of inverse gammas (Wand et al., Bayesian Analysis 6, 2011); `present` are the variances.
    """
    present = np.asarray(present)
    mixed = rng.standard_gamma(0.5 * (dof + 1.0), present.shape) / (1.0 + dof / present)
    return (dof * mixed + 0.5 * square) / rng.standard_gamma(0.5 * (dof + count), present.shape)


def draw_regression(
    rng: np.random.Generator,
    sums: tuple[FloatArray, FloatArray, FloatArray],
    df: float,
    scale: FloatArray,
    precision: float,
) -> tuple[FloatArray, FloatArray]:
    """Draw (B (k, n), Q (n, n)) of Y = X B + E given X'X, X'Y, Y'Y: matrix normal, inverse Wishart.

    df counts the rows too; scale (n, n) and precision (of B in units of Q) are those of the prior.
    """
    gram, cross, square = sums
    k, n = cross.shape
    root = cholesky(gram + precision * np.eye(k), lower=True)
    half = solve_triangular(root, cross, lower=True)
    rest = square - half.T @ half + scale
    rest[np.diag_indices(n)] += _RESOLUTION * np.diag(square)
    left = cholesky(0.5 * (rest + rest.T), lower=True)
    bartlett = np.tril(rng.standard_normal((n, n)), -1)
    bartlett[np.diag_indices(n)] = np.sqrt(rng.chisquare(df - np.arange(n)))
    # rest = left left' and left^-T bartlett bartlett' left^-1 is Wishart: Q has the root left bartlett^-T.
    Q_root = solve_triangular(bartlett, left.T, lower=True).T
    noise = rng.standard_normal((k, n)) @ Q_root.T
    B = solve_triangular(root, half + noise, lower=True, trans=1)
    return B, Q_root @ Q_root.T


def draw_dynamics(
    rng: np.random.Generator,
    X: FloatArray,
    table: StateTable,
    present: StateParameters,
    prior: StatePrior,
) -> StateParameters:
    """Draw A, Q, their scales and the distribution of first states given the states (T, n)."""
    n, nu = X.shape[1], prior.dof
    last = table.followed
    before, after, first = X[last], X[last + 1], X[table.offsets[:-1]]
    sums = before.T @ before, before.T @ after, after.T @ after
    A, Q = present.A, present.Q
    for _ in range(_TRIES):
        B, noise = draw_regression(
            rng, sums, nu + n - 1.0 + len(last), 2.0 * nu * np.diag(present.b), 1.0 / present.s
        )
        # Tried again, the first stable draw is one from the distribution that has no others; if none is, the present
        # one stays: either way that distribution is left as it is.
        if spectral_radius(B) < 1.0:
            A, Q = B.T, noise
            break
    inverse = _inverse(Q)[0]
    b = rng.standard_gamma(0.5 * (nu + n), n) / (1.0 + nu * np.diag(inverse))
    square = float(np.sum(A * (inverse @ A)))
    s = float(half_t_variance(rng, np.array(present.s), n * n, np.array(square), nu))
    ones = np.full((1, 1), float(len(first)))
    mean, V = draw_regression(
        rng, (ones, first.sum(axis=0)[None], first.T @ first), prior.first + n - 1.0 + len(first),
        np.eye(n), 1.0,
    )  # fmt: skip
    return present._replace(A=A, Q=Q, m=mean[0], V=V, b=b, s=s)


def draw_level(
    rng: np.random.Generator,
    X: FloatArray,
    table: StateTable,
    present: StateParameters,
    prior: StatePrior,
) -> tuple[FloatArray, StateParameters]:
    """Move all states by one vector, and the levels of the columns against it: (states, parameters).

    Given the states, levels hardly move, and given the levels, states do not; what is observed sees neither. The vector
    is drawn from its exact conditional along this orbit (Liu and Sabatti, Biometrika 87, 2000), a normal one.
    """
    p, n, followed = present, X.shape[1], table.followed
    first, inverse = X[table.offsets[:-1]], _inverse(p.Q)[0]
    own, left = _inverse(p.V)[0], np.eye(n) - p.A
    noise = X[followed + 1].sum(axis=0) - p.A @ X[followed].sum(axis=0)
    weighted = left.T @ inverse
    precision = len(followed) * weighted @ left + len(first) * own + p.C.T @ p.C / prior.level
    slope = weighted @ noise + own @ (first - p.m).sum(axis=0) - p.C.T @ p.G[:, -1] / prior.level
    root = cholesky(precision, lower=True)
    half = -solve_triangular(root, slope, lower=True) + rng.standard_normal(n)
    step = solve_triangular(root, half, lower=True, trans=1)
    G = p.G.copy()
    G[:, -1] -= p.C @ step
    return X + step, p._replace(G=G)


def draw_observation(
    rng: np.random.Generator,
    sums: ColumnSums,
    squares: FloatArray,
    counts: FloatArray,
    present: StateParameters,
    prior: StatePrior,
) -> StateParameters:
    """Draw loadings, effects, noise and the scales of the loadings, column by column.

    squares : (D,) sums of squares of the observed values; counts : (D,) how many.
    """
    n, (D, k) = len(present.A), sums.cross.shape
    scale = np.concatenate([present.loadings, np.full(k - n, prior.level)])
    precision = sums.gram / present.r[:, None, None]
    precision[:, np.arange(k), np.arange(k)] += 1.0 / scale
    root = np.linalg.cholesky(precision)
    half = np.linalg.solve(root, (sums.cross / present.r[:, None])[..., None])
    half += rng.standard_normal((D, k, 1))
    B = np.linalg.solve(root.transpose(0, 2, 1), half)[..., 0]
    C, G = np.ascontiguousarray(B[:, :n]), np.ascontiguousarray(B[:, n:])
    left = residual_squares(sums, squares, B)
    r = half_t_variance(rng, present.r, counts, left, prior.dof)
    loadings = half_t_variance(rng, present.loadings, D, (C**2).sum(axis=0), prior.dof)
    return present._replace(C=C, G=G, r=r, loadings=loadings)


def residual_squares(sums: ColumnSums, squares: FloatArray, B: FloatArray) -> FloatArray:
    """(D,) sums of squared residuals of the columns under coefficients (D, k), never below rounding."""
    explained = np.einsum("ij,ij->i", B, 2.0 * sums.cross - np.einsum("ijk,ik->ij", sums.gram, B))
    return np.maximum(squares - explained, 0.0) + _RESOLUTION * squares
