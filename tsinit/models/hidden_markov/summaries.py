"""From the draws of a regime model to what its user reads: one segmentation, and the states behind it."""

import numpy as np

from tsinit import partitions
from tsinit.models.hidden_markov.posterior import SCALARS


def estimate(model, bound):
    """Set the point estimates of a fitted `InfiniteHMM`, from its draws.

    Parameters
    ----------
    model : InfiniteHMM
        With ``draws_``.
    bound : Bound
        The emission on the data of the fit.
    """
    agreed = partitions.consensus(model.draws_.flat)
    model.labels_, model.probabilities_ = agreed.labels, agreed.probabilities
    model.n_states_ = int(agreed.labels.max()) + 1
    model._fitted_mapping = agreed.mapping
    states = by_state(
        model,
        lambda params: {"means": bound.means(params), "covariances": bound.covariances(params)},
    )
    with np.errstate(invalid="ignore"):
        model.means_, model.covariances_ = (
            _average(states[name]) for name in ("means", "covariances")
        )
        rows = _average(states["transitions"])
        model.transition_matrix_ = rows / np.nansum(rows, axis=1, keepdims=True)


def by_state(model, describe):
    """Parameters of the states of the estimate in every draw, NaN where a draw lacks the state.

    Parameters
    ----------
    model : InfiniteHMM
    describe : callable
        ``describe(params) -> dict of name to (K, ...) values`` for the K states of a draw.

    Returns
    -------
    dict of str to (chain, draw, n_states_, ...) float
        Also ``"transitions"``: (chain, draw, n_states_, n_states_).
    """
    draws, mapping, n = model.draws_, model._fitted_mapping, model.n_states_
    tables: dict[str, np.ndarray] = {}
    for i in range(len(draws)):
        _, params, pi = draws.record(i)
        K = len(pi) - 1
        target = mapping[i, :K]
        found = np.flatnonzero(target >= 0)
        values = {
            name: np.asarray(of_states)[found] for name, of_states in describe(params).items()
        }
        for name, value in values.items():
            table = tables.setdefault(name, np.full((len(draws), n, *value.shape[1:]), np.nan))
            table[i, target[found]] = value
        table = tables.setdefault("transitions", np.full((len(draws), n, n), np.nan))
        table[i][np.ix_(target[found], target[found])] = pi[1:, :-1][np.ix_(found, found)]
    shape = draws.n_chains, draws.n_draws
    return {name: table.reshape(*shape, *table.shape[1:]) for name, table in tables.items()}


def _average(values):
    """Mean over chains and draws of those that have the state."""
    seen = ~np.isnan(values)
    return np.where(seen, values, 0.0).sum(axis=(0, 1)) / seen.sum(axis=(0, 1))


def sampler_summary(model):
    """Convergence in three numbers: the worst R-hat and bulk ESS of the scalars, and ESS per second of the run.

    Returns
    -------
    dict of str to float
        ``rhat``, ``ess``, ``ess_per_second``.
    """
    from tsinit.result import worst_mixing

    rhat, ess = worst_mixing([model.draws_.log_joint, model.draws_.n_states])
    return {"rhat": rhat, "ess": ess, "ess_per_second": ess / model._fitted_seconds}


def datatree(model, bound, panel):
    """All that was drawn, as an ``xarray.DataTree`` with ArviZ group names.

    Returns
    -------
    xarray.DataTree
    """
    from tsinit import result

    draws, columns = model.draws_, [str(name) for name in panel.columns]
    n_tune = model.trace_["log_joint"].shape[1] - 1 - _sweeps_after_tuning(model)
    aligned = by_state(model, bound.describe)
    single = panel.form != "list" and len(panel.parts) == 1
    times = {"time": panel.parts[0].index} if single and panel.form == "frame" else {}
    return result.to_datatree(
        posterior={**{name: getattr(draws, name) for name in SCALARS}, **_occupancy(draws)},
        warmup={name: values[:, 1 : n_tune + 1] for name, values in model.trace_.items()},
        observed=panel.y[panel.rows],
        aligned=aligned,
        labels=draws.labels,
        coords={"feature": columns, "chain": model._fitted_chains, **times},
        dims={
            name: axes
            for name, values in aligned.items()
            if (axes := _axes(name, values.shape[2:], len(columns)))
        },
        attrs={"model": type(model).__name__, "stopped_chains": str(model.stopped_)},
    )


def _axes(name, shape, n_features):
    """Name the axes of a parameter after chain and draw, None where an emission has others than states and columns."""
    if name == "transitions":
        return "state", "to_state"
    if (
        len(shape) == 3
        and shape[1] == n_features
        and (name == "probability" or shape[2] == n_features)
    ):
        return "state", "feature", "category" if name == "probability" else "feature_2"
    return (
        ("state", "feature")[: len(shape)]
        if len(shape) == 1 or shape[1:] == (n_features,)
        else None
    )


def _sweeps_after_tuning(model):
    return model.draws_.n_draws * model._fitted_schedule.thin


def _occupancy(draws):
    """Scalars of a segmentation that do not depend on labels."""
    labels = draws.labels
    changes = (labels[..., 1:] != labels[..., :-1]).sum(axis=-1)
    shares = np.stack(
        [(labels == k).mean(axis=-1) for k in range(int(draws.n_states.max()))], axis=-1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(shares > 0, shares * np.log(shares), 0.0).sum(axis=-1)
    return {
        "n_changes": changes.astype(float),
        "largest_occupancy": shares.max(axis=-1),
        "occupancy_entropy": entropy,
    }


def restore(panel, values, name):
    """Hand back one value for each row given, as an array, a Series or a list of those."""
    values = values[panel.rows] if len(values) > len(panel.rows) else values
    if panel.form == "array":
        return values
    pieces = [
        _like(part, piece, name)
        for part, piece in zip(panel.parts, panel.split(values), strict=True)
    ]
    return pieces if panel.form == "list" else pieces[0]


def _like(part, values, name):
    if not hasattr(part, "iloc"):
        return values
    import pandas as pd

    return pd.Series(values, index=part.index, name=name)
