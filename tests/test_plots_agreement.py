"""The plot of agreement: shades and numbers are the matrix, best end first, with a frame around those as good."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt

from tsinit import HiddenMarkovModel, plots
from tsinit.models.hidden_markov.finite_results import RestartEnds

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")

ALIKE = np.array([[1.0, 0.25, 0.5], [0.25, 1.0, -0.04], [0.5, -0.04, 1.0]])


def chains(matrix, n_chains, stopped=()):
    return SimpleNamespace(
        convergence_=SimpleNamespace(agreement=matrix),
        draws_=SimpleNamespace(labels=np.zeros((n_chains, 2, 4), dtype=int)),
        stopped_=dict.fromkeys(stopped, "why"),
    )


def restarts(objectives, matrix=ALIKE):
    return SimpleNamespace(restarts_=RestartEnds(np.asarray(objectives), matrix))


def numbers(ax):
    return [text.get_text() for text in ax.texts]


def test_a_cell_for_every_two_chains():
    _, given = plt.subplots()
    ax = plots.agreement(chains(ALIKE, 3, stopped=[1]), ax=given)
    assert ax is given
    np.testing.assert_array_equal(ax.images[0].get_array(), ALIKE)
    assert numbers(ax) == ["1", ".25", ".50", ".25", "1", "-.04", ".50", "-.04", "1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "2", "3"]
    assert ax.get_xlabel() == ax.get_ylabel() == "chain"
    assert not ax.patches


def test_a_single_chain_is_shown_by_its_halves():
    ax = plots.agreement(chains(np.array([[np.nan, 0.5], [0.5, np.nan]]), 1))
    assert ax.get_ylabel() == "half of the chain"
    assert numbers(ax) == ["", ".50", ".50", ""]
    ax.figure.canvas.draw()


def test_ends_come_best_first_with_a_frame_around_those_as_good():
    ax = plots.agreement(restarts([-12.5, -20.0, -12.1]))
    np.testing.assert_array_equal(ax.images[0].get_array(), ALIKE[np.ix_([2, 0, 1], [2, 0, 1])])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["best", "-0.4", "-7.9"]
    (frame,) = ax.patches
    assert frame.get_bbox().extents.tolist() == [-0.5, -0.5, 1.5, 1.5]  # the first two
    assert ax.get_legend().get_texts()[0].get_text() == "within half a nat of the best"


def test_many_ends_have_no_numbers_and_few_names():
    ax = plots.agreement(restarts(-np.arange(30.0), np.eye(30)))
    assert numbers(ax) == []
    assert 5 < len(ax.get_yticks()) <= 12


def test_of_a_fit_it_shows_what_the_fit_found(rng):
    y = rng.standard_normal((80, 2))
    model = HiddenMarkovModel(3, init="uniform", n_init=4, tol=1e-3, random_state=0).fit(y)
    ax = plots.agreement(model)
    order = np.argsort(-model.restarts_.objectives)
    np.testing.assert_array_equal(
        ax.images[0].get_array(), model.restarts_.agreement[np.ix_(order, order)]
    )


def test_one_end_agrees_with_none(rng):
    y = rng.standard_normal((60, 1))
    for init, found in (("kmeans", "got 1"), ("auto", "got one from a race")):
        model = HiddenMarkovModel(2, init=init, tol=1e-3, random_state=0).fit(y)
        with pytest.raises(ValueError, match=f"ends of at least two different starts; {found}"):
            plots.agreement(model)
    assert plt.get_fignums() == []
