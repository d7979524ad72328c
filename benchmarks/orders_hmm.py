"""How many states do BIC, ICL and rows held out choose for three regimes, where the emission is right and where not?

python benchmarks/orders_hmm.py --series 8
"""

import argparse
import os
import warnings
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from tsinit import HiddenMarkovModel, datasets

N_ROWS = 600
CRITERIA = ("bic", "icl", "held_out")


def normal(seed):
    return regimes(seed).y


def heavy_tails(seed):
    return regimes(seed, df=3.0).y


def skewed(seed):
    noise = np.random.default_rng(seed).gamma(1.0, 1.0, N_ROWS)
    return (np.array([0.0, 3.0, 9.0])[regimes(seed).labels] + noise)[:, None]


def correlated(seed, phi=0.7):
    e, x = np.random.default_rng(seed).standard_normal(N_ROWS), np.zeros(N_ROWS)
    for t in range(1, N_ROWS):
        x[t] = phi * x[t - 1] + np.sqrt(1.0 - phi**2) * e[t]
    return (np.array([-4.0, 0.0, 4.0])[regimes(seed).labels] + x)[:, None]


def regimes(seed, **options):
    return datasets.make_hmm(N_ROWS, 3, means=(-4.0, 4.0), random_state=seed, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=8)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| noise within regimes | " + " | ".join(CRITERIA) + " |\n|---|---|---|---|")
    for simulate in (normal, heavy_tails, skewed, correlated):
        chosen = {name: Counter() for name in CRITERIA}
        for seed in range(args.series):
            model = HiddenMarkovModel(
                range(1, 7), order_criterion="held_out", random_state=seed
            ).fit(simulate(seed))
            table = model.order_table_
            chosen["bic"][table["bic"].idxmin()] += 1
            chosen["icl"][table["icl"].idxmin()] += 1
            chosen["held_out"][table["held_out"].idxmax()] += 1
        cells = [
            ", ".join(f"{K} in {n}" for K, n in sorted(found.items())) for found in chosen.values()
        ]
        print(f"| {simulate.__name__.replace('_', ' ')} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
