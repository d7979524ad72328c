"""Log densities of rows under K normal distributions."""

import numpy as np

from tsinit.kernels._jit import blend, entry

_BLOCK = (
    256  # rows at a time: long enough for vector instructions, short enough for the first cache
)


@blend
def _squares(x, k, means, W, e, square):
    """Squared lengths of W[k] (x - means[k]) for a block x (d, n) of columns."""
    d, n = x.shape
    for b in range(n):
        square[b] = 0.0
    for i in range(d):
        for b in range(n):
            e[b] = 0.0
        for j in range(i + 1):
            w, mean = W[k, i, j], means[k, j]
            for b in range(n):
                e[b] += w * (x[j, b] - mean)
        for b in range(n):
            square[b] += e[b] * e[b]


@entry
def log_densities(y, rows, columns, means, W, log_norm, out):
    """Fill out[rows] (of (T, K)) with the log densities of y[rows][:, columns], which has no gaps.

    means : (K, d) of the columns; W : (K, d, d) inverse Cholesky factors of their covariances, of which the
    lower half is read; log_norm : (K,) log det W - (d / 2) log(2 pi).
    """
    d = columns.size
    x, e, square = np.zeros((d, _BLOCK)), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, rows.size, _BLOCK):
        n = min(_BLOCK, rows.size - start)
        for b in range(n):
            for i in range(d):
                x[i, b] = y[rows[start + b], columns[i]]
        for k in range(means.shape[0]):
            _squares(x, k, means, W, e, square)
            for b in range(n):
                out[rows[start + b], k] = log_norm[k] - 0.5 * square[b]
