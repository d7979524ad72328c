"""Plots of what a state-space model leaves of the data, and of how many states to take."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._plots import style
from tsinit._plots.fits import axis_of, positions, tidy_dates
from tsinit._plots.thin import MAX_POINTS, outline
from tsinit._validate import check_count, check_inputs, check_series
from tsinit.kernels.state_space.inputs import inputs_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tsinit._typing import FloatArray, SeriesLike

_BAND = 1.96


def diagnostics(
    model: Any,
    X: SeriesLike,
    *,
    column: Any = None,
    inputs: SeriesLike | None = None,
    lengths: Sequence[int] | None = None,
    max_lag: int = 24,
) -> Any:
    """Draw the standardised innovations of a column in four ways.

    Over time, as a histogram beside the normal density, as quantiles against those of the normal distribution, and
    their autocorrelations with the band that holds 95 % of those of noise. Several sequences stand one after the other.

    Parameters
    ----------
    model : fitted LinearGaussianSSM
    X : (T, D) array or DataFrame, Series, or list of those
        As the methods of the model take it; NaN where missing.
    column : optional
        By name or position; the first without it.
    inputs : (T, m) array or DataFrame, or list of those, optional
        Known inputs, for a model that was fitted with inputs.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.
    max_lag : int
        Lags that are drawn, at most.

    Returns
    -------
    (2, 2) array of Axes

    Raises
    ------
    ValueError
        If X is no data for the model, or a column is not there.
    """
    style.require(model, "a fitted LinearGaussianSSM", "params_", "residuals")
    max_lag = check_count("max_lag", max_lag)
    panel = check_series(X, lengths, estimator=model)
    names = list(panel.columns)
    j = positions(None if column is None else [column], names)[0]
    found = model.residuals(X, inputs=inputs, lengths=lengths)
    parts = found if isinstance(found, list) else [found]
    values = np.concatenate([np.asarray(part)[:, j] for part in parts])
    panels = _two_by_two()
    index = panel.last_index if len(panel.offsets) == 2 else None
    _over_time(panels[0, 0], axis_of(index, len(values)), values, str(names[j]))
    seen = values[~np.isnan(values)]
    _histogram(panels[0, 1], seen)
    _quantiles(panels[1, 0], seen)
    _correlogram(panels[1, 1], values, max_lag)
    return panels


def orders(model: Any, X: SeriesLike | None = None, *, lengths: Sequence[int] | None = None) -> Any:
    """Draw what is known of the number of states: criteria of fitted orders, or the singular values of the data.

    Parameters
    ----------
    model : LinearGaussianSSM fitted with several ``n_states``, or a Subspace strategy
        The first has ``order_table_``; BIC, AIC, and minus two log-likelihoods of rows held out, where they were, are
        drawn as they lie above their smallest value.
    X : (T, D) array or DataFrame, Series, or list of those, optional
        Data, whose canonical correlations between past and future are drawn beside; a strategy needs them.
    lengths : sequence of int, optional
        Rows of each sequence, where X is one table.

    Returns
    -------
    Axes or array of Axes
    """
    from tsinit.init import Subspace

    is_strategy = hasattr(model, "order_table")
    if not is_strategy:
        style.require(
            model, "a LinearGaussianSSM fitted with several n_states, or Subspace()", "order_table_"
        )
    elif X is None:
        raise ValueError("X must be given with a strategy, which has not seen any data; got None.")
    n = (not is_strategy) + (X is not None)
    axes = np.ravel(style.panels(n, (4.4, 3.2)))[:n]
    left = list(axes)
    if not is_strategy:
        _criteria(left.pop(0), model.order_table_)
    if X is not None:
        table = (model if is_strategy else Subspace()).order_table(X, lengths)
        _singular_values(left.pop(0), table)
    return style.one_or_all(list(axes))


def spectrum(
    model: Any,
    X: SeriesLike | None = None,
    *,
    column: Any = None,
    fs: float = 1.0,
    inputs: SeriesLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the spectral density of a column under the model, in decibels, and the periodogram of data beneath.

    Parameters
    ----------
    model : fitted LinearGaussianSSM or LinearGaussianParams
        With stable dynamics.
    X : (T, D) array or DataFrame, Series, or list of those, optional
        Data, whose gaps are taken as the model fills them, without what inputs do; of several sequences the longest.
    column : optional
        By name or position; the first without it.
    fs : float
        Rows in a unit of time, so that frequencies are in cycles of that unit.
    inputs : (T, m) array or DataFrame, optional
        Known inputs of X, for a model that was fitted with inputs.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the dynamics are not stable, or X or the column do not suit the model.
    """
    from tsinit.metrics import spectral_radius
    from tsinit.models.state_space.estimands import spectral_density

    params = getattr(model, "params_", model)
    style.require(params, "a fitted LinearGaussianSSM or LinearGaussianParams", "A", "C", "R")
    if spectral_radius(params.A) >= 1.0:
        raise ValueError(
            "model must have stable dynamics to have a spectrum; got a spectral radius of "
            f"{spectral_radius(params.A):.4g}."
        )
    names = list(getattr(model, "feature_names_in_", range(len(params.C))))
    j = positions(None if column is None else [column], names)[0]
    ax = style.single(ax)
    if X is not None:
        longest = _longest(model, X, inputs, j)
        frequency, power = _periodogram(longest - longest.mean(), fs)
        ax.plot(frequency, _decibels(power), color=style.PALE, linewidth=0.8, label="periodogram")
    frequency = np.linspace(0.0, 0.5, 512)
    ax.plot(
        frequency * fs,
        _decibels(spectral_density(params, frequency)[:, j] / fs),
        color=style.COLOURS[0],
        linewidth=1.6,
        label="model",
    )
    if X is not None:
        style.legend(ax)
    return style.dress(ax, "frequency", f"{names[j]}: spectral density (dB)")


