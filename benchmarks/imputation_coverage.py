"""Are the intervals of the state-space engine right? Simulated state-space models, against who knows the parameters.

Every table is drawn from a stable linear Gaussian state-space model of n states and D columns; single cells, runs of
single columns or runs of whole rows are hidden. `TBayesMICE(method="state_space")`, which chooses its number of states,
is put beside the Kalman smoother with the true parameters: error, width and coverage of 95 % intervals.

Cells of one gap are right or wrong together, so that the share of true values inside says little in a table with three
blackouts. What a value is given what was observed is known, though, under the true parameters: ``expected`` is the
probability under that distribution, averaged over cells, which has the same mean and a fraction of the noise.

    python benchmarks/imputation_coverage.py --tables 8
"""

import argparse
import os
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

from time import process_time

import numpy as np
import pandas as pd
from scipy.stats import norm

from tsinit import TBayesMICE
from tsinit.kernels import Kalman, LinearGaussianParams

SIZES = ((2, 4), (4, 12), (6, 60))  # states, columns
KINDS = ("points", "outages", "blackouts")
LEVEL = 0.95


def drawn_model(rng, n, D):
    """A model whose states have variance 1 and moduli from .6 to .98, with a fifth of noise."""
    turn = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = turn @ np.diag(rng.uniform(0.6, 0.98, n)) @ turn.T
    C = rng.standard_normal((D, n)) / np.sqrt(n)
    R = np.diag(0.25 * rng.uniform(0.5, 1.5, D))
    return LinearGaussianParams(A, C, np.eye(n) - A @ A.T, R, np.zeros(n), np.eye(n), np.zeros(D))


def drawn_table(rng, p, T):
    """(T, D) values."""
    n, root = len(p.A), np.linalg.cholesky(p.Q)
    x = rng.standard_normal((T, n))
    for t in range(1, T):
        x[t] = p.A @ x[t - 1] + root @ x[t]
    return x @ p.C.T + rng.standard_normal((T, len(p.C))) * np.sqrt(np.diag(p.R))


def hidden_cells(rng, shape, kind):
    """A fifth of single cells; or, for each hundred rows, a run of 5 to 29 steps of each column, or of all."""
    T, D = shape
    if kind == "points":
        return rng.random(shape) < 0.2
    hidden = np.zeros(shape, dtype=bool)
    for columns in np.arange(D) if kind == "outages" else [slice(None)]:
        for first in rng.integers(0, T - 30, max(T // 100, 1)):
            hidden[first : first + rng.integers(5, 30), columns] = True
    return hidden


def known(p, y):
    """Means and standard deviations of all values given what was observed, under the true parameters."""
    done = Kalman(y.copy(), len(p.A)).smooth(p, covariances=True)
    P = done.covariances.values[done.covariances.index]
    return done.means @ p.C.T, np.sqrt(np.einsum("ij,tjk,ik->ti", p.C, P, p.C) + np.diag(p.R))


def one_table(n, D, T, kind, seed, options):
    """Return the scores of one table, as a dictionary."""
    rng = np.random.default_rng([n, D, KINDS.index(kind), seed])
    p = drawn_model(rng, n, D)
    truth = drawn_table(rng, p, T)
    hidden = hidden_cells(rng, truth.shape, kind)
    y = np.where(hidden, np.nan, truth)
    mean, sd = (x[hidden] for x in known(p, y))
    began = process_time()
    model = TBayesMICE(method="state_space", transforms=None, random_state=seed, **options).fit(y)
    seconds, true = process_time() - began, truth[hidden]
    low, high = (x[hidden] for x in model.interval(LEVEL))
    half = norm.ppf(0.5 + LEVEL / 2) * sd
    return {
        "states": n, "columns": D, "gaps": kind, "table": seed,
        "rmse ratio": np.sqrt(np.mean((model.transform(y)[hidden] - true) ** 2) / np.mean((mean - true) ** 2)),
        "width ratio": (high - low).mean() / (2.0 * half.mean()),
        "coverage": np.mean((true >= low) & (true <= high)),
        "oracle": np.mean(np.abs(true - mean) <= half),
        "expected": np.mean(norm.cdf((high - mean) / sd) - norm.cdf((low - mean) / sd)),
        "rhat": model.sampler_summary()["rhat"], "cpu": seconds,
    }  # fmt: skip


def summary(runs):
    """Means over tables, with standard errors of the shares."""
    groups = runs.groupby(["states", "columns", "gaps"], sort=False)
    scores = ["rmse ratio", "width ratio", "coverage", "oracle", "expected", "rhat", "cpu"]
    table = groups[scores].mean()
    for name in ("coverage", "oracle", "expected"):
        table.insert(table.columns.get_loc(name) + 1, f"{name} se", groups[name].sem())
    return table.assign(tables=groups.size()).reset_index()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=8, help="of each size and kind of gap")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--draws", type=int, default=200, help="of each of two chains")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=range(len(SIZES)), help=f"of {SIZES}"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    options = {"n_chains": 2, "n_draws": arguments.draws, "n_tune": arguments.draws // 4}
    runs = []
    for n, D in (SIZES[i] for i in arguments.sizes):
        for kind in arguments.kinds:
            for seed in range(arguments.tables):
                runs.append(one_table(n, D, arguments.rows, kind, seed, options))
            print(pd.DataFrame(runs[-arguments.tables :]).round(3).to_string(), flush=True)
    from _bench import markdown  # binds the process to one processor

    print(markdown(summary(pd.DataFrame(runs))))


if __name__ == "__main__":
    main()
