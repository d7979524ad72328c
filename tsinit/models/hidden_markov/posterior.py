"""From the draws of a hidden Markov model to what its user reads: one segmentation, and the states behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit import partitions
from tsinit.kernels.hidden_markov import forward_backward
from tsinit.kernels.params import writeable
from tsinit.models.hidden_markov.draws import SCALARS

if TYPE_CHECKING:
    import xarray as xr

    from tsinit._typing import FloatArray, IntArray
    from tsinit._validate.series import Panel
    from tsinit.emissions import EmissionOnData
    from tsinit.models.hidden_markov.draws import HMMDraw, HMMDraws

#: Draws that stand for the posterior on new rows: more of them move probabilities by less than they differ.
_MAX_DRAWS = 200

#: Parameters of an emission -> values (K, ...) by name.
Describe = Callable[[Any], Mapping[str, "FloatArray"]]


class PosteriorEstimate(NamedTuple):
    """One segmentation that the draws agree on, and the posterior means of its states."""

    labels: IntArray  # (rows given,) 0 to n_states - 1 by first appearance
    probabilities: FloatArray  # (rows given, n_states)
    mapping: (
        IntArray  # (chain x kept draw, largest K) state of each state of each draw; -1 for none
    )
    means: FloatArray  # (n_states, D)
    covariances: FloatArray  # (n_states, D, D)
    transition_matrix: FloatArray  # (n_states, n_states)


def estimate(draws: HMMDraws, emission: EmissionOnData, y: FloatArray) -> PosteriorEstimate:
    """Estimate segmentation and states.

    Parameters
    ----------
    draws : HMMDraws
    emission : EmissionOnData
        On the data of the fit.
    y : (rows given, D) float
        The same data, for states that have no mean of their own, as dynamics that are not stationary.

    Returns
    -------
    PosteriorEstimate
        Means are over the draws that have a state, transition probabilities over those that have both; where no draw
        of a state has a mean, those of its rows take the place.
    """
    agreed = partitions.consensus(draws.flat)
    states = by_state(
        draws,
        agreed.mapping,
        agreed.probabilities.shape[1],
        lambda params: {
            "means": emission.means(params),
            "covariances": emission.covariances(params),
        },
    )
    with np.errstate(invalid="ignore"):
        means = emission.average_means(states["means"].reshape(-1, *states["means"].shape[2:]))
        covariances, rows = (_average(states[name]) for name in ("covariances", "transitions"))
    fill_moments(means, covariances, y, agreed.labels)
    # No draw goes from one state to another that it does not have.
    transition_matrix = _normalised(np.nan_to_num(rows, nan=0.0))
    return PosteriorEstimate(
        agreed.labels, agreed.probabilities, agreed.mapping, means, covariances, transition_matrix
    )


def fill_moments(
    means: FloatArray, covariances: FloatArray, y: FloatArray, labels: IntArray
) -> None:
    """Put those of its rows in the place of the means (K, D) and covariances (K, D, D) that a state does not have."""
    for k in np.flatnonzero(np.isnan(means).any(axis=1)):
        mean, covariance = of_rows(y[labels == k])
        lacking = np.isnan(means[k])
        means[k, lacking] = mean[lacking]
        covariances[k] = np.where(np.isnan(covariances[k]), covariance, covariances[k])


def of_rows(y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of rows with gaps; entries that no row has, or no pair of columns, are NaN."""
    seen = ~np.isnan(y)
    with np.errstate(invalid="ignore"):
        mean = np.where(seen, y, 0.0).sum(axis=0) / seen.sum(axis=0)
        deviation = np.where(seen, y - mean, 0.0)
        return mean, deviation.T @ deviation / (seen.T.astype(float) @ seen)


