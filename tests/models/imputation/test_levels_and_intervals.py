"""Levels of sequences beside cells that are seen through intervals, and beside classes: the joint distribution is kept.

As in the tests of each (Geweke, JASA 99, 2004): two chains share one column or one column of classes, of which the one
sees the cells that are missing to the other. What is seen is an interval of a value, level and deviation together.
"""

import numpy as np
import pandas as pd
import pytest
from models.imputation import test_censored_geweke as censored
from models.imputation import test_class_geweke as classes
from models.imputation import test_tbayes_geweke as equations
from models.imputation.test_sequence_levels import panel

from tsinit import TBayesMICE
from tsinit.models.imputation.sequence_levels import SPREAD, SequenceLevels
from tsinit.result import ess


def share_levels(first, other):
    own, theirs = other._cells.levels, first._cells.levels
    own.levels[:], own.precision = theirs.levels, theirs.precision
    own._spread_out()


def of_levels(chain):
    """Log variance, a scaled level, the mean square of all, and how they go with the noise of their sequences."""
    levels, K = chain._cells.levels.levels[:, 0], chain._level_precision[0, 0]
    scaled, rows, W = levels * np.sqrt(K), chain.equations.place, chain.table.W
    k, fits = chain.equations.gaps.regression[rows], chain._fits
    window = np.column_stack([W[rows - 1], W[rows], W[rows + 1], chain.table.F[rows]])
    noise = (W[rows, 0] - np.sum(fits.theta[k, 0] * window, axis=1)) / np.sqrt(fits.tau2[k, 0])
    together = scaled * noise.reshape(equations.N, equations.LENGTH).sum(axis=1)
    return [-np.log(K), scaled[3], np.mean(scaled**2), np.mean(together)]


LEVEL_MEANS = [2.0 * np.log(SPREAD), 0.0, 1.0, 0.0]
LEVEL_VARIANCES = [np.pi**2, 1.0, 2.0 / equations.N, equations.LENGTH / equations.N]


def through_intervals(kind, n):
    rng = np.random.default_rng(5)
    mask = rng.random((equations.N * equations.LENGTH, 1)) < 0.5
    start = rng.standard_normal(mask.shape)
    base = equations.problem(mask)._replace(sequence_effects=True)
    first, other = (
        kind(censored.seen_in_intervals(base, m), start, rng, "gibbs", n_tune=0)
        for m in (mask, ~mask)
    )
    out = []
    for _ in range(n):
        censored.look(first, first.z)
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        share_levels(first, other)
        other.table.W[:] = first.table.W
        censored.look(other, other.z)
        other._redraw()
        first.table.W[:] = other.table.W
        k = first.equations.gaps.regression[first.equations.place[1]]
        out.append([np.log(first._fits.tau2[k, 0]), *of_levels(first)])
    return np.array(out)


def scores_of(x, means, variances):
    sizes = np.array([ess(column[None]) for column in x.T])
    return (x.mean(axis=0) - means) / np.sqrt(np.array(variances) / sizes)


def interval_scores(x):
    means = [2.0 * np.log(equations.NOISE_SPREAD), *LEVEL_MEANS]
    return scores_of(x, means, [np.pi**2, *LEVEL_VARIANCES])


class ForgetfulChain(equations.PriorChain):
    """A chain that is deliberately wrong: intervals of values are taken for intervals of deviations."""

    def _redraw(self):
        levels, self._cells.levels = self._cells.levels, None
        self._cells.redraw_censored(self._fits)
        self._cells.levels = levels
        self._cells.redraw_columns(self._fits)


def test_levels_beside_intervals_keep_their_prior():
    assert np.abs(interval_scores(through_intervals(equations.PriorChain, 4000))).max() < 5


def test_intervals_that_forget_the_levels_are_found():
    assert np.abs(interval_scores(through_intervals(ForgetfulChain, 4000))).max() > 8


