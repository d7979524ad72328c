"""What every strategy for labels keeps to, whatever its idea."""

import inspect

import numpy as np
import pytest
from helpers import signatures, with_gaps
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from tsinit import init
from tsinit.init.registry import resolve

NAMES = init.names("labels")
OTHERS = {
    "windows": init.KMeans(n_delays=3),
    "manhattan": init.KMedoids("manhattan"),
    "price": init.Jump(penalty=2.0),
    "spherical": init.GaussianMixture("spherical"),
    "em_diag": init.ShortEM(n_runs=5, covariance="diag"),
    "perturbed": init.Perturb("kmeans", scale=0.02),
}
STRATEGIES = [*NAMES, *OTHERS]
# These do not look at the data: gaps mean nothing to them, and they cannot find regimes.
BLIND = {"uniform", "one_state", "segments", "sticky"}
LEARNING = [name for name in STRATEGIES if name not in BLIND]
# A window knows its neighbours, and a perturbed label is anyone's.
CARRYING = [name for name in LEARNING if name not in ("windows", "perturbed")]


def trial(labels, n_iter):
    """Stand in for a model: prefer the labels with the fewest changes."""
    return -float(np.count_nonzero(np.diff(labels))), labels


def start(name, y, n_states=None, offsets=None, seed=1):
    strategy = resolve(OTHERS.get(name, name), "labels")
    # It would climb to the fewest changes; without a trial it fits a model of its own.
    short_fit = None if name == "split_merge" else trial
    return strategy.propose(y, np.random.default_rng(seed), n_states, offsets, short_fit)


def regimes(rng, T=400, D=2, K=3, dwell=40, distance=8.0):
    """Regimes that differ by many standard deviations, and their labels."""
    z = np.repeat(np.arange(-(-T // dwell)) % K, dwell)[:T]
    centres = distance * np.arange(K)[:, None] * np.array([1.0, -1.0, 0.5, -0.5, 0.25])[:D]
    return centres[z] + rng.standard_normal((T, D)), z


def assert_valid(labels, T, maximum=None):
    """The promise about every answer: whole numbers without holes."""
    assert labels.shape == (T,)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))
    if maximum is not None:
        assert labels.max() < maximum


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    ("T", "D", "K"), [(300, 2, 4), (300, 1, 2), (120, 5, 3), (60, 2, 1), (12, 1, 8), (200, 1, None)]
)
def test_the_labels_are_valid_for_every_shape(rng, name, T, D, K):
    assert_valid(start(name, regimes(rng, T, D)[0], K), T, 4 if K is None else K)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_gaps_are_no_obstacle(rng, name, share):
    y = with_gaps(rng, regimes(rng, 300)[0], share, rows=0.1)
    assert_valid(start(name, y, 3), 300, 3)


@pytest.mark.parametrize("name", [n for n in LEARNING if n != "perturbed"])
def test_a_row_never_seen_takes_the_label_before_it_else_the_next(rng, name):
    y, _ = regimes(rng, 240)
    y[:5] = y[100:123] = y[235:] = np.nan
    y[140:150] = np.nan
    labels = start(name, y, 3, np.array([0, 120, 140, 240]))
    assert (labels[:5] == labels[5]).all()
    assert (labels[100:120] == labels[99]).all()
    assert (labels[120:123] == labels[123]).all()
    assert (labels[140:150] == labels[150]).all()
    assert (labels[235:] == labels[234]).all()


@pytest.mark.parametrize("name", [n for n in LEARNING if n != "perturbed"])
def test_a_sequence_never_seen_takes_the_label_of_the_one_before_else_after(rng, name):
    y, _ = regimes(rng, 240)
    y[:30] = y[100:130] = np.nan
    labels = start(name, y, 3, np.array([0, 30, 100, 130, 240]))
    assert (labels[:30] == labels[30]).all()
    assert (labels[100:130] == labels[99]).all()


@pytest.mark.parametrize("name", STRATEGIES)
def test_data_without_a_value_give_labels_all_the_same(name):
    labels = start(name, np.full((20, 2), np.nan), 3, np.array([0, 8, 20]))
    assert_valid(labels, 20, 3)
    assert name not in CARRYING or labels.max() == 0


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    "case",
    ["constant", "all constant", "never observed", "observed once", "line", "copy", "wave", "huge"],
)
def test_degenerate_columns_give_valid_labels(rng, name, case):
    y, _ = regimes(rng, 120)
    t = np.arange(120.0)
    y[:, 1] = {
        "constant": 0.1,
        "all constant": 0.1,
        "never observed": np.nan,
        "observed once": np.nan,
        "line": t,
        "copy": y[:, 0],
        "wave": np.sin(0.3 * t),
        "huge": 1e150 * y[:, 1],
    }[case]
    if case == "all constant":
        y[:, 0] = 1e6
    if case == "observed once":
        y[50, 1] = 3.0
    labels = start(name, y, 3)
    assert_valid(labels, 120, 3)
    assert case != "all constant" or name not in CARRYING or labels.max() == 0


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    ("T", "offsets"), [(1, None), (2, None), (3, None), (5, [0, 1, 2, 5]), (9, None)]
)
def test_fewer_rows_than_states_give_valid_labels(rng, name, T, offsets):
    y = rng.standard_normal((T, 2))
    assert_valid(start(name, y, 10, None if offsets is None else np.array(offsets)), T, T)


