"""The regressions of a vector autoregression: one for each number of rows before a row, the last for all others."""

from typing import NamedTuple

import numpy as np

from tsinit.kernels.imputation import var_gaps
from tsinit.models.imputation.var_posterior import Law, NoisePrior

FEW = 10  # rows per coefficient from which the first rows of segments regress on covariates too
FIRST_SCALE = (
    0.1  # prior variance of coefficients of first rows: a priori they follow the law of all rows
)


class Class(NamedTuple):
    """Rows with as many rows of their segment before them, and the regression they share."""

    before: int
    rows: np.ndarray
    X: np.ndarray  # (rows, k): lags 1 .. before, covariates, 1 (with a walk neither season nor 1)
    scale: np.ndarray  # (k,) prior variance of the coefficients
    prior: NoisePrior


def classes(layout, L, D, static, walks, scale, prior):
    """Set the regressions up, with room for the lags.

    Parameters
    ----------
    static : (F,) bool
        Covariates that a walk of the season leaves to the regression.
    walks : bool
        Whether season and level of the last regression walk.
    scale : float
        Prior variance of its coefficients.
    prior : NoisePrior
    """
    found = []
    for c in range(L + 1):
        rows = np.flatnonzero(layout.before == c)
        if not rows.size:
            continue
        covariates, level = layout.covariates[rows], np.ones((len(rows), 1))
        if c == L and walks:
            covariates, level = covariates[:, static], level[:, :0]
        elif c < L and len(rows) < FEW * (covariates.shape[1] + 1):
            covariates = covariates[:, :0]
        X = np.hstack([np.empty((len(rows), c * D)), covariates, level])
        variance = scale if c == L else min(FIRST_SCALE, scale)
        found.append(Class(c, rows, X, np.full(X.shape[1], variance), prior))
    return found


def design(part, Z):
    """Write the present lags to X, and return the responses."""
    D = Z.shape[1]
    for lag in range(1, part.before + 1):
        part.X[:, (lag - 1) * D : lag * D] = Z[part.rows - lag]
    return Z[part.rows]


def stack_laws(laws, L, D):
    """Bring the regressions to the form that the kernels take."""
    G, square = np.zeros((L + 1, L + 1, D, D)), np.zeros((L + 1, L + 1, L + 1, D, D))
    for c, law in laws.items():
        G[c, 0] = np.eye(D)
        for lag in range(1, c + 1):
            G[c, lag] = -law.B[(lag - 1) * D : lag * D].T
        for k in range(c + 1):
            for m in range(c + 1):
                square[c, k, m] = G[c, k].T @ law.precision @ G[c, m]
    inner = np.stack([sum(square[L, k, k + d] for k in range(L + 1 - d)) for d in range(L + 1)])
    return var_gaps.Laws(G, square, inner)


def fitting(laws, part, D):
    """Law for rows of a table that the laws were not learned from.

    Where nothing was learned of so many rows before, or no covariates were used, the coefficients of what is lacking
    are zero.
    """
    known = max((c for c in laws if c <= part.before), default=min(laws))
    law, k = laws[known], min(known, part.before) * D
    rest = law.B[known * D :]
    B = np.zeros((part.X.shape[1], D))
    B[:k] = law.B[:k]
    n_own = part.X.shape[1] - part.before * D
    if len(rest) == n_own:
        B[part.before * D :] = rest
    elif len(rest) and n_own:
        B[-1] = rest[-1]
    return Law(B, law.root, law.precision, law.log_det)
