"""Draws as an `xarray.DataTree` with ArviZ group names, and the R-hat and effective sample size of the package.

It is the only module that knows ArviZ versions, and knows nothing of models: names, dimensions and coordinates come
from the caller. ArviZ 0.23 (Python 3.11) works on its own InferenceData, 1.x on DataTrees. Both are imported here and
nowhere else, and only when asked for. Convergence diagnostics are ArviZ's to the last digits, without waiting for it
to be imported; :func:`rhat` says what they are for a single chain and for constants.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping
from itertools import chain as concatenated
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import arviz
    import xarray as xr

    from tsinit._typing import FloatArray

#: Values by name: an array (chain, draw, ...), or a list with an array for each chain, which may be ragged.
Variables = Mapping[str, Any]
#: Dimension and values.
Coordinate = tuple[str, npt.NDArray]

#: R-hat below which chains count as converged (``converged_``). With some hundred draws, chains that agree scatter
#: above the 1.01 of Vehtari et al. (2021).
CONVERGED_RHAT = 1.05

_FIRST_DIM = {"posterior_by_state": ("state",), "posterior_by_time": ("time",)}


def to_datatree(
    posterior: Variables,
    *,
    sample_stats: Variables | None = None,
    warmup: Variables | None = None,
    observed: ArrayLike | None = None,
    aligned: Variables | None = None,
    labels: ArrayLike | None = None,
    coords: Mapping[str, Any] | None = None,
    dims: Mapping[str, tuple[str, ...]] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataTree:
    """Arrange draws as a tree with ArviZ group names.

    A chain that has fewer draws than the longest one stopped early: it is left out of every group, and the
    attribute ``chains_left_out`` of the tree lists it. The other chains keep their numbers.

    Parameters
    ----------
    posterior : dict of str to (chain, draw, ...) array
        Quantities whose summaries mean something as they are. As everywhere below, a list with an array for
        each chain is an array too, and may be ragged.
    sample_stats : dict of str to (chain, draw, ...) array, optional
        Statistics of the sampler itself.
    warmup : dict of str to (chain, draw, ...) array, optional
        What came before the first draw; names of `sample_stats` go to ``warmup_sample_stats``, all others to
        ``warmup_posterior``.
    observed : (T, D) float, optional
        The data, with dimensions ``time`` and ``feature``.
    aligned : dict of str to (chain, draw, state, ...) array, optional
        Parameters of states that were matched across draws, NaN where a draw lacks the state. They have a
        group of their own, ``posterior_by_state``, since a mean over the draws that have a state is another
        thing than a mean.
    labels : (chain, draw, T) int, optional
        State of every step, as ``state`` in ``posterior_by_time``: one number a step and draw is no summary.
    coords : dict of str to sequence, optional
        Coordinates of dimensions: ``chain`` (their numbers, where those given are not the first ones), ``time``,
        ``feature``, ``state`` and those in `dims`. pandas indexes too;
        what an index has beyond plain times is kept in coordinates beside it.
    dims : dict of str to tuple of str, optional
        Names of the dimensions of a variable after chain and draw. Without it they are called ``name_dim_0``,
        ..., and the first of `aligned` ``state``.
    attrs : dict, optional
        Of the tree.

    Returns
    -------
    xarray.DataTree
        Groups that were not given are not there.
    """
    import xarray as xr

    given: dict[str, Variables] = {
        "posterior": posterior,
        "sample_stats": sample_stats or {},
        "posterior_by_state": aligned or {},
        "posterior_by_time": {} if labels is None else {"state": labels},
    }
    groups, kept, left_out = _complete(given)
    stats = groups["sample_stats"]
    before = _shortest({name: [value[c] for c in kept] for name, value in (warmup or {}).items()})
    groups["warmup_posterior"] = {
        name: value for name, value in before.items() if name not in stats
    }
    groups["warmup_sample_stats"] = {name: value for name, value in before.items() if name in stats}
    coords = _coordinates(coords or {})
    numbers = coords["chain"][1] if "chain" in coords else np.arange(len(kept) + len(left_out))
    coords["chain"] = "chain", numbers[kept]
    tree = {
        group: xr.Dataset(
            {name: _variable(group, name, value, dims or {}) for name, value in values.items()}
        )
        for group, values in groups.items()
        if values
    }
    if observed is not None:
        tree["observed_data"] = xr.Dataset({"y": (("time", "feature"), np.asarray(observed))})
    tree = {group: data.assign_coords(_belonging(data, coords)) for group, data in tree.items()}
    return xr.DataTree.from_dict(tree | {"/": xr.Dataset(attrs=_attributes(attrs, left_out))})


def to_arviz(datatree: xr.DataTree) -> arviz.InferenceData | xr.DataTree:
    """Turn a tree into what the installed ArviZ works on.

    Parameters
    ----------
    datatree : xarray.DataTree
        From :func:`to_datatree`.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        The former with ArviZ 0.x, the tree itself with ArviZ 1.x.
    """
    installed = _arviz()
    if int(installed.__version__.split(".")[0]) >= 1:
        return datatree
    groups = {name: child.to_dataset() for name, child in datatree.children.items()}
    return installed.InferenceData(attrs=dict(datatree.attrs), **groups)


def rhat(x: ArrayLike) -> float:
    """Rank-normalised split R-hat of one scalar, the larger of bulk and tail: the one of this package.

    Every chain is cut into halves and all halves are compared, so that a single chain has an R-hat as well: it says
    whether that chain has drifted, and cannot say whether another one would have gone elsewhere.

    Parameters
    ----------
    x : (chain, draw) float
        Draws after the warm-up; a single chain may be (draw,).

    Returns
    -------
    float
        1 where all draws of all chains are equal, because they agree (a number of states that never changes, often);
        infinite where every half is stuck at a constant of its own; NaN for fewer than four draws, or where a value is
        not finite.

    Notes
    -----
    With two or more chains that vary, it is ArviZ's ``rhat(x, method="rank")``, which is NaN for a single chain and for
    constants.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Buerkner, Bayesian Analysis 16 (2021), equations 4 and 14.
    """
    x = np.atleast_2d(np.asarray(x, dtype=float))
    if _is_unusable(x):
        return np.nan
    if np.ptp(x) == 0.0:
        return 1.0
    halves = _split(x)
    bulk, tail = _normal_scores(halves), _normal_scores(np.abs(halves - np.median(halves)))
    return float(np.fmax(_plain_rhat(bulk), _plain_rhat(tail)))


def ess(x: ArrayLike) -> float:
    """Bulk effective sample size of one scalar over all chains: the one of this package.

    Parameters
    ----------
    x : (chain, draw) float
        As of :func:`rhat`; a single chain is split too.

    Returns
    -------
    float
        ArviZ's ``ess(x, method="bulk")``, but NaN where all draws are equal, because nothing can be estimated then; NaN
        too for fewer than four draws, or where a value is not finite.

    References
    ----------
    As of :func:`rhat`, section 3; Geyer, Statistical Science 7 (1992): sums of neighbouring autocorrelations are
    positive and fall, beyond the first that is not there is only noise.
    """
    x = np.atleast_2d(np.asarray(x, dtype=float))
    if _is_unusable(x) or np.ptp(x) == 0.0:
        return np.nan
    scores = _normal_scores(_split(x))
    m, n = scores.shape
    covariance = _autocovariance(scores).mean(axis=0)
    plus = covariance[0] + (scores.mean(axis=1).var(ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (covariance[0] * n / (n - 1.0) - covariance) / plus
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    last = max((n - 1) // 2 - 1, 0)
    end = int(np.argmax(pairs < 0)) if (pairs[:last] < 0).any() else last
    # The first half of the pair that ends the sum still counts, once.
    rest = rho[2 * end] if pairs[end] >= 0 else max(rho[2 * end], 0.0)
    tau = 2.0 * np.minimum.accumulate(pairs[:end]).sum() - 1.0 + rest
    return float(m * n / max(tau, 1.0 / np.log10(m * n)))


def worst_mixing(scalars: Iterable[ArrayLike]) -> tuple[float, float]:
    """Largest R-hat and smallest effective sample size among several scalars of a sampler.

    Parameters
    ----------
    scalars : iterable of (chain, draw) float

    Returns
    -------
    rhat : float
        NaN where that of any scalar is: what cannot be judged does not count as converged.
    ess : float
        Of the scalars that vary; NaN where none does.
    """
    scalars = list(scalars)
    sizes = [size for size in map(ess, scalars) if not np.isnan(size)]
    rhats = [rhat(x) for x in scalars]
    return float(np.max(rhats)) if rhats else np.nan, min(sizes, default=np.nan)


def _is_unusable(x: FloatArray) -> bool:
    return x.shape[1] < 4 or not np.isfinite(x).all()


def _split(x: FloatArray) -> FloatArray:
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half :]])


def _normal_scores(x: FloatArray) -> FloatArray:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return ndtri((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))


def _plain_rhat(x: FloatArray) -> float:
    n = x.shape[1]
    # Exactly 0 in a chain that never moves: rounding would make an infinite R-hat a large one.
    of_chains = np.where(np.ptp(x, axis=1) == 0.0, 0.0, x.var(axis=1, ddof=1))
    within, between = of_chains.mean(), x.mean(axis=1).var(ddof=1)
    with np.errstate(all="ignore"):
        return np.sqrt(((n - 1) / n * within + between) / within)


def _autocovariance(x: FloatArray) -> FloatArray:
    """(chain, lag) biased autocovariances, by the fast Fourier transform."""
    n = x.shape[1]
    spectrum = np.fft.rfft(x - x.mean(axis=1, keepdims=True), 2 * n)
    return np.fft.irfft(np.abs(spectrum) ** 2)[:, :n] / n


def _arviz() -> ModuleType:
    with warnings.catch_warnings():
        # The last releases of 0.x announce the next when they are imported.
        warnings.simplefilter("ignore")
        import arviz

    return arviz


def _complete(
    groups: Mapping[str, Variables],
) -> tuple[dict[str, dict[str, npt.NDArray]], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The groups without chains that stopped early, the numbers of the chains kept, and those left out."""
    values = list(concatenated.from_iterable(group.values() for group in groups.values()))
    n_draws = np.min([[len(part) for part in value] for value in values], axis=0)
    kept = np.flatnonzero((n_draws == n_draws.max()) & (n_draws > 0))
    left_out = np.setdiff1d(np.arange(len(n_draws)), kept)
    chosen = {
        name: {key: np.stack([np.asarray(value[c]) for c in kept]) for key, value in group.items()}
        for name, group in groups.items()
    }
    return chosen, kept, left_out


