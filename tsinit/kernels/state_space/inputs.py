"""What known inputs do to the states: they move means, and leave covariances alone."""

import numpy as np

from tsinit.kernels._jit import entry


def state_response(A, B, u, offsets):
    """Response of the states to the inputs alone: r[t+1] = A r[t] + B u[t], zero where a sequence begins.

    Parameters
    ----------
    A : (n, n) float
    B : (n, m) float
    u : (T, m) float
        Inputs, complete.
    offsets : (N + 1,) int
        Where each sequence starts.

    Returns
    -------
    (T, n) float
    """
    r = np.zeros((len(u), len(A)))
    with np.errstate(all="ignore"):  # what overflows is seen by the caller
        r[1:] = u[:-1] @ B.T
    starts = offsets[:-1]
    r[starts[starts < len(u)]] = 0.0
    accumulate(np.ascontiguousarray(A), r, np.asarray(offsets, dtype=np.int64))
    return r


def inputs_response(params, u, offsets):
    """Response of the observations (T, D) to the inputs alone, of parameters with B or D."""
    out = np.zeros((len(u), len(params.C)))
    if params.B is not None:
        out += state_response(params.A, params.B, u, offsets) @ params.C.T
    if params.D is not None:
        out += u @ params.D.T
    return out


@entry
def accumulate(A, r, offsets):
    """r[t] += A r[t-1] within each sequence, in place."""
    n = r.shape[1]
    for q in range(len(offsets) - 1):
        for t in range(offsets[q] + 1, offsets[q + 1]):
            for i in range(n):
                total = r[t, i]
                for j in range(n):
                    total += A[i, j] * r[t - 1, j]
                r[t, i] = total
