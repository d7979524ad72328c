"""Information criteria count the parameters that the distribution of the observations has."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from tsinit.models.state_space.criteria import count_parameters

STRUCTURES = ["full", "diag", "spherical", "fixed"]


def covariance(structure, theta, k):
    if structure == "full":
        L = np.zeros((k, k))
        L[np.tril_indices(k)] = theta
        return L @ L.T
    return np.diag(np.broadcast_to(theta**2 if len(theta) else np.ones(1), k))


def start_of(structure, k, rng):
    if structure == "full":
        return (np.eye(k) + 0.1 * rng.standard_normal((k, k)))[np.tril_indices(k)]
    return 1.0 + 0.3 * rng.random({"diag": k, "spherical": 1, "fixed": 0}[structure])


def autocovariances(theta, n, D, structures, sizes):
    A, C, q, r = np.split(theta, np.cumsum(sizes)[:-1])
    A, C = A.reshape(n, n), C.reshape(D, n)
    Q, R = covariance(structures[0], q, n), covariance(structures[1], r, D)
    P = solve_discrete_lyapunov(A, Q)
    out, M = [(C @ P @ C.T + R).ravel()], A @ P @ C.T
    for _ in range(2 * n + 3):
        out.append((C @ M).ravel())
        M = A @ M
    return np.concatenate(out)


def rank(n, D, structures, seed):
    """Directions in which the autocovariances move, by central differences."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    parts = [A.ravel(), rng.standard_normal(D * n)]
    parts += [start_of(s, k, rng) for s, k in zip(structures, (n, D), strict=True)]
    theta, sizes, h = np.concatenate(parts), list(map(len, parts)), 1e-5
    J = np.array(
        [
            autocovariances(theta + h * e, n, D, structures, sizes)
            - autocovariances(theta - h * e, n, D, structures, sizes)
            for e in np.eye(len(theta))
        ]
    )
    J /= np.linalg.norm(J, axis=1, keepdims=True)
    s = np.linalg.svd(J, compute_uv=False)
    return int((s > 1e-7 * s[0]).sum())


@pytest.mark.parametrize("observation_cov", STRUCTURES)
@pytest.mark.parametrize("transition_cov", STRUCTURES)
def test_parameters_are_the_directions_in_which_autocovariances_move(
    transition_cov, observation_cov
):
    structures = (transition_cov, observation_cov)
    for n in range(1, 6):
        for D in range(1, 4):
            expected = max(rank(n, D, structures, seed) for seed in (0, 1))
            found = count_parameters(n, D, transition_cov, observation_cov, "stationary")
            assert found - D == expected, (n, D)
