"""What the adapters of other libraries share: the look-up by class, the version, the rows of the data."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from tsinit._validate import check_series

if TYPE_CHECKING:
    from tsinit._typing import FloatArray, IntArray


class Rows(NamedTuple):
    """Data as libraries without a clock take them: rows one after another, sequence by sequence."""

    y: FloatArray  # (T, D), NaN where missing
    offsets: IntArray  # (N + 1,) where each sequence starts
    table: Any  # the same, as a library is handed it: the user's own table where that can be

    @property
    def lengths(self) -> IntArray:
        """Rows of each sequence."""
        return np.diff(self.offsets)


class LibraryAdapter:
    """Base of the adapters of other libraries.

    Attributes
    ----------
    library, package : str
        Its name on the package index, and in ``import``.
    min_version : str
        The oldest version that works.
    classes : dict of str to str
        The models, and the module of each.
    takes_missing : bool
        Whether the models take data with gaps.
    """

    library: ClassVar[str] = ""
    package: ClassVar[str] = ""
    min_version: ClassVar[str] = "0"
    classes: ClassVar[dict[str, str]] = {}
    kind = "climbs"
    takes_missing: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether a model is of one of the classes, or of a class derived from one."""
        return not isinstance(model, type) and self._class_of(model) is not None

    def check(self, model: Any) -> None:
        """Refuse a library that is too old, in one sentence."""
        version = self._version()
        if _numbers(version) < _numbers(self.min_version):
            raise ImportError(
                f"{self.library} must be of version {self.min_version} or newer for this; got {version}. "
                f"pip install -U {self.library} brings it."
            )

    def describe(self, model: Any) -> dict[str, Any]:
        """Name a model, where it is from, its states and what it maximises."""
        return {
            "name": type(model).__name__,
            "library": self.library,
            "version": self._version(),
            "objective": "log-likelihood",
            "n_states": self.n_states(model),
        }

    def n_states(self, model: Any) -> int | None:
        """Number of states that strategies look for."""
        return None

    def start_of(self, model: Any) -> Any:
        """The parameters that a fit began with."""
        return getattr(model, "start_", None)

    def make(self, name: str, data: Any, settings: dict[str, Any]) -> Any:
        """Make a model of a class by its name, for the command line.

        Raises
        ------
        ImportError
            The library is not installed.
        """
        try:
            home = importlib.import_module(self.classes[name])
        except ModuleNotFoundError as error:
            raise ImportError(
                f"{self.library} must be installed for {name}; got {error}. pip install {self.library} brings it."
            ) from None
        return self._made(getattr(home, name), data, settings)

    def _made(self, kind: type, data: Any, settings: dict[str, Any]) -> Any:
        return kind(**settings)

    def _class_of(self, model: Any) -> str | None:
        """Name the class among those known that a model is of."""
        for kind in type(model).__mro__:
            if kind.__name__ in self.classes and kind.__module__.partition(".")[0] == self.package:
                return kind.__name__
        return None

    def _version(self) -> str:
        return importlib.metadata.version(self.library)


def rows_of(data: Any) -> Rows:
    """Read a table or a list of tables as rows; steps that an index skips are not counted.

    Parameters
    ----------
    data : table or list of tables

    Returns
    -------
    Rows
    """
    if isinstance(data, pd.DataFrame | pd.Series) and data.index.nlevels == 2:
        data = [part for _, part in data.groupby(level=0, sort=False)]
    tables = data if isinstance(data, list) else [data]
    panel = check_series([_without_times(table) for table in tables], None)
    # Another order in memory, or another type, would change the last bits of what a library computes.
    own = len(tables) == 1 and getattr(data, "ndim", 0) == 2 and _is_numeric(data)
    return Rows(panel.y, panel.offsets, data if own else panel.y)


def require_complete(y: FloatArray, who: str) -> None:
    """Refuse missing values for who takes none.

    Raises
    ------
    ValueError
    """
    if n_missing := np.isnan(y).sum():
        raise ValueError(f"data must be complete for {who}; got {n_missing} missing values.")


def seed_of(rng: np.random.Generator) -> int:
    """Draw the ``random_state`` of a library."""
    return int(rng.integers(2**31 - 1))


def _without_times(table: Any) -> Any:
    return table.reset_index(drop=True) if isinstance(table, pd.DataFrame | pd.Series) else table


def _is_numeric(table: Any) -> bool:
    kinds = table.dtypes if isinstance(table, pd.DataFrame) else [table.dtype]
    return all(isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in kinds)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
