"""Every emission in the sampler: three plain states are found from a rough start, with a tenth missing."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from emissions.cases import EMISSIONS, with_defaults
from emissions.exponential import Exponential
from sklearn.metrics import adjusted_rand_score

from tsinit.emissions import resolve
from tsinit.models.hidden_markov.chain import BeamChain

T = 240
OFFSETS = np.array([0, 100, T])


def _truth(rng):
    z = np.zeros(T, np.int64)
    for t in range(1, T):
        z[t] = z[t - 1] if rng.random() < 0.95 else rng.integers(3)
    return z


def _data(name, rng, z):
    D = 2
    level = np.array([0.0, 10.0, 20.0])[z][:, None]
    if name == "poisson":
        y = rng.poisson(np.array([1.0, 15.0, 60.0])[z][:, None], (T, D)).astype(float)
    elif name == "negative_binomial":
        rate = np.array([1.0, 15.0, 150.0])[z][:, None] * rng.standard_gamma(4.0, (T, D)) / 4.0
        y = rng.poisson(rate).astype(float)
    elif name.startswith("zero_inflated"):
        y = rng.poisson(np.array([2.0, 15.0, 60.0])[z][:, None], (T, D)).astype(float)
        y[rng.random((T, D)) < 0.3] = 0.0
    elif name == "categorical":
        D = 6  # one symbol says little
        wide = np.where(np.eye(3) > 0, 0.9, 0.05)
        y = np.array([[rng.choice(3, p=wide[k]) for _ in range(D)] for k in z], dtype=float)
    elif name == "von_mises":
        y = rng.vonmises(np.array([0.0, 2.0, 4.0])[z][:, None], 8.0, (T, D))
    elif name == "exponential":
        D = 6
        y = rng.standard_exponential((T, D)) * np.array([1.0, 10.0, 100.0])[z][:, None]
    elif name == "by_column":
        count = rng.poisson(np.array([1.0, 15.0, 60.0])[z]).astype(float)
        y = np.column_stack([count, level[:, 0] + rng.standard_normal(T)])
    elif name == "student_t":
        y = level + rng.standard_t(4.0, (T, D))
    else:
        y = level + rng.standard_normal((T, D))
    y[rng.random(y.shape) < 0.1] = np.nan
    return y


def _run(on_data, start, seed, sweeps=60):
    chain = BeamChain(on_data, OFFSETS, start, np.random.default_rng(seed))
    for _ in range(sweeps):
        chain.sweep()
    return chain


def _rough(z, rng):
    """The states, a third of them at random: what is tested is the emission, not the search."""
    return np.where(rng.random(T) < 1 / 3, rng.integers(0, 3, T), z)


def _bind(name, rng):
    z = _truth(rng)
    emission = Exponential() if name == "exponential" else with_defaults(name)
    return emission.bind(_data(name, rng, z), OFFSETS), z


@pytest.mark.parametrize("name", [*EMISSIONS, "exponential"])
def test_plain_states_are_found(rng, name):
    on_data, z = _bind(name, rng)
    chain = _run(on_data, _rough(z, rng), 1)
    assert adjusted_rand_score(z, chain.z) > 0.9
    assert np.isfinite(chain.log_joint)
    assert on_data.means(chain.params).shape == (chain.K, on_data.n_features)


@pytest.mark.parametrize(
    "name", ["gaussian", "student_t", "gaussian_diag", "gaussian_known_variance"]
)
def test_units_do_not_change_the_labels(rng, name):
    z = _truth(rng)
    y = _data(name, rng, z)
    factor, offset = np.array([1e-3, 2e5]), np.array([40.0, -1e7])
    start = _rough(z, rng)
    chains = [
        _run(resolve(name).bind(table, OFFSETS), start, 3, sweeps=20)
        for table in (y, offset + factor * y)
    ]
    np.testing.assert_array_equal(chains[0].z, chains[1].z)
    jacobian = -np.sum(~np.isnan(y), axis=0) @ np.log(factor)
    assert chains[1].log_joint == pytest.approx(chains[0].log_joint + jacobian, rel=1e-8)


@pytest.mark.parametrize("name", ["gaussian", "student_t", "von_mises"])
def test_chains_in_threads_may_share_what_is_bound(rng, name):
    on_data, z = _bind(name, rng)
    start = _rough(z, rng)
    alone = [_run(on_data, start, seed, sweeps=15).z for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: _run(on_data, start, seed, sweeps=15).z, range(4)))
    np.testing.assert_array_equal(alone, together)
