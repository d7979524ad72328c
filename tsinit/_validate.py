"""The border: what a user hands over becomes arrays the kernels can take, or one clear sentence."""

import difflib
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array

from tsinit.kernels import LinearGaussianParams

_MOST_SKIPPED = 50  # times the rows given; a longer skip is more likely two sequences than one


class Panel(NamedTuple):
    """Sequences as one C-ordered table, and what it takes to hand results back in the user's form."""

    y: np.ndarray  # (T, D) float, NaN where missing, skipped time steps included
    offsets: np.ndarray  # (N + 1,) int64, where each sequence starts
    rows: np.ndarray  # (rows given,) int64, place of each given row in y
    form: str  # "array", "frame" or "list"
    parts: list  # the tables as given: one, or one per sequence of a list

    def restore(self, values, columns=None):
        """Hand back values (T, k) for the rows that were given, in the form in which they were given.

        columns : names for DataFrames; None keeps those of the input.
        """
        if len(self.rows) < len(values):
            values = values[self.rows]
        if self.form == "array":
            return values
        stops = np.cumsum([len(part) for part in self.parts])[:-1]
        pieces = [
            _like(part, piece, columns) for part, piece in zip(self.parts, np.split(values, stops), strict=True)
        ]
        return pieces if self.form == "list" else pieces[0]


def _like(part, values, columns):
    if not hasattr(part, "iloc"):
        return values
    import pandas as pd

    return pd.DataFrame(values, index=part.index, columns=part.columns if columns is None else columns)


def check_series(X, lengths=None, *, estimator=None, reset=False, min_steps=1):
    """Turn whatever a user calls a time series into a `Panel`.

    Parameters
    ----------
    X : (T, D) array or DataFrame, Series, or list of those
        One table with time in rows, a DataFrame with a two-level index (sequence, time), or a list of sequences.
        NaN is missing. Where regular times skip steps, the skipped steps become missing rows.
    lengths : sequence of int or None
        Rows of each sequence, where X is one table.
    estimator : object or None
        Learns (``reset=True``) or checks the number and names of the columns.
    min_steps : int
        Rows that at least one sequence must have.

    Raises
    ------
    ValueError
        X is not such a table, holds infinities, repeats or disorders its times, or has a column too many.
    TypeError
        X holds something that is not a number.
    """
    form, parts = _split_form(X)
    tables = [_numbers(part, estimator) for part in parts]
    if estimator is not None:
        _check_columns(estimator, parts, tables, reset)
    if len({table.shape[1] for table in tables}) > 1:
        widths = sorted({table.shape[1] for table in tables})
        raise ValueError(f"X must have the same columns in every sequence; got sequences of {widths} columns.")
    steps = _sequences(parts, tables, form, lengths)
    given = np.array([len(rows) for rows in steps])
    if given.max(initial=0) < min_steps:
        raise ValueError(
            f"X must have at least {min_steps} time steps in one sequence; got n_samples = {given.max(initial=0)}, "
            "which says nothing about change over time."
        )
    sizes = [rows[-1] + 1 for rows in steps]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    values = tables[0] if len(tables) == 1 else np.concatenate(tables)
    if offsets[-1] == len(values):  # no step was skipped
        return Panel(values, offsets, np.arange(len(values)), form, parts)
    rows = np.concatenate([np.asarray(rows) for rows in steps]) + np.repeat(offsets[:-1], given)
    y = np.full((offsets[-1], values.shape[1]), np.nan)
    y[rows] = values
    return Panel(y, offsets, rows, form, parts)


def _split_form(X):
    """Tell one table from a list of them."""
    if hasattr(X, "to_frame") and not hasattr(X, "columns"):
        return "frame", [X.to_frame()]
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        return "frame", [X]
    if isinstance(X, (list, tuple)) and len(X) and all(getattr(part, "ndim", 0) == 2 for part in X):
        return "list", list(X)
    return "array", [X]


def _check_columns(estimator, parts, tables, reset):
    from sklearn.utils.validation import validate_data

    for i, (part, table) in enumerate(zip(parts, tables, strict=True)):
        named = part if hasattr(part, "iloc") else table
        validate_data(estimator, named, reset=reset and i == 0, skip_check_array=True)


