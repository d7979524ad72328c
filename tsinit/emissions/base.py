"""What an emission is: how one state of a hidden Markov model makes its observations.

An emission holds priors; bound to data it gives an `EmissionOnData`, which the sampler asks for parameters, densities
and evidence. Another emission is one file with four things:

1. a NamedTuple of its parameters, arrays whose first axis is the state, and one of its data, arrays of which
   the first has one row per time step (a class each: that of the parameters chooses the density);
2. ``@density(Params)`` from `tsinit.kernels.density` above a function ``f(params, data, t, k)``, the log
   density of row t in state k with missing entries integrated out, 0.0 for a row of which nothing is observed
   (fast with a single ``return``: see `tsinit.emissions._workspace`);
3. an `EmissionOnData` with `draw`, `with_data`, `log_evidence`, `means`, `covariances`, `describe` and `simulate`;
   `latent` and `augment` if the sampler has to fill something in (missing values, weights); `average_means` and `near`
   if means are no numbers on a line; `log_marginal` and `leaves_rows_out` for moves that split and merge states (an
   emission that is `collapsed` has them without); and `order`, `with_sequences`, `data_given`, `simulate_after` and
   `moments_after` if rows look back at others; a composite of several has `density_arguments` and `plain_columns` too;
4. an `Emission` whose `bind` checks the data, settles the priors that are None, and returns that `EmissionOnData`.

``InfiniteHMM(emission=MyEmission())`` then runs it. Where the parameters cannot be integrated out in closed form, set
``collapsed = False`` and let `log_evidence` be `EmissionOnData.joint_density` of your log prior.

EM, ``HiddenMarkovModel(emission=MyEmission())``, asks for `maximise`, `log_prior` and `n_parameters`, and in order to
take longer steps for `coordinates` and `from_coordinates`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from tsinit._deprecation import warn_of_old_name
from tsinit.kernels.density import all_log_densities, sum_log_density

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsinit._typing import BoolArray, FloatArray, IntArray

_NO_LABELS = np.empty(0, np.int64)


def __getattr__(name: str) -> Any:
    if name == "Bound":
        warn_of_old_name("tsinit.emissions.base.Bound", "tsinit.emissions.EmissionOnData")
        return EmissionOnData
    raise AttributeError(f"module 'tsinit.emissions.base' has no attribute {name!r}")


class Emission(BaseEstimator, ABC):
    """Priors of one kind of emission. The constructor stores them; None is settled on the data by `bind`."""

    @abstractmethod
    def bind(self, y: ArrayLike, offsets: IntArray | None = None) -> EmissionOnData:
        """Settle the priors on data.

        Parameters
        ----------
        y : (T, D) float
            Observations, NaN where missing.
        offsets : (N + 1,) int, optional
            Where each sequence starts; None for one sequence. Rows are independent given the states here, but
            an emission that looks back must not look across a start.

        Returns
        -------
        EmissionOnData

        Raises
        ------
        ValueError
            If the data or a prior do not suit the emission.
        """


class EmissionOnData(ABC):
    """An emission with its priors settled and data to explain.

    Chains in several threads share one: nothing in it changes after `bind`. What a chain changes is in
    `params` and `latent`, which the chain owns.

    Parameters
    ----------
    data : NamedTuple
        Observations as the kernels want them.
    prior : NamedTuple
        Settled priors, in the scale of `data`.
    n_features : int
        Columns of the observations.
    """

    #: Whether `log_evidence` has the parameters integrated out.
    collapsed: bool = True
    #: Whether observations are numbers, so that their deviations from a mean say something.
    numeric: bool = True
    #: Whether `draw` and `log_marginal` leave rows with a label below 0 out.
    leaves_rows_out: bool = False
    #: Rows before a row that its density looks at.
    order: int = 0
    #: What brings the log density of all rows, as the kernels give it, to the units of the data.
    log_jacobian: float = 0.0

    def __init__(self, data: Any, prior: Any, n_features: int) -> None:
        self.data = data
        self.prior = prior
        self.n_features = n_features

    @abstractmethod
    def with_data(self, y: ArrayLike) -> EmissionOnData:
        """Give the same priors and scaling on other rows y (T', D), for prediction."""

    def with_sequences(self, y: ArrayLike, offsets: IntArray | None) -> EmissionOnData:
        """Give `with_data` on rows of several sequences, which start at offsets (N + 1,), for rows that look back."""
        return self.with_data(y)

    def latent(self, rng: np.random.Generator) -> Any:
        """Start what the sampler augments the data with; None if that is nothing."""
        return None

    def data_given(self, latent: Any) -> Any:
        """What the density is asked with while the sampler runs; `data`, unless the density needs what is latent."""
        return self.data

    def density_arguments(self, params: Any, latent: Any) -> tuple[Any, Any]:
        """Params and data that the density is asked with while labels are drawn, of all states that `params` has.

        A composite of densities is computed here, and gives `tsinit.kernels.density.Tabulated` twice.
        """
        return params, self.data_given(latent)

    def log_densities(self, params: Any, K: int) -> FloatArray:
        """Log density (T, K) of every row in every state, in the scale of `data` and without anything latent."""
        return all_log_densities(params, self.data, K)

    def augment(self, rng: np.random.Generator, z: IntArray, params: Any, latent: Any) -> Any:
        """Redraw the augmentation given labels and parameters; the arrays of `latent` are overwritten."""
        return latent

    @abstractmethod
    def draw(self, rng: np.random.Generator, z: IntArray, K: int, latent: Any) -> Any:
        """Draw the parameters of the states 0..K-1 given labels.

        Parameters
        ----------
        rng : numpy.random.Generator
        z : (T,) int64
            Labels; a state without rows is drawn from the prior.
        K : int
            Number of states.
        latent : object
            From `latent` or `augment`.

        Returns
        -------
        NamedTuple
            Arrays with leading axis K.
        """

    def prior_params(self, rng: np.random.Generator, K: int) -> Any:
        """Draw the parameters of K states from the prior."""
        return self.draw(rng, _NO_LABELS, K, None)

    @abstractmethod
    def log_evidence(self, z: IntArray, K: int, params: Any, latent: Any) -> float:
        """Log p(y | z) in the units of the data, parameters integrated out where `collapsed`.

        Elsewhere sum_t log p(y_t | params) plus the log prior of the parameters of the occupied states, that
        prior taken in the scale of the sampler: a change of units then adds the same constant, however many
        states there are.
        """

    @property
    def has_log_marginal(self) -> bool:
        """Whether `log_marginal` is known, so that states can be split and merged."""
        if type(self).log_marginal is not EmissionOnData.log_marginal:
            return True
        return self.collapsed and type(self).latent is EmissionOnData.latent

    def log_marginal(self, z: IntArray, K: int, latent: Any) -> float:
        """Log p(y, latent | z) with the parameters integrated out, up to what does not depend on z.

        Moves that split and merge states compare it between labels; where it is not known, there are none. The default
        is `log_evidence`, without parameters, where `collapsed` and nothing is latent.

        Parameters
        ----------
        z : (T,) int64
            Labels; where `leaves_rows_out`, rows with a label below 0 count nowhere.
        K : int
            Number of states.
        latent : object
            From `latent` or `augment`.
        """
        return self.log_evidence(z, K, None, latent)

    def joint_density(self, z: IntArray, K: int, params: Any, log_prior: FloatArray) -> float:
        """Sum the log densities of the rows under `params` and log_prior (K,) of the occupied states."""
        occupied = np.bincount(z, minlength=K) > 0
        return sum_log_density(params, self.data, z) + float(np.sum(log_prior[occupied]))

    @property
    def plain_columns(self) -> BoolArray:
        """Columns (D,) of numbers whose rows are independent given their states.

        Means of these may be averaged, and deviations from them say something.
        """
        return np.full(self.n_features, self.numeric and self.order == 0)

    @property
    def has_m_step(self) -> bool:
        """Whether it can be fitted by EM."""
        return type(self).maximise is not EmissionOnData.maximise

    @property
    def n_parameters(self) -> int:
        """Free parameters of a state, as information criteria count them."""
        raise NotImplementedError

    def maximise(
        self, responsibilities: FloatArray, params: Any | None = None, penalised: bool = True
    ) -> Any:
        """M-step of EM: the parameters under which weighted rows are most probable.

        Parameters
        ----------
        responsibilities : (T, K) float
            Weights of the rows in each state, from 0; of a segmentation ones and zeros.
        params : NamedTuple, optional
            Where the E-step was made, which says what to expect of missing entries and of weights; None for a first
            guess, in which missing entries are left out of their columns. A state without rows keeps its parameters,
            or has those of all rows.
        penalised : bool, default True
            Maximise with `log_prior` added; else likelihood alone, variances held above a floor.

        Returns
        -------
        NamedTuple
            Arrays with leading axis K. From `params`, the sum of the expected log densities and (penalised)
            `log_prior` is not smaller than there.
        """
        raise NotImplementedError

    def log_prior(self, params: Any) -> float:
        """Log density of the parameters of all states that a penalised `maximise` adds, in the scale of the sampler.

        Rates, concentrations and probabilities are taken in logarithms there, so that no maximum lies on a border.
        """
        raise NotImplementedError

    def coordinates(self, params: Any) -> FloatArray:
        """Lay out the parameters of all states as a vector of real numbers, in which EM's steps are extrapolated."""
        raise NotImplementedError

    def from_coordinates(self, vector: FloatArray, like: Any, penalised: bool = True) -> Any:
        """Turn a vector back into parameters of the kind of `like`, within the floor that `maximise` keeps.

        Raises
        ------
        FloatingPointError
            There are no such parameters.
        """
        raise NotImplementedError

    @abstractmethod
    def means(self, params: Any) -> FloatArray:
        """Mean of each state and column, (K, D), in the units of the data; NaN where a state has none."""

    def average_means(self, means: FloatArray) -> FloatArray:
        """Average `means` of several draws, (draws, K, D) to (K, D), NaN where a draw lacks the state.

        Where means are no numbers on a line, as directions are, an emission has its own way.
        """
        present = ~np.isnan(means)
        return np.where(present, means, 0.0).sum(axis=0) / present.sum(axis=0)

    @abstractmethod
    def covariances(self, params: Any) -> FloatArray:
        """Covariance of each state, (K, D, D), in the units of the data; NaN where a state has none."""

    def mixture_moments(
        self, params: Any, probabilities: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Means (n, D) and covariances (n, D, D) of rows whose states have the probabilities (n, K).

        In the units of the data. Where means are no numbers on a line, an emission has its own way.
        """
        means, covariances = self.means(params), self.covariances(params)
        mean = probabilities @ means
        within = np.einsum("nk,kij->nij", probabilities, covariances)
        away = means - mean[:, None, :]
        return mean, within + np.einsum("nk,nki,nkj->nij", probabilities, away, away)

    @abstractmethod
    def describe(self, params: Any) -> dict[str, FloatArray]:
        """Name the parameters: arrays with leading axis K, in the units of the data."""

    def moments_after(
        self, params: Any, now: FloatArray, P: FloatArray, ahead: FloatArray, past: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Means (n, D) and covariances (n, D, D) of the n rows after a sequence `past` (T, D).

        now (K,) are the probabilities of its last state, P (K, K) those of state k after state j, ahead (n, K) those
        of the states to come.
        """
        return self.mixture_moments(params, ahead)

    def near(self, values: FloatArray, centre: FloatArray) -> FloatArray:
        """Write values (..., D) as near to `centre` as may be, where one has several names, as directions have."""
        return values

    def simulate_after(
        self, rng: np.random.Generator, params: Any, z: IntArray, past: FloatArray
    ) -> FloatArray:
        """Draw observations (S, n, D) of S paths of states z (S, n) that follow a sequence `past` (T, D)."""
        return self.simulate(rng, params, z.ravel()).reshape(*z.shape, self.n_features)

    @abstractmethod
    def simulate(self, rng: np.random.Generator, params: Any, z: IntArray) -> FloatArray:
        """Draw observations (T, D) of the states z (T,), in the units of the data."""
