"""How often do a few restarts of `HiddenMarkovModel` reach the best known end, and from which starts?

Forty problems: a stretch of fourteen tables, air quality, the cepstra of an utterance and four simulated series, each
with three and with five states of full covariance. The best known end of a problem is the highest objective of all runs
from all starts, two hundred random ones among them (random labels; the nearest of random rows). Every start runs with
several seeds at the defaults of the model, so that what five restarts reach follows for each start, and for mixtures in
which every restart has a start of its own. hmmlearn's own start (k-means centres, the covariance of all rows, even
probabilities) is fitted by the same EM: its objective is the same, and gaps are interpolated for that start only.

Runs are kept in a folder, and what is there is not run again:

    nice python benchmarks/restarts_hmm.py FOLDER --store restarts/
    python benchmarks/restarts_hmm.py FOLDER --store restarts/ --summary

FOLDER holds the fourteen tables, NAME.csv.gz; without it the other twelve problems remain.
"""

# ruff: noqa: E402

import argparse
import os
import time
import warnings
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
import pandas as pd
from _bench import markdown

from tsinit import HiddenMarkovModel, datasets, emissions, speech
from tsinit._validate import check_series
from tsinit.emissions.gaussian import GaussianParams
from tsinit.init import KMeans, SplitMerge
from tsinit.init._labels import prepare
from tsinit.models.hidden_markov.finite_em import HMMParams
from tsinit.models.hidden_markov.finite_fit import HMMData

SAME_END = 0.5  # nats
N_ROWS, N_COLUMNS = 500, 4
TABLES = (
    "airq", "bafu", "chlorine", "drift", "economy", "eeg_alcohol", "electricity", "etth1", "guangzhou", "meteo",
    "motion", "soccer", "solar", "traffic",
)  # fmt: skip


def problems(folder):
    """Yield (name, y, number of states)."""
    series = {name: table(folder / f"{name}.csv.gz") for name in TABLES} if folder else {}
    air = datasets.load_air_quality()
    series["air quality"] = air.to_numpy(dtype=float)[:N_ROWS, :N_COLUMNS]
    series["cepstra"] = cepstra()
    for D, spread, share in ((1, 2.0, 0.0), (2, 1.5, 0.0), (4, 2.0, 0.2), (8, 1.0, 0.0)):
        made = datasets.make_hmm(
            N_ROWS, 5, D, persistence=0.95, means=(-spread, spread), missing=share, random_state=D
        )
        series[f"simulated, {D} columns"] = made.y
    for name, y in series.items():
        for K in (3, 5):
            yield f"{name}, {K} states", y, K


def table(path):
    """The first columns that vary of a stretch from the middle of a table."""
    y = pd.read_csv(path).to_numpy(dtype=float)
    begin = max(len(y) - N_ROWS, 0) // 2
    y = y[begin : begin + N_ROWS]
    return y[:, np.ptp(y, axis=0) > 0.0][:, :N_COLUMNS]


def cepstra():
    """Frames of 32 ms every 5 ms of an utterance."""
    recording = datasets.load_speech("arctic_a0009")
    found = speech.frames(recording.signal, recording.fs)
    return speech.cepstra(found.values, recording.fs, n=N_COLUMNS)[:N_ROWS]


