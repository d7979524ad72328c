"""How often do intervals of `LinearGaussianSSM` hold the truth, over simulated systems, and how wide are they?

python benchmarks/coverage.py --systems 100 --cases free2-100 level-100

Damped oscillations seen with noise (`free`), and three structures. A line for each system goes to `--out` where it is
given; what is there already is not fitted again. Widths are relative: those of parameters to the range that holds 95 %
of the errors of the estimates, those of forecasts and fillings to what the true parameters give.
"""

import argparse
import os
import warnings
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import _records
import _systems
import numpy as np
import pandas as pd

from tsinit import LinearGaussianSSM
from tsinit.kernels import LinearGaussianParams, solve_lyapunov
from tsinit.structures import ar, local_level, local_linear_trend

AHEAD = 5
Z = 1.959964


class Free(NamedTuple):
    """Damped oscillations of two states each, fitted without a structure."""

    n: int
    D: int
    T: int
    noise: float  # share of the variance
    missing: float

    def run(self, rng):
        params, poles = oscillations(rng, self.n, self.D, self.noise)
        y = _systems.simulate(params, self.T + AHEAD, rng)[1]
        seen = _systems.with_gaps(rng, y[: self.T], self.missing)
        fit = LinearGaussianSSM(self.n, random_state=0).fit(seen)
        true = {f"mean[{i}]": params.d[i] for i in range(self.D)}
        if self.n == 2:  # of several poles, it would have to be said which is which
            true |= {"radius[0]": poles[0][0], "frequency[0]": poles[0][1]}
        row = parameters(fit.uncertainty(seen).table, true)
        known = LinearGaussianSSM(self.n, init=params, max_iter=0, random_state=0).fit(seen)
        plain, wide, best = (
            m.forecast(AHEAD, parameter_uncertainty=u)
            for m, u in ((fit, False), (fit, True), (known, False))
        )
        away = np.abs(y[self.T :] - plain.means)
        row["forecast"] = against(away, *(f.standard_deviations for f in (plain, wide, best)))
        gap = np.isnan(seen)
        filled, plain = fit.impute(seen, return_std=True)
        wide = fit.impute(seen, return_std=True, parameter_uncertainty=True)[1]
        best = known.impute(seen, return_std=True)[1]
        away = np.abs(y[: self.T] - filled)
        row["filling"] = against(*(x[gap] for x in (away, plain, wide, best)))
        return row


class Structured(NamedTuple):
    """A structure with its true entries."""

    structure: object
    true: dict
    simulate: object
    T: int

    def run(self, rng):
        y = self.simulate(rng, self.T)[:, None]
        fit = LinearGaussianSSM(structure=self.structure, random_state=0).fit(y)
        return parameters(fit.uncertainty(y).table, self.true)


def oscillations(rng, n, D, noise):
    A, poles = np.zeros((n, n)), []
    for k in range(n // 2):
        low, high = (0.6, 2.4) if n == 2 else (0.4 + 1.2 * k, 1.2 + 1.2 * k)
        r, w = rng.uniform(0.7, 0.95), rng.uniform(low, high)
        block = slice(2 * k, 2 * k + 2)
        A[block, block] = r * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]])
        poles.append((r, w / (2.0 * np.pi)))
    P0, C = solve_lyapunov(A, np.eye(n)), rng.standard_normal((D, n))
    R = np.diag(noise / (1.0 - noise) * np.diag(C @ P0 @ C.T))
    return LinearGaussianParams(A, C, np.eye(n), R, np.zeros(n), P0, rng.standard_normal(D)), poles


def parameters(table, true):
    """By name, or its first word: truth, estimate, bounds; None where a fit has no such number."""
    found = {}
    for name, value in true.items():
        row = table.loc[name, ["estimate", "lower", "upper"]] if name in table.index else None
        key = name if name.startswith(("state", "A")) else name.split("[")[0]
        found.setdefault(key, []).append(None if row is None else [value, *map(float, row)])
    return found


def against(away, plain, wide, best):
    """Share inside without and with the uncertainty of parameters, and the width relative to the truth's."""
    if not away.size:
        return None
    shares = [float((away <= Z * sd).mean()) for sd in (plain, wide)]
    return [*shares, float(np.median(wide / best))]


def level(rng, T):
    return np.cumsum(0.5 * rng.standard_normal(T)) + rng.standard_normal(T)


def trend(rng, T):
    slope = np.cumsum(0.1 * rng.standard_normal(T))
    return np.cumsum(slope + 0.5 * rng.standard_normal(T)) + rng.standard_normal(T)


def second_order(rng, T):
    x = np.zeros(T + 200)
    for t in range(2, len(x)):
        x[t] = 1.2 * x[t - 1] - 0.6 * x[t - 2] + rng.standard_normal()
    return x[200:] + rng.standard_normal(T)


STRUCTURES = {
    "level": (
        local_level(),
        {"state variance[0]": 0.25, "noise variance[0]": 1.0},
        level,
    ),
    "trend": (
        local_linear_trend(),
        {"state variance[0]": 0.25, "state variance[1]": 0.01, "noise variance[0]": 1.0},
        trend,
    ),
    "ar2": (
        ar(2),
        {"A[0, 0]": 1.2, "A[0, 1]": -0.6, "state variance[0]": 1.0, "noise variance[0]": 1.0},
        second_order,
    ),
}
CASES = {f"free2-{T}": Free(2, 1, T, 0.3, 0.15) for T in (30, 50, 100, 500)}
CASES |= {f"free2x2-{T}": Free(2, 2, T, 0.1, 0.1) for T in (100, 500)}
CASES |= {"free4x2-100": Free(4, 2, 100, 0.3, 0.15)}
CASES |= {f"{name}-{T}": Structured(*s, T) for name, s in STRUCTURES.items() for T in (100, 500)}


def show(rows):
    print("| case | systems | | without, % | inside, % | width |\n|---|---|---|---|---|---|")
    for case, group in pd.DataFrame(rows).groupby("case", sort=False):
        for key in dict.fromkeys(name for row in rows for name in row):
            if key in ("case", "k") or key not in group:
                continue
            found = [x for x in group[key] if isinstance(x, list)]
            if not found:
                continue
            if key in ("forecast", "filling"):
                plain, wide, width = np.array(found).T
                cells = [f"{100 * plain.mean():.1f}", f"{100 * wide.mean():.1f}"]
                cells.append(f"{np.median(width):.2f}")
            else:
                each = [x for many in found for x in many]
                true, estimate, low, high = np.array([x for x in each if x is not None]).T
                inside = ((low <= true) & (true <= high)).sum() / len(each)
                spread = np.ptp(np.quantile(estimate - true, [0.025, 0.975]))
                cells = ["", f"{100 * inside:.1f}", f"{np.nanmedian(high - low) / spread:.2f}"]
            print(f"| {case} | {len(group)} | {key} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", type=int, default=500, help="of each case")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--out", type=Path, help="file of results, a line for each system")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = _records.read(args.out)
    known = {(row["case"], row["k"]) for row in rows}
    for k in range(args.systems):
        for case in args.cases:
            if (case, k) in known:
                continue
            rows.append({"case": case, "k": k, **CASES[case].run(np.random.default_rng([1, k]))})
            _records.append(args.out, rows[-1])
    show(rows)


if __name__ == "__main__":
    main()
