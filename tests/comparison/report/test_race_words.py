"""The words of a race name the winner and where the others were left."""

import numpy as np
import pytest

from tsinit import InfiniteHMM, LinearGaussianSSM

Y = np.random.default_rng(0).standard_normal((80, 2)).cumsum(axis=0)


def _never(y, rng, n_states):
    raise ValueError("no start for these data")


def test_a_state_space_race_names_its_winner_the_others_and_the_failed():
    from tsinit.init import Race

    model = LinearGaussianSSM(
        init=Race(["kmeans", "uniform", _never]), max_iter=20, random_state=0
    ).fit(Y)
    runs, text = model.init_race_.runs, model.init_race_.verdict()
    best = runs.loc[runs["objective_final"].idxmax()]
    assert text.startswith(f"data: {best['strategy']} won the race in {int(best['rounds'])} round")
    assert f"after {model.n_iter_} iterations" in text
    (other,) = runs[(runs["status"] != "error") & (runs.index != best.name)].itertuples()
    assert f"Left on the way: {other.strategy} after {other.n_iter} iterations." in text
    assert "_never failed: see errors." in text


@pytest.mark.parametrize("n_chains", [1, 2])
def test_a_race_of_chains_names_where_they_came_from(n_chains):
    model = InfiniteHMM(init="auto", n_tune=16, n_draws=8, n_chains=n_chains, random_state=0).fit(Y)
    race = model.init_race_
    gone_on = race.runs[race.runs["n_iter"] == 24]
    assert len(gone_on) == n_chains
    first = race.verdict().split(": the best of")[0]
    assert all(name in first for name in gone_on["strategy"])
