"""What a fit needs of data, start and estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tsinit._typing import FloatArray

_MIN_VARIATION = 1e-150  # variation whose square is still a number


def check_columns(y: FloatArray, names: Sequence[Any]) -> None:
    """Refuse a column without a single value, and warn of one that never varies.

    Raises
    ------
    ValueError
        A column has no observed value.
    """
    empty = np.flatnonzero(np.isnan(y).all(axis=0))
    if empty.size:
        raise ValueError(
            f"X must have at least one observed value in every column; got none in column {names[empty[0]]!r}. Drop it."
        )
    spread = np.nanmax(y, axis=0) - np.nanmin(y, axis=0)
    constant = np.flatnonzero(spread == 0.0)
    if constant.size:
        warn(
            f"Column {names[constant[0]]!r} of X is constant: it says nothing about the states and is fitted by its "
            "mean with the smallest noise allowed, which adds an arbitrary constant to the log-likelihood."
        )


def check_variation(y: FloatArray, names: Sequence[Any]) -> None:
    """Refuse a column that varies, but so little that its variance is not a number.

    Raises
    ------
    ValueError
        There is one.
    """
    spread = np.fmax.reduce(y, axis=0) - np.fmin.reduce(y, axis=0)
    tiny = np.flatnonzero((spread > 0.0) & (spread < _MIN_VARIATION))
    if tiny.size:
        raise ValueError(
            f"X must vary by at least {_MIN_VARIATION:g} in every column; got {spread[tiny[0]]:.3g} in column "
            f"{names[tiny[0]]!r}. Change its units."
        )


def check_order(y: FloatArray, n_states: int) -> None:
    """Refuse more states than the data can carry.

    Raises
    ------
    ValueError
        There are no more observed steps than states.
    """
    steps = int((~np.isnan(y)).any(axis=1).sum())
    if n_states >= steps:
        raise ValueError(
            f"n_states must be smaller than the number of time steps with data; got n_states={n_states} with "
            f"{steps} such steps."
        )


def check_observed(n_observed: int) -> None:
    """Refuse data in which nothing was observed.

    Raises
    ------
    ValueError
        There is no observed value.
    """
    if n_observed == 0:
        raise ValueError(
            "X must have at least one observed value to be scored; got only missing ones."
        )


def check_finite_likelihood(finite: bool) -> None:
    """Refuse data that the fitted parameters give no density.

    Raises
    ------
    ValueError
        A pass over the data met a covariance that it could not handle.
    """
    if not finite:
        raise ValueError(
            "X must have a finite likelihood under params_; got data on which its covariances are singular. Fit with a "
            "larger noise_floor."
        )


def check_possible(possible: bool) -> None:
    """Refuse data that no path of a hidden Markov model can have given.

    Raises
    ------
    ValueError
        There is no such path.
    """
    if not possible:
        raise ValueError(
            "X must be possible under the fitted model; got rows that no path of its states explains. Fit with prior="
            "'weak', or with fewer zeros in transitions."
        )


def check_fitted(estimator: Any) -> None:
    """Refuse an estimator that has not been fitted.

    Raises
    ------
    sklearn.exceptions.NotFittedError
    """
    if getattr(estimator, "__sklearn_is_fitted__", bool)():
        return  # scikit-learn would look at the tags first, which takes longer than a short filter
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)


def unusable_start(reason: str | None) -> ValueError:
    """Return the error for a start from which no fit can begin."""
    return ValueError(
        f"init must give a model of finite likelihood on these data; got one where {reason}."
    )


def no_contender(failures: Iterable[tuple[str, str, str]]) -> ValueError:
    """Return the error for a race that nobody can run; `failures` lists (label, kind of error, message)."""
    kinds = {(label, kind): message.rstrip(".") for label, kind, message in failures}
    said = "; ".join(f"{label} ({kind}: {message})" for (label, kind), message in kinds.items())
    return ValueError(f"init must race strategies of which one can be fitted; got none: {said}.")


def warn_about_step(iteration: int) -> None:
    """Warn that an EM step lost likelihood and was taken back."""
    warn(
        f"EM step {iteration} lost likelihood beyond rounding and was taken back.",
        RuntimeWarning,
    )


def warn_not_converged(n_steps: int) -> None:
    """Warn that EM ended before its maximum."""
    from sklearn.exceptions import ConvergenceWarning

    warn(
        f"EM has not converged after {n_steps} E-steps: more than tol is left to gain, or nobody can tell. Try a "
        "larger max_iter, fewer n_states, another init, or a larger tol.",
        ConvergenceWarning,
    )


def warn_frozen(states: Sequence[int]) -> None:
    """Warn of states without noise, whose dynamics EM cannot move."""
    from sklearn.exceptions import ConvergenceWarning

    names = ", ".join(f"state{i}" for i in states)
    warn(
        f"Q of the start holds no noise for {names}: EM cannot move these rows of A and Q. Give the states some noise, "
        "unless their dynamics are known.",
        ConvergenceWarning,
    )


def warn_nothing_free() -> None:
    """Warn of a structure that leaves nothing to estimate."""
    warn(
        "structure has no free entry: nothing is estimated, and the model is evaluated as it is given. Put NaN where "
        "an entry is to be estimated, or fit with max_iter=0 if evaluating is what you want."
    )
