"""Plots of one fitted state-space model: its ascent, its reading of the data, its spectrum."""

import numpy as np

from tsinit._plots import style


def history(model, *, ax=None):
    """Draw the objective of a fit against its iterations.

    Parameters
    ----------
    model : fitted estimator
        With ``history_``.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.single(ax)
    ax.plot(np.arange(len(model.history_)), model.history_, color=style.COLOURS[0], marker="o", markersize=3)
    return style.dress(ax, "iteration", getattr(model, "_objective_name", "objective"))


def smoothed(model, X, *, columns=None, ax=None):
    """Draw each variable as observed, and its smoothed value with the band that holds 95 % of new values.

    Where a value is missing, the band is the model's answer to what it may have been.

    Parameters
    ----------
    model : fitted LinearGaussianSSM
    X : table (T, D)
        One sequence; NaN where missing.
    columns : list, optional
        Which variables, by name or position; all without it.
    ax : matplotlib Axes, optional
        For a single variable.

    Returns
    -------
    Axes or array of Axes
    """
    names = list(getattr(X, "columns", range(np.shape(X)[1])))
    shown = names if columns is None else list(columns)
    if ax is not None and len(shown) > 1:
        raise ValueError(f"ax must go with one variable; got {len(shown)}. Name one by columns=[...].")
    axes = (
        [style.single(ax, (5.2, 2.2))] if len(shown) == 1 else list(style.panels(len(shown), (5.2, 1.6), sharex=True))
    )
    time, y = getattr(X, "index", np.arange(len(X))), np.asarray(X, dtype=float)
    mean, sd = _observed_band(model, X)
    for name, panel in zip(shown, axes, strict=True):
        j = names.index(name)
        panel.fill_between(
            time,
            mean[:, j] - 1.96 * sd[:, j],
            mean[:, j] + 1.96 * sd[:, j],
            color=style.COLOURS[5],
            alpha=0.35,
            linewidth=0,
            label="95 % band",
        )
        panel.plot(time, mean[:, j], color=style.COLOURS[0], linewidth=1.2, label="smoothed")
        panel.plot(time, y[:, j], linestyle="", marker="o", markersize=2.6, color=style.INK, label="observed")
        gaps = np.isnan(y[:, j])
        panel.plot(
            time[gaps],
            mean[gaps, j],
            linestyle="",
            marker="x",
            markersize=4.5,
            color=style.COLOURS[1],
            label="missing, filled in",
        )
        style.dress(panel, "", str(name))
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0}
    style.legend(axes[0], ncols=4, columnspacing=1.0, handlelength=1.2, **above)
    _tidy_dates(axes[-1], time)
    return style.one_or_all(axes)


def eigenvalues(model, *, ax=None):
    """Draw the eigenvalues of A on the complex plane, with the unit circle.

    Parameters
    ----------
    model : fitted LinearGaussianSSM, LinearGaussianParams, or dict of these by name
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
    """
    ax = style.single(ax, (4.2, 4.2))
    models = model if isinstance(model, dict) else {"": model}
    looks = style.marks(models)
    angle = np.linspace(0, 2 * np.pi, 361)
    ax.plot(np.cos(angle), np.sin(angle), color=style.PALE, linewidth=1)
    ax.axhline(0, color=style.PALE, linewidth=0.5)
    ax.axvline(0, color=style.PALE, linewidth=0.5)
    for name, one in models.items():
        poles = np.linalg.eigvals(getattr(one, "params_", one).A)
        ax.scatter(
            poles.real,
            poles.imag,
            s=42,
            facecolor="none",
            linewidth=1.5,
            edgecolor=looks[name]["color"],
            marker=looks[name]["marker"],
            label=name or None,
        )
    ax.set_aspect("equal")
    style.legend(ax)
    return style.dress(ax, "real part", "imaginary part")


def _observed_band(model, X):
    """Mean and standard deviation of the value at each time, given everything observed."""
    C, R, d = model.params_.C, model.params_.R, model.params_.d
    states = model.smooth(X)
    mean = np.asarray(states.means) @ C.T + (0.0 if d is None else d)
    variance = np.einsum("ij,tjk,ik->ti", C, states.covariances, C) + np.diag(R)
    return mean, np.sqrt(variance)


def _tidy_dates(ax, time):
    """Short dates, where the axis has dates at all."""
    if getattr(time, "dtype", np.dtype(float)).kind == "M":
        from matplotlib.dates import ConciseDateFormatter

        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
