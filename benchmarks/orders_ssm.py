"""How many states do BIC, AIC and rows held out choose for simulated systems, and what do the choices predict?

python benchmarks/orders_ssm.py --systems 50

Systems of 3 and 4 states with two columns, one to n + 2 states to choose from; errors are of 2,000 new rows, one step
ahead. A line for each system goes to `--out` where it is given; what is there already is not fitted again.
"""

import argparse
import itertools
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import _records
import _systems
import numpy as np
import pandas as pd

from tsinit import LinearGaussianSSM

N_NEW, SETTLED = 2_000, 50
CRITERIA = ("bic", "aic", "held_out")
SAID = {"bic": "BIC", "aic": "AIC", "held_out": "held out"}
STATES, ROWS = (3, 4), (200, 1_000)


def one(k, n, T):
    """Fit all orders to one system; what each criterion chose, its mean squared error and log-density."""
    rng = np.random.default_rng([k, n, T])
    params = _systems.random_params(rng, n, 2, radius=0.95, mean=False)
    _, y = _systems.simulate(params, T + N_NEW, rng)
    y, new = y[:T], y[T:]
    fit = LinearGaussianSSM(range(1, n + 3), order_criterion="held_out", random_state=0).fit(y)
    table = fit.order_table_
    found = {"bic": table.bic.idxmin(), "aic": table.aic.idxmin()}
    found["held_out"] = table.held_out.idxmax()
    truth = LinearGaussianSSM(n, init=params, max_iter=0).fit(y)
    errors = {0: predicted(truth, new, y)}
    for m in {int(m) for m in found.values()}:
        own = fit if m == fit.n_states_ else LinearGaussianSSM(m, random_state=0).fit(y)
        errors[m] = predicted(own, new, y)
    row = {"n": n, "T": T, "k": k, "truth": errors[0][0], "truth_ll": errors[0][1]}
    for name, m in found.items():
        row |= {name: int(m), f"{name}_mse": errors[m][0], f"{name}_ll": errors[m][1]}
    return row


def predicted(fit, new, y):
    """Mean squared error of one-step predictions, in variances of the columns, and log-density by value."""
    error = (new - fit.predict(new).means) / y.std(axis=0)
    return float((error[SETTLED:] ** 2).mean()), float(fit.score(new))


def show(rows):
    table = pd.DataFrame(rows)
    print("| rows | systems | | BIC | AIC | held out |\n|---|---|---|---|---|---|")
    for T, group in table.groupby("T"):
        for n, some in group.groupby("n"):
            cells = [f"{(some[c] == n).sum()} of {len(some)}" for c in CRITERIA]
            print(f"| {T} | {len(group)} | {n} states found | " + " | ".join(cells) + " |")
        excess = {c: 100.0 * (np.sqrt(group[f"{c}_mse"] / group.truth) - 1.0) for c in CRITERIA}
        cells = [f"{x.mean():.2f} ({x.sem():.2f})" for x in excess.values()]
        print("| | | excess error, % | " + " | ".join(cells) + " |")
        cells = [f"{1e3 * (group.truth_ll - group[f'{c}_ll']).mean():.1f}" for c in CRITERIA]
        print("| | | log-density lost, 1e-3 nats | " + " | ".join(cells) + " |")
        for a, b in itertools.combinations(CRITERIA, 2):
            gap = excess[b] - excess[a]
            print(f"| | | {SAID[b]} less {SAID[a]}, % | {gap.mean():+.2f} ({gap.sem():.2f}) | | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", type=int, default=50, help="of each number of states and rows")
    parser.add_argument("--out", type=Path, help="file of results, a line for each system")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = _records.read(args.out)
    known = {(row["k"], row["n"], row["T"]) for row in rows}
    for case in itertools.product(range(args.systems), STATES, ROWS):
        if case not in known:
            rows.append(one(*case))
            _records.append(args.out, rows[-1])
    show(rows)


if __name__ == "__main__":
    main()
