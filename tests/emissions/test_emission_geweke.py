"""Geweke's joint test with labels held: updates, alternating with new data, must leave the prior alone.

Geweke, Getting it right (JASA 99, 2004). Statistics are bounded, because some priors have no second moment. A
wrong update per emission, of the kind that published codes contain, must be caught.
"""

import copy

import numpy as np
import pytest
from emissions.cases import EMISSIONS, observations
from helpers import split_constants

Z = np.array([0, 1, 0, 0, 1, 1, 0])
K, T = 2, len(Z)
MISSING = np.zeros((T, 2), dtype=bool)
MISSING[[0, 4, 5], [1, 0, 1]] = True
MISSING[3] = True
BATCHES = 50


def _settle(name):
    """An emission on data whose prior and scale stay; its data are replaced."""
    return EMISSIONS[name].bind(observations(name, np.random.default_rng(5)))


def _statistics(params, y, loc, scale):
    """Per draw; params with leading axes (n, K), y (n, T, 2) before the gaps are cut."""
    n = len(y)
    parts = [np.arctan(part.reshape(n, -1)) for part in params]
    x = np.arctan((y - loc) / scale)
    described = [
        x[:, :3].reshape(n, -1),
        x[:, 0] * x[:, 2],
        x[:, 0] * x[:, 1],
        x[:, :2].prod(axis=2),
        x[:, :2, 0] ** 2,
    ]
    columns = np.concatenate([*parts, *described], axis=1)
    return np.concatenate([columns, parts[0] * parts[0][:, ::-1], parts[0] * x[:, 0, :1]], axis=1)


def _forward(name, n, rng):
    on_data = _settle(name)
    params = on_data.prior_params(rng, n * K)
    y = on_data.simulate(rng, params, (K * np.arange(n)[:, None] + Z).ravel()).reshape(n, T, 2)
    return params._make(p.reshape(n, K, *p.shape[1:]) for p in params), y


def _successive(name, n, rng, step):
    on_data = _settle(name)
    params, kept, data = on_data.prior_params(rng, K), [], np.empty((n, T, 2))
    for i in range(n):
        data[i] = on_data.simulate(rng, params, Z)
        kept.append(params)
        now = on_data.with_data(np.where(MISSING, np.nan, data[i]))
        params = step(rng, now, params)
    return params._make(map(np.array, zip(*kept, strict=True))), data


def z_scores(name, step, n, seed=0):
    """Distance of every statistic between both simulators, in standard errors by batch means."""
    rng = np.random.default_rng(seed)
    prior = _forward(name, 4 * n, rng)
    chain = _successive(name, n, rng, step)
    loc, scale = np.median(prior[1], axis=(0, 1)), np.std(np.arctan(prior[1]), axis=(0, 1))
    a, b = _statistics(*prior, loc, scale), _statistics(*chain, loc, scale)
    varies = split_constants(a, b)
    a, b = a[:, varies], b[:, varies]
    batches = b.reshape(BATCHES, -1, b.shape[1]).mean(axis=1)
    error = np.sqrt(batches.var(axis=0, ddof=1) / BATCHES + a.var(axis=0) / len(a))
    return (b.mean(axis=0) - a.mean(axis=0)) / error


def _right(rng, on_data, params):
    latent = on_data.augment(rng, Z, params, on_data.latent(rng))
    return on_data.draw(rng, Z, K, latent)


def _never_filled(rng, on_data, params):
    """Missing entries, or the weights of a Student-t, stay as they started."""
    return on_data.draw(rng, Z, K, on_data.latent(rng))


def _other_prior(**change):
    """Update with a prior changed by the functions given."""

    def step(rng, on_data, params):
        wrong = copy.copy(on_data)
        wrong.prior = on_data.prior._replace(
            **{k: f(getattr(on_data.prior, k)) for k, f in change.items()}
        )
        return _right(rng, wrong, params)

    return step


