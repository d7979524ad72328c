"""What the kernel tests share: sequences put together and taken apart, and what the twin says of them."""

from unittest import mock

import numpy as np
from reference import kalman as twin

from tsinit.kernels.state_space import narrow
from tsinit.kernels.state_space.kalman_filter import Kalman

#: Kernels for sequences with gaps: those that share what steps have in common, and those that do not; see `taking`.
GAPPY_KERNELS = ("shared", "narrow")
SUMS = ("P", "P_first", "P_last", "P_blank", "lag")


def bind(sequences, n):
    """A `Kalman` over a list of (T_k, D) sequences."""
    offsets = np.concatenate([[0], np.cumsum([len(y) for y in sequences])])
    return Kalman(np.ascontiguousarray(np.concatenate(sequences)), n, offsets)


def taking(kernels):
    """A context in which sequences with gaps go through one kind of kernels, however long a pattern of gaps lasts."""
    return mock.patch.object(narrow, "LASTING", 10**9 if kernels == "narrow" else 0)


def spread(store):
    """Covariances (T, n, n), one per step, of a store of distinct ones."""
    return store.values[store.index]


def discrepancy(found, exact):
    """Largest difference relative to the largest entry; NaN is never close."""
    found, exact = np.asarray(found, float), np.asarray(exact, float)
    assert found.shape == exact.shape
    if exact.size == 0:
        return 0.0
    scale = np.abs(exact).max()
    error = np.abs(found - exact).max()
    return float(error / scale if scale > 0.0 else error)


def by_step(found, exact):
    """The same step by step, so that one large covariance does not excuse the others."""
    return max((discrepancy(a, b) for a, b in zip(found, exact, strict=True)), default=0.0)


def assert_same(found, exact, tol, what=""):
    error = discrepancy(found, exact)
    assert error <= tol, f"{what} off by {error:.1e}"


def twin_moments(params, sequences, direct):
    """The sums of `Moments` from the joint Gaussian of each sequence, by their definitions."""
    n, D = len(params.A), len(params.C)
    sums = {name: np.zeros((n, n)) for name in SUMS}
    sums |= {"P_observed": np.zeros((D, n, n)), "Cx": np.zeros((D, n)), "yy": np.zeros((D, D))}
    for y in sequences:
        T = len(y)
        if T == 0:
            continue
        s, z = twin.dense(params, y), twin.joint(params, y).covariance
        seen = ~np.isnan(y)
        sums["P"] += s.covariances.sum(axis=0)
        sums["P_first"] += s.covariances[0]
        sums["P_last"] += s.covariances[-1]
        sums["P_blank"] += s.covariances[~seen.any(axis=1)].sum(axis=0)
        sums["lag"] += s.lag_one.sum(axis=0)
        for i in range(D):
            sums["P_observed"][i] += s.covariances[seen[:, i] == direct[i]].sum(axis=0)
        for t in np.flatnonzero(seen.any(axis=1)):
            # Observed entries have zero rows and columns in the conditional covariance.
            now = T * n + t * D + np.arange(D)
            sums["Cx"] += z[np.ix_(now, t * n + np.arange(n))]
            sums["yy"] += z[np.ix_(now, now)]
    return sums
