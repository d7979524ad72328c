"""Draws of (alpha, rho, gamma, beta, labels) from the prior must keep their law under one update."""

import numpy as np
import pytest
from reference import hdp as twin

from tsinit.kernels._jit import entry
from tsinit.kernels.hidden_markov import concentrations, hdp

PRIORS = ((3.0, 1.5), (2.0, 1.5), (3.0, 2.0))
BEGINS = twin.begins_of([0, 9, 14])
N = 12_000


@pytest.fixture(scope="module")
def prior_draws():
    """(values, counts, beta, beta of the unused merged) of N independent draws."""
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(N):
        values = twin.draw_prior(rng, PRIORS)
        z, beta = twin.draw_labels(rng, BEGINS, [1.0], *values)
        z, beta = twin.drop_unused(z, beta)
        draws.append((values, twin.counts(z, BEGINS), beta))
    return draws


def kernel(rng, n, beta, values, priors):
    beta, values = beta.copy(), np.array(values)
    concentrations.update(rng, n, beta, len(beta) - 1, values, np.array(priors))
    return values, beta


def statistics(values, beta, K):
    """Moments that an update which is a little wrong would move."""
    alpha, rho, gamma = values
    rest, first = beta[-1], beta[0]
    return [
        alpha,
        rho,
        gamma,
        alpha * rho,
        alpha * gamma,
        gamma**2,
        rest,
        first,
        gamma * rest,
        alpha * rest,
        rho * first,
        gamma * K,
        alpha * K,
        rho * K,
        rest * K,
    ]


def z_scores(update, draws, seed=5):
    """Means after the update against those before, paired, in standard errors."""
    rng = np.random.default_rng(seed)
    change = np.empty((len(draws), 15))
    for i, (values, n, beta) in enumerate(draws):
        new_values, new_beta = update(rng, n, beta, values, PRIORS)
        K = len(beta) - 1
        change[i] = np.subtract(statistics(new_values, new_beta, K), statistics(values, beta, K))
    return change.mean(axis=0) / (change.std(axis=0) / np.sqrt(len(draws)))


def test_one_update_keeps_the_prior(prior_draws):
    assert np.abs(z_scores(kernel, prior_draws)).max() < 4.0


def test_one_update_of_the_twin_keeps_the_prior(prior_draws):
    """The same of the plain version: what the mutants below change is right before they change it."""
    assert np.abs(z_scores(twin.update, prior_draws)).max() < 4.0


@entry
def _moved(rng, n, beta, K, values, prior):
    return concentrations.move_alpha(rng, n, beta, K, values[0], values[1], prior)


def metropolis(rng, n, beta, values, priors):
    """The steps of alpha alone."""
    alpha = _moved(rng, n, beta, len(beta) - 1, np.array(values), np.array(priors[0]))
    return (alpha, *values[1:]), beta


def _without_jacobian(rng, n, beta, values, priors):
    """Proposals on the scale of logarithms, accepted as if they were on that of alpha."""
    alpha, rho, _ = values
    (shape, rate), K = priors[0], len(beta) - 1
    work = hdp.Transitions(n, beta, np.empty((0, 0)))

    def log_density(a):
        return (shape - 1.0) * np.log(a) - rate * a + hdp.log_probability(work, K, a, rho)

    proposed = alpha * np.exp(1.5 * rng.standard_normal())
    accepted = np.log(rng.random()) < log_density(proposed) - log_density(alpha)
    return (proposed if accepted else alpha, *values[1:]), beta


def test_steps_of_alpha_alone_keep_the_prior_and_one_without_jacobian_does_not(prior_draws):
    with np.errstate(invalid="ignore"):  # what it leaves as it was has no standard error
        right, wrong = (z_scores(f, prior_draws) for f in (metropolis, _without_jacobian))
    assert np.nanmax(np.abs(right)) < 4.0
    assert np.nanmax(np.abs(wrong)) > 6.0


def _late_tables(rng, customers, mass):
    found = sum(rng.random() < mass / (mass + seated + 1.0) for seated in range(customers))
    return max(found, min(customers, 1))


def _other_override(rho, weight):
    return 1.0 - twin.override_probability(rho, weight)


def _gamma_of_one_more(rng, gamma, K, ordered, a, b):
    return twin.update_gamma(rng, gamma, K + 1, ordered, a, b)


def _gamma_of_some(rng, gamma, K, ordered, a, b):
    return twin.update_gamma(rng, gamma, K, max(ordered, 0.5), a, b)


def _without_start(rng, n, beta, values, priors):
    n = n.copy()
    n[0] = 0
    return twin.update(rng, n, beta, values, priors, gamma=_gamma_of_some)


@pytest.mark.parametrize(
    "update",
    [
        lambda *a: twin.update(*a, gamma=_gamma_of_one_more),
        lambda *a: twin.update(*a, beta_first=True),
        lambda *a: twin.update(*a, tables=_late_tables),
        lambda *a: twin.update(*a, override=_other_override),
        _without_start,
    ],
    ids=[
        "gamma with K + 1",
        "beta before gamma",
        "tables late by one",
        "override inverted",
        "start omitted",
    ],
)
def test_a_wrong_update_does_not(prior_draws, update):
    assert np.abs(z_scores(update, prior_draws[: N // 2])).max() > 6.0


def test_held_values_stay_and_the_rest_keeps_its_law(prior_draws):
    held = np.array(PRIORS)
    held[1] = np.nan
    rng = np.random.default_rng(3)
    for values, n, beta in prior_draws[:100]:
        new, _ = kernel(rng, n, beta, values, held)
        assert new[1] == values[1]
        assert new[0] != values[0]
        assert new[2] != values[2]


def test_weights_that_have_underflowed_do_no_harm(rng):
    beta, values = np.array([1.0, 0.0, 0.0]), np.array([1e-300, 0.0, 1e-300])
    n = np.array([[1, 0], [5, 1], [1, 3]])
    for _ in range(100):
        concentrations.update(
            rng, n, beta, 2, values, np.array([[1.0, 0.01], [np.nan, np.nan], [1.0, 1.0]])
        )
        assert np.isfinite(values).all()
        assert np.isfinite(beta).all()
        assert (values[[0, 2]] > 0.0).all()
        assert beta.sum() == pytest.approx(1.0)
        beta[:], values[[0, 2]] = [1.0, 0.0, 0.0], 1e-300
