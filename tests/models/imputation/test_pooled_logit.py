"""A logistic regression on completed tables, pooled by Rubin's rules: its intervals hold the true coefficient."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import tsinit
from tsinit import TBayesMICE

SLOPE, LEVEL, ROWS, MISSING = 1.0, -0.5, 200, 0.3
QUICK = {"n_tune": 40, "n_draws": 60, "n_chains": 2, "n_imputations": 20, "random_state": 0}


def table(rng):
    """An autoregression, and a flag whose odds follow it: a logistic regression of one on the other is right."""
    x = np.zeros(ROWS)
    noise = rng.standard_normal(ROWS)
    for t in range(1, ROWS):
        x[t] = 0.7 * x[t - 1] + np.sqrt(1.0 - 0.49) * noise[t]
    flag = rng.random(ROWS) < 1.0 / (1.0 + np.exp(-LEVEL - SLOPE * x))
    return pd.DataFrame({"x": x, "flag": pd.array(flag, dtype="boolean")})


def slope(one):
    """Estimate and standard error."""
    fit = sm.Logit(one["flag"].astype(float), sm.add_constant(one[["x"]].astype(float))).fit(disp=0)
    return fit.params["x"], fit.bse["x"]


def pooled(seed):
    """Whether the pooled interval, and that of the complete table, hold the slope; estimates and standard errors."""
    rng = np.random.default_rng(seed)
    truth = table(rng)
    given = truth.mask(rng.random(truth.shape) < MISSING)
    found = np.array([slope(one) for one in TBayesMICE(**QUICK).fit(given).impute(20)])
    one = tsinit.pool(found[:, 0], found[:, 1] ** 2, df_complete=ROWS - 2)
    (low, high), (estimate, error) = one.interval(0.95), slope(truth)
    complete = abs(estimate - SLOPE) < 1.96 * error
    return [low < SLOPE < high, complete, one.estimate, high - low, estimate]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The chains do not agree")
def test_pooled_intervals_hold_the_coefficient(record_property):
    found = np.array([pooled(seed) for seed in range(100)], dtype=float).mean(axis=0)
    record_property("pooled logistic regression", str(np.round(found, 3).tolist()))
    assert 0.91 <= found[0] <= 0.97
    assert abs(found[2] - found[4]) < 0.05
