"""Emissions: how one state of a hidden Markov model makes its observations.

Each is one file: its priors (an `Emission`), the same with data to explain (an `EmissionOnData`) and its kernels.
`tsinit.emissions.base` says what another needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tsinit._deprecation import warn_of_old_name
from tsinit.emissions import _checks
from tsinit.emissions.autoregressive import Autoregressive
from tsinit.emissions.base import Emission, EmissionOnData
from tsinit.emissions.by_column import ByColumn
from tsinit.emissions.categorical import Categorical
from tsinit.emissions.gaussian import Gaussian
from tsinit.emissions.gaussian_diag import DiagonalGaussian
from tsinit.emissions.gaussian_known_variance import KnownVarianceGaussian
from tsinit.emissions.negative_binomial import NegativeBinomial
from tsinit.emissions.poisson import Poisson
from tsinit.emissions.student_t import StudentT
from tsinit.emissions.von_mises import VonMises
from tsinit.emissions.zero_inflated import ZeroInflated

__all__ = [
    "Autoregressive",
    "ByColumn",
    "Categorical",
    "DiagonalGaussian",
    "Emission",
    "EmissionOnData",
    "Gaussian",
    "KnownVarianceGaussian",
    "NegativeBinomial",
    "Poisson",
    "StudentT",
    "VonMises",
    "ZeroInflated",
    "names",
    "resolve",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EMISSIONS: dict[str, Callable[[], Emission]] = {
    "gaussian": Gaussian,
    "gaussian_diag": DiagonalGaussian,
    "gaussian_known_variance": KnownVarianceGaussian,
    "student_t": StudentT,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "zero_inflated_poisson": ZeroInflated,
    "zero_inflated_negative_binomial": partial(ZeroInflated, "negative_binomial"),
    "categorical": Categorical,
    "von_mises": VonMises,
    "autoregressive": Autoregressive,
    "autoregressive_diag": partial(Autoregressive, covariance="diag"),
}


def __getattr__(name: str) -> Any:
    if name == "Bound":
        warn_of_old_name("tsinit.emissions.Bound", "tsinit.emissions.EmissionOnData")
        return EmissionOnData
    raise AttributeError(f"module 'tsinit.emissions' has no attribute {name!r}")


def names() -> list[str]:
    """List the names of the emissions.

    Returns
    -------
    list of str
    """
    return list(_EMISSIONS)


def resolve(
    emission: str | Emission | Mapping[Any, Any], columns: Sequence[Any] | None = None
) -> Emission:
    """Turn what a user gave into an emission.

    Parameters
    ----------
    emission : str, Emission or dict
        One of `names`, with default priors; an object with the method ``bind``; or a dict from columns to emissions,
        see `ByColumn`.
    columns : sequence, optional
        Names of the columns of the data, for emissions by column.

    Returns
    -------
    Emission

    Raises
    ------
    ValueError
        If no emission has that name.
    TypeError
        If it is neither.
    """
    if isinstance(emission, str):
        _checks.known(emission, names())
        return _EMISSIONS[emission]()
    if isinstance(emission, Mapping):
        emission = ByColumn(emission)
    if isinstance(emission, ByColumn) and columns is not None:
        emission = emission.for_columns(columns)
    _checks.emission_object(emission)
    return emission
