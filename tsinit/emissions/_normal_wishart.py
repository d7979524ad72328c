"""Normal states with full covariance under a Normal-inverse-Wishart prior, also with weights on the rows.

mu | Sigma ~ N(m, Sigma / k) and Sigma ~ IW(df, Psi), so E[Sigma] = Psi / (df - D - 1). A row of weight w has
the covariance Sigma / w. Rows of which nothing is observed count nowhere; gaps in the others must be filled in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln

from tsinit.kernels._jit import entry, kernel, kernel_with_memory

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray

LOG_2PI = math.log(2.0 * math.pi)
_MIN_PIVOT = 1e-14  # of the diagonal: what rounding may have made negative


class NormalWishart(NamedTuple):
    """Prior of mean and covariance of a state."""

    m: np.ndarray  # (D,)
    k: float
    df: float  # above D - 1
    Psi: np.ndarray  # (D, D)
    root: np.ndarray  # (D, D) lower triangular, Psi = root root'
    log_norm: float  # df/2 log|Psi| - log G_D(df/2), the latter without its power of pi


def normal_wishart(m: FloatArray, k: float, df: float, Psi: FloatArray) -> NormalWishart:
    """Make a prior."""
    root = np.linalg.cholesky(Psi)
    log_gamma = gammaln(0.5 * (df - np.arange(len(m)))).sum()
    return NormalWishart(m, k, df, Psi, root, float(df * np.log(np.diag(root)).sum() - log_gamma))


@kernel_with_memory
def _scatter(
    gap: IntArray, y: FloatArray, weight: FloatArray, z: IntArray, K: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Per state: rows n, weight w, first row c, weighted sums of y - c and of (y - c)(y - c)' (lower half).

    Sums about a row of the state itself: about the origin they would cancel where the spread within a state
    is small against its distance from there.
    """
    D = y.shape[1]
    n, w = np.zeros(K), np.zeros(K)
    c, s, S = np.zeros((K, D)), np.zeros((K, D)), np.zeros((K, D, D))
    weighted = weight.size > 0
    for t in range(z.size):
        if gap[t + 1] - gap[t] == D or z[t] < 0:
            continue
        k = z[t]
        if n[k] == 0.0:
            for i in range(D):
                c[k, i] = y[t, i]
        v = weight[t] if weighted else 1.0
        n[k] += 1.0
        w[k] += v
        for i in range(D):
            x = v * (y[t, i] - c[k, i])
            s[k, i] += x
            for j in range(i + 1):
                S[k, i, j] += x * (y[t, j] - c[k, j])
    return n, w, c, s, S


@kernel
def _update(
    prior: NormalWishart, w: FloatArray, c: FloatArray, s: FloatArray, S: FloatArray, k: int
) -> float:
    """Posterior mean into s[k] and the Cholesky factor of the posterior Psi into S[k]; returns log|Psi|."""
    D = prior.m.size
    share = prior.k * w[k] / (prior.k + w[k])
    for i in range(D):
        # s becomes the distance of the mean from c; the prior draws on it once S is centred.
        s[k, i] = s[k, i] / w[k] if w[k] > 0.0 else 0.0
        for j in range(i + 1):
            S[k, i, j] += prior.Psi[i, j] - w[k] * s[k, i] * s[k, j]
    for i in range(D):
        a = c[k, i] + s[k, i] - prior.m[i]
        for j in range(i + 1):
            S[k, i, j] += share * a * (c[k, j] + s[k, j] - prior.m[j])
    for i in range(D):
        s[k, i] = prior.m[i] + w[k] / (prior.k + w[k]) * (c[k, i] + s[k, i] - prior.m[i])
    return factor(S, k, D)


@kernel
def factor(S: FloatArray, k: int, D: int) -> float:
    """Replace the lower half of S[k] by its factor; returns the log determinant of S[k]."""
    log_det = 0.0
    for j in range(D):
        pivot = S[k, j, j]
        lowest = _MIN_PIVOT * pivot
        for h in range(j):
            pivot -= S[k, j, h] * S[k, j, h]
        root = math.sqrt(max(pivot, lowest))
        S[k, j, j] = root
        log_det += 2.0 * math.log(root)
        for i in range(j + 1, D):
            x = S[k, i, j]
            for h in range(j):
                x -= S[k, i, h] * S[k, j, h]
            S[k, i, j] = x / root
    return log_det


