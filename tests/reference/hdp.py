"""The infinite hidden Markov model the slow way: its law by enumeration, and its updates in plain Python.

Partitions are tuples of labels in order of appearance. Nothing is shared with the kernels under test.
"""

from functools import cache
from itertools import product
from math import comb, exp, lgamma, log

import numpy as np


def partitions(T):
    """All partitions of T steps, as labels in order of appearance."""
    grown = [(0,)]
    for _ in range(T - 1):
        grown = [(*z, k) for z in grown for k in range(max(z) + 2)]
    return grown


def canonical(z):
    """Relabel in order of appearance."""
    names = {}
    return tuple(names.setdefault(int(k), len(names)) for k in z)


@cache
def stirling(n, m):
    """Unsigned Stirling number of the first kind."""
    if n == m:
        return 1
    return 0 if m < 1 or m > n else stirling(n - 1, m - 1) + (n - 1) * stirling(n - 1, m)


def counts(z, begins):
    """Transition counts (K + 1, K), the start row first."""
    K = max(z) + 1
    n = np.zeros((K + 1, K), dtype=int)
    for t, k in enumerate(z):
        n[0 if begins[t] else z[t - 1] + 1, k] += 1
    return n


def prior(z, begins, alpha, rho, gamma):
    """P(partition | alpha, rho, gamma), beta and all rows integrated out by summing over tables and overrides.

    prod_j Gamma(alpha) / Gamma(alpha + n_j) times the sum over m, w of
    prod S(n, m) C(m, w) (alpha rho)^w free^(m - w) times gamma^K Gamma(gamma) / Gamma(gamma + M) prod_k Gamma(M_k).
    """
    n = counts(z, begins)
    K = n.shape[1]
    cells = [(j, k, n[j, k]) for j in range(K + 1) for k in range(K) if n[j, k] > 0]
    choices = []
    for j, k, visits in cells:
        free = alpha if j == 0 else alpha * (1.0 - rho)
        options = []
        for m in range(1, visits + 1):
            for w in range(m + 1 if k == j - 1 else 1):
                own = (alpha * rho) ** w if w else 1.0
                options.append((k, m - w, stirling(visits, m) * comb(m, w) * own * free ** (m - w)))
        choices.append(options)
    total = 0.0
    for chosen in product(*choices):
        ordered, weight = [0] * K, 1.0
        for k, tables, factor in chosen:
            ordered[k] += tables
            weight *= factor
        if all(ordered):
            log_beta = sum(map(lgamma, ordered)) + lgamma(gamma) - lgamma(gamma + sum(ordered))
            total += weight * exp(K * log(gamma) + log_beta)
    return total * exp(sum(lgamma(alpha) - lgamma(alpha + row.sum()) for row in n))


def posterior(begins, alpha, rho, gamma, log_evidence):
    """Map every partition to its posterior probability, given log p(y | partition)."""
    zs = partitions(len(begins))
    weight = np.array([prior(z, begins, alpha, rho, gamma) * exp(log_evidence(z)) for z in zs])
    return dict(zip(zs, weight / weight.sum(), strict=True))


def begins_of(offsets):
    """Whether a sequence begins at each step."""
    begins = np.zeros(offsets[-1], dtype=bool)
    begins[np.asarray(offsets[:-1])] = True
    return begins


# ---- Draws from the prior ----------------------------------------------------------------------------------------


def choose(rng, mass):
    """Index drawn in proportion to mass."""
    left = rng.random() * sum(mass)
    for k, m in enumerate(mass):
        left -= m
        if left < 0.0:
            return k
    return len(mass) - 1


def draw_labels(rng, begins, beta, alpha, rho, gamma):
    """Labels given beta, the rows integrated out; returns (z, beta) with a stick broken for every new state.

    beta lists the states drawn so far and, last, the rest. Labels may skip states that beta knows.
    """
    beta, visits, z = list(beta), {}, []
    for first in begins:
        j = -1 if first else z[-1]
        row = visits.setdefault(j, {})
        free = alpha if first else alpha * (1.0 - rho)
        K = len(beta) - 1
        mass = [free * beta[k] + row.get(k, 0) + (alpha * rho if k == j else 0.0) for k in range(K)]
        mass.append(free * beta[K])
        k = choose(rng, mass)
        if k == K:
            taken = rng.beta(1.0, gamma)
            beta[K:] = [beta[K] * taken, beta[K] * (1.0 - taken)]
        row[k] = row.get(k, 0) + 1
        z.append(k)
    return z, beta


def draw_prior(rng, priors):
    """(alpha, rho, gamma) from their priors: shape and rate, two shapes, shape and rate."""
    (a, b), (c, d), (e, f) = priors
    return rng.gamma(a) / b, rng.beta(c, d), rng.gamma(e) / f


def drop_unused(z, beta):
    """Labels 0..K-1 in the old order, and beta with the unused mass in the rest."""
    used = sorted(set(z))
    new = {k: i for i, k in enumerate(used)}
    kept = [beta[k] for k in used]
    return np.array([new[k] for k in z]), np.array([*kept, 1.0 - sum(kept)])


# ---- Updates -----------------------------------------------------------------------------------------------------


def tables(rng, customers, mass):
    """Seat customers one by one: the l-th opens a table with probability mass / (mass + l - 1)."""
    return sum(rng.random() < mass / (mass + seated) for seated in range(customers))


def override_probability(rho, weight):
    return rho / (rho + (1.0 - rho) * weight)


def update_gamma(rng, gamma, K, ordered, a, b):
    """Escobar and West (1995): K clusters among `ordered` tables."""
    rate = b - log(rng.beta(gamma + 1.0, ordered))
    odds = (a + K - 1.0) / (ordered * rate)
    return rng.gamma(a + K if rng.random() < odds / (1.0 + odds) else a + K - 1.0) / rate


def update_alpha(rng, alpha, rows, m, a, b):
    """Teh et al. (2006): rows are the numbers of customers, m all tables."""
    rate, shape = b, a + m
    for visits in rows:
        if visits:
            rate -= log(rng.beta(alpha + 1.0, visits))
            shape -= rng.random() < visits / (visits + alpha)
    return rng.gamma(shape) / rate


def update(
    rng,
    n,
    beta,
    values,
    priors,
    *,
    tables=tables,
    override=override_probability,
    gamma=update_gamma,
    beta_first=False,
):
    """One update of (alpha, rho, gamma) and beta; the keywords take other rules, to show that they are wrong."""
    alpha, rho, g = values
    K = n.shape[1]
    ordered, m_all, m_states, w_all = np.zeros(K), 0, 0, 0
    for j in range(K + 1):
        free = alpha if j == 0 else alpha * (1.0 - rho)
        for k in range(K):
            own = k == j - 1
            m = tables(rng, n[j, k], free * beta[k] + (alpha * rho if own else 0.0))
            w = rng.binomial(m, override(rho, beta[k])) if own else 0
            ordered[k] += m - w
            m_all, m_states, w_all = m_all + m, m_states + (m if j else 0), w_all + w
    if beta_first:
        beta = rng.dirichlet([*ordered, g])
    (a, b), (c, d), (e, f) = priors
    alpha = update_alpha(rng, alpha, n.sum(axis=1), m_all, a, b)
    rho = rng.beta(c + w_all, d + m_states - w_all)
    if beta_first:
        # Escobar and West's update knows nothing of beta: drawn after it, the pair is not from their joint law.
        return (alpha, rho, gamma(rng, g, K, ordered.sum(), e, f)), beta
    g = gamma(rng, g, K, ordered.sum(), e, f)
    return (alpha, rho, g), rng.dirichlet([*ordered, g])
