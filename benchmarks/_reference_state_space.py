"""Reference results of the linear Gaussian state-space model: every road that a fit can take, short."""

import numpy as np
import pandas as pd
from _reference import race_of, read, result

from tsinit import LinearGaussianParams, LinearGaussianSSM
from tsinit.datasets import load_new_york_air_quality, make_lgssm
from tsinit.init import (
    LPC,
    BestOf,
    EigenInit,
    FactorAnalysis,
    KMeans,
    Perturb,
    Race,
    Subspace,
    Uniform,
)
from tsinit.models import LinearGaussianPrior, NormalInverseWishart

STRATEGIES = (
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
)


def short(n_states=2, **options):
    return LinearGaussianSSM(n_states, **{"max_iter": 15, "random_state": 0, **options})


def ends(model):
    names = (
        "params_",
        "start_",
        "log_likelihood_",
        "history_",
        "n_iter_",
        "converged_",
        "n_states_",
    )
    return read(model, *names)


def answers(model, X, lengths=None):
    """Ask a fitted model all that it can be asked about data."""
    smoothed, filtered = model.smooth(X, lengths=lengths), model.filter(X, lengths=lengths)
    return {
        "smooth": tuple(smoothed),
        "filter": tuple(filtered),
        "spread": (smoothed.standard_deviations, filtered.standard_deviations),
        "transform": model.transform(X, lengths=lengths),
        "impute": model.impute(X, lengths=lengths, return_std=True),
        "score": model.score(X, lengths=lengths),
        "criteria": (
            model.aic(),
            model.bic(),
            model.aic(X, lengths=lengths),
            model.bic(X, lengths=lengths),
        ),
    }


def future(model, X):
    return {
        "forecast": (model.forecast(6), model.forecast(4, X).standard_deviations),
        "sample": (model.sample(30, random_state=1), model.sample(10, 2, random_state=2)),
    }


def known_params(P0=None, R=None):
    """A local trend seen by two columns, in the units of the data."""
    return LinearGaussianParams(
        A=np.array([[1.0, 1.0], [0.0, 1.0]]),
        C=np.array([[1.0, 0.0], [0.5, 0.2]]),
        Q=np.diag([0.1, 0.01]),
        R=np.diag([1.0, 0.5]) if R is None else R,
        m0=np.zeros(2),
        P0=4.0 * np.eye(2) if P0 is None else P0,
        d=np.zeros(2),
    )


@result
def ssm_complete():
    data, other = (make_lgssm(240, 2, 2, random_state=seed).y for seed in (0, 1))
    model = short().fit(data)
    return {
        "fit": ends(model),
        "same": answers(model, data),
        "other": answers(model, other),
        **future(model, other),
    }


@result
def ssm_gaps():
    data = make_lgssm(240, 2, 3, missing=0.2, random_state=0).y
    data[50:60] = np.nan
    data[100:140, 1] = np.nan
    model = short(3).fit(data)
    return {"fit": ends(model), "same": answers(model, data), **future(model, data)}


@result
def ssm_dates():
    """A table with dates, some of them skipped."""
    air = load_new_york_air_quality()
    air = air.drop(air.index[[20, 21, 80]])
    model = short(init="kmeans").fit(air)
    return {"fit": ends(model), "same": answers(model, air), **future(model, air.iloc[:50])}


@result
def ssm_many_columns():
    """More states and columns than loops are for: BLAS takes over."""
    found = {}
    for missing in (0.0, 0.15):
        data = make_lgssm(200, 6, 12, missing=missing, random_state=3).y
        for observation_cov in ("diag", "full"):
            model = short(6, observation_cov=observation_cov, max_iter=8).fit(data)
            found[f"{observation_cov}, {missing}"] = {"fit": ends(model), **answers(model, data)}
    return found


@result
def ssm_many_states():
    """Few columns and many states, as for speech."""
    data = make_lgssm(400, 14, 1, snr=50.0, random_state=4).y
    model = short(14, init="lpc", observation_cov="spherical", max_iter=8).fit(data)
    return {"fit": ends(model), **answers(model, data)}


@result
def ssm_sequences_of_one_length():
    """Complete sequences of one length share their covariances, and go through the filter side by side."""
    found = {}
    for count, steps, states in ((8, 60, 2), (150, 20, 2), (6, 50, 5)):
        data = make_lgssm(steps, states, states, n_sequences=count, random_state=5).y
        model = short(states, max_iter=8).fit(data)
        found[str(count)] = {"fit": ends(model), **answers(model, data)}
    return found


