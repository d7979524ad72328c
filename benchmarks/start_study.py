"""Does distance-based clustering beat model-based and uniform starts of the infinite hidden Markov model?

The claim is that of Cortese and Rossini (arXiv 2512.03777), whose tables could not be read; the design is ours. A
space-filling part of a grid of simulated settings (persistence, separation, columns, tails, gaps, length, states of
the start) crossed with stickiness and with the budget in sweeps; every start runs on the same data with the same
seeds, through `tsinit.compare`. Two real tables follow, where the joint log density takes the place of the truth.

    python benchmarks/start_study.py --settings 24 --jobs 2 --store study/
"""

import argparse
import itertools
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _bench import markdown
from scipy.stats import qmc

from tsinit import InfiniteHMM, compare, datasets

FAMILIES = {
    "uniform": ["uniform"],
    "distance": ["kmeans", "kmeans++", "kmedoids", "agglomerative", "jump"],
    "model": ["gaussian_mixture", "short_em"],
    "other": ["one_state", "segments", "subspace"],
}
STRATEGIES = [name for names in FAMILIES.values() for name in names]
GRID = {
    "persistence": (0.9, 0.95, 0.99),
    "separation": (1.0, 1.5, 2.0),
    "n_features": (1, 5),
    "df": (np.inf, 4.0),
    "missing": (0.0, 0.2),
    "n_steps": (200, 500, 1500),
    "n_init_states": (3, 6, 10),
}
BUDGETS = (100, 1000)


def settings(n, seed=0):
    """Spread `n` settings over the grid: a Latin hypercube with little discrepancy, rounded to levels."""
    points = qmc.LatinHypercube(len(GRID), rng=seed, optimization="random-cd").random(n)
    return [
        {
            name: levels[int(u * len(levels))]
            for (name, levels), u in zip(GRID.items(), point, strict=True)
        }
        for point in points
    ]


def models(n_init_states, emission="gaussian_diag"):
    """One estimator for each budget and kind of prior; half of the sweeps are discarded, one chain."""
    return {
        f"{'sticky' if sticky else 'plain'}, {budget}": InfiniteHMM(
            n_init_states=n_init_states, sticky=sticky, n_tune=budget // 2, n_draws=budget // 2, n_chains=1,
            emission=emission,
        )
        for sticky, budget in itertools.product((True, False), BUDGETS)
    }  # fmt: skip


def simulated(setting, i):
    """Simulate the data set of a setting: (name, y, labels)."""
    s = setting
    made = datasets.make_hmm(
        s["n_steps"], 3, s["n_features"], persistence=s["persistence"], df=s["df"], missing=s["missing"],
        means=(-s["separation"], s["separation"]), random_state=10_000 + i,
    )  # fmt: skip
    return f"setting {i}", made.y, made.labels


def run(arguments):
    """Run all settings; one row for each run, with its setting."""
    tables = []
    for i, setting in enumerate(settings(arguments.settings)):
        name, y, labels = simulated(setting, i)
        result = compare(
            models(setting["n_init_states"]), {name: y}, STRATEGIES, n_seeds=arguments.seeds, truth={name: labels},
            score={}, n_jobs=arguments.jobs, progress=False, seed=i, store=arguments.store,
        )  # fmt: skip
        tables.append(result.runs.assign(**setting))
        print(f"setting {i}: {setting}", flush=True)
    return pd.concat(tables, ignore_index=True)


def contrasts(runs, score, rng, n_resamples=2000):
    """Distance-based minus another family, by model: mean paired difference and 95 % interval over settings.

    Runs are averaged over strategies of a family and seeds within a setting first: settings, not runs, are what the
    claim is about, and they are what is resampled.
    """
    family = {name: family for family, names in FAMILIES.items() for name in names}
    cells = (
        runs.assign(family=runs["strategy"].map(family))
        .groupby(["model", "dataset", "family"])[score]
        .mean()
    )
    wide = cells.unstack("family")
    rows = []
    for model, table in wide.groupby(level="model", sort=False):
        for other in ("uniform", "model"):
            difference = (table["distance"] - table[other]).dropna().to_numpy()
            means = difference[
                rng.integers(len(difference), size=(n_resamples, len(difference)))
            ].mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            wins = (difference > 0).mean()
            rows.append(
                [model, f"distance - {other}", difference.mean(), low, high, wins, len(difference)]
            )
    columns = [
        "model, sweeps",
        "contrast",
        "mean",
        "low",
        "high",
        "share of settings won",
        "settings",
    ]
    return pd.DataFrame(rows, columns=columns)


def real(arguments):
    """Two real tables: daily New York air, and hourly pollution in an Italian city, six-hour means."""
    tables = {"New York 1973": datasets.load_new_york_air_quality()}
    try:
        hourly = datasets.load_air_quality()
        tables["UCI air quality"] = hourly[["CO", "NOx", "NO2", "T"]].resample("6h").mean()
    except (OSError, KeyError) as error:
        print(f"left out: {error}")
    result = compare(
        models("auto"), tables, STRATEGIES, n_seeds=arguments.seeds * 2, score={}, n_jobs=arguments.jobs,
        progress=False, store=arguments.store,
    )  # fmt: skip
    return result.runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settings", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--store", default=None, help="folder that keeps finished runs, to go on after a stop"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    runs = run(arguments)
    print("\nAdjusted Rand index against the truth, mean by strategy\n")
    print(markdown(runs.groupby(["strategy", "model"])["score_ari"].mean().unstack()))
    print("\nDistance-based minus others, ARI\n")
    print(markdown(contrasts(runs, "score_ari", rng)))
    for factor in ("persistence", "n_init_states", "separation"):
        for level, part in runs.groupby(factor):
            print(f"\n{factor} = {level}\n")
            print(markdown(contrasts(part, "score_ari", rng)))
    print(
        "\nReal tables: joint log density over the draws, minus the best strategy's, mean over seeds"
    )
    table = real(arguments)
    means = table.groupby(["dataset", "model", "strategy"])["objective_final"].mean().unstack()
    for dataset, part in means.sub(means.max(axis=1), axis=0).groupby(level="dataset"):
        print(f"\n{dataset}\n\n" + markdown(part.droplevel("dataset").T, 1))


if __name__ == "__main__":
    main()
