"""Reference results of comparisons: their tables with every clock set to the same, and the statistics behind them."""

import tempfile
import warnings
from functools import cache

import numpy as np
from _reference import result, timeless, traces_of
from sklearn.base import BaseEstimator

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, compare, read_comparison
from tsinit.comparison import hierarchical_difference, paired_difference, signed_rank, wilson
from tsinit.datasets import ampute, load_new_york_air_quality, make_hmm, make_lgssm
from tsinit.init import Perturb, Subspace
from tsinit.models import Budget


class Broken(BaseEstimator):
    """A strategy that fails from every second seed."""

    def dynamics(self, y, rng, n_states):
        if rng.random() < 0.5:
            raise ValueError("no start today")
        return Subspace().dynamics(y, rng, n_states)


def compared(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compare(*arguments, progress=False, **options)


def with_fixed_clock(comparison):
    """Write a comparison and read it, and set all that no seed decides: an iteration takes a millisecond."""
    with tempfile.TemporaryDirectory() as folder:
        comparison.to_csv(folder)
        read = read_comparison(folder)
    names = {run_id: str(row) for row, run_id in enumerate(read.runs["run_id"])}
    read.runs = read.runs.assign(
        init_seconds=0.001, fit_seconds=0.001 * read.runs["n_iter"].fillna(0.0), versions=""
    )
    if "ess_per_second" in read.runs:
        read.runs["ess_per_second"] = read.runs["ess"] / 7.0
    read.traces["seconds"] = 0.001 * read.traces["iteration"]
    read.errors["traceback"] = ""
    for table in (read.runs, read.traces, read.errors):
        table["run_id"] = table["run_id"].map(names)
    return read


def tables(comparison):
    """The tables as they are, without clocks."""
    return {
        "runs": timeless(comparison.runs),
        "traces": traces_of(comparison),
        "errors": comparison.errors.drop(columns=["run_id", "traceback"]),
        "about": list(comparison.about),
    }


@cache
def of_state_space():
    complete = make_lgssm(150, 2, 3, random_state=0)
    gaps = ampute(complete.y, "mcar", 0.15, random_state=0)
    strategies = {
        "kmeans": "kmeans",
        "uniform": "uniform",
        "lpc": "lpc",
        "near": Perturb(Subspace(), scale=0.2),
        "broken": Broken(),
    }
    return compared(
        LinearGaussianSSM(2, max_iter=30), gaps, strategies, n_seeds=6, seed=3, truth=complete.y,
        score={"criterion": lambda model, X: model.bic(X)},
    )  # fmt: skip


@cache
def of_air():
    models = {
        "two": LinearGaussianSSM(2, max_iter=25),
        "auto": LinearGaussianSSM((1, 2), max_iter=15),
    }
    air = load_new_york_air_quality()
    return compared(
        models,
        air,
        ["kmeans", "subspace", "uniform"],
        n_seeds=5,
        test=0.2,
        budget=Budget(max_iter=20),
    )


@cache
def of_many():
    sets = {f"set {seed}": make_lgssm(80, 2, 2, random_state=seed).y for seed in range(6)}
    return compared(
        LinearGaussianSSM(2, max_iter=12), sets, ["kmeans", "uniform", "lpc"], n_seeds=3
    )


@cache
def of_regimes():
    data = make_hmm(120, 3, 2, missing=0.1, random_state=0)
    model = InfiniteHMM(n_tune=20, n_draws=30, n_chains=2)
    return compared(model, data.y, ["kmeans", "uniform", "segments"], n_seeds=3, truth=data.labels)


@cache
def of_imputation():
    air = load_new_york_air_quality()
    model = TBayesMICE(n_tune=15, n_draws=25, n_chains=2)
    hidden = ampute(air, "mcar", 0.1, random_state=0)
    return compared(model, hidden, ["linear", "uniform"], n_seeds=3, truth=air)


@result
def comparison_state_space():
    return tables(of_state_space())


@result
def comparison_models_and_orders():
    return tables(of_air())


@result
def comparison_data_sets():
    return tables(of_many())


def without_convergence(found):
    """Leave what a sampler says of its chains to a result of its own."""
    told = {"rhat", "ess", "n_mixed", "converged", "status"}
    runs = found["runs"]
    return {**found, "runs": runs[[name for name in runs if name not in told]]}


@result
def comparison_samplers():
    return {
        name: without_convergence(tables(done()))
        for name, done in (("hmm", of_regimes), ("mice", of_imputation))
    }


@result
def comparison_convergence():
    found = {}
    for name, done in (("hmm", of_regimes()), ("mice", of_imputation())):
        runs = done.runs[["strategy", "status", "rhat", "ess", "n_mixed", "converged"]]
        found[name] = {"runs": runs, "mixing": done.mixing()}
    return found


@result
def comparison_summary():
    found = {}
    for name, done in (("state space", of_state_space()), ("air", of_air()), ("many", of_many())):
        fixed = with_fixed_clock(done)
        found[name] = {"summary": fixed.summary(), "read": tables(fixed)}
    return found


@result
def comparison_restarts():
    """Best of r, budgets, distinct ends, and times to a target."""
    found = {}
    for name, done in (("state space", of_state_space()), ("air", of_air())):
        fixed = with_fixed_clock(done)
        low = float(fixed.runs["objective_final"].median())
        found[name] = {
            "best_of": (fixed.best_of(), fixed.best_of(2)),
            "recommend": [fixed.recommend(seconds) for seconds in (0.001, 0.05, 1.0)],
            "optima": fixed.optima(),
            "target": (fixed.to_target(), fixed.to_target(low)),
        }
    return found


@result
def comparison_over_data_sets():
    fixed = with_fixed_clock(of_many())
    return {
        "across": (fixed.across(), fixed.across("n_iter"), fixed.across(rope=3.0)),
        "ranks": (fixed.mean_ranks(), fixed.mean_ranks("n_iter")),
    }


@result
def comparison_words():
    """Verdicts and tables for a terminal, with fixed clocks, and what is said of races."""
    all_of_them = (of_state_space, of_air, of_many, of_regimes, of_imputation)
    fixed = [with_fixed_clock(done()) for done in all_of_them]
    y = make_lgssm(100, 2, 2, random_state=2).y
    models = (
        LinearGaussianSSM(init="auto"),
        InfiniteHMM(init="auto", n_tune=20, n_draws=5, n_chains=2),
    )
    return {
        "verdict": [c.verdict() for c in fixed],
        "text": [c.summary_text(bool(brief)) for c in fixed for brief in (0, 1)],
        "races": [model.set_params(random_state=0).fit(y).init_race_.verdict() for model in models],
    }


@result
def comparison_again():
    """Fit rows of a table again, and take a comparison up from its store."""
    done, found = of_air(), {}
    for run_id in done.runs["run_id"].iloc[[0, 7, -1]]:
        model = done.rerun(run_id)
        found[str(len(found))] = (model.params_, model.history_)
    with tempfile.TemporaryDirectory() as folder:
        data = make_lgssm(60, 1, 2, random_state=1).y
        arguments = LinearGaussianSSM(1, max_iter=5), data, ["kmeans", "uniform"]
        once, twice = (compared(*arguments, n_seeds=2, store=folder) for _ in range(2))
        found["store"] = (
            tables(once),
            tables(twice),
            np.array(once.runs["fit_seconds"] == twice.runs["fit_seconds"]),
        )
    return found


@result
def comparison_truths():
    """Scores against true parameters, and seeds rebuilt from their texts."""
    simulated = {
        "a": make_lgssm(90, 2, 2, random_state=3),
        "b": make_lgssm(90, 2, 2, random_state=4),
    }
    data = {name: one.y for name, one in simulated.items()}
    truth = {name: one.params for name, one in simulated.items()}
    done = compared(
        LinearGaussianSSM(2, max_iter=8), data, ["cva", "uniform"], n_seeds=2, truth=truth, seed=5
    )
    texts = done.runs["init_seed"]
    return {
        **tables(done),
        "seeds": [np.random.default_rng(done.seed(text)).random(2) for text in texts],
    }


@result
def comparison_statistics():
    rng = np.random.default_rng(0)
    samples = [rng.standard_normal(n) + 0.4 for n in (3, 5, 8, 20)] + [
        rng.exponential(size=12),
        np.full(6, 0.3),
    ]
    groups = [rng.standard_normal(4) + 0.5 for _ in range(7)]
    return {
        "paired": [paired_difference(sample) for sample in samples],
        "wilson": [wilson(hits, n) for hits, n in ((0, 5), (3, 7), (9, 9), (0, 0))],
        "hierarchical": (hierarchical_difference(groups), hierarchical_difference(groups[:4])),
        "signed rank": [signed_rank(sample, rope) for sample in samples for rope in (0.0, 0.2)],
    }
