import re
from itertools import permutations

import numpy as np
import pytest

from tsinit import speech
from tsinit.speech import Formants


def brute_force(found, wanted):
    """Least total distance over all one-to-one assignments of as many formants as possible."""
    known = [k for k in range(len(wanted)) if np.isfinite(wanted[k])]
    padded = list(found) + [np.nan] * max(0, len(known) - len(found))
    best, minimum = None, np.inf
    for choice in permutations(padded, len(known)):
        distance = sum(
            abs(f - wanted[k]) for f, k in zip(choice, known, strict=True) if np.isfinite(f)
        )
        missed = sum(np.isnan(choice))
        if missed == max(0, len(known) - len(found)) and distance < minimum:
            best, minimum = choice, distance
    row = np.full(len(wanted), np.nan)
    row[known] = best
    return row


@pytest.mark.parametrize("seed", range(20))
def test_the_assignment_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    reference = np.sort(rng.uniform(200, 4000, (3, 3)), axis=1)
    reference[1, rng.integers(3)] = np.nan
    reference[2] = np.nan
    candidates = [
        Formants(np.sort(rng.uniform(200, 4000, m)), np.zeros(m)) for m in rng.integers(0, 6, 3)
    ]
    ours = speech.assign_to_reference(candidates, reference)
    for t in range(3):
        theirs = brute_force(candidates[t].frequencies, reference[t])
        np.testing.assert_array_equal(np.isnan(ours[t]).sum(), np.isnan(theirs).sum())
        # Ties aside, the total distance decides: compare that.
        assert np.nansum(np.abs(ours[t] - reference[t])) == pytest.approx(
            np.nansum(np.abs(theirs - reference[t]))
        )


def test_roughness_by_hand():
    tracks = [[500.0, 1500.0], [520.0, 1490.0], [np.nan, 1590.0], [700.0, 1590.0], [690.0, np.nan]]
    # F1: 20, -, -, 10; F2: 10, 100, 0, -
    assert speech.roughness(tracks) == pytest.approx((20 + 10 + 10 + 100 + 0) / 5)
    assert speech.roughness([500.0, 600.0, 500.0]) == 100.0
    assert np.isnan(speech.roughness(np.full((4, 2), np.nan)))
    assert np.isnan(speech.roughness(np.ones((1, 3))))


def test_errors_by_hand():
    reference = np.array([[500.0, 1500.0], [500.0, 1500.0], [500.0, np.nan], [500.0, np.nan]])
    tracks = np.array([[510.0, 1500.0], [530.0, np.nan], [700.0, 99.0], [500.0, np.nan]])
    table = speech.track_error(tracks, reference)
    assert table.index.tolist() == ["F1", "F2", "all"]
    f1 = table.loc["F1"]
    assert f1["rmse"] == pytest.approx(np.sqrt((10**2 + 30**2 + 200**2 + 0) / 4))
    assert f1["median_error"] == 20.0
    assert f1["gross_rate"] == 0.25
    assert f1["miss_rate"] == 0.0
    assert table.loc["F2"].tolist() == [0.0, 0.0, 0.0, 0.5, 2]
    assert table.loc["all", "n"] == 6
    assert table.loc["all", "miss_rate"] == pytest.approx(1 / 6)
    assert table.loc["all", "gross_rate"] == pytest.approx(1 / 5)


def test_an_empty_reference_has_no_errors():
    table = speech.track_error(np.ones((3, 2)), np.full((3, 2), np.nan))
    assert (table["n"] == 0).all()
    assert table.drop(columns="n").isna().all().all()


def test_tables_must_match():
    with pytest.raises(
        ValueError, match=r"tracks must have the shape of reference, \(4, 3\); got \(4, 2\)"
    ):
        speech.track_error(np.ones((4, 2)), np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"one entry per frame of reference \(4\); got 0"):
        speech.assign_to_reference([], np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"one column per formant; got shape \(2, 2, 2\)"):
        speech.roughness(np.ones((2, 2, 2)))


def test_two_formants_are_resolved_by_two_resonances_near_them():
    frames = [
        (1400.0, 1600.0),
        (1455.0, 1545.0),
        (1500.0,),
        (1480.0, 1490.0),
        (500.0, 1399.0, 1601.0, 2500.0),
        (),
    ]
    candidates = [speech.Formants(np.array(f), np.full(len(f), 50.0)) for f in frames]
    found = speech.resolved(candidates, (1400.0, 1600.0))
    assert found.tolist() == [True, True, False, False, True, False]
    each = np.tile([1400.0, 1600.0], (6, 1))
    each[1] = 1430.0, 1480.0  # the upper resonance is now too far away
    assert speech.resolved(candidates, each).tolist() == [True, False, False, False, True, False]


@pytest.mark.parametrize(
    "pair", [(1600.0, 1400.0), (1.0, 2.0, 3.0), np.ones((3, 2)), (np.nan, 1.0)]
)
def test_a_pair_is_two_rising_frequencies(pair):
    with pytest.raises(ValueError, match="pair must hold two rising frequencies"):
        speech.resolved([speech.Formants(np.empty(0), np.empty(0))] * 2, pair)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: speech.roughness("a"), "tracks must hold numbers; got 'a'."),
        (lambda: speech.track_error([[1.0]], "a"), "reference must hold numbers; got 'a'."),
        (
            lambda: speech.assign_to_reference(3, np.ones((2, 2))),
            "candidates must be a list of Formants, one for",
        ),
        (
            lambda: speech.resolved([1, 2], (1.0, 2.0)),
            "candidates must be a list of Formants, one for each frame; got",
        ),
        (lambda: speech.resolved([], "a"), "pair must hold numbers; got 'a'."),
        (
            lambda: speech.track(None),
            "candidates must be a list of Formants, one for each frame; got None.",
        ),
        (lambda: speech.track([], nominal="a"), "nominal must hold numbers; got 'a'."),
        (lambda: speech.spectrum(1, 8000), "params must be LinearGaussianParams; got 1."),
        (lambda: speech.formants("a", 8000), "A must hold numbers; got 'a'."),
        (lambda: speech.voiced("a", 8000), "frames must hold numbers; got 'a'."),
        (
            lambda: speech.voiced(np.ones((3, 400)), 8000, f0=3),
            "f0 must be a pair of frequencies in Hz; got 3.",
        ),
        (lambda: speech.frames(np.ones(900), 8000, times="a"), "times must hold numbers; got 'a'."),
        (
            lambda: speech.formant_tracks(np.ones(900), 8000, "a"),
            "model must be an estimator, for example",
        ),
    ],
)
def test_what_is_no_number_frame_or_model_is_named(call, message):
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}"):
        call()
