"""The contenders of `public_tables.py`: each learns from a job once and fills every mask of it."""

import json
import subprocess
import tempfile
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _public_deep import EPOCHS, PATIENCE, SIZES

from tsinit import LinearGaussianSSM, TBayesMICE

#: Quantiles and scores of a posterior are of so many draws.
N_DRAWS = 200
#: Numbers of states that are tried; the one with the smallest validation error is kept, or that of BIC.
ORDERS = (10, 20)


class Filled(NamedTuple):
    """What a contender says of one mask: one array for each window, stacked; a spread where it gives one."""

    mean: np.ndarray  # (N, T, D), or a list where windows differ
    sd: np.ndarray | None = None
    draws: np.ndarray | None = None  # (draws, N, T, D)


class Result(NamedTuple):
    filled: list  # of Filled, one for each mask
    fit_seconds: float  # CPU
    fill_seconds: float  # CPU, of all masks
    note: str = ""


def linear(job):
    """Interpolate, and take the nearest value at the ends; the mean of training where a window has none."""
    return _by_rule(job, lambda table, mean: _interpolated(table, mean))


def seasonal(job):
    """Take the mean of the hour off, interpolate, and put it back."""
    if job.period is None:
        return None
    phases = [np.arange(len(table)) % job.period for table in job.train]
    rows, phase = np.concatenate(job.train), np.concatenate(phases)
    means = pd.DataFrame(rows).groupby(phase).mean().reindex(range(job.period))
    means = means.interpolate(limit_direction="both").to_numpy()

    def fill(table, mean):
        season = means[np.arange(len(table)) % job.period]
        return _interpolated(table - season, np.zeros_like(mean)) + season

    return _by_rule(job, fill)


def _by_rule(job, fill):
    began = process_time()
    mean = np.nanmean(np.concatenate(job.train), axis=0)
    filled = [Filled(np.array([fill(table, mean) for table in test])) for test in job.tests]
    return Result(filled, 0.0, process_time() - began)


def _interpolated(table, mean):
    out = table.copy()
    for j, column in enumerate(table.T):
        seen = np.flatnonzero(~np.isnan(column))
        out[:, j] = np.interp(np.arange(len(column)), seen, column[seen]) if len(seen) else mean[j]
    return out


def iterative(job, lags=2):
    """scikit-learn's IterativeImputer (Bayesian ridge regressions) on columns and their neighbours in time."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    D = job.train[0].shape[1]

    def embedded(tables):
        return np.concatenate([_with_lags(table, lags) for table in tables])

    began = process_time()
    model = IterativeImputer(
        max_iter=5, n_nearest_features=None, random_state=0, skip_complete=True
    )
    model.fit(embedded(job.train))
    fit_seconds, began = process_time() - began, process_time()
    filled = []
    for test in job.tests:
        values = model.transform(embedded(test))[:, :D]
        filled.append(Filled(values.reshape(len(test), -1, D)))
    return Result(filled, fit_seconds, process_time() - began, f"lags {lags}")


def _with_lags(table, lags):
    """(T, D (2 lags + 1)): the columns, then those of the steps before and after, missing beyond the ends."""
    out = [table]
    for lag in range(1, lags + 1):
        nothing = np.full((lag, table.shape[1]), np.nan)
        out += [np.vstack([nothing, table[:-lag]]), np.vstack([table[lag:], nothing])]
    return np.hstack(out)


def state_space(job):
    """LinearGaussianSSM from its subspace start."""
    began = process_time()
    D = job.train[0].shape[1]
    if job.validation:
        models = [LinearGaussianSSM(n, random_state=0).fit(job.train) for n in ORDERS]
        model = min(models, key=lambda one: _validation_error(one.impute(job.validation), job))
    else:
        orders = sorted({min(n, max(D - 1, 1) if D < 4 else D) for n in (2, 4, *ORDERS)})
        model = LinearGaussianSSM(orders, random_state=0).fit(job.train)
    fit_seconds, began = process_time() - began, process_time()
    filled = []
    for test in job.tests:
        mean, sd = model.impute(test, return_std=True)
        filled.append(Filled(np.array(mean), sd=np.array(sd)))
    return Result(filled, fit_seconds, process_time() - began, f"states {model.n_states_}")


def _validation_error(filled, job):
    return np.nanmean(np.abs(np.array(filled) - np.array(job.validation_truth)))


def imputer(method, **options):
    """Return the contender that is TBayesMICE with one of its engines."""

    def run(job):
        began = process_time()
        model = TBayesMICE(method=method, period=None, random_state=0, **options).fit(job.train)
        fit_seconds, began = process_time() - began, process_time()
        filled = []
        for test in job.tests:
            draws = np.array(model.impute(N_DRAWS, X=test))
            filled.append(Filled(np.array(model.transform(test)), draws=draws))
        note = f"{model.method_}, R-hat {model.sampler_summary()['rhat']:.2f}"
        return Result(filled, fit_seconds, process_time() - began, note)

    return run


def deep(kind, python):
    """Return the contender that is a network of PyPOTS, trained and asked in a Python of its own."""

    def run(job):
        if not job.validation:
            return None
        with tempfile.TemporaryDirectory() as folder:
            given, out = Path(folder) / "jobs.npz", Path(folder) / "filled.npz"
            np.savez(
                given, train=np.array(job.train, "f4"), validation=np.array(job.validation, "f4"),
                validation_truth=np.array(job.validation_truth, "f4"), tests=np.array(job.tests, "f4"),
            )  # fmt: skip
            script = Path(__file__).with_name("_public_deep.py")
            command = [python, "-W", "ignore", script, kind, given, out]
            subprocess.run(command, check=True, capture_output=True)
            found = np.load(out)
            said = json.loads(str(found["said"]))
            filled = [Filled(mean.astype(float)) for mean in found["filled"]]
        size = ", ".join(f"{name} {value}" for name, value in SIZES[kind].items())
        note = f"{said['parameters']} parameters ({size}), at most {EPOCHS} epochs, patience {PATIENCE}"
        return Result(filled, said["fit_seconds"], said["fill_seconds"], note)

    return run


def contenders(python):
    """All by name; the networks only where a Python that has PyPOTS was named."""
    found: dict[str, Any] = {
        "LinearGaussianSSM": state_space,
        "TBayesMICE fcs": imputer("fcs"),
        "TBayesMICE var": imputer("var"),
        "TBayesMICE state_space": imputer("state_space"),
        "TBayesMICE auto": imputer("auto"),
        "linear": linear,
        "seasonal": seasonal,
        "IterativeImputer": iterative,
    }
    return found | (
        {"SAITS": deep("saits", python), "BRITS": deep("brits", python)} if python else {}
    )
