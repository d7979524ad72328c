"""A chain: reproducible, relabelled, growing, and hard to stop."""

import threading

import numpy as np
import pytest
from models.hidden_markov.level_emission import LevelOnData

from tsinit.models.hidden_markov import chain as module
from tsinit.models.hidden_markov.chain import BeamChain, ChainStopped, ConcentrationPriors


def series(rng, T, persistence=0.95, means=(2.0, 0.0, -2.0)):
    z = np.zeros(T, dtype=int)
    for t in range(1, T):
        z[t] = z[t - 1] if rng.random() < persistence else rng.integers(len(means))
    return np.asarray(means)[z][:, None] + rng.standard_normal((T, 1)), z


def run(chain, n):
    for _ in range(n):
        chain.sweep()
    return chain


def start(y, seed=0, K0=4, **options):
    rng = np.random.default_rng(seed)
    offsets = options.pop("offsets", [0, len(y)])
    return BeamChain(LevelOnData(y), offsets, rng.integers(K0, size=len(y)), rng, **options)


def state(chain):
    return [
        chain.z.copy(),
        chain.pi,
        chain.beta,
        chain.alpha,
        chain.rho,
        chain.gamma,
        *chain.params,
        chain.log_joint,
    ]


def assert_same(a, b):
    for x, y in zip(state(a), state(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_what_a_sweep_leaves_is_consistent(rng):
    y, _ = series(rng, 200)
    chain = start(y, offsets=[0, 80, 80, 200])
    for _ in range(50):
        chain.sweep()
        K = chain.K
        assert np.array_equal(np.unique(chain.z), np.arange(K))
        assert chain.pi.shape == (K + 1, K + 1)
        assert chain.beta.shape == (K + 1,)
        assert all(len(values) == K for values in chain.params)
        np.testing.assert_allclose(chain.pi.sum(axis=1), 1.0)
        assert chain.beta.sum() == pytest.approx(1.0)
        assert np.isfinite([chain.alpha, chain.rho, chain.gamma, chain.log_joint]).all()
        assert chain.n_represented >= K
        assert 1.0 <= chain.n_open <= chain.n_represented
    assert chain.n_sweeps == 50


def test_clear_regimes_never_share_a_state(rng):
    y, z = series(rng, 500, means=(10.0, 0.0, -10.0))
    offsets, z0 = [0, 500], rng.integers(8, size=500)
    chain = run(BeamChain(LevelOnData(y, tau=10.0), offsets, z0, rng), 100)
    for _ in range(100):
        chain.sweep()
        assert len(set(zip(chain.z, z, strict=True))) == chain.K


def test_the_same_seed_gives_the_same_draws(rng):
    y, _ = series(rng, 300)
    assert_same(run(start(y, seed=3), 40), run(start(y, seed=3), 40))


def test_chains_in_threads_equal_chains_one_after_the_other(rng):
    y, _ = series(rng, 2000)
    on_data = LevelOnData(y)
    offsets, z0 = [0, 2000], np.arange(2000) % 4

    def make(seed):
        return BeamChain(on_data, offsets, z0, np.random.default_rng(seed))

    together = [make(seed) for seed in range(2)]
    threads = [threading.Thread(target=run, args=(chain, 60)) for chain in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, chain in enumerate(together):
        assert_same(chain, run(make(seed), 60))


def test_room_that_runs_out_changes_nothing_but_where_the_arrays_lie(rng, monkeypatch):
    y, _ = series(rng, 150)
    plain = run(start(y, K0=3), 60)
    monkeypatch.setattr(module, "INITIAL_CAPACITY", 1)
    monkeypatch.setattr(
        module.beam, "empty_trellis", lambda T, capacity, make=module.beam.empty_trellis: make(T, 1)
    )
    assert_same(run(start(y, K0=3), 60), plain)


def test_labels_may_be_anything(rng):
    y, _ = series(rng, 60)
    labels = np.arange(60) % 3, np.arange(60) % 3 * 7 - 5
    one, other = (BeamChain(LevelOnData(y), [0, 60], z0, np.random.default_rng(1)) for z0 in labels)
    assert_same(run(one, 5), run(other, 5))


def test_held_values_are_held(rng):
    y, _ = series(rng, 60)
    chain = run(start(y, fixed={"alpha": 2.5, "rho": 0.4, "gamma": 0.7}), 10)
    assert (chain.alpha, chain.rho, chain.gamma) == (2.5, 0.4, 0.7)
    chain = run(start(y, sticky=False), 10)
    assert chain.rho == 0.0
    assert chain.alpha != 100.0


def _hard_cases():
    rng = np.random.default_rng(5)
    y, _ = series(rng, 200)
    outlier, far = y.copy(), y.copy()
    outlier[[17, 90, 91], 0] = 1e6, -1e6, 1e6
    far[:, 0] = np.where(np.arange(200) < 100, 0.0, 1000.0) + 0.01 * y[:, 0]
    gaps = y.copy()
    gaps[rng.random(200) < 0.3] = np.nan
    return {
        "outliers": (outlier, [0, 200], np.arange(200) % 3, {}),
        "two states a thousand apart, wrong labels": (far, [0, 200], np.arange(200) % 2, {}),
        "constant": (np.zeros((200, 1)), [0, 200], np.arange(200) % 5, {}),
        "natural units": (1000.0 + 50.0 * y, [0, 200], np.arange(200) % 4, {}),
        "gaps": (gaps, [0, 200], np.arange(200) % 4, {}),
        "nothing observed": (np.full((30, 1), np.nan), [0, 30], np.arange(30) % 4, {}),
        "one step": (y[:1], [0, 1], [0], {}),
        "one step, unseen": (np.full((1, 1), np.nan), [0, 1], [3], {}),
        "every step a state": (y[:40], [0, 40], np.arange(40), {}),
        "many sequences of one step": (y[:20], np.arange(21), np.arange(20) % 6, {}),
        "tiny concentrations": (
            y,
            [0, 200],
            np.arange(200) % 4,
            {"alpha": 1e-9, "rho": 0.0, "gamma": 1e-9},
        ),
        "never leaving": (y, [0, 200], np.arange(200) % 4, {"alpha": 1e6, "rho": 1.0 - 1e-12}),
    }


@pytest.mark.parametrize("case", _hard_cases())
def test_hard_data_come_to_an_end(case):
    y, offsets, z0, fixed = _hard_cases()[case]
    chain = run(BeamChain(LevelOnData(y), offsets, z0, np.random.default_rng(0), fixed=fixed), 100)
    assert np.isfinite(chain.log_joint)
    assert np.isfinite(chain.pi).all()


def test_two_states_far_apart_are_told_apart_from_the_worst_labels():
    y, offsets, z0, _ = _hard_cases()["two states a thousand apart, wrong labels"]
    chain = run(
        BeamChain(LevelOnData(y, sd=1.0, tau=500.0), offsets, z0, np.random.default_rng(0)), 200
    )
    assert not set(chain.z[:100]) & set(chain.z[100:])


def test_states_without_end_stop_the_chain(rng, monkeypatch):
    y, _ = series(rng, 100)
    monkeypatch.setattr(module, "MAX_STATES", 40)
    chain = start(y, fixed={"alpha": 1e4, "rho": 0.0, "gamma": 1e6})
    with pytest.raises(
        ChainStopped,
        match=r"stopped in sweep 1 with 4 states .* 40 represented .*gamma = 1e\+06.*prior",
    ):
        chain.sweep()


def test_data_without_density_stop_the_chain(rng):
    y, _ = series(rng, 50)
    y[7:27] = 1e200  # where only one state is open nobody asks for its density
    with pytest.raises(ChainStopped, match=r"sweep 1 .* row \d+ has density 0 .* rescale"):
        run(start(y), 3)


def test_priors_are_in_effect(rng):
    y, _ = series(rng, 100)
    tight = ConcentrationPriors(alpha=(4e6, 1e6), gamma=(2e6, 1e6), rho=(3e6, 1e6))
    chain = run(start(y, priors=tight), 5)
    np.testing.assert_allclose([chain.alpha, chain.gamma, chain.rho], [4.0, 2.0, 0.75], rtol=0.01)
