"""What is averaged over draws keeps its meaning: directions on a circle, probabilities of states that never meet."""

import numpy as np
import pytest

from tsinit import InfiniteHMM
from tsinit.emissions import VonMises

HALF, TURN = {"radians": np.pi, "degrees": 180.0}, {"radians": 2 * np.pi, "degrees": 360.0}


def circular_mean(angle):
    return np.arctan2(np.sin(angle).mean(axis=0), np.cos(angle).mean(axis=0))


def gap(a, b, turn):
    """Distance of two angles on a circle."""
    return np.abs((a - b + turn / 2) % turn - turn / 2)


@pytest.mark.parametrize("unit", ["radians", "degrees"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("at", [0.0, 0.25, 0.5])
def test_the_direction_of_a_state_does_not_depend_on_where_the_circle_is_cut(unit, signed, at):
    rng, truth = np.random.default_rng(0), np.tile(np.repeat([0, 1], 30), 4)
    radians = rng.vonmises(2 * np.pi * at + np.pi * truth, 20.0)[:, None]
    y = radians * HALF[unit] / np.pi
    y = (y + HALF[unit]) % TURN[unit] - HALF[unit] if signed else y % TURN[unit]
    model = InfiniteHMM(
        init=truth, emission=VonMises(unit=unit), n_tune=20, n_draws=50, n_chains=2, random_state=0
    ).fit(y)
    assert model.n_states_ == 2
    for k in range(2):
        rows = circular_mean(radians[model.labels_ == k]) * HALF[unit] / np.pi
        assert gap(model.means_[k], rows, TURN[unit]) < TURN[unit] / 100
    assert (model.means_ >= (-HALF[unit] if signed else 0.0)).all()
    assert (model.means_ <= (HALF[unit] if signed else TURN[unit])).all()


def test_the_average_of_draws_turns_with_them(rng):
    directions = rng.vonmises(3.0, 4.0, (40, 3, 2))
    directions[rng.random(directions.shape[:2]) < 0.3] = np.nan
    on_data = VonMises("radians").bind(rng.vonmises(0.0, 1.0, (30, 2)))
    plain = on_data.average_means(directions)
    for by in rng.uniform(-np.pi, np.pi, 5):
        assert gap(on_data.average_means(directions + by), plain + by, 2 * np.pi).max() < 1e-12


def test_transition_probabilities_are_defined_where_no_draw_has_both_states():
    n_never = 0
    for seed in range(6):
        y = np.abs(np.random.default_rng(seed).standard_normal((60, 1)))
        model = InfiniteHMM(
            init="kmeans", n_init_states=60, n_tune=0, n_draws=10, n_chains=2, random_state=seed
        ).fit(y)
        states, rows = model.to_datatree()["posterior_by_state"], model.transition_matrix_
        never = np.isnan(states["transitions"].to_numpy()).all(axis=(0, 1))
        assert (rows[never] == 0.0).all()
        assert np.allclose(rows.sum(axis=1), 1.0)
        assert np.isfinite(model.predict_proba(y)).all()
        n_never += never.sum()
    assert n_never > 0


def test_a_draw_whose_row_leads_to_new_states_alone_says_nothing_of_the_others():
    y = np.repeat([0.0, 5.0], 20)[:, None]
    y += np.random.default_rng(0).standard_normal(y.shape)
    model = InfiniteHMM(n_tune=5, n_draws=3, n_chains=1, random_state=0).fit(y)
    pi = model.draws_.record(0).pi
    pi[:] = 0.0
    pi[:, -1] = 1.0
    assert np.isfinite(model.score(y))
    assert np.isfinite(model.predict_proba(y)).all()