def _numbers(part, estimator):
    """Convert one table to float64, naming the column that cannot be."""
    if hasattr(part, "iloc"):
        import pandas as pd

        for name, column in part.items():
            if not pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
                try:
                    pd.to_numeric(column)
                except (TypeError, ValueError):
                    raise TypeError(
                        f"X must hold numbers; got {column.dropna().iloc[0]!r} in column {name!r}. "
                        "Drop the column, or make it the index if it is the time."
                    ) from None
                if not pd.api.types.is_object_dtype(column.dtype) and not pd.api.types.is_string_dtype(column.dtype):
                    raise TypeError(
                        f"X must hold numbers; got {column.dtype} in column {name!r}. Make times the index."
                    )
        part = part.apply(pd.to_numeric).to_numpy(dtype=np.float64, na_value=np.nan)
    table = check_array(
        part, dtype=np.float64, order="C", ensure_all_finite=False, ensure_min_samples=0,
        ensure_min_features=1, estimator=estimator, input_name="X",
    )  # fmt: skip
    if len(table) == 0:
        raise ValueError("X must have at least one row; got 0 sample(s) (an empty table).")
    infinite = np.isinf(table) if not np.isfinite(table.sum()) else np.zeros(0)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ValueError(
            f"X must be finite or NaN (missing); got {table[row, column]} (infinity) in row {row}, column {column}."
        )
    return table


def _sequences(parts, tables, form, lengths):
    """List the time steps of the rows of each sequence, counted from its first."""
    if form == "list":
        if lengths is not None:
            raise ValueError("lengths must be None where X is a list of sequences; got both.")
        return [_time_steps(part, len(table)) for part, table in zip(parts, tables, strict=True)]
    part, table = parts[0], tables[0]
    levels = getattr(getattr(part, "index", None), "nlevels", 1)
    if levels > 2:
        raise ValueError(f"X must have an index of one level (time) or two (sequence, time); got {levels} levels.")
    if levels == 2:
        if lengths is not None:
            raise ValueError("lengths must be None where the index of X names the sequences; got both.")
        return _by_label(part)
    if lengths is None:
        return [_time_steps(part, len(table))]
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or lengths.size == 0 or not np.issubdtype(lengths.dtype, np.integer) or (lengths < 1).any():
        raise ValueError(f"lengths must be positive whole numbers, one per sequence; got {lengths.tolist()}.")
    if lengths.sum() != len(table):
        raise ValueError(f"lengths must sum to the {len(table)} rows of X; got a sum of {lengths.sum()}.")
    if not hasattr(part, "iloc"):
        return [range(size) for size in lengths.tolist()]
    return [_time_steps(part[stop - size : stop], size) for stop, size in zip(np.cumsum(lengths), lengths, strict=True)]


def _by_label(part):
    """Cut a table with a (sequence, time) index where the sequence changes."""
    labels = part.index.get_level_values(0)
    codes = labels.factorize()[0]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    if len(starts) - 1 != len(set(codes)):
        again = codes[starts[:-1]]
        twice = next(labels[starts[i]] for i in range(len(again)) if again[i] in again[:i])
        raise ValueError(
            f"X must keep the rows of a sequence together; got sequence {twice!r} in several places. "
            "Sort the index first."
        )
    times = part.index.get_level_values(1)
    return [_steps_of(times[a:b], strict=True) for a, b in pairwise(starts)]


def _time_steps(part, size):
    return _steps_of(part.index, strict=False) if hasattr(part, "iloc") else range(size)


