"""What every strategy for dynamics keeps to, whatever its idea."""

import inspect
import pickle
import re

import numpy as np
import pytest
from helpers import random_params, signatures, simulate
from sklearn.base import clone

from tsinit import init
from tsinit.init.registry import resolve
from tsinit.kernels import LinearGaussianParams

NAMES = init.names("dynamics")
OTHERS = {
    "pca": init.FactorAnalysis(method="pca"),
    "annulus": init.EigenInit("annulus"),
    "time_constants": init.EigenInit("time_constants"),
    "double_gaussian": init.EigenInit("double_gaussian", rotate=False),
    "perturbed": init.Perturb("lpc", scale=0.2),
    "perturbed_kmeans": init.Perturb(init.KMeans(), scale=0.2),
}
STRATEGIES = [*NAMES, *OTHERS]
# These look at the data, so a change of the data must show.
BLIND = {"uniform", "eigen", "annulus", "time_constants", "double_gaussian"}
LEARNING = [name for name in STRATEGIES if name not in BLIND]
# These need a few rows in a row, and say so.
SUBSPACE = {"subspace", "cva", "n4sid", "moesp", "best_of"}


def trial(start, n_iter):
    """Stand in for a model: prefer the start with the fastest dynamics, whatever the units."""
    return -float(np.abs(np.linalg.eigvals(start.A)).max()), start


def start(name, y, n, offsets=None, seed=1):
    return resolve(OTHERS.get(name, name), "dynamics").propose(
        y, np.random.default_rng(seed), n, offsets, trial
    )


def series(rng, T, D, n=4):
    return simulate(random_params(rng, n, D, radius=0.95), T, rng)[1]


def holes(y, rng, share=0.2, rows=()):
    y = y.copy()
    y[rng.random(y.shape) < share] = np.nan
    y[list(rows)] = np.nan
    return y


def assert_valid(params, n, D):
    """Every promise about the shape and the numbers of a start."""
    assert isinstance(params, LinearGaussianParams)
    shapes = [(n, n), (D, n), (n, n), (D, D), (n,), (n, n), (D,)]
    for value, shape, name in zip(params, shapes, params._fields, strict=True):
        assert value.shape == shape, name
        assert value.dtype == np.float64, name
        assert value.flags.c_contiguous, name
        assert np.isfinite(value).all(), name
    assert np.abs(np.linalg.eigvals(params.A)).max() < 1.0
    for S in (params.Q, params.R, params.P0):
        np.testing.assert_array_equal(S, S.T)
        assert np.linalg.eigvalsh(S)[0] >= -1e-12 * np.trace(S)
    assert (np.diag(params.R) > 0.0).all()
    off = params.A @ params.P0 @ params.A.T + params.Q - params.P0
    assert np.abs(off).max() <= 1e-9 * np.abs(params.P0).max()
    np.testing.assert_array_equal(params.m0, 0.0)


