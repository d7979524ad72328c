"""The estimators, all on one road: check the data, ask a strategy for a start, refine it, store the result.

Each loads on first use: who fits one model does not wait for the others.
"""

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "BootstrapUncertainty": "tsinit.models.state_space.bootstrap",
    "Budget": "tsinit.models.monitor",
    "FilterState": "tsinit.models.state_space.filter_state",
    "HiddenMarkovModel": "tsinit.models.hidden_markov.finite",
    "ImputationPosterior": "tsinit.models.imputation.posterior",
    "InfiniteHMM": "tsinit.models.hidden_markov.infinite",
    "InformationUncertainty": "tsinit.models.state_space.uncertainty",
    "LinearGaussianPrior": "tsinit.models.state_space.prior",
    "LinearGaussianSSM": "tsinit.models.state_space.model",
    "Monitor": "tsinit.models.monitor",
    "NormalInverseWishart": "tsinit.models.state_space.prior",
    "ParameterUncertainty": "tsinit.models.state_space.uncertainty",
    "StateSpacePosterior": "tsinit.models.state_space.posterior",
    "TBayesMICE": "tsinit.models.imputation.model",
}

__all__ = [
    "BootstrapUncertainty",
    "Budget",
    "FilterState",
    "HiddenMarkovModel",
    "ImputationPosterior",
    "InfiniteHMM",
    "InformationUncertainty",
    "LinearGaussianPrior",
    "LinearGaussianSSM",
    "Monitor",
    "NormalInverseWishart",
    "ParameterUncertainty",
    "StateSpacePosterior",
    "TBayesMICE",
]

if TYPE_CHECKING:
    from tsinit.models.hidden_markov.finite import HiddenMarkovModel
    from tsinit.models.hidden_markov.infinite import InfiniteHMM
    from tsinit.models.imputation.model import TBayesMICE
    from tsinit.models.imputation.posterior import ImputationPosterior
    from tsinit.models.monitor import Budget, Monitor
    from tsinit.models.state_space.bootstrap import BootstrapUncertainty
    from tsinit.models.state_space.filter_state import FilterState
    from tsinit.models.state_space.model import LinearGaussianSSM
    from tsinit.models.state_space.posterior import StateSpacePosterior
    from tsinit.models.state_space.prior import LinearGaussianPrior, NormalInverseWishart
    from tsinit.models.state_space.uncertainty import InformationUncertainty, ParameterUncertainty


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tsinit.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
