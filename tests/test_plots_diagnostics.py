"""Plots of residuals, orders and spectra."""

import numpy as np
import pytest
from helpers import random_params, simulate
from matplotlib import pyplot as plt

from tsinit import LinearGaussianSSM, plots
from tsinit.init import Subspace
from tsinit.models.state_space.estimands import spectral_density

pytestmark = pytest.mark.usefixtures("matplotlib_left_alone")


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    params = random_params(rng, 2, 2)
    return params, simulate(params, 300, rng)[1]


@pytest.fixture(scope="module")
def fitted(drawn):
    return LinearGaussianSSM([1, 2, 3], random_state=0, max_iter=20, tol=0.0).fit(drawn[1])


def test_the_spectrum_holds_the_variance_and_the_autocovariances(drawn):
    params, _ = drawn
    frequency = (np.arange(4096) + 0.5) / 4096
    for j in range(2):
        density = spectral_density(params, frequency)[:, j]
        variance = params.C[j] @ params.P0 @ params.C[j] + params.R[j, j]
        assert density.mean() == pytest.approx(variance, rel=1e-6)
        lag = params.C[j] @ params.A @ params.P0 @ params.C[j]
        assert (density * np.cos(2 * np.pi * frequency)).mean() == pytest.approx(lag, rel=1e-5)


def test_four_panels_show_the_innovations(fitted, drawn):
    y = drawn[1].copy()
    y[40:50] = np.nan
    panels = plots.diagnostics(fitted, y, column=1, max_lag=12)
    assert panels.shape == (2, 2)
    line = panels[0, 0].lines[1].get_ydata()
    found = fitted.residuals(y)[:, 1]
    np.testing.assert_allclose(line[~np.isnan(line)], found[~np.isnan(found)])
    assert len(panels[1, 1].collections[0].get_segments()) == 12
    with pytest.raises(ValueError, match="columns must hold names"):
        plots.diagnostics(fitted, y, column="nowhere")
    with pytest.raises(TypeError, match="model must be a fitted LinearGaussianSSM"):
        plots.diagnostics(Subspace(), y)


def test_orders_of_a_fit_and_of_the_data(fitted, drawn):
    y = drawn[1]
    ax = plots.orders(fitted)
    np.testing.assert_allclose(
        ax.lines[0].get_ydata(), fitted.order_table_.bic - fitted.order_table_.bic.min()
    )
    assert plots.orders(fitted, y).shape == (2,)
    alone = plots.orders(Subspace(), y)
    assert alone.get_ylabel() == "correlation of past and future"
    with pytest.raises(ValueError, match="X must be given with a strategy"):
        plots.orders(Subspace())
    with pytest.raises(TypeError, match="fitted with several n_states"):
        plots.orders(LinearGaussianSSM(1, max_iter=0).fit(y))


def test_the_spectrum_is_drawn_beside_that_of_the_data(fitted, drawn):
    params, y = drawn
    ax = plots.spectrum(fitted, y, column=1, fs=100.0)
    assert [line.get_label() for line in ax.lines] == ["periodogram", "model"]
    assert ax.lines[1].get_xdata()[-1] == 50.0
    _, ax = plt.subplots()
    assert plots.spectrum(params, ax=ax) is ax
    with pytest.raises(ValueError, match="stable dynamics"):
        plots.spectrum(params._replace(A=1.2 * params.A))


def test_what_inputs_do_is_left_out():
    rng = np.random.default_rng(1)
    u = 5.0 * np.sin(2 * np.pi * 0.2 * np.arange(400))[:, None] + rng.standard_normal((400, 1))
    y = 3.0 * u + rng.standard_normal((400, 1))
    ssm = LinearGaussianSSM(1, random_state=0).fit(y, inputs=u)
    power = plots.spectrum(ssm, y, inputs=u).lines[0].get_ydata()
    assert power.max() < 15.0  # decibels; the wave alone has 40
    ax = plots.smoothed(ssm, y, inputs=u)
    assert np.ptp(ax.lines[0].get_ydata()) > 20.0