def _steps_of(index, strict):
    """Count the time steps of an index from its first entry; skipped steps leave holes.

    strict : times of any kind must increase; otherwise only those that are plainly times must.
    """
    import pandas as pd

    timed = isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))
    plain = np.arange(len(index))
    if timed and index.hasnans:
        raise ValueError(f"The index of X must hold a time in every row; got NaT in row {index.isna().argmax()}.")
    if (timed or strict) and not (index.is_monotonic_increasing and index.is_unique):
        if not index.is_unique:
            raise ValueError(f"The index of X must not repeat a time; got {index[index.duplicated()][0]} twice.")
        late = int(np.flatnonzero(index[1:] < index[:-1])[0]) + 1
        raise ValueError(f"The index of X must be sorted by time; got {index[late]} after {index[late - 1]}. Sort it.")
    if not timed or len(index) < 3:
        return plain
    if index.freq is not None and not isinstance(index, pd.PeriodIndex):
        return plain  # pandas itself vouches that no step is skipped
    ticks = index.asi8 - index.asi8[0]
    steps = _regular(ticks)
    if steps is None:
        steps = _calendar(index) if isinstance(index, pd.DatetimeIndex) else None
    if steps is None:
        import warnings

        warnings.warn(
            "The times in the index of X are not multiples of one step: rows are taken as equally spaced. "
            "Resample them if that is not meant.",
            UserWarning,
            stacklevel=4,
        )
        return plain
    if steps[-1] > _MOST_SKIPPED * len(index) + 10_000:
        at = int(np.diff(steps).argmax())
        raise ValueError(
            f"The index of X must not skip more than {_MOST_SKIPPED} times its rows; got {int(np.diff(steps)[at]) - 1} "
            f"steps skipped after {index[at]}. Split X into sequences there."
        )
    return steps


def _regular(ticks):
    """Divide ticks by their usual distance; None where that leaves a remainder."""
    distance = np.diff(ticks)
    values, counts = np.unique(distance, return_counts=True)
    step = values[counts.argmax()]
    if step != values[0] or 2 * counts.max() < len(distance) or (distance % step).any():
        return None
    return ticks // step


def _calendar(index):
    """Count months, quarters, years or working days where those fit; None where none does."""
    import pandas as pd

    for frequency in ("MS", "ME", "QS", "QE", "YS", "YE", "B"):
        every = pd.date_range(index[0], index[-1], freq=frequency)
        steps = every.get_indexer(index)
        if (steps >= 0).all() and 2 * (np.diff(steps) == 1).sum() >= len(steps) - 1:
            return steps
    return None


def check_seed(random_state):
    """Turn a seed of any kind into a ``SeedSequence``.

    Parameters
    ----------
    random_state : int, SeedSequence, Generator, RandomState or None
        A generator is drawn from once, so that two fits with the same one differ.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
    if random_state is None:
        return np.random.SeedSequence()
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**63, size=2).tolist())
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return np.random.SeedSequence(int(random_state))
    raise ValueError(
        "random_state must be a whole number from 0, a SeedSequence, a Generator, a RandomState or None; "
        f"got {random_state!r}."
    )


def child_seed(seed, *key):
    """Return the child of a SeedSequence at a key, without counting it as spawned."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key), pool_size=seed.pool_size)


