"""Parameters and priors that a user brings: their shapes, their symmetry, their sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate.values import short
from tsinit.kernels import LinearGaussianParams

if TYPE_CHECKING:
    from tsinit._typing import FloatArray


def check_params(
    params: Any,
    n_states: int | None,
    n_features: int,
    name: str = "init",
    n_inputs: int | None = None,
) -> LinearGaussianParams:
    """Bring parameters to C-ordered float64 and check that they fit each other and the data.

    Parameters
    ----------
    params : LinearGaussianParams or sequence of arrays
    n_states : int or None
        None for what A says.
    n_features : int
    name : str
        What messages call them.
    n_inputs : int or None
        Columns of the inputs, 0 for none; None for what B and D say.

    Returns
    -------
    LinearGaussianParams

    Raises
    ------
    ValueError
        A shape is wrong, a value is not finite, or a covariance is not symmetric positive semi-definite.
    """
    try:
        fields: Any = LinearGaussianParams(*params)
    except TypeError:
        raise ValueError(
            f"{name} must be LinearGaussianParams(A, C, Q, R, m0, P0, d{', B, D' if n_inputs else ''}); got "
            f"{type(params).__name__}."
        ) from None
    if fields.d is None:
        fields = fields._replace(d=np.zeros(n_features))
    arrays = {
        key: _real(f"{name}.{key}", value)
        for key, value in fields._asdict().items()
        if value is not None or key not in ("B", "D", "C_inputs")
    }
    n = n_states if n_states is not None else len(np.atleast_1d(arrays["A"]))
    if n_inputs == 0 and len(arrays) > len(LinearGaussianParams._fields):
        extra = "B, D and C_inputs" if "C_inputs" in arrays else "B and D"
        raise ValueError(f"{name} must have no {extra} where there are no inputs; got some.")
    effects = [arrays[key] for key in ("B", "D") if key in arrays]
    m = n_inputs or (np.atleast_2d(effects[0]).shape[1] if effects else 0)
    place = arrays.pop("C_inputs", None)
    shapes = {"A": (n, n), "C": (n_features, n), "Q": (n, n), "R": (n_features, n_features), "m0": (n,), "P0": (n, n),
              "d": (n_features,), "B": (n, m), "D": (n_features, m)}  # fmt: skip
    for key, shape in shapes.items():
        if key not in arrays:
            continue
        array = arrays[key]
        if key == "P0" and array.shape == shape:
            array = _proper_part(f"{name}.P0", array)
        _check_shape(f"{name}.{key}", array, shape, f" for n_states={n} and {n_features} columns")
    for key in ("Q", "R"):
        _check_covariance(f"{name}.{key}", arrays[key])
    _check_covariance(f"{name}.P0", _proper_part(f"{name}.P0", arrays["P0"]))
    if place is not None:
        _check_shape(f"{name}.C_inputs", place, (n_features, n), "")
        columns = place.astype(np.int64)
        if (columns != place).any() or columns.min() < -1 or (m and columns.max() >= m):
            raise ValueError(
                f"{name}.C_inputs must be columns of the {m} inputs, or -1; got {short(place.tolist())}."
            )
        return LinearGaussianParams(**arrays, C_inputs=columns)
    return LinearGaussianParams(**arrays)


def _proper_part(name: str, P0: FloatArray) -> FloatArray:
    """Return P0, or a copy with zeros for diffuse states: those with an infinite variance and no covariances."""
    diffuse = np.isposinf(np.diag(P0))
    if not diffuse.any():
        return P0
    proper = P0.copy()
    proper[diffuse, diffuse] = 0.0
    if proper[diffuse].any() or proper[:, diffuse].any():
        raise ValueError(
            f"{name} must have no covariances beside an infinite variance; got some. Set them to zero: the state is "
            "diffuse."
        )
    return proper


def check_prior(prior: Any) -> Any:
    """Require None, "weak" or a prior with the fields of LinearGaussianPrior.

    Raises
    ------
    ValueError
        It is none of these.
    """
    named = getattr(prior, "_fields", ()) == ("transition", "observation")
    if prior is None or (isinstance(prior, str) and prior == "weak") or named:
        return prior
    raise ValueError(f"prior must be None, 'weak' or a LinearGaussianPrior; got {short(prior)}.")


def check_prior_fits(prior: Any, n_states: int, n_features: int) -> Any:
    """Check that a prior is proper and of the shape of the model.

    Parameters
    ----------
    prior : LinearGaussianPrior

    Returns
    -------
    LinearGaussianPrior
        With arrays of float64.

    Raises
    ------
    ValueError
        A shape is wrong, a matrix is not positive (semi-)definite, or there are too few degrees of freedom.
    """
    rows = {"transition": n_states, "observation": n_features}
    size = f" for n_states={n_states} and {n_features} columns"
    return prior._replace(**{
        key: _check_regression_prior(f"prior.{key}", getattr(prior, key), p, n_states, size) for key, p in rows.items()
    })  # fmt: skip


def _check_regression_prior(name: str, part: Any, p: int, n: int, size: str) -> Any:
    if part is None:
        return None
    if not all(hasattr(part, field) for field in ("M0", "Lam", "Psi", "nu", "log_density")):
        raise ValueError(f"{name} must be None or a NormalInverseWishart; got {short(part)}.")
    shapes = {"M0": (p, n), "Lam": (n, n), "Psi": (p, p)}
    arrays = {key: _real(f"{name}.{key}", getattr(part, key)) for key in shapes}
    for key, shape in shapes.items():
        _check_shape(f"{name}.{key}", arrays[key], shape, size)
    for key in ("Lam", "Psi"):
        _check_covariance(f"{name}.{key}", arrays[key])
    nu = _real(f"{name}.nu", part.nu)
    if nu.ndim or not nu > p - 1:
        raise ValueError(
            f"{name}.nu must be a number above {p - 1} for covariances of size {p}; got {short(part.nu)}."
        )
    return part._replace(**arrays, nu=float(nu))


def _real(name: str, value: Any) -> FloatArray:
    """Copy to a C-ordered array of float64."""
    try:
        if not np.iscomplexobj(value):
            return np.array(value, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold real numbers; got {short(value)}.") from None
    raise ValueError(f"{name} must hold real numbers; got complex ones.")


def _check_shape(name: str, array: FloatArray, shape: tuple[int, ...], size: str) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}{size}; got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; got {array[~np.isfinite(array)][0]}.")


def _check_covariance(name: str, P: FloatArray) -> None:
    scale = np.abs(P).max(initial=0.0)
    if np.abs(P - P.T).max(initial=0.0) > 1e-8 * scale:
        raise ValueError(
            f"{name} must be symmetric; got a difference of {np.abs(P - P.T).max():.3g} to its transpose."
        )
    P[:] = 0.5 * (P + P.T)
    smallest = np.linalg.eigvalsh(P).min(initial=0.0)
    if smallest < -1e-8 * scale:
        raise ValueError(
            f"{name} must be positive semi-definite; got an eigenvalue of {smallest:.3g}."
        )


def check_posterior_of(observation_cov: str, *, inputs: bool, structure: bool) -> None:
    """Refuse models whose posterior there is no sampler for.

    Raises
    ------
    ValueError
    """
    if inputs or structure:
        what = "inputs" if inputs else "a structure"
        raise ValueError(
            f"posterior must be asked of a model without inputs and structure; got one with {what}. Use uncertainty(X)."
        )
    if observation_cov == "full":
        raise ValueError(
            "posterior must be asked of a model whose noise is diagonal; got observation_cov='full'. Fit with 'diag', "
            "or use uncertainty(X)."
        )
