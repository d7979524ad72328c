"""Reference results of the infinite hidden Markov model: every emission and start, in short runs."""

import numpy as np
import pandas as pd
from _reference import race_of, read, result, variables

from tsinit import InfiniteHMM
from tsinit.datasets import load_new_york_air_quality, make_hmm
from tsinit.emissions import (
    Categorical,
    DiagonalGaussian,
    KnownVarianceGaussian,
    Poisson,
    StudentT,
    VonMises,
)
from tsinit.init import (
    BestOf,
    GaussianMixture,
    Jump,
    KMedoids,
    Perturb,
    Race,
    ShortEM,
    Sticky,
    Subspace,
)

STRATEGIES = (
    "kmeans", "kmeans++", "kmedoids", "agglomerative", "jump", "gaussian_mixture", "short_em", "subspace", "uniform",
    "segments", "one_state", "sticky",
)  # fmt: skip


def short(**options):
    return InfiniteHMM(**{"n_tune": 30, "n_draws": 30, "n_chains": 2, "random_state": 0, **options})


def draws(model):
    """All that a fit leaves, but for R-hat and effective sample sizes, which have a result of their own."""
    estimate = (
        "labels_",
        "probabilities_",
        "n_states_",
        "means_",
        "covariances_",
        "transition_matrix_",
    )
    found = read(model, *estimate, "trace_", "start_", "history_", "n_iter_")
    found["stopped"] = {str(chain): why for chain, why in model.stopped_.items()}
    found["draws"] = read(model.draws_, "labels", "n_states", "log_joint", "alpha", "gamma", "rho")
    return found


def answers(model, X):
    """Ask a fitted model all that it can be asked about rows."""
    return {
        "predict": model.predict(X),
        "predict_proba": model.predict_proba(X),
        "score": model.score(X),
        "coclustering": model.coclustering_matrix(range(0, 60, 2)),
    }


def both(emission, y, new, **options):
    model = short(emission=emission, **options).fit(y)
    return {
        "fit": draws(model),
        "same": answers(model, y),
        "new": answers(model, new),
        "tree": variables(model.to_datatree())["posterior_by_state"],
    }


def hide(y, share=0.12, seed=0):
    return np.where(np.random.default_rng(seed).random(y.shape) < share, np.nan, y)


def regimes(n_features=2, seed=0, **options):
    return make_hmm(
        150, 3, n_features, correlation=0.3 if n_features > 1 else 0.0, random_state=seed, **options
    )


def check_emission(emission, *objects, make=None, n_features=2):
    """Fit complete data and data with gaps, by name and by object, and ask about other rows."""
    tables = []
    for seed in (0, 1):
        data, rng = regimes(n_features, seed), np.random.default_rng(seed)
        tables.append(data.y if make is None else make(rng, data.labels[:, None], n_features))
    y, new = tables
    found = {"complete": both(emission, y, new), "gaps": both(emission, hide(y), hide(new, seed=1))}
    return found | {str(place): both(own, hide(y), new) for place, own in enumerate(objects)}


@result
def hmm_gaussian():
    found = check_emission("gaussian", n_features=3)
    found["column"] = both("gaussian", regimes(1).y, regimes(1, 1).y)
    return found


@result
def hmm_gaussian_diag():
    return check_emission(
        "gaussian_diag", DiagonalGaussian(prior_mean=0.5, prior_weight=0.2, prior_df=6.0)
    )


@result
def hmm_gaussian_known_variance():
    return check_emission(
        "gaussian_known_variance", KnownVarianceGaussian(variance=1.5, prior_mean=0.0)
    )


@result
def hmm_student_t():
    return check_emission("student_t", StudentT(df=6.0))


@result
def hmm_poisson():
    def counts(rng, labels, n_features):
        return rng.poisson(2.0 + 5.0 * labels + np.arange(n_features)).astype(float)

    return check_emission("poisson", Poisson(prior_mean=4.0, prior_shape=2.0), make=counts)


@result
def hmm_categorical():
    def codes(rng, labels, n_features):
        return (labels + (rng.random((len(labels), n_features)) < 0.2)).astype(float)

    return check_emission(
        "categorical", Categorical(categories=range(5), prior_weight=3.0), make=codes
    )


@result
def hmm_von_mises():
    def angles(rng, labels, n_features):
        return rng.vonmises(2.0 * labels - 2.0 + np.zeros(n_features), 4.0)

    own = VonMises("radians", prior_direction=0.3, prior_weight=0.5, prior_shape=3.0)
    return check_emission("von_mises", own, make=angles)


@result
def hmm_zero_inflated():
    def counts(rng, labels, n_features):
        y = rng.poisson(2.0 + 5.0 * labels + np.arange(n_features))
        return np.where(rng.random(y.shape) < 0.3, 0.0, y)

    return {
        inner: check_emission(f"zero_inflated_{inner}", make=counts)
        for inner in ("poisson", "negative_binomial")
    }


@result
def hmm_by_column():
    def columns(rng, labels, n_features):
        angle, count = rng.vonmises(2.0 * labels - 2.0, 4.0), rng.poisson(2.0 + 5.0 * labels)
        return np.hstack([angle, rng.standard_t(4.0, (len(labels), 2)) + 3.0 * labels, count])

    return check_emission({3: "poisson", (1, 2): "student_t", 0: "von_mises"}, make=columns)


