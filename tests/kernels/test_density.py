"""The density is chosen by the class of the parameters, and a cached caller keeps its choice."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from tsinit.kernels.density import all_log_densities, density, log_density


class Level(NamedTuple):
    mean: np.ndarray


class Rate(NamedTuple):
    rate: np.ndarray


class Rows(NamedTuple):
    y: np.ndarray


@density(Level)
def _level(params, data, t, k):
    return -0.5 * (data.y[t, 0] - params.mean[k]) ** 2


@density(Rate)
def _rate(params: Rate, data: Rows, t: int, k: int) -> float:  # annotated, as users write functions
    return data.y[t, 0] * np.log(params.rate[k]) - params.rate[k]


@pytest.mark.parametrize(("Params", "function"), [(Level, _level), (Rate, _rate)])
def test_each_class_has_its_own_density(rng, Params, function):
    params, data = Params(rng.random(3)), Rows(rng.random((5, 1)))
    want = [[function(params, data, t, k) for k in range(3)] for t in range(5)]
    np.testing.assert_allclose(all_log_densities(params, data, 3), want, rtol=1e-14)
    assert log_density(params, data, 4, 2) == want[4][2]


_PROGRAM = """
import numpy as np
from kernels.test_density import Level, Rows
from tsinit import emissions
from tsinit.kernels.density import all_log_densities as f
y, rng = np.arange(6.0)[:, None], np.random.default_rng(0)
on_data = emissions.resolve("categorical").bind(y, [0, 6])  # whose kernels are small
f(on_data.prior_params(rng, 2), on_data.data, 2)
f(Level(np.ones(2)), Rows(y), 2)
print(sum(f.stats.cache_misses.values()), sum(f.stats.cache_hits.values()))
"""


def test_a_second_process_compiles_only_what_no_other_process_could_read(tmp_path):
    tests = os.path.dirname(os.path.dirname(__file__))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": tests}
    command = [sys.executable, "-c", _PROGRAM]
    for want in ("2 0", "1 1"):
        out = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout
        assert out.strip() == want
