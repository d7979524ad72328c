"""Seeds, restarts and the choice of the order."""

import numpy as np
import pandas as pd
import pytest
from helpers import random_params, simulate, with_gaps

from tsinit import LinearGaussianSSM
from tsinit.init import Uniform
from tsinit.models import Monitor

RNG = np.random.default_rng(2)
PARAMS = random_params(RNG, 3, 4)
Y = with_gaps(RNG, simulate(PARAMS, 200, RNG)[1], 0.1)


def fit(X=Y, **changes):
    return (
        LinearGaussianSSM(3, init="uniform", max_iter=12, random_state=0)
        .set_params(**changes)
        .fit(X)
    )


def assert_same(a, b):
    np.testing.assert_array_equal(a.history_, b.history_)
    for one, other in zip((*a.start_, *a.params_), (*b.start_, *b.params_), strict=True):
        np.testing.assert_array_equal(one, other)


# -- seeds


@pytest.mark.parametrize(
    "seed",
    [
        0,
        np.int64(7),
        2**100,
        np.random.SeedSequence(3),
        np.random.SeedSequence(3, spawn_key=(1, 2)),
    ],
)
def test_the_same_seed_gives_the_same_result_again(seed):
    assert_same(fit(random_state=seed), fit(random_state=seed))


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_gives_the_same_sequence_of_results_and_moves_on(make):
    one, two = make(4), make(4)
    first, second = fit(random_state=one), fit(random_state=one)
    assert_same(first, fit(random_state=two))
    assert_same(second, fit(random_state=two))
    assert not np.array_equal(first.start_.A, second.start_.A)


def test_other_seeds_give_other_starts():
    starts = {fit(random_state=seed, max_iter=0).start_.A.tobytes() for seed in (0, 1, 2, 3)}
    assert len(starts) == 4
    unseeded = [fit(random_state=None, max_iter=0).start_.A for _ in range(2)]
    assert not np.array_equal(*unseeded)


def test_a_seed_sequence_is_used_and_not_counted_up():
    seed = np.random.SeedSequence(5)
    fit(random_state=seed)
    assert seed.n_children_spawned == 0
    assert_same(fit(random_state=5), fit(random_state=seed))


def test_the_start_comes_from_the_child_that_is_promised():
    asked = []

    def remember(y, rng):
        asked.append(rng.integers(2**60))
        return PARAMS

    seed = np.random.SeedSequence(5, spawn_key=(8,))
    fit(init=remember, random_state=seed)
    child = np.random.SeedSequence(5, spawn_key=(8, 0))
    assert asked == [np.random.default_rng(child).integers(2**60)]


# -- restarts


def test_more_restarts_never_end_lower():
    ends = [fit(n_init=n).log_likelihood_ for n in (1, 2, 3, 6)]
    assert ends == sorted(ends)
    assert ends[-1] > ends[0]


def test_the_kept_run_is_one_of_those_made_and_its_trace_is_its_own():
    best = fit(n_init=4)
    again = fit(init=best.start_, n_init=1)
    np.testing.assert_allclose(again.history_, best.history_, rtol=1e-12)
    assert best.history_[-1] == best.log_likelihood_
    assert len(best.history_) == best.n_iter_ + 1


def test_a_strategy_without_chance_costs_one_run():
    asked = []

    def same(y):
        asked.append(1)
        return PARAMS

    iterations = []
    monitor = Monitor(callback=lambda iteration, objective: iterations.append(iteration))
    LinearGaussianSSM(3, init=same, n_init=5, max_iter=7, tol=0.0).fit_under(monitor, Y)
    assert len(asked) == 5
    assert iterations == list(range(8))
    assert_same(fit(init="subspace", n_init=5), fit(init="subspace"))


def test_restarts_that_cannot_be_used_are_passed_over():
    explosive = PARAMS._replace(A=1.5 * np.eye(3))
    turns = iter((explosive, PARAMS, explosive))
    fitted = fit(init=lambda y: next(turns), n_init=3, initial_state="stationary")
    np.testing.assert_array_equal(fitted.start_.A, PARAMS.A)
    with pytest.raises(
        ValueError, match="init must give a model of finite likelihood on these data; got one where"
    ):
        fit(init=lambda y: explosive, n_init=3, initial_state="stationary")


# -- orders


def test_of_several_orders_the_least_bic_is_kept_and_the_table_shows_why():
    fitted = fit(init="subspace", n_states=[1, 2, 3, 4], max_iter=60)
    table = fitted.order_table_
    assert table.index.tolist() == [1, 2, 3, 4]
    assert table.index.name == "n_states"
    assert table.columns.tolist() == [
        "log_likelihood",
        "n_parameters",
        "aic",
        "bic",
        "n_iter",
        "converged",
        "chosen",
    ]
    assert table["chosen"].sum() == 1
    assert fitted.n_states_ == table["bic"].idxmin() == table.index[table["chosen"]][0]
    alone = {n: fit(init="subspace", n_states=n, max_iter=60) for n in (1, 2, 3, 4)}
    for n, one in alone.items():
        assert table.loc[n, "log_likelihood"] == one.log_likelihood_
        assert table.loc[n, "aic"] == one.aic()
        assert table.loc[n, "bic"] == one.bic()
        assert table.loc[n, "n_iter"] == one.n_iter_
        assert not hasattr(one, "order_table_")
    assert_same(fitted, alone[fitted.n_states_])
    assert fitted.transform(Y).shape == (200, fitted.n_states_)
    assert fitted.bic() == table["bic"].min()


def test_the_true_order_is_found_on_long_data():
    rng = np.random.default_rng(6)
    y = simulate(random_params(rng, 2, 4), 1500, rng)[1]
    assert LinearGaussianSSM(range(1, 5), random_state=0).fit(y).n_states_ == 2


def test_orders_may_come_in_any_order_and_twice():
    fitted = fit(init="subspace", n_states=np.array([2, 1, 2]))
    assert fitted.order_table_.index.tolist() == [2, 1]
    assert isinstance(fitted.order_table_, pd.DataFrame)
    assert fit(init="subspace", n_states=(2,)).order_table_["chosen"].all()
    refitted = fitted.set_params(n_states=2).fit(Y)
    assert not hasattr(refitted, "order_table_")


@pytest.mark.parametrize(
    ("structures", "learned", "expected"),
    [
        (("full", "diag"), False, 4 + 6 + 3 - 4 + 3 + 3),
        (("full", "full"), False, 4 + 6 + 3 - 4 + 6 + 3),
        # One less where Q is restricted: of the six numbers of P C', three belong to a symmetric P.
        (("diag", "diag"), False, 6 + 3 + 3 + 3),
        (("spherical", "spherical"), False, 4 + 6 + 1 - 2 + 1 + 3),
        (("fixed", "fixed"), False, 6 + 3 + 0 + 3),
        (("full", "diag"), True, 4 + 6 + 3 - 4 + 3 + 3 + 2 + 3),
    ],
)
def test_parameters_are_counted_without_those_that_cannot_be_seen(structures, learned, expected):
    changes = {"transition_cov": structures[0], "observation_cov": structures[1]}
    if learned:
        changes["initial_state"] = "learned"
    fitted = fit(Y[:, :3], n_states=[2], init="subspace", **changes)
    assert fitted.order_table_.loc[2, "n_parameters"] == expected


def test_a_rich_model_counts_no_more_than_its_innovations_form():
    fitted = fit(Y[:, :1], n_states=[5], init=Uniform(), max_iter=2)
    assert fitted.order_table_.loc[5, "n_parameters"] == 2 * 5 * 1 + 1 + 1
