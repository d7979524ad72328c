"""Is ``init="auto"`` at least as good as the best single strategy, at no more than 2.5 times the cost of one run?

Every problem is fitted from every single strategy and from the race, with several seeds, one fit at a time. A race is
counted as good where it ends no lower than the median end of the strategy whose median is highest on that problem,
which nobody knows beforehand, less a tolerance: for EM the half nat (and a relative 1e-5) within which `tsinit.compare`
takes two ends for the same, because no data could tell them apart; for samplers, whose end is the mean log density of
the kept draws, 1.64 standard deviations of that strategy's own ends over seeds, since half of its own runs end below
their median. Costs are iterations (sweeps of all chains) and CPU seconds of the whole fit, starts included, over the
median of a full run: of all strategies, and of the best one.

    python benchmarks/race.py --models ssm ihmm --seeds 5
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from tsinit import InfiniteHMM, LinearGaussianSSM, TBayesMICE, datasets, speech
from tsinit.comparison.statistics import end_tolerance, wilson
from tsinit.init import Race
from tsinit.init.race import candidates

SINGLES = {
    "ssm": ["cva", "n4sid", "moesp", "lpc", "lpc_loose", "factor_analysis", "kmeans", "uniform", "eigen"],
    "ihmm": ["jump", "subspace", "kmeans", "kmedoids", "short_em", "gaussian_mixture", "uniform"],
    "tbayes": ["linear", "seasonal", "low_rank", "hot_deck", "mean", "knn"],
}
#: Starts that no seed changes: one fit is all of them.
ONE_START = {"cva", "n4sid", "moesp", "lpc", "lpc_loose", "factor_analysis"}


def ssm_problems(n_frames=6):
    """Speech frames, two tables of air quality, simulated systems: {name: (model, data)}."""
    recording = datasets.load_speech("arctic_a0007")
    signal = speech.resample(recording.signal, recording.fs, 10_000.0)
    voiced = np.flatnonzero(speech.voiced(speech.frames(signal, 10_000.0).values, 10_000.0))
    shaped = speech.pre_emphasis(signal, 10_000.0, 50.0)
    values = speech.frames(shaped, 10_000.0, normalise=True).values
    chosen = voiced[np.linspace(0, len(voiced) - 1, n_frames + 2).astype(int)[1:-1]]
    problems = {f"speech frame {i}": (LinearGaussianSSM(14, max_iter=50), values[i][:, None]) for i in chosen}
    air = datasets.load_new_york_air_quality()
    problems |= {f"New York air, {n} states": (LinearGaussianSSM(n), air) for n in (2, 4)}
    problems |= {f"UCI air, {n} states": (LinearGaussianSSM(n), uci()) for n in (2, 3, 4)}
    for i, (T, n, D, share) in enumerate(
        [(100, 2, 1, 0.0), (150, 3, 2, 0.2), (300, 4, 3, 0.0), (500, 4, 2, 0.1), (400, 6, 4, 0.0), (800, 3, 5, 0.3)]
    ):
        made = datasets.make_lgssm(T, n, D, missing=share, snr=3.0, random_state=100 + i)
        problems[f"simulated, {T} steps, {n} states"] = LinearGaussianSSM(n), made.y
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
    return {"New York air": (model, datasets.load_new_york_air_quality()), "simulated, 200 steps": (model, y)}


def uci():
    """Six-hour means of four columns of UCI air quality."""
    return datasets.load_air_quality()[["CO", "NOx", "NO2", "T"]].resample("6h").mean()


VERBS = {"ssm": "dynamics", "ihmm": "labels", "tbayes": "fill"}
PROBLEMS = {"ssm": ssm_problems, "ihmm": ihmm_problems, "tbayes": tbayes_problems}


def fit(model, X, init, seed):
    """Fit once: (end, iterations of all contenders and chains, CPU seconds)."""
    model = type(model)(**{**model.get_params(deep=False), "init": init, "random_state": seed})
    began = time.process_time()
    model.fit(X)
    seconds = time.process_time() - began
    n_chains = getattr(model, "n_chains", 1)
    raced = init == "auto"
    work = model.init_race_.runs["n_iter"].sum() if raced else model.n_iter_ * n_chains
    # The mean over draws for samplers, whose history goes on through them.
    kept = model.history_[model.n_tune + 1 :] if hasattr(model, "n_tune") else model.history_[-1:]
    return float(np.mean(kept)), int(work), seconds


def run(kind, n_seeds):
    """Fit everything: one row for each fit."""
    rows = []
    for problem, (model, X) in PROBLEMS[kind]().items():
        for name in [*SINGLES[kind], "auto"]:
            fit(model.__class__(**{**model.get_params(deep=False), **_short(kind)}), X, name, 0)  # compile
        for seed in range(n_seeds):
            for name in [*SINGLES[kind], "auto"]:
                if kind == "ssm" and name in ONE_START and seed:
                    continue
                rows.append((problem, name, seed, *fit(model, X, name, seed)))
        print(problem, flush=True)
    return pd.DataFrame(rows, columns=["problem", "strategy", "seed", "end", "iterations", "seconds"])


def _short(kind):
    return {"max_iter": 2} if kind == "ssm" else {"n_tune": 2, "n_draws": 2}


def judge(table, sampler):
    """One row for each race: how far below the best single strategy, and what it cost beside one run."""
    rows = []
    for problem, cell in table.groupby("problem", sort=False):
        single = cell[cell["strategy"] != "auto"].groupby("strategy")
        middle = single[["end", "iterations", "seconds"]].median()
        best = middle["end"].idxmax()
        top = middle.loc[best, "end"]
        tolerance = 1.64 * single["end"].std()[best] if sampler else end_tolerance(top)
        for race in cell[cell["strategy"] == "auto"].itertuples():
            row = {"problem": problem, "best": best, "behind": top - race.end, "good": race.end >= top - tolerance}
            for unit in ("iterations", "seconds"):
                cost = getattr(race, unit)
                row |= {f"{unit} / run": cost / middle[unit].median(), f"{unit} / best": cost / middle.loc[best, unit]}
            rows.append(row)
    return pd.DataFrame(rows)


def tell(judged, kind):
    """Print a table by problem and the totals."""
    costs = [name for name in judged if "/" in name]
    by = judged.groupby("problem", sort=False)
    shown = by[["behind", *costs]].median().assign(good=by["good"].mean(), best=by["best"].first())
    print(shown.round(2).to_string())
    rate = wilson(int(judged["good"].sum()), len(judged))
    print(f"\n{kind}: at least as good in {judged['good'].sum()} of {len(judged)} races: {rate.estimate:.1%} "
          f"({rate.low:.1%} to {rate.high:.1%})")
    for name in costs:
        x = judged[name]
        print(f"{name}: median {x.median():.2f}, maximum {x.max():.2f}, at most 2.5 in {(x <= 2.5).mean():.0%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind in arguments.models:
        print(f"\n{kind}: candidates {candidates(Race(), VERBS[kind])}")
        tell(judge(run(kind, arguments.seeds), kind != "ssm"), kind)


if __name__ == "__main__":
    main()
