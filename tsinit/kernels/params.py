"""Parameters of a linear Gaussian state-space model, as the kernels pass them around."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


def is_diagonal(R):
    """Whether a covariance has nothing beside its diagonal."""
    return np.count_nonzero(R) == np.count_nonzero(R.diagonal())


def writeable(values):
    """Return the same NamedTuple with copies of those arrays that may not be written to.

    Kernels are compiled for one kind of array: for those of a model that was mapped from a file (``mmap_mode="r"``) all
    would be compiled once more.
    """
    return values._make(
        np.array(value) if isinstance(value, np.ndarray) and not value.flags.writeable else value
        for value in values
    )


class _WithoutInputs(NamedTuple):
    A: np.ndarray
    C: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    m0: np.ndarray
    P0: np.ndarray
    d: np.ndarray | None = None


class LinearGaussianParams(_WithoutInputs):
    """Parameters of the model x[t+1] = A x[t] + B u[t] + w, y[t] = C x[t] + D u[t] + d + v.

    The state noise is w ~ N(0, Q), the observation noise v ~ N(0, R), independent of each other, and (m0, P0)
    is the prior of the state *at the first observation*. Without known inputs u, there is neither B nor D.

    ``to_statsmodels``, ``to_pykalman``, ``to_dynamax`` and ``from_...`` carry parameters to other libraries and back,
    with the same log-likelihood.

    Parameters
    ----------
    A : (n, n) float
        State transition.
    C : (D, n) float
        Observation matrix, in units of the data per unit of state.
    Q : (n, n) float
        Covariance of the state noise, positive semi-definite.
    R : (D, D) float
        Covariance of the observation noise, positive semi-definite.
    m0 : (n,) float
        Prior mean of the first state.
    P0 : (n, n) float
        Prior covariance of the first state, positive semi-definite. A state with an infinite variance, and no
        covariances, is diffuse: nothing is known of it before the data, and the likelihood is the exact diffuse one.
    d : (D,) float or None
        Observation mean; None stands for zero.
    B : (n, m) float or None
        Effect of the inputs on the next state; None where they have none.
    D : (D, m) float or None
        Effect of the inputs on the observations at once; None where they have none.
    C_inputs : (D, n) int or None
        Entries of the observation matrix that are known at every step: the column of the inputs that stands there, -1
        where the entry of C does. None where all stay.

    Notes
    -----
    A tuple of the first seven, ``A, C, Q, R, m0, P0, d = params``; where there are inputs, of nine, or of all ten.
    """

    __slots__ = ()

    def __new__(
        cls,
        A: Any,
        C: Any,
        Q: Any,
        R: Any,
        m0: Any,
        P0: Any,
        d: Any = None,
        B: Any = None,
        D: Any = None,
        C_inputs: Any = None,
    ) -> "LinearGaussianParams":
        """Make parameters."""
        parts: tuple[Any, ...] = (A, C, Q, R, m0, P0, d)
        if C_inputs is not None:
            parts = (*parts, B, D, C_inputs)
        elif B is not None or D is not None:
            parts = (*parts, B, D)
        return tuple.__new__(cls, parts)

    @property
    def B(self) -> Any:
        """(n, m) float or None: effect of the inputs on the next state."""
        return self[7] if len(self) > 7 else None

    @property
    def D(self) -> Any:
        """(D, m) float or None: effect of the inputs on the observations at once."""
        return self[8] if len(self) > 7 else None

    @property
    def C_inputs(self) -> Any:
        """(D, n) int or None: columns of the inputs that are entries of C, -1 where they are not."""
        return self[9] if len(self) > 9 else None

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> "LinearGaussianParams":
        return cls(*iterable)

    def _asdict(self) -> dict[str, Any]:
        return dict(zip((*self._fields, "B", "D", "C_inputs"), self, strict=False))

    def _replace(self, **changes: Any) -> "LinearGaussianParams":
        return type(self)(**{**self._asdict(), **changes})

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({parts})"

    @property
    def n_inputs(self) -> int:
        """Columns of the inputs, 0 where there are none."""
        effects = next((M.shape[1] for M in (self.B, self.D) if M is not None), 0)
        return effects or (0 if self.C_inputs is None else int(np.max(self.C_inputs)) + 1)

    def loadings(self, u: Any) -> Any:
        """Observation matrices of steps with inputs u (T, m), where some entries are columns of these: (T, D, n)."""
        place = np.asarray(self.C_inputs)
        return np.where(place >= 0, u[:, np.maximum(place, 0)], self.C)

    def seen_through(self, states: Any, u: Any) -> Any:
        """What the observation matrix makes of states (T, n) at steps with inputs u (T, m): (T, D)."""
        if self.C_inputs is None:
            return states @ self.C.T
        return np.einsum("tdn,tn->td", self.loadings(u), states)

    def to_statsmodels(self, y: Any, inputs: Any = None) -> Any:
        """Bind the parameters to data, as a model of statsmodels that smooths, forecasts and simulates.

        Parameters
        ----------
        y : (T, D) table
            NaN where missing; an index with a frequency gives the forecasts their dates.
        inputs : (T, m) table, optional
            Known inputs, of parameters that have B or D: the model has them as intercepts of each step.

        Returns
        -------
        statsmodels.tsa.statespace.mlemodel.MLEModel
            Without free parameters: ``model.smooth([])``, ``model.loglike([])``.

        Raises
        ------
        ValueError
            The parameters do not fit each other or the data.
        """
        from tsinit.adapters import conversions

        return conversions.to_statsmodels(self, y, inputs)

    @classmethod
    def from_statsmodels(cls, model_or_results: Any) -> "LinearGaussianParams":
        """Read a state-space model of statsmodels, such as ``SARIMAX`` or ``DynamicFactor``.

        A constant input of the states becomes part of their mean, which shifts ``m0`` and ``d``; where the
        transition allows no such mean, one more state is held at 1.

        Diffuse states have infinite variances in ``P0``. Those that are so by a large variance, with as many first rows
        that do not count, as ``UnobservedComponents`` and ``SARIMAX`` have by default, become exactly diffuse: the
        log-likelihood is then that of ``use_exact_diffuse=True``, which counts all rows.

        Parameters
        ----------
        model_or_results : MLEModel or MLEResults
            Of a model, its matrices as they stand: ``model.update(params)`` sets them.

        Returns
        -------
        LinearGaussianParams

        Raises
        ------
        TypeError
            It is no state-space model.
        ValueError
            Its matrices change with time, or it leaves out rows for another reason than diffuse states.
        """
        from tsinit.adapters import conversions

        return conversions.from_statsmodels(model_or_results)

    def to_pykalman(self) -> Any:
        """Make a filter of pykalman.

        Returns
        -------
        pykalman.KalmanFilter
            It takes missing values as masked, and leaves out a row of which one is: ``numpy.ma.masked_invalid(y)``.

        Raises
        ------
        ValueError
            The parameters do not fit each other, or have inputs.
        """
        from tsinit.adapters import conversions

        return conversions.to_pykalman(self)

    @classmethod
    def from_pykalman(cls, kf: Any) -> "LinearGaussianParams":
        """Read a filter of pykalman; what it leaves open has the library's defaults.

        A constant input of the states is treated as in `from_statsmodels`.

        Parameters
        ----------
        kf : pykalman.KalmanFilter

        Returns
        -------
        LinearGaussianParams

        Raises
        ------
        TypeError
            It is no such filter.
        ValueError
            Its matrices change with time.
        """
        from tsinit.adapters import conversions

        return conversions.from_pykalman(kf)

    def to_dynamax(self) -> Any:
        """Make the parameters of a ``LinearGaussianSSM(n, D)`` of dynamax.

        Returns
        -------
        dynamax.linear_gaussian_ssm.ParamsLGSSM
            In the precision that JAX is set to, single unless its ``jax_enable_x64`` is on. Their properties, which
            ``fit_em`` takes too, are the second of what ``LinearGaussianSSM(n, D).initialize()`` returns.

        Raises
        ------
        ValueError
            The parameters do not fit each other, or have inputs.
        """
        from tsinit.adapters import conversions

        return conversions.to_dynamax(self)

    @classmethod
    def from_dynamax(cls, params: Any) -> "LinearGaussianParams":
        """Read the parameters of a ``LinearGaussianSSM`` of dynamax.

        A bias of the dynamics is treated as the constant input in `from_statsmodels`.

        Parameters
        ----------
        params : dynamax.linear_gaussian_ssm.ParamsLGSSM

        Returns
        -------
        LinearGaussianParams

        Raises
        ------
        TypeError
            They are no such parameters.
        ValueError
            They change with time, or have weights of inputs.
        """
        from tsinit.adapters import conversions

        return conversions.from_dynamax(params)
