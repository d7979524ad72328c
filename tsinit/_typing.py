"""Names for the types of arguments and results; for type checkers only, so they cost no import.

Shapes and units stand in the docstrings.
"""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]

#: Where randomness comes from, as `random_state` takes it.
SeedLike: TypeAlias = (
    int | np.integer | np.random.SeedSequence | np.random.Generator | np.random.RandomState | None
)
StrPath: TypeAlias = str | PathLike[str]
#: What a user calls a time series: one table, or a list of them.
SeriesLike: TypeAlias = (
    "npt.ArrayLike | pd.DataFrame | pd.Series | Sequence[npt.ArrayLike | pd.DataFrame | pd.Series]"
)
#: Results in the form of the input: an array, a DataFrame, or a list of either. A union would oblige every caller to
#: say which of them it got, though the input decides.
TableLike: TypeAlias = Any
#: A short fit that a model offers its strategies: ``trial(start, n_iter) -> (objective, refined)``.
Trial: TypeAlias = Callable[[Any, int], tuple[float, Any]]
