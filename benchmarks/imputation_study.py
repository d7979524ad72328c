"""Do temporally informed starts and Langevin steps pay in tBayes-MICE? Starts x samplers x masks.

The claims are those of the abstract of arXiv 2603.27142. The published subset of the air-quality table (863 hours, six
columns) and a simulated vector autoregression are hidden in two ways, 20 % of the cells at random and outages of a
column, by several masks; every start and every sampler runs on the same masks from the same seeds, through
`tsinit.compare`. A mask is what a claim has to hold for, so masks are what intervals are over.

    python benchmarks/imputation_study.py FOLDER --masks 10 --seeds 2 --jobs 2 --store study/

FOLDER holds Data_subset_AirQuality.csv.
"""

import argparse
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _bench import markdown

from tsinit import TBayesMICE, compare, datasets, metrics
from tsinit.result import rhat

INFORMED = ["forward", "linear", "seasonal", "subspace"]
BLIND = ["mean", "median", "uniform", "hot_deck", "knn", "kmeans"]
SAMPLERS = ["mala", "rwm", "gibbs"]
GRID = np.unique(np.geomspace(12, 800, 32).astype(int))  # sweeps after which chains are looked at
AGREED = 1.01


def sweeps_to_agreement(estimator, X):
    """Sweeps after which R-hat of every traced scalar, over the later half, is below 1.01, and stays so."""
    traces = _scalars(estimator)
    looked = np.array([n for n in GRID if n <= estimator.n_iter_])
    apart = np.flatnonzero([not _agree(traces, n) for n in looked])
    settled = apart[-1] + 1 if apart.size else 0
    return float(looked[settled]) if settled < looked.size else float("inf")


