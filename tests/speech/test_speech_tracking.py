from itertools import product

import numpy as np
import pytest

from tsinit import speech
from tsinit.speech import Formants

COSTS = {"jump_cost": 1.3, "bandwidth_cost": 0.7, "nominal_cost": 0.4, "miss_cost": 0.9}


def candidates_of(*frames, bandwidth=80.0):
    return [Formants(np.array(f, float), np.full(len(f), bandwidth)) for f in frames]


def cost_of(path, candidates, nominal):
    """The cost of one choice per frame and formant, formula by formula."""
    total = 0.0
    for t, choice in enumerate(path):
        for k, c in enumerate(choice):
            if c is None:
                total += COSTS["miss_cost"]
                continue
            f, b = candidates[t].frequencies[c], candidates[t].bandwidths[c]
            total += COSTS["bandwidth_cost"] * b / 1000 + COSTS["nominal_cost"] * abs(
                np.log(f / nominal[k])
            )
            if t > 0 and path[t - 1][k] is not None:
                before = candidates[t - 1].frequencies[path[t - 1][k]]
                total += COSTS["jump_cost"] * abs(np.log(f / before))
    return total


def admissible(m, K):
    for choice in product([None, *range(m)], repeat=K):
        taken = [c for c in choice if c is not None]
        if taken == sorted(set(taken)):
            yield choice


@pytest.mark.parametrize("seed", range(6))
def test_the_tracks_are_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    nominal = (600.0, 1800.0)
    candidates = []
    for m in rng.integers(0, 4, size=4):
        candidates.append(Formants(np.sort(rng.uniform(200, 3500, m)), rng.uniform(30, 700, m)))
    found = speech.track(candidates, 2, nominal=nominal, **COSTS)
    paths = product(*[list(admissible(len(c.frequencies), 2)) for c in candidates])
    best = min(paths, key=lambda path: cost_of(path, candidates, nominal))
    expected = [
        [np.nan if c is None else candidates[t].frequencies[c] for c in choice]
        for t, choice in enumerate(best)
    ]
    np.testing.assert_allclose(found.frequencies, expected)
    assert np.isnan(found.bandwidths[np.isnan(found.frequencies)]).all()


def test_a_missed_formant_does_not_shift_the_others():
    """Sorting by frequency takes F2 for F1 where F1 is missed; the search over frames does not."""
    truth = np.linspace([500.0, 1500.0, 2500.0], [560.0, 1700.0, 2450.0], 9)
    frames = [[*row, 3600.0] for row in truth]
    del frames[4][0]
    candidates = candidates_of(*frames)
    sorted_tracks = np.array([c.frequencies[:3] for c in candidates])
    found = speech.track(candidates, 3).frequencies
    wanted = truth.copy()
    wanted[4, 0] = np.nan
    np.testing.assert_allclose(found, wanted)
    assert speech.track_error(sorted_tracks, truth).loc["all", "gross_rate"] > 0.1
    assert speech.track_error(found, truth).loc["all", "gross_rate"] == 0.0


def test_a_spurious_resonance_is_left_out():
    frames = (
        [[500.0, 1500.0, 2500.0]] * 4
        + [[500.0, 900.0, 1500.0, 2500.0]]
        + [[500.0, 1500.0, 2500.0]] * 4
    )
    candidates = candidates_of(*frames)
    candidates[4].bandwidths[1] = 600.0
    found = speech.track(candidates, 3).frequencies
    np.testing.assert_allclose(found, np.tile([500.0, 1500.0, 2500.0], (9, 1)))


def test_a_frame_without_resonances_breaks_the_tracks():
    found = speech.track(candidates_of([500.0, 1500.0], [], [700.0, 1200.0]), 2).frequencies
    np.testing.assert_allclose(found, [[500.0, 1500.0], [np.nan, np.nan], [700.0, 1200.0]])


def test_no_frames_give_empty_tracks():
    assert speech.track([], 3).frequencies.shape == (0, 3)


def test_of_many_candidates_the_narrow_ones_compete():
    crowd = np.arange(200.0, 4000.0, 100.0)
    bandwidths = np.full(crowd.size, 600.0)
    bandwidths[[3, 13, 23]] = 50.0  # 500, 1500, 2500 Hz
    found = speech.track([Formants(crowd, bandwidths)] * 3, 3)
    np.testing.assert_allclose(found.frequencies, np.tile([500.0, 1500.0, 2500.0], (3, 1)))
    np.testing.assert_allclose(found.bandwidths, 50.0)


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"n_formants": 0}, "n_formants must be a whole number of at least 1; got 0"),
        ({"n_formants": 2.0}, "n_formants must be a whole number of at least 1; got 2.0"),
        ({"n_formants": True}, "n_formants must be a whole number of at least 1; got True"),
        ({"nominal": (500.0,)}, r"nominal must hold 3 positive frequencies; got \[500.0\]"),
        ({"miss_cost": -1}, "miss_cost must be a number of at least 0; got -1"),
        ({"jump_cost": "high"}, "jump_cost must be a number of at least 0; got 'high'"),
    ],
)
def test_wrong_settings_get_one_sentence(kwargs, sentence):
    with pytest.raises(ValueError, match=sentence):
        speech.track(candidates_of([500.0]), **kwargs)