def by_state(
    draws: HMMDraws, mapping: IntArray, n_states: int, describe: Describe
) -> dict[str, FloatArray]:
    """Parameters of the states of the estimate in every draw with labels, NaN where a draw lacks the state.

    Parameters
    ----------
    draws : HMMDraws
    mapping : (chain x kept draw, K) int
    n_states : int
    describe : callable
        ``describe(params) -> dict of name to (K, ...) values`` for the K states of a draw.

    Returns
    -------
    dict of str to (chain, kept draw, n_states, ...) float
        Also ``"transitions"``: (chain, kept draw, n_states, n_states).
    """
    tables: dict[str, FloatArray] = {}
    for i in range(len(draws)):
        _, params, pi, _ = draws.record(i)
        target = mapping[i, : len(pi) - 1]
        found = np.flatnonzero(target >= 0)
        values = {
            name: np.asarray(of_states)[found] for name, of_states in describe(params).items()
        }
        for name, value in values.items():
            shape = (len(draws), n_states, *value.shape[1:])
            table = tables.setdefault(name, np.full(shape, np.nan))
            table[i, target[found]] = value
        shape = (len(draws), n_states, n_states)
        table = tables.setdefault("transitions", np.full(shape, np.nan))
        table[i][np.ix_(target[found], target[found])] = pi[1:, :-1][np.ix_(found, found)]
    return {
        name: table.reshape(draws.n_chains, -1, *table.shape[1:]) for name, table in tables.items()
    }


def _average(values: FloatArray) -> FloatArray:
    """Mean over chains and draws of those that have the state."""
    present = ~np.isnan(values)
    return np.where(present, values, 0.0).sum(axis=(0, 1)) / present.sum(axis=(0, 1))


def _normalised(rows: FloatArray) -> FloatArray:
    """Rows (n, K) that add to 1; a row of zeros, whose mass is all on states left out, says nothing of these."""
    total = rows.sum(axis=1, keepdims=True)
    return np.where(total > 0.0, rows / np.where(total > 0.0, total, 1.0), 1.0 / rows.shape[1])


def smooth(
    draws: HMMDraws, mapping: IntArray, n_states: int, emission: EmissionOnData, offsets: IntArray
) -> FloatArray:
    """Probabilities of the states of the estimate at rows, averaged over draws.

    Each draw smooths the rows with its own states, and its probabilities go to the states of the estimate that they
    are matched with. What draws give to states without a match is spread in proportion.

    Parameters
    ----------
    draws, mapping, n_states
        As in :func:`by_state`.
    emission : EmissionOnData
        On the rows in question, those of the fit or others.
    offsets : (N + 1,) int
        Where each sequence starts.

    Returns
    -------
    (T, n_states) float
    """
    return _averaged(draws, mapping, n_states, emission, offsets, _smoothed)


def filter_states(
    draws: HMMDraws, mapping: IntArray, n_states: int, emission: EmissionOnData, offsets: IntArray
) -> FloatArray:
    """Average the same probabilities given the rows up to each alone; arguments and result as of `smooth`."""
    return _averaged(draws, mapping, n_states, emission, offsets, forward_backward.filter_states)


def _smoothed(
    log_density: FloatArray, start: FloatArray, P: FloatArray, offsets: IntArray
) -> FloatArray:
    return forward_backward.smooth(log_density, start, P, offsets)[1]


def _averaged(
    draws: HMMDraws,
    mapping: IntArray,
    n_states: int,
    emission: EmissionOnData,
    offsets: IntArray,
    of_draw: Callable[[FloatArray, FloatArray, FloatArray, IntArray], FloatArray],
) -> FloatArray:
    total = np.zeros((int(offsets[-1]), n_states))
    for i in spaced(len(draws)):
        add_matched(total, of_draw(*occupied(draws.record(i), emission), offsets), mapping[i])
    return shares(total)


def add_matched(total: FloatArray, probability: FloatArray, mapping: IntArray) -> None:
    """Add a draw's probabilities (T, K) to those of the states of the estimate that they are matched with."""
    target = mapping[: probability.shape[1]]
    for k in np.flatnonzero(target >= 0):
        total[:, target[k]] += probability[:, k]


