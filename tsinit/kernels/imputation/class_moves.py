"""Residuals of one column under its regressions: what moves of a whole latent column are weighed by."""

from tsinit.kernels._jit import entry
from tsinit.kernels.imputation.column_gaps import _predict


@entry
def squared_errors(table, regression, theta, j):
    """Sum of squared residuals of column j over all rows that have equations.

    table : `WindowTable`; regression : (Tp,) int64, that of each row, -1 where there is none; theta : (K, D, M).
    """
    W, F, total = table.W, table.F, 0.0
    for t in range(W.shape[0]):
        k = regression[t]
        if k >= 0:
            e = W[t, j] - _predict(W, F, theta, k, j, t)
            total += e * e
    return total
