"""A hidden Markov model by summing over every path: exponential in the length, and nothing to get wrong."""

import itertools

import numpy as np
from scipy.special import logsumexp


def enumerate_paths(log_density, start, P, offsets):
    """Log joint of every path of every sequence: lists of (paths, log weights)."""
    K = len(start)
    with np.errstate(divide="ignore"):
        log_start, log_P = np.log(start), np.log(P)
    for a, b in itertools.pairwise(offsets):
        if a == b:
            continue
        paths = np.array(list(itertools.product(range(K), repeat=b - a)), dtype=int)
        weights = log_start[paths[:, 0]] + log_density[np.arange(a, b), paths].sum(axis=1)
        yield a, paths, weights + log_P[paths[:, :-1], paths[:, 1:]].sum(axis=1)


def exact(log_density, start, P, offsets):
    """Likelihood, state probabilities, expected transitions and best path by definition."""
    T, K = log_density.shape
    total, prob, transitions, z = 0.0, np.zeros((T, K)), np.zeros((K, K)), np.zeros(T, int)
    for a, paths, weights in enumerate_paths(log_density, start, P, offsets):
        mass = logsumexp(weights)
        total += mass
        share = np.exp(weights - mass)
        for s in range(paths.shape[1]):
            prob[a + s] = np.bincount(paths[:, s], share, K)
        for s in range(paths.shape[1] - 1):
            np.add.at(transitions, (paths[:, s], paths[:, s + 1]), share)
        z[a : a + paths.shape[1]] = paths[weights.argmax()]
    return total, prob, transitions, z
