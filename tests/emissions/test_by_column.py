"""Emissions by column: every part is what it is alone, names find columns, and what is wrong is one sentence."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tsinit.emissions import ByColumn, Gaussian, Poisson, VonMises, resolve
from tsinit.kernels.density import all_log_densities
from tsinit.models.hidden_markov.chain import BeamChain

OFFSETS = np.array([0, 30, 30, 80])
T = OFFSETS[-1]
Z = np.arange(T) // 10 % 2


def table(rng):
    """A direction, a count between two levels that vary together, and a series with a memory."""
    level = np.array([[0.0, 0.0], [3.0, -2.0]])[Z] + rng.standard_normal((T, 1))
    level = level + rng.standard_normal((T, 2))
    y = pd.DataFrame(
        {
            "u": level[:, 0],
            "wind": rng.vonmises(np.array([0.0, 2.0])[Z], 4.0),
            "v": level[:, 1],
            "rain": rng.poisson(np.array([1.0, 6.0])[Z]).astype(float),
            "tide": np.convolve(rng.standard_normal(T + 3), [0.5, 0.6, 0.7, 0.8], "valid"),
        }
    )
    y.iloc[[3, 4, 50], [0, 1, 3]] = np.nan
    y.iloc[7, [0, 1, 2, 3]] = np.nan
    return y


KINDS = {("v", "u"): "gaussian", "wind": "von_mises", "rain": "poisson", "tide": "autoregressive"}
PLACES = [[2, 0], [1], [3], [4]]


@pytest.fixture
def on_data(rng):
    y = table(rng)
    return ByColumn(KINDS, list(y.columns)).bind(y.to_numpy(), OFFSETS), y


def alone(y):
    """Each emission on its own columns."""
    return [
        resolve(kind).bind(y.to_numpy()[:, at], OFFSETS)
        for kind, at in zip(KINDS.values(), PLACES, strict=True)
    ]


def test_a_row_has_the_sum_of_the_log_densities_of_its_parts(on_data, rng):
    both, y = on_data
    params = both.draw(rng, Z, 2, both.latent(rng))
    expected = sum(part.log_densities(p, 2) for part, p in zip(alone(y), params.parts, strict=True))
    np.testing.assert_allclose(both.log_densities(params, 2), expected, rtol=1e-12, atol=1e-12)
    asked = both.density_arguments(params, both.latent(rng))
    np.testing.assert_allclose(all_log_densities(*asked, 2), expected, rtol=1e-12, atol=1e-12)


def test_draws_evidence_and_m_step_are_those_of_the_parts(on_data, rng):
    both, y = on_data
    parts = alone(y)
    latent = both.latent(np.random.default_rng(1))
    params = both.draw(np.random.default_rng(2), Z, 2, latent)
    again = np.random.default_rng(1)
    apart = [part.latent(again) for part in parts]
    again = np.random.default_rng(2)
    drawn = [p.draw(again, Z, 2, filled) for p, filled in zip(parts, apart, strict=True)]
    for found, expected in zip(params.parts, drawn, strict=True):
        assert type(found) is type(expected)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert both.log_evidence(Z, 2, params, latent) == pytest.approx(
        sum(
            part.log_evidence(Z, 2, p, filled)
            for part, p, filled in zip(parts, drawn, apart, strict=True)
        ),
        rel=1e-12,
    )
    assert both.log_jacobian == pytest.approx(sum(part.log_jacobian for part in parts))
    assert not both.collapsed  # one of the Gaussian rows is seen in part
    share = rng.dirichlet([1.0, 1.0], T)
    new = both.maximise(share, params)
    for part, p, found in zip(parts, drawn, new.parts, strict=True):
        for a, b in zip(part.maximise(share, p), found, strict=True):
            np.testing.assert_array_equal(a, b)
    assert both.n_parameters == sum(part.n_parameters for part in parts) == 5 + 2 + 1 + 3


def test_one_part_of_all_columns_is_the_emission_itself(rng):
    """The same labels in the sampler, draw for draw: what differs is only where densities are computed."""
    y = np.array([[0.0, 0.0], [2.0, -2.0]])[Z] + rng.standard_normal((T, 2))
    y[[3, 9], [0, 1]] = np.nan
    start = rng.integers(0, 3, T)
    chains = [
        BeamChain(resolve(kind).bind(y, OFFSETS), OFFSETS, start, np.random.default_rng(3))
        for kind in ("gaussian", {(0, 1): "gaussian"})
    ]
    for _ in range(40):
        for chain in chains:
            chain.sweep()
        np.testing.assert_array_equal(chains[0].z, chains[1].z)
    assert chains[0].log_joint == pytest.approx(chains[1].log_joint, rel=1e-12)


def test_means_and_covariances_are_in_the_order_of_the_columns(on_data, rng):
    both, y = on_data
    params = both.maximise(np.eye(2)[Z])
    means, covariances = both.means(params), both.covariances(params)
    u = [np.nanmean(y["u"][k == Z]) for k in (0, 1)]
    np.testing.assert_allclose(means[:, 0], u, atol=0.3)
    np.testing.assert_allclose(means[:, 3], [1.0, 6.0], atol=1.0)
    assert (covariances[:, 0, 2] > 0.3).all()
    others = np.ones((5, 5), dtype=bool)
    for at in PLACES:
        others[np.ix_(at, at)] = False
    assert (covariances[:, others] == 0.0).all()
    described = both.describe(params)
    np.testing.assert_allclose(described["mean[v, u]"], means[:, [2, 0]])
    np.testing.assert_allclose(described["rate[rain]"], means[:, [3]])
    assert {"direction[wind]", "concentration[wind]", "coefficients[tide]"} <= set(described)


def test_moments_of_mixtures_are_those_of_simulated_rows(rng):
    y = table(rng)[["u", "wind", "v", "rain"]]
    kinds = {key: kind for key, kind in KINDS.items() if key != "tide"}
    both = ByColumn(kinds, list(y.columns)).bind(y.to_numpy(), OFFSETS)
    params = both.maximise(np.eye(2)[Z])
    n = 200_000
    rows = both.simulate(rng, params, rng.choice(2, size=n, p=[0.3, 0.7]))
    means, covariances = both.mixture_moments(params, np.array([[0.3, 0.7]]))
    known = [0, 2, 3]
    error = 5.0 * rows.std(axis=0) / np.sqrt(n)
    assert (np.abs(rows.mean(axis=0) - means[0])[known] < error[known]).all()
    found = np.cov(rows[:, known].T)
    np.testing.assert_allclose(covariances[0][np.ix_(known, known)], found, atol=0.05)
    turned = np.exp(1j * rows[:, 1]).mean()
    assert means[0, 1] == pytest.approx(np.angle(turned), abs=0.02)
    assert covariances[0, 1, 1] == pytest.approx(2.0 * (1.0 - np.abs(turned)), abs=0.02)
    assert np.isnan(covariances[0, 1, known]).all()


def test_an_autoregression_beside_others_goes_on_from_its_own_past(on_data, rng):
    both, y = on_data
    assert both.order == 1
    assert both.plain_columns.tolist() == [True, False, True, True, False]
    params = both.maximise(np.eye(2)[Z])
    past, P, now = y.to_numpy(), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([1.0, 0.0])
    ahead = np.array([now @ P, now @ P @ P])
    means, _ = both.moments_after(params, now, P, ahead, past)
    z = np.zeros((50_000, 2), np.int64)
    for step, before in ((0, np.zeros(len(z), np.int64)), (1, z[:, 0])):
        z[:, step] = rng.random(len(z)) < P[before, 1]
    paths = both.simulate_after(rng, params, z, past)
    error = 5.0 * paths.std(axis=0) / np.sqrt(len(z))
    assert (np.abs(paths.mean(axis=0) - means) < error)[:, both.plain_columns].all()
    assert (np.abs(paths.mean(axis=0) - means) < error)[:, 4].all()


def test_directions_of_several_draws_are_averaged_on_the_circle(rng):
    y = np.column_stack([rng.vonmises(3.0, 4.0, 20), rng.standard_normal(20)])
    on_data = ByColumn({1: "gaussian", 0: "von_mises"}).bind(y)
    means = np.array([[[3.1, 1.0]], [[-3.1, 2.0]]])
    average = on_data.average_means(means)
    assert np.abs(average[0, 0]) == pytest.approx(np.pi)
    assert average[0, 1] == 1.5
    near = on_data.near(np.array([[3.0, 5.0]]), np.array([[-3.0, 0.0]]))
    np.testing.assert_allclose(near, [[3.0 - 2 * np.pi, 5.0]])


def test_parameters_can_be_sent_and_cut(on_data, rng):
    both, _ = on_data
    params = both.prior_params(rng, 3)
    for copy in (pickle.loads(pickle.dumps(params)), params._make(a[[0, 1, 2]] for a in params)):
        assert [type(part) for part in copy.parts] == [type(part) for part in params.parts]
        for a, b in zip(copy, params, strict=True):
            np.testing.assert_array_equal(a, b)
    new = pickle.loads(pickle.dumps(both))
    np.testing.assert_array_equal(new.means(params), both.means(params))


def test_an_estimators_parameters_survive_cloning():
    emission = ByColumn({"a": Poisson(3.0), ("b", "c"): "gaussian"}, ["a", "b", "c"])
    again = clone(emission)
    assert list(again.emissions) == ["a", ("b", "c")]
    assert again.emissions["a"].prior_mean == 3.0
    assert again.columns == ["a", "b", "c"]


def test_a_tuple_may_be_the_name_of_a_column(rng):
    columns = [("a", 1), ("a", 2)]
    y = rng.poisson(3.0, (9, 2)).astype(float)
    on_data = resolve({("a", 2): "poisson", ("a", 1): "gaussian"}, columns).bind(y)
    assert [at.tolist() for at in on_data.places] == [[1], [0]]


@pytest.mark.parametrize(
    ("emissions", "error", "sentence"),
    [
        ({"wind": "von_mises"}, ValueError, "every column; got none for 'rain', 'u'"),
        ({"wynd": "von_mises"}, ValueError, r"got 'wynd'\. Did you mean 'wind'\?"),
        ({0: "von_mises"}, ValueError, r"columns of the data, \['wind', 'rain', 'u'\]; got 0\."),
        ({("wind", "u"): "gaussian", "u": "poisson"}, ValueError, "once; got 'u' twice"),
        ({(): "gaussian"}, ValueError, r"columns in every key; got \(\)"),
        ({}, TypeError, r"must be a dict from names of columns to emissions; got \{\}"),
        ({"wind": {"u": "gaussian"}}, TypeError, r"emission\['wind'\] must be a name or"),
        ({"wind": "vonmises", "rain": "poisson"}, ValueError, "Did you mean 'von_mises'"),
        ({"wind": VonMises, "rain": "poisson"}, TypeError, "an object, not its class"),
        (
            {"wind": "poisson", "rain": "poisson", "u": "gaussian"},
            ValueError,
            "That is about column wind",
        ),
    ],
)
def test_what_is_wrong_is_told(rng, emissions, error, sentence):
    y = np.column_stack([rng.vonmises(0, 1, 9), rng.poisson(1.0, 9), rng.standard_normal(9)])
    with pytest.raises(error, match=sentence):
        resolve(emissions, ["wind", "rain", "u"]).bind(y)


def test_columns_of_one_name_are_refused(rng):
    with pytest.raises(ValueError, match=r"columns must have different names.*got 'a' twice"):
        resolve({"a": "gaussian"}, ["a", "a"]).bind(rng.standard_normal((9, 2)))


def test_other_rows_are_checked_too(rng):
    on_data = ByColumn({0: Gaussian(), 1: "poisson"}).bind(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"counts.*That is about column 1"):
        on_data.with_data(np.full((3, 2), 0.5))
