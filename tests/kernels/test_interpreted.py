"""With ``NUMBA_DISABLE_JIT=1`` kernels are plain Python, for debuggers: slow, and the same to rounding."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tsinit.kernels import _interpreted

FITS = """
import json, warnings
import numpy as np
from tsinit import HiddenMarkovModel, InfiniteHMM, LinearGaussianSSM, TBayesMICE

warnings.simplefilter("error", RuntimeWarning)
rng = np.random.default_rng(0)
y = rng.standard_normal((30, 6)).cumsum(axis=0)
y[rng.random(y.shape) < 0.15] = np.nan
rows = y[:16]
counts, angles = np.abs(np.round(rows[:, :1])), np.mod(rows[:, :1], 6.28) - 3.14
short = dict(n_tune=2, n_draws=2, n_chains=1, random_state=0)
few = dict(init="kmeans", n_init_states=3)


def of_states():
    small = LinearGaussianSSM(2, random_state=0, max_iter=4).fit(y[:, :3])
    yield small.log_likelihood_
    yield small.impute(y[:, :3])
    # More states than the loops take: BLAS.
    yield LinearGaussianSSM(6, observation_cov="full", random_state=0, max_iter=2).fit(y).log_likelihood_
    yield LinearGaussianSSM(1, init="kmeans", max_iter=2, random_state=0).fit([y[:15], y[15:]]).log_likelihood_


def of_regimes():
    for emission, data in [
        ("gaussian", rows[:, :4]), ("gaussian_diag", rows[:, :2]), ("gaussian_known_variance", rows[:, :2]),
        ("student_t", rows[:, :3]), ("poisson", counts), ("negative_binomial", counts),
        ("categorical", counts % 3), ("von_mises", angles),
    ]:
        yield InfiniteHMM(emission=emission, **few, **short).fit(data).score(data)
    # The default number of states takes many short chains, so of few rows.
    yield InfiniteHMM(**short).fit(rows[:8, :1]).score(rows[:8, :1])
    for init in ("jump", "kmedoids", "short_em", "subspace"):
        yield InfiniteHMM(**{**few, "init": init}, **short).fit(rows[:, :2]).score(rows[:, :2])


def of_given_states():
    # Five states: a whole set of four columns, and a part of another.
    given, more = np.arange(16) % 2, np.arange(16) % 5
    for emission, data in [
        ("gaussian", rows[:, :4]), ("gaussian_diag", rows[:, :2]), ("gaussian_known_variance", rows[:, :2]),
        ("student_t", rows[:, :3]), ("poisson", counts), ("negative_binomial", counts),
        ("categorical", counts % 3), ("von_mises", angles), ("autoregressive", rows[:, :2]),
        ("zero_inflated_poisson", counts), ("zero_inflated_negative_binomial", counts),
        ({0: "gaussian", 1: "student_t"}, rows[:, :2]),
    ]:
        model = HiddenMarkovModel(2, emission=emission, init=given, max_iter=3, tol=0.0).fit(data)
        yield model.history_
        yield [model.score(data), *model.decode(data), *model.filter_proba(data)[-1]]
        yield model.forecast(2, n_samples=3, random_state=0).probabilities
    yield HiddenMarkovModel(5, init=more, max_iter=2, tol=0.0).fit(rows[:, :2]).history_


def of_gaps():
    for options in ({}, {"method": "var"}, {"sampler": "rwm"}, {"noise": "student_t"}, {"bounds": (-20, 20)}):
        yield TBayesMICE(**short, **options).fit(rows[:, :3]).transform(rows[:, :3])
    for options in ({"method": "state_space", "n_states": 2},):
        yield TBayesMICE(**short, **options).fit(rows[:, :3]).transform(rows[:, :3])


def numbers():
    parts = (of_states, of_regimes, of_given_states, of_gaps)
    return [np.asarray(x).ravel().tolist() for part in parts for x in part()]
"""


def test_all_models_run_without_the_compiler_and_give_the_same():
    done = subprocess.run(
        [sys.executable, "-c", FITS + "print(json.dumps(numbers()))"], capture_output=True, text=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    space: dict = {}
    exec(FITS, space)
    for plain, compiled in zip(json.loads(done.stdout), space["numbers"](), strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-6)


@pytest.mark.parametrize("ops", ["NN", "TN", "NT", "TT"])
def test_the_stand_in_for_dgemm_is_that_of_scipy(rng, ops):
    from scipy.linalg.blas import dgemm

    left, right = (
        rng.standard_normal(shape if op == "N" else shape[::-1])
        for op, shape in zip(ops, ((3, 4), (4, 5)), strict=True)
    )
    out = np.asfortranarray(rng.standard_normal((3, 5)))
    expected = dgemm(2.0, left, right, 0.5, out, *(op == "T" for op in ops))
    a, b = np.asfortranarray(left), np.asfortranarray(right)
    _interpreted.dgemm(
        *map(ord, ops), 3, 5, 4, 2.0, a, len(a), b, len(b), 0.5, out.T, 3
    )  # fmt: skip
    np.testing.assert_allclose(out, expected)


def test_the_stand_in_for_dsyrk_is_that_of_scipy(rng):
    from scipy.linalg.blas import dsyrk

    a, out = np.asfortranarray(rng.standard_normal((4, 6))), np.zeros((4, 4), order="F")
    expected = dsyrk(1.0, a)
    _interpreted.dsyrk(ord("U"), ord("N"), 4, 6, 1.0, a, 4, 1.0, out.T, 4)
    np.testing.assert_allclose(out, np.triu(expected))
