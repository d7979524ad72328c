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

#: Quantiles and scores of a posterior are of so many draws; the state-space model keeps fewer of its states.
N_DRAWS = {"fcs": 200, "var": 200, "state_space": 100}
#: Numbers of states that are tried; the one with the smallest validation error is kept, or that of BIC.
ORDERS = (10, 20)
#: Sweeps before the first draw, and draws of the one chain of each engine: short, so that a table is done in seconds.
#: A sweep of the state-space model over 1,000 rows draws everything four times.
CHAINS = {"fcs": (50, 150), "var": (50, 150), "state_space": (15, 60)}
#: Columns up to which neighbours of two steps, or of one, are predictors of IterativeImputer; wider tables it leaves.
WIDTHS = {2: 20, 1: 64}
#: Columns up to which engines of the imputer are run alone: a sweep takes longer than their third power.
WIDEST = {"fcs": 150, "var": 150}


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


def iterative(job):
    """scikit-learn's IterativeImputer (Bayesian ridge regressions) on columns and their neighbours in time."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    D = job.train[0].shape[1]
    lags = next((lags for lags, width in WIDTHS.items() if width >= D), None)
    if lags is None:
        return None

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
        orders = sorted({min(n, 3 * D) for n in (2, 4, *ORDERS)})
        model = LinearGaussianSSM(orders, random_state=0).fit(job.train)
    fit_seconds, began = process_time() - began, process_time()
    filled = []
    for test in job.tests:
        mean, sd = model.impute(test, return_std=True)
        filled.append(Filled(np.array(mean), sd=np.array(sd)))
    return Result(filled, fit_seconds, process_time() - began, f"states {model.n_states_}")


def _validation_error(filled, job):
    return np.nanmean(np.abs(np.array(filled) - np.array(job.validation_truth)))


def imputer(method, noise="normal"):
    """Return the contender that is TBayesMICE with one of its engines."""

    def run(job):
        if job.train[0].shape[1] > WIDEST.get(method, np.inf):
            return None
        key = noise, hash(tuple(table.tobytes() for table in job.train + job.tests[0]))
        if _latest.get(method, (None,))[0] != key:
            _latest[method] = key, _imputed(method, job, noise)
        return _latest[method][1]

    return run


#: The last job of each engine and its result, which `chosen` shares.
_latest: dict[str, Any] = {}


def _imputed(method, job, noise):
    began = process_time()
    model = _model(method, job, *CHAINS[method], noise).fit(job.train)
    fit_seconds, began = process_time() - began, process_time()
    filled = []
    for test in job.tests:
        draws = np.array(model.impute(min(N_DRAWS[method], model.draws_[..., 0].size), X=test))
        filled.append(Filled(np.array(model.transform(test)), draws=draws))
    note = f"{method}, R-hat {model.sampler_summary()['rhat']:.2f}"
    return Result(filled, fit_seconds, process_time() - began, note)


def chosen(job):
    """TBayesMICE with method "auto": its trial, then the engine that it chooses.

    A fit that chooses an engine is the fit of that engine, bit for bit, once the trial is over.
    """
    began = process_time()
    trial = _model("auto", job, 0, 1).fit(job.train)
    seconds = process_time() - began
    result = imputer(trial.method_)(job)
    note = f"{result.note}, trial {seconds:.1f} CPU-s"
    return result._replace(fit_seconds=seconds + result.fit_seconds, note=note)


def _model(method, job, n_tune, n_draws, noise="normal"):
    """Chains are those of the defaults where windows are filled, which are not told the hour either."""
    if job.validation:
        return TBayesMICE(method=method, period=None, noise=noise, random_state=0)
    return TBayesMICE(
        method=method, period=job.period, harmonics="auto", noise=noise, n_chains=1,
        n_tune=n_tune, n_draws=n_draws, random_state=0,
    )  # fmt: skip


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
        "TBayesMICE fcs, Student-t": imputer("fcs", "student_t"),
        "TBayesMICE var": imputer("var"),
        "TBayesMICE state_space": imputer("state_space"),
        "TBayesMICE auto": chosen,
        "linear": linear,
        "seasonal": seasonal,
        "IterativeImputer": iterative,
    }
    return found | (
        {"SAITS": deep("saits", python), "BRITS": deep("brits", python)} if python else {}
    )
