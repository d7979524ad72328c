"""Which entries of a state-space model are fixed, free or shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.structures.template import CovarianceTemplate, InputColumn, Template

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NAMES = ("A", "C", "Q", "R", "d", "m0", "B", "D")
_KINDS = {"Q": CovarianceTemplate, "R": CovarianceTemplate}


class Structure:
    """Which entries of a state-space model are fixed, free or shared, in the units of the data.

    In each array a number is fixed, NaN is free, and equal strings are shared (``"a"``, and ``"-a"`` for its opposite).
    Labels are those of one array.
    Structures of one series are joined by ``+``: their states stand beside each other and add up in the observation.

    Parameters
    ----------
    A : (n, n) array_like
        State transition.
    C : (D, n) array_like
        Observation matrix. ``InputColumn(k)`` stands for an entry that is column k of the inputs, known at every step:
        a whole (T, D, n) array is ``inputs=array.reshape(T, -1)``, and entry (i, j) of C ``InputColumn(i * n + j)``.
    Q : (n, n) or (n,) array_like
        Covariance of the state noise, or its diagonal. Free and shared entries of the diagonal are variances; a block
        of rows whose covariances are all free is free as a whole.
    R : (D, D) or (D,) array_like
        The same of the observation noise.
    d : (D,) array_like, optional
        Observation mean; zero if not given.
    m0 : (n,) array_like, optional
        Mean of the first state; zero if not given. Nothing is said of that of diffuse states.
    B, D : (n, m), (D, m) array_like, optional
        Effects of m known inputs (``fit(X, inputs=U)``) on the next state, and on the observations of their own step.
    diffuse : bool or (n,) bool
        States of which nothing is known before the data. The others begin in their stationary distribution, moved to
        m0, and must not depend on those that are diffuse.
    regression : bool
        Known inputs, as many as there are, have free effects on the observations: those after the last `InputColumn`.

    Attributes
    ----------
    n_states : int
    n_columns : int
    n_varying : int
        The first columns of the inputs, which are entries of C.
    C_inputs : (D, n) int or None
        Which of them stand where, -1 elsewhere; None without any.
    n_inputs : int or None
        Columns that inputs must have; None where any number will do.
    n_free : int
        Free entries, without effects of a regression.

    Raises
    ------
    ValueError
        Shapes do not fit, an entry is none of these, covariances are free that do not make up a block, a row that has
        no noise has free entries, or a diffuse state has a mean.

    Examples
    --------
    Two series that see one random walk, with noise of the same variance:

    >>> from tsinit.structures import Structure
    >>> free = float("nan")
    >>> Structure(A=[[1.0]], C=[[1.0], [1.0]], Q=[free], R=["v", "v"]).n_free
    2

    Two random walks whose steps are correlated:

    >>> walks = Structure(
    ...     A=[[1.0, 0.0], [0.0, 1.0]], C=[[1.0, 0.0], [0.0, 1.0]], Q=[[free, free], [free, free]], R=[free, free]
    ... )
    >>> walks.n_free
    5
    """

    def __init__(
        self,
        A: ArrayLike,
        C: ArrayLike,
        Q: ArrayLike,
        R: ArrayLike,
        d: ArrayLike | None = None,
        *,
        m0: ArrayLike | None = None,
        B: ArrayLike | None = None,
        D: ArrayLike | None = None,
        diffuse: ArrayLike = True,
        regression: bool = False,
    ) -> None:
        shape = np.shape(np.array(C, dtype=object))
        rows, n = shape if len(shape) == 2 else (0, 0)
        d = np.zeros(rows) if d is None else d
        m0 = np.zeros(n) if m0 is None else m0
        given = dict(zip(NAMES, (A, C, _square(Q), _square(R), d, m0, B, D), strict=True))
        self.templates: dict[str, Any] = {
            name: _KINDS.get(name, Template)(name, value)
            for name, value in given.items()
            if value is not None
        }
        effects = [t.fixed.shape[-1] for name, t in self.templates.items() if name in ("B", "D")]
        columns = self.templates["C"].inputs
        self.n_varying = int(columns.max(initial=-1)) + 1
        self.C_inputs = columns if self.n_varying else None
        self.has_effects = bool(effects)
        m = effects[0] if effects else self.n_varying
        self.n_inputs: int | None = None if regression else m
        shapes = dict(
            zip(NAMES, [(n, n), (rows, n), (n, n), (rows, rows), (rows,), (n,)], strict=False)
        )
        shapes |= {"B": (n, m), "D": (rows, m)}
        for name, template in self.templates.items():
            if template.fixed.shape != shapes[name] or not rows:
                raise ValueError(
                    f"structure.{name} must have shape {shapes[name]} beside C {shape}; got {template.fixed.shape}."
                )
        self.n_states, self.n_columns = n, rows
        self.diffuse = np.broadcast_to(np.asarray(diffuse, dtype=bool), n).copy()
        self.regression = regression
        self.n_free = sum(template.size for template in self.templates.values())
        self.poles: list[
            tuple[str, slice]
        ] = []  # states whose dynamics a start gives by its eigenvalues
        self._check()

    def _check(self) -> None:
        t = self.templates
        if self.has_effects and next(t[k] for k in "BD" if k in t).fixed.shape[1] < self.n_varying:
            raise ValueError(
                f"structure.B and D must have a column for each of the {self.n_varying} inputs that states are seen "
                "through too; got fewer. Fix their effects to 0."
            )
        for name, moved_by in (("Q", ("A", "B")), ("R", ("C",))):
            V = t[name]
            quiet = ~V.free.diagonal() & (V.fixed.diagonal() == 0.0)
            for rows in moved_by:
                moved = np.flatnonzero(quiet & t[rows].free.any(axis=1)) if rows in t else quiet[:0]
                if moved.size:
                    raise ValueError(
                        f"structure.{rows} must be fixed in rows without noise; got free entries in row {moved[0]}. "
                        f"Fix them, or let the variance {name}[{moved[0]}, {moved[0]}] be free."
                    )
        if "D" in t and self.regression:
            raise ValueError(
                "structure.D must be left out of a regression, in which all effects are free; got both."
            )
        across = t["A"].free | (t["A"].fixed != 0.0)
        if across[np.ix_(~self.diffuse, self.diffuse)].any():
            raise ValueError(
                "structure.A must let stationary states depend on stationary ones alone; got an entry beside a diffuse "
                "state. Declare these states diffuse too."
            )
        begun = np.flatnonzero(self.diffuse & (t["m0"].free | (t["m0"].fixed != 0.0)))
        if begun.size:
            raise ValueError(
                f"structure.m0 must be 0 for diffuse states, of which nothing is known before the data; got "
                f"{t['m0'].values[begun[0]]} for state {begun[0]}. Declare the state stationary by diffuse=."
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
        for name, axis in (("C", 1), ("m0", 0)):
            second = _renamed(other.templates[name].values, n, self.n_varying)
            pair = self.templates[name].values, second
            arrays[name] = np.concatenate(pair, axis=axis)
        for name in ("R", "d"):
            mine, theirs = self.templates[name], other.templates[name]
            arrays[name] = mine.values if mine.free.any() or mine.fixed.any() else theirs.values
        arrays |= self._joined_effects(other)
        made = Structure(
            **arrays,
            diffuse=np.concatenate([self.diffuse, other.diffuse]),
            regression=self.regression or other.regression,
        )
        moved = [(kind, slice(part.start + n, part.stop + n)) for kind, part in other.poles]
        made.poles = [*self.poles, *moved]
        return made

    def _joined_effects(self, other: Structure) -> dict[str, Any]:
        """Effects of inputs of two structures: on the states of both, on the observation of the one that has some."""
        arrays: dict[str, Any] = {}
        if not (self.has_effects or other.has_effects):
            return arrays
        sizes = {
            s.templates[name].fixed.shape[1]
            for s in (self, other)
            for name in ("B", "D")
            if name in s.templates
        }
        if len(sizes) > 1:
            raise ValueError(
                f"Structures must have effects of as many inputs to be joined; got {sorted(sizes)} columns."
            )
        n = self.n_states
        if "B" in self.templates or "B" in other.templates:
            parts = [
                s.templates["B"].values if "B" in s.templates else np.zeros((s.n_states, *sizes))
                for s in (self, other)
            ]
            arrays["B"] = np.vstack([parts[0], _renamed(parts[1], n)]).astype(object)
        both = [s.templates["D"] for s in (self, other) if "D" in s.templates]
        if both:
            arrays["D"] = next((t for t in both if t.free.any() or t.fixed.any()), both[0]).values
        return arrays

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