def assert_same(p, q, scale=1.0, loc=0.0, tol=1e-10):
    """Compare p with q after q's outputs were multiplied by scale and moved by loc."""
    scale = np.broadcast_to(scale, p.d.shape)
    moved = q._replace(C=scale[:, None] * q.C, R=np.outer(scale, scale) * q.R, d=scale * q.d + loc)
    for name, a, b in zip(p._fields, p, moved, strict=True):
        size = max(np.abs(b).max(initial=0.0), np.finfo(float).tiny)
        assert np.abs(a - b).max(initial=0.0) <= tol * size, name


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    ("T", "D", "n"), [(300, 2, 4), (300, 1, 3), (200, 3, 1), (200, 5, 3), (12, 1, 8), (40, 2, 5)]
)
def test_the_start_is_valid_for_every_shape(rng, name, T, D, n):
    y = series(rng, T, D)
    p = start(name, y, n)
    assert_valid(p, n, D)
    np.testing.assert_allclose(p.d, y.mean(axis=0), rtol=1e-10)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_gaps_are_no_obstacle(rng, name, share):
    y = holes(series(rng, 300, 2), rng, share, rows=range(100, 130))
    p = start(name, y, 4)
    assert_valid(p, 4, 2)
    np.testing.assert_allclose(p.d, np.nanmean(y, axis=0), rtol=1e-8)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    "case", ["constant", "all constant", "never observed", "observed once", "line", "copy", "wave"]
)
def test_degenerate_columns_give_a_valid_start(rng, name, case):
    y = series(rng, 120, 2)
    t = np.arange(120.0)
    y[:, 1] = {
        "constant": 0.1,
        "all constant": 0.1,
        "never observed": np.nan,
        "observed once": np.nan,
        "line": t,
        "copy": y[:, 0],
        "wave": np.sin(0.3 * t),
    }[case]
    if case == "all constant":
        y[:, 0] = 1e6
    if case == "observed once":
        y[50, 1] = 3.0
    assert_valid(start(name, y, 4), 4, 2)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in SUBSPACE])
@pytest.mark.parametrize(
    ("T", "offsets"), [(1, None), (2, None), (3, None), (5, [0, 1, 2, 5]), (9, None)]
)
def test_almost_no_data_give_a_valid_start(rng, name, T, offsets):
    y = rng.standard_normal((T, 2))
    assert_valid(start(name, y, 3, None if offsets is None else np.array(offsets)), 3, 2)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_units_change_nothing_but_units(rng, name, gaps):
    y = holes(series(rng, 300, 2), rng, gaps)
    # Powers of two and a whole number: the data themselves lose nothing, so the strategy must not either.
    y = np.round(y * 2**20) / 2**20
    scale, loc = np.array([2.0**-10, 2.0**7]), np.array([0.0, 32.0])
    p, q = start(name, y * scale, 4), start(name, y, 4)
    assert_same(p, q, scale)
    p = start(name, y * scale + loc, 4)
    assert_same(p, q, scale, loc, tol=1e-9)


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_seed_gives_one_start(rng, name):
    y = holes(series(rng, 200, 2), rng)
    assert_same(start(name, y, 3, seed=7), start(name, y, 3, seed=7), tol=0.0)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_data_are_not_touched_and_may_be_read_only(rng, name):
    y, offsets = holes(series(rng, 200, 2), rng), np.array([0, 80, 200])
    start(name, y, 3, offsets)
    before, compiled = y.copy(), signatures()
    y.flags.writeable = offsets.flags.writeable = False
    start(name, y, 3, offsets)
    np.testing.assert_array_equal(y, before)
    assert signatures() - compiled == set()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_several_sequences_of_any_length_give_a_valid_start(rng, name, gaps):
    lengths = [90, 1, 60, 3, 0, 146]
    y = holes(np.vstack([series(np.random.default_rng(4), 300, 2)[:k] for k in lengths]), rng, gaps)
    assert_valid(start(name, y, 4, np.cumsum([0, *lengths])), 4, 2)


@pytest.mark.parametrize("name", ["subspace", "n4sid", "moesp", "lpc", "pca", "factor_analysis"])
@pytest.mark.parametrize("D", [1, 2])
def test_nothing_is_learned_across_a_boundary(rng, name, D):
    """The order of the sequences is irrelevant, which it would not be if two neighbours were taken for one."""
    parts = [series(np.random.default_rng(4), 200, D) + 3.0 * k for k in range(3)]
    offsets = np.array([0, 200, 400, 600])
    p = start(name, np.vstack(parts), 3, offsets)
    q = start(name, np.vstack([parts[1], parts[0], parts[2]]), 3, offsets)
    spectrum, other = (np.sort_complex(np.linalg.eigvals(x.A)) for x in (p, q))
    np.testing.assert_allclose(spectrum, other, atol=1e-7)
    # The jump between two sequences is what a strategy that ignored the offsets would learn.
    blind = np.sort_complex(np.linalg.eigvals(start(name, np.vstack(parts), 3).A))
    assert np.abs(spectrum - blind).max() > 1e-6


