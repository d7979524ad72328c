"""Adapters: what lets `compare` run a model without knowing whose it is.

An adapter answers for the models of one library that ask for one kind of start. `adapter_of` finds the one that
accepts a model; `register` adds one. An adapter is a small class with the attributes and methods of `Adapter`, or
one derived from `SteppedAdapter`, which needs five lines; it imports its library only inside of its methods.
"""

from tsinit.adapters.base import Adapter, adapter_of, register
from tsinit.adapters.dynamax_hmm import DynamaxHMM
from tsinit.adapters.dynamax_linear import DynamaxLinearGaussian
from tsinit.adapters.hmmlearn import Hmmlearn
from tsinit.adapters.own import OWN
from tsinit.adapters.pykalman import PyKalman
from tsinit.adapters.sklearn import Mixtures
from tsinit.adapters.statsmodels_markov import StatsmodelsMarkov
from tsinit.adapters.statsmodels_mle import StatsmodelsMLE
from tsinit.adapters.stepped import SteppedAdapter

__all__ = ["Adapter", "SteppedAdapter", "adapter_of", "register"]

_BUNDLED = [
    *OWN,
    Hmmlearn,
    Mixtures,
    PyKalman,
    StatsmodelsMarkov,
    StatsmodelsMLE,
    DynamaxHMM,
    DynamaxLinearGaussian,
]

for _adapter in _BUNDLED:
    register(_adapter)
