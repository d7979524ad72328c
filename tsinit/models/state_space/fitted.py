"""What a fitted linear Gaussian state-space model answers: about data, about what follows them, about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsinit import _validate
from tsinit._validate import check_choice, check_count, check_number
from tsinit.models.base import one_thread
from tsinit.models.state_space import criteria
from tsinit.models.state_space.about_data import AnswersAboutData
from tsinit.models.state_space.after_data import AnswersAfterData
from tsinit.models.state_space.assess import METHODS, RESAMPLE, UncertaintyRequest, assess
from tsinit.models.state_space.posterior import (
    PosteriorRequest,
    StateSpacePosterior,
    draw_posterior,
)
from tsinit.models.state_space.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsinit._typing import SeedLike, SeriesLike
    from tsinit.models.state_space.uncertainty import ParameterUncertainty


class FittedLinearGaussian(AnswersAboutData, AnswersAfterData):
    """Everything that is asked of a linear Gaussian model once it has parameters; its subclass gets them."""

    def uncertainty(
        self,
        X: SeriesLike,
        *,
        method: str = "information",
        resample: str = "parametric",
        level: float = 0.95,
        sampling_rate: float = 1.0,
        n_boot: int = 200,
        n_from_strategy: int = 10,
        n_jobs: int | None = None,
        random_state: SeedLike = None,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> ParameterUncertainty:
        """Measure how sure the parameters are: standard errors and intervals of what does not depend on the basis.

        Parameters
        ----------
        X, inputs, lengths
            The data of :meth:`fit`.
        method : {"information", "bootstrap"}
            "information": the log-likelihood around the estimate (the log posterior density, where there is a prior):
            standard errors by its curvature, two E-steps for each parameter, and intervals by some thousand
            evaluations. "bootstrap": data are drawn from the model, with the gaps and inputs of X, and fitted again
            from the estimate.
        resample : {"parametric", "innovations"}
            How the bootstrap draws data: "parametric" from normal noise, "innovations" from the standardised one-step
            errors of X with replacement, so that noise with heavier tails, or skew, has its effect (Stoffer and Wall,
            J. Amer. Statist. Assoc. 86, 1991).
        level : float
            Of the intervals, between 0 and 1.
        sampling_rate : float
            Rows per unit of time: frequencies and bandwidths are in cycles, dampings in nats per unit of time (Hz
            for a sampling rate in Hz).
        n_boot : int
            Replicates of the bootstrap.
        n_from_strategy : int
            The first of them that are fitted from the strategy of the model too, to see whether the start matters.
        n_jobs : int or None
            Processes of the bootstrap, as joblib counts; results are the same for any number.
        random_state : int, SeedSequence, Generator, RandomState or None
            Seed of the bootstrap.

        Returns
        -------
        InformationUncertainty or BootstrapUncertainty
            See :class:`~tsinit.models.ParameterUncertainty`. ``forecast`` and ``impute`` use the last one, and
            ``summary`` shows it.

        Raises
        ------
        ValueError, TypeError
            X is unusable or not the data of `fit`, an argument is unusable, or a covariance of the model is singular.

        Notes
        -----
        It warns where the estimate is no maximum, and where a variance is at its minimum.
        """
        _validate.check_fitted(self)
        request = UncertaintyRequest(
            check_choice("method", method, METHODS),
            check_number("level", level, above=0.0, below=1.0),
            check_number("sampling_rate", sampling_rate, above=0.0),
            check_count("n_boot", n_boot, 2),
            check_count("n_from_strategy", n_from_strategy, 0),
            n_jobs,
            random_state,
            check_choice("resample", resample, RESAMPLE),
        )
        panel = self._read_with_inputs(X, lengths, inputs).kept()
        self._fitted_uncertainty = assess(self, panel, request)
        return self._fitted_uncertainty

    def posterior(
        self,
        X: SeriesLike,
        n_draws: int = 500,
        *,
        n_chains: int = 4,
        n_tune: int = 200,
        sampling_rate: float = 1.0,
        random_state: SeedLike = None,
        n_jobs: int | None = None,
        lengths: Sequence[int] | None = None,
    ) -> StateSpacePosterior:
        """Draw states, missing values and parameters from their posterior, by Gibbs sampling from the fitted model on.

        Where the data do not determine parameters well, standard errors around one maximum say too little; draws have
        the shape that the posterior has. Noise standard deviations are half-Cauchy a priori, and dynamics are stable:
        the prior of :class:`~tsinit.TBayesMICE` with ``method="state_space"``, whose sampler it is.

        Parameters
        ----------
        X, lengths
            The data of :meth:`fit`, or others that the model suits.
        n_draws : int
            Draws of each chain.
        n_chains : int
            Chains; they start around the fitted parameters.
        n_tune : int
            Sweeps of each chain before its first draw.
        sampling_rate : float
            Rows per unit of time: frequencies and bandwidths are in cycles, dampings in nats per unit of time.
        random_state : int, SeedSequence, Generator, RandomState or None
            Seed of the chains.
        n_jobs : int or None
            Chains that run at the same time, in threads; the draws do not depend on it.

        Returns
        -------
        StateSpacePosterior
            Draws of what does not depend on the basis of the states, of states and missing values; how well the chains
            agree is in its ``table``. ``to_datatree()`` and ``to_arviz()`` carry it to ArviZ.

        Raises
        ------
        ValueError, TypeError
            X or an argument is unusable, or the model has inputs, a structure, or noise that is not diagonal.

        References
        ----------
        Carter and Kohn, Biometrika 81 (1994); Fruehwirth-Schnatter, J. Time Ser. Anal. 15 (1994).

        Examples
        --------
        >>> from tsinit import LinearGaussianSSM
        >>> from tsinit.datasets import load_new_york_air_quality
        >>> air = load_new_york_air_quality()
        >>> ssm = LinearGaussianSSM(n_states=2, random_state=0).fit(air)
        >>> posterior = ssm.posterior(air, 50, n_chains=2, n_tune=50, random_state=0)
        >>> posterior.states.shape
        (2, 50, 153, 2)
        """
        _validate.check_fitted(self)
        context = self._fitted_context
        _validate.check_posterior_of(
            context.options.observation_cov,
            inputs=self.params_.n_inputs > 0,
            structure=context.options.structure is not None,
        )
        request = PosteriorRequest(
            check_count("n_draws", n_draws),
            check_count("n_chains", n_chains),
            check_count("n_tune", n_tune, 0),
            check_number("sampling_rate", sampling_rate, above=0.0),
            _validate.check_jobs(n_jobs),
            _validate.check_seed(random_state),
        )
        panel = self._read(X, lengths)
        with one_thread():
            means = self._kalman(panel).smooth(self.params_).means
            return draw_posterior(panel, context.options, self.params_, means, request)

    def summary(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Summary:
        """Return what the model is on one page: the fit, and a table of estimates with standard errors and intervals.

        Parameters
        ----------
        X, inputs, lengths
            The data of :meth:`fit`; None shows the last call of `uncertainty`.

        Returns
        -------
        Summary
            Prints as text, and shows itself in a notebook.

        Raises
        ------
        ValueError, TypeError
            X is unusable or not the data of `fit`, or there was neither X nor a call of `uncertainty`.
        """
        _validate.check_fitted(self)
        if X is not None:
            return Summary(self, self.uncertainty(X, inputs=inputs, lengths=lengths))
        return Summary(self, self._known_uncertainty())

    def aic(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> float:
        """Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("aic", X, lengths, inputs)

    def bic(
        self,
        X: SeriesLike | None = None,
        *,
        inputs: SeriesLike | None = None,
        lengths: Sequence[int] | None = None,
    ) -> float:
        """Bayesian information criterion, counting steps with data; smaller is better.

        Parameters
        ----------
        X, inputs, lengths
            As in :meth:`fit`; None for the data of `fit`.

        Returns
        -------
        float
        """
        return self._criterion("bic", X, lengths, inputs)

    def _criterion(
        self,
        name: str,
        X: SeriesLike | None,
        lengths: Sequence[int] | None,
        inputs: SeriesLike | None,
    ) -> float:
        _validate.check_fitted(self)
        if X is None:
            return self._fitted_criteria[name]
        panel = self._read_with_inputs(X, lengths, inputs)
        observed = ~np.isnan(panel.y)
        total = self._score(panel) * np.count_nonzero(observed)
        n_steps = int(observed.any(axis=1).sum())
        aic, bic = criteria.information(total, self._fitted_criteria["n_parameters"], n_steps)
        return aic if name == "aic" else bic
