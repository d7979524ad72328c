"""Accuracy, coverage and cost of the imputer on the data of the study.

    python benchmarks/imputation.py subset FOLDER      # 863 hours, 6 columns: the published mask and 20 others
    python benchmarks/imputation.py station FOLDER     # 9,357 hours, 12 columns: scattered cells, outages
    python benchmarks/imputation.py patients FOLDER    # laboratory values by patient, one lag and two
    python benchmarks/imputation.py samplers           # effective draws per second of one regression

`station` hides cells with as many seeds as --seeds says and reports the mean; memory is what a fit takes beyond what
the process had before the first, which is mostly imports and the table.

FOLDER holds AirQualityUCI.csv and the two files of the published subset, or the three of the laboratory values.
"""

import argparse
import resource
import warnings
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from tsinit import TBayesMICE
from tsinit.kernels.imputation import regression
from tsinit.kernels.imputation.column_regressions import SamplerSettings, sample
from tsinit.result import ess


def score(model, table, truth, lengths=None, level=0.95):
    """Fit, and print the errors in standard deviations of the hidden values, coverage, seconds and megabytes."""
    began = process_time()
    done = np.asarray(model.fit(table, lengths=lengths).transform(table, lengths=lengths))
    seconds = process_time() - began
    lower, upper = (np.asarray(end) for end in model.interval(level))
    hidden = np.isnan(np.asarray(table, dtype=float)) & ~np.isnan(truth)
    errors = [
        np.sqrt(np.mean((done - truth)[rows, j] ** 2)) / truth[rows, j].std()
        for j, rows in enumerate(hidden.T)
        if rows.any()
    ]
    covered = ((lower <= truth) & (truth <= upper))[hidden].mean()
    return np.array(errors), covered, seconds


