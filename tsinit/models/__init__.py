"""The estimators, all on one road: check the data, ask a strategy for a start, refine it, store the result.

Each loads on first use: who fits one model does not wait for the others.
"""

import importlib
from typing import TYPE_CHECKING

_HOME = {
    "Budget": "tsinit.models.monitor",
    "InfiniteHMM": "tsinit.models.ihmm",
    "LinearGaussianPrior": "tsinit.models.prior",
    "LinearGaussianSSM": "tsinit.models.ssm",
    "Monitor": "tsinit.models.monitor",
    "NormalInverseWishart": "tsinit.models.prior",
    "TBayesMICE": "tsinit.models.tbayes",
}

__all__ = [
    "Budget",
    "InfiniteHMM",
    "LinearGaussianPrior",
    "LinearGaussianSSM",
    "Monitor",
    "NormalInverseWishart",
    "TBayesMICE",
]

if TYPE_CHECKING:
    from tsinit.models.ihmm import InfiniteHMM
    from tsinit.models.monitor import Budget, Monitor
    from tsinit.models.prior import LinearGaussianPrior, NormalInverseWishart
    from tsinit.models.ssm import LinearGaussianSSM
    from tsinit.models.tbayes import TBayesMICE


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'tsinit.models' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