@result
def ssm_ragged_sequences():
    complete = make_lgssm((40, 75, 1, 40, 90), 2, 2, random_state=6).y
    gaps = make_lgssm((40, 75, 40, 90), 3, 3, missing=0.2, random_state=7).y
    table = pd.concat(
        {"a": pd.DataFrame(gaps[1]), "b": pd.DataFrame(gaps[3])}, names=["sequence", "time"]
    )
    one, stacked, indexed = short().fit(complete), short(3), short(3).fit(table)
    lengths = [len(part) for part in gaps]
    stacked.fit(np.concatenate(gaps), lengths=lengths)
    return {
        "list": {"fit": ends(one), **answers(one, complete)},
        "lengths": {"fit": ends(stacked), **answers(stacked, np.concatenate(gaps), lengths)},
        "index": {"fit": ends(indexed), **answers(indexed, table), **future(indexed, table)},
    }


@result
def ssm_initial_state():
    sequences = make_lgssm(50, 2, 2, n_sequences=5, missing=0.1, random_state=8).y
    found = {}
    for kind in ("auto", "stationary", "learned", "fixed"):
        found[kind] = ends(short(initial_state=kind).fit(sequences))
        found[f"{kind}, one"] = ends(short(initial_state=kind).fit(sequences[0]))
    found["given"] = ends(short(init=known_params()).fit(sequences))
    return found


@result
def ssm_transition_cov():
    data = make_lgssm(200, 3, 3, missing=0.1, random_state=9).y
    return {
        kind: ends(short(3, transition_cov=kind, init="uniform").fit(data))
        for kind in ("full", "diag", "spherical", "fixed")
    }


@result
def ssm_observation_cov():
    found = {}
    for missing in (0.0, 0.15):
        data = make_lgssm(200, 2, 4, missing=missing, random_state=10).y
        for kind in ("full", "diag", "spherical", "fixed"):
            model = short(observation_cov=kind).fit(data)
            found[f"{kind}, {missing}"] = {"fit": ends(model), "smooth": tuple(model.smooth(data))}
    return found


@result
def ssm_priors():
    data = make_lgssm(80, 2, 2, missing=0.1, random_state=11).y
    own = NormalInverseWishart(0.5 * np.eye(2), 2.0 * np.eye(2), 0.3 * np.eye(2), 4.0)
    priors = {
        "weak": "weak",
        "transition": LinearGaussianPrior(own, None),
        "both": LinearGaussianPrior(own, own),
    }
    found = {name: ends(short(prior=prior).fit(data)) for name, prior in priors.items()}
    found["weak, full"] = ends(
        short(prior="weak", observation_cov="full", n_init=2, init="uniform").fit(data)
    )
    return found


@result
def ssm_accelerate():
    data = make_lgssm(200, 4, 3, missing=0.1, random_state=12).y
    return {
        f"{accelerate}, {init}": ends(
            short(4, accelerate=accelerate, init=init, max_iter=40).fit(data)
        )
        for accelerate in (True, False)
        for init in ("uniform", "subspace")
    }


@result
def ssm_until_converged():
    data = make_lgssm(150, 1, 2, random_state=13).y
    return ends(short(1, max_iter=500, tol=1e-7).fit(data))


@result
def ssm_noise_floor():
    """A column that the states fit exactly, and a floor that keeps its noise."""
    data = make_lgssm(120, 2, 2, snr=1e8, random_state=14).y
    return {
        str(floor): ends(short(noise_floor=floor, max_iter=25).fit(data)) for floor in (1e-6, 1e-2)
    }


@result
def ssm_orders():
    data = make_lgssm(150, 2, 3, missing=0.05, random_state=15).y
    model = short((1, 2, 3), max_iter=25).fit(data)
    return {"fit": ends(model), "table": model.order_table_}


@result
def ssm_restarts():
    data = make_lgssm(150, 3, 2, random_state=16).y
    found = {
        init: ends(short(3, init=init, n_init=3).fit(data))
        for init in ("uniform", "kmeans", "eigen")
    }
    found["no steps"] = ends(short(3, max_iter=0, n_init=2).fit(data))
    return found


@result
def ssm_race():
    data = make_lgssm(150, 3, 3, missing=0.1, random_state=17).y
    found = {}
    for name, init, n_init in (
        ("auto", "auto", 1),
        ("two", "auto", 2),
        ("dear", Race(budget=4.0, n_seeds=2), 1),
    ):
        model = short(3, init=init, n_init=n_init, max_iter=60).fit(data)
        found[name] = {"fit": ends(model), "race": race_of(model)}
    return found


