"""Which entries of a row are missing, as lists: most rows have none or few."""

import numpy as np


def gap_lists(y):
    """List the missing columns row after row.

    Parameters
    ----------
    y : (T, D) float
        NaN where missing.

    Returns
    -------
    gap : (T + 1,) int64
        The missing columns of row t are ``column[gap[t]:gap[t + 1]]``.
    column : (number missing,) int64
    """
    missing = np.isnan(y)
    gap = np.zeros(len(y) + 1, np.int64)
    np.cumsum(missing.sum(axis=1), out=gap[1:])
    return gap, np.nonzero(missing)[1].astype(np.int64)
