"""Intervals hold the true numbers as often as they say: over simulated systems, few in the gate and many when slow."""

import warnings

import numpy as np
import pytest
from helpers import simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.kernels import LinearGaussianParams, solve_lyapunov


def oscillator(rng):
    """One damped oscillation seen in two columns, a tenth of whose variance is noise."""
    radius, angle = rng.uniform(0.8, 0.95), rng.uniform(0.6, 2.4)
    A = radius * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    P0 = solve_lyapunov(A, np.eye(2))
    C = rng.standard_normal((2, 2))
    R = np.diag(0.1 * np.diag(C @ P0 @ C.T))
    params = LinearGaussianParams(A, C, np.eye(2), R, np.zeros(2), P0, rng.standard_normal(2))
    return params, {
        "radius[0]": radius,
        "frequency[0]": angle / (2.0 * np.pi),
        "mean[0]": params.d[0],
        "mean[1]": params.d[1],
    }


def covered(n_systems, T, seed):
    """Share of 95 % intervals that hold the truth, and their median width: by number."""
    hits, widths = {}, {}
    for i in range(n_systems):
        rng = np.random.default_rng([seed, i])
        params, truth = oscillator(rng)
        y = with_gaps(rng, simulate(params, T, rng)[1], 0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of single fits: they count with the others
            table = LinearGaussianSSM(2, random_state=0).fit(y).uncertainty(y).table
        for name, value in truth.items():
            if name not in table.index:  # two real eigenvalues: the oscillation was missed
                hits.setdefault(name, []).append(False)
                continue
            row = table.loc[name]
            hits.setdefault(name, []).append(row["lower"] <= value <= row["upper"])
            widths.setdefault(name, []).append(row["upper"] - row["lower"])
    return (
        {name: np.mean(found) for name, found in hits.items()},
        {name: np.median(found) for name, found in widths.items()},
    )


def fewest(n, probability=0.95, z=3.3):
    """Share below which n intervals of that coverage fall once in two thousand times."""
    return probability - z * np.sqrt(probability * (1.0 - probability) / n)


def test_intervals_hold_the_truth():
    shares, _ = covered(25, 300, seed=0)
    assert np.mean(list(shares.values())) > fewest(4 * 25)


@pytest.mark.slow
@pytest.mark.parametrize(("T", "fewest_of_these"), [(100, 0.89), (500, fewest(500))])
def test_intervals_hold_the_truth_over_many_systems(T, fewest_of_these, record_property):
    """At 100 rows those of frequencies and means are somewhat short: the curvature itself is an estimate."""
    shares, widths = covered(500, T, seed=1)
    record_property("coverage", {name: float(share) for name, share in shares.items()})
    record_property("width", {name: float(width) for name, width in widths.items()})
    for share in shares.values():
        assert fewest_of_these < share < 0.95 + 3.3 * np.sqrt(0.95 * 0.05 / 500)
