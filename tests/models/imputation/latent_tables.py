"""Latent autoregressions of which a column is seen in part only."""

import numpy as np
import pandas as pd

A = np.array([[0.7, 0.1, 0.0], [0.0, 0.6, 0.2], [0.1, 0.0, 0.8]])
ROOT = np.linalg.cholesky(np.array([[1.0, 0.4, 0.2], [0.4, 1.0, 0.3], [0.2, 0.3, 1.0]]))


def latent(rng, T):
    """(T, 3) DataFrame with columns a, b, c: a stationary VAR(1), standardised by its true moments."""
    z = np.zeros(3)
    out = np.empty((T, 3))
    for t in range(-100, T):
        z = A @ z + ROOT @ rng.standard_normal(3)
        if t >= 0:
            out[t] = z
    S = np.linalg.solve(np.eye(9) - np.kron(A, A), (ROOT @ ROOT.T).ravel()).reshape(3, 3)
    return pd.DataFrame(out / np.sqrt(np.diag(S)), columns=list("abc"))
