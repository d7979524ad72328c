"""Transitions of the infinite hidden Markov model: counts, rows, slices, sticks, and what is kept.

The start row has its own restaurant (row 0), state j lies in row j + 1, and the last column is the mass
of all states not represented. Teh et al. (2006); Van Gael et al. (2008); sticky after Fox et al. (2011).
All arrays are a workspace for more states than there are; what lies beyond is zero in the counts.
"""

import math
from typing import NamedTuple

import numpy as np

from tsinit.kernels._jit import entry, kernel
from tsinit.kernels.random import beta_pair, log_gamma_draw, normalise_logs


class Transitions(NamedTuple):
    """Workspace for `capacity` states."""

    n: np.ndarray  # (capacity + 1, capacity) transition counts
    beta: np.ndarray  # (capacity + 1,) weights of the states; entry K is that of all others
    pi: np.ndarray  # (capacity + 1, capacity + 1) transition probabilities; column K likewise


def empty_transitions(capacity):
    """Make a workspace."""
    counts = np.zeros((capacity + 1, capacity), np.int64)
    return Transitions(counts, np.zeros(capacity + 1), np.zeros((capacity + 1, capacity + 1)))


@kernel
def free_mass(j, alpha, rho):
    """Give the mass of row j that is spread by beta: the start row has no state of its own to stick to."""
    return alpha if j == 0 else alpha * (1.0 - rho)


@kernel
def draw_row(rng, j, K, work, alpha, rho):
    """pi_j ~ Dir(free beta_k + alpha rho 1{k = j - 1} + n_jk, ..., free beta_rest)."""
    n, beta, pi = work
    free = free_mass(j, alpha, rho)
    for k in range(K):
        own = alpha * rho if k == j - 1 else 0.0
        pi[j, k] = log_gamma_draw(rng, free * beta[k] + own + n[j, k])
    pi[j, K] = log_gamma_draw(rng, free * beta[K])
    normalise_logs(pi, j, K + 1)


@kernel
def draw_slices(rng, z, begins, pi, u):
    """u_t ~ U(0, pi[z_{t-1}, z_t]), strictly between; returns the smallest."""
    low = 1.0
    for t in range(z.size):
        p = pi[0 if begins[t] else z[t - 1] + 1, z[t]]
        # The product may round up to p, and a uniform may be 0: then no finite number of sticks would do.
        u[t] = max(min(rng.random() * p, p * (1.0 - 1e-15)), 1e-300)
        low = min(low, u[t])
    return low


@kernel
def split_rest(rng, work, K, gamma):
    """Break the K-th stick off the rest of beta."""
    beta = work.beta
    taken, left = beta_pair(rng, 1.0, gamma)
    beta[K + 1] = beta[K] * left
    beta[K] *= taken


@kernel
def add_state(rng, work, K, alpha, rho, gamma):
    """Represent state K: split beta and every row, draw the new row; returns the largest mass left over."""
    split_rest(rng, work, K, gamma)
    beta, pi = work.beta, work.pi
    largest = 0.0
    for j in range(K + 1):
        free = free_mass(j, alpha, rho)
        taken, left = beta_pair(rng, free * beta[K], free * beta[K + 1])
        pi[j, K + 1] = pi[j, K] * left
        pi[j, K] *= taken
        largest = max(largest, pi[j, K + 1])
    draw_row(rng, K + 1, K + 1, work, alpha, rho)
    return max(largest, pi[K + 1, K + 1])


@entry
def prepare(rng, z, begins, u, work, values, K, resume):
    """Draw rows and slices, then represent states until no slice reaches the mass of the others.

    Parameters
    ----------
    rng : numpy.random.Generator
    z, begins, u : (T,) int, bool, float
        Labels; whether a sequence begins at t; the slices, written here.
    work : Transitions
    values : (3,) float
        alpha, rho, gamma.
    K : int
        States represented so far.
    resume : bool
        Keep rows and slices: the workspace was too small and has grown.

    Returns
    -------
    K : int
        States represented now.
    done : bool
        False where the workspace is full.
    """
    alpha, rho, gamma = values[0], values[1], values[2]
    if resume:
        low = u.min()
    else:
        for j in range(K + 1):
            draw_row(rng, j, K, work, alpha, rho)
        low = draw_slices(rng, z, begins, work.pi, u)
    largest = 0.0
    for j in range(K + 1):
        largest = max(largest, work.pi[j, K])
    while largest >= low:
        if work.beta.size == K + 1:
            return K, False
        largest = add_state(rng, work, K, alpha, rho, gamma)
        K += 1
    return K, True


@kernel
def count(z, begins, n, K):
    """Count transitions into n[:K + 1, :K]; the first step of a sequence comes from the start row."""
    for j in range(K + 1):
        for k in range(K):
            n[j, k] = 0
    for t in range(z.size):
        n[0 if begins[t] else z[t - 1] + 1, z[t]] += 1


@entry
def compact(z, begins, work, K, kept):
    """Drop the states that no step is in; their mass joins the rest, the others keep their order.

    kept : (K or more,) int, written here: old labels of the states that stay. Returns their number.
    """
    n, new = work.n, np.full(K, -1)
    for t in range(z.size):
        new[z[t]] = 0
    count_kept = 0
    for k in range(K):
        if new[k] == 0:
            new[k] = count_kept
            kept[count_kept] = k
            count_kept += 1
    if count_kept < K:
        for t in range(z.size):
            z[t] = new[z[t]]
        _keep_columns(work, K, kept, count_kept)
        for j in range(K + 1):
            for k in range(K):
                n[j, k] = 0
    count(z, begins, n, count_kept)
    return count_kept


@kernel
def _keep_columns(work, K, kept, count_kept):
    beta, pi = work.beta, work.pi
    next_kept = 0
    for k in range(K):
        if next_kept < count_kept and kept[next_kept] == k:
            beta[next_kept] = beta[k]
            next_kept += 1
        else:
            beta[K] += beta[k]
    beta[count_kept] = beta[K]
    for row in range(count_kept + 1):
        old = 0 if row == 0 else kept[row - 1] + 1
        rest, next_kept = pi[old, K], 0
        for k in range(K):
            if next_kept < count_kept and kept[next_kept] == k:
                pi[row, next_kept] = pi[old, k]
                next_kept += 1
            else:
                rest += pi[old, k]
        pi[row, count_kept] = rest


@kernel
def log_rows(n, beta, K, alpha, rho):
    """Log p(z | beta, alpha, rho) of the transition counts, the rows integrated out."""
    total = 0.0
    for j in range(K + 1):
        free, visits = free_mass(j, alpha, rho), 0
        for k in range(K):
            if n[j, k] > 0:
                # A weight that has underflowed still is not zero.
                a = max(free * beta[k] + (alpha * rho if k == j - 1 else 0.0), 1e-300)
                total += math.lgamma(a + n[j, k]) - math.lgamma(a)
                visits += n[j, k]
        total += math.lgamma(alpha) - math.lgamma(alpha + visits)
    return total


@entry
def log_probability(work, K, alpha, rho):
    """Log p(z | beta, alpha, rho), the rows integrated out."""
    return log_rows(work.n, work.beta, K, alpha, rho)
