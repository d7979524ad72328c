"""Systems, data and gaps that many tests draw."""

import sys

import numpy as np
from numba.core.dispatcher import Dispatcher
from scipy import stats
from scipy.linalg import solve_discrete_lyapunov

from tsinit.kernels import LinearGaussianParams


def random_params(rng, n, D, *, observation_cov="diag", radius=0.9, mean=True, stationary=True):
    """Draw a stable system.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, D : int
        States and observed variables.
    observation_cov : {"full", "diag", "spherical"}
        Structure of R.
    radius : float
        Spectral radius of A.
    mean : bool
        Draw an observation mean d; otherwise it is None.
    stationary : bool
        Start in equilibrium (m0 = 0, P0 = A P0 A' + Q); otherwise m0 and P0 are drawn.

    Returns
    -------
    LinearGaussianParams
    """
    A = rng.standard_normal((n, n))
    A *= radius / np.abs(np.linalg.eigvals(A)).max()
    Q = random_covariance(rng, n)
    R = random_covariance(rng, D)
    if observation_cov == "diag":
        R = np.diag(np.diag(R).copy())
    elif observation_cov == "spherical":
        R = np.eye(D) * R[0, 0]
    P0 = solve_discrete_lyapunov(A, Q) if stationary else random_covariance(rng, n)
    m0 = np.zeros(n) if stationary else rng.standard_normal(n)
    d = rng.standard_normal(D) if mean else None
    return LinearGaussianParams(A, rng.standard_normal((D, n)), Q, R, m0, (P0 + P0.T) / 2, d)


def random_covariance(rng, n):
    """A well-conditioned (n, n) covariance with trace near n."""
    root = rng.standard_normal((n, 2 * n))
    return root @ root.T / (2 * n) + 0.1 * np.eye(n)


def simulate(params, T, rng):
    """Draw (states (T, n), y (T, D)) from the model, y without gaps."""
    A, C, Q, R, m0, P0, d = params
    n, D = A.shape[0], C.shape[0]
    x = np.empty((T, n))
    x[0] = m0 + _root(P0) @ rng.standard_normal(n)
    state_noise = rng.standard_normal((T, n)) @ _root(Q).T
    for t in range(1, T):
        x[t] = A @ x[t - 1] + state_noise[t]
    y = x @ C.T + rng.standard_normal((T, D)) @ _root(R).T
    return x, y if d is None else y + d


def with_gaps(rng, y, fraction, *, rows=0.0):
    """Copy y with single entries missing at the rate `fraction` and whole rows at the rate `rows`."""
    y = y.copy()
    y[rng.random(y.shape) < fraction] = np.nan
    y[rng.random(len(y)) < rows] = np.nan
    return y


def split_constants(forward, chain):
    """Find what varies in a joint test; what does not must be the same constant on both sides.

    A parameter that an emission holds has no standard error: its distance in such would be one rounding over another.

    Parameters
    ----------
    forward, chain : (n, statistics), (m, statistics) float
        Draws of the two simulators.

    Returns
    -------
    (statistics,) bool
        Where `forward` varies.
    """
    constant = np.ptp(forward, axis=0) <= 1e-12 * np.abs(forward).max(axis=0)
    same = np.broadcast_to(forward[0, constant], (len(chain), constant.sum()))
    np.testing.assert_allclose(chain[:, constant], same, rtol=1e-12, atol=0.0)
    return ~constant


def _root(S):
    # By eigenvalues, because Q and P0 may be singular.
    values, vectors = np.linalg.eigh(S)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def signatures():
    """What the kernels that are loaded have been compiled for: {(kernel, types of its arguments)}."""
    modules = [module for name, module in sys.modules.items() if name.startswith("tsinit.")]
    return {
        (name, str(types))
        for module in modules
        for name, kernel in vars(module).items()
        if isinstance(kernel, Dispatcher)
        for types in kernel.signatures
    }


BATCHES = 25  # of a chain, each taken for one independent draw


def geweke_scores(forward, around):
    """Differences between means of quantities drawn forward, independent, and by a chain, in standard errors.

    Parameters
    ----------
    forward, around : sequence of n sequences of q floats
        The chain's error is that of the means of its batches (Geweke, J. Amer. Statist. Assoc. 99, 2004).

    Returns
    -------
    (q,) float
    """
    forward, around = np.array(forward), np.array(around)
    batches = around.reshape(BATCHES, -1, around.shape[1]).mean(axis=1)
    error = np.sqrt(forward.var(axis=0) / len(forward) + batches.var(axis=0, ddof=1) / BATCHES)
    return (forward.mean(axis=0) - around.mean(axis=0)) / error


def largest_score(n_quantities, alpha):
    """Largest |score| that n quantities reach with probability alpha (Bonferroni; Student's t of the batches)."""
    return stats.t.isf(alpha / (2 * n_quantities), BATCHES - 1)


def even_ranks(ranks, n_draws):
    """Deviations of ranks of true values among draws from even ones, in standard errors.

    Parameters
    ----------
    ranks : sequence of n sequences of q int
        From 0 to the number of draws (Talts et al., arXiv 1804.06788).
    n_draws : int

    Returns
    -------
    (2, q) float
        Of their means, which a bias moves, and of their distances from the middle, which a wrong width moves.
    """
    ranks, every = np.array(ranks, dtype=float), np.arange(n_draws + 1.0)
    out = []
    for of in (lambda r: r, lambda r: np.abs(r - n_draws / 2)):
        error = of(every).std() / np.sqrt(len(ranks))
        out.append((of(ranks).mean(axis=0) - of(every).mean()) / error)
    return np.array(out)


def largest_normal(n_quantities, alpha):
    """Largest |normal| of n that is reached with probability alpha (Bonferroni)."""
    return stats.norm.isf(alpha / (2 * n_quantities))


def fixed_free_shared(rng, values, labels):
    """Entries of a structure: each is fixed at its value, free (NaN), or shared under one of the labels."""
    out = np.array(values, dtype=object)
    for index in np.ndindex(out.shape):
        kind = rng.integers(3)
        if kind:
            out[index] = np.nan if kind == 1 else labels[rng.integers(len(labels))]
    return out
