"""Split and merge moves the slow way: the probabilities of all divisions by enumeration, rows weighed one by one."""

from itertools import product
from math import exp, lgamma, log

import numpy as np


def divisions(rows, first, second):
    """All ways to divide the rows in two parts, with `first` in part 0 and `second` in part 1."""
    others = [t for t in rows if t not in (first, second)]
    return [
        {first: 0, second: 1, **dict(zip(others, parts, strict=True))}
        for parts in product((0, 1), repeat=len(others))
    ]


def names_of(z, rows, part):
    """Labels with the rows concerned named by what part says of them, None where it does not."""
    return [("part", part.get(t)) if t in rows else int(k) for t, k in enumerate(z)]


def steps_of(names, begins):
    """Transitions (from, to), "start" before a sequence; those at undecided rows are left out."""
    pairs = [("start" if begins[t] else names[t - 1], names[t]) for t in range(len(names))]
    return [(j, k) for j, k in pairs if ("part", None) not in (j, k)]


def probability_of_step(j, k, pairs, beta, weight, alpha, rho):
    """Expected probability of a step given those in `pairs`; both parts have half of the weight."""
    share = 0.5 * weight if isinstance(k, tuple) else beta[k]
    free = alpha if j == "start" else alpha * (1.0 - rho)
    mass = free * share + (alpha * rho if j == k else 0.0) + pairs.count((j, k))
    return mass / (alpha + sum(a == j for a, _ in pairs))


def allotment(z, begins, rows, launch, density, beta, weight, values, first, second):
    """Probability of every division, given the launch: {parts of the rows in order: probability}."""
    alpha, rho, _ = values
    known = steps_of(names_of(z, rows, launch), begins)
    out = {}
    for part in divisions(rows, first, second):
        names = names_of(z, rows, part)
        total = sum(density[t, part[t]] for t in rows)
        for t in range(len(z)):
            j = "start" if begins[t] else names[t - 1]
            if isinstance(j, tuple) or isinstance(names[t], tuple):
                total += log(probability_of_step(j, names[t], known, beta, weight, alpha, rho))
        out[tuple(part[t] for t in rows)] = exp(total)
    scale = sum(out.values())
    return {parts: p / scale for parts, p in out.items()}


def log_rows(names, begins, weights, alpha, rho):
    """Log p(labels | weights), rows integrated out one step after the other."""
    visits, total = {}, 0.0
    for t, k in enumerate(names):
        j = "start" if begins[t] else names[t - 1]
        row = visits.setdefault(j, {})
        free = alpha if j == "start" else alpha * (1.0 - rho)
        mass = free * weights[k] + (alpha * rho if j == k else 0.0) + row.get(k, 0)
        total += log(mass / (alpha + sum(row.values())))
        row[k] = row.get(k, 0) + 1
    return total


def log_sticks(weights, gamma):
    """Log density of the weights of the states in use and of the rest, `weights[None]`."""
    used = [w for k, w in weights.items() if k is not None]
    return len(used) * log(gamma) - np.log(used).sum() + (gamma - 1.0) * log(weights[None])


def tables(n, mass):
    """About as many tables as n customers take."""
    return 0.0 if n == 0 else 1.0 + mass * log((mass + n) / (mass + 1.0))


def share_shape(x, pairs, weight, alpha, rho):
    """Tables of part x that beta chose, as the proposal of its share guesses them."""
    half, me, total = 0.5 * weight, ("part", x), 0.0
    for j in {j for j, _ in pairs}:
        n = pairs.count((j, me))
        free = alpha if j == "start" else alpha * (1.0 - rho)
        if j == me:
            by_beta = (1.0 - rho) * half / (rho + (1.0 - rho) * half)
            total += by_beta * tables(n, free * half + alpha * rho)
        else:
            total += tables(n, free * half)
    return total


def log_beta(x, a, b):
    """Log density of Beta(a, b)."""
    return lgamma(a + b) - lgamma(a) - lgamma(b) + (a - 1.0) * log(x) + (b - 1.0) * log(1.0 - x)
