"""Long series: memory stays that of the answer, nothing drifts, and sums keep their digits."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import random_params, simulate, with_gaps
from kernels.state_space.panels import assert_same, by_step, spread

from tsinit.kernels import Kalman, LinearGaussianParams
from tsinit.kernels.state_space import kalman_filter, narrow

# The memory of a process only ever counts up, so each measurement has its own: data first, then a pass over a
# short piece (which compiles), then the passes over everything.
MEASURE = """
import json, resource, sys
import numpy as np
sys.path.insert(0, {tests!r})
from helpers import random_params, with_gaps
from tsinit.kernels import Kalman

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

T, n, D, gaps, prior, covariances = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
params = random_params(rng, n, D)
params = params._replace(P0=prior * params.P0)
y = rng.standard_normal((T, D))
if gaps:
    y = with_gaps(rng, y, gaps)
for run in (Kalman.filter, Kalman.smooth):
    run(Kalman(y[:300], n), params, covariances)
before = used()
kalman = Kalman(y, n)
f = kalman.filter(params)
s = kalman.smooth(params, covariances)
difference = abs(f.log_likelihood / s.log_likelihood - 1)
print(json.dumps([used() - before, bool(f.succeeded and s.succeeded), bool(s.retried), difference]))
"""


def measure(T, n, D, gaps=0.0, prior=1.0, covariances=False):
    """(megabytes beyond the data, whether the retry ran) of a filter and a smoother pass."""
    pytest.importorskip("resource")
    code = MEASURE.format(tests=str(Path(__file__).parents[2]))
    argument = json.dumps([T, n, D, gaps, prior, covariances])
    done = subprocess.run(
        [sys.executable, "-c", code, argument],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    megabytes, sound, retried, difference = json.loads(done.stdout)
    assert sound
    assert difference < 1e-12
    return megabytes, retried


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_a_million_steps_need_less_than_500_megabytes(gaps):
    megabytes, retried = measure(1_000_000, 4, 2, gaps)
    assert not retried
    assert megabytes < 500


@pytest.mark.slow
def test_covariances_of_a_complete_series_cost_nothing():
    with_covariances, _ = measure(1_000_000, 4, 2, covariances=True)
    assert with_covariances < 500


@pytest.mark.slow
def test_a_long_retry_keeps_the_factors_of_a_piece_only():
    """Factors of all steps would take 8 n^2 T bytes: 586 MB."""
    T, n = 1_200_000, 8
    megabytes, retried = measure(T, n, 1, 0.0, 1e12)
    assert retried
    answer = 3 * 8 * n * T / 2**20  # states of both passes, and one copy
    assert megabytes < answer + 2.5 * kalman_filter._BUDGET / 2**20 < 400


@pytest.mark.slow
def test_a_long_series_with_gaps_is_the_same_in_pieces(monkeypatch):
    T, n, D = 200_000, 8, 3
    rng = np.random.default_rng(0)
    params = random_params(rng, n, D, radius=0.99)
    y = with_gaps(rng, simulate(params, T, rng)[1], 0.1)
    kalman = Kalman(y, n)
    pieces = kalman.smooth(params, covariances=True, moments="by_variable")
    assert len(kalman._trails[True].P) < T  # it did take pieces
    monkeypatch.setattr(narrow, "_BUDGET", 2**32)
    whole = Kalman(y, n).smooth(params, covariances=True, moments="by_variable")
    assert_same(pieces.log_likelihood, whole.log_likelihood, 1e-14)
    assert_same(pieces.means, whole.means, 1e-13)
    assert by_step(spread(pieces.covariances), spread(whole.covariances)) < 1e-12
    for name in ("P", "lag", "P_observed"):
        assert_same(getattr(pieces.moments, name), getattr(whole.moments, name), 1e-12, name)


@pytest.mark.parametrize("T", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_the_log_likelihood_keeps_its_digits(T):
    """Against a scalar filter of two lines whose terms are added without rounding; a plain sum loses 2e-12."""
    a, q, r, p = 0.9, 0.3, 0.7, 2.0
    params = LinearGaussianParams(
        *(np.array([[v]]) for v in (a, 1.0, q, r)), np.zeros(1), np.array([[p]])
    )
    y = np.random.default_rng(0).standard_normal((T, 1))
    terms, m = [], 0.0
    for value in y[:, 0].tolist():
        v, e = p + r, value - m
        terms.append(-0.5 * (math.log(2.0 * math.pi * v) + e * e / v))
        m, p = a * (m + p / v * e), a * a * (p - p * p / v) + q
    exact = math.fsum(terms)
    for done in (Kalman(y, 1).filter(params), Kalman(y, 1).smooth(params)):
        assert abs(done.log_likelihood - exact) < 5e-14 * abs(exact)


def test_long_gaps_are_passed_over_without_drift():
    """After 10,000 empty steps the filter knows what it knew before it began: the stationary distribution."""
    rng = np.random.default_rng(1)
    params = random_params(rng, 3, 2, radius=0.99)
    y = simulate(params, 12_000, rng)[1]
    y[1000:11_000] = np.nan
    done = Kalman(y, 3).filter(params, covariances=True)
    assert len(done.covariances.values) < 4000
    assert_same(spread(done.covariances)[10_999], params.P0, 1e-10)
    assert np.abs(done.means[10_999]).max() < 1e-12
