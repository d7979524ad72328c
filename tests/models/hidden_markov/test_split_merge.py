"""Split and merge moves alone: the law of partitions against enumeration, the prior against the joint test."""

import numpy as np
import pytest
from kernels.hidden_markov.mutants import mutant
from models.hidden_markov import test_chain_geweke as joint
from models.hidden_markov.level_emission import LevelOnData
from models.hidden_markov.test_chain_exact import LONG, SHORT, hotelling, target
from reference import hdp as twin

from tsinit import emissions
from tsinit.models.hidden_markov import chain as module
from tsinit.models.hidden_markov import split_merge
from tsinit.models.hidden_markov.chain import BeamChain


def visits(case, n, batches=100):
    """How often moves alone, with the weights redrawn between them, visit each partition: (batches, partitions)."""
    fixed = {"alpha": case.alpha, "rho": case.rho, "gamma": case.gamma}
    T = len(case.y)
    chain = BeamChain(
        LevelOnData(case.y),
        case.offsets,
        np.zeros(T, int),
        np.random.default_rng(0),
        fixed=fixed,
    )
    names = {z: i for i, z in enumerate(twin.partitions(T))}
    index = np.empty(n + 50, dtype=int)
    for i in range(index.size):
        chain._draw_concentrations()
        chain._split_or_merge()
        index[i] = names[twin.canonical(chain.z.tolist())]
    parts = index[50:].reshape(batches, -1)
    return np.stack([np.bincount(part, minlength=len(names)) for part in parts]) * batches / n


@pytest.mark.parametrize("case", SHORT.values(), ids=SHORT)
def test_moves_alone_follow_the_enumerated_posterior(case):
    assert hotelling(visits(case, 10_000), target(case)[1]) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_half_a_million_moves_follow_the_enumerated_posterior(case, record_property):
    frequencies, (_, p) = visits(case, 500_000, batches=200), target(case)
    distance = 0.5 * np.abs(frequencies.mean(axis=0) - p).sum()
    record_property("total_variation", float(distance))
    assert distance < 0.01
    assert hotelling(frequencies, p) > 1e-4


# ---- Wrong moves must be found out ---------------------------------------------------------------------------------


def _without_jacobian(weights, gamma):
    merged = weights[0] + weights[1]
    return np.log(gamma) + np.log(merged) - np.log(weights[0]) - np.log(weights[1])


def test_moves_without_the_jacobian_do_not(monkeypatch):
    kernels = mutant(
        "tsinit.kernels.hidden_markov.split_merge", log_gain_of_sticks=_without_jacobian
    )
    monkeypatch.setattr(split_merge, "kernels", kernels)
    case = SHORT["two sequences"]
    assert hotelling(visits(case, 10_000), target(case)[1]) < 1e-8


def test_nor_do_those_without_the_probability_of_the_division(monkeypatch):
    allot = split_merge.kernels.allot

    def without(*arguments):
        return 0.0 * allot(*arguments)

    monkeypatch.setattr(split_merge.kernels, "allot", without)
    case = SHORT["two sequences"]
    assert hotelling(visits(case, 10_000), target(case)[1]) < 1e-8


def test_nor_do_those_without_the_probability_of_the_rows_picked(monkeypatch):
    monkeypatch.setattr(split_merge, "_log_pick_ratio", lambda n, n_both, T: 0.0)
    case = SHORT["two sequences"]
    assert hotelling(visits(case, 20_000), target(case)[1]) < 1e-8


# ---- With everything else ------------------------------------------------------------------------------------------


@pytest.fixture
def in_every_sweep(monkeypatch):
    monkeypatch.setattr(module, "MOVE_EVERY", 1)


@pytest.mark.usefixtures("in_every_sweep")
@pytest.mark.parametrize("name", ["student_t", "gaussian_diag"])
def test_a_short_run_with_a_move_in_every_sweep_gives_back_the_prior(name):
    on_data, missing = joint.bind(name, gaps=True)
    successive = joint.successive_draws(on_data, missing, 10_000)
    z = joint.z_scores(joint.forward_draws(on_data, 4000), successive)
    assert np.abs(z).max() < 4.0


@pytest.mark.slow
@pytest.mark.usefixtures("in_every_sweep")
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", emissions.names())
def test_long_runs_with_a_move_in_every_sweep_give_back_the_prior(name, gaps, record_property):
    on_data, missing = joint.bind(name, gaps)
    chains = [joint.successive_draws(on_data, missing, 60_000, seed) for seed in (1, 2)]
    forward = joint.forward_draws(on_data, 60_000)
    z = joint.z_scores(forward, np.concatenate(chains), batches=200)
    record_property("largest_z", float(np.abs(z).max()))
    assert np.abs(z).max() < 4.0


@pytest.mark.usefixtures("in_every_sweep")
def test_a_move_that_forgets_the_evidence_does_not(monkeypatch):
    monkeypatch.setattr(
        split_merge.SplitMergeMove, "_log_evidence_gain", lambda self, emission, latent: 0.0
    )
    on_data, missing = joint.bind("gaussian_diag", gaps=False)
    successive = joint.successive_draws(on_data, missing, 4000)
    assert np.abs(joint.z_scores(joint.forward_draws(on_data, 2000), successive)).max() > 8.0