@result
def ssm_starts():
    """The start that every strategy gives: complete data, data with gaps, several sequences."""
    data = {
        "complete": make_lgssm(150, 3, 3, random_state=18).y,
        "gaps": make_lgssm(150, 3, 3, missing=0.15, random_state=18).y,
        "sequences": make_lgssm((60, 50, 70), 3, 3, missing=0.1, random_state=18).y,
        "column": make_lgssm(150, 3, 1, random_state=18).y,
    }
    model = short(3, max_iter=1)
    return {
        f"{init}, {kind}": ends(model.set_params(init=init).fit(y))
        for init in STRATEGIES
        for kind, y in data.items()
    }


@result
def ssm_start_settings():
    """Parameters of the strategies other than their defaults, and a series long enough to be taken in chunks."""
    kinds = ("disc", "annulus", "unit_perturb", "box", "double_gaussian", "time_constants")
    inits = [EigenInit(kind, std=0.3, rotate=kind != "box") for kind in kinds]
    inits += [
        Subspace(weights, 3, independent_noise=False) for weights in ("cva", "n4sid", "moesp")
    ]
    inits += [Subspace(gaps=gaps) for gaps in ("drop", "pairs", "smooth")] + [
        Subspace(n_block_rows=5, max_radius=0.8)
    ]
    inits += [FactorAnalysis(3, "pca"), KMeans(8, 2), LPC(0.05, 0.1), Uniform(2.0)]
    y, long = (
        make_lgssm(150, 3, 2, missing=0.06, random_state=21).y,
        make_lgssm(9000, 3, 3, random_state=22).y,
    )
    found = {
        f"{place}": ends(short(3, init=init, max_iter=1).fit(y)) for place, init in enumerate(inits)
    }
    few = {"drifting": np.cumsum(np.arange(30.0))[:, None], "few rows": y[:12]}
    found |= {name: ends(short(4, max_iter=1).fit(data)) for name, data in few.items()}
    for init in ("subspace", "moesp", "factor_analysis"):
        found[f"long, {init}"] = ends(short(3, init=init, max_iter=1).fit(long))
    return found


@result
def ssm_composed_starts():
    """Strategies made of strategies, a function, and ready parameters."""

    def sleepy(y, rng, n_states):
        D = y.shape[1]
        C, R = rng.normal(size=(D, n_states)), np.diag(np.nanvar(y, axis=0))
        eye = np.eye(n_states)
        return LinearGaussianParams(
            0.99 * eye, C, 0.02 * eye, R, np.zeros(n_states), eye, np.nanmean(y, axis=0)
        )

    data = make_lgssm(150, 2, 2, missing=0.1, random_state=19).y
    inits = {
        "perturb": Perturb(Subspace(), scale=0.2),
        "best of": "best_of",
        "best of two": BestOf(["uniform", "lpc"], n_iter=5, n_starts=2),
        "race inside": Perturb(Race(["uniform", "kmeans"], n_seeds=2)),
        "function": sleepy,
        "ready": known_params(),
    }
    return {name: ends(short(init=init).fit(data)) for name, init in inits.items()}


@result
def ssm_square_root():
    """Priors so wide, and noise so small, that plain covariances lose their digits and are computed by roots."""
    rng, found = np.random.default_rng(20), {}
    complete = rng.standard_normal((40, 2)).cumsum(axis=0)
    gaps = complete.copy()
    gaps[[0, 2, 3, 9], :] = np.nan
    gaps[5:20:3, 1] = np.nan
    cases = {
        "wide": known_params(P0=1e10 * np.eye(2)),
        "wide, of rank one": known_params(P0=2.0**33 * np.array([[4.0, 2.0], [2.0, 1.0]])),
        "almost exact": known_params(R=np.diag([1e-12, 1.0])),
    }
    kept = {"transition_cov": "fixed", "observation_cov": "fixed", "initial_state": "fixed"}
    for name, params in cases.items():
        for kind, y in (("complete", complete), ("gaps", gaps)):
            model = short(init=params, max_iter=0, **kept).fit(y)
            found[f"{name}, {kind}"] = {"fit": ends(model), **answers(model, y)}
        found[f"{name}, fitted"] = ends(
            short(init=params, initial_state="fixed", max_iter=5).fit(gaps)
        )
    return found