def random_rows(y, rng, n_states):
    """Nearest of rows drawn at random."""
    _, full, observed = prepare(y, None)
    centres = full[rng.choice(np.flatnonzero(observed), n_states, replace=False)]
    return ((full[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)


FIVE = "the default, n_init=5"
#: Starts with the number of seeds.
STARTS = {
    "kmeans": ("kmeans", 10),
    "jump": ("jump", 10),
    "kmeans, 3 delays": (KMeans(n_delays=3), 10),
    "short_em": ("short_em", 10),
    "gaussian_mixture": ("gaussian_mixture", 10),
    "kmeans++": ("kmeans++", 10),
    "agglomerative": ("agglomerative", 1),
    "segments": ("segments", 1),
    "sticky": ("sticky", 10),
    "uniform": ("uniform", 100),
    "random rows": (random_rows, 100),
    "hmmlearn": (None, 10),
    "split-merge, kmeans": (SplitMerge("kmeans"), 5),
    "split-merge, sticky": (SplitMerge("sticky"), 5),
    "split-merge, short_em": (SplitMerge("short_em"), 5),
    "split-merge, segments": (SplitMerge("segments"), 5),
    "split-merge, gaussian_mixture": (SplitMerge("gaussian_mixture"), 5),
    FIVE: ("restarts", 2),
}
#: What five restarts begin with by default.
IN_TURN = [
    "kmeans",
    "split-merge, gaussian_mixture",
    "split-merge, segments",
    "split-merge, sticky",
    "split-merge, kmeans",
]
RANDOM = ["kmeans", "short_em", "gaussian_mixture", "sticky", "uniform", "random rows", "hmmlearn"]
COLUMNS = ["start", "seed", "objective", "seconds", "n_iter"]


def fit(y, K, start, seed):
    """Run one fit: (objective, seconds, E-steps)."""
    began = time.process_time()
    n_init = 5 if start == "restarts" else 1
    model = HiddenMarkovModel(K, init=start, n_init=n_init, random_state=seed).fit(y)
    return model.history_[-1], time.process_time() - began, model.n_iter_


def fit_as_hmmlearn(y, K, seed):
    """The same from hmmlearn's own start."""
    from hmmlearn.hmm import GaussianHMM

    began = time.process_time()
    model, panel = HiddenMarkovModel(K), check_series(y)
    data = HMMData(panel, emissions.resolve("gaussian").bind(y), model._options())
    loc, scale = data.emission.scale
    peer = GaussianHMM(K, covariance_type="full", random_state=seed)
    peer._init(prepare(y, None).full * np.nanstd(y, axis=0) + np.nanmean(y, axis=0))
    whiten = np.linalg.inv(np.linalg.cholesky(peer.covars_ / np.outer(scale, scale)))
    log_norm = np.log(np.einsum("kii->ki", whiten)).sum(axis=1) - len(loc) / 2 * np.log(2 * np.pi)
    params = GaussianParams((peer.means_ - loc) / scale, whiten, log_norm)
    em, options = data.em(K), data.options
    state = em.evaluate(HMMParams(peer.startprob_, peer.transmat_, params))
    steps = em.iterate(
        state, max_iter=options.max_iter, tol=options.tol, accelerate=options.accelerate
    )
    n_iter, going = -1, None
    try:
        while True:
            state = steps.send(going)
            n_iter, going = n_iter + 1, True
    except StopIteration as ended:
        state = ended.value.state
    return state.objective, time.process_time() - began, n_iter


def run(name, y, K, store):
    """Run what the folder lacks of a problem."""
    path = store / f"{name}.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    for start, (strategy, n_seeds) in STARTS.items():
        had = set(done.loc[done["start"] == start, "seed"])
        rows = []
        for seed in range(n_seeds):
            if seed not in had:
                one = fit_as_hmmlearn(y, K, seed) if strategy is None else fit(y, K, strategy, seed)
                rows.append((start, seed, *one))
        if rows:
            added = pd.DataFrame(rows, columns=COLUMNS)
            done = pd.concat([done, added], ignore_index=True) if len(done) else added
            done.to_csv(path, index=False)


def summarise(store):
    """Print what five restarts reach, and searches against restarts in equal time."""
    tables = {path.stem: pd.read_csv(path) for path in sorted(store.glob("*.csv"))}
    reached, equal = [], []
    for table in tables.values():
        best = table["objective"].max()
        pools = dict(list(table.groupby("start", sort=False)))
        share = {
            name: float((pool["objective"] >= best - SAME_END).mean())
            for name, pool in pools.items()
        }
        row = {name: 1.0 - (1.0 - p) ** 5 for name, p in share.items() if name != FIVE}
        missed = np.prod([1.0 - share[name] for name in IN_TURN])
        reached.append(row | {"in turn": 1.0 - missed, FIVE: share.get(FIVE, np.nan)})
        searches = pools["split-merge, kmeans"]
        equal.append({name: at_least_as_high(searches, pools[name]) for name in RANDOM})
    seconds = pd.concat(tables.values()).groupby("start", sort=False)["seconds"].mean()
    found = pd.DataFrame(reached)
    shown = pd.DataFrame(
        {
            "best known end in five restarts": found.mean(),
            "problems where more likely than not": (found >= 0.5).sum(),
            "seconds a start": seconds,
        }
    )
    print(f"{len(tables)} problems\n\n" + markdown(shown.rename_axis("start"), 2))
    ahead = pd.DataFrame(equal)
    shown = pd.DataFrame(
        {"search as high or higher": (ahead >= 0.5).sum(), "mean share of runs": ahead.mean()}
    )
    print("\nOne search from k-means against restarts in the same time\n")
    print(markdown(shown.rename_axis("restarts of"), 2))


def at_least_as_high(searches, restarts):
    """Share of searches that the best of as many restarts as its time allows does not pass by half a nat."""
    shares = []
    for objective, seconds in zip(searches["objective"], searches["seconds"], strict=True):
        n = max(round(seconds / restarts["seconds"].mean()), 1)
        below = (restarts["objective"] <= objective + SAME_END).mean()
        shares.append(below**n)
    return float(np.mean(shares))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--store", type=Path, default=Path("restarts"))
    parser.add_argument("--summary", action="store_true", help="of what is there, and run nothing")
    args = parser.parse_args()
    args.store.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    for name, y, K in problems(args.folder) if not args.summary else ():
        began = time.perf_counter()
        run(name, y, K, args.store)
        print(f"{name}: {time.perf_counter() - began:.1f} s", flush=True)
    summarise(args.store)


if __name__ == "__main__":
    main()
