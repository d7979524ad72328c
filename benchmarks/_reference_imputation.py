"""Reference results of the imputer: engines, samplers, clocks and starts, in short runs."""

import numpy as np
import pandas as pd
from _reference import race_of, read, result, variables

from tsinit import TBayesMICE, pool
from tsinit.datasets import ampute, load_new_york_air_quality, make_lgssm
from tsinit.init import BestOf, Perturb, Race

STRATEGIES = (
    "linear", "time", "seasonal", "forward", "backward", "mean", "median", "knn", "kmeans", "low_rank", "subspace",
    "hot_deck", "uniform",
)  # fmt: skip


def short(**options):
    return TBayesMICE(**{"n_tune": 20, "n_draws": 30, "n_chains": 2, "random_state": 0, **options})


def draws(model):
    """All that a fit leaves, but for R-hat and effective sample sizes, which have a result of their own."""
    return read(model, "draws_", "trace_", "start_", "history_", "method_", "n_iter_")


def tables(model, X):
    return {
        "transform": model.transform(X),
        "impute": model.impute(3),
        "interval": model.interval(0.9),
    }


def both(X, **options):
    model = short(**options).fit(X)
    return {"fit": draws(model), **tables(model, X)}


def air():
    return load_new_york_air_quality()


def hourly(n_steps=240, seed=0):
    """Three columns with a day in them, with dates and gaps of all kinds."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n_steps)
    day = np.column_stack([np.sin(2 * np.pi * (hours + shift) / 24) for shift in (0, 4, 9)])
    noise = make_lgssm(n_steps, 2, 3, random_state=seed).complete
    index = pd.date_range("2024-03-01", periods=n_steps, freq="h")
    table = pd.DataFrame(
        2.0 * day + 0.5 * noise + [5.0, 0.0, 10.0], index=index, columns=["a", "b", "c"]
    )
    return ampute(
        table.mask(rng.random(table.shape) < 0.05), "block", 0.1, length=8, random_state=seed
    )


def blackouts(n_steps=160):
    """Rows that are missing as a whole, and cells that depend on one another."""
    complete = make_lgssm(n_steps, 2, 3, random_state=3).complete
    return ampute(
        ampute(complete, "blackout", 0.15, length=6, random_state=0), "mcar", 0.05, random_state=1
    )


@result
def imputer_samplers():
    return {sampler: both(air(), sampler=sampler) for sampler in ("mala", "rwm", "gibbs")}


@result
def imputer_noise():
    skewed = air() ** 2
    return {
        sampler: both(skewed, sampler=sampler, noise="student_t")
        for sampler in ("mala", "rwm", "gibbs")
    }


@result
def imputer_lags():
    cases = {
        "none": {"lags": 0},
        "two": {"lags": 2},
        "own": {"lags": 2, "lag_features": "own"},
        "wide prior": {"prior_scale": 50.0},
    }
    return {name: both(air(), **options) for name, options in cases.items()}


@result
def imputer_joint():
    """The vector autoregression."""
    cases = {
        "air": (air(), {}),
        "lags": (air(), {"lags": 2}),
        "season": (hourly(), {}),
        "blackouts": (blackouts(), {}),
        "bounds": (air(), {"bounds": {"Ozone": (1.0, 168.0)}}),
    }
    return {name: both(table, method="var", **options) for name, (table, options) in cases.items()}


@result
def imputer_blackouts():
    """Chained equations where cells must be drawn together, and the engine that the gaps choose."""
    found = {method: both(blackouts(), method=method) for method in ("fcs", "auto")}
    found["auto, air"] = both(air(), method="auto")
    found["long"] = both(ampute(blackouts(), "blackout", 0.2, length=15, random_state=4))
    return found


@result
def imputer_season():
    cases = {
        "auto": {},
        "none": {"period": None},
        "two": {"period": [24, 12.5]},
        "lags": {"lags": 3, "period": 24},
    }
    return {name: both(hourly(), **options) for name, options in cases.items()}


@result
def imputer_transforms():
    positive = np.exp(air() / air().std())
    cases = {
        "none": None,
        "yeo-johnson": "yeo-johnson",
        "log": "log",
        "sqrt": "sqrt",
        "by column": {"Ozone": "log", "Solar.R": "sqrt"},
    }
    return {name: both(positive, transforms=kind) for name, kind in cases.items()}


@result
def imputer_bounds():
    cases = {
        "all": {"bounds": (0.0, 340.0)},
        "columns": {"bounds": {"Ozone": (1.0, 168.0), "Solar.R": (None, 334.0)}},
        "gibbs": {"bounds": {"Ozone": (1.0, None)}, "sampler": "gibbs", "noise": "student_t"},
    }
    return {name: both(air(), **options) for name, options in cases.items()}


@result
def imputer_sequences():
    """Ragged sequences as a list and by the first level of an index, and holes in the clock."""
    parts = make_lgssm((60, 45, 3, 70), 2, 3, missing=0.12, random_state=5).y
    table = pd.concat({"a": hourly(120), "b": hourly(96, seed=1)}, names=["sequence", "time"])
    holes = hourly().drop(hourly().index[[40, 41, 90, *range(120, 135)]])
    return {
        "list": both(parts),
        "list, var": both(parts, method="var"),
        "index": both(table),
        "holes": both(holes, lags=2),
        "holes, var": both(holes, method="var"),
    }


@result
def imputer_new_rows():
    """Rows that the fit has not seen: of the same clock, a slower one and none, and with a column wholly missing."""
    table, later = hourly(), hourly(300, seed=2).iloc[240:]
    empty, slow = later.copy(), later.iloc[::2]
    empty["b"] = np.nan
    found = {}
    for method in ("fcs", "var"):
        model = short(method=method).fit(table)
        rows = {"later": later, "empty": empty, "slow": slow, "sequences": [later[:20], empty[20:]]}
        found[method] = {name: model.transform(X) for name, X in rows.items()}
        found[method]["array"] = model.fit(table.to_numpy()).transform(later.to_numpy())
    return found


@result
def imputer_tables():
    """What is made of the draws: many tables, rounding, intervals, and what analyses of the tables come to."""
    model = short(n_imputations=8, n_draws=60).fit(air())
    full = model.impute()
    fits = [np.polyfit(table["Temp"], table["Ozone"], 1, cov=True) for table in full]
    estimates, variances = [b for b, _ in fits], [np.diag(v) for _, v in fits]
    pooled, small = (
        pool(estimates, variances),
        pool([b[0] for b in estimates], [v[0] for v in variances], 151),
    )
    return {
        "full": full,
        "rounded": (model.impute(2, rounded="auto"), model.impute(2, rounded=["Ozone"])),
        "intervals": [model.interval(level) for level in (0.5, 0.95)],
        "pool": (pooled, pooled.interval(), small, small.interval(0.9)),
        "datatree": variables(model.to_datatree()),
    }


@result
def imputer_settings():
    cases = {
        "threads": {"n_jobs": 2, "n_chains": 3},
        "one chain": {"n_chains": 1},
        "no warm-up": {"n_tune": 0},
        "constant": {},
    }
    constant = air().assign(constant=1.0)
    constant.iloc[10:20, -1] = np.nan
    return {
        name: both(constant if name == "constant" else air(), **options)
        for name, options in cases.items()
    }


@result
def imputer_starts():
    """The table that every strategy gives, and the first sweeps from there."""
    parts = make_lgssm((60, 50, 70), 2, 3, missing=0.12, random_state=6).y
    data = {"air": air(), "hourly": hourly(), "sequences": parts}
    few = {"n_tune": 2, "n_draws": 3}
    return {
        f"{name}, {kind}": draws(short(init=name, **few).fit(X))
        for name in STRATEGIES
        for kind, X in data.items()
    }


@result
def imputer_composed_starts():
    inits = {
        "perturb": Perturb("linear", scale=0.5),
        "best of": BestOf(["linear", "mean"], n_iter=3),
        "race inside": Perturb(Race(["linear", "low_rank"], n_seeds=1, n_iter=2), scale=0.1),
        "chains": ["mean", "knn"],
        "table": air().fillna(20.0).to_numpy(),
        "function": lambda y, rng: np.where(np.isnan(y), rng.normal(20.0, 5.0, y.shape), y),
    }
    return {
        name: draws(short(init=init, n_tune=8, n_draws=8).fit(air()))
        for name, init in inits.items()
    }


@result
def imputer_race():
    found = {}
    for method in ("fcs", "var"):
        model = short(init="auto", n_tune=40, method=method).fit(air())
        found[method] = {"fit": draws(model), "race": race_of(model)}
    return found


@result
def imputer_convergence():
    """Diagnostics apart from the draws: how R-hat is computed may change where draws may not."""
    found = {}
    for name, options in (("fcs", {}), ("var", {"method": "var"}), ("one chain", {"n_chains": 1})):
        model = short(n_draws=60, **options).fit(air())
        summary = model.sampler_summary()
        found[name] = {"diagnostics": model.diagnostics_, "rhat": summary["rhat"], "ess": summary["ess"],
                       "converged": model.converged_}  # fmt: skip
    return found