def _mean_resultant(rng, on_data, params):
    """A published code draws directions with the concentration kappa R-bar instead of kappa N R-bar."""
    new = on_data.draw(rng, Z, K, None)
    kappa = np.hypot(new.cos, new.sin)
    for k in range(K):
        x, y = (np.nansum(part[k == Z], axis=0) for part in on_data.data)
        n = np.sum(~np.isnan(on_data.data.cos[k == Z]), axis=0)
        direction = rng.vonmises(np.arctan2(y, x), kappa[k] * np.hypot(x, y) / n)
        new.cos[k], new.sin[k] = kappa[k] * np.cos(direction), kappa[k] * np.sin(direction)
    return new


def _one_part_with_a_scale_for_a_rate(rng, on_data, params):
    wrong, (other, part) = copy.copy(on_data), map(copy.copy, on_data.parts)
    part.prior = part.prior._replace(b=1.0 / part.prior.b)
    wrong.parts = [other, part]
    return _right(rng, wrong, params)


def _zeros_at_even_odds(rng, on_data, params):
    """Which zeros are extra ones is drawn as if a count were never 0."""
    latent = on_data.latent(rng)
    rows, columns = np.nonzero(on_data.data.y == 0.0)
    share = 1.0 / (1.0 + np.exp(-params.log_odds))
    latent[:] = rng.random(len(rows)) < share[Z[rows], columns]
    return on_data.draw(rng, Z, K, latent)


WRONG = {
    "gaussian": _never_filled,
    "gaussian_diag": _other_prior(b=lambda b: 2.0 * b),  # b for 2 b: one of two conventions
    "gaussian_known_variance": _other_prior(v=np.sqrt),  # a standard deviation for a variance
    "student_t": _never_filled,
    "poisson": _other_prior(b=lambda b: 1.0 / b),  # a scale for a rate
    "negative_binomial": _other_prior(x0=lambda x: -x),  # a dispersion for a size
    "categorical": _other_prior(counts=lambda c: 1.0 + c),  # one row of each too many
    "von_mises": _mean_resultant,
    "zero_inflated_poisson": _zeros_at_even_odds,
    "zero_inflated_negative_binomial": _zeros_at_even_odds,
    "by_column": _one_part_with_a_scale_for_a_rate,
}


@pytest.mark.parametrize("name", EMISSIONS)
def test_updates_leave_the_joint_law_alone(name):
    assert np.abs(z_scores(name, _right, 5000)).max() < 4.0


@pytest.mark.parametrize("name", EMISSIONS)
def test_a_wrong_update_is_caught(name):
    assert np.abs(z_scores(name, WRONG[name], 2000)).max() > 4.0


@pytest.mark.parametrize("emission", ["gaussian", "student_t"])
def test_a_prior_worth_one_row_too_many_is_caught(emission):
    step = _other_prior(df=lambda df: df + 1.0)
    assert np.abs(z_scores(emission, step, 5000)).max() > 4.0


def _as_if_poisson(rng, on_data, params):
    """Means drawn as the rates of Poisson counts, whatever the sizes."""
    new = on_data.draw(rng, Z, K, None)
    a, c = on_data.prior.a, on_data.prior.c
    rows = [on_data.data.y[k == Z] for k in range(K)]
    n = np.array([(~np.isnan(r)).sum(axis=0) for r in rows])
    rate = rng.standard_gamma(a + np.array([np.nansum(r, axis=0) for r in rows])) / (c + n)
    v = np.concatenate([np.log(rate).ravel(), new.log_size.ravel()])
    return on_data.from_coordinates(v, new)


def test_means_of_negative_binomial_states_drawn_without_their_sizes_are_caught():
    assert np.abs(z_scores("negative_binomial", _as_if_poisson, 5000)).max() > 4.0


@pytest.mark.parametrize(
    ("emission", "held"), [("student_t", "df"), ("gaussian_known_variance", "precision")]
)
def test_a_parameter_that_is_given_must_not_move(emission, held):
    """It has no standard error, so that no distance could show it."""

    def step(rng, on_data, params):
        new = _right(rng, on_data, params)
        return new._replace(**{held: getattr(new, held) * (1.0 + 1e-6)})

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        z_scores(emission, step, 200)
