"""Imputation problems for tests of the joint engine."""

import numpy as np

from tsinit.models.imputation.problem import ImputationProblem


def problem(
    y,
    *,
    offsets=None,
    steps=None,
    lags=1,
    covariates=None,
    prior_scale=5.0,
    reach=np.inf,
    lower=-np.inf,
):
    """Wrap a table as it is."""
    T, D = y.shape
    offsets = np.array([0, T] if offsets is None else offsets, dtype=np.int64)
    if steps is None:
        steps = np.concatenate([np.arange(n) for n in np.diff(offsets)])
    covariates = np.zeros((T, 0)) if covariates is None else covariates
    far = np.full(D, float(reach))
    return ImputationProblem(
        y,
        offsets,
        np.asarray(steps, dtype=np.int64),
        covariates,
        lags,
        "all",
        "normal",
        prior_scale,
        -far,
        far,
        np.full(D, float(lower)),
        np.full(D, np.inf),
    )


def complete(y):
    """Zeros for what is missing: a start as good as any."""
    return np.where(np.isnan(y), 0.0, y)


def with_gaps(rng, y, share, rows=()):
    """Copy with single cells missing at a rate, and whole rows."""
    y = y.copy()
    y[rng.random(y.shape) < share] = np.nan
    y[list(rows)] = np.nan
    return y
