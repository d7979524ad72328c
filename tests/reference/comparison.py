"""Slow twins of the statistics on runs: enumeration and simulation by hand."""

import itertools

import numpy as np


def expected_best(ends, r):
    """Average the highest end over all choices of r runs that hold one."""
    bests = [max(v for v in choice if np.isfinite(v)) for choice in itertools.combinations(ends, r)
             if any(np.isfinite(v) for v in choice)]  # fmt: skip
    return np.mean(bests)


def chance_of_success(good, r):
    """Share of all choices of r runs that hold a good one."""
    return np.mean([any(choice) for choice in itertools.combinations(good, r)])


def running_time(rng, times, reached, n):
    """Draw runs one after another until one arrives, n times over; mean of the time spent."""
    spent = np.zeros(n)
    waiting = np.ones(n, dtype=bool)
    while waiting.any():
        drawn = rng.integers(0, len(times), n)
        spent += np.where(waiting, np.asarray(times)[drawn], 0.0)
        waiting &= ~np.asarray(reached)[drawn]
    return spent.mean(), spent.std(ddof=1) / np.sqrt(n)


def signed_rank(z, rope, n_draws, rng):
    """Posterior shares of the three outcomes, weight by weight and pair by pair."""
    z = [0.0, *z]
    wins = np.zeros(3)
    for _ in range(n_draws):
        gamma = rng.gamma([0.5] + [1.0] * (len(z) - 1))
        w = gamma / gamma.sum()
        mass = np.zeros(3)
        for i, j in itertools.product(range(len(z)), repeat=2):
            s = z[i] + z[j]
            mass[0 if s > 2 * rope else 2 if s < -2 * rope else 1] += w[i] * w[j]
        wins[np.argmax(mass)] += 1
    return wins / n_draws
