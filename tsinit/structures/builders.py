"""Structures of the models that people fit: trends, seasons, cycles, autoregressions, factors, regressions."""

from __future__ import annotations

import numpy as np

from tsinit._validate import check_count, check_flag
from tsinit._validate.values import short
from tsinit.structures.structure import Structure
from tsinit.structures.template import FREE, InputColumn


def local_level() -> Structure:
    """Random walk seen with noise: level[t+1] = level[t] + w.

    Returns
    -------
    Structure
        One diffuse state; free are the variances of its noise and of the observation.
    """
    return Structure([[1.0]], [[1.0]], [FREE], [FREE])


def local_linear_trend(*, smooth: bool = False, fixed_slope: bool = False) -> Structure:
    """Level with a slope: level[t+1] = level[t] + slope[t] + w, slope[t+1] = slope[t] + v.

    Parameters
    ----------
    smooth : bool
        The level has no noise of its own (integrated random walk).
    fixed_slope : bool
        The slope has none: a random walk with drift.

    Returns
    -------
    Structure
        Two diffuse states.
    """
    Q = [0.0 if smooth else FREE, 0.0 if fixed_slope else FREE]
    return Structure([[1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0]], Q, [FREE])


def seasonal(period: int) -> Structure:
    """Effects of the season that add up to noise over a period (dummy variables).

    Parameters
    ----------
    period : int
        Steps, at least 2.

    Returns
    -------
    Structure
        period - 1 diffuse states; free is the variance of the first one's noise.
    """
    n = check_count("period", period, 2) - 1
    A = np.eye(n, k=-1)
    A[0] = -1.0
    return Structure(A, np.eye(1, n), np.where(np.arange(n) == 0, FREE, 0.0), [FREE])


def cycle(*, stationary: bool = True) -> Structure:
    """Damped stochastic cycle: a rotation by the frequency, times a damping below one.

    Parameters
    ----------
    stationary : bool
        It begins in its stationary distribution. If not, its first state is diffuse (as in statsmodels), nothing bounds
        the damping, and a likelihood can grow without bound as the frequency goes to zero, where the second state is
        not seen.

    Returns
    -------
    Structure
        Two states; free are damping and frequency (as ``damping cos(frequency)`` and ``damping
        sin(frequency)``) and the variance of their noise.
    """
    made = Structure(
        [["cos", "sin"], ["-sin", "cos"]],
        [[1.0, 0.0]],
        ["cycle", "cycle"],
        [FREE],
        diffuse=not check_flag("stationary", stationary),
    )
    made.poles = [("cycle", slice(0, 2))]
    return made


def ar(p: int = 1) -> Structure:
    """Stationary autoregression of order p.

    Parameters
    ----------
    p : int

    Returns
    -------
    Structure
        p stationary states (companion form); free are its coefficients and the variance of its noise.
    """
    p = check_count("p", p)
    A = np.eye(p, k=-1)
    A[0] = FREE
    made = Structure(A, np.eye(1, p), np.where(np.arange(p) == 0, FREE, 0.0), [FREE], diffuse=False)
    made.poles = [("ar", slice(0, p))]
    return made


def dynamic_factors(k: int, n_columns: int) -> Structure:
    """Several series driven by k independent autoregressive factors of order one, with noise of their own.

    Parameters
    ----------
    k, n_columns : int
        Factors, and series, of which there are more.

    Returns
    -------
    Structure
        k stationary states with noise of variance 1; free are their autoregressions, loadings (those of the first
        series on later factors are zero, and so on, which fixes the basis), noise variances and means of the series.
    """
    k = check_count("k", k)
    D = check_count("n_columns", n_columns, k + 1)
    C = np.full((D, k), FREE)
    C[np.triu_indices(D, 1, k)] = 0.0
    made = Structure(
        np.diag(np.full(k, FREE)), C, np.ones(k), np.full(D, FREE), np.full(D, FREE), diffuse=False
    )
    made.poles = [("factors", slice(0, k))]
    return made


def regression(n_inputs: int | None = None, *, time_varying: bool = False) -> Structure:
    """Known inputs (``fit(X, inputs=U)``) act on the series; to be joined to what has states.

    Parameters
    ----------
    n_inputs : int, optional
        How many have coefficients that change with time; needed for these, and only for these.
    time_varying : bool
        Coefficients are states that move as random walks (dynamic regression), seen through the inputs. Of several
        parts that are joined, each takes the inputs that follow those of the parts before it; ``regression()`` beside
        them takes the rest.

    Returns
    -------
    Structure
        Without time-varying coefficients no states: free are the effects. With them, a diffuse state for each of the
        first inputs: free are the variances of their noise. ``fixing(Q=[0.0, ...])`` lets coefficients stay, so that
        filtered states are recursive least squares.

    Raises
    ------
    ValueError
        `n_inputs` is no whole number of at least 1, or is given without `time_varying`.

    Examples
    --------
    A level beside two coefficients that change:

    >>> from tsinit import structures
    >>> (structures.local_level() + structures.regression(2, time_varying=True)).n_states
    3
    """
    if not check_flag("time_varying", time_varying):
        if n_inputs is not None:
            raise ValueError(
                f"n_inputs must be None without time_varying=True, because all inputs have effects; got "
                f"{short(n_inputs)}."
            )
        return Structure(
            np.zeros((0, 0)), np.zeros((1, 0)), np.zeros((0, 0)), [FREE], regression=True
        )
    if n_inputs is None:
        raise ValueError(
            "n_inputs must say how many inputs have coefficients that change with time; got None. Give their number: "
            "regression(2, time_varying=True)."
        )
    k = check_count("n_inputs", n_inputs)
    C = np.array([[InputColumn(i) for i in range(k)]], dtype=object)
    return Structure(np.eye(k), C, np.full(k, FREE), [FREE])
