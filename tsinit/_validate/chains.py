"""What samplers ask of their arguments, and what they report of their chains."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tsinit._validate.values import check_number, short, warn
from tsinit.kernels import density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import IntArray

_Priors = TypeVar("_Priors", bound="Any")  # a NamedTuple of pairs

#: What a sampler asks of an emission on data.
_ON_DATA = ("data", "latent", "augment", "draw", "log_evidence")


def check_per_chain(name: str, value: Any, n_chains: int) -> list[Any]:
    """Give every chain its own of a list, or all of them the same.

    A list of numbers is one value (labels); a list of anything else is one value for each chain.

    Raises
    ------
    ValueError
        The list has another length.
    """
    if not isinstance(value, (list, tuple)) or all(
        isinstance(v, (int, float, np.number)) for v in value
    ):
        return [np.asarray(value) if isinstance(value, (list, tuple)) else value] * n_chains
    if len(value) != n_chains:
        raise ValueError(
            f"{name} must hold one start for each of the {n_chains} chains; got {len(value)}."
        )
    return list(value)


def check_concentrations(priors: Any, defaults: _Priors) -> _Priors:
    """Fill a dict of pairs of positive numbers into the defaults.

    Parameters
    ----------
    priors : dict, None, or of the type of `defaults`
    defaults : NamedTuple of pairs

    Raises
    ------
    TypeError
        It is none of these.
    ValueError
        A name is unknown, or a value is no pair of positive numbers.
    """
    if priors is None:
        return defaults
    if isinstance(priors, type(defaults)):
        priors = priors._asdict()
    if not isinstance(priors, dict):
        raise TypeError(
            f"priors must be a dict with keys among {list(defaults._fields)}, or None; got {short(priors)}."
        )
    pairs = {}
    for name, pair in priors.items():
        if name not in defaults._fields:
            close = difflib.get_close_matches(str(name).lower(), defaults._fields, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"priors must have keys among {list(defaults._fields)}; got {short(name)}.{hint}"
            )
        if not isinstance(pair, (list, tuple, np.ndarray)) or len(pair) != 2:
            raise ValueError(
                f"priors[{name!r}] must be a pair of positive numbers; got {short(pair)}."
            )
        pairs[name] = tuple(
            check_number(f"priors[{name!r}][{i}]", v, 1e-9) for i, v in enumerate(pair)
        )
    return defaults._replace(**pairs)


def check_emission_on_data(emission: Any) -> Any:
    """Require what an emission's method ``bind`` has to return.

    Raises
    ------
    TypeError
        It is no ``EmissionOnData``, nor anything like one.
    """
    if not all(hasattr(emission, name) for name in _ON_DATA):
        raise TypeError(
            "emission must have a method bind that returns a tsinit.emissions.EmissionOnData; got one that returns "
            f"{type(emission).__name__}."
        )
    return emission


def check_emission_for_em(emission: Any) -> Any:
    """Require what EM asks of an emission on data.

    Raises
    ------
    TypeError
        It has no M-step of its own.
    """
    if not getattr(emission, "has_m_step", hasattr(emission, "maximise")):
        raise TypeError(
            "emission must have a method maximise (the M-step) to be fitted by EM; got "
            f"{type(emission).__name__}. tsinit.emissions.EmissionOnData says what it does; InfiniteHMM needs none."
        )
    return emission


def check_can_hold_out(order: int) -> None:
    """Require an emission under which rows may be missing.

    Raises
    ------
    ValueError
        It looks back at rows.
    """
    if order:
        raise ValueError(
            "order_criterion must be 'bic' or 'icl' where rows look back at others, which cannot be held out; got "
            "'held_out'."
        )


def check_density(params: Any) -> Any:
    """Require parameters of a class that has a density.

    Raises
    ------
    TypeError
        No density is registered for it.
    """
    for part in getattr(params, "parts", [params]):
        if type(part) not in density._DENSITIES:
            name = type(part).__name__
            raise TypeError(
                f"emission must draw parameters of a class that has a density; got {name}. Register one with "
                f"@tsinit.kernels.density.density({name})."
            )
    return params


def check_chains(stopped: dict[int, str], n_chains: int) -> None:
    """Warn of chains that stopped, and refuse a fit that has no other.

    Parameters
    ----------
    stopped : dict of int to str
        Why, by chain.

    Raises
    ------
    RuntimeError
        All chains stopped.
    """
    if not stopped:
        return
    first, why = next(iter(stopped.items()))
    if len(stopped) == n_chains:
        raise RuntimeError(f"Every one of the {n_chains} chains stopped; chain {first}: {why}")
    warn(
        f"{len(stopped)} of {n_chains} chains stopped and are left out; chain {first}: {why}",
        RuntimeWarning,
    )


def check_jobs(n_jobs: int | None) -> int | None:
    """Require a whole number other than 0, as joblib counts them, or None.

    Raises
    ------
    ValueError
        It is neither.
    """
    whole = isinstance(n_jobs, (int, np.integer)) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ValueError(
            f"n_jobs must be a whole number other than 0 (-1: all processors), or None; got {short(n_jobs)}."
        )
    return n_jobs


def warn_unconverged(sentence: str) -> None:
    """Warn, in this sentence, that chains disagree."""
    from sklearn.exceptions import ConvergenceWarning

    warn(sentence, ConvergenceWarning)


def warn_correlated(column: Any, correlation: float) -> None:
    """Warn that rows are not independent given their states."""
    warn(
        f"Within states, neighbouring rows of column {column!r} have a correlation of {correlation:.2f}; the model "
        "takes them as independent and splits regimes to explain it. Take differences or longer steps, or read states "
        "as levels of the series, not as regimes."
    )


def warn_of_interrupt(n_draws: int) -> None:
    """Say how many draws of each chain an interrupt left."""
    warn(f"Interrupted: kept {n_draws} draws of each chain.")


def check_rows(name: str, rows: ArrayLike | None, n_rows: int, maximum: int) -> IntArray:
    """Return row numbers as an array; None is all rows.

    Raises
    ------
    ValueError
        There is no such row, or there are more rows than a matrix of all pairs can hold.
    """
    if rows is None:
        chosen = np.arange(n_rows)
    else:
        chosen = np.asarray(rows)
        whole = chosen.ndim == 1 and chosen.size > 0 and chosen.dtype.kind in "iu"
        if not whole or chosen.min() < 0 or chosen.max() >= n_rows:
            raise ValueError(
                f"{name} must be numbers of rows from 0 to {n_rows - 1}; got {short(rows)}."
            )
    if len(chosen) > maximum:
        raise ValueError(
            f"{name} must be at most {maximum:,} rows, whose matrix of pairs fits in memory; got {len(chosen):,}. "
            f"Choose some, for example every {len(chosen) // maximum + 1}th."
        )
    return chosen.astype(np.int64)
