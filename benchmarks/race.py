"""Is ``init="auto"`` at least as good as the best single strategy, at no more than 2.5 times the cost of one run?

Every problem is fitted from every single strategy and from the race, with several seeds, one fit at a time. A race is
counted as good where it ends no lower than the median end of the strategy whose median is highest on that problem,
which nobody knows beforehand, less a tolerance: for EM the half nat (and a relative 1e-5) within which `tsinit.compare`
takes two ends for the same, because no data could tell them apart; for samplers, whose end is the mean log density of
the kept draws, 1.64 standard deviations of that strategy's own ends over seeds, since half of its own runs end below
their median. Costs are iterations (sweeps of all chains) and CPU seconds of the whole fit, starts included, over the
median of a full run: of all strategies, and of the best one.

    python benchmarks/race.py --models ssm ihmm --seeds 5 --budgets 2 4
"""

import argparse
import itertools
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, datasets, speech
from tsinit.comparison.analysis.tables import optimum_tolerance
from tsinit.init import Race
from tsinit.init.race import candidates

SINGLES = {
    "ssm": [
        "cva",
        "n4sid",
        "moesp",
        "lpc",
        "lpc_loose",
        "factor_analysis",
        "kmeans",
        "uniform",
        "eigen",
    ],
    "ihmm": ["jump", "subspace", "kmeans", "kmedoids", "short_em", "gaussian_mixture", "uniform"],
    "tbayes": ["linear", "seasonal", "low_rank", "hot_deck", "mean", "knn"],
}
#: Starts that no seed changes: one fit is all of them.
ONE_START = {"cva", "n4sid", "moesp", "lpc", "lpc_loose", "factor_analysis"}


def ssm_problems():
    """Speech frames, two tables of air quality, simulated systems: {name: (model, data)}."""
    return speech_frames() | air_quality() | drawn_systems()


def fresh_problems(seed):
    """30 speech frames and 20 simulated systems that no parameter was set on: {name: (model, data)}."""
    rng = np.random.default_rng(seed)
    return speech_frames(15, rng) | drawn_systems(20, seed)


def speech_frames(n_frames=10, rng=None):
    """Voiced frames of two utterances, two thirds of them at the order of the study; others with a generator."""
    problems = {}
    for name in ("arctic_a0007", "arctic_a0009"):
        recording = datasets.load_speech(name)
        signal = speech.resample(recording.signal, recording.fs, 10_000.0)
        voiced = np.flatnonzero(speech.voiced(speech.frames(signal, 10_000.0).values, 10_000.0))
        values = speech.frames(
            speech.pre_emphasis(signal, 10_000.0, 50.0), 10_000.0, normalise=True
        ).values
        places = np.linspace(7, len(voiced) - 9, 10).astype(int)
        if rng is not None:
            left = np.setdiff1d(np.arange(len(voiced)), places)
            places = np.sort(rng.choice(left, n_frames, replace=False))
        for k, i in enumerate(voiced[places]):
            model = LinearGaussianSSM(14 if k % 3 else 10, max_iter=50)
            problems[f"{name}, frame {i}"] = model, values[i][:, None]
    return problems


def air_quality():
    """Parts of the New York table; columns of UCI air quality, averaged over hours or days."""
    air = datasets.load_new_york_air_quality()
    problems = {
        f"New York air, {n} states": (LinearGaussianSSM(n), air.iloc[20:, ::-1]) for n in (2, 4, 5)
    }
    problems |= {
        f"New York weather, {n} states": (LinearGaussianSSM(n), air.iloc[:, -3:]) for n in (2, 3)
    }
    hourly = datasets.load_air_quality()
    for columns, every, n in [
        (["CO", "NO2", "RH"], "6h", 3), (["CO", "NO2", "RH"], "6h", 5), (["NOx", "T"], "12h", 2),
        (["NOx", "NO2", "T", "AH"], "1D", 4), (["NOx", "T"], "3h", 3),
    ]:  # fmt: skip
        name = f"UCI {'+'.join(columns)} {every}, {n} states"
        problems[name] = LinearGaussianSSM(n), hourly[columns].resample(every).mean()
    return problems


def drawn_systems(n_systems=20, seed=None):
    """Simulated systems of sizes, gaps and noise drawn at random."""
    rng, problems = np.random.default_rng(8 if seed is None else seed), {}
    first = 2000 if seed is None else 10_000 * seed
    for i in range(n_systems):
        T, n, D = (
            rng.choice([80, 120, 200, 300, 500, 800]),
            rng.choice([2, 3, 4, 5, 6]),
            rng.choice([1, 2, 3, 4, 6]),
        )
        share, snr = rng.choice([0, 0, 0.1, 0.3]), rng.choice([1.0, 3.0, 10.0])
        made = datasets.make_lgssm(
            int(T), int(n), int(D), missing=share, snr=snr, random_state=first + i
        )
        problems[f"simulated {i}, {T} steps, {n} states, {D} columns"] = (
            LinearGaussianSSM(int(n)),
            made.y,
        )
    return problems


def ihmm_problems():
    """Air quality and simulated regimes."""
    model = InfiniteHMM(n_tune=400, n_draws=400, n_chains=2)
    problems = {"New York air": (model, datasets.load_new_york_air_quality())}
    for i, (T, D, stay, share) in enumerate([(300, 1, 0.95, 0.0), (200, 3, 0.98, 0.2)]):
        made = datasets.make_hmm(T, 3, D, persistence=stay, missing=share, random_state=100 + i)
        problems[f"simulated regimes, {T} steps, {D} columns"] = model, made.y
    return problems


