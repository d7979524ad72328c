"""Parameters of a linear Gaussian state-space model, as the kernels pass them around."""

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


class LinearGaussianParams(NamedTuple):
    """Parameters of the model x[t+1] = A x[t] + w, y[t] = C x[t] + d + v.

    The state noise is w ~ N(0, Q), the observation noise v ~ N(0, R), independent of each other, and (m0, P0)
    is the prior of the state *at the first observation*.

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
        Prior covariance of the first state, positive semi-definite.
    d : (D,) float or None
        Observation mean; None stands for zero.
    """

    A: np.ndarray
    C: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    m0: np.ndarray
    P0: np.ndarray
    d: np.ndarray | None = None

    def to_statsmodels(self, y: Any) -> Any:
        """Bind the parameters to data, as a model of statsmodels that smooths, forecasts and simulates.

        Parameters
        ----------
        y : (T, D) table
            NaN where missing; an index with a frequency gives the forecasts their dates.

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

        return conversions.to_statsmodels(self, y)

    @classmethod
    def from_statsmodels(cls, model_or_results: Any) -> "LinearGaussianParams":
        """Read a state-space model of statsmodels, such as ``SARIMAX`` or ``DynamicFactor``.

        A constant input of the states becomes part of their mean, which shifts ``m0`` and ``d``; where the
        transition allows no such mean, one more state is held at 1.

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
            Its matrices change with time, or its prior of the first state is diffuse.
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
            The parameters do not fit each other.
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
            The parameters do not fit each other.
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
