"""Chains that agree say so, chains that do not say in what, and chains stuck together are not taken for right."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from tsinit import InfiniteHMM, compare
from tsinit.metrics import adjusted_rand_index
from tsinit.models.hidden_markov import convergence
from tsinit.models.hidden_markov.draws import occupancy, rows_that_follow
from tsinit.models.hidden_markov.split_merge import SplitMergeMove
from tsinit.result import rhat

N = 200


def draws(labels, log_joint=None, seed=0, offsets=None):
    """Stand in for the draws of a fit, from labels (chain, draw, rows)."""
    labels = np.asarray(labels, dtype=np.uint8)
    C, n, T = labels.shape
    if log_joint is None:
        log_joint = np.random.default_rng(seed).standard_normal((C, n))
    follows = rows_that_follow(OFFSETS if offsets is None else offsets)
    K = int(labels.max()) + 1
    found = [occupancy(z, K, follows) for z in labels.reshape(-1, T)]
    return SimpleNamespace(
        labels=labels, log_joint=log_joint,
        shares=np.array([one.shares for one in found]).reshape(C, n, K),
        share_of_stays=np.array([one.share_of_stays for one in found]).reshape(C, n),
    )  # fmt: skip


def noisy(z, rng, share, n_chains=4, n_draws=N):
    """Copies of a segmentation, each with another share of its rows moved to another state."""
    out = np.tile(z, (n_chains, n_draws, 1))
    moved = rng.random(out.shape) < share
    return np.where(moved, (out + 1) % (z.max() + 1), out)


Z = np.repeat([0, 1, 2, 0], 50)
OFFSETS = np.array([0, len(Z)])


def diagnose(labels, log_joint=None):
    return convergence.diagnose(draws(labels, log_joint))


def test_chains_that_draw_the_same_agree(rng):
    found = diagnose(noisy(Z, rng, 0.05))
    assert found.converged
    assert found.sentence() == ""
    assert found.between == pytest.approx(found.within, abs=0.01)


def test_the_agreement_is_the_mean_adjusted_rand_index(rng):
    labels = noisy(Z, rng, 0.1, n_chains=3, n_draws=5)
    found = convergence.agreement(labels)
    for a in range(3):
        for b in range(3):
            pairs = [(i, j) for i in range(5) for j in range(5) if a != b or i < j]
            want = np.mean([adjusted_rand_index(labels[a, i], labels[b, j]) for i, j in pairs])
            assert found[a, b] == pytest.approx(want)


def test_scalars_are_those_that_their_names_say(rng):
    labels = noisy(Z, rng, 0.1)
    labels[0, 0, :] = 0
    labels[0, 0, :2] = 1  # exactly 1 % of the rows
    offsets = np.array([0, 100, 200])
    found = convergence.scalars(draws(labels, offsets=offsets))
    assert found["n_large_states"][0, 0] == 1.0
    assert found["share_of_stays"][0, 0] == pytest.approx(197 / 198)
    share = np.bincount(labels[1, 3]) / 200
    assert found["occupancy_entropy"][1, 3] == pytest.approx(-(share * np.log(share)).sum())


def test_a_chain_with_another_segmentation_is_told(rng):
    labels = noisy(Z, rng, 0.05)
    labels[3] = noisy(np.roll(Z, 60), rng, 0.05)[3]  # as many states, as large, as lasting
    found = diagnose(labels)
    assert not found.converged
    assert not found.segmentations_agree
    assert "The chains do not agree on" in found.sentence()
    assert "the segmentation (mean adjusted Rand index" in found.sentence()


def test_a_chain_with_another_density_alone_differs_in_spare_states(rng):
    log_joint = rng.standard_normal((4, N))
    log_joint[1] -= 50.0
    found = diagnose(noisy(Z, rng, 0.05), log_joint)
    assert found.only_spare_states
    assert not found.converged
    assert "agree on the segmentation" in found.sentence()
    assert "few rows" in found.sentence()


def test_a_difference_that_does_not_matter_is_none_however_large_r_hat(rng):
    labels = np.tile(Z, (4, N, 1))
    labels[0, :, 0] = 1  # one row, always
    found = diagnose(labels)
    assert found.scalars["share_of_stays"].rhat > 1.05
    assert found.converged


def test_chains_stuck_apart_have_not_converged():
    labels = np.tile(Z, (4, N, 1))
    labels[2:] = 0
    found = diagnose(labels)
    assert found.scalars["n_large_states"].rhat == np.inf
    assert not found.converged


def test_draws_too_few_to_judge_have_not_converged(rng):
    assert not diagnose(noisy(Z, rng, 0.05, n_draws=3)).converged
    assert not diagnose(noisy(Z, rng, 0.05, n_draws=1)).converged
    assert not diagnose(noisy(Z, rng, 0.05, n_chains=1, n_draws=1)).converged


def test_a_single_chain_is_judged_by_its_halves(rng):
    labels = noisy(Z, rng, 0.05, n_chains=1)
    assert diagnose(labels).converged
    labels[:, N // 2 :] = noisy(np.roll(Z, 60), rng, 0.05, n_chains=1)[:, N // 2 :]
    assert not diagnose(labels).converged


def three_regimes(seed, T=300):
    rng = np.random.default_rng([1, seed])
    truth = np.repeat(rng.permutation(3).tolist() * 4, T // 12)
    return 8.0 * truth[:, None] + rng.standard_normal((len(truth), 2)), truth


def test_on_separate_regimes_the_defaults_converge():
    y, truth = three_regimes(0)
    model = InfiniteHMM(n_tune=300, n_draws=300, random_state=0).fit(y)
    assert model.converged_
    assert model.n_init_states_ == 3
    assert adjusted_rand_index(truth, model.labels_) == 1.0
    summary = model.sampler_summary()
    assert rhat(model.draws_.log_joint) <= summary["rhat"] < 1.1


def cycle():
    """ABCDEFEDCB, again and again: ten states that six symbols tell apart only by what comes before."""
    return np.array(["ABCDEF".index(c) for c in "ABCDEFEDCB" * 30], dtype=float)[:, None]


@pytest.mark.parametrize("seed", range(3))
def test_chains_stuck_on_the_cycle_do_not_say_converged(seed, monkeypatch):
    """As they are where no state is split."""
    monkeypatch.setattr(SplitMergeMove, "is_possible", staticmethod(lambda emission, latent: False))
    model = InfiniteHMM(emission="categorical", n_tune=100, n_draws=100, random_state=seed)
    with pytest.warns(ConvergenceWarning, match="The chains do not agree on") as caught:
        model.fit(cycle())
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not model.converged_


def test_nothing_warns_inside_a_comparison():
    """Warnings are errors here."""
    model = InfiniteHMM(emission="categorical", n_tune=100, n_draws=100)
    result = compare(model, cycle(), ["dispersed", "kmeans"], n_seeds=1, seed=0)
    assert (result.runs["status"] == "not_converged").any()


@pytest.mark.slow
def test_the_defaults_converge_on_separate_regimes_in_nine_of_ten(record_property):
    converged = 0
    for seed in range(10):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = InfiniteHMM(random_state=seed).fit(three_regimes(seed)[0])
        assert len(caught) == (not model.converged_)
        converged += model.converged_
    record_property("converged", int(converged))
    assert converged >= 9
