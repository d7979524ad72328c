"""A million steps: bounded memory, and the same answer in chunks as in one piece."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import random_params, with_gaps

from tsinit.kernels import Kalman, doorway

PEAK = """
import resource, sys
import numpy as np
from tsinit import LinearGaussianSSM
rng = np.random.default_rng(0)
y = rng.standard_normal((1_000_000, 2))
if sys.argv[1] == "gaps":
    y[rng.random(y.shape) < 0.2] = np.nan
short = LinearGaussianSSM(n_states=4, init="lpc", max_iter=1, random_state=0).fit(y[:500])
short.smooth(y[:500]); short.transform(y[:500])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
means = short.transform(y)
assert np.isfinite(means).all()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["complete", "gaps"])
def test_a_million_steps_need_less_than_500_megabytes(kind):
    done = subprocess.run([sys.executable, "-c", PEAK, kind], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 500.0


@pytest.mark.slow
def test_chunks_do_not_change_a_long_series(rng, monkeypatch):
    params = random_params(rng, 8, 3)
    y = with_gaps(rng, rng.standard_normal((100_000, 3)), 0.2)
    whole = Kalman(y, 8).smooth(params, moments="by_variable")
    monkeypatch.setattr(doorway, "_BUDGET", 2**20)
    parts = Kalman(y, 8).smooth(params, moments="by_variable")
    np.testing.assert_allclose(parts.means, whole.means, atol=1e-10)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    for name in ("P", "lag", "P_seen"):
        np.testing.assert_allclose(getattr(parts.moments, name), getattr(whole.moments, name), rtol=1e-9, atol=1e-7)