def _agree(traces, n):
    return all(not rhat(x[:, n // 2 : n]) >= AGREED for x in traces)


def _scalars(estimator):
    """Traces (chain, sweep) of the log density and of every column's noise, mean and spread of drawn cells."""
    wide = [estimator.trace_[name][:, 1:] for name in ("noise", "imputed_mean", "imputed_sd")]
    columns = [x[..., j] for x in wide for j in range(x.shape[-1]) if np.ptp(x[..., j]) > 0]
    return [estimator.trace_["log_density"][:, 1:], *columns]


def sweeps_to_range(estimator, X):
    """Sweeps after which all chains' log density has been within the central 95 % of the last half of all draws."""
    trace = estimator.trace_["log_density"]
    low, high = np.quantile(trace[:, trace.shape[1] // 2 :], [0.025, 0.975])
    inside = (trace >= low) & (trace <= high)
    return float(np.where(inside.any(axis=1), inside.argmax(axis=1), trace.shape[1]).max())


def least_ess(estimator, X):
    """Smallest effective sample size of a traced scalar."""
    return estimator.sampler_summary()["ess"]


def scores(truth):
    """What every run is scored on, given the complete table."""
    complete = truth.to_numpy()

    def hidden(X):
        return np.isnan(X.to_numpy()) & ~np.isnan(complete)

    def nrmse(table, X):
        return float(np.nanmean(metrics.nrmse(complete, np.asarray(table), where=hidden(X))))

    def coverage(estimator, X):
        return float(
            metrics.coverage(complete, *map(np.asarray, estimator.interval(0.95)), where=hidden(X))
        )

    def crps(estimator, X):
        draws = np.array(estimator.impute(100)) / complete.std(axis=0)
        return float(metrics.crps(complete / complete.std(axis=0), draws, where=hidden(X)))

    return {
        "nrmse": lambda estimator, X: nrmse(estimator.transform(X), X),
        "nrmse_start": lambda estimator, X: nrmse(estimator.start_[0], X),
        "coverage": coverage,
        "crps": crps,
        "sweeps_rhat": sweeps_to_agreement,
        "sweeps_range": sweeps_to_range,
        "ess": least_ess,
    }


def tables(folder):
    """Complete tables: the published subset, and a simulated one of the same size."""
    subset = pd.read_csv(folder / "Data_subset_AirQuality.csv", index_col=0, parse_dates=True)
    made = datasets.make_lgssm(len(subset), n_states=4, n_features=6, snr=20.0, random_state=0)
    return {"air quality": subset, "simulated": pd.DataFrame(made.y)}


def masks(truth, n):
    """Hide cells of a table: {name of the mask: table with gaps}."""
    kinds = {
        "scattered": {"mechanism": "mcar", "rate": 0.2},
        "outages": {"mechanism": "block", "rate": 0.2},
    }
    return {
        f"{kind} {i}": datasets.ampute(truth, **how, random_state=i)
        for kind, how in kinds.items()
        for i in range(n)
    }


def contrasts(runs, score, first, second, by):
    """Mean of `first` minus mean of `second` (levels of `by`) over masks of a kind, with a 95 % t interval.

    Where a run did not arrive within its sweeps, the last sweep counts: the difference is then a lower bound.
    """
    from scipy.stats import t

    rows = []
    cells = runs.assign(kind=runs["dataset"].str.split().str[0]).replace(
        {score: {np.inf: float(GRID[-1])}}
    )
    for kind, part in cells.groupby("kind"):
        means = part.groupby(["dataset", by])[score].mean().unstack(by)
        difference = means[first].mean(axis=1) - means[second].mean(axis=1)
        half = t.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference))
        mean = difference.mean()
        rows.append([kind, score, mean, mean - half, mean + half, len(difference)])
    return pd.DataFrame(rows, columns=["gaps", "score", "difference", "low", "high", "masks"])


def study(name, truth, arguments):
    """Run starts under one sampler, and samplers from one start; one row for each run."""
    longest = int(GRID[-1])
    model = TBayesMICE(n_tune=longest // 6, n_draws=longest - longest // 6)
    hidden = masks(truth, arguments.masks)
    options = {
        "n_seeds": arguments.seeds, "score": scores(truth), "n_jobs": arguments.jobs, "progress": False,
        "store": arguments.store,
    }  # fmt: skip
    starts = compare({"mala": model}, hidden, INFORMED + BLIND, **options).runs
    samplers = compare(
        {kind: model.set_params(sampler=kind).__sklearn_clone__() for kind in SAMPLERS},
        hidden,
        ["linear"],
        **options,
    ).runs
    return starts.assign(table=name), samplers.assign(table=name)


def by_group(runs, group):
    """Medians of the scores, and the share of runs whose chains agreed in time."""
    columns = ["nrmse_start", "nrmse", "crps", "coverage", "sweeps_range", "sweeps_rhat", "ess"]
    table = runs.assign(
        kind=runs["dataset"].str.split().str[0], per_second=runs["score_ess"] / runs["fit_seconds"]
    )
    means = table.groupby(["kind", group])[
        [f"score_{column}" for column in columns] + ["per_second"]
    ].median()
    arrived = np.isfinite(table["score_sweeps_rhat"]).groupby([table["kind"], table[group]]).mean()
    return (
        means.assign(agreed=arrived)
        .rename(columns=lambda column: column.removeprefix("score_"))
        .reset_index()
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--masks", type=int, default=10, help="masks of each kind")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--store", default=None, help="folder that keeps finished runs, to go on after a stop"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, truth in tables(arguments.folder).items():
        starts, samplers = study(name, truth, arguments)
        print(f"\n## {name}: starts\n\n{markdown(by_group(starts, 'strategy'))}")
        for score in ("score_sweeps_rhat", "score_sweeps_range", "score_nrmse"):
            table = contrasts(starts, score, INFORMED, BLIND, "strategy")
            print(f"\ninformed minus blind\n{markdown(table)}", flush=True)
        print(f"\n## {name}: samplers\n\n{markdown(by_group(samplers, 'model'))}")
        samplers = samplers.assign(
            score_log_rate=np.log(samplers["score_ess"] / samplers["fit_seconds"])
        )
        for other in ("rwm", "gibbs"):
            table = contrasts(samplers, "score_log_rate", ["mala"], [other], "model")
            print(f"\nmala minus {other}\n{markdown(table)}")


if __name__ == "__main__":
    main()
