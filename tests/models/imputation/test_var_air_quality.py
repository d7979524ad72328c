"""The joint engine on a year of hourly air quality, where the data are at hand (``TSINIT_DATA``)."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from tsinit import metrics
from tsinit._validate import check_series
from tsinit.datasets import ampute, load_air_quality
from tsinit.init import Linear
from tsinit.models.imputation.problem import ColumnScales, ImputationTable
from tsinit.models.imputation.vector_autoregression import VARChain

OPTIONS = SimpleNamespace(
    transforms="auto",
    bounds=None,
    period="auto",
    lags=2,
    lag_features="all",
    noise="normal",
    prior_scale=5.0,
    learned_scale=False,
    sequence_effects=False,
    match=0,
)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TSINIT_DATA"), reason="the data are not shipped")
@pytest.mark.parametrize(
    ("mechanism", "rate", "limit"),
    [
        ("mcar", 0.1, 0.105),
        ("mcar", 0.2, 0.11),
        ("mcar", 0.4, 0.14),
        ("block", 0.15, 0.27),
        ("blackout", 0.1, 0.60),
    ],
)
def test_accuracy_and_coverage(mechanism, rate, limit):
    """Mean NRMSE of twelve variables, and coverage of 90 % intervals, as the issue asks; outages take 6 to 48 hours."""
    try:
        truth = load_air_quality().drop(columns="NMHC")
    except FileNotFoundError:
        pytest.skip("the data are not there")
    y = ampute(truth, mechanism, rate, length=(6, 48), random_state=1)
    panel = check_series(y)
    table = ImputationTable.from_panel(panel)
    scales = ColumnScales(panel, table, OPTIONS)
    hidden = (y.isna() & truth.notna()).to_numpy()
    problem, start = scales.problem(panel, table), scales.forward(Linear().fill(table.y))
    draws = []
    for seed in range(2):
        chain = VARChain(problem, start, np.random.default_rng(seed), periods=scales.periods)
        for i in range(70):
            chain.sweep()
            if i >= 20:
                z = chain.z
                back = [t.back(z[:, j]) for j, t in enumerate(scales.transforms)]
                draws.append(np.column_stack(back)[hidden])
    filled = np.where(hidden, 0.0, truth)
    filled[hidden] = np.mean(draws, axis=0)
    assert metrics.nrmse(truth, filled, where=hidden).mean() <= limit
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    assert 0.86 <= metrics.coverage(truth.to_numpy()[hidden], low, high) <= 0.94