def _longest(model: Any, X: SeriesLike, inputs: SeriesLike | None, column: int) -> FloatArray:
    """A column of the longest sequence, gaps filled, without what inputs do."""
    panel = check_series(X, estimator=model)
    whole = dict(zip(("X", "inputs"), (X, inputs), strict=True))
    filled = model.impute(**{name: value for name, value in whole.items() if value is not None})
    parts = filled if isinstance(filled, list) else [filled]
    values = np.concatenate([np.asarray(part) for part in parts])[:, column]
    if inputs is not None:
        panel = check_inputs(inputs, panel, model.input_names_in_)
        response = inputs_response(model.params_, panel.inputs, panel.offsets)
        values = values - response[panel.rows, column]
    starts = np.searchsorted(panel.rows, panel.offsets)
    return max((values[a:b] for a, b in pairwise(starts)), key=len)


def _two_by_two() -> Any:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8.4, 5.6), layout="constrained")
    figure.patch.set_facecolor("white")
    return axes


def _over_time(ax: Axes, time: Any, values: FloatArray, name: str) -> None:
    shown = outline(values, MAX_POINTS)
    ax.axhline(0.0, color=style.PALE, linewidth=0.8)
    ax.plot(
        time[shown],
        values[shown],
        color=style.COLOURS[0],
        linewidth=0.8,
        marker="o",
        markersize=1.8,
    )
    style.dress(ax, "", "standardised innovation", name)
    tidy_dates(ax, time)


def _histogram(ax: Axes, seen: FloatArray) -> None:
    grid = np.linspace(-4.0, 4.0, 200)
    if seen.size:
        ax.hist(
            seen,
            bins="auto" if len(seen) < 10_000 else 60,
            density=True,
            color=style.COLOURS[5],
            alpha=0.5,
        )
    density = np.exp(-0.5 * grid**2) / np.sqrt(2.0 * np.pi)
    ax.plot(grid, density, color=style.INK, linewidth=1.2, label="normal")
    style.legend(ax)
    style.dress(ax, "standardised innovation", "density")


def _quantiles(ax: Axes, seen: FloatArray) -> None:
    from scipy.special import ndtri

    n = len(seen)
    expected = ndtri((np.arange(n) + 0.5) / max(n, 1))
    shown = np.unique(np.linspace(0, max(n - 1, 0), min(n, 1000)).astype(int))
    limit = max(3.0, np.abs(seen).max(initial=0.0))
    ax.plot([-limit, limit], [-limit, limit], color=style.PALE, linewidth=1)
    ax.plot(
        expected[shown],
        np.sort(seen)[shown],
        linestyle="",
        marker="o",
        markersize=2.5,
        color=style.COLOURS[0],
    )
    style.dress(ax, "quantile of the normal distribution", "innovation")


def _correlogram(ax: Axes, values: FloatArray, max_lag: int) -> None:
    """Autocorrelations over pairs of which both were observed."""
    centred = values - np.nanmean(values) if np.isfinite(values).any() else values
    n = int(np.isfinite(values).sum())
    lags = np.arange(1, max(2, min(max_lag, n // 4) + 1))
    variance = np.nanmean(centred**2) if n else np.nan
    found = np.full(len(lags), np.nan)
    for i, k in enumerate(lags):
        pairs = centred[k:] * centred[:-k]
        if np.isfinite(pairs).any():
            found[i] = np.nanmean(pairs) / variance
    reach = _BAND / np.sqrt(max(n, 1))
    ax.axhspan(-reach, reach, color=style.COLOURS[5], alpha=0.25, linewidth=0)
    ax.axhline(0.0, color=style.PALE, linewidth=0.8)
    ax.vlines(lags, 0.0, found, color=style.COLOURS[0], linewidth=2)
    limit = max(0.5, 1.1 * float(np.nanmax(np.abs(found), initial=0.0)))
    ax.set_ylim(-limit, limit)
    style.dress(ax, "lag", "autocorrelation")


def _criteria(ax: Axes, table: Any) -> None:
    criteria = {"BIC": table["bic"], "AIC": table["aic"]}
    if "held_out" in table:
        criteria["held out"] = -2.0 * table["held_out"]
    looks = style.marks(criteria)
    for name, values in criteria.items():
        ax.plot(
            table.index, values - values.min(), linewidth=1.4, label=name,
            color=looks[name]["color"], marker=looks[name]["marker"], linestyle=looks[name]["linestyle"],
        )  # fmt: skip
    _whole_numbers(ax)
    style.legend(ax)
    style.dress(ax, "states", "above the smallest")


def _singular_values(ax: Axes, table: Any) -> None:
    ax.plot(
        table.index,
        table["canonical_correlation"],
        color=style.COLOURS[0],
        marker="o",
        linewidth=1.2,
    )
    best = int(table["ivc"].idxmin())
    ax.axvline(
        best,
        color=style.COLOURS[1],
        linestyle="--",
        linewidth=1.2,
        label=f"smallest criterion: {best}",
    )
    _whole_numbers(ax)
    ax.set_ylim(0.0, 1.02)
    style.legend(ax)
    style.dress(ax, "states", "correlation of past and future")


def _periodogram(x: FloatArray, fs: float) -> tuple[FloatArray, FloatArray]:
    from scipy.signal import periodogram

    frequency, power = periodogram(x, fs, window="hann", scaling="density", return_onesided=False)
    half = frequency >= 0.0
    return frequency[half][1:], power[half][1:]


def _decibels(power: FloatArray) -> FloatArray:
    return 10.0 * np.log10(np.maximum(power, np.finfo(float).tiny))


def _whole_numbers(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
