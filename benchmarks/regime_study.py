"""Whether the hidden Markov models say the truth of themselves, on simulated series: convergence, and probabilities.

    python -W ignore benchmarks/regime_study.py                 # both parts: about ten minutes of one core
    python -W ignore benchmarks/regime_study.py --series 10 --calibrate 0

Convergence: series of separate regimes (2 to 5 states whose means are five standard deviations apart, 1 to 3 columns,
200 to 1,000 rows), the infinite model at its defaults: how often `converged_`, and how often as many states as there
are.

Calibration: series whose regimes overlap (means two standard deviations apart). Of the rows whose most probable state
has a probability in a range, the share that are in that state, with a bootstrap interval over series; states are
matched with the true ones so that most rows agree.
"""

# ruff: noqa: E402

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

from tsinit import HiddenMarkovModel, InfiniteHMM
from tsinit.datasets import make_hmm
from tsinit.metrics import adjusted_rand_index

GAP, OVERLAPPING_GAP = 5.0, 2.0  # standard deviations between neighbouring means
LENGTHS = (200, 400, 600, 800, 1000)
RANGES = ((0.5, 0.6), (0.6, 0.75), (0.75, 0.9), (0.9, 0.99), (0.99, 1.01))
N_BOOTSTRAP = 2000


def separate(seed):
    """A series of separate regimes; sizes go round with the seed."""
    K, D, T = 2 + seed % 4, 1 + seed // 4 % 3, LENGTHS[seed % 5]
    reach = (
        GAP * (K - 1) / np.sqrt(D)
    )  # in every column, so that the distance is the same for any number of them
    return make_hmm(T, K, D, means=(0.0, reach), random_state=seed)


def convergence(n_series):
    print(
        f"### {n_series} series of separate regimes, the infinite model at its defaults\n",
        flush=True,
    )
    rows, spent = [], time.process_time()
    for seed in range(n_series):
        data = separate(seed)
        model = InfiniteHMM(random_state=seed).fit(data.y)
        n_states, found = len(np.unique(data.labels)), model.convergence_
        apart = [name for name, one in found.scalars.items() if not one.agree]
        apart += [] if found.segmentations_agree else ["segmentation"]
        rows.append(
            (model.converged_, model.n_states_ == n_states, found.only_spare_states,
             adjusted_rand_index(data.labels, model.labels_))
        )  # fmt: skip
        if apart or not rows[-1][1]:
            print(f"seed {seed}: T = {len(data.y)}, D = {data.y.shape[1]}, {model.n_states_} states of {n_states}; "
                  f"apart: {', '.join(apart) or 'nothing'}", flush=True)  # fmt: skip
    converged, right, spare, index = np.mean(rows, axis=0)
    print(f"\nConverged {converged:.0%}; number of states right {right:.0%}; apart in spare states alone {spare:.0%}; "
          f"mean adjusted Rand index {index:.3f}; {time.process_time() - spent:.0f} CPU s.\n", flush=True)  # fmt: skip


def calibration(n_series):
    print(
        f"### {n_series} series of overlapping regimes: share of rows in their most probable state\n"
    )
    answers = {}
    for seed in range(n_series):
        K = 2 + seed % 2
        data = make_hmm(500, K, means=(0.0, OVERLAPPING_GAP * (K - 1)), random_state=1000 + seed)
        finite = HiddenMarkovModel(K, emission="gaussian", n_init=5, random_state=seed).fit(data.y)
        infinite = InfiniteHMM(random_state=seed).fit(data.y)
        for name, probability in {
            "`HiddenMarkovModel.probabilities_`": finite.probabilities_,
            "`InfiniteHMM.probabilities_`": infinite.probabilities_,
            "`InfiniteHMM.predict_proba`": infinite.predict_proba(data.y),
        }.items():
            answers.setdefault(name, []).append(judged(probability, data.labels))
    print("| largest probability | " + " | ".join(answers) + " |")
    print("|---" * (len(answers) + 1) + "|")
    for low, high in RANGES:
        cells = [share_right(series, low, high) for series in answers.values()]
        print(f"| {low} to {min(high, 1.0)} | " + " | ".join(cells) + " |", flush=True)


def judged(probability, truth):
    """Largest probability of every row, and whether its state is the true one."""
    labels = probability.argmax(axis=1)
    shared = np.zeros((probability.shape[1], truth.max() + 1))
    np.add.at(shared, (labels, truth), 1)
    matched = np.full(len(shared), -1)
    own, other = linear_sum_assignment(shared, maximize=True)
    matched[own] = other
    return probability.max(axis=1), matched[labels] == truth


def share_right(series, low, high):
    """Share of right rows in a range of probabilities, beside their mean probability, with a bootstrap interval."""
    n, right, sums = (
        np.array([values[(low < p) & (p <= high)].sum() for p, values in parts])
        for parts in (
            [(p, np.ones(len(p))) for p, _ in series],
            series,
            [(p, p) for p, _ in series],
        )
    )
    chosen = np.random.default_rng(0).integers(0, len(series), (N_BOOTSTRAP, len(series)))
    drawn = right[chosen].sum(axis=1) / np.maximum(n[chosen].sum(axis=1), 1)
    lower, upper = np.quantile(drawn, (0.025, 0.975))
    return f"{right.sum() / n.sum():.3f} ({lower:.3f}-{upper:.3f}) of {sums.sum() / n.sum():.3f}, {n.sum():.0f} rows"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=61, help="of separate regimes")
    parser.add_argument("--calibrate", type=int, default=40, help="series of overlapping regimes")
    arguments = parser.parse_args()
    if arguments.series:
        convergence(arguments.series)
    if arguments.calibrate:
        calibration(arguments.calibrate)


if __name__ == "__main__":
    main()
