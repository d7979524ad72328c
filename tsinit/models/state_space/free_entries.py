"""The free entries of a structure as one vector, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.kernels import LinearGaussianParams, solve_lyapunov
from tsinit.metrics import spectral_radius
from tsinit.structures.template import FREE, Template

if TYPE_CHECKING:
    from tsinit._typing import FloatArray
    from tsinit.structures import Structure

MAX_RADIUS = 0.99999  # of states that begin in their stationary distribution
LINEAR = ("A", "C", "d", "D", "B", "m0")  # the order of the vector; roots of Q and R come after


class FreeEntries:
    """The free entries of a structure as a vector, roots of covariances last.

    Parameters
    ----------
    structure : Structure
    n_inputs : int
        Columns of the inputs.

    Attributes
    ----------
    templates : dict
        Of every matrix, effects of inputs included.
    size, n_roots : int
        Of the vector, and how many of its last entries are roots of covariances.
    still : (n,) bool
        States that begin in their stationary distribution.
    """

    def __init__(self, structure: Structure, n_inputs: int) -> None:
        self.structure, self.n_inputs = structure, n_inputs
        t = dict(structure.templates)
        if structure.regression and n_inputs:
            effects = np.full((structure.n_columns, n_inputs), FREE)
            effects[:, : structure.n_varying] = 0.0  # they are entries of C
            t["D"] = Template("D", effects)
        elif structure.n_varying and "D" not in t:
            t["D"] = Template("D", np.zeros((structure.n_columns, n_inputs)))
        self.templates, self.still = t, ~structure.diffuse
        sizes = [t[name].size if name in t else 0 for name in LINEAR]
        sizes += [t["Q"].n_roots, t["R"].n_roots]
        self.size, self.n_roots = sum(sizes), sizes[-2] + sizes[-1]
        cuts = np.cumsum([0, *sizes])
        #: Where each matrix is in the vector.
        self.place = {
            name: slice(int(a), int(b))
            for name, a, b in zip((*LINEAR, "Q", "R"), cuts[:-1], cuts[1:], strict=True)
        }
        # A prior covariance is that of stationary states, infinite for diffuse ones.
        self._P0 = np.zeros((structure.n_states, structure.n_states))
        self._P0[structure.diffuse, structure.diffuse] = np.inf

    @property
    def is_variance(self) -> Any:
        """Which entries (size,) are roots of variances, or diagonal entries of the root of a block."""
        out = np.zeros(self.size, dtype=bool)
        for name in ("Q", "R"):
            out[self.place[name]] = self.templates[name].variances_of()
        return out

    def vector(self, params: LinearGaussianParams) -> FloatArray:
        """Return the entries (size,) of parameters."""
        t, x = self.templates, np.empty(self.size)
        for name in LINEAR:
            if name in t:
                x[self.place[name]] = t[name].read(np.asarray(getattr(params, name)))
        for name in ("Q", "R"):
            x[self.place[name]] = t[name].roots(getattr(params, name))
        return x

    def chain(self, x: FloatArray, slope: LinearGaussianParams) -> FloatArray:
        """Turn derivatives by all entries into those by free ones, where they are x."""
        t, out = self.templates, np.empty(self.size)
        for name in LINEAR:
            if name in t:
                out[self.place[name]] = t[name].pull(np.asarray(getattr(slope, name)))
        for name in ("Q", "R"):
            place = self.place[name]
            out[place] = t[name].pull_roots(x[place], getattr(slope, name))
        return out

    def params(self, x: FloatArray) -> LinearGaussianParams | None:
        """Return the parameters; None where states would not be stationary that have to be."""
        t = self.templates
        filled = {name: t[name].fill(x[self.place[name]]) for name in LINEAR if name in t}
        for name in ("Q", "R"):
            filled[name] = t[name].from_roots(x[self.place[name]])
        P0, still = self._P0.copy(), self.still
        if still.any():
            both = np.ix_(still, still)
            block = np.ascontiguousarray(filled["A"][both])
            if not np.isfinite(block).all() or spectral_radius(block) >= MAX_RADIUS:
                return None
            P0[both] = solve_lyapunov(block, np.ascontiguousarray(filled["Q"][both]))
        return LinearGaussianParams(**filled, P0=P0, C_inputs=self.structure.C_inputs)
