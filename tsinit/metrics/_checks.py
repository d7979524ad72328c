"""What measures ask of labels and of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short

if TYPE_CHECKING:
    import numpy.typing as npt

    from tsinit._typing import IntArray


def check_labels(name: str, labels: npt.ArrayLike) -> IntArray:
    """Number the labels of a partition 0, 1, ...

    Parameters
    ----------
    name : str
    labels : (T,) whole numbers, words or categories

    Returns
    -------
    (T,) int64

    Raises
    ------
    ValueError
        If there are none, one is missing, they are no sequence, or numbers that are not whole.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be one sequence of labels; got shape {array.shape}.")
    gaps = [label for label in array.flat if _is_missing(label)] if array.dtype.kind in "fO" else []
    if gaps:
        raise ValueError(
            f"{name} must be labels without gaps; got {gaps[0]}. Drop such steps from both first."
        )
    if array.dtype.kind == "f" and (array != np.round(array)).any():
        raise ValueError(
            f"{name} must be whole numbers or words; got {array[array != np.round(array)][0]}."
        )
    try:
        return np.unique(array, return_inverse=True)[1]
    except TypeError:
        raise ValueError(
            f"{name} must be labels of one kind; got words and numbers together."
        ) from None


def check_pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """Number the labels of two partitions of the same steps.

    Returns
    -------
    a, b : (T,) int64

    Raises
    ------
    ValueError
        If one is no sequence of labels, or they differ in length.
    """
    a, b = check_labels("a", a), check_labels("b", b)
    if a.size != b.size:
        raise ValueError(f"a and b must label the same steps; got {a.size} and {b.size} labels.")
    return a, b


def check_partition(name: str, labels: npt.ArrayLike, T: int) -> npt.NDArray[Any]:
    """Require a label, a whole number from 0, for each of T steps.

    Raises
    ------
    ValueError
        If there are more or fewer, or one is negative or not whole.
    """
    labels = np.asarray(labels)
    if labels.shape != (T,):
        raise ValueError(
            f"{name} must hold one label for each of the {T} steps of the draws; "
            f"got shape {labels.shape}."
        )
    return _whole(name, labels)


def check_draws(draws: npt.ArrayLike) -> npt.NDArray[Any]:
    """Require one partition a row, of whole numbers from 0.

    Raises
    ------
    ValueError
        If it is no such table.
    """
    draws = np.asarray(draws)
    if draws.ndim != 2 or draws.size == 0:
        raise ValueError(
            "draws must be a table with one draw a row and one step a column; "
            f"got shape {draws.shape}."
        )
    return _whole("draws", draws)


def check_matrices(A: npt.ArrayLike) -> npt.NDArray[Any]:
    """Require a finite square matrix, or a stack of them.

    Returns
    -------
    (..., n, n) array

    Raises
    ------
    ValueError
        If it is none; a ``LinAlgError``, which is one, where a value is not finite: fits that get there step back.
    """
    A = np.asarray(A)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2] or A.size == 0:
        raise ValueError(
            f"A must be a square matrix or a stack of them, (..., n, n); got shape {A.shape}."
        )
    if A.dtype.kind not in "biufc":
        raise ValueError(f"A must hold numbers; got an array of {A.dtype}.")
    if not np.isfinite(A).all():
        raise np.linalg.LinAlgError(f"A must be finite; got {A[~np.isfinite(A)][0]}.")
    return A


def check_loss(loss: str) -> str:
    """Require a loss that there is.

    Raises
    ------
    ValueError
        If there is no such loss.
    """
    if not isinstance(loss, str) or loss not in ("vi", "binder"):
        raise ValueError(f"loss must be one of ['vi', 'binder']; got {short(loss)}.")
    return loss


def _is_missing(label: Any) -> bool:
    # By what it is called, because NA compares with nothing and pandas need not be there.
    return not isinstance(label, str) and str(label) in ("nan", "None", "<NA>", "NaT")


def _whole(name: str, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if labels.dtype.kind not in "iub" or (labels.dtype.kind == "i" and labels.min() < 0):
        got = f"a {labels.min()}" if labels.dtype.kind == "i" else f"labels of type {labels.dtype}"
        raise ValueError(f"{name} must be whole numbers from 0; got {got}.")
    return labels