def _shortest(values: Variables) -> dict[str, npt.NDArray]:
    """Cut every array to the chain with the fewest draws."""
    n = min((len(part) for value in values.values() for part in value), default=0)
    if n == 0:
        return {}
    return {
        name: np.stack([np.asarray(part)[:n] for part in value]) for name, value in values.items()
    }


def _variable(
    group: str, name: str, value: npt.NDArray, dims: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], npt.NDArray]:
    named = ("chain", "draw", *dims.get(name, _FIRST_DIM.get(group, ())))[: value.ndim]
    rest = tuple(f"{name}_dim_{i}" for i in range(value.ndim - len(named)))
    return named + rest, value


def _coordinates(coords: Mapping[str, Any]) -> dict[str, Coordinate]:
    """Each coordinate as (dimension, values), pandas indexes in the plain types that files can hold."""
    plain = {}
    for dim, values in coords.items():
        if hasattr(values, "levels"):  # several sequences: their numbers and times beside the row
            plain[dim] = dim, np.arange(len(values))
            for i, name in enumerate(values.names):
                key = name if name and name != dim else f"{dim}_{i}"
                plain[key] = dim, _plain(values.get_level_values(i))
        else:
            plain[dim] = dim, _plain(values)
    return plain


def _plain(values: Any) -> npt.NDArray:
    if hasattr(values, "to_timestamp"):
        values = values.to_timestamp()
    if getattr(values, "tz", None) is not None:
        values = values.tz_convert("UTC").tz_localize(None)
    values = np.asarray(values)
    return values.astype(str) if values.dtype.kind == "O" else values


def _belonging(data: xr.Dataset, coords: Mapping[str, Coordinate]) -> dict[Hashable, Any]:
    """The coordinates of the dimensions of a group; numbers where there are none."""
    own: dict[Hashable, Any] = {dim: np.arange(size) for dim, size in data.sizes.items()}
    return own | {name: values for name, values in coords.items() if values[0] in data.dims}


def _attributes(attrs: Mapping[str, Any] | None, left_out: npt.NDArray) -> dict[str, Any]:
    from tsinit import __version__

    own = {"inference_library": "tsinit", "inference_library_version": __version__}
    if left_out.size:  # an empty list is nothing that a file can hold
        own["chains_left_out"] = left_out.tolist()
    return own | dict(attrs or {})
