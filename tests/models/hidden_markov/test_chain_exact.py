"""The law of the chain's partitions against enumeration, with the concentrations held."""

from typing import NamedTuple

import numpy as np
import pytest
from kernels.hidden_markov.mutants import mutant
from models.hidden_markov.level_emission import LevelOnData
from reference import hdp as twin
from scipy import stats

from tsinit.kernels.random import beta_pair
from tsinit.models.hidden_markov import chain as module
from tsinit.models.hidden_markov.chain import BeamChain, ChainStopped

Y = np.array([0.3, 2.4, 1.9, -0.8, 0.1, 2.2])[:, None]


class Case(NamedTuple):
    """What is observed, and the concentrations."""

    y: np.ndarray
    offsets: list
    alpha: float = 1.3
    rho: float = 0.0
    gamma: float = 0.8


def with_gap(y, t):
    y = y.copy()
    y[t] = np.nan
    return y


SHORT = {
    "plain": Case(Y[:4], [0, 4]),
    "sticky": Case(Y[:4], [0, 4], alpha=2.0, rho=0.6),
    "two sequences": Case(Y[:4], [0, 2, 4], alpha=2.0, rho=0.4, gamma=2.5),
    "a missing row": Case(with_gap(Y[:4], 1), [0, 4], rho=0.3, gamma=1.5),
    "nothing seen": Case(np.full((4, 1), np.nan), [0, 4], alpha=0.5, rho=0.5, gamma=3.0),
}
LONG = {
    "plain, five steps": Case(Y[:5], [0, 5]),
    "sticky, five steps": Case(Y[:5], [0, 5], alpha=2.0, rho=0.6),
    "two sequences, six steps, a missing row": Case(
        with_gap(Y, 4), [0, 3, 6], alpha=2.0, rho=0.4, gamma=1.5
    ),
}


def target(case):
    """Partitions and their posterior probabilities."""
    on_data = LevelOnData(case.y)

    def log_evidence(z):
        return on_data.log_evidence(np.array(z), max(z) + 1, None, None)

    law = twin.posterior(
        twin.begins_of(case.offsets), case.alpha, case.rho, case.gamma, log_evidence
    )
    return list(law), np.array(list(law.values()))


def visits(case, n, seed=0, batches=100, moves=True):
    """How often each partition is visited, (batches, partitions) in frequencies."""
    fixed = {"alpha": case.alpha, "rho": case.rho, "gamma": case.gamma}
    T = len(case.y)
    chain = BeamChain(
        LevelOnData(case.y),
        case.offsets,
        np.zeros(T, int),
        np.random.default_rng(seed),
        fixed=fixed,
    )
    if not moves:
        chain.moves = None
    zs, code = twin.partitions(T), T ** np.arange(T)
    names = {sum(k * c for k, c in zip(z, code.tolist(), strict=True)): i for i, z in enumerate(zs)}
    index = np.empty(n, dtype=int)
    for _ in range(50):
        chain.sweep()
    for i in range(n):
        chain.sweep()
        z = twin.canonical(chain.z.tolist())
        index[i] = names[sum(k * c for k, c in zip(z, code.tolist(), strict=True))]
    return (
        np.stack([np.bincount(part, minlength=len(zs)) for part in index.reshape(batches, -1)])
        * batches
        / n
    )


def hotelling(frequencies, p):
    """P-value of the hypothesis that batch means have mean p; rare partitions are taken together."""
    rare = p < 0.004
    cells = np.column_stack([frequencies[:, ~rare], frequencies[:, rare].sum(axis=1)])[:, :-1]
    want = p[~rare]
    B, d = cells.shape
    off = cells.mean(axis=0) - want
    if d == len(p):  # nothing is rare: the last is one minus the others
        cells, off, d = cells[:, :-1], off[:-1], d - 1
    square = B * off @ np.linalg.solve(np.cov(cells.T), off)
    return stats.f.sf(square * (B - d) / (d * (B - 1)), d, B - d)


@pytest.mark.parametrize("case", SHORT.values(), ids=SHORT)
def test_partitions_follow_the_enumerated_posterior(case):
    _, p = target(case)
    assert hotelling(visits(case, 10_000), p) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_a_million_sweeps_follow_the_enumerated_posterior(case, record_property):
    _, p = target(case)
    frequencies = visits(case, 1_000_000, batches=200)
    mean, error = (
        frequencies.mean(axis=0),
        frequencies.std(axis=0, ddof=1) / np.sqrt(len(frequencies)),
    )
    distance, z = 0.5 * np.abs(mean - p).sum(), ((mean - p) / error)[p > 0.003]
    record_property("total_variation", float(distance))
    record_property("largest_z", float(np.abs(z).max()))
    assert distance < 0.01
    assert np.abs(z).max() < 4.0
    assert hotelling(frequencies, p) > 1e-4


# ---- Wrong chains must be found out --------------------------------------------------------------------------------


def _stick_the_wrong_way(rng, work, K, gamma):
    beta = work.beta
    left, taken = beta_pair(rng, 1.0, gamma)
    beta[K + 1] = beta[K] * left
    beta[K] *= taken


def _count_without_starts(z, begins, n, K):
    for j in range(K + 1):
        for k in range(K):
            n[j, k] = 0
    for t in range(z.size):
        if not begins[t]:
            n[z[t - 1] + 1, z[t]] += 1


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("two sequences", {"split_rest": _stick_the_wrong_way}),
        ("two sequences", {"count": _count_without_starts}),
    ],
    ids=["stick split the wrong way", "start omitted"],
)
def test_a_wrong_chain_does_not(name, functions, monkeypatch):
    monkeypatch.setattr(module, "hdp", mutant("tsinit.kernels.hidden_markov.hdp", **functions))
    try:
        frequencies = visits(SHORT[name], 10_000, moves=False)
    except ChainStopped:  # found out even sooner
        return
    assert hotelling(frequencies, target(SHORT[name])[1]) < 1e-8
