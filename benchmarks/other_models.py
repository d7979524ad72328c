"""Does a start that a comparison recommends end at least as high as a library's own start, in equal time?

hmmlearn's GaussianHMM (diagonal covariances, at most 300 iterations) with 3, 5 and 8 states on 20 data sets of at most
1,500 rows and 8 columns, gaps interpolated. For each problem

1. a pilot of five seeds compares the library's own start with four others, and `Comparison.recommend` names the start
   for a budget of ten fits from the library's own,
2. that budget is spent twice with new seeds: on restarts from the library's own start, and on restarts from the start
   that was named. Each keeps its best; a restart that begins within the budget is finished.

The named start is counted as good where it ends no more than half a nat lower. The interval is over data sets
(bootstrap of their shares). Column `with_pilot` repeats this with the time of the pilot taken off the budget of the
named start, whose pilot runs then count as restarts already done.

    python benchmarks/other_models.py --seeds 5 --output other_models.csv
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from tsinit import compare, datasets, speech

STARTS = ["native", "kmeans", "kmeans++", "segments", "uniform"]
#: Tables of a public collection, in the folder that TSINIT_DATA names.
SERIES = (
    "airq", "bafu", "chlorine", "drift", "economy", "eeg_alcohol", "electricity", "etth1", "guangzhou", "meteo",
    "motion", "soccer", "solar", "traffic",
)  # fmt: skip
MAX_ROWS, MAX_COLUMNS, TOLERANCE, N_FITS = 1500, 8, 0.5, 10


def tables():
    """Load the data sets: {name: complete array}."""
    found = {}
    folder = os.environ.get("TSINIT_DATA")
    for name in SERIES if folder else ():
        found[name] = pd.read_csv(f"{folder}/series/{name}.csv.gz")
    found["UCI air quality"] = datasets.load_air_quality()
    found["New York air"] = datasets.load_new_york_air_quality()
    recording = datasets.load_speech("arctic_a0009")
    frames = speech.frames(recording.signal, recording.fs).values
    found["speech cepstra"] = pd.DataFrame(speech.cepstra(frames, recording.fs))
    for K, D in ((3, 2), (5, 4), (8, 2)):
        means = 1.5 * np.random.default_rng(K).standard_normal((K, D))
        found[f"simulated, {K} states"] = pd.DataFrame(
            datasets.make_hmm(1000, K, D, means=means, random_state=K).y
        )
    return {name: tidy(table) for name, table in found.items()}


def tidy(table):
    """Cut a table, interpolate its gaps, leave out columns that do not vary, and standardise."""
    table = table.iloc[:MAX_ROWS].select_dtypes("number")
    table = table.interpolate(limit_direction="both")
    table = table.loc[:, table.std() > 1e-8].iloc[:, :MAX_COLUMNS]
    return ((table - table.mean()) / table.std()).to_numpy().copy()


def restarts(model, y, start, seconds, seed, spent=0.0, best=-np.inf):
    """Fit from new seeds until the time is spent: (best objective, number of fits)."""
    n = 0
    while spent < seconds or n == 0:
        began = time.perf_counter()
        runs = compare(model, y, [start], n_seeds=1, seed=seed + n, progress=False).runs
        # What the fit took, and not the comparison around it.
        spent += float((runs["init_seconds"] + runs["fit_seconds"]).iloc[0])
        best = np.nanmax([best, runs["objective_final"].iloc[0]])
        n += 1
        if time.perf_counter() - began > 60:
            break
    return best, n


def problem(name, y, n_states, n_seeds):
    """One problem: a row of the table."""
    from hmmlearn.hmm import GaussianHMM

    model = GaussianHMM(n_states, covariance_type="diag", n_iter=300)
    pilot = compare(model, y, STARTS, n_seeds=n_seeds, seed=0, progress=False)
    runs = pilot.runs.assign(time=pilot.runs["init_seconds"] + pilot.runs["fit_seconds"])
    native = runs[runs["strategy"] == "native"]
    seconds = N_FITS * float(native["time"].median())
    named = pilot.recommend(seconds).iloc[0]["strategy"]
    own, n_own = restarts(model, y, "native", seconds, 1000)
    other, n_other = restarts(model, y, named, seconds, 1000)
    used = runs["time"].sum()
    best = runs["objective_final"].max()
    paid = best if used >= seconds else restarts(model, y, named, seconds, 1000, used, best)[0]
    return {
        "data": name, "T": len(y), "D": y.shape[1], "n_states": n_states, "named": named, "seconds": seconds,
        "native": own, "restarts_native": n_own, "recommended": other, "restarts_recommended": n_other,
        "difference": other - own, "good": other >= own - TOLERANCE, "pilot_seconds": used,
        "with_pilot": paid >= own - TOLERANCE,
    }  # fmt: skip


def share(table, column, rng):
    """Share of problems, and its 95 % interval over data sets."""
    by_data = table.groupby("data")[column].mean().to_numpy(dtype=float)
    drawn = rng.choice(by_data, (10_000, len(by_data))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{100 * by_data.mean():.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--states", type=int, nargs="+", default=[3, 5, 8])
    parser.add_argument("--seeds", type=int, default=5, help="of the pilot")
    parser.add_argument("--data", nargs="+", help="only these data sets")
    parser.add_argument("--output", help="CSV file for the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, y in tables().items():
        if options.data and name not in options.data:
            continue
        for n_states in options.states:
            rows.append(problem(name, y, n_states, options.seeds))
            row = rows[-1]
            print(
                f"{name}, {n_states} states: {row['named']} {row['recommended']:,.1f}, native {row['native']:,.1f} "
                f"({row['difference']:+.1f}; {row['seconds']:.1f} s)", flush=True,
            )  # fmt: skip
            if options.output:
                pd.DataFrame(rows).to_csv(options.output, index=False)
    table, rng = pd.DataFrame(rows), np.random.default_rng(0)
    print(table.drop(columns=["seconds", "pilot_seconds"]).round(2).to_string(index=False))
    print(f"at least as high as native in equal time: {share(table, 'good', rng)}")
    print(f"the same, the pilot paid for: {share(table, 'with_pilot', rng)}")
    higher, lower = table["difference"] > TOLERANCE, table["difference"] < -TOLERANCE
    print(f"higher {higher.sum()}, alike {(~higher & ~lower).sum()}, lower {lower.sum()}")
    print(table.loc[higher | lower, "difference"].describe().round(1).to_string())


if __name__ == "__main__":
    main()