def check_choice(name, value, choices):
    """Require one of a few words.

    Raises
    ------
    ValueError
        value is not among choices.
    """
    if (value is None or isinstance(value, str)) and value in choices:
        return value
    close = difflib.get_close_matches(str(value), [c for c in choices if c is not None], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{name} must be one of {list(choices)}; got {value!r}.{hint}")


def check_count(name, value, least=1):
    """Require a whole number of at least `least`.

    Raises
    ------
    ValueError
        It is smaller, or not whole.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)


def check_number(name, value, least=0.0, most=np.inf):
    """Require a finite number between two bounds.

    Raises
    ------
    ValueError
        It is outside, or not a number.
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not least <= value <= most or not np.isfinite(value):
        upper = "" if np.isinf(most) else f" and at most {most:g}"
        raise ValueError(f"{name} must be a number of at least {least:g}{upper}; got {value!r}.")
    return float(value)


def check_params(params, n_states: int | None, n_features: int, name: str = "init") -> LinearGaussianParams:
    """Bring parameters to C-ordered float64 and check that they fit each other and the data.

    Raises
    ------
    ValueError
        A shape is wrong, a value is not finite, or a covariance is not symmetric positive semi-definite.
    """
    try:
        fields: Any = LinearGaussianParams(*params)
    except TypeError:
        raise ValueError(
            f"{name} must be LinearGaussianParams(A, C, Q, R, m0, P0, d); got {type(params).__name__}."
        ) from None
    if fields.d is None:
        fields = fields._replace(d=np.zeros(n_features))
    try:
        arrays = {key: np.array(value, dtype=np.float64, order="C") for key, value in fields._asdict().items()}
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold arrays of numbers; got {fields!r}.") from None
    n = n_states if n_states is not None else len(np.atleast_1d(arrays["A"]))
    shapes = {"A": (n, n), "C": (n_features, n), "Q": (n, n), "R": (n_features, n_features), "m0": (n,), "P0": (n, n),
              "d": (n_features,)}  # fmt: skip
    for key, shape in shapes.items():
        array = arrays[key]
        if array.shape != shape:
            raise ValueError(
                f"{name}.{key} must have shape {shape} for n_states={n} and {n_features} columns; got {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name}.{key} must be finite; got {array[~np.isfinite(array)][0]}.")
    for key in ("Q", "R", "P0"):
        _check_covariance(f"{name}.{key}", arrays[key])
    return LinearGaussianParams(**arrays)


def _check_covariance(name, P):
    scale = np.abs(P).max(initial=0.0)
    if np.abs(P - P.T).max(initial=0.0) > 1e-8 * scale:
        raise ValueError(f"{name} must be symmetric; got a difference of {np.abs(P - P.T).max():.3g} to its transpose.")
    P[:] = 0.5 * (P + P.T)
    least = np.linalg.eigvalsh(P).min(initial=0.0)
    if least < -1e-8 * scale:
        raise ValueError(f"{name} must be positive semi-definite; got an eigenvalue of {least:.3g}.")


def check_columns(y, names):
    """Refuse a column without a single value, and warn of one that never varies.

    Raises
    ------
    ValueError
        A column has no observed value.
    """
    seen = ~np.isnan(y)
    empty = np.flatnonzero(~seen.any(axis=0))
    if empty.size:
        raise ValueError(
            f"X must have at least one observed value in every column; got none in column {names[empty[0]]!r}. Drop it."
        )
    constant = np.flatnonzero(np.nanmin(y, axis=0) == np.nanmax(y, axis=0))
    if constant.size:
        import warnings

        warnings.warn(
            f"Column {names[constant[0]]!r} of X is constant: it tells the states nothing and is fitted by its mean "
            "with the least noise allowed, which adds an arbitrary constant to the log-likelihood.",
            UserWarning,
            stacklevel=5,
        )


def check_order(y, offsets, n_states):
    """Refuse more states than the data can carry.

    Raises
    ------
    ValueError
        There are fewer observed steps, or values, than the states need.
    """
    seen = ~np.isnan(y)
    steps = int(seen.any(axis=1).sum())
    if n_states >= steps:
        raise ValueError(
            f"n_states must be smaller than the number of time steps with data; got n_states={n_states} with "
            f"{steps} such steps."
        )


def check_seen(n_observed):
    """Refuse data in which nothing was observed.

    Raises
    ------
    ValueError
        There is no observed value.
    """
    if n_observed == 0:
        raise ValueError("X must have at least one observed value to be scored; got only missing ones.")


def check_fitted(estimator):
    """Refuse an estimator that has not been fitted.

    Raises
    ------
    sklearn.exceptions.NotFittedError
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)


def check_prior(prior):
    """Require None, "weak" or a prior with the fields of LinearGaussianPrior.

    Raises
    ------
    ValueError
        It is none of these.
    """
    if prior is None or (isinstance(prior, str) and prior == "weak") or hasattr(prior, "transition"):
        return prior
    raise ValueError(f"prior must be None, 'weak' or a LinearGaussianPrior; got {prior!r}.")


def unusable_start(reason):
    """Return the error for a start from which no fit can begin."""
    return ValueError(f"init must give a model of finite likelihood on these data; got one where {reason}.")


def warn_about_step(iteration):
    """Warn that an EM step lost likelihood and was taken back."""
    import warnings

    warnings.warn(
        f"EM step {iteration} lost likelihood beyond rounding and was taken back; the fit ends there.",
        RuntimeWarning,
        stacklevel=6,
    )