@kernel
def whitener(
    rng: np.random.Generator, df: float, L: FloatArray, k: int, V: FloatArray, whiten: FloatArray
) -> float:
    """Draw the lower triangular W with W'W ~ Wishart(df, (L L')^-1) into whiten[k]; returns log|W|.

    The precision is L^-T (U U') L^-1 with U U' ~ Wishart(df, I). With U upper triangular (Bartlett's
    factor with rows and columns in reverse order, so U_ii^2 has df - D + i degrees of freedom, i = 1..D) the
    factor U' L^-1 is lower triangular: half the work of a full one in every density. W L = U' is solved from
    the right; nothing is inverted. V (D, D) is a workspace.
    """
    D = V.shape[0]
    log_det = 0.0
    for i in range(D):
        V[i, i] = math.sqrt(2.0 * rng.standard_gamma(0.5 * (df - D + i + 1)))
        for j in range(i):
            V[i, j] = rng.standard_normal()
    for i in range(D):
        for j in range(i, -1, -1):
            x = V[i, j]
            for h in range(j + 1, i + 1):
                x -= whiten[k, i, h] * L[k, h, j]
            whiten[k, i, j] = x / L[k, j, j]
        log_det += math.log(whiten[k, i, i])
    return log_det


@entry
def draw(
    rng: np.random.Generator,
    prior: NormalWishart,
    gap: IntArray,
    y: FloatArray,
    weight: FloatArray,
    z: IntArray,
    K: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw mean (K, D), W (K, D, D) with Sigma^-1 = W'W, and log|W| - D/2 log(2 pi) (K,) of every state.

    y : (T, D) without gaps but for rows without any observed value; weight : (T,) or empty for ones.
    """
    D = prior.m.size
    n, w, c, s, S = _scatter(gap, y, weight, z, K)
    whiten, log_norm, V, e = np.zeros((K, D, D)), np.empty(K), np.empty((D, D)), np.empty(D)
    for k in range(K):
        _update(prior, w, c, s, S, k)
        log_norm[k] = whitener(rng, prior.df + n[k], S, k, V, whiten) - 0.5 * D * LOG_2PI
        # mu = s + W^-1 e / sqrt(k), by forward substitution.
        size = 1.0 / math.sqrt(prior.k + w[k])
        for i in range(D):
            x = rng.standard_normal() * size
            for j in range(i):
                x -= whiten[k, i, j] * e[j]
            e[i] = x / whiten[k, i, i]
        for i in range(D):
            s[k, i] += e[i]
    return s, whiten, log_norm


@entry
def log_evidence(
    prior: NormalWishart, gap: IntArray, y: FloatArray, weight: FloatArray, z: IntArray, K: int
) -> float:
    """Log p(y | z), mean and covariance of every state integrated out.

    The Normal-inverse-Wishart marginal of n rows: -(nD/2) log pi + log G_D(df_n/2) - log G_D(df/2)
    + (df/2) log|Psi| - (df_n/2) log|Psi_n| + (D/2) log(k/k_n); weights (T,), or none, less D/2 times their logs.
    """
    D = prior.m.size
    n, w, c, s, S = _scatter(gap, y, weight, z, K)
    total = 0.0
    for k in range(K):
        if n[k] > 0.0:
            df = prior.df + n[k]
            total += prior.log_norm - 0.5 * df * _update(prior, w, c, s, S, k)
            for i in range(D):
                total += math.lgamma(0.5 * (df - i))
            total += 0.5 * D * (math.log(prior.k / (prior.k + w[k])) - n[k] * math.log(math.pi))
    return total


@entry
def log_prior(prior: NormalWishart, mean: FloatArray, whiten: FloatArray) -> FloatArray:
    """Log density of mean and covariance of each state under the prior, (K,)."""
    K, D = mean.shape
    out = np.empty(K)
    constant = prior.log_norm - 0.5 * D * (
        prior.df * math.log(2.0) + 0.5 * (D - 1) * math.log(math.pi)
    )
    constant += 0.5 * D * (math.log(prior.k) - LOG_2PI)
    for k in range(K):
        # |Sigma| = |W|^-2, tr(Psi Sigma^-1) = |W root|^2.
        log_det, trace, square = 0.0, 0.0, 0.0
        for i in range(D):
            log_det += math.log(whiten[k, i, i])
            r = 0.0
            for j in range(i + 1):
                r += whiten[k, i, j] * (mean[k, j] - prior.m[j])
                a = 0.0
                for h in range(j, i + 1):
                    a += whiten[k, i, h] * prior.root[h, j]
                trace += a * a
            square += r * r
        out[k] = constant + (prior.df + D + 2) * log_det - 0.5 * (trace + prior.k * square)
    return out
