"""The beam sampler: time of a sweep, accuracy against an oracle that knows the parameters, memory of a long series.

The public R code of the study (github.com/FedericoCortese/iHMM) needs R; where ``Rscript`` is not installed its times
stand here as they were measured once: 31, 53 and 75 CPU ms a sweep at T = 500, 1000 and 2000, for this model (known
variance, one column, not sticky) and these series.

    python -W ignore benchmarks/beam_sampler.py            # sweeps, long series, chains: 2 min
    python -W ignore benchmarks/beam_sampler.py --accuracy 20    # and the study's simulation over 20 seeds: 20 min
"""

# ruff: noqa: E402

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import resource
import time

import numpy as np
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

from tsinit import InfiniteHMM, emissions
from tsinit.datasets import make_hmm
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.models import Monitor
from tsinit.models.hidden_markov.chain import BeamChain, ConcentrationPriors

R_MS = {500: 31.0, 1000: 53.0, 2000: 75.0}


def milliseconds(chain, n_sweeps, rounds=7):
    """Median CPU milliseconds of a sweep."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(n_sweeps):
            chain.sweep()
        spent.append((time.process_time() - began) / n_sweeps)
    return 1e3 * float(np.median(spent))


def make_chain(data, emission, sticky, priors=None, labels=None):
    offsets = np.array([0, len(data.y)])
    on_data = emissions.resolve(emission).bind(data.y, offsets)
    z = np.random.default_rng(0).integers(4, size=len(data.y)) if labels is None else labels
    return BeamChain(
        on_data,
        offsets,
        z,
        np.random.default_rng(0),
        priors=priors or ConcentrationPriors(),
        sticky=sticky,
    )


def sweeps():
    print("### One sweep, three states, one column\n")
    print(
        "| T | known variance, plain: CPU ms | times faster than the R code | full Gaussian, sticky: CPU ms |"
    )
    print("|---|---|---|---|")
    for T, r_ms in R_MS.items():
        data = make_hmm(T, persistence=0.95, random_state=0)
        known = emissions.KnownVarianceGaussian(variance=1.0)
        plain = make_chain(
            data, known, False, ConcentrationPriors(alpha=(6.0, 1.0), gamma=(4.0, 1.0))
        )
        full = make_chain(data, "gaussian", True)
        for chain in (plain, full):
            milliseconds(chain, 300, 1)
        ms = milliseconds(plain, 300)
        print(f"| {T} | {ms:.3f} | {r_ms / ms:.0f} | {milliseconds(full, 300):.3f} |", flush=True)


def long_series():
    T, D, K = 100_000, 5, 20
    means = np.random.default_rng(0).normal(scale=3.0, size=(K, D))
    data = make_hmm(T, K, D, persistence=0.97, means=means, random_state=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chain = make_chain(data, "gaussian", True, labels=data.labels)
    milliseconds(chain, 3, 1)
    ms = milliseconds(chain, 3, 5)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"\n### T = {T:,}, D = {D}, {K} states, full covariances: {ms:.0f} CPU ms a sweep, {grown:.0f} MB, "
          f"K = {chain.K}")  # fmt: skip


def parallel():
    """Four chains on two processors against two runs of two, all at once in threads."""
    data = make_hmm(2000, n_features=2, random_state=0)
    model = InfiniteHMM(n_tune=500, n_draws=500, random_state=0)
    model.set_params(n_chains=2).fit(data.y)

    def wall(n_chains, n_jobs):
        monitor = Monitor()
        model.set_params(n_chains=n_chains, n_jobs=n_jobs).fit_under(monitor, data.y)
        return monitor.fit_seconds

    two = np.median([wall(2, 2) for _ in range(3)])
    four = np.median([wall(4, 2) for _ in range(3)])
    one = np.median([wall(4, 1) for _ in range(3)])
    print(f"\n### Chains of 1,000 sweeps, wall seconds of sampling: four in two threads {four:.2f}, two runs of two "
          f"{2 * two:.2f} ({four / (2 * two):.2f}), four in one thread {one:.2f}")  # fmt: skip


def oracle(data):
    """ARI of the most probable states given the true parameters."""
    log_density = norm.logpdf(data.y, data.means.ravel()[None, :], 1.0)
    start = np.full(len(data.means), 1.0 / len(data.means))
    _, probability, _ = forward_backward.smooth(
        log_density, start, data.transition_matrix, np.array([0, len(data.y)])
    )
    return adjusted_rand_score(data.labels, probability.argmax(axis=1))


def accuracy(n_seeds):
    print("\n### ARI of the point estimate, default settings, mean over seeds\n")
    print("| persistence | T | oracle | tsinit | difference | last draws | K = 3 in |")
    print("|---|---|---|---|---|---|---|")
    for persistence in (0.95, 0.99):
        for T in R_MS:
            rows = []
            for seed in range(n_seeds):
                data = make_hmm(T, persistence=persistence, random_state=1000 * seed + T)
                model = InfiniteHMM(random_state=seed, n_jobs=2).fit(data.y)
                last = np.mean(
                    [adjusted_rand_score(data.labels, z) for z in model.draws_.labels[:, -1]]
                )
                rows.append(
                    [
                        oracle(data),
                        adjusted_rand_score(data.labels, model.labels_),
                        last,
                        model.n_states_ == 3,
                    ]
                )
            known, ours, last, three = np.mean(rows, axis=0)
            cells = (
                f"{known:.3f}",
                f"{ours:.3f}",
                f"{ours - known:+.3f}",
                f"{last:.3f}",
                f"{three:.0%}",
            )
            print(f"| {persistence} | {T} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accuracy", type=int, default=0, metavar="SEEDS")
    arguments = parser.parse_args()
    sweeps()
    long_series()
    parallel()
    if arguments.accuracy:
        accuracy(arguments.accuracy)


if __name__ == "__main__":
    main()
