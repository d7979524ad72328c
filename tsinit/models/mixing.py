"""Whether chains agree, and how many independent draws they are worth; one chain or one value is an answer too."""

import numpy as np

from tsinit import result


def rhat(x):
    """Rank-normalised split R-hat, the larger of bulk and tail.

    Parameters
    ----------
    x : (chain, draw) float

    Returns
    -------
    float
        NaN for fewer than four draws; 1 where nothing varies. One chain is split as any other.
    """
    x = np.atleast_2d(np.asarray(x, dtype=float))
    return 1.0 if x.shape[1] >= 4 and np.ptp(x) == 0.0 else result.split_rhat(x)


def ess(x):
    """Effective sample size of the mean of rank-normalised draws (bulk).

    Parameters
    ----------
    x : (chain, draw) float

    Returns
    -------
    float
        NaN for fewer than four draws, or where nothing varies.
    """
    return result.ess(np.atleast_2d(x))