def of_classes(kind, n):
    rng = np.random.default_rng(7)
    seen = rng.random(equations.N * equations.LENGTH) < 0.6
    start = rng.standard_normal((len(seen), classes.LATENT[kind]))
    first, other = (
        equations.PriorChain(
            classes.problem(kind, s)._replace(sequence_effects=True), start, rng, "gibbs", n_tune=0
        )
        for s in (seen, ~seen)
    )
    design, regression = first.equations.design, first.equations.gaps.regression
    k = int(np.unique(regression[regression >= 0])[0])
    places = design.index[k, 0, : design.size[k, 0]]
    out = []
    for _ in range(n):
        classes.look(first, first._cells.classes.cuts)
        first.sweep()
        for own, drawn in zip(other._fits, first._fits, strict=True):
            own[:] = drawn
        share_levels(first, other)
        other.table.W[:] = first.table.W
        classes.look(other, first._cells.classes.cuts)
        other._redraw()
        first.table.W[:] = other.table.W
        theta, cuts = first._fits.theta[k, 0][places], first._cells.classes.cuts[0][1:]
        noise = classes.class_moves.squared_errors(
            first.table, regression, first._fits.theta, 0
        ) / len(seen)
        out.append([*theta, *theta**2, noise, *of_levels(first), *cuts**2])
    scale = np.array([first._fits.scale[k, 0], equations.SCALE])
    V, m = classes.CUT_SPREAD * equations.SCALE, len(cuts)
    x = np.array(out)
    x = np.column_stack([x[:, : x.shape[1] - m], x[:, x.shape[1] - m :].sum(axis=1)][: 1 + (m > 0)])
    means = [0.0, 0.0, *scale, 1.0, *LEVEL_MEANS, *[m * V] * (m > 0)]
    variances = [
        *scale,
        *2.0 * scale**2,
        2.0 / len(seen),
        *LEVEL_VARIANCES,
        *[2 * m * V**2] * (m > 0),
    ]
    if classes.LATENT[kind] > 1:  # of two levels the variance of one, given the other, is another
        keep = [0, 1, 2, 3, 4]
        return scores_of(x[:, keep], np.array(means)[keep], np.array(variances)[keep])
    return scores_of(x, means, variances)


@pytest.mark.parametrize("kind", ["binary", "ordinal", "categorical"])
def test_levels_beside_classes_keep_their_prior(kind):
    assert np.abs(of_classes(kind, 2000)).max() < 5


def test_levels_that_are_scaled_by_more_than_their_cells_are_found(monkeypatch):
    right = SequenceLevels.scale
    monkeypatch.setattr(
        SequenceLevels, "scale", lambda self, columns, factor: right(self, columns, 1.1 * factor)
    )
    assert np.abs(of_classes("binary", 1500)).max() > 8


@pytest.mark.filterwarnings("ignore:The chains do not agree")  # of two short chains
def test_a_panel_with_a_limit_of_detection_is_filled_better_with_levels():
    z, hidden = panel(3)
    limit, censored_cells = -2.0, (z < -2.0) & ~hidden
    y = list(np.where(hidden, np.nan, np.maximum(z, limit)))
    limits = {j: (limit, None) for j in range(3)}
    options = {"transforms": None, "n_chains": 2, "n_draws": 150, "random_state": 0}
    errors = {}
    for effects in (True, False):
        model = TBayesMICE(sequence_effects=effects, censored=limits, **options).fit(y)
        done = np.array(model.transform(y))
        assert done[censored_cells].max() <= limit
        errors[effects] = np.sqrt(np.mean((done - z)[censored_cells | hidden] ** 2))
    assert errors[True] < errors[False]


@pytest.mark.filterwarnings("ignore:The chains do not agree")
def test_classes_of_a_panel_follow_its_levels():
    """Subjects differ in how often they are ill: who was ill before is likelier to be so."""
    rng = np.random.default_rng(4)
    levels = 2.0 * rng.standard_normal((60, 1))
    score = rng.standard_normal((60, 6))
    ill = score + levels + rng.standard_normal(score.shape) > 0.0
    hidden = rng.random(ill.shape) < 0.25
    frames = [
        pd.DataFrame({"score": s, "ill": pd.array(i, dtype="boolean")}).assign(
            ill=lambda frame, h=h: frame["ill"].mask(h)
        )
        for s, i, h in zip(score, ill, hidden, strict=True)
    ]
    brier = {}
    for effects in (True, False):
        model = TBayesMICE(sequence_effects=effects, n_chains=2, n_draws=200, random_state=0).fit(
            frames
        )
        table = model.class_probabilities("ill")
        p = table.loc[table["class"].astype(bool), "probability"].to_numpy()
        brier[effects] = np.mean((p - ill[hidden]) ** 2)
        new = model.transform(frames[:5])
        assert [frame["ill"].isna().sum() for frame in new] == [0] * 5
    assert brier[True] < 0.97 * brier[False]
