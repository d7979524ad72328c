"""Structures of state-space models: which entries are fixed, which are shared, and builders for those that people fit.

>>> from tsinit import structures
>>> model = structures.local_linear_trend() + structures.seasonal(4)
>>> model.n_states
5

Sources: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), chapter 2; Durbin and Koopman,
Time Series Analysis by State Space Methods (2012), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_count, check_flag
from tsinit._validate.values import short

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from tsinit._typing import FloatArray

FREE = np.nan
NAMES = ("A", "C", "Q", "R", "d")


@dataclass(frozen=True)
class InputColumn:
    """An entry of C that is, at every step, what a column of the inputs has there.

    Parameters
    ----------
    column : int
        Its place among the inputs, from 0.
    """

    column: int


class Template:
    """A matrix of which some entries are free: M = fixed entries + signed free ones, shared by label.

    Parameters
    ----------
    name : str
    values : array_like of numbers and str
        A number is fixed, NaN is free, equal strings are shared, with the opposite sign after a minus. Of C, an entry
        may be an `InputColumn`.
    """

    def __init__(self, name: str, values: ArrayLike) -> None:
        entries = np.array(values, dtype=object)
        self.values = entries
        self.fixed = np.zeros(entries.shape)
        self.which = np.full(entries.shape, -1)
        self.sign = np.ones(entries.shape)
        self.inputs = np.full(entries.shape, -1)
        labels: dict[Any, int] = {}
        for index, value in np.ndenumerate(entries):
            if isinstance(value, InputColumn) and name == "C":
                self.inputs[index] = check_count("InputColumn", value.column, 0)
                continue
            if isinstance(value, str):
                self.sign[index] = -1.0 if value.startswith("-") else 1.0
                key: Any = value.removeprefix("-")
            else:
                self.fixed[index] = number = _number(name, value)
                if not np.isnan(number):
                    continue
                key = index
            self.fixed[index] = 0.0
            self.which[index] = labels.setdefault(key, len(labels))
        self.size = len(labels)
        self.labels = list(
            labels
        )  # of free entries: a string where they are shared, else their place
        self.free = self.which >= 0

    def names(self, of_place: Callable[..., str]) -> list[str]:
        """Name the free entries: by their label, or by their place."""
        return [key if isinstance(key, str) else of_place(*key) for key in self.labels]

    def fill(self, theta: FloatArray) -> FloatArray:
        """Put free entries (size,) in their places."""
        out = self.fixed.copy()
        out[self.free] = self.sign[self.free] * theta[self.which[self.free]]
        return out

    def pull(self, slope: FloatArray) -> FloatArray:
        """Turn derivatives by all entries into those by the free ones (size,)."""
        weights = self.sign[self.free] * slope[self.free]
        total = np.bincount(self.which[self.free], weights=weights, minlength=self.size)
        return total.astype(float)

    def read(self, M: FloatArray) -> FloatArray:
        """Return the free entries of a matrix, averages where they are shared."""
        values = self.sign[self.free] * M[self.free]
        total = np.bincount(self.which[self.free], weights=values, minlength=self.size)
        return total / np.bincount(self.which[self.free], minlength=self.size)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.inf
    if np.isinf(number):
        raise ValueError(
            f"structure.{name} must hold numbers for what is fixed, NaN for what is free and strings for what is "
            f"shared{', or InputColumn(k)' if name == 'C' else ''}; got {short(value)}."
        )
    return number


class Structure:
    """Which entries of a state-space model are fixed, free or shared, in the units of the data.

    In each array a number is fixed, NaN is free, and equal strings are shared (``"a"``, and ``"-a"`` for its opposite).
    Structures of one series are joined by ``+``: their states stand beside each other and add up in the observation.

    Parameters
    ----------
    A : (n, n) array_like
        State transition.
    C : (D, n) array_like
        Observation matrix. ``InputColumn(k)`` stands for an entry that is column k of the inputs, known at every step:
        a whole (T, D, n) array is ``inputs=array.reshape(T, -1)``, and entry (i, j) of C ``InputColumn(i * n + j)``.
    Q : (n, n) or (n,) array_like
        Covariance of the state noise, or its diagonal. Free and shared entries are variances.
    R : (D, D) or (D,) array_like
        The same of the observation noise.
    d : (D,) array_like, optional
        Observation mean; zero if not given.
    diffuse : bool or (n,) bool
        States of which nothing is known before the data. The others begin in their stationary distribution, and must
        not depend on those that are diffuse.
    regression : bool
        Known inputs have free effects on the observations: those after the last `InputColumn`.

    Attributes
    ----------
    n_states : int
    n_columns : int
    n_varying : int
        The first columns of the inputs, which are entries of C.
    C_inputs : (D, n) int or None
        Which of them stand where, -1 elsewhere; None without any.
    n_free : int
        Free entries, without effects of inputs.

    Raises
    ------
    ValueError
        Shapes do not fit, an entry is none of these, a covariance between noises is free, or a row that has no noise
        has free entries.

    Examples
    --------
    A random walk seen with noise, whose two variances are the same:

    >>> from tsinit.structures import Structure
    >>> Structure(A=[[1.0]], C=[[1.0]], Q=[float("nan")], R=[float("nan")]).n_free
    2
    """

    def __init__(
        self,
        A: ArrayLike,
        C: ArrayLike,
        Q: ArrayLike,
        R: ArrayLike,
        d: ArrayLike | None = None,
        *,
        diffuse: ArrayLike = True,
        regression: bool = False,
    ) -> None:
        shape = np.shape(np.array(C, dtype=object))
        D, n = shape if len(shape) == 2 else (0, 0)
        d = np.zeros(D) if d is None else d
        given = dict(zip(NAMES, (A, C, _square(Q), _square(R), d), strict=True))
        shapes = {"A": (n, n), "C": (D, n), "Q": (n, n), "R": (D, D), "d": (D,)}
        self.templates = {name: Template(name, value) for name, value in given.items()}
        for name, template in self.templates.items():
            if template.fixed.shape != shapes[name] or not D:
                raise ValueError(
                    f"structure.{name} must have shape {shapes[name]} beside C {shape}; got {template.fixed.shape}."
                )
        self.n_states, self.n_columns = n, D
        columns = self.templates["C"].inputs
        self.n_varying = int(columns.max(initial=-1)) + 1
        self.C_inputs = columns if self.n_varying else None
        self.diffuse = np.broadcast_to(np.asarray(diffuse, dtype=bool), n).copy()
        self.regression = regression
        self.n_free = sum(template.size for template in self.templates.values())
        self.poles: list[
            tuple[str, slice]
        ] = []  # states whose dynamics a start gives by its eigenvalues
        self._check()

    def _check(self) -> None:
        t = self.templates
        for name, rows in (("Q", "A"), ("R", "C")):
            V = t[name]
            beside = V.free & ~np.eye(len(V.fixed), dtype=bool)
            if beside.any():
                raise ValueError(
                    f"structure.{name} must have its free entries on the diagonal; got one at "
                    f"{tuple(map(int, np.argwhere(beside)[0]))}. Fix covariances to numbers."
                )
            if (V.sign < 0.0).any():
                raise ValueError(f"structure.{name} must have no variance with a minus; got one.")
            w = np.linalg.eigvalsh(V.fixed) if V.fixed.size else np.zeros(1)
            if not np.array_equal(V.fixed, V.fixed.T) or w.min() < -1e-8 * np.abs(w).max():
                raise ValueError(
                    f"structure.{name} must be symmetric, and positive semi-definite in what is fixed; got "
                    f"{V.fixed.tolist()}."
                )
            quiet = ~V.free.diagonal() & (V.fixed.diagonal() == 0.0)
            moved = np.flatnonzero(quiet & t[rows].free.any(axis=1))
            if moved.size:
                raise ValueError(
                    f"structure.{rows} must be fixed in rows without noise; got free entries in row {moved[0]}. Fix "
                    f"them, or let the variance {name}[{moved[0]}, {moved[0]}] be free."
                )
        across = t["A"].free | (t["A"].fixed != 0.0)
        if across[np.ix_(~self.diffuse, self.diffuse)].any():
            raise ValueError(
                "structure.A must let stationary states depend on stationary ones alone; got an entry beside a diffuse "
                "state. Declare these states diffuse too."
            )

    def fixing(self, **entries: ArrayLike) -> Structure:
        """Return the same structure with other arrays, such as ``fixing(R=[0.0])`` for no observation noise."""
        unknown = set(entries) - set(NAMES)
        if unknown:
            raise ValueError(f"structure must have arrays {list(NAMES)}; got {sorted(unknown)}.")
        arrays = {name: template.values for name, template in self.templates.items()} | entries
        made = Structure(**arrays, diffuse=self.diffuse, regression=self.regression)
        made.poles = self.poles
        return made

    def __add__(self, other: Structure) -> Structure:
        if not isinstance(other, Structure):
            return NotImplemented
        if self.n_columns != 1 or other.n_columns != 1:
            raise ValueError(
                f"Structures must be of one series to be joined; got {self.n_columns} and {other.n_columns} columns."
            )
        n, m = self.n_states, other.n_states
        arrays: dict[str, Any] = {}
        for name in ("A", "Q"):
            block = np.zeros((n + m, n + m), dtype=object)
            block[:n, :n] = self.templates[name].values
            block[n:, n:] = _renamed(other.templates[name].values, n)
            arrays[name] = block
        arrays["C"] = np.hstack(
            [self.templates["C"].values, _renamed(other.templates["C"].values, n, self.n_varying)]
        )
        for name in ("R", "d"):
            first, second = self.templates[name], other.templates[name]
            arrays[name] = first.values if first.free.any() or first.fixed.any() else second.values
        made = Structure(
            **arrays,
            diffuse=np.concatenate([self.diffuse, other.diffuse]),
            regression=self.regression or other.regression,
        )
        moved = [(kind, slice(part.start + n, part.stop + n)) for kind, part in other.poles]
        made.poles = [*self.poles, *moved]
        return made

    def __repr__(self) -> str:
        return f"Structure({self.n_states} states, {self.n_columns} columns, {self.n_free} free)"


def _square(values: ArrayLike) -> ArrayLike:
    entries = np.array(values, dtype=object)
    if entries.ndim != 1:
        return entries
    out = np.zeros((len(entries), len(entries)), dtype=object)
    np.fill_diagonal(out, entries)
    return out


def _renamed(values: Any, place: int, first_input: int = 0) -> Any:
    """Labels of a structure that is joined must not meet those of the other, nor its columns of the inputs."""
    out = values.copy()
    for index, value in np.ndenumerate(values):
        if isinstance(value, str):
            out[index] = f"{value}@{place}"
        elif isinstance(value, InputColumn):
            out[index] = InputColumn(value.column + first_input)
    return out


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