def shares(total: FloatArray) -> FloatArray:
    """Divide sums (T, n_states) over draws by their own sum; all alike where no draw has a match."""
    size = total.sum(axis=1, keepdims=True)
    return np.where(size > 0, total / np.where(size > 0, size, 1.0), 1.0 / total.shape[1])


def log_likelihoods(draws: HMMDraws, emission: EmissionOnData, offsets: IntArray) -> FloatArray:
    """Log-likelihood of all rows under each of the draws used, in the units of the data; no smoothing."""
    values = [
        forward_backward.log_likelihood(*occupied(draws.record(i), emission), offsets)
        for i in spaced(len(draws))
    ]
    return np.array(values) + emission.log_jacobian


def spaced(n_draws: int) -> IntArray:
    """Draws that stand for the posterior on other rows."""
    return np.unique(np.linspace(0, n_draws - 1, _MAX_DRAWS).astype(int))


def occupied(draw: HMMDraw, emission: EmissionOnData) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log densities (T, K), start (K,) and rows (K, K) among the occupied states, without the mass of all others."""
    inside = _normalised(draw.pi[:, :-1])
    log_density = emission.log_densities(writeable(draw.params), inside.shape[1])
    return log_density, np.ascontiguousarray(inside[0]), np.ascontiguousarray(inside[1:])


def to_datatree(
    draws: HMMDraws,
    tables: Mapping[str, FloatArray],
    warmup: Mapping[str, FloatArray],
    observed: Panel,
    chain_numbers: Sequence[int],
    attrs: Mapping[str, str],
) -> xr.DataTree:
    """All that was drawn, as an ``xarray.DataTree`` with ArviZ group names.

    Parameters
    ----------
    draws : HMMDraws
    tables : dict of str to (chain, draw, n_states, ...) float
        From :func:`by_state`.
    warmup : dict of str to (chain, sweep) float
    observed : Panel
        The data of the fit.
    chain_numbers : sequence of int
        Of the chains that were kept.
    attrs : dict of str to str

    Returns
    -------
    xarray.DataTree
    """
    from tsinit import result

    columns = [str(name) for name in observed.columns]
    single = observed.form != "list" and len(observed.parts) == 1
    times = {"time": observed.parts[0].index} if single and observed.form == "frame" else {}
    tree = result.to_datatree(
        posterior={**{name: getattr(draws, name) for name in SCALARS}, **_occupancy(draws)},
        warmup=warmup,
        observed=observed.y[observed.rows],
        aligned=tables,
        labels=draws.labels,
        coords={"feature": columns, "chain": chain_numbers, **times},
        dims={
            name: axes
            for name, values in tables.items()
            if (axes := _axes(name, values.shape[2:], len(columns)))
        },
        attrs=attrs,
    )
    if len(draws.label_draws) < draws.n_draws:
        for group in ("posterior_by_state", "posterior_by_time"):
            tree[group] = tree[group].to_dataset().assign_coords(draw=draws.label_draws)
    return tree


def _axes(name: str, shape: tuple[int, ...], n_features: int) -> tuple[str, ...] | None:
    """Name the axes of a parameter after chain and draw, None where an emission has others than states and columns."""
    if name == "transitions":
        return "state", "to_state"
    if name.endswith("]"):  # of one part of the columns, in an order of its own
        return None
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


def _occupancy(draws: HMMDraws) -> dict[str, FloatArray]:
    """Scalars of a segmentation that do not depend on labels."""
    shares = draws.shares
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(shares > 0, shares * np.log(shares), 0.0).sum(axis=-1)
    return {
        "n_changes": draws.n_changes.astype(float),
        "largest_occupancy": shares.max(axis=-1),
        "occupancy_entropy": entropy,
    }