@pytest.mark.parametrize("name", LEARNING)
def test_what_the_data_say_reaches_the_start(rng, name):
    slow, fast = (
        simulate(random_params(np.random.default_rng(2), 2, 1, radius=r), 500, rng)[1]
        for r in (0.98, 0.2)
    )
    assert np.abs(start(name, slow, 2).A - start(name, fast, 2).A).max() > 0.05


CLASSES = [getattr(init, name) for name in init.__all__ if inspect.isclass(getattr(init, name))]
DEFAULTS = [c("lpc") if c is init.Perturb else c() for c in CLASSES if hasattr(c, "dynamics")]


@pytest.mark.parametrize("strategy", [*DEFAULTS, *OTHERS.values()], ids=str)
def test_a_strategy_holds_parameters_and_nothing_else(rng, strategy):
    before = dict(vars(strategy))
    assert set(before) == set(inspect.signature(type(strategy)).parameters)
    y = series(rng, 100, 2)
    copy = clone(strategy)
    assert repr(copy) == repr(strategy)
    p = resolve(strategy, "dynamics").propose(y, np.random.default_rng(1), 2, None, trial)
    assert dict(vars(strategy)) == before
    copy.set_params(**strategy.get_params(deep=False))
    assert_same(
        resolve(copy, "dynamics").propose(y, np.random.default_rng(1), 2, None, trial), p, tol=0.0
    )


@pytest.mark.parametrize("strategy", CLASSES, ids=lambda c: c.__name__)
def test_every_strategy_documents_all_its_parameters(strategy):
    documented = inspect.getdoc(strategy)
    for name in inspect.signature(strategy).parameters:
        assert name in documented.split("Parameters\n----------")[1], name


def test_the_names_are_those_the_documentation_gives():
    assert {
        "subspace",
        "cva",
        "n4sid",
        "moesp",
        "lpc",
        "lpc_loose",
        "factor_analysis",
        "kmeans",
        "uniform",
        "eigen",
        "best_of",
        "auto",
    } == set(NAMES)
    y = series(np.random.default_rng(0), 200, 2)
    assert_same(start("subspace", y, 3), start("cva", y, 3), tol=0.0)
    assert_same(start("lpc_loose", y, 3), init.LPC(0.1, 0.3).dynamics(y, None, 3), tol=0.0)


CLASSES = [value for value in map(vars(init).get, init.__all__) if inspect.isclass(value)]


@pytest.mark.parametrize("strategy", CLASSES)
def test_every_verb_says_what_it_takes_gives_and_refuses(strategy):
    for name, method in inspect.getmembers(strategy, inspect.isfunction):
        if name.startswith("_") or not method.__module__.startswith("tsinit"):
            continue
        # A fill that takes no parameters of its own has nothing to refuse: the model has looked at the table.
        for part in ("Parameters", "Returns", "Raises")[: 2 if name == "fill" else 3]:
            assert f"{part}\n{'-' * len(part)}\n" in inspect.getdoc(method), (
                f"{name} does not say {part}"
            )
        for argument in list(inspect.signature(method).parameters)[1:]:
            explained = rf"\n(\w+, )*{argument}(, \w+)* : "
            assert re.search(explained, inspect.getdoc(method)), (
                f"{name} does not explain {argument}"
            )


@pytest.mark.parametrize("strategy", CLASSES, ids=lambda c: c.__name__)
def test_a_strategy_comes_back_from_a_pickle(strategy):
    original = strategy("kmeans") if strategy is init.Perturb else strategy()
    copy = pickle.loads(pickle.dumps(original))
    assert type(copy) is strategy is getattr(init, strategy.__name__)
    assert copy.get_params() == original.get_params()
