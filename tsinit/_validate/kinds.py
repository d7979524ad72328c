"""What each column of a table holds, numbers or classes, by its dtype or as the user says; classes become codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsinit._validate.dtypes import typed
from tsinit._validate.series import split_form
from tsinit._validate.values import check_choice, check_names, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    import pandas as pd

    from tsinit._typing import FloatArray, SeriesLike, TableLike
    from tsinit._validate.series import Panel

#: Kinds of columns of classes, whose cells are codes.
CLASS_KINDS = ("binary", "ordinal", "categorical")
#: What a column may be taken for.
COLUMN_KINDS = ("continuous", "semicontinuous", "count", "rounded", *CLASS_KINDS)
#: Kinds of numbers that are never negative, and of whole ones.
NEVER_NEGATIVE, WHOLE = ("semicontinuous", "count"), ("count", "rounded")
#: Largest number of classes; and of different whole numbers that "auto" takes for ordered classes.
_MOST_CLASSES, _FEW = 12, 5


class ColumnKind(NamedTuple):
    """What one column was taken for."""

    name: Any
    dtype: str  # as the user has it
    kind: str  # one of COLUMN_KINDS
    levels: tuple[Any, ...] = ()  # its classes, in the order of their codes; of numbers none


class ColumnKinds:
    """What the columns of a fit were taken for.

    Parameters
    ----------
    columns : list of ColumnKind
        In the order of the table; empty where the table is none that could be read.
    """

    def __init__(self, columns: Sequence[ColumnKind]) -> None:
        self.columns = list(columns)

    @classmethod
    def read(cls, kinds: Any, X: SeriesLike) -> Self:
        """Take every column for what the user says, and the others for what their dtype says.

        Parameters
        ----------
        kinds : "auto" or dict of column name to one of `COLUMN_KINDS`
        X : as in ``fit``

        Raises
        ------
        ValueError
            A kind or a column is unknown, or the kind does not suit the column.
        """
        if not isinstance(kinds, dict) and not (isinstance(kinds, str) and kinds == "auto"):
            raise ValueError(
                f"kinds must be 'auto' or a dict of column name to one of {list(COLUMN_KINDS)}; got {short(kinds)}."
            )
        parts = _parts(X)
        if not parts:
            return cls([])
        given, names = (kinds if isinstance(kinds, dict) else {}), _names(parts[0])
        check_names("kinds", given, names)
        for name, kind in given.items():
            check_choice(f"kinds[{name!r}]", kind, COLUMN_KINDS)
        return cls([_taken(name, _column(parts, j), given) for j, name in enumerate(names)])

    def encoded(self, X: SeriesLike) -> tuple[SeriesLike, list[Any]]:
        """Replace classes by codes.

        Returns
        -------
        X : as in ``fit``
            The same where no column holds classes.
        parts : list
            The tables as given; empty where X is the same.

        Raises
        ------
        ValueError
            A class is none of those of the fit.
        """
        form, parts = split_form(X)
        if not any(column.levels for column in self.columns):
            return X, []
        if any(_width(part) != len(self.columns) for part in parts):
            return X, []  # which whoever reads it refuses
        codes = [self._codes(part) for part in parts]
        return (codes if form == "list" else codes[0]), parts

    def _codes(self, part: Any) -> Any:
        frame = hasattr(part, "iloc")
        if frame and not part.columns.is_unique:
            return part
        table: Any = part.copy(deep=False) if frame else np.array(part, dtype=np.float64)
        for j, column in enumerate(self.columns):
            if column.levels and frame:
                table.isetitem(j, _encoded(part.iloc[:, j], column))
            elif column.levels:
                table[:, j] = _encoded(_series(table[:, j]), column)
        return table

    @property
    def classes(self) -> set[int]:
        """Positions of the columns of classes."""
        return {j for j, column in enumerate(self.columns) if column.levels}

    def of(self, names: Iterable[Any]) -> list[str]:
        """Return the kinds of some columns."""
        kinds = {column.name: column.kind for column in self.columns}
        return [kinds[name] for name in names]

    def table(self) -> pd.DataFrame:
        """Return a row for each column: its dtype, what it was taken for, and its classes."""
        import pandas as pd

        rows = [(column.dtype, column.kind, list(column.levels)) for column in self.columns]
        index = pd.Index(
            [column.name for column in self.columns], name="column", tupleize_cols=False
        )
        return pd.DataFrame(rows, columns=["dtype", "kind", "classes"], index=index)

    def restored(self, panel: Panel, y: FloatArray) -> TableLike:
        """Hand back a table (T, D) in the form in which it came, every column in its own dtype.

        Whole numbers are the nearest ones that the dtype holds.
        """
        tables, levels = panel.restore(y), [column.levels for column in self.columns]
        if panel.form == "list":
            parts = zip(tables, panel.parts, strict=True)
            return [typed(table, part, levels) for table, part in parts]
        return typed(tables, panel.parts[0], levels)


def class_text(level: Any) -> str:
    """Return the name of a class as it is shown."""
    return f"{level:g}" if isinstance(level, float) else str(level)


def check_values_of_kind(kind: str, y: FloatArray, name: Any) -> None:
    """Refuse values that a column of some kind cannot have.

    Raises
    ------
    ValueError
    """
    if kind in NEVER_NEGATIVE and y.min(initial=0.0) < 0.0:
        raise ValueError(
            f"A column of kind {kind!r} must hold no negative value; got {y.min():g} in column {name!r}."
        )
    wrong = y[y != np.rint(y)] if kind in WHOLE else y[:0]
    if wrong.size:
        raise ValueError(
            f"A column of kind {kind!r} must hold whole numbers; got {wrong[0]:g} in column {name!r}."
        )


def _parts(X: SeriesLike) -> list[Any]:
    """Tables of two dimensions; none where some part is no such table, which whoever reads it says."""
    parts = split_form(X)[1]
    try:
        parts = [part if hasattr(part, "iloc") else np.asarray(part) for part in parts]
    except (TypeError, ValueError):
        return []
    alike = all(part.ndim == 2 and part.shape[1] == parts[0].shape[1] for part in parts)
    return parts if alike else []


def _names(part: Any) -> list[Any]:
    return list(part.columns) if hasattr(part, "iloc") else list(range(part.shape[1]))


def _width(part: Any) -> int:
    shape = part.shape if hasattr(part, "shape") else np.shape(part)
    return shape[1] if len(shape) == 2 else -1


def _series(values: Any) -> pd.Series:
    import pandas as pd

    return pd.Series(values)


def _column(parts: list[Any], j: int) -> list[Any]:
    """The pieces of a column, of all parts: Series, or arrays."""
    return [part.iloc[:, j] if hasattr(part, "iloc") else part[:, j] for part in parts]


def _taken(name: Any, pieces: list[Any], given: dict[Any, str]) -> ColumnKind:
    frames, dtype = all(hasattr(piece, "iloc") for piece in pieces), pieces[0].dtype
    if name not in given and not frames:
        return ColumnKind(name, str(dtype), "continuous")  # an array has one dtype for all
    kind = given[name] if name in given else _by_dtype(pieces)
    if kind not in CLASS_KINDS:
        return ColumnKind(name, str(dtype), kind)
    levels = _levels([piece if frames else _series(piece) for piece in pieces])
    _check_classes(name, kind, levels, pieces[0])
    return ColumnKind(name, str(dtype), kind, levels)


def _by_dtype(pieces: list[pd.Series]) -> str:
    """What a column holds that nobody said anything of."""
    import pandas as pd

    dtype = pieces[0].dtype
    if isinstance(dtype, pd.CategoricalDtype):
        n = len(_levels(pieces))
        return "binary" if n <= 2 else "ordinal" if dtype.ordered else "categorical"
    if pd.api.types.is_bool_dtype(dtype):
        return "binary"
    if pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype):
        return _by_words(pieces)
    gaps = any(piece.hasnans for piece in pieces)
    if pd.api.types.is_integer_dtype(dtype) and gaps:
        # Without gaps it is a number that others are regressed on, such as the day of the week.
        n = len(_levels(pieces))
        return "continuous" if n > _FEW else "binary" if n == 2 else "ordinal"
    return "continuous"


def _by_words(pieces: list[pd.Series]) -> str:
    """Few words that are no numbers are classes; what else objects are, whoever reads them says."""
    given = [value for piece in pieces for value in piece.dropna()]
    if given and all(isinstance(value, (bool, np.bool_)) for value in given):
        return "binary"
    levels = set(given) if all(isinstance(value, str) for value in given) else set()
    if not are_classes(levels, len(given)):
        return "continuous"
    return "binary" if len(levels) == 2 else "categorical"


def are_classes(levels: set[str], n: int) -> bool:
    """Whether the different words of n cells are few, repeat, and are not all numbers."""
    return 1 < len(levels) <= min(_MOST_CLASSES, n // 2) and not all(map(_is_number, levels))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _levels(pieces: Sequence[pd.Series]) -> tuple[Any, ...]:
    """Classes that were observed: categories in their order, others sorted."""
    found: dict[Any, None] = {}
    for piece in pieces:
        there: Any = piece.dropna().unique()
        if hasattr(piece.dtype, "categories"):
            there = [level for level in piece.dtype.categories if level in set(there)]
        found |= dict.fromkeys(value.item() if hasattr(value, "item") else value for value in there)
    if hasattr(pieces[0].dtype, "categories"):
        return tuple(found)
    return tuple(sorted(found, key=lambda level: (isinstance(level, str), level)))


def _check_classes(name: Any, kind: str, levels: tuple[Any, ...], piece: Any) -> None:
    """Refuse a kind that the classes of a column do not suit."""
    if len(levels) > _MOST_CLASSES:
        raise ValueError(
            f"Column {name!r} must have at most {_MOST_CLASSES} classes; got {len(levels)}. Merge rare ones, or "
            "drop it."
        )
    if kind == "binary" and len(levels) > 2:
        raise ValueError(
            f"kinds[{name!r}]='binary' must go with two classes; got {short(list(levels))}. Use 'categorical'."
        )
    numbers = all(isinstance(level, (bool, int, float)) for level in levels)
    ordered = getattr(piece.dtype, "ordered", None)
    if kind == "ordinal" and not (ordered if ordered is not None else numbers):
        raise ValueError(
            f"kinds[{name!r}]='ordinal' must go with an ordered category or numbers; got the dtype {piece.dtype}. Use "
            "pandas.Categorical(..., ordered=True)."
        )


def _encoded(column: pd.Series, known: ColumnKind) -> FloatArray:
    """Codes of a column of classes, NaN where missing."""
    missing = column.isna().to_numpy()
    mapped = column.astype(object).map({level: k for k, level in enumerate(known.levels)})
    codes = mapped.to_numpy(dtype=np.float64, na_value=np.nan)
    unseen = np.flatnonzero(np.isnan(codes) & ~missing)
    if unseen.size:
        raise ValueError(
            f"X must hold classes that the fit has seen in column {known.name!r}, {short(list(known.levels))}; got "
            f"{short(column.iloc[unseen[0]])} in row {unseen[0]}."
        )
    return codes
