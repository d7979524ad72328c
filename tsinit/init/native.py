"""Where a model of another library begins by itself, and the space in which it may begin elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsinit._typing import FloatArray


class ParameterSpace(NamedTuple):
    """The parameters of a model as a vector, as its library orders them.

    Parameters
    ----------
    native : (p,) float
        The library's own start, on the unconstrained scale.
    constrain, unconstrain : callable
        From the unconstrained scale, on which every vector is allowed, to the parameters, and back.
    size : (p,) float, optional
        How far each is to be moved on the unconstrained scale to make a difference, in whatever units the data are;
        without it, as far as it is from 0.
    """

    native: FloatArray
    constrain: Callable[[FloatArray], FloatArray]
    unconstrain: Callable[[FloatArray], FloatArray]
    size: FloatArray | None = None

    def sizes(self, x: FloatArray) -> FloatArray:
        """Give how far each parameter is to be moved from x: `size`, or abs(x), and 1 where x is 0."""
        if self.size is not None:
            return self.size
        return np.where(x == 0.0, 1.0, np.abs(x))

    def check(self, point: Any, name: str = "start") -> FloatArray:
        """Require a finite number for each parameter.

        Raises
        ------
        ValueError
            There are more or fewer, or one is not finite.
        """
        vector = np.asarray(point, dtype=float)
        if vector.shape != self.native.shape:
            raise ValueError(
                f"{name} must have a number for each of the {len(self.native)} parameters; "
                f"got shape {vector.shape}."
            )
        if not np.isfinite(vector).all():
            raise ValueError(f"{name} must be finite; got {vector}.")
        return vector


class Native(BaseEstimator):
    """Start where the library of a model starts by itself.

    In `tsinit.compare` the name ``"native"`` hands over to the library (to the ``init`` of a model of this package),
    whatever its models ask for. As a strategy inside others, such as ``Perturb("native", 0.5)``, it serves models that
    ask for a point.
    """

    def point(self, space: ParameterSpace) -> FloatArray:
        """Give the parameters with which the library begins.

        Parameters
        ----------
        space : ParameterSpace

        Returns
        -------
        (p,) float

        Raises
        ------
        None
        """
        return space.constrain(space.native)
