"""One EM iteration under a structure against one of the free model, and fits of structures against statsmodels.

Half of the entries of A and C are fixed and the state variances shared; the free model moves all of A, C, d, a full Q
and a diagonal R. Before the timing, the structured fit must have risen at each step, with what is fixed as it was.
"""

import _bench
import _systems
import numpy as np
from _bench import Contender

SIZES = ["2,1,1e4", "4,2,1e4", "10,5,5e3"]
ITERATIONS = 20
SERIES = {"trend": (0, 120), "trend + seasonal:4": (4, 120), "trend + seasonal:24": (24, 480)}


def main():
    args = _bench.arguments(__doc__, sizes=SIZES)
    _bench.versions("tsinit", "statsmodels")
    for n, D, T in _bench.sizes_of(args.sizes):
        params, y = _systems.system(n, D, T)
        start = _systems.other_start(params)
        makers = {
            "tsinit": ("tsinit", lambda start=start, y=y: em("tsinit", start, y, None)),
            "tsinit, structure": (
                "tsinit",
                lambda start=start, y=y: em("tsinit, structure", start, y, half_fixed(start)),
            ),
        }
        ready, rows = _bench.prepare(makers, args.peers, lambda answer: answer)
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"One EM iteration, n = {n}, D = {D}, T = {T:,}", rows)
    for name, (period, T) in SERIES.items():
        y = series(period, T)
        makers = {
            "tsinit": ("tsinit", lambda y=y, period=period: whole_fit(y, period)),
            "statsmodels": ("statsmodels", lambda y=y, period=period: statsmodels(y, period)),
        }
        best = max(maker().answer() for _, maker in makers.values())

        def check(found, best=best):
            return "" if found > best - 1e-3 else f"{best - found:.2g} nats below the best"

        ready, rows = _bench.prepare(makers, args.peers, check)
        rows += _bench.race(ready, args.seconds)
        _bench.show(f"Fit of {name}, T = {T}", rows)


def half_fixed(start):
    """Fix every second entry of A and C, and share the variances of the states."""
    from tsinit.structures import Structure

    A, C = (np.where(np.indices(M.shape).sum(axis=0) % 2, M, np.nan) for M in (start.A, start.C))
    n, D = len(A), len(C)
    free = np.full(D, np.nan)
    return Structure(A, C, np.full(n, "q", dtype=object), free, free, diffuse=False)


def em(name, start, y, structure):
    from tsinit import LinearGaussianSSM

    def fit():
        return LinearGaussianSSM(
            n_states=len(start.A), init=start, max_iter=ITERATIONS, tol=0.0, structure=structure, accelerate=False
        ).fit(y)  # fmt: skip

    def answer():
        model = fit()
        if not (np.diff(model.history_) >= 0.0).all() or model.n_iter_ != ITERATIONS:
            return "an EM step lost likelihood"
        if structure is None:
            return ""
        A = structure.templates["A"]
        kept = (model.params_.A[~A.free] == A.fixed[~A.free]).all()
        return "" if kept else "a fixed entry moved"

    # The whole fit, checks and last likelihood included, shared over its iterations.
    return Contender(name, fit, ITERATIONS, answer)


def series(period, T):
    rng = np.random.default_rng(0)
    y = 100.0 + np.cumsum(0.1 * rng.standard_normal(T) + 0.05) + rng.standard_normal(T)
    if period:
        y += 10.0 * np.sin(2.0 * np.pi * np.arange(T) / period)
    y[rng.random(T) < 0.05] = np.nan
    return y


def whole_fit(y, period):
    from tsinit import LinearGaussianSSM
    from tsinit.structures import local_linear_trend, seasonal

    structure = local_linear_trend() + seasonal(period) if period else local_linear_trend()
    model = LinearGaussianSSM(structure=structure, random_state=0, max_iter=300)
    return Contender(
        "tsinit",
        lambda: model.fit(y[:, None]),
        answer=lambda: model.fit(y[:, None]).log_likelihood_,
    )


def statsmodels(y, period):
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    model = UnobservedComponents(y, "lltrend", seasonal=period or None, use_exact_diffuse=True)

    def run():
        return model.fit(disp=0, maxiter=500).llf

    return Contender("statsmodels", run, answer=run)


if __name__ == "__main__":
    main()