@pytest.mark.parametrize("name", LEARNING)
def test_there_are_no_more_states_than_distinct_rows(rng, name):
    y = np.repeat([[0.0, 1.0], [5.0, 2.0], [0.0, 7.0]], 30, axis=0)
    labels = start(name, y, 8)
    assert_valid(labels, 90, 8)
    assert name not in CARRYING or labels.max() < 3


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("kind", ["counts", "angles", "codes", "outlier"])
def test_numbers_of_any_kind_give_valid_labels(rng, name, kind):
    y = {
        "counts": rng.poisson(2.0, (150, 2)),
        "angles": rng.uniform(-np.pi, np.pi, (150, 2)),
        "codes": rng.integers(3, size=(150, 1)),
        "outlier": rng.standard_normal((150, 2)),
    }[kind]
    y = y.astype(float)
    if kind == "outlier":
        y[70] = 1e9
    assert_valid(start(name, y, 4), 150, 4)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_units_change_nothing(rng, name, gaps):
    y = with_gaps(rng, regimes(rng, 300, distance=1.5)[0], gaps)
    labels = start(name, y, 4)
    np.testing.assert_array_equal(start(name, y * [1e-5, 1e7], 4), labels)
    np.testing.assert_array_equal(start(name, y * [1e-2, 30.0] + [0.0, -77.0], 4), labels)


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_seed_gives_one_answer_and_no_other_source_of_chance(rng, name):
    y = with_gaps(rng, regimes(rng, 200, distance=1.0)[0], 0.1)
    np.random.seed(1)  # noqa: NPY002
    labels = start(name, y, 4, seed=7)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(start(name, y, 4, seed=7), labels)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_data_are_not_touched_and_may_be_read_only(rng, name):
    y, offsets = with_gaps(rng, regimes(rng, 200)[0], 0.1), np.array([0, 80, 200])
    start(name, y, 3, offsets)
    before, compiled = y.copy(), signatures()
    y.flags.writeable = offsets.flags.writeable = False
    start(name, y, 3, offsets)
    np.testing.assert_array_equal(y, before)
    assert signatures() - compiled == set()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_several_sequences_of_any_length_give_valid_labels(rng, name, gaps):
    lengths = [90, 1, 60, 3, 0, 146]
    y = with_gaps(rng, regimes(rng, 300)[0], gaps)
    assert_valid(start(name, y, 4, np.cumsum([0, *lengths])), 300, 4)


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("gaps", [0.0, 0.15])
def test_regimes_far_apart_are_found(rng, name, gaps):
    y, z = regimes(rng, 360, distance=12.0)
    labels = start(name, with_gaps(rng, y, gaps), 3)
    assert adjusted_rand_score(z, labels) > (0.95 if gaps == 0.0 else 0.85)


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_states_has_the_documented_default(name):
    y = np.random.default_rng(0).standard_normal((170, 2))
    n_labels = start(name, y).max() + 1
    assert n_labels <= 3
    np.testing.assert_array_equal(start(name, y), start(name, y, 3))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"one_state", "best_of"}))
@pytest.mark.parametrize("n_states", [0, -1, 2.5, "3", True])
def test_a_wrong_number_of_states_gets_one_sentence(name, n_states):
    with pytest.raises(ValueError, match=r"^n_states must be a whole number of at least 1; got "):
        start(name, np.random.default_rng(0).standard_normal((50, 1)), n_states)


CLASSES = [
    c for c in map(vars(init).get, init.__all__) if inspect.isclass(c) and hasattr(c, "labels")
]
DEFAULTS = [c("kmeans") if c is init.Perturb else c() for c in CLASSES]


@pytest.mark.parametrize("strategy", [*DEFAULTS, *OTHERS.values()], ids=str)
def test_a_strategy_holds_parameters_and_nothing_else(rng, strategy):
    before = dict(vars(strategy))
    assert set(before) == set(inspect.signature(type(strategy)).parameters)
    y = regimes(rng, 100)[0]
    copy = clone(strategy)
    assert repr(copy) == repr(strategy)
    labels, again = (
        resolve(s, "labels").propose(y, np.random.default_rng(1), 2, None, trial)
        for s in (strategy, copy)
    )
    assert dict(vars(strategy)) == before
    np.testing.assert_array_equal(labels, again)
