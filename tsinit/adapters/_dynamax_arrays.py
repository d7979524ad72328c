"""Between dynamax's objects and arrays: the sequences that it takes, its parameters and settings by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit.adapters.library import require_complete, rows_of

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


def tables_of(model: Any, data: Any) -> list[Any]:
    """Read the sequences as the library takes them, in the precision that JAX is set to."""
    from jax import numpy as jnp

    rows = rows_of(data)
    require_complete(rows.y, "dynamax")
    D = rows.y.shape[1]
    if model.emission_dim != D:
        raise ValueError(
            f"emission_dim must be {D}, the columns of the data; got {model.emission_dim}."
        )
    if getattr(model, "input_dim", 0):
        raise ValueError(
            f"input_dim must be 0, for inputs are no data here; got {model.input_dim}."
        )
    y = rows.y
    n_classes = getattr(getattr(model, "emission_component", None), "num_classes", None)
    if n_classes is not None:
        if not ((y == np.round(y)) & (y >= 0) & (y < n_classes)).all():
            raise ValueError(
                f"data of a CategoricalHMM must be whole numbers from 0 to num_classes - 1 = {n_classes - 1}; got "
                f"values from {y.min():g} to {y.max():g}."
            )
        y = y.astype(int)
    return [jnp.asarray(part) for part in np.split(y, rows.offsets[1:-1])]


def batch_of(model: Any, data: Any) -> Any:
    """Stack the sequences, which EM takes only in equal lengths."""
    from jax import numpy as jnp

    tables = tables_of(model, data)
    lengths = {len(table) for table in tables}
    if len(lengths) > 1:
        raise ValueError(
            f"sequences must be of equal length for dynamax; got lengths from {min(lengths)} to {max(lengths)}."
        )
    return jnp.stack(tables)


def parameters_of(params: Any, path: str = "") -> dict[str, FloatArray]:
    """List the parameters by their names, without those that are not there."""
    if not hasattr(params, "_asdict"):
        value = None if params is None else np.asarray(params)
        return {} if value is None or value.size == 0 else {path: value}
    found: dict[str, FloatArray] = {}
    for name, part in params._asdict().items():
        found |= parameters_of(part, f"{path}.{name}" if path else name)
    return found


def plain_value(value: Any) -> Any:
    """Turn parts of a model into dicts and its arrays into those of NumPy."""
    if type(value).__module__.partition(".")[0] == "dynamax":
        return {"": type(value).__name__} | {
            name: plain_value(part) for name, part in vars(value).items()
        }
    return np.asarray(value) if hasattr(value, "__array__") else value
