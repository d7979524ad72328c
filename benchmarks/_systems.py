"""Systems, data and the textbook answer that all contenders get."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers import random_params, simulate, with_gaps
from reference import kalman


def system(n, D, T, *, missing=0.0, seed=0):
    """Draw a stable system with diagonal R and no mean, and (T, D) data with single entries missing."""
    rng = np.random.default_rng([seed, n, D, T])
    params = random_params(rng, n, D, radius=0.95, mean=False)
    _, y = simulate(params, T, rng)
    return params, with_gaps(rng, y, missing) if missing else y


def other_start(params, seed=1):
    """Draw another system of the same shape: somewhere EM has work to do."""
    rng = np.random.default_rng(seed)
    return random_params(rng, len(params.A), len(params.C), radius=0.8, mean=params.d is not None)


def smoother_check(params, y, tolerance=1e-6):
    """A check of (means, covariances, log-likelihood) against the textbook smoother."""
    truth = kalman.smooth(params, y)
    wanted = (truth.means, truth.covariances, truth.log_likelihood)

    def check(answer):
        for name, ours, exact in zip(
            ("means", "covariances", "log-likelihood"), answer, wanted, strict=True
        ):
            fault = discrepancy(name, ours, exact, tolerance)
            if fault:
                return fault
        return ""

    return check


def discrepancy(name, found, exact, tolerance):
    """Say how `found` differs from `exact`, relative to the largest entry, or nothing if it does not."""
    found, exact = np.asarray(found, dtype=float), np.asarray(exact, dtype=float)
    if found.shape != exact.shape:
        return f"{name} have shape {found.shape} instead of {exact.shape}"
    if np.isnan(found).any():
        return f"{name} are NaN"
    error = np.abs(found - exact).max() / np.abs(exact).max()
    return f"{name} off by {error:.1e}" if error > tolerance else ""
