"""Parameters of linear Gaussian models as other libraries write them, and back.

All three libraries mean by the initial state that of the first observation, as we do. What a library imports, it
imports when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsinit._validate import check_params
from tsinit.kernels import LinearGaussianParams
from tsinit.kernels.state_space.diffuse import diffuse_states

if TYPE_CHECKING:
    from tsinit._typing import FloatArray

#: Above this condition number of I - A, a steady input is carried by one more state: the mean would lose digits.
_SHIFTABLE = 1e6
#: Our letters, and what statsmodels and pykalman call these.
_STATSMODELS = {
    "A": "transition", "C": "design", "R": "obs_cov", "d": "obs_intercept", "c": "state_intercept",
    "G": "selection", "W": "state_cov",
}  # fmt: skip
PYKALMAN = {
    "A": "transition_matrices", "C": "observation_matrices", "Q": "transition_covariance",
    "R": "observation_covariance", "m0": "initial_state_mean", "P0": "initial_state_covariance",
    "d": "observation_offsets",
}  # fmt: skip


def to_statsmodels(params: LinearGaussianParams, y: Any, inputs: Any = None) -> Any:
    """Bind parameters to a table, as an ``MLEModel`` of statsmodels without free parameters."""
    from statsmodels.tsa.statespace.mlemodel import MLEModel

    params = _checked(params)
    shape: tuple[int, ...] = () if isinstance(y, list) else np.shape(y)
    width = shape[1] if len(shape) == 2 else 1
    if len(shape) not in (1, 2) or width != len(params.C):
        raise ValueError(
            f"y must be one table of {len(params.C)} columns, as many as params.C has rows; "
            f"got {type(y).__name__ if isinstance(y, list) else f'shape {shape}'}."
        )
    n = len(params.A)
    model = MLEModel(y, k_states=n, k_posdef=n)
    values = {
        "A": params.A,
        "C": params.C,
        "R": params.R,
        "d": params.d,
        "G": np.eye(n),
        "W": params.Q,
    }
    u = _inputs_of(params, inputs, len(model.endog))
    if params.B is not None:
        values["c"] = params.B @ u.T
    if params.C_inputs is not None:
        values["C"] = params.loadings(u).transpose(1, 2, 0)
    if params.D is not None:
        values["d"] = params.D @ u.T + np.asarray(params.d)[:, None]
    for letter, value in values.items():
        model[_STATSMODELS[letter]] = value
    diffuse = diffuse_states(params)
    if diffuse.any():
        model.ssm.initialize(_partly_diffuse(params, diffuse))
    else:
        model.initialize_known(params.m0, params.P0)
    return model


def _partly_diffuse(params: LinearGaussianParams, diffuse: Any) -> Any:
    """Make an initialization of statsmodels in which some states are exactly diffuse."""
    from statsmodels.tsa.statespace.initialization import Initialization

    n = len(params.A)
    P0 = np.where(diffuse[:, None] | diffuse, 0.0, params.P0)
    return Initialization.from_components(
        n, a=np.where(diffuse, 0.0, params.m0), Pstar=P0, Pinf=np.diag(diffuse.astype(float))
    )


def from_statsmodels(model_or_results: Any) -> LinearGaussianParams:
    """Read the system matrices of a state-space model of statsmodels."""
    results = getattr(model_or_results, "filter_results", None)
    model = getattr(model_or_results, "model", model_or_results)
    ssm = getattr(model, "ssm", None)
    if ssm is None:
        raise TypeError(
            "model_or_results must be a state-space model of statsmodels, or the results of its fit, smooth or filter; "
            f"got {type(model_or_results).__name__}."
        )
    if ssm.initialization is None:
        raise _unknown_start()
    if results is None and ssm.filter_concentrated:
        raise ValueError(
            "model must not have its scale concentrated out, which only results know; got such a model. Hand over "
            "model.smooth(params)."
        )
    if results is None:
        parts = {letter: ssm[name] for letter, name in _STATSMODELS.items()}
        m0, diffuse, P0 = ssm.initialization(model=ssm)
    else:
        parts = {letter: getattr(results, name) for letter, name in _STATSMODELS.items()}
        m0, P0 = results.initial_state, results.initial_state_cov
        diffuse = getattr(results, "initial_diffuse_state_cov", None)
    m0, P0 = _diffuse_start(m0, P0, diffuse, ssm)
    still = {
        letter: _still(value, 1 if letter in "dc" else 2, _STATSMODELS[letter], -1)
        for letter, value in parts.items()
    }
    Q = still["G"] @ still["W"] @ still["G"].T
    fields = LinearGaussianParams(still["A"], still["C"], Q, still["R"], m0, P0, still["d"])
    return _without_input(fields, still["c"])


def _diffuse_start(
    m0: FloatArray, P0: FloatArray, diffuse: Any, ssm: Any
) -> tuple[FloatArray, FloatArray]:
    """Prior of a model of statsmodels, with infinite variances for the states that it calls diffuse.

    Those that are so by a large variance are meant to be diffuse if as many first rows do not count.
    """
    n = len(m0)
    exact = np.zeros((n, n)) if diffuse is None else np.asarray(diffuse)
    which = np.diag(exact) == 1.0
    if not np.array_equal(exact, np.diag(which.astype(float))):
        raise _unknown_start()
    if ssm.loglikelihood_burn:
        which = which | _roughly_diffuse(ssm.initialization, n)
        if ssm.loglikelihood_burn != which.sum():
            raise _unknown_start()
    P0 = np.where(which[:, None] | which, 0.0, P0)
    P0[which, which] = np.inf
    return np.where(which, 0.0, m0), P0


def _roughly_diffuse(initialization: Any, n: int) -> Any:
    """Which states (n,) an initialization of statsmodels gives a large variance for want of knowledge."""
    out = np.full(n, initialization.initialization_type == "approximate_diffuse")
    for states, block in initialization.blocks.items():
        if block is not None:
            out[list(states)] = _roughly_diffuse(block, len(states))
    return out


def to_pykalman(params: LinearGaussianParams) -> Any:
    """Make a ``KalmanFilter`` of pykalman."""
    from pykalman import KalmanFilter

    params = _without_effects(params, "pykalman, whose offsets are not weights")
    named = {name: getattr(params, letter) for letter, name in PYKALMAN.items()}
    return KalmanFilter(**named, n_dim_state=len(params.A), n_dim_obs=len(params.C))


def from_pykalman(kf: Any) -> LinearGaussianParams:
    """Read the parameters of a ``KalmanFilter`` of pykalman, with its defaults where it has none."""
    if not all(hasattr(kf, name) for name in (*PYKALMAN.values(), "n_dim_state", "n_dim_obs")):
        raise TypeError(f"kf must be a KalmanFilter of pykalman; got {type(kf).__name__}.")
    n, D = kf.n_dim_state, kf.n_dim_obs
    default = {
        "A": np.eye(n), "C": np.eye(D, n), "Q": np.eye(n), "R": np.eye(D), "m0": np.zeros(n), "P0": np.eye(n),
        "d": np.zeros(D),
    }  # fmt: skip
    fields = {
        letter: default[letter]
        if (value := getattr(kf, name)) is None
        else _still(value, default[letter].ndim, name, 0)
        for letter, name in PYKALMAN.items()
    }
    c = kf.transition_offsets
    c = np.zeros(n) if c is None else _still(c, 1, "transition_offsets", 0)
    return _without_input(LinearGaussianParams(**fields), c)


def to_dynamax(params: LinearGaussianParams) -> Any:
    """Make the parameters of a ``LinearGaussianSSM`` of dynamax, in the precision that JAX is set to."""
    from dynamax.linear_gaussian_ssm import LinearGaussianSSM
    from jax import numpy as jnp

    params = _without_effects(params, "dynamax, where inputs act on the state of their own step")
    n, D = len(params.A), len(params.C)
    A, C, Q, R, m0, P0, d = map(jnp.asarray, params[:7])
    made, _ = LinearGaussianSSM(n, D).initialize(
        initial_mean=m0, initial_covariance=P0, dynamics_weights=A, dynamics_bias=jnp.zeros(n),
        dynamics_covariance=Q, emission_weights=C, emission_bias=d, emission_covariance=R,
    )  # fmt: skip
    return made


def from_dynamax(params: Any) -> LinearGaussianParams:
    """Read the parameters of a ``LinearGaussianSSM`` of dynamax."""
    if not all(hasattr(params, part) for part in ("initial", "dynamics", "emissions")):
        raise TypeError(
            "params must be the parameters of a LinearGaussianSSM of dynamax, such as the first of what initialize "
            f"and fit_em return; got {type(params).__name__}."
        )
    first, state, seen = params.initial, params.dynamics, params.emissions
    for part, name in ((state, "dynamics"), (seen, "emissions")):
        if part.input_weights is not None and np.any(np.asarray(part.input_weights)):
            raise ValueError(f"params must have no inputs; got weights of them in params.{name}.")
    A = _still(state.weights, 2, "params.dynamics.weights", 0)
    C = _still(seen.weights, 2, "params.emissions.weights", 0)
    R = np.asarray(seen.cov, dtype=float)
    R = np.diag(R) if R.ndim == 1 else _still(R, 2, "params.emissions.cov", 0)
    Q = _still(state.cov, 2, "params.dynamics.cov", 0)
    c, d = (
        np.zeros(size) if part.bias is None else _still(part.bias, 1, f"params.{name}.bias", 0)
        for part, name, size in ((state, "dynamics", len(A)), (seen, "emissions", len(C)))
    )
    m0, P0 = np.asarray(first.mean, dtype=float), np.asarray(first.cov, dtype=float)
    Q, R, P0 = map(_covariance, (Q, R, P0))
    fields = LinearGaussianParams(A, C, Q, R, m0, P0, d)
    return _without_input(fields, c)


def _checked(params: LinearGaussianParams) -> LinearGaussianParams:
    return check_params(params, None, len(np.atleast_1d(params.C)), "params")


def _without_effects(params: LinearGaussianParams, library: str) -> LinearGaussianParams:
    params = _checked(params)
    if params.n_inputs:
        raise ValueError(
            f"params must have no inputs for {library}; got some. to_statsmodels takes them."
        )
    return params


def _inputs_of(params: LinearGaussianParams, inputs: Any, n_steps: int) -> FloatArray:
    """Check the inputs of parameters that have some: (T, m), with m = 0 where they have none."""
    u = np.zeros((n_steps, 0)) if inputs is None else np.asarray(inputs, dtype=float)
    if u.shape != (n_steps, params.n_inputs):
        raise ValueError(
            f"inputs must have shape {(n_steps, params.n_inputs)}, a row for each row of y and a column for each of "
            f"params.B or params.D; got {'None' if inputs is None else u.shape}."
        )
    return u


def _still(value: Any, ndim: int, name: str, time_axis: int) -> FloatArray:
    """Take the one matrix or vector of a parameter that may have one for every step."""
    array = np.asarray(value, dtype=float)
    if array.ndim <= ndim:
        return array
    steps = np.moveaxis(array, time_axis, 0)
    if not (steps == steps[:1]).all():
        raise ValueError(
            f"{name} must be the same at every step; got {len(steps)} that differ, which LinearGaussianParams cannot "
            "hold."
        )
    return steps[0]


def _without_input(params: LinearGaussianParams, c: FloatArray) -> LinearGaussianParams:
    """Turn x[t+1] = A x[t] + c + w into the model without c, of the same distribution of y.

    Around its mean mu = A mu + c the state has no input. Where there is no such mean, or one with few digits, one more
    state holds the constant 1.
    """
    A, C, Q, R, m0, P0, d = params[:7]
    assert d is not None
    n = len(A)
    if c.any() and np.linalg.cond(np.eye(n) - A) < _SHIFTABLE:
        mean = np.linalg.solve(np.eye(n) - A, c)
        params = params._replace(m0=m0 - mean, d=d + C @ mean)
    elif c.any():
        row, column = np.zeros((1, n)), np.zeros((n + 1, 1))
        wide = [np.hstack([np.vstack([P, row]), column]) for P in (Q, P0)]
        A = np.block([[A, c[:, None]], [row, np.ones((1, 1))]])
        C = np.hstack([C, np.zeros((len(C), 1))])
        params = LinearGaussianParams(A, C, wide[0], R, np.append(m0, 1.0), wide[1], d)
    return check_params(params, None, len(C), "params")


def _covariance(P: FloatArray) -> FloatArray:
    """Make a covariance in single precision symmetric, and no eigenvalue negative by its rounding alone."""
    P = 0.5 * (P + P.T)
    values, vectors = np.linalg.eigh(P)
    rounding = 1e-5 * np.abs(values).max(initial=0.0)
    if values.min(initial=0.0) >= 0 or values.min() < -rounding:
        return P
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _unknown_start() -> ValueError:
    return ValueError(
        "model_or_results must count all rows, but for as many first ones as it has diffuse states, and these must be "
        "diffuse one by one; got another start. model.initialize_known(mean, covariance) gives it one."
    )
