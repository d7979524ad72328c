"""Random masks: runs of a known share, dropout, and probabilities that follow a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinit._typing import BoolArray, FloatArray


def alternating_runs(
    rng: np.random.Generator, rate: float, shortest: int, longest: int, n_steps: int
) -> BoolArray:
    """Draw hidden runs (n_steps,) bool such that every step is hidden with probability `rate`.

    Runs have lengths uniform on shortest..longest and the observed stretches between them are geometric, at least one
    step. The process is stationary: it starts hidden with probability `rate`, then in a run drawn in proportion to
    its length, at a uniform position in it.
    """
    hidden = np.zeros(n_steps, dtype=bool)
    if rate == 0.0:
        return hidden
    lengths = np.arange(shortest, longest + 1)
    stop = rate / (
        (1 - rate) * lengths.mean()
    )  # one over the mean length of the observed stretches
    t = 0
    if rng.random() < rate:
        first = rng.choice(lengths, p=lengths / lengths.sum())
        t = int(rng.integers(1, first + 1))
        hidden[:t] = True
    while t < n_steps:
        t += int(rng.geometric(min(stop, 1.0)))
        run = int(rng.integers(shortest, longest + 1))
        hidden[t : t + run] = True
        t += run
    return hidden


def dropout(rng: np.random.Generator, rate: float, n_steps: int) -> BoolArray:
    """Hide the end of a sequence (n_steps,), on average the share `rate` of it; the share is uniform."""
    share = rng.uniform(max(0.0, 2 * rate - 1), min(1.0, 2 * rate))
    # Rounding up or down at random keeps the mean.
    n_hidden = int(share * n_steps + rng.random())
    return np.arange(n_steps) >= n_steps - n_hidden


def standard_scores(columns: FloatArray) -> FloatArray:
    """Mean (T,) of standardised columns (T, k), standardised; what is missing counts as average."""
    observed = ~np.isnan(columns)
    z = np.zeros(columns.shape)
    for j in range(columns.shape[1]):
        values = columns[observed[:, j], j]
        spread = values.std() if len(values) else 0.0
        if spread > 0.0:
            z[observed[:, j], j] = (values - values.mean()) / spread
    score = z.mean(axis=1)
    return score / score.std() if score.std() > 0.0 else score


def logistic(score: FloatArray, rate: float, strength: float) -> FloatArray:
    """Probabilities 1 / (1 + exp(-a - strength score)) with `a` such that their mean is `rate`."""
    from scipy.optimize import brentq
    from scipy.special import expit

    if rate == 0.0 or not len(score):
        return np.zeros(len(score))
    reach = abs(strength) * np.abs(score).max() + abs(np.log(rate / (1 - rate))) + 1.0
    a = brentq(lambda a: expit(a + strength * score).mean() - rate, -reach, reach, xtol=1e-12)
    return expit(a + strength * score)