@result
def hmm_sequences():
    """Ragged sequences as a list, with lengths, and by the first level of an index."""
    parts = make_hmm((60, 45, 1, 70), 3, 2, missing=0.1, random_state=2).y
    frames = {"a": pd.DataFrame(parts[0]), "b": pd.DataFrame(parts[3])}
    table = pd.concat(frames, names=["sequence", "time"])
    one, indexed = short().fit(parts), short(init="uniform").fit(table)
    stacked = short(emission="gaussian_diag").fit(
        np.concatenate(parts), lengths=[len(part) for part in parts]
    )
    return {
        "list": {"fit": draws(one), **answers(one, parts)},
        "lengths": draws(stacked),
        "index": {"fit": draws(indexed), **answers(indexed, table)},
    }


@result
def hmm_dates():
    """A table with dates, some of them skipped."""
    air = load_new_york_air_quality()
    air = air.drop(air.index[[30, 31, 90]])
    model = short(init="jump").fit(air)
    return {
        "fit": draws(model),
        **answers(model, air),
        "states": short(init="jump").fit_predict(air),
    }


@result
def hmm_settings():
    y = hide(regimes().y)
    cases = {
        "not sticky": {"sticky": False},
        "not sticky, priors": {
            "sticky": False,
            "priors": {"alpha": (2.0, 1.0), "gamma": (3.0, 0.5)},
        },
        "priors": {"priors": {"rho": (20.0, 2.0), "alpha": (1.0, 0.1)}},
        "thin": {"thin": 3, "n_draws": 12},
        "states": {"n_init_states": 6},
        "threads": {"n_jobs": 2, "n_chains": 3},
        "one chain": {"n_chains": 1},
        "no warm-up": {"n_tune": 0},
    }
    return {name: draws(short(**options).fit(y)) for name, options in cases.items()}


@result
def hmm_starts():
    """The labels that every strategy gives, and the first sweeps from there."""
    data = {
        "complete": regimes(seed=3).y,
        "gaps": hide(regimes(seed=3).y),
        "sequences": make_hmm((60, 50, 70), 3, 2, missing=0.1, random_state=3).y,
    }
    few = {"n_tune": 2, "n_draws": 3}
    return {
        f"{name}, {kind}": draws(short(init=name, **few).fit(y))
        for name in STRATEGIES
        for kind, y in data.items()
    }


@result
def hmm_start_settings():
    """Parameters of the strategies other than their defaults, and more rows than distances are kept of."""
    y, long = hide(regimes(seed=3).y), make_hmm(3200, 3, 2, random_state=3).y
    inits = [GaussianMixture(kind) for kind in ("full", "tied", "diag", "spherical")]
    inits += [
        KMedoids("manhattan"),
        Jump(4.0),
        ShortEM(4, 3, "diag"),
        Sticky(0.8),
        Subspace("n4sid"),
    ]
    few = short(n_tune=1, n_draws=2)
    found = {
        str(place): draws(few.set_params(init=init).fit(y)) for place, init in enumerate(inits)
    }
    for init in ("kmedoids", "agglomerative", "short_em"):
        found[f"long, {init}"] = few.set_params(init=init, n_chains=1).fit(long).start_
    return found


@result
def hmm_composed_starts():
    y = hide(regimes(seed=4).y)
    inits = {
        "perturb": Perturb("kmeans", scale=0.2),
        "best of": BestOf(["kmeans", "jump"], n_iter=4),
        "race inside": Perturb(Race(["kmeans", "uniform"], n_seeds=1, n_iter=2), scale=0.1),
        "chains": ["uniform", "segments"],
        "labels": (np.arange(len(y)) // 40).astype(int),
        "function": lambda y, rng, n_states: rng.integers(n_states, size=len(y)),
    }
    return {
        name: draws(short(init=init, n_tune=8, n_draws=8).fit(y)) for name, init in inits.items()
    }


@result
def hmm_race():
    y = hide(regimes(seed=5).y)
    found = {}
    for name, init in (
        ("auto", "auto"),
        ("own", Race(["kmeans", "uniform", "jump"], n_seeds=2, keep=0.5)),
    ):
        model = short(init=init, n_tune=60).fit(y)
        found[name] = {"fit": draws(model), "race": race_of(model)}
    return found


@result
def hmm_far():
    """Rows so far from those of the fit that plain probabilities are all zero."""
    model = short().fit(regimes().y)
    far = regimes(seed=7).y
    far[40:60] += np.array([1e3, -1e4])
    return {name: value for name, value in answers(model, far).items() if name != "coclustering"}


@result
def hmm_datatree():
    return variables(short().fit(hide(regimes().y)).to_datatree())


@result
def hmm_convergence():
    """R-hat and effective sample sizes apart from the draws: how they are computed may change where draws may not."""
    y, found = hide(regimes(seed=6).y), {}
    for n_chains in (1, 2, 4):
        model = short(n_chains=n_chains, n_draws=60).fit(y)
        summary = model.sampler_summary()
        found[str(n_chains)] = {
            "rhat": summary["rhat"],
            "ess": summary["ess"],
            "converged": model.converged_,
        }
    return found