def tbayes_problems():
    """Air quality and a simulated system."""
    model = TBayesMICE(lags=1, n_draws=200, n_chains=2)
    y = datasets.make_lgssm(200, 3, 3, missing=0.2, random_state=100).y
    return {
        "New York air": (model, datasets.load_new_york_air_quality()),
        "simulated, 200 steps": (model, y),
    }


VERBS = {"ssm": "dynamics", "ihmm": "labels", "tbayes": "fill"}
PROBLEMS = {"ssm": ssm_problems, "ihmm": ihmm_problems, "tbayes": tbayes_problems}


def fit(model, X, init, seed):
    """Fit once, from a strategy or a race: (end, iterations of all contenders and chains, CPU seconds, wall)."""
    model = type(model)(**{**model.get_params(deep=False), "init": init, "random_state": seed})
    began, wall = time.process_time(), time.perf_counter()
    model.fit(X)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    n_chains = getattr(model, "n_chains", 1)
    work = (
        model.init_race_.runs["n_iter"].sum()
        if isinstance(init, Race)
        else model.n_iter_ * n_chains
    )
    # The mean over draws for samplers, whose history goes on through them.
    kept = model.history_[model.n_tune + 1 :] if hasattr(model, "n_tune") else model.history_[-1:]
    return float(np.mean(kept)), int(work), seconds, wall


def run(kind, n_seeds, races, problems, jobs):
    """Fit everything: one row for each fit; `jobs` has the threads of each race, and a run of one start has one."""
    rows = []
    starts = {name: name for name in SINGLES[kind]} | races
    for problem, (given, X) in problems.items():
        for init in starts.values():
            fit(
                given.__class__(**{**given.get_params(deep=False), **_short(kind)}), X, init, 0
            )  # compile
        for seed in range(n_seeds):
            for name, init in starts.items():
                model = given
                if kind == "ssm" and name in ONE_START and seed:
                    continue
                if jobs.get(name, 1) > 1:
                    model = type(model)(**{**model.get_params(deep=False), "n_jobs": jobs[name]})
                rows.append((problem, name, seed, *fit(model, X, init, seed)))
        print(problem, flush=True)
    return pd.DataFrame(
        rows, columns=["problem", "strategy", "seed", "end", "iterations", "seconds", "wall"]
    )


def _budget(text):
    return text if text == "auto" else float(text)


def _short(kind):
    return {"max_iter": 2} if kind == "ssm" else {"n_tune": 2, "n_draws": 2}


def judge(table, race, others, sampler):
    """One row for each run of a race: how far below the best single strategy, and what it cost beside one run."""
    rows = []
    for problem, cell in table.groupby("problem", sort=False):
        single = cell[~cell["strategy"].isin(others)].groupby("strategy")
        middle = single[["end", "iterations", "seconds"]].median()
        best = middle["end"].idxmax()
        top = middle.loc[best, "end"]
        tolerance = 1.64 * single["end"].std()[best] if sampler else optimum_tolerance(top)
        for raced in cell[cell["strategy"] == race].itertuples():
            row = {
                "problem": problem,
                "best": best,
                "behind": top - raced.end,
                "good": raced.end >= top - tolerance,
            }
            for unit in ("iterations", "seconds"):
                cost = getattr(raced, unit)
                row |= {
                    f"{unit} / run": cost / middle[unit].median(),
                    f"{unit} / best": cost / middle.loc[best, unit],
                }
            rows.append(row)
    return pd.DataFrame(rows)


def tell(judged, title):
    """Print a table by problem and the totals."""
    costs = [name for name in judged if "/" in name]
    by = judged.groupby("problem", sort=False)
    shown = by[["behind", *costs]].median().assign(good=by["good"].mean(), best=by["best"].first())
    print(shown.round(2).to_string())
    # Races of one problem resemble each other, so that problems are what is drawn again.
    share = shown["good"].to_numpy()
    again = np.random.default_rng(0).choice(share, (10_000, len(share))).mean(axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    print(
        f"\n{title}: at least as good in {judged['good'].sum()} of {len(judged)} races on {len(share)} problems: "
        f"{share.mean():.1%} ({low:.1%} to {high:.1%}); most behind {judged['behind'].max():.2f}"
    )
    for name in costs:
        x = judged[name]
        print(
            f"{name}: median {x.median():.2f}, maximum {x.max():.2f}, at most 2.5 in {(x <= 2.5).mean():.0%}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--budgets",
        type=_budget,
        nargs="+",
        default=["auto", 2.0],
        help="of races for ssm, in runs",
    )
    parser.add_argument(
        "--fresh", type=int, metavar="SEED", help="problems of ssm that are drawn anew"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="n_jobs of races")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind in arguments.models:
        budgets = arguments.budgets if kind == "ssm" else [Race().budget]
        races, jobs = {}, {}
        for budget, n_jobs in itertools.product(budgets, arguments.threads):
            name = f"{kind}, budget {budget}, {n_jobs} threads"
            races[name], jobs[name] = Race(budget=budget), n_jobs
        fresh = kind == "ssm" and arguments.fresh is not None
        problems = fresh_problems(arguments.fresh) if fresh else PROBLEMS[kind]()
        print(f"\n{kind}: candidates {candidates(Race(), VERBS[kind])}")
        table = run(kind, arguments.seeds, races, problems, jobs)
        for race in races:
            tell(judge(table, race, races, kind != "ssm"), race)
        print(
            table[table["strategy"].isin(races)]
            .groupby("strategy")[["seconds", "wall"]]
            .sum()
            .round(2)
        )


if __name__ == "__main__":
    main()
