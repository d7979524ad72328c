"""Noise and states moved together leave the posterior as it is, and free the noise of columns followed closely."""

import numpy as np
import pytest
from helpers import largest_score
from models.state_draws.problems import parameters, table_of
from reference.state_draws import draw_prior, draw_table

from tsinit.models.state_draws.interweaving import closely_followed, draw_noise
from tsinit.models.state_draws.parameters import StatePrior

T, D, N = 8, 3, 2
OFFSETS = np.array([0, 5, 8])
COVARIATES = np.array([1.0, -1.0, 0.5, 0.0, 2.0, -0.5, 1.0, 0.3])[:, None]
PRIOR = StatePrior(dof=12.0, level=0.5, first=12.0)
MASK = np.zeros((T, D), dtype=bool)
MASK[[0, 3, 4, 4], [0, 1, 0, 1]] = MASK[6] = True


def known(p, states, y):
    """Bounded functions of what the move changes, and of how it fits to the rest."""
    left = y - states @ p.C.T - np.column_stack([COVARIATES, np.ones(T)]) @ p.G.T
    steps = states[[1, 2, 4, 6]] - states[[0, 1, 3, 5]] @ p.A.T
    return np.tanh(
        np.concatenate(
            [
                0.5 * np.log(p.r), 0.5 * np.log((left**2).mean(axis=0) / p.r),
                0.5 * np.log(np.einsum("ti,ti->t", steps, steps @ np.linalg.inv(p.Q))),
                states[[0, 3, 5]].ravel(), (left[[1, 2]] / np.sqrt(p.r)).ravel(),
                left[:, 0] * left[:, 1], (left**2 * states[:, :1]).sum(axis=0),
            ]
        )
    )  # fmt: skip


def change(rng, n, move):
    """z-scores of the mean change of all functions, where truths are drawn from the prior and moved."""
    changes = []
    for _ in range(n):
        p = draw_prior(rng, N, D, 2, PRIOR)
        states, y = draw_table(rng, p, OFFSETS, COVARIATES)
        table = table_of(np.where(MASK, np.nan, y), OFFSETS, COVARIATES)
        before = known(p, states, y)
        moved = states, p
        for _ in range(10):
            moved = move(rng, moved[0], table, moved[1])
        states, p = moved
        # Cells that the move does not condition on are drawn given what it left.
        terms = np.column_stack([COVARIATES, np.ones(T)])
        fresh = states @ p.C.T + terms @ p.G.T + rng.standard_normal(y.shape) * np.sqrt(p.r)
        changes.append(known(p, states, np.where(MASK, fresh, y)) - before)
    changes = np.array(changes)
    error = np.maximum(changes.std(axis=0), 1e-12) / np.sqrt(n)  # some twins leave some alone
    return changes.mean(axis=0) / error, changes


def right(rng, states, table, p):
    return draw_noise(rng, states, table, p, PRIOR, range(D))


def states_stay(rng, states, table, p):
    """A deliberately wrong update: the noise is scaled, and the states do not give way."""
    return states, right(rng, states, table, p)[1]


def other_dynamics(rng, states, table, p):
    """A deliberately wrong update: as if the noise of the states were nine times as large."""
    moved, new = draw_noise(rng, states, table, p._replace(Q=9.0 * p.Q), PRIOR, range(D))
    return moved, p._replace(r=new.r)


def test_the_move_leaves_the_joint_distribution_as_it_is():
    z, changes = change(np.random.default_rng(0), 800, right)
    assert np.abs(changes[:, :D]).mean() > 0.05  # noise did move
    assert np.abs(z).max() < largest_score(z.size, 1e-3)


@pytest.mark.parametrize("wrong", [states_stay, other_dynamics])
def test_wrong_updates_are_found(wrong):
    z, _ = change(np.random.default_rng(0), 400, wrong)
    assert np.abs(z).max() > largest_score(z.size, 1e-4)


def test_residuals_are_scaled_as_their_noise_and_other_steps_stay(rng):
    p = parameters(rng, N, D, 1)
    states, y = draw_table(rng, p, OFFSETS, COVARIATES)
    table = table_of(np.where(MASK, np.nan, y), OFFSETS, COVARIATES)
    moved, new = draw_noise(rng, states, table, p, PRIOR, [1])
    c = np.sqrt(new.r[1] / p.r[1])
    assert c != 1.0
    terms = table.covariates
    before, after = ((table.y - x @ p.C.T - terms @ p.G.T)[~MASK[:, 1], 1] for x in (states, moved))
    np.testing.assert_allclose(np.abs(after), c * np.abs(before), rtol=1e-9)
    assert np.array_equal(moved[MASK[:, 1]], states[MASK[:, 1]])
    assert np.array_equal(new.r[[0, 2]], p.r[[0, 2]])


def test_columns_count_as_followed_where_their_noise_is_small(rng):
    p = parameters(rng, N, D)
    y = draw_table(rng, p, OFFSETS, np.zeros((T, 0)))[1]
    r = np.array([1e-6, 1e3, 1e3])
    assert closely_followed(table_of(y, OFFSETS), p._replace(r=r)).tolist() == [0]
    nothing = p._replace(C=np.zeros_like(p.C), r=np.full(D, 1e-6))
    assert closely_followed(table_of(y, OFFSETS), nothing).size == 0
    states, same = draw_noise(rng, np.zeros((T, N)), table_of(y, OFFSETS), nothing, PRIOR, range(D))
    assert np.array_equal(same.r, nothing.r)
    assert not states.any()