def resident():
    """Largest memory of the process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(name, errors, covered, seconds, model, before=0.0):
    summary = model.sampler_summary()
    columns = " ".join(f"{error:.3f}" for error in errors)
    print(
        f"{name:24s} {model.method_} NRMSE {errors.mean():.4f} [{columns}] coverage {covered:.3f} {seconds:5.1f} CPU-s "
        f"{resident() - before:4.0f} MB R-hat {summary['rhat']:.2f} ESS {summary['ess']:.0f}",
        flush=True,
    )


def subset(folder, options):
    """The published subset; the first fit compiles and is not counted."""
    truth = pd.read_csv(folder / "Data_subset_AirQuality.csv", index_col=0, parse_dates=True)
    masked = pd.read_csv(folder / "Data_with_missing_AirQuality.csv", index_col=0, parse_dates=True)
    TBayesMICE(n_tune=2, n_draws=2, random_state=0).fit(masked)
    model = TBayesMICE(random_state=0, **options)
    show("published mask", *score(model, masked, truth.to_numpy()), model)
    results = []
    for seed in range(20):
        hidden = np.random.default_rng(seed).random(truth.shape) < 0.2
        errors, covered, _ = score(model, truth.mask(hidden), truth.to_numpy())
        results.append([errors.mean(), covered])
    results = np.array(results)
    mean, sd = results.mean(axis=0), results.std(axis=0, ddof=1)
    print(
        f"20 masks: NRMSE {mean[0]:.4f} (sd {sd[0]:.4f}), coverage {mean[1]:.3f} (sd {sd[1]:.3f})"
    )


def read_station(folder):
    table = (
        pd.read_csv(folder / "AirQualityUCI.csv", sep=";", decimal=",")
        .iloc[:, :15]
        .dropna(how="all")
    )
    times = pd.to_datetime(table["Date"] + " " + table["Time"], format="%d/%m/%Y %H.%M.%S")
    return table.drop(columns=["Date", "Time", "NMHC(GT)"]).set_index(times).replace(-200, np.nan)


def hide(kind, shape, rng):
    """Cells to hide: a share of them, a fifth by outages of a column, or a tenth by outages of the station."""
    if isinstance(kind, float):
        return rng.random(shape) < kind
    hidden = np.zeros(shape, dtype=bool)
    for j in range(shape[1]) if kind == "column" else [slice(None)]:
        spent = 0
        while spent < (0.2 if kind == "column" else 0.1) * shape[0]:
            length = rng.integers(6, 49)
            first = rng.integers(0, shape[0] - length)
            hidden[first : first + length, j] = True
            spent += length
    return hidden


def station(folder, options, n_seeds):
    """The table with its own gaps, and with cells hidden besides; the first fit compiles and is not counted."""
    table = read_station(folder)
    TBayesMICE(n_tune=2, n_draws=2, random_state=0).fit(table)
    print(f"{resident():.0f} MB before the first fit")
    before, began = resident(), process_time()
    model = TBayesMICE(random_state=0, **options).fit(table)
    model.impute(20)
    print(
        f"its own gaps, 20 tables: {process_time() - began:.1f} CPU-s, {resident() - before:.0f} MB more"
    )
    for kind in (0.1, 0.2, 0.4, "column", "station"):
        results = []
        for seed in range(n_seeds):
            hidden = hide(kind, table.shape, np.random.default_rng(seed))
            model = TBayesMICE(
                random_state=0, method="auto" if kind == "station" else "fcs", **options
            )
            errors, covered, seconds = score(model, table.mask(hidden), table.to_numpy(), level=0.9)
            show(f"{kind} hidden, seed {seed}", errors, covered, seconds, model, before)
            results.append([errors.mean(), covered, seconds])
        mean = np.mean(results, axis=0)
        print(
            f"{kind}, {n_seeds} seeds: NRMSE {mean[0]:.4f}, coverage {mean[1]:.3f}, {mean[2]:.1f} CPU-s",
            flush=True,
        )


def patients(folder, options):
    whole = pd.read_csv(folder / "physionet_4000patients.csv").dropna()
    columns = [name for name in whole if name not in ("RecordID", "Time")]
    masked = pd.read_csv(folder / "physio_with_missing.csv")[columns].to_numpy(float)
    lengths = [len(group) for _, group in whole.groupby("RecordID", sort=False)]
    for lags in (1, 2):
        model = TBayesMICE(**{"lags": lags, "random_state": 0, **options})
        show(
            f"patients, {lags} lag(s)",
            *score(model, masked, whole[columns].to_numpy(float), lengths),
            model,
        )


def samplers(n=686, d=10, n_draws=24_000):
    """Effective draws of the slowest coefficient per second, proposals shaped and not."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = (
        rng.standard_normal((n, d)) * np.geomspace(1.5, 0.15, d) @ turn
    )  # as ill-conditioned as the published target
    y = X @ rng.standard_normal(d) * 0.1 + 0.4 * rng.standard_normal(n)
    prior = regression.RegressionPrior(5.0, 1.0, 0.5, 5.0)
    target = regression.RegressionTarget(d, X.T @ X, X.T @ y, float(y @ y), float(n), prior, d)
    print(f"condition number {np.linalg.cond(target.G):.0f}")
    codes = {"gibbs": regression.GIBBS, "mala": regression.MALA, "rwm": regression.RWM}
    for name, shaped in [
        ("gibbs", True),
        ("mala", True),
        ("rwm", True),
        ("mala", False),
        ("rwm", False),
    ]:
        settings = SamplerSettings(codes[name], 1, shaped, True)
        w = regression.workspace(d)
        w.theta[:] = np.linalg.solve(target.G, target.g)
        tau2 = np.full(6001, (target.yy - w.theta @ target.g) / n)
        first = 0.5 if shaped else 0.01
        step, _ = sample(rng, target, settings, w, first, np.zeros((6001, d)), tau2)
        theta, tau2 = np.zeros((n_draws + 1, d)), np.full(n_draws + 1, tau2[0])
        began = process_time()
        _, acceptance = sample(rng, target, settings._replace(adapt=False), w, step, theta, tau2)
        seconds = process_time() - began
        size = min(ess(column[None]) for column in theta[1:].T)
        print(
            f"{name:6s} {'shaped' if shaped else 'round '} {1e6 * seconds / n_draws:5.2f} us a step, acceptance "
            f"{acceptance:.2f}, smallest ESS {size:6.0f}, {size / seconds:8.0f} a second"
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", choices=["subset", "station", "patients", "samplers"])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("."))
    parser.add_argument("--n-tune", type=int)
    parser.add_argument("--n-draws", type=int)
    parser.add_argument("--seeds", type=int, default=1, help="masks of each kind, for `station`")
    given = parser.parse_args()
    options = {k: v for k, v in (("n_tune", given.n_tune), ("n_draws", given.n_draws)) if v}
    warnings.simplefilter("ignore")  # R-hat is in the table
    if given.job == "samplers":
        samplers()
    elif given.job == "station":
        station(given.folder, options, given.seeds)
    else:
        {"subset": subset, "patients": patients}[given.job](given.folder, options)


if __name__ == "__main__":
    main()
