"""What split and merge moves compare: densities with the parameters integrated out, of some of the rows."""

from itertools import product

import numpy as np
import pytest
from emissions.cases import EMISSIONS, bind, observations
from scipy import stats
from scipy.special import logsumexp

from tsinit import emissions
from tsinit.emissions import Autoregressive, EmissionOnData, Poisson, StudentT, ZeroInflated
from tsinit.models.hidden_markov.split_merge import SplitMergeMove

CASES = {
    **EMISSIONS,
    "autoregressive": Autoregressive(2),
    "autoregressive_diag": Autoregressive(1, "diag"),
}


def on_data(name, rng, missing):
    if name in EMISSIONS:
        return bind(name, rng, missing=missing)[0]
    y = observations(name, rng)
    y[[4, 11, 12], [0, 1, 1]] = np.nan if missing else y[[4, 11, 12], [0, 1, 1]]
    return CASES[name].bind(y, np.array([0, 17, 30]))


def test_every_emission_is_held_to_it():
    assert set(emissions.names()) < set(CASES)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_what_a_split_gains_depends_on_the_rows_of_the_state_alone(rng, name, missing):
    emission = on_data(name, rng, missing)
    assert emission.has_log_marginal
    latent, z = emission.latent(rng), rng.integers(4, size=30)

    def gain(names_of_others):
        names = np.array([0, 1, *names_of_others])
        split, whole = names[z], np.array([0, 0, *names_of_others])[z]
        return emission.log_marginal(split, 4, latent) - emission.log_marginal(whole, 4, latent)

    assert gain((2, 3)) == pytest.approx(gain((2, 2)), rel=1e-9)
    if emission.leaves_rows_out:
        assert gain((-1, -2)) == pytest.approx(gain((2, 2)), rel=1e-9)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("zero")])
def test_parameters_know_nothing_of_rows_left_out(rng, name, missing):
    emission = on_data(name, rng, missing)
    assert emission.leaves_rows_out
    latent = emission.latent(rng)
    left = np.full(30, -2)
    left[:10] = -1
    params = emission.draw(np.random.default_rng(0), left, 2, latent)
    for mine, prior in zip(params, emission.prior_params(np.random.default_rng(0), 2), strict=True):
        assert np.array_equal(mine, prior)


@pytest.mark.parametrize("name", CASES)
def test_where_nothing_is_filled_in_it_is_the_evidence(rng, name):
    emission = on_data(name, rng, missing=False)
    latent, (z, other) = emission.latent(rng), rng.integers(3, size=(2, 30))
    if not emission.collapsed or latent is not None:
        return
    evidence = [emission.log_evidence(labels, 3, None, None) for labels in (z, other)]
    marginal = [emission.log_marginal(labels, 3, None) for labels in (z, other)]
    assert np.diff(marginal)[0] == pytest.approx(np.diff(evidence)[0], rel=1e-9)


def test_over_all_choices_of_extra_zeros_it_adds_up_to_the_evidence(rng):
    y = np.array([[0.0], [3.0], [0.0], [0.0], [1.0], [0.0], [np.nan], [0.0]])
    emission = ZeroInflated(Poisson(3.0, 1.5), 0.3, 5.0).bind(y)
    for _ in range(3):
        z = rng.integers(2, size=8)
        each = [emission.log_marginal(z, 2, np.array(e)) for e in product((0, 1), repeat=5)]
        expected = emission.log_evidence(z, 2, None, None)
        assert logsumexp(each) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("collapsed", [False, True])
def test_an_emission_of_a_users_own_has_it_where_nothing_else_is_unknown(collapsed):
    class OnData(type(EMISSIONS["poisson"].bind(np.ones((3, 2))))):
        log_marginal = EmissionOnData.log_marginal

    class Augmented(OnData):
        def latent(self, rng):
            return np.zeros(3)

    for kind, want in ((OnData, collapsed), (Augmented, False)):
        on_data = kind(np.ones((3, 2)), EMISSIONS["poisson"].bind(np.ones((3, 2))).prior)
        on_data.collapsed = collapsed
        assert on_data.has_log_marginal is want
        assert SplitMergeMove.is_possible(on_data, on_data.latent(None)) is want


def test_student_t_rows_given_weights_are_a_multivariate_t(rng):
    """One column: y ~ t with the degrees of freedom of the prior, centred, with scale Psi / df (W^-1 + 11' / k)."""
    emission = StudentT(3.0, 10.0, 0.5, [[4.0]], 8.0).bind(10.0 + rng.standard_normal((6, 1)))
    latent = emission.latent(rng)
    latent.weight[:] = rng.gamma(2.0, size=6)
    prior, y = emission.prior, latent.y[:, 0]

    def expected(z):
        total = 0.0
        for k in set(z.tolist()):
            w = latent.weight[z == k]
            scale = prior.Psi[0, 0] / prior.df * (np.diag(1.0 / w) + 1.0 / prior.k)
            law = stats.multivariate_t(np.full(w.size, prior.m[0]), scale, df=prior.df)
            total += law.logpdf(y[z == k])
        return total

    z, other = np.array([0, 0, 1, 1, 0, 1]), np.zeros(6, dtype=np.int64)
    gain = emission.log_marginal(z, 2, latent) - emission.log_marginal(other, 1, latent)
    assert gain == pytest.approx(expected(z) - expected(other), rel=1e-10)
